//! Grants in the database.

use crate::dicom::AeTitle;
use crate::state::row::{Fields, Row, Value};
use crate::state::seal::Table;
use crate::state::store::Question;
use crate::state::{Grant, GrantId, NewGrant, Seen, State, StateFault};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Grants.
pub static GRANTS: Table = Table { name: "dicomgate_grant", key: 1, columns: 18, added: 1 };
/// Deliveries seen.
pub static SEEN: Table = Table { name: "dicomgate_seen", key: 2, columns: 4, added: 0 };

/// So many grants may have one destination, or one message id, at once.
const MOST_ALIKE: usize = 10_000;
/// So often is asked which message ids are free, when others are always quicker.
const ROUNDS: u32 = 16;
/// So often is a change tried anew, when somebody else changed the row in between.
const TRIES: u32 = 8;
/// Deliveries are dropped with their grant; if that is ever missed, after so many seconds (30 days).
const SEEN_KEPT: i64 = 30 * 86_400;

macro_rules! columns {
    () => {
        "id, archive, title, message, nth, told, destination, requester, requester_title, requester_message, class, \
         syntax, scope, association, lags, made, expires, person"
    };
}

/// A row that has expired makes room, and nothing else does. `nth` is 0 where the id was picked here.
const INSERT: &str = concat!(
    "INSERT INTO dicomgate_grant (",
    columns!(),
    ", mac) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19) \
     ON CONFLICT (archive, title, message, nth) DO UPDATE SET id = excluded.id, told = excluded.told, \
     destination = excluded.destination, requester = excluded.requester, requester_title = excluded.requester_title, \
     requester_message = excluded.requester_message, class = excluded.class, syntax = excluded.syntax, \
     scope = excluded.scope, association = excluded.association, lags = excluded.lags, made = excluded.made, \
     expires = excluded.expires, person = excluded.person, mac = excluded.mac \
     WHERE dicomgate_grant.expires < ?20 RETURNING message"
);
const TAKEN: &str = "SELECT DISTINCT message FROM dicomgate_grant WHERE archive = ?1 AND title = ?2 AND expires >= ?3";
const BY_ID: &str = concat!("SELECT ", columns!(), ", mac FROM dicomgate_grant WHERE id = ?1");
const BY_MESSAGE: &str = concat!(
    "SELECT ",
    columns!(),
    ", mac FROM dicomgate_grant WHERE archive = ?1 AND title = ?2 AND message = ?3 ORDER BY nth LIMIT ?4"
);
const BY_TOLD: &str = concat!(
    "SELECT ",
    columns!(),
    ", mac FROM dicomgate_grant WHERE archive = ?1 AND told = ?2 AND expires >= ?3 ORDER BY made DESC, id DESC LIMIT ?4"
);
const PROLONG: &str = "UPDATE dicomgate_grant SET expires = ?1, mac = ?2 WHERE id = ?3 AND mac = ?4 RETURNING message";
const PUT_SEEN: &str = "INSERT INTO dicomgate_seen (grant_id, instance, status, expires, mac) VALUES (?1, ?2, ?3, ?4, ?5) \
     ON CONFLICT (grant_id, instance) DO UPDATE SET status = excluded.status, expires = excluded.expires, mac = excluded.mac";
const ALL_SEEN: &str = "SELECT grant_id, instance, status, expires, mac FROM dicomgate_seen WHERE grant_id = ?1 ORDER BY instance LIMIT ?2";

/// A row of `dicomgate_grant`.
struct Stored {
    grant: Grant,
    nth: i64,
    made: i64,
}

impl State {
    /// Stores a grant, with a message id that is free at the archive for the title where none is given. An id that was
    /// picked is no other grant's until this one has expired. An id that was given is not looked at: it may be others'.
    ///
    /// # Errors
    /// [`StateFault::Full`] when no id is free.
    pub async fn grant(&self, new: NewGrant) -> Result<Grant, StateFault> {
        let id = GrantId(self.random()?);
        // Orders grants of one second; what other gateways made in the same second stands anywhere among them.
        let made = self.now().saturating_mul(1_000_000)
            + i64::try_from(self.inner.made.fetch_add(1, Relaxed) % 1_000_000).unwrap_or_default();
        let [a, b, c, d, e, f, g, h, y, z, ..] = self.random()?;
        let start = u16::from_be_bytes([y, z]);
        if let Some(message) = new.message {
            let nth = (i64::from_be_bytes([a, b, c, d, e, f, g, h]) & i64::MAX).max(1);
            let stored = Stored { grant: Grant { id, message, grant: new }, nth, made };
            return match self.insert(&stored).await? {
                true => Ok(stored.grant),
                false => Err(StateFault::Away("two random numbers are the same".to_owned())),
            };
        }
        let pair = (new.archive, new.title);
        let mut stored = Stored { grant: Grant { id, message: 0, grant: new }, nth: 0, made };
        for _ in 0..ROUNDS {
            // The first that is taken has the free ones asked for; of those, others may still be quicker.
            loop {
                let known = self.inner.messages.is_supplied(&pair);
                stored.grant.message = self.inner.messages.candidate(pair, start);
                if self.insert(&stored).await? {
                    return Ok(stored.grant);
                }
                if !known {
                    break;
                }
            }
            let asking = tokio::time::timeout(self.inner.options.answer, self.inner.messages.asking.lock());
            let Ok(_asking) = asking.await else {
                return Err(StateFault::Away("nobody says in time which message ids are free".to_owned()));
            };
            if !self.inner.messages.is_supplied(&pair) {
                let taken = self.taken(pair.0, pair.1).await?;
                if !self.inner.messages.supply(pair, &taken) {
                    return Err(StateFault::Full);
                }
            }
        }
        Err(StateFault::Full)
    }

    async fn insert(&self, stored: &Stored) -> Result<bool, StateFault> {
        let mut values = self.seal(&GRANTS, stored.row());
        values.push(self.now().into());
        Ok(!self.ask(Question::new(INSERT, values)).await?.is_empty())
    }

    async fn taken(&self, archive: AeTitle, title: AeTitle) -> Result<HashSet<u16>, StateFault> {
        let rows = self.ask(Question::new(TAKEN, vec![archive.into(), title.into(), self.now().into()])).await?;
        Ok(rows.iter().filter_map(|row| Fields::new(row).number()).collect())
    }

    /// The grant in force whose C-MOVE the archive saw from `title` with this message id. Where several have an id that
    /// was given, and none one that was picked, nothing tells them apart, and there is none.
    pub async fn grant_by_originator(
        &self,
        archive: AeTitle,
        title: AeTitle,
        message: u16,
    ) -> Result<Option<Grant>, StateFault> {
        let most = limit(MOST_ALIKE);
        let values = vec![archive.into(), title.into(), message.into(), most];
        let mut found = self.in_force(&self.ask(Question::new(BY_MESSAGE, values)).await?)?.into_iter();
        Ok(match (found.next(), found.next()) {
            (Some(first), None) => Some(first.grant),
            (Some(first), Some(_)) if first.nth == 0 => Some(first.grant),
            _ => None,
        })
    }

    /// All grants in force whose C-MOVE told the archive to send to `told`, oldest first.
    ///
    /// # Errors
    /// [`StateFault::TooMany`] when they are more than 10,000.
    pub async fn grants_by_destination(&self, archive: AeTitle, told: AeTitle) -> Result<Vec<Grant>, StateFault> {
        // Of very many the newest: rows that somebody else put there must not keep a move from its deliveries.
        let most = i64::try_from(MOST_ALIKE).unwrap_or(i64::MAX);
        let values = vec![archive.into(), told.into(), self.now().into(), most.into()];
        let rows = self.ask(Question::new(BY_TOLD, values)).await?;
        Ok(self.in_force(&rows)?.into_iter().rev().map(|stored| stored.grant).collect())
    }

    fn in_force(&self, rows: &[Row]) -> Result<Vec<Stored>, StateFault> {
        if rows.len() > MOST_ALIKE {
            return Err(StateFault::TooMany { what: "grants of one destination", most: MOST_ALIKE as u64 });
        }
        let now = self.now();
        Ok(rows
            .iter()
            .filter_map(|row| self.read(&GRANTS, row, Stored::parse))
            .filter(|stored| stored.grant.grant.expires >= now)
            .collect())
    }

    /// Gives a grant in force another expiry: longer while its C-MOVE runs, the grace when that has its final response. A
    /// grant that has expired stays so.
    pub async fn prolong_grant(&self, id: GrantId, expires: i64) -> Result<(), StateFault> {
        for _ in 0..TRIES {
            let rows = self.ask(Question::new(BY_ID, vec![id.0.into()])).await?;
            let Some(row) = rows.first() else { return Ok(()) };
            let Some(mut stored) = self.in_force(&rows)?.pop() else { return Ok(()) };
            stored.grant.grant.expires = expires;
            let mac = self.seal(&GRANTS, stored.row()).pop().unwrap_or(Value::Foreign);
            let before = row.last().cloned().unwrap_or(Value::Foreign);
            let values = vec![expires.into(), mac, id.0.into(), before];
            if !self.ask(Question::new(PROLONG, values)).await?.is_empty() {
                return Ok(());
            }
        }
        Err(StateFault::Away("a grant is changed by others all the time".to_owned()))
    }

    /// Notes a delivery by a gateway that does not hold the requester. The same instance again takes the place of what
    /// was noted before.
    pub async fn seen(&self, id: GrantId, seen: Seen) -> Result<(), StateFault> {
        let expires = self.now().saturating_add(SEEN_KEPT);
        let row = vec![id.0.into(), seen.instance.into(), seen.status.into(), expires.into()];
        self.ask(Question::new(PUT_SEEN, self.seal(&SEEN, row))).await.map(drop)
    }

    /// Everything noted for a grant, by instance, until the grant has expired and been swept.
    ///
    /// # Errors
    /// [`StateFault::TooMany`] when that is more than [`most_seen`](crate::state::StateOptions::most_seen).
    pub async fn all_seen(&self, id: GrantId) -> Result<Vec<Seen>, StateFault> {
        let most = self.inner.options.most_seen;
        let rows = self.ask(Question::new(ALL_SEEN, vec![id.0.into(), (i64::from(most) + 1).into()])).await?;
        if rows.len() as u64 > u64::from(most) {
            return Err(StateFault::TooMany { what: "deliveries of one grant", most: most.into() });
        }
        let parse = |fields: &mut Fields<'_>| {
            let _ = fields.bytes()?;
            Some(Seen { instance: fields.uid()?, status: fields.number()? })
        };
        Ok(rows.iter().filter_map(|row| self.read(&SEEN, row, parse)).collect())
    }
}

fn limit(most: usize) -> Value {
    Value::Int(i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1))
}

impl Stored {
    fn row(&self) -> Row {
        let Grant { id, message, grant } = &self.grant;
        vec![
            id.0.into(),
            grant.archive.into(),
            grant.title.into(),
            (*message).into(),
            self.nth.into(),
            grant.told.into(),
            grant.destination.into(),
            (&*grant.requester).into(),
            grant.requester_title.into(),
            grant.requester_message.into(),
            grant.context.0.into(),
            grant.context.1.into(),
            grant.scope.as_slice().into(),
            grant.association.as_str().into(),
            grant.lags.into(),
            self.made.into(),
            grant.expires.into(),
            grant.person.as_str().into(),
        ]
    }

    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        let id = GrantId(fields.array()?);
        let (archive, title) = (fields.title()?, fields.title()?);
        let (message, nth) = (fields.number()?, fields.int()?);
        let grant = NewGrant {
            archive,
            title,
            told: fields.title()?,
            destination: fields.title()?,
            requester: Arc::from(fields.text()?),
            requester_title: fields.title()?,
            requester_message: fields.number()?,
            message: (nth != 0).then_some(message),
            context: (fields.uid()?, fields.uid()?),
            scope: fields.bytes()?.to_vec(),
            association: fields.text()?.to_owned(),
            lags: fields.truth()?,
            expires: 0,
            person: String::new(),
        };
        let made = fields.int()?;
        let grant = NewGrant { expires: fields.int()?, person: fields.text()?.to_owned(), ..grant };
        Some(Self { grant: Grant { id, message, grant }, nth, made })
    }
}
