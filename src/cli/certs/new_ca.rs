//! `dicomgate certs new-ca`.

use super::{Folder, Format, Outcome, day, print};
use crate::pki::ca;
use std::io::Write;

/// Make a CA: certificate, key and an empty revocation list
#[derive(Debug, clap::Args)]
pub(super) struct NewCa {
    #[command(flatten)]
    folder: Folder,
    /// The CA's name, as it stands in every certificate
    #[arg(long, default_value = "Hospital DICOM CA")]
    name: String,
    /// How the result is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl NewCa {
    pub(super) fn run(&self, now: i64, out: &mut dyn Write) -> Outcome {
        let made = ca::new_ca(&self.folder.dir, &self.name, now).map_err(|fault| fault.to_string())?;
        let list = self.folder.dir.join("ca.crl");
        let (certificate, key, end) = (made.certificate.display(), made.key.display(), day(made.not_after));
        let text = match self.format {
            Format::Text => format!(
                "{certificate}  the CA `{}`, until {end}: install it on every device\n\
                 {key}  its key: keep it off the network, back it up\n\
                 {}  revocation list, empty\n",
                self.name,
                list.display(),
            ),
            Format::Json => {
                let (certificate, key) = (&made.certificate, &made.key);
                let value =
                    serde_json::json!({ "certificate": certificate, "key": key, "crl": list, "not_after": end });
                format!("{value}\n")
            }
        };
        print(out, &text)
    }
}
