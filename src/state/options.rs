//! What the state is opened with.

use crate::config;
use crate::state::Secret;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A row that is not what this program wrote. It counts as absent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BadRow {
    /// Which table.
    pub table: &'static str,
    /// Which row: its key, shortened and with everything unprintable escaped. Nothing else of the row.
    pub key: String,
}

/// The database that replicas share.
#[derive(Debug, Clone)]
pub struct Database {
    /// `postgres://USER:PASSWORD@HOST:PORT/NAME`, with `?sslmode=verify-full` (what holds when nothing is said) or, on a
    /// loopback address alone, `?sslmode=disable`.
    pub url: Secret,
    /// Certificates (PEM) that the server's may be issued by. The host of the URL must stand in the server's certificate.
    pub ca: Option<PathBuf>,
    /// The file of the key of all rows, 64 hexadecimal digits, the same at all replicas.
    pub key: PathBuf,
}

impl From<&config::Database> for Database {
    fn from(configured: &config::Database) -> Self {
        // Whether TLS is spoken is in the URL, which is read here once more: a database elsewhere in plain is refused
        // whoever asks for it.
        Self { url: Secret::new(configured.url.expose()), ca: configured.ca.clone(), key: configured.state_key.clone() }
    }
}

/// Called with a row that is not what this program wrote.
pub type Alert = Arc<dyn Fn(BadRow) + Send + Sync>;

/// What the state is opened with. [`StateOptions::new`] fills in the defaults.
#[derive(Clone)]
pub struct StateOptions {
    /// The state folder. `state.db` and `state.key` are made in it, if there is no `database`.
    pub folder: PathBuf,
    /// The database that replicas share; `None`: SQLite in `folder`.
    pub database: Option<Database>,
    /// Told of rows that are not what this program wrote: once for each such row, within bounds.
    pub alert: Alert,
    /// Seconds since 1970.
    pub clock: fn() -> i64,
    /// Within this time everything is answered (`state_answer`).
    pub answer: Duration,
    /// Reports that wait for their requesters at once (`commit_reports`).
    pub most_reports: u64,
    /// Commitments registered at once, as of the last sweep and what this gateway has added since.
    pub most_commitments: u64,
    /// Deliveries remembered for one grant (`move_instances`).
    pub most_seen: u32,
}

impl StateOptions {
    /// SQLite in `folder`, 5 s, 100,000 reports, 1,000,000 commitments, 100,000 deliveries of a grant.
    pub fn new(folder: impl Into<PathBuf>, alert: Alert, clock: fn() -> i64) -> Self {
        Self {
            folder: folder.into(),
            database: None,
            alert,
            clock,
            answer: Duration::from_secs(5),
            most_reports: 100_000,
            most_commitments: 1_000_000,
            most_seen: 100_000,
        }
    }
}
