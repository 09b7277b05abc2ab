//! What the gateway itself asks an archive, so that it can decide who may see what: which study, of which patient, with
//! which series and instances.
//!
//! Lookups go over an association of the gateway's own, under the calling title by which the archive knows the relay's
//! caller; each is permitted and counted by the gate. What is not there costs as many of them as what may not be seen.
//! It never decides what may be seen (that is the [`Narrowing`](crate::policy::Narrowing)'s), never forwards a caller's
//! message, and never takes an answer that is not about what was asked.

mod ask;
mod cache;
mod facts;
mod fault;
mod fresh;
mod link;
mod list;
mod parents;
mod patients;
mod resolve;
mod studies;

pub use cache::Remembered;
pub use facts::{Patient, StudyFacts};
pub use fault::LookupFault;
pub use fresh::fresh_uid;
pub use link::Lookups;
pub use patients::Patients;
pub use resolve::{ResolveFault, Resolved};
