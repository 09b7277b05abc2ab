//! Drops what has expired, and looks at what stays, some rows at a time: a row that somebody changed is told of even if
//! nobody asks for it, or would not find it where it stands now.

use crate::state::budgets::BUDGETS;
use crate::state::commitments::COMMITMENTS;
use crate::state::grants::{GRANTS, SEEN};
use crate::state::ledgers::LEDGER;
use crate::state::lockouts::LOCKOUTS;
use crate::state::quarantines::QUARANTINE;
use crate::state::reports::REPORTS;
use crate::state::reviews::REVIEWS;
use crate::state::row::{Row, Value};
use crate::state::seal::Table;
use crate::state::store::Question;
use crate::state::told::TOLD;
use crate::state::turns::TURNS;
use crate::state::{State, StateFault};
use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;

/// So many rows go, or are looked at, at a time: nobody else waits long for the table.
const BATCH: usize = 500;
/// So often do rows go in one sweep; the rest goes with the next one.
const ROUNDS: usize = 400;

/// Where the look at each table goes on: behind a row with this key.
pub type Positions = [Row; TABLES];

const TABLES: usize = 11;

struct Broom {
    table: &'static Table,
    /// `None`: its rows do not expire.
    drop: Option<&'static str>,
    look: &'static str,
    /// A key before all others.
    begin: fn() -> Row,
}

macro_rules! broom {
    ($table:ident, $name:literal, ($key:literal, $after:literal, $limit:literal), $begin:expr, $columns:literal) => {
        broom!($table, $name, ($key, $after, $limit), $begin, $columns, "")
    };
    ($table:ident, $name:literal, ($key:literal, $after:literal, $limit:literal), $begin:expr, $columns:literal, $more:literal) => {
        Broom {
            table: &$table,
            drop: Some(concat!(
                "DELETE FROM ",
                $name,
                " WHERE (",
                $key,
                ") IN (SELECT ",
                $key,
                " FROM ",
                $name,
                " WHERE expires < ?1 ",
                $more,
                " LIMIT ?2) RETURNING ",
                $columns,
                ", mac"
            )),
            look: concat!(
                "SELECT ",
                $columns,
                ", mac FROM ",
                $name,
                " WHERE (",
                $key,
                ") > (",
                $after,
                ") ORDER BY ",
                $key,
                " LIMIT ",
                $limit
            ),
            begin: || $begin,
        }
    };
}

static BROOMS: [Broom; TABLES] = [
    broom!(
        GRANTS,
        "dicomgate_grant",
        ("id", "?1", "?2"),
        vec![bytes()],
        "id, archive, title, message, nth, told, destination, requester, requester_title, requester_message, class, syntax, scope, association, lags, made, expires, person"
    ),
    // deliveries go with their grant
    broom!(
        SEEN,
        "dicomgate_seen",
        ("grant_id, instance", "?1, ?2", "?3"),
        vec![bytes(), text()],
        "grant_id, instance, status, expires",
        "OR NOT EXISTS (SELECT 1 FROM dicomgate_grant WHERE dicomgate_grant.id = dicomgate_seen.grant_id)"
    ),
    broom!(TURNS, "dicomgate_turn", ("what", "?1", "?2"), vec![text()], "what, token, expires"),
    broom!(
        COMMITMENTS,
        "dicomgate_commitment",
        ("archive, transaction_uid, title", "?1, ?2, ?3", "?4"),
        vec![text(), text(), text()],
        "archive, transaction_uid, title, requester, requester_title, expires, person"
    ),
    broom!(
        REPORTS,
        "dicomgate_report",
        ("id", "?1", "?2"),
        vec![bytes()],
        "id, archive, transaction_uid, title, requester, requester_title, event_type, size, digest, attempts, due, leased, expires"
    ),
    broom!(
        BUDGETS,
        "dicomgate_budget",
        ("bucket, page", "?1, ?2", "?3"),
        vec![bytes(), Value::Int(i64::MIN)],
        "bucket, page, spent, expires"
    ),
    broom!(LOCKOUTS, "dicomgate_lockout", ("subject", "?1", "?2"), vec![bytes()], "subject, failures, until, expires"),
    broom!(
        QUARANTINE,
        "dicomgate_quarantine",
        ("subject", "?1", "?2"),
        vec![text()],
        "subject, since, why, incident, gateway, released, released_by, reason, noted, expires"
    ),
    broom!(
        REVIEWS,
        "dicomgate_review",
        ("id", "?1", "?2"),
        vec![bytes()],
        "id, person, peer, rule, since, incident, gateway, reviewed, reviewed_by, expires"
    ),
    Broom {
        table: &LEDGER,
        drop: None,
        look: "SELECT archive, instance, study, class, ring_key, seals, mac FROM dicomgate_sealed \
               WHERE (archive, instance) > (?1, ?2) ORDER BY archive, instance LIMIT ?3",
        begin: || vec![text(), bytes()],
    },
    Broom {
        table: &TOLD,
        drop: None,
        look: "SELECT id, gateway, what, mac FROM dicomgate_told WHERE id > ?1 ORDER BY id LIMIT ?2",
        begin: || vec![bytes()],
    },
];

fn bytes() -> Value {
    Value::Bytes(Vec::new())
}

fn text() -> Value {
    Value::Text(String::new())
}

impl State {
    /// Drops what has expired at `now`, and deliveries of grants that are gone; says how many rows that were. Looks at up
    /// to 500 rows of each table that stay, the next ones each time.
    pub async fn sweep(&self, now: i64) -> Result<u64, StateFault> {
        let mut dropped = 0;
        for (place, broom) in BROOMS.iter().enumerate() {
            for _ in 0..ROUNDS {
                let Some(drop) = broom.drop else { break };
                let rows = self.ask(Question::new(drop, vec![now.into(), (BATCH as i64).into()])).await?;
                self.look_at(broom.table, &rows);
                dropped += rows.len() as u64;
                if rows.len() < BATCH {
                    break;
                }
            }
            self.look_on(place, broom).await?;
        }
        self.inner.commitments.store(-1, Relaxed);
        Ok(dropped)
    }

    async fn look_on(&self, place: usize, broom: &Broom) -> Result<(), StateFault> {
        let positions = || self.inner.positions.lock().unwrap_or_else(PoisonError::into_inner);
        let behind = positions().get(place).filter(|row| !row.is_empty()).cloned();
        let mut values = behind.unwrap_or_else(broom.begin);
        values.push((BATCH as i64).into());
        let rows = self.ask(Question::new(broom.look, values)).await?;
        self.look_at(broom.table, &rows);
        let last = rows.last().filter(|_| rows.len() == BATCH);
        let next = last.and_then(|row| row.get(..broom.table.key)).unwrap_or_default();
        if let Some(position) = positions().get_mut(place) {
            *position = next.to_vec();
        }
        Ok(())
    }

    fn look_at(&self, table: &'static Table, rows: &[Row]) {
        for row in rows {
            let _ = self.read(table, row, |_| Some(()));
        }
    }
}
