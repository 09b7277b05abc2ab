//! Commitments in the database.

use crate::state::row::{Fields, Row};
use crate::state::seal::Table;
use crate::state::store::Question;
use crate::state::{Commitment, CommitmentKey, State, StateFault};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Commitments.
pub static COMMITMENTS: Table = Table { name: "dicomgate_commitment", key: 3, columns: 7, added: 1 };

const PUT: &str = "INSERT INTO dicomgate_commitment \
     (archive, transaction_uid, title, requester, requester_title, expires, person, mac) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
     ON CONFLICT (archive, transaction_uid, title) DO UPDATE SET requester = excluded.requester, \
     requester_title = excluded.requester_title, expires = excluded.expires, person = excluded.person, \
     mac = excluded.mac";
const FIND: &str = "SELECT archive, transaction_uid, title, requester, requester_title, expires, person, mac \
     FROM dicomgate_commitment WHERE archive = ?1 AND transaction_uid = ?2 AND title = ?3";
const COUNT: &str = "SELECT count(*) FROM dicomgate_commitment";

impl State {
    /// Registers a commitment: it lies on the disk when this returns. One with the same key takes its place.
    ///
    /// # Errors
    /// [`StateFault::TooMany`] when [`most_commitments`](crate::state::StateOptions::most_commitments) are registered.
    pub async fn commit(&self, commitment: Commitment) -> Result<(), StateFault> {
        let most = self.inner.options.most_commitments;
        if self.inner.commitments.load(Relaxed) < 0 {
            let count = self.ask_number(COUNT, Vec::new()).await?;
            self.inner.commitments.store(count, Relaxed);
        }
        if u64::try_from(self.inner.commitments.load(Relaxed)).unwrap_or_default() >= most {
            return Err(StateFault::TooMany { what: "commitments", most });
        }
        self.ask(Question::durable(PUT, self.seal(&COMMITMENTS, row(&commitment)))).await?;
        // Others add and drop as well: this is near enough until the next sweep has it counted.
        self.inner.commitments.fetch_add(1, Relaxed);
        Ok(())
    }

    /// The commitment with this key, unless it has expired.
    pub async fn commitment(&self, key: &CommitmentKey) -> Result<Option<Commitment>, StateFault> {
        let values = vec![key.archive.into(), key.transaction.into(), key.title.into()];
        let rows = self.ask(Question::new(FIND, values)).await?;
        let found = rows.first().and_then(|row| self.read(&COMMITMENTS, row, parse));
        Ok(found.filter(|commitment| commitment.expires >= self.now()))
    }
}

/// The columns that a report has as well, without the expiry.
pub fn columns(commitment: &Commitment) -> Row {
    vec![
        commitment.key.archive.into(),
        commitment.key.transaction.into(),
        commitment.key.title.into(),
        (&*commitment.requester).into(),
        commitment.requester_title.into(),
    ]
}

/// Reads [`columns`] back; the expiry is for the caller to fill in, and the person where one is kept.
pub fn parse_columns(fields: &mut Fields<'_>) -> Option<Commitment> {
    let key = CommitmentKey { archive: fields.title()?, transaction: fields.uid()?, title: fields.title()? };
    let requester = Arc::from(fields.text()?);
    Some(Commitment { key, requester, requester_title: fields.title()?, expires: 0, person: String::new() })
}

fn row(commitment: &Commitment) -> Row {
    let mut row = columns(commitment);
    row.push(commitment.expires.into());
    row.push(commitment.person.as_str().into());
    row
}

fn parse(fields: &mut Fields<'_>) -> Option<Commitment> {
    let commitment = parse_columns(fields)?;
    Some(Commitment { expires: fields.int()?, person: fields.text()?.to_owned(), ..commitment })
}
