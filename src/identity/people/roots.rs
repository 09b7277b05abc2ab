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

/// The configuration for dialling: the certificates of `ca`, or of this machine, vouch for the other side.
///
/// # Errors
/// What is wrong with the file, or that this machine trusts nobody.
pub fn client(ca: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(file) => {
            for authority in load::authorities(file).map_err(|fault| fault.to_string())? {
                add(&mut roots, authority).map_err(|fault| format!("`{}`: {fault}", file.display()))?;
            }
        }
        None => {
            let bundle = BUNDLES.iter().map(Path::new).find_map(|file| load::certificates(file).ok());
            // One odd certificate in a bundle of a hundred is no reason to trust none of them.
            for authority in bundle.unwrap_or_default() {
                let _ = add(&mut roots, authority);
            }
            if roots.is_empty() {
                return Err("this machine trusts no CA: name the one that vouches for it with `ca`".to_owned());
            }
        }
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

fn add(roots: &mut RootCertStore, authority: CertificateDer<'static>) -> Result<(), String> {
    roots.add(authority).map_err(|fault| format!("a certificate that cannot vouch for others ({fault})"))
}
