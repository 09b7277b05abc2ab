//! Escrow certificates: read, made, and their private keys found where they must not be.

use super::fault::Problem;
use super::folder;
use crate::vault::escrow::Escrow;
use rcgen::{CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// No certificate and no key is longer, in bytes.
const LONGEST: u64 = 64 * 1024;
/// More files of a folder than this are not looked into.
const MOST: usize = 2_000;
/// Years that a certificate says it holds; nobody asks it.
const YEARS: i32 = 30;

/// Reads one certificate, in PEM or DER.
///
/// # Errors
/// There is none, or it cannot be used for escrow.
pub fn read(path: &Path) -> Result<Escrow, Problem> {
    let der = certificate(path)?;
    Escrow::from_der(&der).map_err(|fault| Problem::Escrow { path: path.to_path_buf(), fault })
}

fn bytes(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    fs::File::open(path)?.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn certificate(path: &Path) -> Result<Vec<u8>, Problem> {
    let bytes = bytes(path).map_err(|fault| folder::unreadable(path, &fault))?;
    if bytes.first() == Some(&0x30) {
        return Ok(bytes.to_vec());
    }
    let mut certificates = CertificateDer::pem_slice_iter(&bytes);
    match (certificates.next(), certificates.next()) {
        (Some(Ok(one)), None) => Ok(one.to_vec()),
        _ => Err(Problem::NoCertificate(path.to_path_buf())),
    }
}

/// A private key of escrow that lies where the gateway runs: whoever takes the machine takes both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearby {
    /// The certificate.
    pub certificate: PathBuf,
    /// The file with its private key.
    pub key: PathBuf,
}

/// Looks beside each certificate, and in further folders, for a private key that fits it. Keys that are encrypted cannot
/// be told.
pub fn nearby(certificates: &[PathBuf], folders: &[PathBuf]) -> Vec<Nearby> {
    let mut places: Vec<&Path> = certificates.iter().filter_map(|path| path.parent()).collect();
    places.extend(folders.iter().map(PathBuf::as_path));
    places.sort_unstable();
    places.dedup();
    let known: Vec<(&PathBuf, Vec<u8>)> =
        certificates.iter().filter_map(|path| Some((path, public_key(&certificate(path).ok()?)?))).collect();
    let mut found = Vec::new();
    for place in places.into_iter().filter(|_| !known.is_empty()) {
        let Ok(entries) = fs::read_dir(place) else { continue };
        for path in entries.take(MOST).filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.is_file()) {
            for public in private_keys(&path) {
                let fits = known.iter().filter(|(_, known)| *known == public);
                found.extend(
                    fits.map(|(certificate, _)| Nearby { certificate: (*certificate).clone(), key: path.clone() }),
                );
            }
        }
    }
    found.sort_by(|a, b| (&a.certificate, &a.key).cmp(&(&b.certificate, &b.key)));
    found.dedup();
    found
}

/// SubjectPublicKeyInfo of a certificate.
fn public_key(der: &[u8]) -> Option<Vec<u8>> {
    use x509_parser::prelude::FromDer as _;
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(der).ok()?;
    Some(parsed.public_key().raw.to_vec())
}

/// SubjectPublicKeyInfo of every private key in a file.
fn private_keys(path: &Path) -> Vec<Vec<u8>> {
    let Ok(bytes) = bytes(path) else { return Vec::new() };
    let keys: Vec<PrivateKeyDer<'_>> = match bytes.first() {
        Some(0x30) => PrivateKeyDer::try_from(bytes.as_slice()).into_iter().collect(),
        _ => PrivateKeyDer::pem_slice_iter(&bytes).filter_map(Result::ok).collect(),
    };
    let public = |key: PrivateKeyDer<'_>| {
        let signing = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).ok()?;
        Some(signing.public_key()?.to_vec())
    };
    keys.into_iter().filter_map(public).collect()
}

/// Makes a key pair for people who have none: P-384, a certificate signed by itself. Returns where both lie. The private
/// key belongs into a safe, off this machine.
///
/// # Errors
/// The files are there already, or cannot be written.
pub fn make(dir: &Path, name: &str, year: i16) -> Result<(PathBuf, PathBuf), Problem> {
    let refused = |fault: rcgen::Error| Problem::Refused(format!("the certificate cannot be made: {fault}"));
    let (certificate, key) = (dir.join("escrow.crt"), dir.join("escrow.key"));
    for path in [&certificate, &key] {
        if path.symlink_metadata().is_ok() {
            let words = "it is there already, and is not overwritten".to_owned();
            return Err(Problem::Unwritable { path: path.clone(), words });
        }
    }
    let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).map_err(refused)?;
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    params.distinguished_name = subject;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::KeyAgreement];
    params.not_before = rcgen::date_time_ymd(i32::from(year), 1, 1);
    params.not_after = rcgen::date_time_ymd(i32::from(year) + YEARS, 1, 1);
    let made = params.self_signed(&pair).map_err(refused)?;
    let _lock = folder::Lock::take(dir)?;
    let secret = Zeroizing::new(pair.serialize_pem());
    folder::create(&key, &secret)?;
    folder::replace(&certificate, &made.pem(), 0o644)?;
    Ok((certificate, key))
}
