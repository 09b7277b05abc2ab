//! The one trait of the two stores: a statement goes in, rows come out. What the statements mean is not theirs.
//!
//! Every statement stands in both dialects of SQL alike (parameters are `?1`, `?2`, ...), and is atomic by itself: no
//! store holds a transaction open while somebody thinks.

pub mod postgres;
pub mod sqlite;

use crate::state::StateFault;
use crate::state::row::{Row, Value};
use std::future::Future;
use std::pin::Pin;

/// What the tables look like; a database that says a higher number is a newer program's.
pub const VERSION: i64 = 4;
/// Makes the table that says which version the others are.
const BEGIN: &str = "CREATE TABLE IF NOT EXISTS dicomgate_schema (version BIGINT PRIMARY KEY);";
/// What leads from each version to the next, the first from none. A step that has been released never changes.
const STEPS: [&str; 4] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
];

/// What leads from the version that a database says (`None`: there is none) to this program's; empty: it is this one.
/// To be run in one transaction that begins with [`BEGIN`], and in which the version was read.
///
/// # Errors
/// A newer program has made the tables.
fn steps_from(version: Option<i64>) -> Result<String, StateFault> {
    let done = usize::try_from(version.unwrap_or(0)).unwrap_or(usize::MAX);
    match STEPS.get(done..) {
        Some([]) => Ok(String::new()),
        Some(steps) => {
            let steps = steps.concat();
            Ok(format!(
                "{steps} DELETE FROM dicomgate_schema; INSERT INTO dicomgate_schema (version) VALUES ({VERSION});"
            ))
        }
        None => Err(StateFault::Settings("the tables of the database were made by a newer dicomgate".to_owned())),
    }
}

/// When what a statement writes outlives a machine that loses its power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durable {
    /// Whenever the system writes it.
    No,
    /// Within a tenth of a second of its answer, which waits for no disk; or the next durable statement's.
    Soon,
    /// When it is answered.
    Yes,
}

/// One statement with its parameters.
#[derive(Debug)]
pub struct Question {
    /// The statement.
    pub sql: &'static str,
    /// Its parameters.
    pub values: Vec<Value>,
    /// When what it writes lies on the disk.
    pub durable: Durable,
    /// It is answered with one number, of the rows that it changed. The statement gives none itself: SQLite would keep those
    /// in a table of their own first.
    pub counted: bool,
}

impl Question {
    /// A statement that reads, or writes what a crash of the machine may lose.
    pub const fn new(sql: &'static str, values: Vec<Value>) -> Self {
        Self { sql, values, durable: Durable::No, counted: false }
    }

    /// A statement whose effect outlives a crash of the machine.
    pub fn durable(sql: &'static str, values: Vec<Value>) -> Self {
        Self { durable: Durable::Yes, ..Self::new(sql, values) }
    }

    /// Whether it may change anything.
    pub fn writes(&self) -> bool {
        !self.sql.starts_with("SELECT")
    }

    /// The same, answered with the number of rows that it changed.
    pub fn counted(self) -> Self {
        Self { counted: true, ..self }
    }
}

/// The answer to a [`Question`], to be awaited.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, StateFault>> + Send + 'a>>;

/// Somewhere that rows are kept.
pub trait Store: Send + Sync {
    /// Runs one statement; answers with its rows, or with a fault within the time that the store was opened with.
    fn ask(&self, question: Question) -> Answer<'_>;
}

#[cfg(test)]
mod tests {
    use super::{STEPS, VERSION, steps_from};

    #[test]
    fn each_version_has_its_step() {
        assert_eq!(i64::try_from(STEPS.len()).unwrap(), VERSION);
        assert_eq!(steps_from(Some(VERSION)).unwrap(), "");
        assert!(steps_from(Some(VERSION + 1)).is_err() && steps_from(Some(-1)).is_err());
    }
}
