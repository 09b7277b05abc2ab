//! `dicomgate certs issue`.

use super::{Folder, Format, Outcome, day, print};
use crate::pki::ca::{self, Ca, Order};
use std::io::Write;
use std::net::IpAddr;

/// Issue a certificate and key for the gateway or a device
#[derive(Debug, clap::Args)]
pub(super) struct Issue {
    #[command(flatten)]
    folder: Folder,
    /// Whom it is for; names the files NAME.crt and NAME.key, and is the common name
    #[arg(long = "for", value_name = "NAME")]
    name: String,
    /// A DNS name; policies know the device by it
    #[arg(long, value_name = "HOST")]
    dns: Vec<String>,
    /// An IP address, for callers that dial by address
    #[arg(long, value_name = "ADDRESS")]
    ip: Vec<IpAddr>,
    /// For the gateway, and for devices that receive: it may be shown by a server too
    #[arg(long)]
    server: bool,
    /// Days of validity, at most 730
    #[arg(long, default_value_t = ca::LEAF_DAYS)]
    days: u32,
    /// Replace the files of this name by a new certificate and key; the old certificate stays valid until revoked
    #[arg(long)]
    renew: bool,
    /// How the result is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Issue {
    pub(super) fn run(&self, now: i64, out: &mut dyn Write) -> Outcome {
        let order = Order {
            name: self.name.clone(),
            dns: self.dns.clone(),
            ip: self.ip.clone(),
            server: self.server,
            days: self.days,
            renew: self.renew,
        };
        let open = Ca::open(&self.folder.dir).and_then(|ca| ca.issue(&order, now));
        let issued = open.map_err(|fault| fault.to_string())?;
        let pattern = match self.dns.first() {
            Some(host) => host.to_ascii_lowercase(),
            None => format!("cn:{}", self.name),
        };
        let (certificate, key, end) = (issued.certificate.display(), issued.key.display(), day(issued.not_after));
        let text = match self.format {
            Format::Text => format!(
                "{certificate}  until {end}\n\
                 {key}  its key: carry both to the device, then delete the key here\n\
                 in policy.toml: certificate = \"{pattern}\"\n",
            ),
            Format::Json => {
                let (certificate, key) = (&issued.certificate, &issued.key);
                let value = serde_json::json!({
                    "certificate": certificate, "key": key, "not_after": end, "pattern": pattern
                });
                format!("{value}\n")
            }
        };
        print(out, &text)
    }
}
