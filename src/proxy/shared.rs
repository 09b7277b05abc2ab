//! What all connections share.

use super::live::Live;
use super::snapshot::Snapshot;
use crate::archive::Capacity;
use crate::config::Limits;
use crate::gate::{Gate, RefusalLimits};
use crate::net::buffer::Pool;
use crate::net::slots::Slots;
use crate::telemetry::Metrics;
use arc_swap::ArcSwap;
use std::net::IpAddr;
use std::sync::Arc;

/// What all connections share; the snapshot is swapped whole, the rest stays.
#[derive(Debug)]
pub struct Shared {
    snapshot: ArcSwap<Snapshot>,
    /// The one door.
    pub gate: Gate,
    /// What is open.
    pub live: Arc<Live>,
    /// Places at archives.
    pub capacity: Capacity,
    /// Connections whose caller is not identified yet, by address.
    pub unidentified: Arc<Slots<IpAddr>>,
    /// Associations, by peer.
    pub associations: Arc<Slots<Arc<str>>>,
    /// Read buffers.
    pub pool: Arc<Pool>,
    /// Metrics.
    pub metrics: Metrics,
}

impl Shared {
    /// Puts it together.
    pub fn new(snapshot: Snapshot, gate: Gate, metrics: Metrics) -> Self {
        let limits = &snapshot.settings.limits;
        let pool = Pool::new(
            usize::try_from(limits.buffer).unwrap_or(64 * 1024),
            usize::try_from(limits.buffers).unwrap_or(usize::MAX),
        );
        gate.set_refusal_limits(refusal_limits(limits));
        Self {
            gate,
            live: Arc::default(),
            capacity: Capacity::default(),
            unidentified: Arc::default(),
            associations: Arc::default(),
            pool: Arc::new(pool),
            metrics,
            snapshot: ArcSwap::from_pointee(snapshot),
        }
    }

    /// What is in force.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Puts a new snapshot in force and has every association ask again.
    pub fn replace(&self, snapshot: Snapshot) {
        let generation = snapshot.generation;
        self.gate.set_refusal_limits(refusal_limits(&snapshot.settings.limits));
        self.snapshot.store(Arc::new(snapshot));
        self.live.set_generation(generation);
    }
}

fn refusal_limits(limits: &Limits) -> RefusalLimits {
    RefusalLimits {
        recorded: limits.refusals_recorded,
        burst: limits.refusals_burst,
        addresses: usize::try_from(limits.refusals_addresses).unwrap_or(usize::MAX),
    }
}
