//! `dicomgate vault rotate`: the next key, at once or in two steps; and the end of one.

mod let_go;

use super::{drill, new_key, ring};
use crate::cli::audit::Format;
use crate::config::{self, Settings, Vault};
use crate::keys::{self, Manifest};
use crate::policy::replay::number;
use crate::vault::KeyId;
use let_go::Held;
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
    /// Destroy it although something was sealed with it after a newer key was there, or may be on its way
    #[arg(long, requires = "destroy")]
    even_so: bool,
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
        let stranger = ring::strangers(settings, vault).is_ok_and(|known| known.contains(&keys::Problem::Stranger(id)));
        // Nobody is asked whether to end what is none; a manifest that is damaged or gone is told of below.
        let manifest = Manifest::read(&vault.key_folder).ok().flatten();
        if !stranger && manifest.is_some_and(|manifest| manifest.get(id).is_none()) {
            return Err(ring::refused(keys::Problem::NoSuchKey(id).into()));
        }
        let sealed = ring::sealed_by(settings, id);
        let destroys = word == "destroy";
        if destroys {
            no_early_end(vault, id, &sealed, self.even_so)?;
        }
        let objects = match sealed {
            Ok(Some(sealed)) => {
                let count = sealed.objects;
                format!("{} object{} in the ledger", number(count), if count == 1 { "" } else { "s" })
            }
            Ok(None) => "an unknown number of objects (no gateway has kept a ledger here)".to_owned(),
            Err(words) => format!("an unknown number of objects (the ledger cannot be asked: {words})"),
        };
        let escrow = escrow(settings, vault);
        if !self.yes {
            eprintln!("Key {id} opens {objects}; {escrow}.");
            eprint!("Type `{word} {id}` to go on: ");
            let mut line = String::new();
            let _ = std::io::stderr().flush();
            if input.read_line(&mut line).is_err() || line.trim() != format!("{word} {id}") {
                eprintln!("nothing was done");
                return Err(ExitCode::from(1));
            }
            // An answer may take a while.
            if destroys {
                no_early_end(vault, id, &ring::sealed_by(settings, id), self.even_so)?;
            }
        }
        let now = jiff::Timestamp::now();
        match word {
            "destroy" => keys::destroy(vault, id, now),
            _ if stranger => keys::forget_stranger(vault, id, now),
            _ => keys::forget(vault, id, now),
        }
        .map_err(ring::refused)?;
        let text = match word {
            "destroy" => format!(
                "key {id} is destroyed, and with it the way to {objects}; {escrow}.\n\
                 A running gateway lets go of it within two seconds, once it has taken the reload (`keys of the vault` in its audit log). Gateways \
                 whose keys come from the environment are restarted without it. Copies in backups, snapshots, secret stores and on worn flash are \
                 not reached: find them (docs/keys.md).\n"
            ),
            _ => format!(
                "key {id} is entered as lost, and with it the way to {objects}; {escrow}.\n\
                 {}Should it be found, put its file back: it opens again, and seals no more.\n",
                match Manifest::read(&vault.key_folder).ok().flatten().and_then(|manifest| manifest.newest()) {
                    None =>
                        "It was the one that sealed: the gateway starts once `dicomgate vault new-key` has made the next. ",
                    Some(_) => "The gateway starts without it. ",
                }
            ),
        };
        Ok(ring::print(self.format, &text, &serde_json::json!({ "key": id.0, "done": word })))
    }
}

/// Refuses what must not be destroyed now.
fn no_early_end(
    vault: &Vault,
    id: KeyId,
    sealed: &Result<Option<ring::SealedBy>, String>,
    even_so: bool,
) -> Result<(), ExitCode> {
    let manifest = Manifest::read(&vault.key_folder).ok().flatten().unwrap_or_default();
    let sealed = sealed.as_ref().ok().and_then(Option::as_ref);
    let words = match let_go::held_up(&manifest, id, sealed, jiff::Timestamp::now().as_second()) {
        None => return Ok(()),
        Some(Held::Doubt(_)) if even_so => return Ok(()),
        Some(Held::Wait(words) | Held::Doubt(words)) => words,
    };
    eprintln!("{words}");
    Err(ExitCode::from(1))
}

/// Who opens what a key sealed once it is gone.
fn escrow(settings: &Settings, vault: &Vault) -> String {
    if vault.escrow.is_empty() {
        return "`escrow` names no certificate: NOBODY WILL EVER OPEN what was sealed without one".to_owned();
    }
    let certificates: Vec<_> =
        vault.escrow.iter().filter_map(|file| Some((file, keys::escrow::read(file).ok()?))).collect();
    let all: Vec<_> = certificates.iter().map(|(_, certificate)| certificate.clone()).collect();
    let drills = drill::last(&settings.gateway.state, &all).unwrap_or_default();
    let now = jiff::Timestamp::now().as_second();
    let proven = certificates.iter().map(|(file, certificate)| {
        let drill = drills.iter().find(|drill| drill.certificate == certificate.describe());
        match drill.map(|drill| now.saturating_sub(drill.at) / 86_400) {
            Some(days) => format!("`{}` was proven {days} days ago", file.display()),
            None => format!("`{}` was NEVER PROVEN", file.display()),
        }
    });
    let proven: Vec<String> = proven.collect();
    format!(
        "escrow opens those that were sealed while its certificate stood in `escrow`, and nobody opens the others ({})",
        proven.join(", ")
    )
}
