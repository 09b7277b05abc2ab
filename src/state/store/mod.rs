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
pub const VERSION: i64 = 1;
/// Makes the tables where they are not there.
pub const SCHEMA: &str = include_str!("schema.sql");

/// One statement with its parameters.
#[derive(Debug)]
pub struct Question {
    /// The statement.
    pub sql: &'static str,
    /// Its parameters.
    pub values: Vec<Value>,
    /// What it writes lies on the disk when it is answered, even if the machine loses its power then.
    pub durable: bool,
}

impl Question {
    /// A statement that reads, or writes what a crash of the machine may lose.
    pub fn new(sql: &'static str, values: Vec<Value>) -> Self {
        Self { sql, values, durable: false }
    }

    /// A statement whose effect outlives a crash of the machine.
    pub fn durable(sql: &'static str, values: Vec<Value>) -> Self {
        Self { sql, values, durable: true }
    }
}

/// The answer to a [`Question`], to be awaited.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, StateFault>> + Send + 'a>>;

/// Somewhere that rows are kept.
pub trait Store: Send + Sync {
    /// Runs one statement; answers with its rows, or with a fault within the time that the store was opened with.
    fn ask(&self, question: Question) -> Answer<'_>;
}
