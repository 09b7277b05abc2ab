//! Bounded numbers of things: connections of an address, associations of a peer or to an archive.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

/// Counts what is in use, by key and in all.
#[derive(Debug)]
pub struct Slots<K: Eq + Hash> {
    state: Mutex<State<K>>,
}

#[derive(Debug)]
struct State<K> {
    total: usize,
    by_key: HashMap<K, usize>,
}

/// A place taken; free again when dropped.
#[derive(Debug)]
pub struct Slot<K: Eq + Hash> {
    slots: Arc<Slots<K>>,
    key: K,
}

/// Which bound was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The bound of this key.
    Key,
    /// The bound of all together.
    Total,
}

impl<K: Eq + Hash> Default for Slots<K> {
    fn default() -> Self {
        Self { state: Mutex::new(State { total: 0, by_key: HashMap::new() }) }
    }
}

impl<K: Eq + Hash + Clone> Slots<K> {
    /// Takes a place, if fewer than `per_key` of the key and fewer than `total` in all are taken. The bounds come with
    /// each call, so that a reload changes them without touching what is taken.
    ///
    /// # Errors
    /// The bound that was met.
    pub fn take(self: &Arc<Self>, key: K, per_key: usize, total: usize) -> Result<Slot<K>, Full> {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if state.total >= total {
            return Err(Full::Total);
        }
        let count = state.by_key.entry(key.clone()).or_insert(0);
        if *count >= per_key {
            if *count == 0 {
                state.by_key.remove(&key);
            }
            return Err(Full::Key);
        }
        *count += 1;
        state.total += 1;
        drop(state);
        Ok(Slot { slots: Arc::clone(self), key })
    }

    /// How many are taken in all.
    pub fn taken(&self) -> usize {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).total
    }
}

impl<K: Eq + Hash> Drop for Slot<K> {
    fn drop(&mut self) {
        let mut state = self.slots.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.total = state.total.saturating_sub(1);
        if let Some(count) = state.by_key.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                state.by_key.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_by_key_and_in_all_and_places_come_back() {
        let slots = Arc::new(Slots::default());
        let first = slots.take("a", 1, 2).unwrap();
        assert_eq!(slots.take("a", 1, 2).unwrap_err(), Full::Key);
        let _second = slots.take("b", 1, 2).unwrap();
        assert_eq!(slots.take("c", 1, 2).unwrap_err(), Full::Total);
        drop(first);
        assert!(slots.take("a", 1, 2).is_ok());
        assert_eq!(slots.take("c", 0, 9).unwrap_err(), Full::Key);
    }
}
