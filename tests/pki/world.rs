//! A folder with a CA, certificates of all kinds, and two connections that pump bytes into each other.

use dicomgate::pki::ca::{self, Ca, Order};
use dicomgate::pki::{Mode, SessionLimits, TlsFiles, TlsMaterial, Verifier, server_config};
use dicomgate::policy::CertificateFacts;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, Connection, Error, ServerConfig, ServerConnection};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub const DAY: i64 = 86_400;

pub fn now() -> i64 {
    i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// What an odd certificate is like.
pub struct Odd {
    pub from: i64,
    pub until: i64,
    pub usage: Vec<ExtendedKeyUsagePurpose>,
    pub authority: bool,
}

impl Odd {
    pub fn new() -> Self {
        Self { from: -DAY, until: DAY, usage: vec![ExtendedKeyUsagePurpose::ClientAuth], authority: false }
    }

    pub fn params(&self, name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(vec![format!("{name}.hospital.example")]).unwrap();
        let at = |unix: i64| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(unix).unwrap());
        (params.not_before, params.not_after) = (at(now() + self.from), at(now() + self.until));
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = self.usage.clone();
        if self.authority {
            params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            params.extended_key_usages.clear();
        }
        params
    }
}

pub struct World {
    pub dir: tempfile::TempDir,
}

impl World {
    /// A CA, the gateway's certificate and `ct1`'s.
    pub fn new() -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap() };
        ca::new_ca(world.dir.path(), "Hospital DICOM CA", now()).unwrap();
        world.issue("gateway", true);
        world.issue("ct1", false);
        world
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    pub fn ca(&self) -> Ca {
        Ca::open(self.dir.path()).unwrap()
    }

    pub fn issue(&self, name: &str, server: bool) {
        let order = Order {
            name: name.into(),
            dns: vec![format!("{name}.Hospital.example")],
            ip: vec!["127.0.0.1".parse().unwrap()],
            server,
            days: 100,
            renew: false,
        };
        self.ca().issue(&order, now()).unwrap();
    }

    pub fn write(&self, file: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(file), text).unwrap();
        self.path(file)
    }

    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap()
    }

    /// A certificate `NAME.crt` and key that the CA in `issuer.crt` signs; `None`: self-signed.
    pub fn odd(&self, name: &str, issuer: Option<&str>, odd: &Odd) {
        let key = KeyPair::generate().unwrap();
        let params = odd.params(name);
        let certificate = match issuer {
            None => params.self_signed(&key).unwrap(),
            Some(issuer) => params.signed_by(&key, &self.issuer(issuer)).unwrap(),
        };
        self.write(&format!("{name}.crt"), &certificate.pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    pub fn issuer(&self, name: &str) -> Issuer<'static, KeyPair> {
        let key = KeyPair::from_pem(&self.read(&format!("{name}.key"))).unwrap();
        Issuer::from_ca_cert_pem(&self.read(&format!("{name}.crt")), key).unwrap()
    }

    pub fn openssl(&self, arguments: &str) {
        let output = std::process::Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(self.dir.path())
            .output()
            .expect("openssl is needed for certificates that no Rust crate makes");
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    pub fn files(&self) -> TlsFiles {
        TlsFiles {
            certificate: self.path("gateway.crt"),
            private_key: self.path("gateway.key"),
            client_ca: Some(self.path("ca.crt")),
            ..TlsFiles::default()
        }
    }

    pub fn spki(&self, name: &str) -> [u8; 32] {
        let chain = dicomgate::pki::load::certificates(&self.path(&format!("{name}.crt"))).unwrap();
        dicomgate::pki::facts::unchecked(&chain[0]).unwrap().spki
    }
}

/// The gateway's side of a mutual listener.
pub struct Gate {
    pub config: Arc<ServerConfig>,
    pub verifier: Arc<Verifier>,
}

pub fn gate(files: &TlsFiles) -> Gate {
    let material = TlsMaterial::load(files, now()).unwrap();
    let config = server_config(&material, Mode::Mutual, SessionLimits::default()).unwrap();
    Gate { config, verifier: material.verifier }
}

/// What both sides say after all bytes have been exchanged.
pub struct Ended {
    pub server: Result<ServerConnection, Error>,
    pub client: Result<ClientConnection, Error>,
    /// What the gateway says about a failure.
    pub refused: Option<dicomgate::pki::Refused>,
}

impl Ended {
    pub fn facts(&self, verifier: &Verifier) -> Arc<CertificateFacts> {
        let server = self.server.as_ref().unwrap();
        verifier.recheck(server.peer_certificates().unwrap(), now()).unwrap()
    }

    /// The alert that the client saw, and what the gateway says.
    pub fn refusal(&self) -> (rustls::AlertDescription, &'static str, String) {
        assert!(self.server.is_err(), "the gateway should refuse");
        let refused = self.refused.clone().unwrap();
        match &self.client {
            Err(Error::AlertReceived(alert)) => (*alert, refused.short, refused.words),
            other => panic!("the client saw {:?} instead of an alert; gateway: {refused:?}", other.as_ref().err()),
        }
    }
}

pub fn shake(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>) -> Ended {
    shake_as(server, client, "gateway.hospital.example")
}

pub fn shake_as(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>, dialled: &str) -> Ended {
    let name = rustls::pki_types::ServerName::try_from(dialled.to_owned()).unwrap();
    let mut client = Connection::from(ClientConnection::new(Arc::clone(client), name).unwrap());
    let mut server = Connection::from(ServerConnection::new(Arc::clone(server)).unwrap());
    let (mut client_fault, mut server_fault, mut refused) = (None, None, None);
    loop {
        let up = pass(&mut client, &mut server, &mut server_fault);
        if let (Some(fault), None) = (&server_fault, &refused) {
            refused = Some(dicomgate::pki::explain(fault));
        }
        let down = pass(&mut server, &mut client, &mut client_fault);
        if !up && !down {
            break;
        }
    }
    let (Connection::Client(client), Connection::Server(server)) = (client, server) else {
        panic!("sides do not change")
    };
    assert!(client_fault.is_some() || server_fault.is_some() || !server.is_handshaking());
    Ended { server: server_fault.map_or(Ok(server), Err), client: client_fault.map_or(Ok(client), Err), refused }
}

fn pass(from: &mut Connection, to: &mut Connection, fault: &mut Option<Error>) -> bool {
    let mut bytes = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut bytes).unwrap();
    }
    let mut rest = bytes.as_slice();
    while !rest.is_empty() && fault.is_none() {
        to.read_tls(&mut rest).unwrap();
        *fault = to.process_new_packets().err();
    }
    !bytes.is_empty()
}

pub fn certificate(path: &std::path::Path) -> Vec<CertificateDer<'static>> {
    dicomgate::pki::load::certificates(path).unwrap()
}
