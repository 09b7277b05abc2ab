//! The handle that the rest of the house holds, and what all questions have in common.

use crate::state::alert::Alarm;
use crate::state::messages::Messages;
use crate::state::purse::Purses;
use crate::state::row::{Fields, Row, Value};
use crate::state::seal::{Sealer, Table};
use crate::state::store::postgres::Postgres;
use crate::state::store::sqlite::Sqlite;
use crate::state::store::{Question, Store};
use crate::state::sweep::Positions;
use crate::state::{StateFault, StateOptions, key};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex};

/// What outlives an association. Cheap to clone.
#[derive(Clone)]
pub struct State {
    pub(in crate::state) inner: Arc<Inner>,
}

/// Shared by all clones of a handle.
pub struct Inner {
    store: Box<dyn Store>,
    sealer: Sealer,
    alarm: Alarm,
    random: SystemRandom,
    pub(in crate::state) options: StateOptions,
    pub(in crate::state) messages: Messages,
    /// Grants made by this handle: orders those of one second.
    pub(in crate::state) made: AtomicU64,
    /// Commitments registered, as of the last count; below 0: not counted.
    pub(in crate::state) commitments: AtomicI64,
    /// Where the next sweep looks on.
    pub(in crate::state) positions: Mutex<Positions>,
    pub(in crate::state) purses: Purses,
    /// Failures of one subject are counted one after another.
    pub(in crate::state) counting: [tokio::sync::Mutex<()>; 64],
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("State")
    }
}

impl State {
    /// Opens the state: SQLite makes its file and its key, PostgreSQL its tables. A database that is away is no fault
    /// here: what is asked of it is answered with [`StateFault::Away`] until it comes.
    ///
    /// # Errors
    /// [`StateFault::Settings`] and [`StateFault::Damaged`]: what waiting does not mend.
    pub async fn open(options: StateOptions) -> Result<Self, StateFault> {
        let (key, store): (_, Box<dyn Store>) = match &options.database {
            Some(database) => {
                let key = key::load(&database.key)?;
                (key, Box::new(Postgres::open(database, options.answer).await?))
            }
            None => {
                let (file, keyfile) = (options.folder.join("state.db"), options.folder.join("state.key"));
                if !keyfile.exists() {
                    // The key is made before the file: if somebody else has just made both, it is there by now.
                    if file.exists() && !keyfile.exists() {
                        return Err(StateFault::Settings(format!(
                            "`{}` is there without its key file `{}`: restore that from a backup, or move both aside",
                            file.display(),
                            keyfile.display()
                        )));
                    }
                    key::make(&keyfile)?;
                }
                (key::load(&keyfile)?, Box::new(Sqlite::open(&file, options.answer).await?))
            }
        };
        let inner = Inner {
            store,
            sealer: Sealer::new(&key),
            alarm: Alarm::new(Arc::clone(&options.alert)),
            random: SystemRandom::new(),
            options,
            messages: Messages::default(),
            made: AtomicU64::new(0),
            commitments: AtomicI64::new(-1),
            positions: Mutex::default(),
            purses: Purses::default(),
            counting: [const { tokio::sync::Mutex::const_new(()) }; 64],
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Whether the database is there, answers, and is one that this program can use.
    ///
    /// # Errors
    /// Why not.
    pub async fn reachable(&self) -> Result<(), StateFault> {
        let question = Question::new("SELECT version FROM dicomgate_schema", Vec::new());
        self.ask(question).await.map(drop)
    }

    /// How many times a row was met that is not what this program wrote.
    pub fn bad_rows(&self) -> u64 {
        self.inner.alarm.count()
    }

    /// Seconds since 1970.
    pub(in crate::state) fn now(&self) -> i64 {
        (self.inner.options.clock)()
    }

    pub(in crate::state) async fn ask(&self, question: Question) -> Result<Vec<Row>, StateFault> {
        self.inner.store.ask(question).await
    }

    /// Asks for one number, such as a count.
    pub(in crate::state) async fn ask_number(&self, sql: &'static str, values: Vec<Value>) -> Result<i64, StateFault> {
        self.number(Question::new(sql, values)).await
    }

    /// Runs a statement that gives no rows; whether it changed any.
    pub(in crate::state) async fn changes(&self, question: Question) -> Result<bool, StateFault> {
        Ok(self.number(question.counted()).await? != 0)
    }

    async fn number(&self, question: Question) -> Result<i64, StateFault> {
        let rows = self.ask(question).await?;
        let number = rows.first().and_then(|row| Fields::new(row).int());
        number.ok_or_else(|| StateFault::Damaged("a count is no number".to_owned()))
    }

    /// The row with its MAC behind it.
    pub(in crate::state) fn seal(&self, table: &Table, row: Row) -> Row {
        self.inner.sealer.seal(table, row)
    }

    /// What a row says, if its MAC fits and it can be read; otherwise it is absent, and told of.
    pub(in crate::state) fn read<T>(
        &self,
        table: &'static Table,
        row: &[Value],
        parse: impl FnOnce(&mut Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        let read = if self.inner.sealer.fits(table, row) { parse(&mut Fields::new(row)) } else { None };
        if read.is_none() {
            self.bad(table, row);
        }
        read
    }

    /// A row is not what this program wrote.
    pub(in crate::state) fn bad(&self, table: &'static Table, row: &[Value]) {
        self.inner.alarm.raise(table, row);
    }

    /// A keyed hash, for what shall not lie in the database in clear (what a budget counts, whose logins fail). Gateways
    /// that share the key of the rows get the same for the same parts; of another `purpose` it is another one.
    pub fn hash(&self, purpose: &'static str, parts: &[&[u8]]) -> [u8; 16] {
        self.inner.sealer.hash(purpose, parts)
    }

    /// 128 random bits.
    pub(in crate::state) fn random(&self) -> Result<[u8; 16], StateFault> {
        let mut bytes = [0; 16];
        self.inner
            .random
            .fill(&mut bytes)
            .map_err(|_| StateFault::Away("the system gives no random numbers".to_owned()))?;
        Ok(bytes)
    }
}
