//! The gateway as a whole: opens what it needs, accepts until told to stop, drains.

use super::commitment::Courier;
use super::live::Drain;
use super::reload;
use super::shared::Shared;
use super::snapshot::Snapshot;
use super::vault::prove::again;
use super::view::View;
use super::{clock, connection, keeper, quarantine, refusal};
use crate::audit::{Log, LogFault, LogOptions, Seed, log};
use crate::config::{Listener, Serves, Settings, Sync};
use crate::gate::Gate;
use crate::net::listen;
use crate::spool;
use crate::state::{Alert, BadRow, Database, State, StateFault, StateOptions};
use crate::telemetry::Metrics;
use prometheus::IntCounter;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// How often the head of the audit chain goes to the log.
const TELL_HEAD: Duration = Duration::from_secs(600);
/// How often what has expired is dropped from the state.
const TIDY: Duration = Duration::from_secs(300);
/// How long a second, harder request to end is waited for.
const LAST_CALL: Duration = Duration::from_secs(10);

/// Why the gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartFault {
    /// Certificates, keys or the policy cannot be used.
    #[error("{}", .0.join("\n"))]
    Wiring(Vec<String>),
    /// The state folder cannot be used.
    #[error("the state folder `{0}` cannot be made: {1}; it must belong to the user that the gateway runs as")]
    State(PathBuf, io::Error),
    /// The audit log cannot be opened.
    #[error(transparent)]
    Audit(#[from] LogFault),
    /// An address cannot be listened on.
    #[error("cannot listen on {0}: {1}{advice}", advice = listen_advice(.1))]
    Listen(SocketAddr, io::Error),
    /// The state cannot be opened.
    #[error("the state: {0}")]
    Database(#[from] StateFault),
    /// The metrics cannot be set up.
    #[error("metrics: {0}")]
    Metrics(String),
    /// It could not be told to stop.
    #[error("signals cannot be received")]
    Signals,
}

/// What to do when an address cannot be listened on.
fn listen_advice(fault: &io::Error) -> &'static str {
    match fault.kind() {
        io::ErrorKind::AddrInUse => "; another program has it, `ss -ltnp` shows which: is a gateway running already?",
        io::ErrorKind::AddrNotAvailable => {
            "; this machine does not have that address: write one of its own, or 0.0.0.0"
        }
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need the capability CAP_NET_BIND_SERVICE: see deploy/dicomgate.service"
        }
        _ => "",
    }
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    courier: JoinHandle<()>,
    /// Says that nobody is left; only then the keeper of the quarantine ends.
    end: watch::Sender<bool>,
    quarantine: JoinHandle<()>,
    /// Listener names and the addresses they are really bound to.
    pub addresses: Vec<(Arc<str>, SocketAddr)>,
    /// The audit seed, at the very first start: to be shown once and kept off this machine.
    pub seed: Option<Seed>,
}

impl Gateway {
    /// Opens keys, policy, audit log and listeners, and begins to accept. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// What stands in the way; nothing is accepted then.
    pub async fn start(settings: Settings) -> Result<Self, StartFault> {
        let metrics = Metrics::new().map_err(|fault| StartFault::Metrics(fault.to_string()))?;
        let state = settings.gateway.state.clone();
        std::fs::create_dir_all(&state).map_err(|fault| StartFault::State(state.clone(), fault))?;
        let snapshot = Snapshot::build(settings, 1, clock::unix()).map_err(StartFault::Wiring)?;
        let bound = bind_all(&snapshot)?;
        let opened = Log::open(log_options(&snapshot.settings))?;
        for warning in &opened.warnings {
            tracing::warn!("audit log: {warning}");
        }
        for warning in snapshot.warnings() {
            tracing::warn!("{warning}");
        }
        let names: Vec<String> =
            bound.iter().map(|(listener, _, address)| format!("{} {address}", listener.name)).collect();
        let gate = Gate::new(Arc::new(opened.log)).named(Arc::clone(&snapshot.settings.gateway.name));
        gate.started(1, env!("CARGO_PKG_VERSION"), &names).map_err(LogFault::Unrecorded)?;
        let bad_rows = metrics.bad_rows.clone();
        let state =
            State::open(state_options(&snapshot.settings, Arc::new(move |row| bad_row(&bad_rows, &row)))).await?;
        if snapshot.settings.gateway.database.is_none() {
            // A gateway that was killed may have left some, and nobody else shares this file.
            state.end_turns().await?;
        }
        same_ring(&snapshot, &state).await?;
        clear_spool(&snapshot.settings);
        let shared = Arc::new(Shared::new(snapshot, gate, metrics, state));
        quarantine::load(&shared).await;
        shared.live.set_generation(1);
        reload::show(&shared);
        reload::keep(&shared);
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let mut addresses = Vec::new();
        for (listener, socket, address) in bound {
            tracing::info!(listener = %listener.name, %address, "listening");
            addresses.push((Arc::clone(&listener.name), address));
            tasks.spawn(accept_all(Arc::clone(&shared), Arc::new(listener), socket, stopped.clone()));
        }
        tasks.spawn(refusal::sum(Arc::clone(&shared), stopped.clone()));
        let courier = Courier::new(Arc::clone(&shared), shared.commitments.clone());
        let courier = tokio::spawn(courier.run(stopped.clone()));
        // While associations drain, too, somebody may trip a wire.
        let (end, ended) = watch::channel(false);
        let quarantine = tokio::spawn(quarantine::keep(Arc::clone(&shared), ended));
        tasks.spawn(tidy(Arc::clone(&shared)));
        tasks.spawn(keeper::keep(Arc::clone(&shared)));
        tasks.spawn(again::keep(Arc::clone(&shared)));
        tasks.spawn(tell_head(Arc::clone(&shared)));
        tasks.spawn(super::vault::told::keep(Arc::clone(&shared), stopped.clone()));
        tasks.spawn(reload::watch(Arc::clone(&shared), stopped));
        Ok(Self { shared, stop, tasks, courier, end, quarantine, addresses, seed: opened.seed })
    }

    /// What machines may see of it, from now to its end.
    pub fn view(&self) -> View {
        View::new(Arc::clone(&self.shared))
    }

    /// Reads the configuration again now, as SIGHUP asks; what does not validate changes nothing.
    pub async fn reload(&self) {
        reload::reload(&self.shared).await;
    }

    /// Accepts no more, lets associations end between two messages, aborts what is left after `[limits] drain`, and
    /// closes the audit log.
    pub async fn stop(mut self, reason: &str) {
        let drain = self.shared.snapshot().settings.limits.drain;
        tracing::info!(running = self.shared.live.running(), "draining");
        // Nobody listening means that everything has stopped already.
        let _ = self.stop.send(true);
        self.shared.live.drain(Drain::Gently);
        if tokio::time::timeout(drain, self.shared.live.emptied()).await.is_err() {
            tracing::warn!(running = self.shared.live.running(), "the time to drain is up, aborting what is left");
            self.shared.live.drain(Drain::Now);
            let _ = tokio::time::timeout(LAST_CALL, self.shared.live.emptied()).await;
        }
        // It gives back what it has in hand, so that the next start need not wait for it.
        if tokio::time::timeout(LAST_CALL, &mut self.courier).await.is_err() {
            self.courier.abort();
        }
        // What was tripped last is in the state, and what was released is not recorded again, before the next one starts.
        let _ = self.end.send(true);
        if tokio::time::timeout(LAST_CALL, &mut self.quarantine).await.is_err() {
            self.quarantine.abort();
        }
        self.tasks.shutdown().await;
        let generation = self.shared.snapshot().generation;
        let stopped = self.shared.gate.stopped(generation, reason);
        if stopped.is_err() || self.shared.gate.log().checkpoint().is_err() {
            tracing::error!("the end could not be recorded");
        }
        tracing::info!(head = %self.shared.gate.log().head(), "stopped");
    }
}

/// Whether the folder of keys is the one that the ledger was written with: an old copy of it, or another, opens less and
/// would go on with numbers that were used.
async fn same_ring(snapshot: &Snapshot, state: &State) -> Result<(), StartFault> {
    let Some(vault) = &snapshot.vault else { return Ok(()) };
    let used = match state.seal_keys().await {
        Ok(used) => used,
        Err(fault) => {
            tracing::warn!(%fault, "the ledger of seals cannot be asked whether this ring has all of its keys");
            return Ok(());
        }
    };
    let strangers = vault.manifest().lacks(used);
    match strangers.is_empty() {
        true => Ok(()),
        false => Err(StartFault::Wiring(strangers.iter().map(ToString::to_string).collect())),
    }
}

/// Says where the audit chain stands: whoever keeps the log lines elsewhere is a witness.
async fn tell_head(shared: Arc<Shared>) {
    let mut told = None;
    loop {
        let head = shared.gate.log().head();
        if told != Some(head.sequence) {
            tracing::info!(%head, "audit log");
            told = Some(head.sequence);
        }
        tokio::time::sleep(TELL_HEAD).await;
    }
}

/// Drops what has expired from the state.
async fn tidy(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(TIDY).await;
        match shared.grants.state().sweep(clock::unix()).await {
            Ok(0) => {}
            Ok(dropped) => tracing::debug!(dropped, "expired rows of the state are gone"),
            Err(fault) => tracing::warn!(%fault, "the state could not be tidied"),
        }
    }
}

/// What a gateway that was killed left in the spool nobody can read; it only takes room.
fn clear_spool(settings: &Settings) {
    match spool::clear(&settings.gateway.state.join(spool::FOLDER)) {
        Ok(0) => {}
        Ok(files) => tracing::info!(files, "leftovers of the spool are gone"),
        Err(fault) => tracing::warn!(%fault, "leftovers of the spool could not be removed"),
    }
}

fn bind_all(snapshot: &Snapshot) -> Result<Vec<(Listener, TcpListener, SocketAddr)>, StartFault> {
    let mut listeners = Vec::new();
    for listener in &snapshot.settings.listeners {
        let socket = listen::bind(listener.address).map_err(|fault| StartFault::Listen(listener.address, fault))?;
        let address = socket.local_addr().unwrap_or(listener.address);
        listeners.push((listener.clone(), socket, address));
    }
    Ok(listeners)
}

fn bad_row(counter: &IntCounter, row: &BadRow) {
    counter.inc();
    tracing::error!(table = row.table, key = %row.key, "a row of the state is not what a gateway wrote; it counts as absent");
}

/// What the configuration says about the state: for the gateway, and for whoever looks at what it keeps.
pub fn state_options(settings: &Settings, alert: Alert) -> StateOptions {
    let mut options = StateOptions::new(&settings.gateway.state, alert, clock::unix);
    options.database = settings.gateway.database.as_ref().map(Database::from);
    let limits = &settings.limits;
    options.answer = limits.state_answer;
    options.most_reports = u64::from(limits.commit_reports);
    options.most_seen = limits.move_instances;
    options
}

fn log_options(settings: &Settings) -> LogOptions {
    let mut options = LogOptions::new(&*settings.gateway.name, &settings.gateway.state, jiff::Timestamp::now);
    options.file_size = settings.audit.file_size;
    if settings.audit.sync == Sync::Each {
        options.sync = log::Sync::Each;
    }
    options
}

async fn accept_all(
    shared: Arc<Shared>,
    listener: Arc<Listener>,
    socket: TcpListener,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listen::accept(&socket) => accepted,
            // What archives bring is what moves under way wait for: their listeners stay until everybody has left.
            _ = stopped.wait_for(|stop| *stop), if listener.serves == Serves::Peers => return,
        };
        let (tcp, remote) = accepted;
        // Counted here, so that a drain that begins before the task does still waits for it.
        let place = shared.live.enter();
        tokio::spawn(connection::serve(Arc::clone(&shared), Arc::clone(&listener), tcp, remote, place));
    }
}
