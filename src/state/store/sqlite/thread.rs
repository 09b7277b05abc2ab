//! The thread that holds the connection: it answers what waits together, in one transaction and with one sync.

use super::log::Log;
use crate::state::StateFault;
use crate::state::row::{Row, Value};
use crate::state::store::{Durable, Question};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, Statement, ToSql};
use std::collections::HashMap;
use tokio::sync::{mpsc, oneshot};

/// So many questions share a transaction and a sync at most: the first does not wait for more.
pub(super) const TOGETHER: usize = 64;

pub(super) type Rows = Result<Vec<Row>, StateFault>;

/// A question, and where its answer goes.
pub(super) struct Asked {
    pub(super) question: Question,
    pub(super) answer: oneshot::Sender<Rows>,
}

/// What the thread has of the file.
pub(super) struct Held {
    pub(super) connection: Connection,
    /// `None`: it has none, and each statement brings itself to the disk.
    pub(super) log: Option<Log>,
}

/// The statements are the program's own, some twenty; each is prepared once.
type Prepared<'c> = HashMap<&'static str, Statement<'c>>;

/// Answers until nobody is left who could ask.
pub(super) fn serve(Held { connection, log }: &mut Held, asks: &mut mpsc::Receiver<Asked>) {
    let mut prepared = Prepared::new();
    while let Some(asked) = asks.blocking_recv() {
        let mut together = vec![asked];
        while together.len() < TOGETHER
            && let Ok(more) = asks.try_recv()
        {
            together.push(more);
        }
        // Whoever asked has given up: nobody would undo what is done now.
        together.retain(|asked| !asked.answer.is_closed());
        let answers = answers(connection, &mut prepared, &together);
        let kept = keep(connection, log.as_mut(), together.iter().zip(&answers));
        for (Asked { question, answer }, rows) in together.into_iter().zip(answers) {
            let _ = answer.send(if question.durable == Durable::No { rows } else { kept.clone().and(rows) });
        }
    }
}

/// Runs what was asked. Several that write do so in one transaction: it costs little more than one of them.
fn answers<'c>(connection: &'c Connection, prepared: &mut Prepared<'c>, together: &[Asked]) -> Vec<Rows> {
    let all = |fault: &rusqlite::Error| together.iter().map(|_| Err(explain(fault))).collect();
    let shared = together.iter().filter(|asked| asked.question.writes()).count() > 1;
    if shared && let Err(fault) = rows(connection, prepared, &Question::new("BEGIN IMMEDIATE", Vec::new())) {
        return all(&fault);
    }
    let mut one = |asked: &Asked| rows(connection, prepared, &asked.question).map_err(|fault| explain(&fault));
    let answers = together.iter().map(&mut one).collect();
    if !shared {
        return answers;
    }
    // A fault of one statement is its own, but for those that end the transaction of all.
    if connection.is_autocommit() {
        let lost = || StateFault::Away("what was written together with it could not be written".to_owned());
        return answers.into_iter().map(|rows: Rows| rows.and_then(|_| Err(lost()))).collect();
    }
    match rows(connection, prepared, &Question::new("COMMIT", Vec::new())) {
        Ok(_) => answers,
        Err(fault) => {
            let _ = connection.execute_batch("ROLLBACK");
            all(&fault)
        }
    }
}

/// Brings what was written to the disk, where somebody waits for that. Nobody hears that it will be there soon while the disk
/// has failed.
fn keep<'a>(
    connection: &Connection,
    log: Option<&mut Log>,
    mut answers: impl Iterator<Item = (&'a Asked, &'a Rows)>,
) -> Result<(), StateFault> {
    let Some(log) = log else { return Ok(()) };
    let doubtful = log.is_doubtful();
    let waits = |(asked, rows): (&Asked, &Rows)| match asked.question.durable {
        Durable::No => false,
        Durable::Soon => doubtful && rows.is_ok(),
        Durable::Yes => rows.is_ok(),
    };
    if answers.any(waits) { log.keep(connection) } else { Ok(()) }
}

fn rows<'c>(
    connection: &'c Connection,
    prepared: &mut Prepared<'c>,
    question: &Question,
) -> Result<Vec<Row>, rusqlite::Error> {
    let statement = match prepared.entry(question.sql) {
        std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
        std::collections::hash_map::Entry::Vacant(unknown) => unknown.insert(connection.prepare(question.sql)?),
    };
    let values = rusqlite::params_from_iter(&question.values);
    if question.counted {
        let changed = statement.execute(values)?;
        return Ok(vec![vec![Value::Int(i64::try_from(changed).unwrap_or(i64::MAX))]]);
    }
    let columns = statement.column_count();
    let mut found = statement.query(values)?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push((0..columns).map(|column| row.get_ref(column).map(value)).collect::<Result<Row, _>>()?);
    }
    Ok(rows)
}

fn value(found: ValueRef<'_>) -> Value {
    match found {
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Text(text) => std::str::from_utf8(text).map_or(Value::Foreign, |text| Value::Text(text.to_owned())),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        ValueRef::Null | ValueRef::Real(_) => Value::Foreign,
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Foreign => ValueRef::Null,
        }))
    }
}

/// In words; without what was written, which SQLite's own messages do not hold either.
pub(super) fn explain(fault: &rusqlite::Error) -> StateFault {
    match fault.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StateFault::Damaged(format!(
            "{fault}: move `state.db` and the files beside it aside to begin a new one, moves and commitments under way are lost"
        )),
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::SystemIoFailure
            | ErrorCode::DiskFull
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed,
        ) => StateFault::Away(fault.to_string()),
        _ => StateFault::Damaged(fault.to_string()),
    }
}
