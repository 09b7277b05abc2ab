//! Where a state lives in a test, and what the tests put into it.

use crate::server::{self, Server};
use dicomgate::dicom::{AeTitle, Uid};
use dicomgate::state::{
    BadRow, Commitment, CommitmentKey, Database, NewGrant, Report, Secret, State, StateFault, StateOptions,
};
use std::cell::Cell;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// When tests begin, in seconds since 1970.
pub const START: i64 = 1_800_000_000;

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(START) };
}

/// The clock of this test.
pub fn clock() -> i64 {
    NOW.get()
}

/// So many seconds later.
pub fn later(seconds: i64) {
    NOW.set(NOW.get() + seconds);
}

enum Kind {
    Sqlite,
    Postgres { server: &'static Server, name: String },
}

/// Somewhere that any number of states are opened on.
pub struct Place {
    pub folder: TempDir,
    kind: Kind,
    heard: Arc<Mutex<Vec<BadRow>>>,
}

impl Place {
    pub async fn sqlite() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), kind: Kind::Sqlite, heard: Arc::default() }
    }

    pub async fn postgres() -> Self {
        let server = server::shared();
        Self::on(server, server.database().await)
    }

    pub fn on(server: &'static Server, name: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_key(&folder);
        Self { folder, kind: Kind::Postgres { server, name }, heard: Arc::default() }
    }

    pub fn options(&self) -> StateOptions {
        let heard = Arc::clone(&self.heard);
        let alert = Arc::new(move |bad| heard.lock().unwrap().push(bad));
        let database = match &self.kind {
            Kind::Sqlite => None,
            Kind::Postgres { server, name } => Some(Database {
                url: Secret::new(server.url("gate", "127.0.0.1", name, "disable")),
                ca: None,
                key: self.folder.path().join("shared.key"),
            }),
        };
        StateOptions { database, ..StateOptions::new(self.folder.path(), alert, clock) }
    }

    pub async fn open(&self) -> State {
        self.try_open().await.unwrap()
    }

    pub async fn try_open(&self) -> Result<State, StateFault> {
        State::open(self.options()).await
    }

    /// What somebody does who has the database, but not the key. Says how many rows changed.
    pub async fn by_hand(&self, sql: &str) -> usize {
        match &self.kind {
            Kind::Sqlite => {
                let connection = rusqlite::Connection::open(self.folder.path().join("state.db")).unwrap();
                connection.execute(sql, []).unwrap()
            }
            Kind::Postgres { server, name } => {
                let owner = server.owner(name).await;
                owner.execute(sql, &[]).await.unwrap().try_into().unwrap()
            }
        }
    }

    /// Runs statements as the owner of the tables. Bytes are written `X'00ff'`.
    pub async fn script(&self, sql: &str) {
        match &self.kind {
            Kind::Sqlite => {
                let connection = rusqlite::Connection::open(self.folder.path().join("state.db")).unwrap();
                connection.execute_batch(sql).unwrap();
            }
            Kind::Postgres { server, name } => {
                let owner = server.owner(name).await;
                let sql = sql.replace("X'", "'\\x");
                owner.batch_execute(&format!("SET ROLE gate; {sql}")).await.unwrap();
            }
        }
    }

    /// The rows of a table, of whoever they are.
    pub async fn count(&self, table: &str) -> i64 {
        self.number(&format!("SELECT count(*) FROM {table}")).await
    }

    /// What a statement says that gives one number.
    pub async fn number(&self, sql: &str) -> i64 {
        match &self.kind {
            Kind::Sqlite => {
                let connection = rusqlite::Connection::open(self.folder.path().join("state.db")).unwrap();
                connection.query_row(sql, [], |row| row.get(0)).unwrap()
            }
            Kind::Postgres { server, name } => server.owner(name).await.query_one(sql, &[]).await.unwrap().get(0),
        }
    }

    /// Bytes, as a literal of this database.
    pub fn bytes(&self, hex: &str) -> String {
        match self.kind {
            Kind::Sqlite => format!("x'{hex}'"),
            Kind::Postgres { .. } => format!("'\\x{hex}'"),
        }
    }

    /// A number, as bytes.
    pub fn bytes_of(&self, number: &str) -> String {
        match self.kind {
            Kind::Sqlite => format!("CAST({number} AS BLOB)"),
            Kind::Postgres { .. } => format!("int8send({number})"),
        }
    }

    /// What was alerted of since it was last asked.
    pub fn heard(&self) -> Vec<BadRow> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

pub fn write_key(folder: &TempDir) {
    let key = folder.path().join("shared.key");
    std::fs::write(&key, "0f".repeat(32)).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
}

pub fn ae(title: &str) -> AeTitle {
    AeTitle::new(title).unwrap()
}

pub fn uid(text: &str) -> Uid {
    Uid::new(text).unwrap()
}

/// A move that PACS was asked for as GATE, for an hour.
pub fn grant() -> NewGrant {
    NewGrant {
        person: "{\"name\":\"müller\"}".into(),
        archive: ae("PACS"),
        title: ae("GATE"),
        told: ae("TOLD"),
        destination: ae("WS2"),
        requester: Arc::from("Arbeitsplatz Süd"),
        requester_title: ae("WS1"),
        requester_message: 65_535,
        message: None,
        context: (uid("1.2.840.10008.5.1.4.1.2.2.2"), uid("1.2.840.10008.1.2")),
        scope: vec![0, 1, 255, 0],
        association: "gate-1 12 'x'".to_owned(),
        lags: true,
        expires: START + 3600,
    }
}

/// Kept 30 days.
pub fn commitment(transaction: u32) -> Commitment {
    Commitment {
        person: String::new(),
        key: CommitmentKey { archive: ae("PACS"), transaction: uid(&format!("1.2.{transaction}")), title: ae("CT1") },
        requester: Arc::from("ct"),
        requester_title: ae("CT_1"),
        expires: START + 30 * 86_400,
    }
}

/// Due at once.
pub fn report(transaction: u32) -> Report {
    let data_set = transaction.to_be_bytes().repeat(64);
    Report { commitment: commitment(transaction), event_type: 1, data_set, attempts: 0, due: START }
}
