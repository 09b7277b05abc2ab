//! SQLite in the state folder: one thread holds the one connection, others ask it.

mod log;

use crate::state::StateFault;
use crate::state::row::{Row, Value};
use crate::state::store::{Answer, BEGIN, Durable, Question, Store, steps_from};
use log::Log;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement, ToSql};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// So many questions wait for the thread; further ones wait for room, within their time.
const QUEUE: usize = 1024;
/// So many answers share one sync at most: the first of them does not wait for more.
const TOGETHER: usize = 64;
/// What is to be durable soon waits so long for others to share its sync.
const SOON: Duration = Duration::from_millis(100);

/// Asks for nothing but the sync that is due.
const NOTHING: &str = "SELECT 1";

type Rows = Result<Vec<Row>, StateFault>;

struct Asked {
    question: Question,
    answer: oneshot::Sender<Rows>,
}

/// What a thread has of the file.
struct Held {
    connection: Connection,
    /// `None`: it has none, and each statement brings itself to the disk.
    log: Option<Log>,
}

/// The file of the state folder.
pub struct Sqlite {
    asked: mpsc::Sender<Asked>,
    answer: Duration,
    /// A sync is going to be asked for.
    due: Arc<AtomicBool>,
}

impl Sqlite {
    /// Opens the file, or makes it, for its owner alone. `answer`: everything is answered within this time.
    ///
    /// # Errors
    /// The file cannot be opened, is no database, or a newer program's.
    pub async fn open(path: &Path, answer: Duration) -> Result<Self, StateFault> {
        let path = path.to_owned();
        let (asked, mut asks) = mpsc::channel::<Asked>(QUEUE);
        let (ready, opened) = oneshot::channel();
        std::thread::Builder::new()
            .name("state".to_owned())
            .spawn(move || {
                let mut held = match connect(&path, answer) {
                    Ok(held) => held,
                    Err(fault) => return drop(ready.send(Err(fault))),
                };
                if ready.send(Ok(())).is_ok() {
                    serve(&mut held, &mut asks);
                }
            })
            .map_err(|fault| StateFault::Away(format!("no thread for it: {fault}")))?;
        opened.await.unwrap_or_else(|_| Err(gone()))?;
        Ok(Self { asked, answer, due: Arc::default() })
    }

    /// Has the log synced before long, if nothing has seen to that yet. A connection that ends before syncs it by itself.
    fn keep_soon(&self) {
        if self.due.swap(true, Ordering::AcqRel) {
            return;
        }
        let (asked, due) = (self.asked.downgrade(), Arc::clone(&self.due));
        tokio::spawn(async move {
            tokio::time::sleep(SOON).await;
            // What is written from here on is perhaps behind that sync, and asks for one of its own.
            due.store(false, Ordering::Release);
            let Some(asked) = asked.upgrade() else { return };
            let (answer, kept) = oneshot::channel();
            let _ = asked.send(Asked { question: Question::durable(NOTHING, Vec::new()), answer }).await;
            if let Ok(Err(fault)) = kept.await {
                tracing::error!(%fault, "a power cut may take what the ledger of seals was told last");
            }
        });
    }
}

impl Store for Sqlite {
    fn ask(&self, question: Question) -> Answer<'_> {
        Box::pin(async move {
            let soon = question.durable == Durable::Soon;
            let (answer, answered) = oneshot::channel();
            let asking = async {
                self.asked.send(Asked { question, answer }).await.map_err(|_| gone())?;
                answered.await.map_err(|_| gone())?
            };
            let rows = tokio::time::timeout(self.answer, asking)
                .await
                .unwrap_or_else(|_| Err(StateFault::Away("the disk does not answer in time".to_owned())));
            if soon && rows.is_ok() {
                self.keep_soon();
            }
            rows
        })
    }
}

fn gone() -> StateFault {
    StateFault::Away("its thread is gone".to_owned())
}

fn connect(path: &Path, answer: Duration) -> Result<Held, StateFault> {
    let shown = path.display();
    let file = |fault: io::Error| StateFault::Settings(format!("`{shown}`: {fault}"));
    // Made here rather than by SQLite, whose other files get the mode of this one.
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(made) => {
            made.sync_all().map_err(file)?;
            File::open(path.parent().unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all()).map_err(file)?;
        }
        Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => {
            if fs::metadata(path).map_err(file)?.permissions().mode() & 0o077 != 0 {
                fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(file)?;
            }
        }
        Err(fault) => return Err(file(fault)),
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let open = || -> Result<(Connection, bool), rusqlite::Error> {
        let connection = Connection::open_with_flags(path, flags)?;
        // Another process may hold the file for a moment: half of the time goes to waiting for it.
        connection.busy_timeout(answer / 2)?;
        // Where the folder cannot have a log (some network file systems), it is another mode that comes of this.
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;")?;
        connection.execute_batch(&format!("BEGIN IMMEDIATE; {BEGIN}"))?;
        Ok((connection, mode.eq_ignore_ascii_case("wal")))
    };
    let (connection, has_log) = open().map_err(|fault| explain(&fault))?;
    let version = connection.query_row("SELECT max(version) FROM dicomgate_schema", [], |row| row.get(0));
    let steps = steps_from(version.map_err(|fault| explain(&fault))?)
        .map_err(|_| StateFault::Settings(format!("`{shown}` was made by a newer dicomgate")))?;
    // Dropped before the end of it, the connection leaves everything as it was.
    connection.execute_batch(&format!("{steps} COMMIT;")).map_err(|fault| explain(&fault))?;
    if !has_log {
        return Ok(Held { connection, log: None });
    }
    let log = Some(Log::open(path).map_err(file)?);
    connection.execute_batch("PRAGMA synchronous = NORMAL;").map_err(|fault| explain(&fault))?;
    Ok(Held { connection, log })
}

/// Answers until nobody is left who could ask.
fn serve(Held { connection, log }: &mut Held, asks: &mut mpsc::Receiver<Asked>) {
    // The statements are the program's own, some twenty; each is prepared once.
    let mut prepared: HashMap<&'static str, Statement<'_>> = HashMap::new();
    while let Some(asked) = asks.blocking_recv() {
        let mut waiting = Vec::new();
        let mut next = Some(asked);
        while let Some(Asked { question, answer }) = next {
            // Whoever asked has given up: nobody would undo what is done now.
            if !answer.is_closed() {
                let rows = rows(connection, &mut prepared, &question).map_err(|fault| explain(&fault));
                let durable = rows.is_ok()
                    && match (question.durable, &log) {
                        (Durable::No, _) | (_, None) => false,
                        // Nobody hears that it will be durable soon where the disk has failed.
                        (Durable::Soon, Some(log)) => log.is_doubtful(),
                        (Durable::Yes, Some(_)) => true,
                    };
                // Nobody hears of what a power cut may take, not even by asking for it.
                if durable || !waiting.is_empty() {
                    waiting.push((answer, rows, durable));
                } else {
                    let _ = answer.send(rows);
                }
            }
            next = if (1..TOGETHER).contains(&waiting.len()) { asks.try_recv().ok() } else { None };
        }
        if let Some(log) = log.as_mut().filter(|_| !waiting.is_empty()) {
            let kept = log.keep(connection);
            for (answer, rows, durable) in waiting {
                let _ = answer.send(if durable { kept.clone().and(rows) } else { rows });
            }
        }
    }
}

fn rows<'c>(
    connection: &'c Connection,
    prepared: &mut HashMap<&'static str, Statement<'c>>,
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
fn explain(fault: &rusqlite::Error) -> StateFault {
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

#[cfg(test)]
mod tests;
