//! `dicomgate certs revoke`.

use super::{Folder, Format, Outcome, print};
use crate::pki::ca::{Ca, Reason, Which};
use std::io::Write;

/// Revoke certificates and write the new revocation list
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["name", "serial", "refresh"])))]
pub(super) struct Revoke {
    #[command(flatten)]
    folder: Folder,
    /// All certificates issued for this name
    #[arg(long = "for", value_name = "NAME")]
    name: Option<String>,
    /// One certificate, by its serial number in hexadecimal
    #[arg(long, value_name = "HEX")]
    serial: Option<String>,
    /// Revoke nothing, sign the list anew
    #[arg(long)]
    refresh: bool,
    /// Why
    #[arg(long, value_enum, default_value_t = Reason::Unspecified, conflicts_with = "refresh")]
    reason: Reason,
    /// How the result is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Revoke {
    pub(super) fn run(&self, now: i64, out: &mut dyn Write) -> Outcome {
        let ca = Ca::open(&self.folder.dir).map_err(|fault| fault.to_string())?;
        let which = match (&self.name, &self.serial) {
            (Some(name), _) => Some(Which::Name(name.clone())),
            (None, Some(serial)) => Some(Which::Serial(serial.clone())),
            (None, None) => None,
        };
        let revoked = match which {
            Some(which) => ca.revoke(&which, self.reason, now),
            None => ca.refresh(now).map(|_| Vec::new()),
        };
        let revoked = revoked.map_err(|fault| fault.to_string())?;
        let list = self.folder.dir.join("ca.crl");
        let text = match self.format {
            Format::Text => {
                let lines = revoked.iter().map(|one| format!("revoked: `{}`, serial {}\n", one.name, one.serial));
                let written = format!("{}  written; a running gateway takes it when it reloads\n", list.display());
                lines.chain([written]).collect()
            }
            Format::Json => format!("{}\n", serde_json::json!({ "revoked": revoked, "crl": list })),
        };
        print(out, &text)
    }
}
