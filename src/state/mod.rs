//! What outlives an association: move grants, deliveries seen, turns, storage commitments. The only SQL.
//!
//! One trait, two stores: SQLite in the state folder, PostgreSQL where replicas share. A row is not trusted: it carries
//! a MAC and an expiry, and a bad one is absent. It never decides: a grant correlates, the gate permits.

mod alert;
pub mod commitment;
mod commitments;
pub mod fault;
pub mod grant;
mod grants;
mod handle;
mod key;
mod messages;
mod options;
mod reports;
mod row;
mod seal;
mod secret;
mod store;
mod sweep;
mod turn;
mod turns;

pub use commitment::{Commitment, CommitmentKey, Report, ReportId};
pub use fault::StateFault;
pub use grant::{Grant, GrantId, NewGrant, Seen};
pub use handle::State;
pub use options::{Alert, BadRow, Database, StateOptions};
pub use secret::Secret;
pub use turn::Turn;
