//! The handle that the rest of the house holds.

use crate::dicom::AeTitle;
use crate::state::{
    Commitment, CommitmentKey, Grant, GrantId, NewGrant, Report, ReportId, Seen, StateFault, StateOptions, Turn,
};
use std::sync::Arc;

/// What outlives an association. Cheap to clone.
#[derive(Clone)]
pub struct State {
    options: Arc<StateOptions>,
}

impl State {
    /// Opens the state: SQLite makes its file and key, PostgreSQL its tables. A database that is away is no fault here:
    /// what is asked of it is answered with [`StateFault::Away`] until it comes.
    pub async fn open(options: StateOptions) -> Result<Self, StateFault> {
        Ok(Self { options: Arc::new(options) })
    }

    fn not_yet<T>(&self) -> Result<T, StateFault> {
        let _ = (self.options.clock)();
        Err(StateFault::Away("nothing is stored yet".to_owned()))
    }

    /// Whether the database is there, answers, and is one that this program can use.
    pub async fn reachable(&self) -> Result<(), StateFault> {
        self.not_yet()
    }

    /// Stores a grant, with a message id that is free at the archive for the title where none is given.
    pub async fn grant(&self, _new: NewGrant) -> Result<Grant, StateFault> {
        self.not_yet()
    }

    /// The grant in force whose C-MOVE the archive saw from `title` with this message id.
    pub async fn grant_by_originator(
        &self,
        _archive: AeTitle,
        _title: AeTitle,
        _message: u16,
    ) -> Result<Option<Grant>, StateFault> {
        self.not_yet()
    }

    /// All grants in force whose C-MOVE told the archive to send to `told`, oldest first.
    pub async fn grants_by_destination(&self, _archive: AeTitle, _told: AeTitle) -> Result<Vec<Grant>, StateFault> {
        self.not_yet()
    }

    /// Gives a grant in force another expiry.
    pub async fn prolong_grant(&self, _id: GrantId, _expires: i64) -> Result<(), StateFault> {
        self.not_yet()
    }

    /// Notes a delivery. The same instance again takes the place of what was noted before.
    pub async fn seen(&self, _id: GrantId, _seen: Seen) -> Result<(), StateFault> {
        self.not_yet()
    }

    /// Everything noted for a grant.
    pub async fn all_seen(&self, _id: GrantId) -> Result<Vec<Seen>, StateFault> {
        self.not_yet()
    }

    /// Takes a turn; `None`: somebody has it.
    pub async fn take_turn(&self, _what: &str, _lease_until: i64) -> Result<Option<Turn>, StateFault> {
        self.not_yet()
    }

    /// Keeps a turn longer; `false`: it is somebody else's, or expired.
    pub async fn keep_turn(&self, _turn: &Turn, _lease_until: i64) -> Result<bool, StateFault> {
        self.not_yet()
    }

    /// Gives a turn back. One that is somebody else's by now stays theirs.
    pub async fn give_turn(&self, _turn: Turn) -> Result<(), StateFault> {
        self.not_yet()
    }

    /// Registers a commitment, durably.
    pub async fn commit(&self, _commitment: Commitment) -> Result<(), StateFault> {
        self.not_yet()
    }

    /// The commitment with this key.
    pub async fn commitment(&self, _key: &CommitmentKey) -> Result<Option<Commitment>, StateFault> {
        self.not_yet()
    }

    /// Stores a report, durably. One of the same commitment takes its place.
    pub async fn put_report(&self, _report: Report) -> Result<ReportId, StateFault> {
        self.not_yet()
    }

    /// Reports that are due and nobody else's until `lease_until`.
    pub async fn due_reports(
        &self,
        _now: i64,
        _most: u32,
        _lease_until: i64,
    ) -> Result<Vec<(ReportId, Report)>, StateFault> {
        self.not_yet()
    }

    /// A report was offered in vain: counts the attempt; it is offered again from `due` on.
    pub async fn report_failed(&self, _id: ReportId, _due: i64) -> Result<(), StateFault> {
        self.not_yet()
    }

    /// A report has arrived: forgets it.
    pub async fn report_done(&self, _id: ReportId) -> Result<(), StateFault> {
        self.not_yet()
    }

    /// Reports that wait, the longest due first, for people.
    pub async fn waiting_reports(&self) -> Result<Vec<(ReportId, Report)>, StateFault> {
        self.not_yet()
    }

    /// How many reports wait.
    pub async fn count_reports(&self) -> Result<u64, StateFault> {
        self.not_yet()
    }

    /// Drops what has expired at `now`; says how many rows.
    pub async fn sweep(&self, _now: i64) -> Result<u64, StateFault> {
        self.not_yet()
    }

    /// How many times a row was met that is not what this program wrote.
    pub fn bad_rows(&self) -> u64 {
        0
    }
}
