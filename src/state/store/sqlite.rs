//! SQLite in the state folder: one thread holds the one connection, others ask it.

mod log;
mod thread;

use crate::state::StateFault;
use crate::state::store::{Answer, BEGIN, Durable, Question, Store, steps_from};
use log::Log;
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use thread::{Asked, Held, explain, serve};
use tokio::sync::{mpsc, oneshot};

/// So many questions wait for the thread; further ones wait for room, within their time.
const QUEUE: usize = 1024;
/// What is to be durable soon waits so long for others to share its sync.
const SOON: Duration = Duration::from_millis(100);

/// Asks for nothing but the sync that is due.
const NOTHING: &str = "SELECT 1";

/// The file of the state folder.
pub struct Sqlite {
    asked: mpsc::Sender<Asked>,
    answer: Duration,
    /// The file, for people.
    shown: String,
    /// A sync is going to be asked for.
    due: Arc<AtomicBool>,
}

impl Sqlite {
    /// Opens the file, or makes it, for its owner alone. `answer`: everything is answered within this time.
    ///
    /// # Errors
    /// The file cannot be opened, is no database, or a newer program's.
    pub async fn open(path: &Path, answer: Duration) -> Result<Self, StateFault> {
        let (path, shown) = (path.to_owned(), path.display().to_string());
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
        opened.await.unwrap_or_else(|_| Err(gone())).map_err(|fault| fault.of(&shown))?;
        Ok(Self::new(asked, answer, shown))
    }

    fn new(asked: mpsc::Sender<Asked>, answer: Duration, shown: String) -> Self {
        Self { asked, answer, shown, due: Arc::default() }
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
            let durable = question.durable;
            let (answer, answered) = oneshot::channel();
            let asking = async {
                self.asked.send(Asked { question, answer }).await.map_err(|_| gone())?;
                answered.await.map_err(|_| gone())?
            };
            let rows = tokio::time::timeout(self.answer, asking)
                .await
                .unwrap_or_else(|_| Err(StateFault::Away("the disk does not answer in time".to_owned())));
            if durable == Durable::Soon && rows.is_ok() {
                self.keep_soon();
            }
            rows.map_err(|fault| fault.of(&self.shown))
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

#[cfg(test)]
mod tests;
