//! What outlives an association: move grants, deliveries seen, turns, storage commitments. The only SQL.
//!
//! One trait, two stores: SQLite in the state folder, PostgreSQL where replicas share. A row is not trusted: it carries
//! a MAC and an expiry, and a bad one is absent. It never decides: a grant correlates, the gate permits.

pub mod commitment;
pub mod fault;
pub mod grant;

pub use commitment::{Commitment, CommitmentKey, Report};
pub use fault::StateFault;
pub use grant::{Grant, GrantId, NewGrant, Seen};
