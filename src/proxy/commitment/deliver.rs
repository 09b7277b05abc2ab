//! Reports of one requester, one after the other: on an association that is open, or on one of the gateway's own.

use super::courier::LEASE;
use super::mailbox::{Undelivered, command};
use super::narrow::narrow;
use super::register::seconds;
use super::trust::{Trusted, trust};
use super::{Commitments, note, towards};
use crate::audit::commitment::{CommitmentNote, Stage};
use crate::dicom::Uid;
use crate::dicom::commitment::{self, Report};
use crate::dicom::dimse::Status;
use crate::dicom::negotiation::Roles;
use crate::dicom::transfer_syntax::{Encoding, encoding_of};
use crate::gate::Subject;
use crate::policy::model::{CommitReport, Peer};
use crate::proxy::shared::Shared;
use crate::proxy::snapshot::Snapshot;
use crate::scu::{Ask, Link, LinkFault, Target};
use crate::state::{self, ReportId};
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long the requester may take to answer a report.
const ANSWER: Duration = Duration::from_secs(60);
/// How long the end of an association may take.
const RELEASE: Duration = Duration::from_secs(5);
/// The longest time between two attempts, seconds.
const LONGEST_WAIT: i64 = 3600;

/// A report to be delivered.
#[derive(Debug)]
pub struct Work {
    /// Its identity.
    pub id: ReportId,
    /// As it is stored.
    pub report: state::Report,
    /// Until when it may be tried.
    pub until: Instant,
}

/// Delivers the reports of one requester.
pub struct Deliverer {
    shared: Arc<Shared>,
    commitments: Commitments,
    /// The association of the gateway's own, and the number of its next message.
    link: Option<(Link, u16)>,
    /// Why there is none, once that is known.
    unreachable: Option<String>,
}

/// How often the lease of a report is renewed while it is looked into.
const HOLD: Duration = Duration::from_secs(8);
/// So long is a report that has changed left alone, seconds: it is in hand already, under its new identity.
const IN_HAND: i64 = 150;

/// How one attempt ended.
enum End {
    /// There is more to be read back first: it goes on in so many seconds.
    Unready(i64),
    /// What it is about cannot be read back now, which says nothing of its requester.
    Unread(String),
    /// Another took its place while it was looked into, or took it away.
    Gone,
    /// Acknowledged, on this association.
    Acknowledged(&'static str),
    /// Not now.
    Failed(String),
    /// Never.
    Hopeless(String),
}

impl Deliverer {
    /// Before the first report.
    pub const fn new(shared: Arc<Shared>, commitments: Commitments) -> Self {
        Self { shared, commitments, link: None, unreachable: None }
    }

    /// Delivers them, all of one requester; returns those that are to be tried again.
    pub async fn deliver(mut self, work: VecDeque<Work>) -> Vec<ReportId> {
        let snapshot = self.shared.snapshot();
        let mut later = Vec::new();
        for mut work in work {
            if Instant::now() >= work.until {
                // The others took their time; it is offered again when its lease is over.
                later.push(work.id);
                continue;
            }
            if let Some(end) = self.verify(&snapshot, &mut work).await {
                let note = note::of(&work.report.commitment, Stage::Delivered);
                if self.settle(work.id, &work.report, note, end).await {
                    later.push(work.id);
                }
                continue;
            }
            let Work { id, report: stored, until } = work;
            let mut note = note::of(&stored.commitment, Stage::Delivered);
            note.attempts = stored.attempts.saturating_add(1);
            let end = match tokio::time::timeout_at(until, self.attempt(&snapshot, &stored, &mut note)).await {
                Ok(end) => end,
                Err(_) => End::Failed(Undelivered::Silent.to_string()),
            };
            if self.settle(id, &stored, note, end).await {
                later.push(id);
            }
        }
        if let Some((mut link, _)) = self.link.take() {
            link.set_patience(RELEASE);
            // Everything has been said.
            let _ = link.release().await;
        }
        later
    }

    /// Before anything is told: whether it is true of what is sealed. `None`: it is, or says now what is.
    async fn verify(&self, snapshot: &Snapshot, work: &mut Work) -> Option<End> {
        let Commitments { state, clock, tries, .. } = &self.commitments;
        let stored = &mut work.report;
        let most = commitment::MOST_REFERENCES;
        let read = commitment::read(&stored.data_set, Encoding::ExplicitLe, stored.event_type, most);
        // What cannot be read is given up in the attempt itself.
        let mut report = read.ok()?;
        let whose = (&stored.commitment, tries.of(work.id));
        let trusted = {
            let mut trusted = pin!(trust(&self.shared, &self.commitments, snapshot, whose, &mut report));
            loop {
                match tokio::time::timeout(HOLD, &mut trusted).await {
                    Ok(trusted) => break trusted,
                    // No other gateway is to take it meanwhile; one that does has it told twice.
                    Err(_) => drop(state.hold_report(work.id, clock().saturating_add(LEASE)).await),
                }
            }
        };
        // Reading back may have taken long, and telling has a time of its own.
        work.until = work.until.max(Instant::now() + ANSWER + RELEASE);
        match trusted {
            Trusted::Whole => {
                tries.forget(work.id);
                return None;
            }
            Trusted::More(seconds) => return Some(End::Unready(seconds)),
            Trusted::Later(words) => return Some(End::Unread(words)),
            Trusted::Less => tries.forget(work.id),
        }
        // Its place is taken by what is true, durably, before anybody hears of it.
        stored.event_type = report.event_type();
        stored.data_set = report.encode(Encoding::ExplicitLe);
        stored.due = clock().saturating_add(IN_HAND);
        match state.change_report(work.id, stored).await {
            Ok(Some(id)) => {
                work.id = id;
                None
            }
            Ok(None) => Some(End::Gone),
            Err(fault) => Some(End::Unread(fault.to_string())),
        }
    }

    async fn attempt(&mut self, snapshot: &Snapshot, stored: &state::Report, note: &mut CommitmentNote<'_>) -> End {
        let commitment = &stored.commitment;
        let Some(peer) = snapshot.policy.peer(&commitment.requester) else {
            return End::Hopeless("the policy no longer has a peer of that name".to_owned());
        };
        let most = commitment::MOST_REFERENCES;
        let read = commitment::read(&stored.data_set, Encoding::ExplicitLe, stored.event_type, most);
        let mut report = match read {
            Ok(report) => report,
            Err(fault) => return End::Hopeless(format!("what is stored cannot be read: {fault}")),
        };
        // Once more: the policy may have changed since the report came.
        let withheld = narrow(snapshot, commitment, &mut report);
        note.instances = Some(note::instances(&report, withheld));
        let report = Arc::new(report);
        if peer.commit_report != CommitReport::New {
            match self.over_open(stored, &report).await {
                Some(Ok(status)) => return judged(status, "same"),
                Some(Err(fault @ Undelivered::Silent)) => return End::Failed(fault.to_string()),
                Some(Err(fault)) if peer.commit_report == CommitReport::Same => {
                    return End::Failed(fault.to_string());
                }
                None if peer.commit_report == CommitReport::Same => {
                    return End::Failed("no association of the requester is open".to_owned());
                }
                Some(Err(Undelivered::Ending)) | None => {}
            }
        }
        match self.over_own(snapshot, peer, stored, &report).await {
            Ok(status) => judged(status, "new"),
            Err(words) => End::Failed(words),
        }
    }

    /// On an association that the requester has opened; `None`: there is none.
    async fn over_open(&self, stored: &state::Report, report: &Arc<Report>) -> Option<Result<Status, Undelivered>> {
        let commitment = &stored.commitment;
        let mailboxes = &self.commitments.mailboxes;
        let answered = mailboxes.post(&commitment.requester, commitment.requester_title, report)?;
        Some(match tokio::time::timeout(ANSWER, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Undelivered::Ending),
            Err(_) => Err(Undelivered::Silent),
        })
    }

    /// On an association of the gateway's own, which the reports of one batch share.
    async fn over_own(
        &mut self,
        snapshot: &Snapshot,
        peer: &Peer,
        stored: &state::Report,
        report: &Report,
    ) -> Result<Status, String> {
        if self.shared.gate.quarantine().find(&Subject::Peer(Arc::clone(&peer.name))).is_some() {
            return Err(format!("peer `{}` is in quarantine", peer.name));
        }
        let target = towards::target(snapshot, peer, &stored.commitment)?;
        if let Some(opened) = self.link.take() {
            // The requester may have ended it meanwhile, or take but one report each time.
            if let Ok(status) = self.tell(opened, report).await {
                return Ok(status);
            }
        }
        if let Some(words) = &self.unreachable {
            return Err(words.clone());
        }
        let outcome = match open(&target).await {
            Ok(link) => self.tell((link, 1), report).await,
            Err(words) => Err(words),
        };
        outcome.inspect_err(|words| self.unreachable = Some(words.clone()))
    }

    async fn tell(&mut self, (mut link, message): (Link, u16), report: &Report) -> Result<Status, String> {
        let words = |fault: LinkFault| fault.to_string();
        let class = class()?;
        let Some(context) = link.accepted(&class) else {
            link.abort().await;
            return Err("it does not accept Storage Commitment".to_owned());
        };
        let command = command(report, message).ok_or("the report has no command")?;
        let data = report.encode(encoding_of(&context.syntax));
        let answer = link.call(context.id, &command, Some(&data)).await.map_err(words)?;
        let status = answer.command.status.ok_or("it answers without a status")?;
        self.link = Some((link, message.checked_add(1).unwrap_or(1)));
        Ok(status)
    }

    /// Says in the state and in the records how it ended. `true`: it is tried again.
    async fn settle(&self, id: ReportId, stored: &state::Report, mut note: CommitmentNote<'_>, end: End) -> bool {
        let state = &self.commitments.state;
        let words = match end {
            End::Acknowledged(over) => {
                (note.over, note.status) = (Some(over), Some(Status::SUCCESS.0));
                note::note(&self.shared, note);
                if let Err(fault) = state.report_done(id).await {
                    tracing::warn!("a storage commitment report that has arrived will be delivered again: {fault}");
                }
                return false;
            }
            End::Unready(seconds) => {
                // Otherwise it is offered again when its lease is over.
                let _ = state.report_due(id, (self.commitments.clock)().saturating_add(seconds)).await;
                return true;
            }
            End::Gone => return false,
            End::Failed(words) => {
                let wait = self.wait(stored.attempts);
                if let Some(due) = self.due(stored, wait) {
                    note::failed(&self.shared, stored, &words, wait);
                    // Otherwise it is offered again when its lease is over.
                    let _ = state.report_failed(id, due).await;
                    return true;
                }
                format!("it was kept for as long as `commit_keep` says, and could not be delivered: {words}")
            }
            End::Unread(words) => {
                let tries = &self.commitments.tries;
                let wait = self.wait(tries.of(id));
                if let Some(due) = self.due(stored, wait) {
                    tries.in_vain(id);
                    note::failed(&self.shared, stored, &words, wait);
                    let _ = state.report_due(id, due).await;
                    // That its requester calls does not make the archive answer.
                    return false;
                }
                tries.forget(id);
                format!("it was kept for as long as `commit_keep` says, and could not be verified: {words}")
            }
            End::Hopeless(words) => words,
        };
        (note.stage, note.words) = (Stage::Undeliverable, Some(words.as_str()));
        if note::note(&self.shared, note) {
            // What stays is offered again, and given up again.
            let _ = state.report_done(id).await;
        }
        false
    }

    /// When it is tried again; `None`: it is over before.
    fn due(&self, stored: &state::Report, wait: i64) -> Option<i64> {
        let due = (self.commitments.clock)().saturating_add(wait);
        (due < stored.commitment.expires).then_some(due)
    }

    /// Seconds until the next attempt: `commit_retry`, doubled after each one, up to an hour.
    fn wait(&self, attempts: u32) -> i64 {
        let first = seconds(self.shared.snapshot().settings.limits.commit_retry).max(1);
        first.saturating_mul(1_i64.checked_shl(attempts.min(32)).unwrap_or(i64::MAX)).min(LONGEST_WAIT)
    }
}

/// Only 0000H is an acknowledgement.
fn judged(status: Status, over: &'static str) -> End {
    match status {
        Status::SUCCESS => End::Acknowledged(over),
        other => End::Failed(format!("it answers {other}")),
    }
}

fn class() -> Result<Uid, String> {
    Uid::new(commitment::SOP_CLASS).map_err(|fault| fault.to_string())
}

/// Opens an association as the SCP that reports (PS3.4 J.3.3, PS3.7 D.3.3.4: SCU role 0, SCP role 1). A requester that
/// leaves the roles unanswered is told all the same: many do not know role selection and take reports; one that
/// answers that the gateway may not be SCP is not.
async fn open(target: &Target<'_>) -> Result<Link, String> {
    let class = class()?;
    let ask = Ask::plain(class).with_roles(Roles { scu: false, scp: true });
    let mut link = Link::open(target, &[ask]).await.map_err(|fault| fault.to_string())?;
    let refused = link.answer().user.roles.iter().any(|role| role.sop_class == class && !role.scp);
    if refused {
        link.abort().await;
        return Err("it does not let the gateway be SCP of Storage Commitment".to_owned());
    }
    link.set_patience(ANSWER);
    Ok(link)
}
