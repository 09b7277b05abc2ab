//! One round through an archive at a time: on this machine by a lock on a file, which ends with the process; where gateways
//! share a database also by a turn there, which ends a while after it was last kept.

use crate::dicom::AeTitle;
use crate::proxy::vault::prove::file_name;
use crate::state::{State, StateFault, Turn};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// So many seconds does a turn last that nobody keeps: whoever had it is dead.
const LEASE: i64 = 90;
/// So often it is kept.
const KEEP: Duration = Duration::from_secs(20);

/// Why there is no turn.
#[derive(Debug, thiserror::Error)]
pub enum TurnFault {
    #[error("another `vault seal-archive` is at work on this archive")]
    Here,
    #[error("another machine is at work on this archive, or was until it was killed, at most {LEASE} seconds ago")]
    Elsewhere,
    #[error("`{0}`: {1}")]
    File(String, io::Error),
    #[error(transparent)]
    State(#[from] StateFault),
}

/// The turn, until it is dropped.
pub struct OneRound {
    _file: File,
    shared: Option<Shared>,
}

struct Shared {
    state: State,
    turn: Turn,
    lost: Arc<AtomicBool>,
    keeping: tokio::task::JoinHandle<()>,
}

/// The file that is locked, within the folder of the vault.
fn file(folder: &Path, archive: &AeTitle) -> std::path::PathBuf {
    folder.join(format!("seal-archive-{}.lock", file_name(archive)))
}

/// Whether a round is at work on this machine.
pub fn is_taken(folder: &Path, archive: &AeTitle) -> bool {
    let file = OpenOptions::new().write(true).open(file(folder, archive));
    file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

impl OneRound {
    /// Takes it. `state`: where gateways share it.
    ///
    /// # Errors
    /// Somebody else has it.
    pub async fn take(folder: &Path, archive: &AeTitle, state: Option<&State>) -> Result<Self, TurnFault> {
        let path = file(folder, archive);
        let fault = |fault| TurnFault::File(path.display().to_string(), fault);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fault)?;
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(fault)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(TurnFault::Here),
            Err(TryLockError::Error(other)) => return Err(fault(other)),
        }
        let shared = match state {
            Some(state) => Some(Shared::take(state.clone(), archive).await?),
            None => None,
        };
        Ok(Self { _file: file, shared })
    }

    /// Whether it is still ours.
    pub fn holds(&self) -> bool {
        self.shared.as_ref().is_none_or(|shared| !shared.lost.load(Ordering::Relaxed))
    }

    /// Gives it back.
    pub async fn give(self) {
        if let Some(Shared { state, turn, keeping, .. }) = self.shared {
            keeping.abort();
            // Else it ends by itself.
            let _ = state.give_turn(turn).await;
        }
    }
}

fn until() -> i64 {
    jiff::Timestamp::now().as_second().saturating_add(LEASE)
}

impl Shared {
    async fn take(state: State, archive: &AeTitle) -> Result<Self, TurnFault> {
        let turn = state.take_turn(&format!("seal-archive {archive}"), until()).await?.ok_or(TurnFault::Elsewhere)?;
        let lost = Arc::new(AtomicBool::new(false));
        let (kept, mine, gone) = (state.clone(), turn.clone(), Arc::clone(&lost));
        let keeping = tokio::spawn(async move {
            let mut good = std::time::Instant::now();
            loop {
                tokio::time::sleep(KEEP).await;
                match kept.keep_turn(&mine, until()).await {
                    Ok(true) => good = std::time::Instant::now(),
                    // The database may be back in time.
                    Err(_) if good.elapsed() + KEEP < Duration::from_secs(LEASE.unsigned_abs()) => {}
                    _ => return gone.store(true, Ordering::Relaxed),
                }
            }
        });
        Ok(Self { state, turn, lost, keeping })
    }
}

#[cfg(test)]
mod tests {
    use super::{OneRound, TurnFault, is_taken};
    use crate::dicom::AeTitle;

    #[tokio::test]
    async fn one_round_at_a_time_for_each_archive() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (AeTitle::new("PACS 1").unwrap(), AeTitle::new("PACS 2").unwrap());
        assert!(!is_taken(folder.path(), &one));
        let round = OneRound::take(folder.path(), &one, None).await.unwrap();
        assert!(round.holds() && is_taken(folder.path(), &one) && !is_taken(folder.path(), &other));
        assert!(matches!(OneRound::take(folder.path(), &one, None).await, Err(TurnFault::Here)));
        OneRound::take(folder.path(), &other, None).await.unwrap().give().await;
        drop(round);
        assert!(!is_taken(folder.path(), &one));
        OneRound::take(folder.path(), &one, None).await.unwrap();
    }
}
