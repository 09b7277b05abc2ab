//! Who may do what: peers and rules compiled once, a request decided in microseconds, with reasons.
//!
//! Total and pure: no socket, file, clock or environment; the time is an argument. It never forwards, records or
//! answers anything.

pub mod decision;
pub mod model;
pub mod request;

pub use decision::{Decision, Denial, DenialReason, Fact, Permission};
pub use request::{Principal, Request, Transport};
