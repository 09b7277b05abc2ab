//! Where the database is, and how it is known to be it.

use crate::state::options::Database;
use crate::state::{Secret, StateFault};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The form of the URL, as faults say it.
const FORM: &str = "`postgres://USER:PASSWORD@HOST:PORT/NAME?sslmode=verify-full`";

/// Where the database is, and how it is known to be it.
pub struct Target {
    /// User, password, name of the database.
    pub config: Config,
    /// As the server's certificate must say it.
    pub host: String,
    /// `HOST:PORT`.
    pub address: String,
    /// `None`: in plain, which only a loopback address may be.
    pub tls: Option<MakeRustlsConnect>,
}

impl Target {
    /// Takes the settings.
    ///
    /// # Errors
    /// The URL is not one, or says what this program does not do; TLS without a CA; no TLS and another machine. Nothing
    /// of the URL but its host is in the fault.
    pub fn of(database: &Database) -> Result<Self, StateFault> {
        let (url, plain) = without_mode(&database.url)?;
        // The other form, `host=... user=...`, is not offered: one is enough to explain.
        let form = |_| wrong(&format!("is not of the form {FORM}"));
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.reveal().starts_with(scheme)) {
            return Err(form(()));
        }
        let mut config: Config = url.reveal().parse().map_err(|_| form(()))?;
        let host = match (config.get_hosts(), config.get_hostaddrs()) {
            ([Host::Tcp(host)], []) => host.clone(),
            _ => return Err(wrong(&format!("must name one host that is reached by TCP: {FORM}"))),
        };
        if config.get_user().is_none() {
            return Err(wrong(&format!("names no user: {FORM}")));
        }
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let tls = if plain {
            if !is_loopback(&host) {
                return Err(wrong(&format!(
                    "says `sslmode=disable`, but `{}` is another machine: write `sslmode=verify-full` and name its CA as `database_ca`",
                    host.escape_debug()
                )));
            }
            config.ssl_mode(SslMode::Disable);
            None
        } else {
            let ca = database.ca.as_deref().ok_or_else(|| {
                StateFault::Settings("a database that is spoken with over TLS needs a `database_ca`".to_owned())
            })?;
            config.ssl_mode(SslMode::Require);
            Some(MakeRustlsConnect::new(client(ca)?))
        };
        config.application_name("dicomgate");
        Ok(Self { config, host, address, tls })
    }
}

fn wrong(words: &str) -> StateFault {
    StateFault::Settings(format!("the database URL {words}"))
}

/// The URL without `sslmode`, and whether that asked for no TLS.
fn without_mode(url: &Secret) -> Result<(Secret, bool), StateFault> {
    let Some((before, query)) = url.reveal().rsplit_once('?') else { return Ok((url.clone(), false)) };
    let mut plain = false;
    let mut kept = String::new();
    for part in query.split('&') {
        match part.strip_prefix("sslmode=") {
            Some("disable") => plain = true,
            Some("verify-full") => plain = false,
            Some(_) => {
                return Err(wrong("must say `sslmode=verify-full` or, on a loopback address, `sslmode=disable`"));
            }
            None => {
                kept.push(if kept.is_empty() { '?' } else { '&' });
                kept.push_str(part);
            }
        }
    }
    Ok((Secret::new(format!("{before}{kept}")), plain))
}

/// By its address alone: whatever a name means here, it can mean another machine tomorrow. `localhost` cannot (RFC 6761),
/// and where it goes is looked at once more when the connection is there.
fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn client(ca: &Path) -> Result<ClientConfig, StateFault> {
    let fault = |words: String| StateFault::Settings(format!("`database_ca` `{}`: {words}", ca.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).map_err(|why| fault(why.to_string()))? {
        let certificate = certificate.map_err(|why| fault(why.to_string()))?;
        roots.add(certificate).map_err(|why| fault(why.to_string()))?;
    }
    if roots.is_empty() {
        return Err(fault("no certificate in it".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|why| fault(why.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::Target;
    use crate::state::{Database, Secret};

    fn target(url: &str) -> Result<Target, String> {
        Target::of(&Database { url: Secret::new(url), ca: None, key: "state.key".into() })
            .map_err(|fault| fault.to_string())
    }

    #[test]
    fn without_tls_only_to_this_machine() {
        for host in ["127.0.0.1", "127.8.8.8", "[::1]", "localhost"] {
            let target = target(&format!("postgres://gate:pw@{host}:6000/gate?sslmode=disable")).unwrap();
            assert!(target.tls.is_none());
            assert_eq!(target.address, format!("{host}:6000"));
        }
        for host in ["10.0.0.1", "db.example", "localhost.example", "[::2]", "0.0.0.0"] {
            let fault = target(&format!("postgres://gate:pw@{host}/gate?sslmode=disable")).err().unwrap();
            assert!(fault.contains("another machine") && !fault.contains("pw"), "{fault}");
        }
    }

    #[test]
    fn tls_is_what_holds_when_nothing_is_said_and_needs_a_ca() {
        for mode in ["", "?sslmode=verify-full", "?application_name=x"] {
            let fault = target(&format!("postgres://gate:pw@127.0.0.1/gate{mode}")).err().unwrap();
            assert!(fault.contains("needs a `database_ca`"), "{fault}");
        }
    }

    #[test]
    fn what_this_program_does_not_do_is_refused_without_showing_a_password() {
        for url in [
            "postgres://gate:hunter2@127.0.0.1/gate?sslmode=prefer",
            "postgres://gate:hunter2@127.0.0.1/gate?sslmode=verify-ca",
            "postgres://gate:hunter2@127.0.0.1/gate?hunter2=1&sslmode=disable",
            "postgres://gate:hunter2@127.0.0.1,127.0.0.2/gate?sslmode=disable",
            "postgres://gate:hunter2@127.0.0.1:hunter2/gate?sslmode=disable",
            "postgres://gate:hunter2@%2Fvar%2Frun/gate?sslmode=disable",
            "postgres://gate:hunter2@127.0.0.1/gate?hostaddr=10.0.0.1&sslmode=disable",
            "postgres://127.0.0.1/gate?sslmode=disable",
            "mysql://gate:hunter2@127.0.0.1/gate",
            "hunter2",
        ] {
            let fault = target(url).err().unwrap_or_else(|| panic!("accepted: {url}"));
            assert!(!fault.contains("hunter2"), "{fault}");
        }
        let database = Database { url: Secret::new("postgres://gate:hunter2@h/gate"), ca: None, key: "k".into() };
        assert!(!format!("{database:?}").contains("hunter2"));
    }
}
