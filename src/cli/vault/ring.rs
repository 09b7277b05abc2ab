//! What the commands about the ring have in common.

use crate::cli::EXIT_CONFIGURATION;
use crate::cli::audit::Format;
use crate::config::{self, Settings, Vault};
use crate::dicom::{AeTitle, Uid};
use crate::keys::{KeysFault, Manifest, Problem};
use crate::state::{Mark, SealRow, State, StateFault};
use crate::vault::KeyId;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

/// So many rows of the ledger are read at a time.
const PAGE: u32 = 1000;

/// The configuration, or why not.
pub(super) fn settings(path: &Path) -> Result<Settings, ExitCode> {
    config::load(path).map_err(|faults| {
        eprintln!("{faults}");
        ExitCode::from(EXIT_CONFIGURATION)
    })
}

/// Its vault.
pub(super) fn vault(settings: &Settings) -> Result<&Vault, ExitCode> {
    settings.vault.as_ref().ok_or_else(|| {
        eprintln!("`{}` has no [vault]: write one, with `keys` and `escrow`", settings.source.gateway.display());
        ExitCode::from(EXIT_CONFIGURATION)
    })
}

/// Says what is wrong with keys, one line each.
pub(super) fn refused(fault: KeysFault) -> ExitCode {
    for problem in fault.0 {
        eprintln!("{problem}");
    }
    ExitCode::from(1)
}

/// Prints an answer. Who closes the pipe has read enough.
pub(super) fn print(format: Format, text: &str, json: &serde_json::Value) -> ExitCode {
    let mut out = std::io::stdout().lock();
    let _ = match format {
        Format::Text => out.write_all(text.as_bytes()),
        Format::Json => writeln!(out, "{json}"),
    };
    ExitCode::SUCCESS
}

/// How many objects were sealed last with which key, by archive.
pub(super) type Counts = BTreeMap<AeTitle, Vec<(KeyId, u64)>>;

/// Counts the objects of every key. `None`: no gateway has kept a ledger here yet.
///
/// # Errors
/// The state cannot be asked.
pub(super) fn counts(settings: &Settings) -> Result<Option<Counts>, String> {
    ask(settings, async |state: &State| {
        let mut all = Counts::new();
        for archive in state.seal_archives().await? {
            all.insert(archive, state.seals_per_key(archive).await?);
        }
        Ok(all)
    })
}

/// Objects of which nobody knows whether the archive has them as they were sealed last, by archive.
pub(super) type Doubtful = BTreeMap<AeTitle, Vec<Uid>>;

/// Looks through the ledger for objects whose last store was never answered. `None`: no gateway has kept one here yet.
///
/// # Errors
/// The state cannot be asked.
pub(super) fn doubtful(settings: &Settings) -> Result<Option<Doubtful>, String> {
    ask(settings, async |state: &State| {
        let mut all = Doubtful::new();
        each_row(state, |archive, row| {
            let found = all.entry(archive).or_default();
            if row.in_doubt() {
                found.push(row.instance);
            }
        })
        .await?;
        Ok(all)
    })
}

/// Keys that have sealed something and that the manifest does not have: the folder of keys is another one, or an old copy.
///
/// # Errors
/// The state cannot be asked, or the manifest not be read.
pub(in crate::cli) fn strangers(settings: &Settings, vault: &Vault) -> Result<Vec<Problem>, String> {
    let manifest = Manifest::read(&vault.key_folder).map_err(|problem| problem.to_string())?.unwrap_or_default();
    let used = ask(settings, async |state: &State| state.seal_keys().await)?;
    Ok(manifest.lacks(used.unwrap_or_default()))
}

/// Refuses to make a key while one that has sealed something is not known: its number could be given twice.
pub(super) fn no_strangers(settings: &Settings, vault: &Vault) -> Result<(), ExitCode> {
    match strangers(settings, vault) {
        Ok(problems) if problems.is_empty() => Ok(()),
        Ok(problems) => Err(refused(KeysFault(problems))),
        Err(words) => {
            eprintln!("the ledger of seals cannot be asked which numbers were used: {words}");
            Err(ExitCode::from(1))
        }
    }
}

/// Shows every row of the ledger, archive by archive.
async fn each_row(state: &State, mut see: impl FnMut(AeTitle, &SealRow)) -> Result<(), StateFault> {
    for archive in state.seal_archives().await? {
        let mut from = None;
        loop {
            let page = state.seals_page(archive, from.as_ref(), PAGE).await?;
            page.rows.iter().for_each(|row| see(archive, row));
            from = page.next;
            if from.is_none() {
                break;
            }
        }
    }
    Ok(())
}

/// Asks the ledger. `None`: no gateway has kept one here yet.
fn ask<T>(
    settings: &Settings,
    question: impl AsyncFnOnce(&State) -> Result<T, StateFault>,
) -> Result<Option<T>, String> {
    let file = settings.gateway.state.join("state.db");
    if settings.gateway.database.is_none() && matches!(file.try_exists(), Ok(false)) {
        return Ok(None);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|fault| format!("the runtime cannot be started: {fault}"))?;
    let answer = runtime.block_on(async {
        let state = crate::cli::state::open(settings).await?;
        question(&state).await
    });
    answer.map(Some).map_err(|fault: StateFault| fault.to_string())
}

/// What the ledger knows of one key.
#[derive(Debug, Default)]
pub(super) struct SealedBy {
    /// Instances of which an archive may hold a seal of this key, whatever was begun later.
    pub objects: u64,
    /// When one of these seals was begun or acknowledged last: seconds since 1970.
    pub last: Option<i64>,
    /// When the last one of these was begun of which nobody knows whether the archive has it.
    pub under_way: Option<i64>,
}

/// Looks at every seal of every archive, those that the configuration names no more too. `None`: no gateway has kept a
/// ledger here yet.
///
/// # Errors
/// The state cannot be asked.
pub(super) fn sealed_by(settings: &Settings, id: KeyId) -> Result<Option<SealedBy>, String> {
    ask(settings, async |state: &State| {
        let mut found = SealedBy::default();
        each_row(state, |_, row| {
            let seals = || row.seals.iter().filter(|seal| seal.key == id);
            let last = seals().map(|seal| seal.at).max();
            let in_doubt = seals().filter(|seal| seal.mark == Mark::InDoubt).map(|seal| seal.at).max();
            found.objects += u64::from(last.is_some());
            found.last = found.last.max(last);
            found.under_way = found.under_way.max(in_doubt);
        })
        .await?;
        Ok(found)
    })
}

/// All archives together.
pub(super) fn of_key(counts: &Counts, id: KeyId) -> u64 {
    counts.values().flatten().filter(|(key, _)| *key == id).map(|(_, count)| count).sum()
}
