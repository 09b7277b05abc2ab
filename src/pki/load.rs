//! PEM files into certificates, keys and lists; every fault names the file and what to do.

use super::fault::PkiFault;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// The largest file read, in bytes: a revocation list of a big hospital has some megabytes.
pub const MAX_FILE: u64 = 32 * 1024 * 1024;

/// Certificates of a PEM file, in its order; at least one.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, PkiFault> {
    let found: Vec<CertificateDer<'static>> = all(file, "certificate")?;
    if found.is_empty() {
        return Err(content(
            file,
            "certificate",
            "no `-----BEGIN CERTIFICATE-----` in it; DER files need `openssl x509 -inform der`",
        ));
    }
    for der in &found {
        parse(der).map_err(|reason| content(file, "certificate", reason))?;
    }
    Ok(found)
}

/// Certificates of a file that are to be CAs, in its order.
pub fn authorities(file: &Path) -> Result<Vec<CertificateDer<'static>>, PkiFault> {
    let found = certificates(file)?;
    for der in &found {
        let parsed = parse(der).map_err(|reason| content(file, "CA certificate", reason))?;
        if parsed.version() == x509_parser::x509::X509Version::V3 && !parsed.is_ca() {
            let subject = super::facts::printable(&parsed.subject().to_string());
            let reason = format!(
                "`{subject}` is not a CA; to accept one device's own certificate pin it: `certificate = \"sha256:..\"`"
            );
            return Err(content(file, "CA certificate", reason));
        }
    }
    Ok(found)
}

/// The private key of a PEM file: PKCS#8, PKCS#1 or SEC1, not encrypted.
pub fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, PkiFault> {
    let bytes = zeroize::Zeroizing::new(read(file)?);
    if contains(&bytes, b"ENCRYPTED") {
        let reason = "it is encrypted; keep an unencrypted key with mode 0600: `openssl pkey -in OLD -out NEW`";
        return Err(content(file, "private key", reason));
    }
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|fault| {
        content(
            file,
            "private key",
            format!("{}; a PEM file with a private key (PKCS#8, SEC 1 or PKCS#1) is needed", pem(&fault)),
        )
    })
}

/// Revocation lists of a file: PEM, or one list in DER as web servers hand it out.
pub fn revocation_lists(file: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, PkiFault> {
    let bytes = read(file)?;
    if bytes.first() == Some(&0x30) {
        return Ok(vec![CertificateRevocationListDer::from(bytes)]);
    }
    let found = CertificateRevocationListDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|fault| content(file, "revocation list", pem(&fault)))?;
    if found.is_empty() {
        return Err(content(file, "revocation list", "no `-----BEGIN X509 CRL-----` in it"));
    }
    Ok(found)
}

/// Whether others than the owner may read or write a key file; on systems without modes always false.
pub fn is_exposed(file: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(file).is_ok_and(|about| about.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        false
    }
}

/// One certificate, nothing behind it.
pub(crate) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, String> {
    match X509Certificate::from_der(der) {
        Ok(([], parsed)) => Ok(parsed),
        Ok(_) => Err("bytes follow the certificate".into()),
        Err(_) => Err("it is not an X.509 certificate".into()),
    }
}

pub(crate) fn content(file: &Path, wanted: &'static str, reason: impl Into<String>) -> PkiFault {
    PkiFault::Content { file: file.to_path_buf(), wanted, reason: reason.into() }
}

fn all<T: PemObject>(file: &Path, wanted: &'static str) -> Result<Vec<T>, PkiFault> {
    let bytes = read(file)?;
    T::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>().map_err(|fault| content(file, wanted, pem(&fault)))
}

fn read(file: &Path) -> Result<Vec<u8>, PkiFault> {
    let unreadable = |fault: std::io::Error| PkiFault::Unreadable { file: file.to_path_buf(), reason: io(&fault) };
    let opened = File::open(file).map_err(unreadable)?;
    let mut bytes = Vec::new();
    opened.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE {
        return Err(PkiFault::Unreadable { file: file.to_path_buf(), reason: format!("larger than {MAX_FILE} bytes") });
    }
    Ok(bytes)
}

/// The system's words without error numbers.
pub(crate) fn io(fault: &std::io::Error) -> String {
    match fault.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => fault.to_string(),
    }
}

fn pem(fault: &rustls_pki_types::pem::Error) -> String {
    match fault {
        rustls_pki_types::pem::Error::NoItemsFound => "nothing of the kind in it".into(),
        other => format!("broken PEM ({other})"),
    }
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}
