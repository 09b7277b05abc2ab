//! The courier: one task that brings stored reports to whoever asked for them, and tries again where it cannot.

use super::Commitments;
use super::deliver::{Deliverer, Work};
use crate::dicom::AeTitle;
use crate::proxy::shared::Shared;
use crate::state::{ReportId, StateFault};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

/// Requesters that are being called at a time.
const AT_ONCE: usize = 8;
/// Reports that are held in memory to be delivered next; the others wait in the state.
const MOST_HELD: usize = 32;
/// How often the state is asked what is due, if nothing wakes the courier before.
const LOOK: Duration = Duration::from_secs(1);
/// How long a report is this gateway's to deliver, seconds. Renewed while it is in hand; of a gateway that was killed
/// another one, or the next run, takes it over then.
pub(super) const LEASE: i64 = 20;
/// How long a report is tried from the moment it is held.
const HELD: Duration = Duration::from_secs(100);
/// Reports remembered to be tried sooner when an association of their requester opens; more wait for their time.
const MOST_LATER: usize = 10_000;
/// How often the reports that wait are counted.
const COUNT: Duration = Duration::from_secs(10);
/// How long giving back what was held may take when the gateway stops.
const GIVE_BACK: Duration = Duration::from_secs(2);

type Whose = (Arc<str>, AeTitle);

/// Delivers reports for as long as the gateway runs. One for the process.
#[derive(Debug)]
pub struct Courier {
    shared: Arc<Shared>,
    commitments: Commitments,
    /// Held, not begun, by requester.
    held: HashMap<Whose, VecDeque<Work>>,
    /// Being delivered, by requester.
    busy: HashMap<Whose, Vec<ReportId>>,
    running: JoinSet<Vec<ReportId>>,
    tasks: HashMap<Id, Whose>,
    /// Tried in vain, by requester.
    later: HashMap<Whose, HashSet<ReportId>>,
    /// Requesters whose associations opened while they were being called.
    opened: HashSet<Whose>,
    /// When the reports that wait were last counted, and whether their number may have changed since.
    counted: Option<Instant>,
    changed: bool,
    away: bool,
}

impl Courier {
    /// For the gateway of these connections.
    pub fn new(shared: Arc<Shared>, commitments: Commitments) -> Self {
        Self {
            shared,
            commitments,
            held: HashMap::new(),
            busy: HashMap::new(),
            running: JoinSet::new(),
            tasks: HashMap::new(),
            later: HashMap::new(),
            opened: HashSet::new(),
            counted: None,
            changed: true,
            away: false,
        }
    }

    /// Delivers until told to stop; what is under way then is given up and kept for the next start.
    pub async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        loop {
            self.hasten().await;
            self.fetch().await;
            self.start();
            self.count().await;
            let done = tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => break,
                () = self.commitments.wake.notified() => None,
                () = tokio::time::sleep(LOOK) => None,
                Some(done) = self.running.join_next_with_id() => Some(done),
            };
            if let Some(done) = done {
                self.finished(done).await;
            }
        }
        self.running.shutdown().await;
        let held = self.held.values().flatten().map(|work| work.id);
        let ids: Vec<ReportId> = held.chain(self.busy.values().flatten().copied()).collect();
        // What cannot be given back is offered again when its lease is over.
        let _ = tokio::time::timeout(GIVE_BACK, self.make_due(ids)).await;
    }

    /// Reports of requesters whose associations have just opened are due now.
    async fn hasten(&mut self) {
        for whose in self.commitments.mailboxes.opened() {
            if self.busy.contains_key(&whose) {
                self.opened.insert(whose);
            } else {
                let ids = self.later.remove(&whose).unwrap_or_default();
                self.make_due(ids).await;
            }
        }
    }

    async fn make_due(&self, ids: impl IntoIterator<Item = ReportId>) {
        let now = (self.commitments.clock)();
        for id in ids {
            // Otherwise it is tried when it would have been.
            let _ = self.commitments.state.report_due(id, now).await;
        }
    }

    async fn fetch(&mut self) {
        let held: usize = self.held.values().map(VecDeque::len).sum();
        let room = u32::try_from(MOST_HELD.saturating_sub(held)).unwrap_or(0);
        // What cannot be recorded is not delivered.
        if room == 0 || !self.shared.gate.log().is_writable() {
            return;
        }
        let now = (self.commitments.clock)();
        let until = Instant::now() + HELD;
        let due = self.commitments.state.due_reports(now, room, now.saturating_add(LEASE)).await;
        self.tell(due.as_ref().err());
        let in_hand = |courier: &Self, id: ReportId| {
            courier.busy.values().flatten().any(|busy| *busy == id)
                || courier.held.values().flatten().any(|work| work.id == id)
        };
        for (id, report) in due.unwrap_or_default() {
            if in_hand(self, id) {
                // Its lease was over, and has begun anew.
                continue;
            }
            self.changed = true;
            let commitment = &report.commitment;
            let whose = (Arc::clone(&commitment.requester), commitment.requester_title);
            self.held.entry(whose).or_default().push_back(Work { id, report, until });
        }
    }

    /// One requester is called by one task at a time: one that does not answer must not keep the others waiting.
    fn start(&mut self) {
        // Those whose archive is being asked are not being called.
        while self.busy.len() < AT_ONCE + self.commitments.tries.reading() {
            let Some(whose) = self.held.keys().find(|whose| !self.busy.contains_key(*whose)).cloned() else { return };
            let Some(work) = self.held.remove(&whose) else { return };
            self.busy.insert(whose.clone(), work.iter().map(|work| work.id).collect());
            let deliverer = Deliverer::new(Arc::clone(&self.shared), self.commitments.clone());
            let task = self.running.spawn(deliverer.deliver(work));
            self.tasks.insert(task.id(), whose);
        }
    }

    /// What a task has left to be tried later. One that panicked says nothing: its reports are offered again when
    /// their lease is over.
    async fn finished(&mut self, done: Result<(Id, Vec<ReportId>), JoinError>) {
        self.changed = true;
        let (task, waiting) = match done {
            Ok((task, waiting)) => (task, waiting),
            Err(fault) => (fault.id(), Vec::new()),
        };
        let Some(whose) = self.tasks.remove(&task) else { return };
        let tried = self.busy.remove(&whose).unwrap_or_default();
        let mut later = self.later.remove(&whose).unwrap_or_default();
        for id in tried {
            later.remove(&id);
        }
        if self.opened.remove(&whose) {
            self.make_due(later.into_iter().chain(waiting)).await;
            return;
        }
        let known: usize = self.later.values().map(HashSet::len).sum();
        later.extend(waiting.into_iter().take(MOST_LATER.saturating_sub(known + later.len())));
        if !later.is_empty() {
            self.later.insert(whose, later);
        }
    }

    /// Counts what waits, for the metrics.
    async fn count(&mut self) {
        let recent = self.counted.is_some_and(|counted| counted.elapsed() < COUNT);
        if recent && !self.changed {
            return;
        }
        let Ok(count) = self.commitments.state.count_reports().await else { return };
        if self.counted.is_none() && count > 0 {
            tracing::info!("{count} storage commitment reports wait for their requesters");
        }
        (self.counted, self.changed) = (Some(Instant::now()), false);
        self.shared.metrics.commit_reports_waiting.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Says once that the state does not answer, and once that it does again.
    fn tell(&mut self, fault: Option<&StateFault>) {
        match fault {
            Some(fault) if !self.away => tracing::error!("storage commitment reports are not delivered: {fault}"),
            None if self.away => tracing::info!("storage commitment reports are delivered again"),
            _ => {}
        }
        self.away = fault.is_some();
    }
}
