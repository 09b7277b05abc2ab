//! Studies that were looked up a moment ago, bounded in number and age. What is not there is remembered like what is, and
//! takes as much room: else a memory that is small, or filled on purpose, would tell the one from the other.

use super::facts::StudyFacts;
use super::patients::Patients;
use crate::dicom::{AeTitle, Tag, Uid};
use crate::policy::Narrowing;
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most lists of patients that are remembered.
const LISTS: usize = 64;

/// Whom an archive believes to be asking, and what is asked of a study: archives may show one title what they hide from
/// another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub archive: AeTitle,
    pub calling: AeTitle,
    pub study: Uid,
    /// Attributes wanted of the study.
    pub wanted: Arc<[Tag]>,
    /// Whose `where_patient` the patient's studies were held against, where there is one.
    pub of_patient: Option<Arc<Narrowing>>,
}

/// Few narrowings are asked about one study: they need not be told apart by it.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.archive, self.calling, self.study, &self.wanted).hash(state);
    }
}

type Known = Option<Arc<StudyFacts>>;

/// What lookups have found out. Emptied when a new configuration comes into force.
#[derive(Default)]
pub struct Remembered(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    studies: HashMap<Key, (Instant, Known)>,
    /// In the order they were learned, so that the oldest go first.
    order: VecDeque<(Instant, Key)>,
    lists: VecDeque<List>,
}

/// Patients, and what they were asked for by.
struct List {
    learned: Instant,
    /// Archive and calling title.
    at: (AeTitle, AeTitle),
    narrowing: Arc<Narrowing>,
    patients: Arc<Patients>,
}

impl Remembered {
    /// Forgets everything.
    pub fn clear(&self) {
        *self.inner() = Inner::default();
    }

    /// What is known of a study, no older than `age`. `Some(None)`: it is known not to be there.
    pub(super) fn study(&self, key: &Key, age: Duration, now: Instant) -> Option<Known> {
        let inner = self.inner();
        let (learned, known) = inner.studies.get(key)?;
        (now.saturating_duration_since(*learned) < age).then(|| known.clone())
    }

    /// Remembers a study. `most`: how many are kept, those that are not there included.
    pub(super) fn learn(&self, key: Key, known: &Known, most: usize, now: Instant) {
        if most == 0 {
            return;
        }
        let mut inner = self.inner();
        inner.studies.insert(key.clone(), (now, known.clone()));
        inner.order.push_back((now, key));
        // An entry that was learned anew stands in the order twice: the first of them is passed over.
        while inner.studies.len() > most || inner.order.len() > most.saturating_mul(2) {
            let Some((learned, oldest)) = inner.order.pop_front() else { break };
            if inner.studies.get(&oldest).is_some_and(|(since, _)| *since == learned) {
                inner.studies.remove(&oldest);
            }
        }
    }

    /// The patients that somebody may see by `where_patient`.
    pub(super) fn patients(
        &self,
        at: (AeTitle, AeTitle),
        narrowing: &Narrowing,
        age: Duration,
        now: Instant,
    ) -> Option<Arc<Patients>> {
        let inner = self.inner();
        let found = inner.lists.iter().find(|list| list.at == at && *list.narrowing == *narrowing)?;
        (now.saturating_duration_since(found.learned) < age).then(|| Arc::clone(&found.patients))
    }

    /// Remembers them.
    pub(super) fn learn_patients(
        &self,
        at: (AeTitle, AeTitle),
        narrowing: &Arc<Narrowing>,
        patients: &Arc<Patients>,
        now: Instant,
    ) {
        let mut inner = self.inner();
        inner.lists.retain(|list| list.at != at || *list.narrowing != **narrowing);
        if inner.lists.len() >= LISTS {
            inner.lists.pop_front();
        }
        let (narrowing, patients) = (Arc::clone(narrowing), Arc::clone(patients));
        inner.lists.push_back(List { learned: now, at, narrowing, patients });
    }

    /// Whole values at every moment, so a thread that panicked with the lock left nothing half done.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of studies says much about patients.
impl std::fmt::Debug for Remembered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remembered").field("studies", &self.inner().studies.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
