//! Reports in the database.
//!
//! The data set stands in a column of its own, which the MAC covers through its digest and its length: what only moves a
//! lease reads and writes no megabytes.

use crate::state::commitments::{columns as commitment_columns, parse_columns};
use crate::state::row::{Fields, Row, Value};
use crate::state::seal::Table;
use crate::state::store::Question;
use crate::state::{Commitment, Report, ReportId, State, StateFault};
use ring::digest;

/// Reports.
pub static REPORTS: Table = Table { name: "dicomgate_report", key: 1, columns: 13, added: 0 };

/// So many rows are read at a time.
const PAGE: usize = 64;
/// So many rows are looked at for one question, damaged ones and those that others have leased included.
const LOOKED_AT: usize = 10_000;
/// So many reports are shown to people.
const SHOWN: usize = 1000;
/// So many bytes of data sets come at once; one report comes in any case.
const MOST_BYTES: u64 = 64 << 20;
/// So often is a change tried anew, when somebody else changed the row in between.
const TRIES: u32 = 8;

macro_rules! columns {
    () => {
        "id, archive, transaction_uid, title, requester, requester_title, event_type, size, digest, attempts, due, \
         leased, expires"
    };
}

const PUT: &str = concat!(
    "INSERT INTO dicomgate_report (",
    columns!(),
    ", mac, data_set) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) \
     ON CONFLICT (archive, transaction_uid, title) DO UPDATE SET id = excluded.id, requester = excluded.requester, \
     requester_title = excluded.requester_title, event_type = excluded.event_type, size = excluded.size, \
     digest = excluded.digest, attempts = excluded.attempts, due = excluded.due, leased = excluded.leased, \
     expires = excluded.expires, mac = excluded.mac, data_set = excluded.data_set"
);
const COUNT: &str = "SELECT count(*) FROM dicomgate_report WHERE expires >= ?1";
const COUNT_KEY: &str =
    "SELECT count(*) FROM dicomgate_report WHERE archive = ?1 AND transaction_uid = ?2 AND title = ?3";
const PAGE_OF: &str = concat!(
    "SELECT ",
    columns!(),
    ", mac FROM dicomgate_report WHERE due <= ?1 AND (due, id) > (?2, ?3) ORDER BY due, id LIMIT ?4"
);
const BY_ID: &str = concat!("SELECT ", columns!(), ", mac FROM dicomgate_report WHERE id = ?1");
const DATA: &str = "SELECT data_set FROM dicomgate_report WHERE id = ?1";
const CHANGE: &str = "UPDATE dicomgate_report SET attempts = ?1, due = ?2, leased = ?3, mac = ?4 \
     WHERE id = ?5 AND mac = ?6 RETURNING id";
const REPLACE: &str = "UPDATE dicomgate_report SET id = ?1, event_type = ?2, size = ?3, digest = ?4, attempts = ?5, \
     due = ?6, leased = ?7, mac = ?8, data_set = ?9 WHERE id = ?10 RETURNING id";
const DONE: &str = "DELETE FROM dicomgate_report WHERE id = ?1";

/// A row of `dicomgate_report`, without the data set.
#[derive(Clone)]
struct Stored {
    id: ReportId,
    commitment: Commitment,
    event_type: u16,
    size: u64,
    digest: [u8; 32],
    attempts: u32,
    due: i64,
    /// Somebody's until then.
    leased: i64,
    mac: Value,
}

impl State {
    /// Stores a report: it lies on the disk when this returns. One of the same commitment takes its place, under a new
    /// identity: whoever still delivers the old one does not drop the new one.
    ///
    /// # Errors
    /// [`StateFault::TooMany`] when [`most_reports`](crate::state::StateOptions::most_reports) wait.
    pub async fn put_report(&self, report: Report) -> Result<ReportId, StateFault> {
        let most = self.inner.options.most_reports;
        if self.count_reports().await? >= most {
            let key = &report.commitment.key;
            let values = vec![key.archive.into(), key.transaction.into(), key.title.into()];
            if self.ask_number(COUNT_KEY, values).await? == 0 {
                return Err(StateFault::TooMany { what: "reports", most });
            }
        }
        let stored = self.new_report(&report)?;
        let mut values = self.seal(&REPORTS, stored.row());
        values.push(report.data_set.into());
        self.ask(Question::durable(PUT, values)).await?;
        Ok(stored.id)
    }

    /// Reports that are due at `now`, the longest due first, at most `most` and 64 MiB of them. They are the caller's
    /// until `lease_until`: to nobody else are they offered before.
    pub async fn due_reports(
        &self,
        now: i64,
        most: u32,
        lease_until: i64,
    ) -> Result<Vec<(ReportId, Report)>, StateFault> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let mut taken = Vec::new();
        let mut bytes = 0;
        let mut pages = Pages::new(now);
        while let Some(page) = pages.next(self).await? {
            for stored in page {
                if taken.len() >= most || (bytes + stored.size > MOST_BYTES && !taken.is_empty()) {
                    return Ok(taken);
                }
                if stored.leased >= now || stored.commitment.expires < now {
                    continue;
                }
                let leased = Stored { leased: lease_until, ..stored.clone() };
                if self.change(&stored, &leased).await?
                    && let Some(report) = self.whole(leased).await?
                {
                    bytes += report.1.data_set.len() as u64;
                    taken.push(report);
                }
            }
        }
        Ok(taken)
    }

    /// A report was offered in vain: counts the attempt; it is offered again from `due` on, to anybody.
    pub async fn report_failed(&self, id: ReportId, due: i64) -> Result<(), StateFault> {
        self.give_back(id, due, 1).await
    }

    /// A report is offered again from `due` on, to anybody; nobody has tried to tell it.
    pub async fn report_due(&self, id: ReportId, due: i64) -> Result<(), StateFault> {
        self.give_back(id, due, 0).await
    }

    /// A report stays the caller's until `lease_until`: work on it takes long.
    pub async fn hold_report(&self, id: ReportId, lease_until: i64) -> Result<(), StateFault> {
        self.change_by_id(id, |stored| Stored { leased: lease_until, ..stored }).await
    }

    async fn give_back(&self, id: ReportId, due: i64, more: u32) -> Result<(), StateFault> {
        let given = |stored: Stored| {
            let attempts = stored.attempts.saturating_add(more);
            Stored { attempts, due, leased: i64::MIN, ..stored }
        };
        self.change_by_id(id, given).await
    }

    /// Changes a report that is there.
    async fn change_by_id(&self, id: ReportId, change: impl Fn(Stored) -> Stored) -> Result<(), StateFault> {
        for _ in 0..TRIES {
            let rows = self.ask(Question::new(BY_ID, vec![id.0.into()])).await?;
            let stored = rows.first().and_then(|row| self.read(&REPORTS, row, Stored::parse));
            let Some(stored) = stored else { return Ok(()) };
            if self.change(&stored, &change(stored.clone())).await? {
                return Ok(());
            }
        }
        Err(StateFault::Away("a report is changed by others all the time".to_owned()))
    }

    /// Another report takes the place of this one, under a new identity, and lies on the disk when this returns. `None`:
    /// that one is gone, or something newer has its place; nothing was changed.
    pub async fn change_report(&self, id: ReportId, report: &Report) -> Result<Option<ReportId>, StateFault> {
        let stored = self.new_report(report)?;
        let mac = self.seal(&REPORTS, stored.row()).pop().unwrap_or(Value::Foreign);
        let values = vec![
            stored.id.0.into(),
            stored.event_type.into(),
            Value::Int(i64::try_from(stored.size).unwrap_or(i64::MAX)),
            stored.digest.as_slice().into(),
            stored.attempts.into(),
            stored.due.into(),
            stored.leased.into(),
            mac,
            report.data_set.clone().into(),
            id.0.into(),
        ];
        let changed = self.ask(Question::durable(REPLACE, values)).await?;
        Ok((!changed.is_empty()).then_some(stored.id))
    }

    /// The row of a report that is nobody's yet, under a new identity.
    fn new_report(&self, report: &Report) -> Result<Stored, StateFault> {
        Ok(Stored {
            id: ReportId(self.random()?),
            event_type: report.event_type,
            size: report.data_set.len() as u64,
            digest: digest_of(&report.data_set),
            attempts: report.attempts,
            due: report.due,
            leased: i64::MIN,
            commitment: report.commitment.clone(),
            mac: Value::Foreign,
        })
    }

    /// A report has arrived: forgets it.
    pub async fn report_done(&self, id: ReportId) -> Result<(), StateFault> {
        self.ask(Question::new(DONE, vec![id.0.into()])).await.map(drop)
    }

    /// Reports that wait, the longest due first, leased ones included, for people: the first 1000, within 64 MiB.
    /// [`count_reports`](Self::count_reports) says how many there are.
    pub async fn waiting_reports(&self) -> Result<Vec<(ReportId, Report)>, StateFault> {
        let now = self.now();
        let mut all = Vec::new();
        let mut bytes = 0;
        let mut pages = Pages::new(i64::MAX);
        while let Some(page) = pages.next(self).await? {
            for stored in page.into_iter().filter(|stored| stored.commitment.expires >= now) {
                if all.len() >= SHOWN || (bytes + stored.size > MOST_BYTES && !all.is_empty()) {
                    return Ok(all);
                }
                if let Some(report) = self.whole(stored).await? {
                    bytes += report.1.data_set.len() as u64;
                    all.push(report);
                }
            }
        }
        Ok(all)
    }

    /// How many reports wait. Rows are counted as they are, damaged ones too.
    pub async fn count_reports(&self) -> Result<u64, StateFault> {
        let count = self.ask_number(COUNT, vec![self.now().into()]).await?;
        Ok(count.try_into().unwrap_or_default())
    }

    /// `false`: somebody else changed it first.
    async fn change(&self, before: &Stored, after: &Stored) -> Result<bool, StateFault> {
        let mac = self.seal(&REPORTS, after.row()).pop().unwrap_or(Value::Foreign);
        let values = vec![
            after.attempts.into(),
            after.due.into(),
            after.leased.into(),
            mac,
            after.id.0.into(),
            before.mac.clone(),
        ];
        Ok(!self.ask(Question::new(CHANGE, values)).await?.is_empty())
    }

    /// With its data set, if that is the one that was stored.
    async fn whole(&self, stored: Stored) -> Result<Option<(ReportId, Report)>, StateFault> {
        let rows = self.ask(Question::new(DATA, vec![stored.id.0.into()])).await?;
        // Gone meanwhile: delivered, or another took its place.
        let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
        match row.pop() {
            Some(Value::Bytes(data_set)) if digest_of(&data_set) == stored.digest => {
                let Stored { id, commitment, event_type, attempts, due, .. } = stored;
                Ok(Some((id, Report { commitment, event_type, data_set, attempts, due })))
            }
            _ => {
                self.bad(&REPORTS, &stored.row());
                Ok(None)
            }
        }
    }
}

fn digest_of(data_set: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, data_set).as_ref());
    bytes
}

/// All reports due until some time, page by page. A damaged one is stepped over: it does not hide those behind it.
struct Pages {
    until: i64,
    /// Where the last page ended.
    behind: (i64, Vec<u8>),
    looked_at: usize,
    ended: bool,
}

impl Pages {
    fn new(until: i64) -> Self {
        Self { until, behind: (i64::MIN, Vec::new()), looked_at: 0, ended: false }
    }

    async fn next(&mut self, state: &State) -> Result<Option<Vec<Stored>>, StateFault> {
        if self.ended || self.looked_at >= LOOKED_AT {
            return Ok(None);
        }
        let (due, id) = self.behind.clone();
        let values = vec![self.until.into(), due.into(), id.into(), (PAGE as i64).into()];
        let rows = state.ask(Question::new(PAGE_OF, values)).await?;
        self.looked_at += rows.len();
        self.ended = rows.len() < PAGE;
        // As the row says it, true or not: that is what the next page is asked by.
        match rows.last().and_then(|row| Some((row.get(10)?, row.first()?))) {
            Some((Value::Int(due), Value::Bytes(id))) => self.behind = (*due, id.clone()),
            _ => self.ended = true,
        }
        Ok(Some(rows.iter().filter_map(|row| state.read(&REPORTS, row, Stored::parse)).collect()))
    }
}

impl Stored {
    fn row(&self) -> Row {
        let mut row = vec![self.id.0.into()];
        row.extend(commitment_columns(&self.commitment));
        row.extend([
            self.event_type.into(),
            Value::Int(i64::try_from(self.size).unwrap_or(i64::MAX)),
            self.digest.as_slice().into(),
            self.attempts.into(),
            self.due.into(),
            self.leased.into(),
            self.commitment.expires.into(),
        ]);
        row
    }

    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        let id = ReportId(fields.array()?);
        let commitment = parse_columns(fields)?;
        let event_type = fields.number()?;
        let (size, digest) = (fields.number()?, fields.array()?);
        let (attempts, due, leased) = (fields.number()?, fields.int()?, fields.int()?);
        let commitment = Commitment { expires: fields.int()?, ..commitment };
        let mac = fields.bytes()?.into();
        Some(Self { id, commitment, event_type, size, digest, attempts, due, leased, mac })
    }
}
