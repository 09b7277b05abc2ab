//! TLS towards whoever says who people are: providers and directories. Their names are verified as on the web (RFC 6125),
//! against the CAs of their own `ca` or those that this machine trusts; never against the CA of the devices.

use crate::pki::{load, suites};
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use std::path::Path;
use std::sync::Arc;

/// Where systems keep the CAs that they trust.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Who vouches for the other side: the certificates of `ca`, or those that this machine trusts.
///
/// # Errors
/// What is wrong with the file, or that this machine trusts nobody.
pub fn of(ca: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, String> {
    match ca {
        Some(file) => load::authorities(file).map_err(|fault| fault.to_string()),
        None => BUNDLES
            .iter()
            .find_map(|file| load::certificates(Path::new(file)).ok())
            .ok_or_else(|| "this machine trusts no CA: name the one that vouches for it with `ca`".to_owned()),
    }
}

/// The configuration for dialling, for whatever these CAs vouch for.
///
/// # Errors
/// That none of them can vouch for anything.
pub fn client(authorities: &[CertificateDer<'static>]) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    // One odd certificate in a bundle of a hundred is no reason to trust none of them.
    roots.add_parsable_certificates(authorities.iter().cloned());
    if roots.is_empty() {
        return Err("none of the certificates of `ca` can vouch for others".to_owned());
    }
    let mut config = ClientConfig::builder_with_provider(suites::provider())
        .with_protocol_versions(suites::VERSIONS)
        .map_err(|fault| fault.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Ok(Arc::new(config))
}
