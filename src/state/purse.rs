//! What this gateway knows of budgets: what was counted and when, page by page as the database holds it. The truth is in
//! the database; what is known here spares asking it about what was counted already.

use crate::state::row::Value;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// So many budgets are remembered; when there are more, all are read anew.
const REMEMBERED: usize = 1024;
/// So many items are remembered, all budgets together.
const ITEMS: usize = 500_000;
/// A page that holds so many items is full: what comes next begins another one.
const PAGE: usize = 512;
/// Bytes of an item on a page: its hash, and when it was counted.
const ENTRY: usize = 24;

/// What is remembered of budgets, by bucket.
#[derive(Default)]
pub struct Purses {
    all: Mutex<HashMap<[u8; 16], Arc<tokio::sync::Mutex<Purse>>>>,
}

impl Purses {
    /// That of a bucket. Whoever holds it locked is the only one of this gateway who charges it.
    pub fn of(&self, bucket: [u8; 16]) -> Arc<tokio::sync::Mutex<Purse>> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(&bucket) {
            return Arc::clone(known);
        }
        let items = all.values().filter_map(|purse| purse.try_lock().ok().map(|purse| purse.times.len()));
        if all.len() >= REMEMBERED || items.sum::<usize>() >= ITEMS {
            // One that is charged now stays, so that it is not charged twice at once.
            all.retain(|_, purse| Arc::strong_count(purse) > 1);
        }
        Arc::clone(all.entry(bucket).or_default())
    }
}

/// One item, and when it was counted, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its hash.
    pub item: [u8; 16],
    /// When.
    pub at: i64,
}

/// One budget.
#[derive(Default)]
pub struct Purse {
    /// It was read, and nobody else has changed it since as far as is known.
    known: bool,
    /// The window it was read for, seconds.
    window: i64,
    times: HashMap<[u8; 16], i64>,
    /// In the order of their times.
    order: VecDeque<Entry>,
    /// The newest page, what is on it, and its MAC; `None`: there is no page.
    page: i64,
    newest: Vec<Entry>,
    /// The newest page is not what a gateway wrote.
    bad: bool,
    mac: Option<Value>,
}

impl Purse {
    /// Whether it was read, for this window.
    pub fn is_known(&self, window: i64) -> bool {
        self.known && self.window == window
    }

    /// Whether nothing counts any more.
    pub fn is_spent(&self, now: i64) -> bool {
        self.mac.is_some() && self.order.back().is_none_or(|last| last.at <= now.saturating_sub(self.window))
    }

    /// Seconds.
    pub const fn window(&self) -> i64 {
        self.window
    }

    /// When an item was counted, if that is known.
    pub fn counted(&self, item: &[u8; 16]) -> Option<i64> {
        self.times.get(item).copied()
    }

    /// It must be read before it is used again; what was counted is still known to be so.
    pub const fn close(&mut self) {
        self.known = false;
    }

    /// It is read now.
    pub fn open(&mut self, window: i64) {
        *self = Self { known: true, window, ..Self::default() };
    }

    /// The next page, in their order, and its MAC. `None`: it is not what a gateway wrote; what was on it does not count,
    /// and nothing is added to it.
    pub fn add_page(&mut self, number: Option<i64>, entries: Option<Vec<Entry>>, mac: Option<Value>) {
        self.page = number.unwrap_or_else(|| self.page.saturating_add(1));
        self.bad = entries.is_none();
        self.mac = mac;
        let newest = entries.unwrap_or_default();
        newest.iter().for_each(|entry| self.add(*entry));
        self.newest = newest;
    }

    /// What was to be counted is.
    pub fn reopen(&mut self, page: i64, mac: Option<Value>, newest: Vec<Entry>, fresh: &[Entry]) {
        fresh.iter().for_each(|entry| self.add(*entry));
        (self.page, self.mac, self.newest, self.bad, self.known) = (page, mac, newest, false, true);
    }

    fn add(&mut self, entry: Entry) {
        if self.times.insert(entry.item, entry.at).is_none_or(|before| before != entry.at) {
            self.order.push_back(entry);
        }
    }

    /// Forgets what was counted before the window.
    pub fn forget(&mut self, now: i64) {
        let since = now.saturating_sub(self.window);
        while let Some(first) = self.order.front().filter(|first| first.at <= since).copied() {
            self.order.pop_front();
            if self.times.get(&first.item) == Some(&first.at) {
                self.times.remove(&first.item);
            }
        }
        self.newest.retain(|entry| entry.at > since);
    }

    /// How many of a batch, from the front, have room, and which of them have not been counted.
    pub fn room(&self, batch: &[[u8; 16]], most: usize) -> (usize, Vec<[u8; 16]>) {
        let left = most.saturating_sub(self.times.len());
        let mut fresh: Vec<[u8; 16]> = Vec::new();
        for (place, item) in batch.iter().enumerate() {
            if self.times.contains_key(item) || fresh.contains(item) {
                continue;
            }
            if fresh.len() >= left {
                return (place, fresh);
            }
            fresh.push(*item);
        }
        (batch.len(), fresh)
    }

    /// The page that more entries go to: its number, the MAC that it has before, and all that is on it then. Without a
    /// MAC it is a new page.
    pub fn next_page(&self, more: &[Entry]) -> (i64, Option<Value>, Vec<Entry>) {
        match &self.mac {
            Some(mac) if self.newest.len() < PAGE && !self.bad => {
                (self.page, Some(mac.clone()), [&self.newest, more].concat())
            }
            Some(_) => (self.page.saturating_add(1), None, more.to_vec()),
            None => (0, None, more.to_vec()),
        }
    }
}

/// Reads a page; `None`: it is none. What was counted in the future (another gateway's clock is ahead) counts as of now.
pub fn read_page(bytes: &[u8], now: i64) -> Option<Vec<Entry>> {
    let (entries, rest) = bytes.as_chunks::<ENTRY>();
    let read = |entry: &[u8; ENTRY]| {
        let (item, at) = entry.split_first_chunk::<16>()?;
        Some(Entry { item: *item, at: i64::from_be_bytes(at.try_into().ok()?).min(now) })
    };
    if rest.is_empty() { entries.iter().map(read).collect() } else { None }
}

/// Writes a page.
pub fn write_page(entries: &[Entry]) -> Vec<u8> {
    entries.iter().flat_map(|entry| entry.item.into_iter().chain(entry.at.to_be_bytes())).collect()
}
