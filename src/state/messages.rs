//! Which message id to try next. The database says whether it is free; here is only remembered what was tried.
//!
//! While few are taken, ids are tried one after another from a random start, and nearly every try succeeds. At the first
//! id that is taken, the database is asked for all that are, and the next ones to try are free ones.

use crate::dicom::AeTitle;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

/// So many pairs of archive and title are remembered; when there are more, all begin anew.
const REMEMBERED: usize = 4096;
/// So many free ids are remembered of a pair.
const SUPPLY: usize = 256;

/// An archive and a calling title that it sees: within these a message id is taken once.
pub type Pair = (AeTitle, AeTitle);

#[derive(Default)]
struct Supply {
    /// The one to try next when none is known to be free.
    next: u16,
    free: VecDeque<u16>,
}

/// Which message id to try next, for each pair.
#[derive(Default)]
pub struct Messages {
    pairs: Mutex<HashMap<Pair, Supply>>,
    /// Held while the database is asked which ids are taken: one asks, the others take of what it brings.
    pub asking: tokio::sync::Mutex<()>,
}

impl Messages {
    /// An id that is likely free; never 0. `random` is where a pair begins that was not seen before.
    pub fn candidate(&self, pair: Pair, random: u16) -> u16 {
        let mut pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        if pairs.len() >= REMEMBERED && !pairs.contains_key(&pair) {
            pairs.clear();
        }
        let supply = pairs.entry(pair).or_insert_with(|| Supply { next: random, free: VecDeque::new() });
        supply.free.pop_front().unwrap_or_else(|| {
            let id = supply.next.max(1);
            supply.next = id.wrapping_add(1);
            id
        })
    }

    /// Whether ids are known to be free.
    pub fn is_supplied(&self, pair: &Pair) -> bool {
        let pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        pairs.get(pair).is_some_and(|supply| !supply.free.is_empty())
    }

    /// The database said which ids are taken: the next free ones are tried first. `false`: none is free.
    pub fn supply(&self, pair: Pair, taken: &HashSet<u16>) -> bool {
        let mut pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        let supply = pairs.entry(pair).or_default();
        let begin = supply.next;
        let circle = (begin..=u16::MAX).chain(0..begin);
        supply.free = circle.filter(|id| *id != 0 && !taken.contains(id)).take(SUPPLY).collect();
        if let Some(last) = supply.free.back() {
            supply.next = last.wrapping_add(1);
        }
        !supply.free.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{Messages, Pair};
    use crate::dicom::AeTitle;
    use std::collections::HashSet;

    fn pair() -> Pair {
        (AeTitle::new("PACS").unwrap(), AeTitle::new("WS1").unwrap())
    }

    #[test]
    fn every_id_but_0_comes_once_before_one_comes_again() {
        let messages = Messages::default();
        let ids: HashSet<u16> = (0..65_535).map(|_| messages.candidate(pair(), 65_000)).collect();
        assert_eq!(ids.len(), 65_535);
        assert!(!ids.contains(&0));
        assert_eq!(messages.candidate(pair(), 0), 65_000);
    }

    #[test]
    fn only_free_ids_come_when_the_taken_ones_are_known() {
        let messages = Messages::default();
        let first = messages.candidate(pair(), 60_000);
        let taken: HashSet<u16> = (1..=u16::MAX).filter(|id| id % 1000 != 7).collect();
        assert!(!messages.is_supplied(&pair()));
        assert!(messages.supply(pair(), &taken));
        assert!(messages.is_supplied(&pair()));
        let ids: Vec<u16> = (0..66).map(|_| messages.candidate(pair(), 0)).collect();
        assert_eq!((first, ids[0], ids[5], ids[6]), (60_000, 60_007, 65_007, 7));
        assert!(ids.iter().all(|id| id % 1000 == 7));
        assert!(!messages.is_supplied(&pair()));
        assert!(!messages.supply(pair(), &(1..=u16::MAX).collect()), "none is free");
    }
}
