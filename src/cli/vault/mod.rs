//! `dicomgate vault ...`: keys, probe, opening, sealing what an archive holds, drills. Each command is one file; none
//! needs a gateway that runs.

mod dates;
pub mod drill;
mod ground;
mod listing;
mod new_key;
mod open;
mod probe;
mod progress;
mod reindex;
mod report;
mod restore;
pub mod ring;
mod rotate;
mod seal_archive;
mod status;
mod tally;
mod tell;
mod turn;
mod window;
mod with;

use crate::config::{Settings, Vault};
use crate::keys::escrow::Nearby;
use std::path::PathBuf;
use std::process::ExitCode;

/// `dicomgate vault`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make the first key of the ring, or the next; or a key pair for escrow
    NewKey(new_key::NewKey),
    /// Seal with a new key from now on; or end a key
    Rotate(rotate::Rotate),
    /// Show keys, escrow, proofs, and what is sealed and what is not
    Status(status::Status),
    /// Prove what an archive does to sealed objects; without it nothing is sealed there
    Probe(probe::Probe),
    /// Seal what an archive holds already; stopped, it goes on where it was
    SealArchive(seal_archive::SealArchive),
    /// Rebuild the ledger of seals from what an archive holds
    Reindex(reindex::Reindex),
    /// Open sealed DICOM files, with the key ring or with an escrow key; needs no gateway
    Open(open::Open),
    /// Prove that escrow opens what the archive holds: pick, open on another machine, bring the result back
    Drill(drill::Drill),
}

/// Runs a command.
pub fn run(command: &Command) -> ExitCode {
    match command {
        Command::NewKey(new_key) => new_key.run(),
        Command::Rotate(rotate) => rotate.run(),
        Command::Status(status) => status.run(),
        Command::Probe(probe) => probe.run(),
        Command::SealArchive(seal_archive) => seal_archive.run(),
        Command::Reindex(reindex) => reindex.run(),
        Command::Open(open) => open.run(),
        Command::Drill(drill) => drill.run(),
    }
}

/// Where else than beside its certificate a private key of escrow must not lie.
pub(super) fn places(settings: &Settings, vault: &Vault) -> Vec<PathBuf> {
    let config = settings.source.gateway.parent().map(PathBuf::from).unwrap_or_default();
    vec![vault.key_folder.clone(), config, settings.gateway.state.clone(), settings.source.root.join("certs")]
}

/// Says that one lies there.
pub(super) fn beside(nearby: &Nearby) -> String {
    format!(
        "`{}` is the private key of the escrow certificate `{}`: whoever takes this machine takes both; move it into a safe",
        nearby.key.display(),
        nearby.certificate.display(),
    )
}
