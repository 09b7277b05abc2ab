//! What all connections share.

use super::commitment::Commitments;
use super::guard::Held;
use super::live::Live;
use super::lookup::Remembered;
use super::names::Names;
use super::snapshot::Snapshot;
use super::vault::KeptWhole;
use super::way_back::Grants;
use crate::archive::Capacity;
use crate::config::{Limits, Settings};
use crate::gate::{Gate, RefusalLimits};
use crate::net::buffer::Pool;
use crate::net::slots::Slots;
use crate::spool::{self, SpoolOptions, Spools};
use crate::state::State;
use crate::telemetry::Metrics;
use arc_swap::{ArcSwap, ArcSwapOption};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// How many association requests longer than [`LONG_REQUEST`] may be read at once: callers that nobody knows yet must
/// not make the gateway hold a megabyte each.
const LONG_REQUESTS: usize = 32;
/// An association request is seldom longer, bytes: 128 contexts of ten transfer syntaxes each.
pub const LONG_REQUEST: usize = 64 * 1024;

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
    /// Association requests longer than usual that are being read.
    pub long_requests: Arc<Semaphore>,
    /// User identities that are being checked, by peer.
    pub identities: Arc<Slots<Arc<str>>>,
    /// How names are recorded that nobody vouched for.
    pub names: Names,
    /// Held by the reload under way.
    pub reloading: tokio::sync::Mutex<()>,
    /// The changed policy that waits for a person.
    held: ArcSwapOption<Held>,
    /// Read buffers.
    pub pool: Arc<Pool>,
    /// Metrics.
    pub metrics: Metrics,
    /// What outlives associations and is shared with other gateways.
    pub state: State,
    /// What ties deliveries to whoever asked for them.
    pub grants: Arc<Grants>,
    /// What ties reports of storage commitment to whoever asked for them.
    pub commitments: Commitments,
    /// What lookups have found out.
    pub lookups: Remembered,
    /// Where objects wait that are being sealed or opened.
    pub spools: Arc<Spools>,
    /// What is sealed whole.
    pub kept_whole: KeptWhole,
    /// Instances that are stored again without being compared, by archive: there was no room to keep them meanwhile.
    pub not_compared: KeptWhole,
}

impl Shared {
    /// Puts it together.
    pub fn new(snapshot: Snapshot, gate: Gate, metrics: Metrics, state: State) -> Self {
        let limits = &snapshot.settings.limits;
        let pool = Pool::new(
            usize::try_from(limits.buffer).unwrap_or(64 * 1024),
            usize::try_from(limits.buffers).unwrap_or(usize::MAX),
        );
        gate.set_refusal_limits(refusal_limits(limits));
        if let Some(people) = &snapshot.people {
            people.share(&state);
        }
        Self {
            gate,
            live: Arc::default(),
            capacity: Capacity::default(),
            unidentified: Arc::default(),
            associations: Arc::default(),
            identities: Arc::default(),
            names: Names::new(),
            long_requests: Arc::new(Semaphore::new(LONG_REQUESTS)),
            reloading: tokio::sync::Mutex::default(),
            held: ArcSwapOption::empty(),
            pool: Arc::new(pool),
            metrics,
            state: state.clone(),
            commitments: Commitments::new(state.clone(), super::clock::unix),
            grants: Arc::new(Grants::new(state, snapshot.settings.gateway.database.is_some(), super::clock::unix)),
            lookups: Remembered::default(),
            kept_whole: KeptWhole::default(),
            not_compared: KeptWhole::default(),
            spools: Spools::new(spool_options(&snapshot.settings)),
            snapshot: ArcSwap::from_pointee(snapshot),
        }
    }

    /// What is in force.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// The changed policy that waits for a person.
    pub fn held(&self) -> Option<Arc<Held>> {
        self.held.load_full()
    }

    /// Sets it.
    pub fn hold(&self, held: Option<Held>) {
        self.held.store(held.map(Arc::new));
    }

    /// Puts a new snapshot in force and has every association ask again.
    pub fn replace(&self, snapshot: Snapshot) {
        let generation = snapshot.generation;
        self.gate.set_refusal_limits(refusal_limits(&snapshot.settings.limits));
        if let Some(people) = &snapshot.people {
            people.share(self.grants.state());
        }
        self.snapshot.store(Arc::new(snapshot));
        self.lookups.clear();
        self.live.set_generation(generation);
    }
}

/// What the configuration says about the spool.
fn spool_options(settings: &Settings) -> SpoolOptions {
    let limits = &settings.limits;
    SpoolOptions {
        folder: settings.gateway.state.join(spool::FOLDER),
        memory: limits.spool_memory,
        memory_all: limits.spool_memory_all,
        disk: limits.spool_disk,
    }
}

fn refusal_limits(limits: &Limits) -> RefusalLimits {
    RefusalLimits {
        recorded: limits.refusals_recorded,
        burst: limits.refusals_burst,
        addresses: usize::try_from(limits.refusals_addresses).unwrap_or(usize::MAX),
    }
}
