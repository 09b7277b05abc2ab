//! What this gateway remembers of reading back before it tells: how often it tried in vain for a report, and how many
//! reports are being looked into now.
//!
//! It is lost with the gateway, and then it is tried as often anew: that costs time, never a wrong word.

use crate::dicom::AeTitle;
use crate::state::ReportId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many reports are read back from one archive at a time: one that hangs keeps nobody waiting who asked another.
const EACH: usize = 2;
/// Reports whose tries are remembered; for one more, those of another begin anew.
const MOST_KNOWN: usize = 10_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Tries {
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    reading: HashMap<AeTitle, usize>,
    vain: HashMap<ReportId, u32>,
}

/// A report is being looked into, until this is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    tries: &'a Tries,
    archive: AeTitle,
}

impl Tries {
    /// The turn of a report of this archive; `None`: others are being looked into.
    pub(super) fn turn(&self, archive: AeTitle) -> Option<Turn<'_>> {
        let mut books = self.books();
        let reading = books.reading.entry(archive).or_default();
        if *reading >= EACH {
            return None;
        }
        *reading += 1;
        Some(Turn { tries: self, archive })
    }

    /// How many are being looked into.
    pub(super) fn reading(&self) -> usize {
        self.books().reading.values().sum()
    }

    /// How often it was tried in vain for a report.
    pub(super) fn of(&self, report: ReportId) -> u32 {
        self.books().vain.get(&report).copied().unwrap_or_default()
    }

    /// Once more in vain.
    pub(super) fn in_vain(&self, report: ReportId) {
        let mut books = self.books();
        let other = books.vain.keys().next().copied().filter(|_| books.vain.len() >= MOST_KNOWN);
        if let Some(other) = other.filter(|_| !books.vain.contains_key(&report)) {
            books.vain.remove(&other);
        }
        let tries = books.vain.entry(report).or_default();
        *tries = tries.saturating_add(1);
    }

    /// What is true of a report is known, or it is over.
    pub(super) fn forget(&self, report: ReportId) {
        self.books().vain.remove(&report);
    }

    /// Whole values at every moment, so a thread that panicked with the lock left nothing half done.
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut books = self.tries.books();
        if let Some(reading) = books.reading.get_mut(&self.archive) {
            *reading = reading.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EACH, Tries};
    use crate::dicom::AeTitle;
    use crate::state::ReportId;

    #[test]
    fn an_archive_that_hangs_keeps_the_reports_of_no_other_waiting() {
        let tries = Tries::default();
        let (slow, quick) = (AeTitle::new("SLOW").unwrap(), AeTitle::new("QUICK").unwrap());
        let held: Vec<_> = (0..EACH).map(|_| tries.turn(slow).unwrap()).collect();
        assert!(tries.turn(slow).is_none());
        assert!(tries.turn(quick).is_some());
        assert_eq!(tries.reading(), EACH);
        drop(held);
        assert!(tries.turn(slow).is_some());
    }

    #[test]
    fn tries_are_counted_for_each_report_until_it_is_over() {
        let (tries, one) = (Tries::default(), ReportId([1; 16]));
        tries.in_vain(one);
        tries.in_vain(one);
        assert_eq!((tries.of(one), tries.of(ReportId([2; 16]))), (2, 0));
        tries.forget(one);
        assert_eq!(tries.of(one), 0);
    }
}
