//! The DIMSE front: one task owns both sockets of an association, from accept to record.
//!
//! The phases of a message: accept, identify, negotiate, inspect, decide, transform, forward, answer, record. It asks
//! the gate and does what it says; it never decides, and never writes a record itself.

mod associate;
mod bare;
pub mod clock;
pub mod commitment;
mod connection;
mod edge;
mod gateway;
mod guard;
mod keeper;
mod live;
pub mod lookup;
mod names;
mod negotiate;
mod person;
mod quarantine;
mod refusal;
mod relay;
mod reload;
mod shared;
mod snapshot;
pub mod vault;
mod view;
pub mod way_back;

pub use gateway::{Gateway, StartFault, state_options};
pub use snapshot::Snapshot;
pub use view::{Readiness, View};
