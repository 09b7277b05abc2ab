//! Quarantine in the database. A row is held until somebody who has the key writes into it that it is over: a row that is
//! gone or changed is no release, and whoever remembers it writes it again.

use crate::state::quarantine::{Quarantined, Release};
use crate::state::row::{Fields, Row, Value};
use crate::state::seal::Table;
use crate::state::store::Question;
use crate::state::{NEVER, State, StateFault};

/// Quarantine.
pub static QUARANTINE: Table = Table { name: "dicomgate_quarantine", key: 1, columns: 10, added: 0 };

/// So many are read at once, those in quarantine before those released.
const MOST: usize = 10_000;
/// So many seconds is a release remembered (30 days): gateways that were away hear of it.
const RELEASE_KEPT: i64 = 30 * 86_400;
/// So often is a row written anew, when others have changed it in between.
const TRIES: u32 = 8;

macro_rules! columns {
    () => {
        "subject, since, why, incident, gateway, released, released_by, reason, noted, expires, mac"
    };
}

const ALL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM dicomgate_quarantine ORDER BY CASE WHEN released = 0 THEN 0 ELSE 1 END, since DESC, subject LIMIT ?1"
);
const FIND: &str = concat!("SELECT ", columns!(), " FROM dicomgate_quarantine WHERE subject = ?1");
const BEGIN: &str = concat!(
    "INSERT INTO dicomgate_quarantine (",
    columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (subject) DO NOTHING RETURNING since"
);
const CHANGE: &str = "UPDATE dicomgate_quarantine SET since = ?2, why = ?3, incident = ?4, gateway = ?5, released = ?6, \
     released_by = ?7, reason = ?8, noted = ?9, expires = ?10, mac = ?11 WHERE subject = ?1 AND mac = ?12 RETURNING since";

impl State {
    /// Puts somebody in quarantine, durably. Who is in quarantine already stays so, since when and why they were.
    pub async fn quarantine(&self, held: &Quarantined) -> Result<(), StateFault> {
        let held = Quarantined { release: None, ..held.clone() };
        let change = |before: Option<Quarantined>| match before {
            // Released after this one began: this one is over as well.
            Some(before) if before.release.as_ref().is_none_or(|release| release.at > held.since) => None,
            _ => Some(held.clone()),
        };
        self.change_quarantine(&held.subject, change).await.map(drop)
    }

    /// Ends a quarantine, durably, and says what it was; `None`: nobody of that name is in quarantine.
    pub async fn release(&self, subject: &str, by: &str, reason: &str) -> Result<Option<Quarantined>, StateFault> {
        let release = Release { at: self.now(), by: by.to_owned(), reason: reason.to_owned(), noted: false };
        let change = |before: Option<Quarantined>| {
            let held = before.filter(|before| before.release.is_none())?;
            Some(Quarantined { release: Some(release.clone()), ..held })
        };
        self.change_quarantine(subject, change).await
    }

    /// A gateway has recorded this release.
    pub async fn release_noted(&self, released: &Quarantined) -> Result<(), StateFault> {
        let change = |before: Option<Quarantined>| {
            let mut before = before.filter(|before| before.since == released.since)?;
            let release = before.release.as_mut().filter(|release| !release.noted)?;
            release.noted = true;
            Some(before)
        };
        self.change_quarantine(&released.subject, change).await.map(drop)
    }

    /// All who are in quarantine, and who were released within 30 days; the newest first.
    pub async fn quarantined(&self) -> Result<Vec<Quarantined>, StateFault> {
        let most = i64::try_from(MOST).unwrap_or(i64::MAX);
        let rows = self.ask(Question::new(ALL, vec![most.into()])).await?;
        let now = self.now();
        let all = rows.iter().filter_map(|row| self.read(&QUARANTINE, row, parse));
        Ok(all.filter(|(_, expires)| *expires >= now).map(|(one, _)| one).collect())
    }

    /// Writes what `change` makes of a row, in the place of exactly what it was shown; gives what was written.
    async fn change_quarantine(
        &self,
        subject: &str,
        change: impl Fn(Option<Quarantined>) -> Option<Quarantined>,
    ) -> Result<Option<Quarantined>, StateFault> {
        for _ in 0..TRIES {
            let rows = self.ask(Question::new(FIND, vec![subject.into()])).await?;
            let now = self.now();
            let before = rows.first().and_then(|row| self.read(&QUARANTINE, row, parse));
            let before = before.filter(|(_, expires)| *expires >= now).map(|(before, _)| before);
            let Some(after) = change(before) else { return Ok(None) };
            let mut values = self.seal(&QUARANTINE, row(&after));
            let question = match rows.first() {
                Some(row) => {
                    values.push(row.last().cloned().unwrap_or(Value::Foreign));
                    Question::durable(CHANGE, values)
                }
                None => Question::durable(BEGIN, values),
            };
            if !self.ask(question).await?.is_empty() {
                return Ok(Some(after));
            }
        }
        Err(StateFault::Away("a quarantine is changed by others all the time".to_owned()))
    }
}

fn row(held: &Quarantined) -> Row {
    let release = held.release.as_ref();
    let words = |of: fn(&Release) -> &str| release.map(of).unwrap_or_default().into();
    vec![
        held.subject.as_str().into(),
        held.since.into(),
        held.why.as_str().into(),
        held.incident.as_str().into(),
        held.gateway.as_str().into(),
        release.map_or(0, |release| release.at).into(),
        words(|release| &release.by),
        words(|release| &release.reason),
        release.is_some_and(|release| release.noted).into(),
        release.map_or(NEVER, |release| release.at.saturating_add(RELEASE_KEPT)).into(),
    ]
}

fn parse(fields: &mut Fields<'_>) -> Option<(Quarantined, i64)> {
    let held = Quarantined {
        subject: fields.text()?.to_owned(),
        since: fields.int()?,
        why: fields.text()?.to_owned(),
        incident: fields.text()?.to_owned(),
        gateway: fields.text()?.to_owned(),
        release: None,
    };
    let (at, by, reason) = (fields.int()?, fields.text()?.to_owned(), fields.text()?.to_owned());
    let release = Release { at, by, reason, noted: fields.truth()? };
    Some((Quarantined { release: (at != 0).then_some(release), ..held }, fields.int()?))
}
