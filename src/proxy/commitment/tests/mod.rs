//! Reports from an archive's N-EVENT-REPORT to the requester's 0000: a real state, a real log, requesters that the test
//! plays byte by byte, and a clock that the test moves.

mod accepting;
mod courier;
mod kept;
mod mailbox;
mod requester;

use super::{Arrival, Asked, Commitments, Courier, accept, register};
use crate::audit::log::LogOptions;
use crate::audit::read::{Filter, Record, scan};
use crate::audit::{Log, explain};
use crate::config;
use crate::dicom::commitment::{self, Place, Reference, Report};
use crate::dicom::dimse::{Command, Field, Status};
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{AeTitle, Uid};
use crate::gate::Gate;
use crate::proxy::shared::Shared;
use crate::proxy::snapshot::Snapshot;
use crate::state::{ReportId, State, StateOptions};
use crate::telemetry::Metrics;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const MR: &str = "1.2.840.10008.5.1.4.1.1.4";
const KEEP: Duration = Duration::from_secs(30 * 86_400);
/// Long enough for anything that is to happen.
const PATIENCE: Duration = Duration::from_secs(20);

const GATEWAY: &str = "[gateway]\nname = \"gate-1\"\nstate = \"state\"\n\
    [[listen]]\nname = \"plain\"\naddress = \"127.0.0.1:0\"\ntls = \"off\"\nnetwork = [\"127.0.0.0/8\"]\n\
    [[archive]]\nae_title = \"PACS\"\naddress = \"127.0.0.1:4242\"\nanswers_to = [\"HOSPITAL\", \"PACS\"]\n\
    [[archive]]\nae_title = \"VNA\"\naddress = \"127.0.0.1:4243\"\n\
    [policy]\nfile = \"policy.toml\"\n";

/// A clock of one test's own, which it moves.
macro_rules! clock {
    () => {{
        static NOW: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(1_795_000_000);
        fn now() -> i64 {
            NOW.load(std::sync::atomic::Ordering::SeqCst)
        }
        crate::proxy::commitment::tests::Clock { now, at: &NOW }
    }};
}
use clock;

#[derive(Clone, Copy)]
struct Clock {
    now: fn() -> i64,
    at: &'static AtomicI64,
}

impl Clock {
    fn pass(self, seconds: i64) {
        self.at.fetch_add(seconds, Ordering::SeqCst);
    }
}

fn uid(text: &str) -> Uid {
    text.parse().unwrap()
}

fn title(text: &str) -> AeTitle {
    AeTitle::new(text).unwrap()
}

/// A policy with one peer, which may store CT, and what else is said of it.
fn policy(more: &str) -> String {
    format!(
        "[[peer]]\nae_titles = [\"CT1\"]\nname = \"CT\"\ntls = \"off\"\nnetwork = [\"127.0.0.0/8\"]\ngroups = [\"m\"]\n{more}\n\
         [[rule]]\nname = \"store\"\nwho = [\"group:m\"]\nto = [\"PACS\", \"VNA\"]\nmay = [\"store\", \"commit\"]\n\
         sop_classes = [\"{CT}\", \"{}\"]\n",
        commitment::SOP_CLASS
    )
}

fn snapshot(policy: &str, generation: u64) -> Snapshot {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gateway.toml"), GATEWAY).unwrap();
    std::fs::write(folder.path().join("policy.toml"), policy).unwrap();
    let settings = config::load(&folder.path().join("gateway.toml")).unwrap();
    Snapshot::build(settings, generation, 0).unwrap()
}

/// A gateway as far as commitment goes.
struct World {
    folder: tempfile::TempDir,
    clock: Clock,
    shared: Arc<Shared>,
    state: State,
    commitments: Commitments,
    running: Option<(watch::Sender<bool>, JoinHandle<()>)>,
}

impl World {
    async fn new(policy: &str, clock: Clock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::open(LogOptions::new("gate-1", folder.path(), jiff::Timestamp::now)).unwrap().log;
        let gate = Gate::new(Arc::new(log));
        let options = StateOptions::new(folder.path(), Arc::new(|_| {}), clock.now);
        let state = State::open(options).await.unwrap();
        let shared = Arc::new(Shared::new(snapshot(policy, 1), gate, Metrics::new().unwrap(), state.clone()));
        let commitments = Commitments::new(state.clone(), clock.now);
        Self { folder, clock, shared, state, commitments, running: None }
    }

    fn start(&mut self) {
        let (stop, stopped) = watch::channel(false);
        let courier = Courier::new(Arc::clone(&self.shared), self.commitments.clone());
        self.running = Some((stop, tokio::spawn(courier.run(stopped))));
    }

    /// Stops the courier and opens the state anew, as a restart does.
    async fn restart(&mut self) {
        self.stop().await;
        let options = StateOptions::new(self.folder.path(), Arc::new(|_| {}), self.clock.now);
        self.state = State::open(options).await.unwrap();
        self.commitments = Commitments::new(self.state.clone(), self.clock.now);
        self.start();
    }

    async fn stop(&mut self) {
        if let Some((stop, task)) = self.running.take() {
            stop.send_replace(true);
            tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
        }
    }

    fn pass(&self, seconds: i64) {
        self.clock.pass(seconds);
        self.commitments.wake();
    }

    /// CT1 asks an archive to commit.
    async fn ask(&self, archive: &str, transaction: &str) {
        register(&self.commitments, asked(archive, "CT", transaction), KEEP).await.unwrap();
    }

    /// The archive reports.
    async fn report(&self, archive: &str, report: &Report) -> Status {
        self.report_as(archive, "CT1", report).await
    }

    async fn report_as(&self, archive: &str, called: &str, report: &Report) -> Status {
        let data = report.encode(Encoding::ImplicitLe);
        let command = event_report(report.event_type());
        self.arrive(archive, called, &command, &data).await
    }

    async fn arrive(&self, archive: &str, called: &str, command: &Command, data: &[u8]) -> Status {
        let (archive, title) = (title(archive), title(called));
        let arrival = Arrival { archive, title, command, data, encoding: Encoding::ImplicitLe };
        accept(&self.shared, &self.commitments, arrival).await
    }

    async fn waiting(&self) -> Vec<(ReportId, crate::state::Report)> {
        self.state.waiting_reports().await.unwrap()
    }

    /// Waits until so many reports wait that have been tried so often.
    async fn tried(&self, count: usize, attempts: u32) {
        let tried = async {
            loop {
                let waiting = self.waiting().await;
                if waiting.len() == count && waiting.iter().all(|(_, report)| report.attempts >= attempts) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, tried).await;
        assert!(waited.is_ok(), "{count} reports after {attempts} attempts: {:?}", self.waiting().await);
    }

    fn records(&self, outcome: &str) -> Vec<Record> {
        let mut all = Vec::new();
        scan(&self.folder.path().join("audit"), &Filter::default(), None, |record| {
            if record.event() == "commitment" && record.text("outcome") == Some(outcome) {
                all.push(record);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        all
    }

    fn explained(&self, outcome: &str) -> String {
        self.records(outcome).iter().flat_map(explain::explain).collect::<Vec<_>>().join("\n")
    }
}

fn asked(archive: &str, requester: &str, transaction: &str) -> Asked {
    Asked {
        person: String::new(),
        archive: title(archive),
        title: title("CT1"),
        requester: requester.into(),
        requester_title: title("CT1"),
        transaction: uid(transaction),
    }
}

fn event_report(event_type: u16) -> Command {
    let (class, instance) = (uid(commitment::SOP_CLASS), uid(commitment::SOP_INSTANCE));
    let command = Command::n_request(Field::EventReportRq, 1, &class, &instance, true);
    Command { event_type: Some(event_type), ..command }
}

fn reference(class: &str, instance: &str) -> Reference {
    Reference { class: uid(class), instance: uid(instance), place: None }
}

/// All is kept: these classes, one instance each.
fn kept(transaction: &str, classes: &[&str]) -> Report {
    let committed = classes.iter().enumerate().map(|(number, class)| reference(class, &format!("1.2.{number}")));
    Report {
        transaction: uid(transaction),
        place: Place::default(),
        committed: committed.collect(),
        failed: Vec::new(),
    }
}
