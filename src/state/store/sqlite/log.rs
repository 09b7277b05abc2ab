//! The write-ahead log of the connection: brought to the disk here rather than by SQLite, once for all that wrote before.
//!
//! SQLite with `synchronous = NORMAL` orders what it writes so that the file is never damaged, and leaves the newest
//! statements to the system. What promises more asks for [`Log::keep`] before it is answered, as `FULL` would do it at each
//! statement: several that came at once share one, and it costs no writing of times and lengths that nobody needs
//! (fdatasync).

use crate::state::StateFault;
use rusqlite::Connection;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Brings what was written to the disk.
type Sync = Box<dyn FnMut() -> io::Result<()> + Send>;

/// The log of a connection.
pub struct Log {
    sync: Sync,
    /// The system has said once that something did not reach the disk. It says so only once, and may have dropped it: what is
    /// in the log is believed again when all of it is in the file itself.
    doubtful: bool,
}

impl Log {
    /// The log beside this database, which SQLite has made by now and keeps while the connection is there.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(database: &Path) -> io::Result<Self> {
        let mut path = OsString::from(database);
        path.push("-wal");
        let file: File = OpenOptions::new().write(true).open(path)?;
        Ok(Self::new(Box::new(move || file.sync_data())))
    }

    pub(super) const fn new(sync: Sync) -> Self {
        Self { sync, doubtful: false }
    }

    /// Whether something may not have reached the disk.
    pub const fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// All that the connection has written lies on the disk.
    ///
    /// # Errors
    /// It may not.
    pub fn keep(&mut self, connection: &Connection) -> Result<(), StateFault> {
        if !self.doubtful {
            match (self.sync)() {
                Ok(()) => return Ok(()),
                Err(fault) => {
                    tracing::error!(%fault, "the state could not be brought to the disk");
                    self.doubtful = true;
                }
            }
        }
        let away = |words: String| StateFault::Away(format!("it cannot be brought to the disk: {words}"));
        // Also syncs the log before, and the file behind it.
        let busy: i64 = connection
            .query_row("PRAGMA wal_checkpoint(FULL)", [], |row| row.get(0))
            .map_err(|fault| away(fault.to_string()))?;
        if busy != 0 {
            return Err(away("another process reads it".to_owned()));
        }
        self.doubtful = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Log;
    use crate::state::StateFault;
    use rusqlite::Connection;
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn database() -> (tempfile::TempDir, PathBuf, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let connection = Connection::open(&path).unwrap();
        connection.busy_timeout(std::time::Duration::from_millis(100)).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE t (x);")
            .unwrap();
        (folder, path, connection)
    }

    /// What the file itself has, without its log.
    fn in_file(path: &Path) -> i64 {
        let elsewhere = tempfile::tempdir().unwrap();
        let copy = elsewhere.path().join("state.db");
        std::fs::copy(path, &copy).unwrap();
        Connection::open(copy).unwrap().query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn the_log_of_a_connection_is_found_and_synced() {
        let (_folder, path, connection) = database();
        Log::open(&path).unwrap().keep(&connection).unwrap();
        assert!(Log::open(&path.with_extension("other")).is_err());
    }

    #[test]
    fn what_did_not_reach_the_disk_once_is_believed_when_it_is_in_the_file() {
        let (_folder, path, connection) = database();
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        // As the system does it: it fails once, and then says that all is well.
        let mut log = Log::new(Box::new(move || match counted.fetch_add(1, Ordering::Relaxed) {
            1 => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }));
        let write = || assert_eq!(connection.execute("INSERT INTO t VALUES (1)", []), Ok(1));
        connection.execute_batch("PRAGMA wal_checkpoint(FULL)").unwrap();
        write();
        log.keep(&connection).unwrap();
        assert_eq!(in_file(&path), 0, "the log is enough");

        // Somebody reads what was there before: not all of it can go into the file.
        let reader = Connection::open(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM t").unwrap();
        reader.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)).unwrap();
        write();
        for _ in 0..2 {
            assert!(matches!(log.keep(&connection), Err(StateFault::Away(_))));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 2, "the system is not asked about what it may have dropped");
        reader.execute_batch("COMMIT").unwrap();
        log.keep(&connection).unwrap();
        assert_eq!(in_file(&path), 2);

        write();
        log.keep(&connection).unwrap();
        assert_eq!((asked.load(Ordering::Relaxed), in_file(&path)), (3, 2), "and from then on the log is enough again");
    }
}
