//! Event to record to chain, and its verification (PS3.15 A.5 names the events). The only room that renders patient
//! data; it never decides.
//!
//! A record is one line of JSON that carries the hash of the line before it. [`Log`] writes them, [`verify`] proves
//! them, [`read`] finds them again. Only `log`, `keys` and the folder readers of `verify` and `read` touch files;
//! the clock is handed in.

pub mod body;
pub mod chain;
pub mod checkpoint;
pub mod commitment;
pub mod event;
pub mod explain;
pub mod history;
pub mod incident;
pub mod keys;
pub mod log;
pub mod ratchet;
pub mod read;
pub mod round;
pub mod sink;
pub mod tripwire;
pub mod vault;
pub mod verify;

pub use chain::Head;
pub use event::{AssociationId, Event};
pub use incident::Incident;
pub use log::{Log, LogFault, LogOptions, Receipt, Unrecorded};
pub use ratchet::Seed;
