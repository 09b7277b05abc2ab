//! What was seen delivered for one C-MOVE.

use crate::dicom::Uid;
use crate::dicom::dimse::{Status, StatusKind};
use std::collections::{HashMap, HashSet};
use std::time::Instant;

/// What was seen delivered for one C-MOVE. An archive may send an instance twice; the last answer counts.
#[derive(Debug)]
pub struct Tally {
    instances: HashMap<Uid, u16>,
    /// What the archive sent in its name and was refused, since the move may not hand it out.
    refused: HashSet<Uid>,
    /// Deliveries that ended, repeats and instances that are not kept apart included; what failed and is tried again
    /// counts once.
    attempts: u64,
    in_flight: u32,
    most: usize,
    last: Instant,
}

/// How many were delivered how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Deliveries that ended, repeats included; what failed and is tried again counts once.
    pub attempts: u64,
    /// Instances that were delivered or failed.
    pub instances: u64,
    /// Instances whose last delivery failed.
    pub failed: u64,
    /// Instances whose last delivery had a warning.
    pub warning: u64,
    /// Deliveries under way.
    pub in_flight: u32,
}

impl Tally {
    /// Nothing yet; at most `most` instances are told apart.
    pub fn new(most: usize, now: Instant) -> Self {
        Self { instances: HashMap::new(), refused: HashSet::new(), attempts: 0, in_flight: 0, most, last: now }
    }

    /// A delivery begins.
    pub fn begin(&mut self, now: Instant) {
        self.in_flight = self.in_flight.saturating_add(1);
        self.last = now;
    }

    /// A delivery that began has ended with this status.
    pub fn end(&mut self, instance: Uid, status: u16, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.note(instance, status, now);
    }

    /// An instance was delivered, here or by another gateway.
    pub fn note(&mut self, instance: Uid, status: u16, now: Instant) {
        self.last = now;
        let kept = self.instances.len() < self.most || self.instances.contains_key(&instance);
        let before = if kept { self.instances.insert(instance, status) } else { None };
        // Else a second try could stand for an instance that never came.
        if before.is_none_or(|before| Status(before).is_done()) {
            self.attempts = self.attempts.saturating_add(1);
        }
    }

    /// The archive sent an instance in its name that it may not hand out.
    pub fn refuse(&mut self, instance: Uid) {
        if self.refused.len() < self.most {
            self.refused.insert(instance);
        }
    }

    /// What was refused so.
    pub const fn refused(&self) -> &HashSet<Uid> {
        &self.refused
    }

    /// When something last happened.
    pub const fn last(&self) -> Instant {
        self.last
    }

    /// How many were delivered how.
    pub fn counts(&self) -> Counts {
        let instances = u64::try_from(self.instances.len()).unwrap_or(u64::MAX);
        let (attempts, in_flight) = (self.attempts, self.in_flight);
        let mut counts = Counts { attempts, instances, in_flight, ..Counts::default() };
        for status in self.instances.values() {
            match Status(*status).kind() {
                StatusKind::Success => {}
                StatusKind::Warning => counts.warning = counts.warning.saturating_add(1),
                _ => counts.failed = counts.failed.saturating_add(1),
            }
        }
        counts
    }

    /// Whether the last delivery of an instance succeeded.
    pub fn delivered(&self, instance: &Uid) -> bool {
        self.instances.get(instance).is_some_and(|status| Status(*status).is_done())
    }

    /// The instances whose last delivery failed, in the order of their UIDs.
    pub fn failed(&self) -> Vec<Uid> {
        let failed = self.instances.iter().filter(|(_, status)| !Status(**status).is_done());
        let mut failed: Vec<Uid> = failed.map(|(instance, _)| *instance).collect();
        failed.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        failed
    }
}
