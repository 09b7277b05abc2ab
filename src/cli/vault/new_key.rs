//! `dicomgate vault new-key`: the first key of the ring, or the next; keys that come from elsewhere; a pair for escrow.

use super::ring;
use crate::cli::audit::Format;
use crate::config::{self, KeySource, Settings};
use crate::keys::{self, Made};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct NewKey {
    /// The configuration
    #[arg(long, short, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// Make no key: enter in the manifest the keys that are there and not in it
    #[arg(long, conflicts_with = "make_escrow")]
    adopt: bool,
    /// Make no key of the ring: make a key pair for escrow in this folder; its private key must leave this machine
    #[arg(long, value_name = "DIR")]
    make_escrow: Option<PathBuf>,
    /// The name in the escrow certificate
    #[arg(long, value_name = "NAME", default_value = "dicomgate escrow", requires = "make_escrow")]
    name: String,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl NewKey {
    /// Makes it. 0: done; 1: it could not be done; 64: the configuration is refused.
    pub fn run(&self) -> ExitCode {
        let outcome = match &self.make_escrow {
            Some(dir) => self.escrow(dir),
            None => self.ring(),
        };
        outcome.unwrap_or_else(|code| code)
    }

    fn ring(&self) -> Result<ExitCode, ExitCode> {
        let settings = ring::settings(&self.config)?;
        let vault = ring::vault(&settings)?;
        let now = jiff::Timestamp::now();
        if self.adopt {
            let adopted = keys::adopt(vault, now).map_err(ring::refused)?;
            let ids: Vec<u32> = adopted.iter().map(|id| id.0).collect();
            let text = match ids.as_slice() {
                [] => "the manifest has every key that is there\n".to_owned(),
                _ => format!("entered in {}: {}\n", keys::Manifest::path(&vault.key_folder).display(), numbers(&ids)),
            };
            return Ok(ring::print(self.format, &text, &serde_json::json!({ "adopted": ids })));
        }
        ring::no_strangers(&settings, vault)?;
        let made = keys::new_key(vault, now).map_err(ring::refused)?;
        Ok(ring::print(self.format, &words(&settings, &made), &json(&made)))
    }

    /// Whether a folder is that of the ring, by the configuration if there is one, or by what lies in it.
    fn is_of_the_ring(&self, dir: &Path) -> bool {
        let vault = config::load_untested(&self.config).ok().and_then(|settings| settings.vault);
        keys::Manifest::path(dir).exists() || vault.is_some_and(|vault| place(&vault.key_folder) == place(dir))
    }

    fn escrow(&self, dir: &Path) -> Result<ExitCode, ExitCode> {
        if self.is_of_the_ring(dir) {
            eprintln!(
                "`{}` is the folder of the ring's keys: nothing was made. Name another one, best in memory (`/dev/shm/escrow`), from \
                 which the private key leaves this machine",
                dir.display()
            );
            return Err(ExitCode::from(1));
        }
        let year = jiff::Zoned::now().year();
        let (certificate, key) =
            keys::escrow::make(dir, &self.name, year).map_err(|fault| ring::refused(fault.into()))?;
        let described = keys::escrow::read(&certificate).map(|escrow| escrow.describe().to_owned()).unwrap_or_default();
        let text = format!(
            "{}  certificate for escrow ({described}): name it in `escrow` of [vault]\n\
             {}  ITS PRIVATE KEY. TAKE IT AWAY FROM THIS MACHINE NOW: whoever has it opens every image.\n\
             \n\
             Copy it to two places that do not burn together, prove that the copies can be read, remove it here (`shred -u`).\n\
             `dicomgate check` refuses as long as it lies beside the certificate. `dicomgate vault drill` proves that it works.\n",
            certificate.display(),
            key.display(),
        );
        Ok(ring::print(self.format, &text, &serde_json::json!({ "certificate": certificate, "private_key": key })))
    }
}

/// The same folder by another name is the same; one that is not there yet has but its name.
fn place(dir: &Path) -> PathBuf {
    dir.canonicalize().or_else(|_| std::path::absolute(dir)).unwrap_or_else(|_| dir.to_owned())
}

/// `1`, or `1, 2 and 5`.
fn numbers(ids: &[u32]) -> String {
    let words: Vec<String> = ids.iter().map(u32::to_string).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("keys {} and {last}", rest.join(", ")),
        Some((last, _)) => format!("key {last}"),
        None => "no key".to_owned(),
    }
}

/// What a key that was made means.
pub(super) fn words(settings: &Settings, made: &Made) -> String {
    let id = made.id;
    if let Some(problem) = &made.unsettled {
        eprintln!("key {id} is made, and may be in use: back it up NOW, it may not outlive a loss of power: {problem}");
    }
    let mut text = match (&made.file, &made.variable) {
        (Some(file), _) => format!("{}  key {id} of the ring, check value {}\n", file.display(), made.check),
        (None, Some(variable)) => {
            let name = match settings.vault.as_ref().map(|vault| &vault.keys) {
                Some(KeySource::Environment(name)) => name.as_str(),
                _ => "the environment variable",
            };
            format!(
                "{}\n\n  Add this to {name}, separated by a comma from what is there, where the gateway's environment is kept (a \
                 secret store). It is shown this once. Until it is there, the gateway does not start: key {id} is in the manifest.\n\n",
                variable.as_str()
            )
        }
        (None, None) => String::new(),
    };
    text.push_str(&format!(
        "Back it up now, with the manifest: without key {id} and without escrow, what it seals is lost.\n"
    ));
    text.push_str(&match (made.seals, made.variable.is_some()) {
        (true, false) => "A running gateway seals with it within two seconds.\n".to_owned(),
        (true, true) => "A gateway seals with it from its next start on, and refuses reloads until then.\n".to_owned(),
        (false, _) => format!(
            "It opens, and seals nothing yet. Bring it to every gateway of this ring, the manifest last; once all have it:\n\
             `dicomgate vault rotate --use {id}` on each.\n"
        ),
    });
    text
}

/// The same for scripts. The key itself is told only where it has to be put somewhere by hand.
pub(super) fn json(made: &Made) -> serde_json::Value {
    serde_json::json!({
        "key": made.id.0,
        "check": made.check.to_string(),
        "seals": made.seals,
        "file": made.file,
        "variable": made.variable.as_ref().map(|variable| variable.as_str()),
    })
}
