//! The one door: admits a request or denies it, and writes the record. Only this room makes a permit.
//!
//! Every way through ends in a record: a denial's is written at once, a permit's when it is closed, and a permit that
//! is dropped is recorded as aborted. Where nothing can be recorded, nothing is admitted.

mod budget;
mod door;
mod lookup;
mod permit;
pub mod quarantine;
mod refusal;
mod tally;
mod tripwire;
mod vault;
mod visit;

#[cfg(test)]
mod tests;

pub use door::{Admission, Basis, Entry, Gate, Object, Opening};
pub use lookup::{LookingUp, LookupPermit};
pub use permit::{Outcome, Permit, SealedAs, SubOperations};
pub use quarantine::{Held, Quarantine, Subject};
pub use refusal::{Refusal, told};
pub use tally::RefusalLimits;
pub use tripwire::{Tripped, Tripwire, Use};
pub use visit::{How, Visit};
