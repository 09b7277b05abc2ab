//! What is proven of each archive, as the signed results in the state folder say.

use super::prove::ProbeResult;
use crate::dicom::AeTitle;
use crate::proxy::vault::prove;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// A result is looked for again so long after it was looked for.
const FRESH: Duration = Duration::from_secs(2);

/// The results, read when they are asked for and when their file has changed: a probe counts as soon as it is over.
#[derive(Debug)]
pub struct Proofs {
    state: PathBuf,
    known: Mutex<HashMap<AeTitle, Known>>,
}

#[derive(Debug, Clone)]
struct Known {
    looked: Instant,
    written: Option<SystemTime>,
    /// It could not be written, and counts as long as nobody writes another.
    held: bool,
    result: Result<Option<Arc<ProbeResult>>, String>,
}

impl Proofs {
    /// Nothing is read yet. `state`: the state folder.
    pub fn new(state: &Path) -> Self {
        Self { state: state.to_owned(), known: Mutex::default() }
    }

    /// What was proven of an archive; `None`: nothing yet.
    ///
    /// # Errors
    /// There is a result, but none that counts: why, in words.
    pub fn of(&self, archive: &AeTitle) -> Result<Option<Arc<ProbeResult>>, String> {
        let now = Instant::now();
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(archive).filter(|known| now.saturating_duration_since(known.looked) < FRESH) {
            return known.result.clone();
        }
        let written = self.written(archive);
        if let Some(known) = all.get_mut(archive).filter(|known| known.written == written) {
            known.looked = now;
            return known.result.clone();
        }
        let read = ProbeResult::load(&self.state, archive);
        let result = read.map(|found| found.map(Arc::new)).map_err(|fault| fault.to_string());
        all.insert(*archive, Known { looked: now, written, held: false, result: result.clone() });
        result
    }

    /// A result that cannot be written counts all the same, until there is another.
    pub fn hold(&self, archive: &AeTitle, result: ProbeResult) {
        let (looked, written) = (Instant::now(), self.written(archive));
        let known = Known { looked, written, held: true, result: Ok(Some(Arc::new(result))) };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(*archive, known);
    }

    /// The result that counts and is not written, if there is one.
    pub fn held(&self, archive: &AeTitle) -> Option<Arc<ProbeResult>> {
        let all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(archive).filter(|known| known.held && known.written == self.written(archive))?;
        known.result.clone().ok().flatten()
    }

    fn written(&self, archive: &AeTitle) -> Option<SystemTime> {
        std::fs::metadata(prove::path(&self.state, archive)).and_then(|file| file.modified()).ok()
    }

    /// Reads all that is written anew.
    pub fn look_again(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, known| known.held);
    }

    /// Whether they are those of this state folder.
    pub fn are_of(&self, state: &Path) -> bool {
        self.state == state
    }
}
