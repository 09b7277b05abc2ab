//! What outlives an association: move grants, deliveries seen, turns, storage commitments; and of people: budgets spent,
//! quarantine, failed logins, emergency uses to be looked at; which seals an archive holds; and what commands tell a gateway
//! to record. The only SQL.
//!
//! One trait, two stores: SQLite in the state folder, PostgreSQL where replicas share. A row is not trusted: it carries
//! a MAC and an expiry, and a bad one is absent. It never decides: a grant correlates, the gate permits.

mod alert;
mod budgets;
pub mod commitment;
mod commitments;
pub mod fault;
pub mod grant;
mod grants;
mod handle;
mod key;
pub mod ledger;
mod ledgers;
pub mod lockout;
mod lockouts;
mod marks;
mod messages;
mod options;
mod packed;
mod purse;
pub mod quarantine;
mod quarantines;
mod reports;
pub mod review;
mod reviews;
mod row;
mod seal;
mod secret;
mod store;
mod sweep;
mod told;
mod turn;
mod turns;

pub use budgets::BudgetKey;
pub use commitment::{Commitment, CommitmentKey, Report, ReportId};
pub use fault::StateFault;
pub use grant::{Grant, GrantId, NewGrant, Seen};
pub use handle::State;
pub use ledger::{Mark, Repeats, SealCursor, SealEnd, SealMark, SealPage, SealRow, Standing};
pub use lockout::{Lockout, LockoutRule};
pub use options::{Alert, BadRow, Database, StateOptions};
pub use quarantine::{Quarantined, Release};
pub use review::{NewReview, Review};
pub use secret::Secret;
pub use told::Told;
pub use turn::Turn;

/// Expiry of what does not expire, in seconds since 1970: the end of the year 9999.
const NEVER: i64 = 253_402_300_799;
