//! The hospital: a folder, a CA with certificates, configuration files, the archive, the gateway in front of it.

mod vault;
mod wiring;

pub use wiring::{CANARY, PASSCODE, PHYSICIAN, REFERRER};

use super::DemoArgs;
use super::archive::Archive;
use super::device::{self, DialFault, Target};
use super::folder::Folder;
use super::study::Study;
use crate::audit::Seed;
use crate::config;
use crate::dicom::AeTitle;
use crate::identity::local::hash;
use crate::net::buffer::Pool;
use crate::pki::ca::{self, Ca, Order};
use crate::proxy::Gateway;
use rustls::ClientConfig;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The DNS name in the gateway's certificate.
pub const GATEWAY: &str = "gateway.hospital.example";
/// The archive's title.
pub const ARCHIVE: &str = "PACS";
/// The scanner.
pub const SCANNER: &str = "CT1";
/// The workstation.
pub const WORKSTATION: &str = "WS1";
/// The front desk: it may find, and no rule has anything opened for it.
pub const DESK: &str = "DESK1";

/// Everything that runs.
#[derive(Debug)]
pub struct Hospital {
    /// Its folder; last to go.
    pub folder: Folder,
    /// The built-in archive.
    pub archive: Archive,
    /// The gateway in front of it.
    pub gateway: Gateway,
    /// Where devices reach the gateway.
    pub target: Target,
    /// The auditor's seed, shown at the first start.
    pub seed: Option<Seed>,
    /// Whether somebody can look into the folder after the tour.
    pub lasts: bool,
}

/// Why the hospital could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SetUpFault(String);

/// A fault with what was being done.
fn fault(doing: &str) -> impl Fn(&dyn std::fmt::Display) -> SetUpFault + '_ {
    move |reason| SetUpFault(format!("{doing}: {reason}"))
}

impl Hospital {
    /// Builds and starts it all. `now`: seconds since 1970.
    ///
    /// # Errors
    /// The first thing that does not work.
    pub async fn open(args: &DemoArgs, study: &Study, now: i64) -> Result<Self, SetUpFault> {
        let folder = Folder::create(args.keep).map_err(|reason| fault("temporary folder")(&reason))?;
        let make = |name: &str| folder.subfolder(name).map_err(|reason| fault("temporary folder")(&reason));
        let (certs, settings, files, shown) = (make("certs")?, make("config")?, make("archive")?, make("study")?);
        certificates(&certs, &make("elsewhere")?, now)?;
        for (number, object) in (1..).zip(&study.objects) {
            let path = shown.join(format!("{number:06}.dcm"));
            fs::write(path, object.to_file()).map_err(|reason| fault("study")(&reason))?;
        }
        let title = AeTitle::new(ARCHIVE).map_err(|reason| fault("archive")(&reason))?;
        let archive = Archive::start(title, 0, files).map_err(|reason| fault("archive")(&reason))?;
        let path = settings.join("gateway.toml");
        let port = free_port().map_err(|reason| fault("free port")(&reason))?;
        let write = |path: &Path, text: String| fs::write(path, text).map_err(|reason| fault("configuration")(&reason));
        write(&path, wiring::gateway(port, archive.address(), false))?;
        write(&settings.join("policy.toml"), wiring::policy(false))?;
        let phc = hash::new_phc(PASSCODE.as_bytes()).map_err(|reason| fault("passcode")(&reason))?;
        write(&settings.join("users.toml"), wiring::users(&phc))?;
        let settings = config::load(&path).map_err(|reason| fault("configuration")(&reason))?;
        let mut gateway = Gateway::start(settings).await.map_err(|reason| fault("gateway")(&reason))?;
        let address = gateway.addresses.first().map(|(_, address)| *address);
        let address = address.ok_or_else(|| SetUpFault("the gateway listens nowhere".to_owned()))?;
        let seed = gateway.seed.take();
        let pool = Arc::new(Pool::new(128 * 1024, 16));
        let target = Target { address, name: GATEWAY.to_owned(), pool };
        Ok(Self { folder, archive, gateway, target, seed, lasts: args.keep || !args.once })
    }

    /// A file of the folder of certificates.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.folder.path().join("certs").join(name)
    }

    /// What a device with a certificate of the hospital's CA speaks.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn tls(&self, device: &str) -> Result<Arc<ClientConfig>, DialFault> {
        let name = device.to_lowercase();
        let (certificate, key) = (self.certificate(&format!("{name}.crt")), self.certificate(&format!("{name}.key")));
        device::tls(&self.certificate("ca.crt"), Some((&certificate, &key)))
    }

    /// What somebody without any certificate speaks.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn bare_tls(&self) -> Result<Arc<ClientConfig>, DialFault> {
        device::tls(&self.certificate("ca.crt"), None)
    }

    /// What somebody with a certificate in the scanner's name of another CA speaks.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn foreign_tls(&self) -> Result<Arc<ClientConfig>, DialFault> {
        let elsewhere = self.folder.path().join("elsewhere");
        let (certificate, key) = (elsewhere.join("ct1.crt"), elsewhere.join("ct1.key"));
        device::tls(&self.certificate("ca.crt"), Some((&certificate, &key)))
    }

    /// The folder of pictures: what viewers show.
    pub fn pictures(&self) -> PathBuf {
        self.folder.path().join("pictures")
    }

    /// The folder of the archive's files.
    pub fn files(&self) -> PathBuf {
        self.folder.path().join("archive")
    }

    /// Its configuration.
    pub fn configuration(&self) -> PathBuf {
        self.folder.path().join("config").join("gateway.toml")
    }

    /// The gateway's state folder.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Its audit log.
    pub fn audit(&self) -> PathBuf {
        self.state().join("audit")
    }
}

fn certificates(certs: &Path, elsewhere: &Path, now: i64) -> Result<(), SetUpFault> {
    let broken = fault("certificates");
    for (folder, name) in [(certs, "Hospital of the Demonstration"), (elsewhere, "Somebody Else")] {
        ca::new_ca(folder, name, now).map_err(|reason| broken(&reason))?;
    }
    let issue = |folder: &Path, name: &str, dns: &str, server: bool| {
        let ip = if server { vec![IpAddr::V4(Ipv4Addr::LOCALHOST)] } else { Vec::new() };
        let order = Order { name: name.to_owned(), dns: vec![dns.to_owned()], ip, server, days: 30, renew: false };
        let ca = Ca::open(folder).map_err(|reason| broken(&reason))?;
        ca.issue(&order, now).map_err(|reason| broken(&reason))
    };
    issue(certs, "gateway", GATEWAY, true)?;
    issue(certs, "ct1", wiring::SCANNER_DNS, false)?;
    issue(certs, "ws1", wiring::WORKSTATION_DNS, false)?;
    issue(certs, "desk1", wiring::DESK_DNS, false)?;
    issue(elsewhere, "ct1", wiring::SCANNER_DNS, false)?;
    Ok(())
}

/// A port that nobody has at this moment.
///
/// # Errors
/// What the system says.
pub fn free_port() -> std::io::Result<u16> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
