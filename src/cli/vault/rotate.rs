//! `dicomgate vault rotate`: the next key, at once or in two steps; and the end of one.

use super::{new_key, ring};
use crate::cli::audit::Format;
use crate::config::{self, Settings, Vault};
use crate::keys;
use crate::policy::replay::number;
use crate::vault::KeyId;
use std::io::{BufRead, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Rotate {
    /// The configuration
    #[arg(long, short, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// Seal nothing with it yet: all gateways that share the ring get it first, then `--use` on each
    #[arg(long, conflicts_with_all = ["destroy", "forget", "put_to_use"])]
    prepare: bool,
    /// Make no key: seal with this one from now on, that was made with `--prepare`
    #[arg(long = "use", value_name = "ID", value_parser = id, conflicts_with_all = ["destroy", "forget"])]
    put_to_use: Option<KeyId>,
    /// Make no key: destroy this one, so that what it sealed opens by escrow alone
    #[arg(long, value_name = "ID", value_parser = id, conflicts_with = "forget")]
    destroy: Option<KeyId>,
    /// Make no key: say that this one is lost and that you know, so that the gateway starts without it
    #[arg(long, value_name = "ID", value_parser = id)]
    forget: Option<KeyId>,
    /// Do not ask before an end
    #[arg(long)]
    yes: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn id(text: &str) -> Result<KeyId, String> {
    text.parse().ok().filter(|id| *id > 0).map(KeyId).ok_or_else(|| "a key is named by its number: 2".to_owned())
}

impl Rotate {
    /// Does it. 0: done; 1: it was not done; 64: the configuration is refused.
    pub fn run(&self) -> ExitCode {
        self.turn(&mut std::io::stdin().lock()).unwrap_or_else(|code| code)
    }

    fn turn(&self, input: &mut dyn BufRead) -> Result<ExitCode, ExitCode> {
        let settings = ring::settings(&self.config)?;
        let vault = ring::vault(&settings)?;
        match (self.destroy, self.forget, self.put_to_use) {
            (Some(id), ..) => self.end(&settings, vault, (id, "destroy"), input),
            (None, Some(id), _) => self.end(&settings, vault, (id, "forget"), input),
            (None, None, Some(id)) => {
                keys::put_to_use(vault, id, jiff::Timestamp::now()).map_err(ring::refused)?;
                let text =
                    format!("new objects are sealed with key {id}; a running gateway does so within two seconds\n");
                Ok(ring::print(self.format, &text, &serde_json::json!({ "key": id.0, "done": "use" })))
            }
            (None, None, None) => self.next(&settings, vault),
        }
    }

    fn next(&self, settings: &Settings, vault: &Vault) -> Result<ExitCode, ExitCode> {
        // A new key must not hide that an old one is gone.
        let (before, _) = keys::load(vault).map_err(ring::refused)?;
        ring::no_strangers(settings, vault)?;
        let make = if self.prepare { keys::prepare } else { keys::new_key };
        let made = make(vault, jiff::Timestamp::now()).map_err(ring::refused)?;
        let old: Vec<String> = before.ids().map(|id| id.to_string()).collect();
        let text = format!(
            "{}Keys that stay, for opening what they sealed: {}. Nothing is stored again.\n",
            new_key::words(settings, &made),
            old.join(", "),
        );
        Ok(ring::print(self.format, &text, &new_key::json(&made)))
    }

    fn end(
        &self,
        settings: &Settings,
        vault: &Vault,
        (id, word): (KeyId, &str),
        input: &mut dyn BufRead,
    ) -> Result<ExitCode, ExitCode> {
        let objects = match ring::counts(settings) {
            Ok(Some(counts)) => {
                let count = ring::of_key(&counts, id);
                format!("{} object{} in the ledger", number(count), if count == 1 { "" } else { "s" })
            }
            Ok(None) => "an unknown number of objects (no gateway has kept a ledger here)".to_owned(),
            Err(words) => format!("an unknown number of objects (the ledger cannot be asked: {words})"),
        };
        let escrow = match vault.escrow.len() {
            0 => "NOBODY WILL EVER OPEN THEM: there is no escrow".to_owned(),
            1 => "only the holder of the private key of the escrow certificate opens them then".to_owned(),
            count => format!("only the holders of the private keys of the {count} escrow certificates open them then"),
        };
        if !self.yes {
            eprintln!("Key {id} opens {objects}; {escrow}.");
            eprint!("Type `{word} {id}` to go on: ");
            let mut line = String::new();
            let _ = std::io::stderr().flush();
            if input.read_line(&mut line).is_err() || line.trim() != format!("{word} {id}") {
                eprintln!("nothing was done");
                return Err(ExitCode::from(1));
            }
        }
        let now = jiff::Timestamp::now();
        let stranger = ring::strangers(settings, vault).is_ok_and(|known| known.contains(&keys::Problem::Stranger(id)));
        let manifest = keys::Manifest::read(&vault.key_folder).ok().flatten().unwrap_or_default();
        let newest = manifest.newest().is_none_or(|newest| newest <= id);
        let (done, text) = match word {
            "destroy" => (
                keys::destroy(vault, id, now),
                format!(
                    "key {id} is destroyed, and with it the way to {objects}; {escrow}.\n\
                     A running gateway lets go of it within two seconds. Copies in backups, snapshots, secret stores and on worn flash are \
                     not reached: find them (docs/keys.md).\n"
                ),
            ),
            _ => (
                if stranger { keys::forget_stranger(vault, id, now) } else { keys::forget(vault, id, now) },
                format!(
                    "key {id} is entered as lost, and with it the way to {objects}; {escrow}.\n\
                     {}Should it be found, put its file back: it opens again, and seals no more.\n",
                    match newest {
                        true =>
                            "It was the one that sealed: the gateway starts once `dicomgate vault new-key` has made the next. ",
                        false => "The gateway starts without it. ",
                    }
                ),
            ),
        };
        done.map_err(ring::refused)?;
        Ok(ring::print(self.format, &text, &serde_json::json!({ "key": id.0, "done": word })))
    }
}
