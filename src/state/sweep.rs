//! Drops what has expired. A row is looked at as it goes: one whose expiry somebody else wrote is told of.

use crate::state::commitments::COMMITMENTS;
use crate::state::grants::{GRANTS, SEEN};
use crate::state::reports::REPORTS;
use crate::state::seal::Table;
use crate::state::store::Question;
use crate::state::turns::TURNS;
use crate::state::{State, StateFault};
use std::sync::atomic::Ordering::Relaxed;

/// So many rows go at a time: nobody else waits long for the table.
const BATCH: usize = 500;
/// So often in one sweep; the rest goes with the next one.
const ROUNDS: usize = 400;

macro_rules! expired {
    ($table:literal, $key:literal, $columns:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE (",
            $key,
            ") IN (SELECT ",
            $key,
            " FROM ",
            $table,
            " WHERE expires < ?1 LIMIT ?2) RETURNING ",
            $columns,
            ", mac"
        )
    };
}

/// Deliveries go with their grant.
const ORPHANS: &str = "DELETE FROM dicomgate_seen WHERE (grant_id, instance) IN (\
     SELECT grant_id, instance FROM dicomgate_seen WHERE expires < ?1 \
     OR NOT EXISTS (SELECT 1 FROM dicomgate_grant WHERE dicomgate_grant.id = dicomgate_seen.grant_id) LIMIT ?2) \
     RETURNING grant_id, instance, status, expires, mac";

static SWEEPS: [(&Table, &str); 5] = [
    (
        &GRANTS,
        expired!(
            "dicomgate_grant",
            "id",
            "id, archive, title, message, nth, told, destination, requester, requester_title, requester_message, class, syntax, scope, association, lags, made, expires"
        ),
    ),
    (&SEEN, ORPHANS),
    (&TURNS, expired!("dicomgate_turn", "what", "what, token, expires")),
    (
        &COMMITMENTS,
        expired!(
            "dicomgate_commitment",
            "archive, transaction_uid, title",
            "archive, transaction_uid, title, requester, requester_title, expires"
        ),
    ),
    (
        &REPORTS,
        expired!(
            "dicomgate_report",
            "id",
            "id, archive, transaction_uid, title, requester, requester_title, event_type, size, digest, attempts, due, leased, expires"
        ),
    ),
];

impl State {
    /// Drops what has expired at `now`, and deliveries of grants that are gone; says how many rows that were.
    pub async fn sweep(&self, now: i64) -> Result<u64, StateFault> {
        let mut dropped = 0;
        for (table, sql) in SWEEPS {
            for _ in 0..ROUNDS {
                let rows = self.ask(Question::new(sql, vec![now.into(), (BATCH as i64).into()])).await?;
                for row in &rows {
                    let _ = self.read(table, row, |_| Some(()));
                }
                dropped += rows.len() as u64;
                if rows.len() < BATCH {
                    break;
                }
            }
        }
        self.inner.commitments.store(-1, Relaxed);
        Ok(dropped)
    }
}
