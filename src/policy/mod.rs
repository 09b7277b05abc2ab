//! Who may do what: peers and rules compiled once, a request decided in microseconds, with reasons.
//!
//! Total and pure: no socket, file, clock or environment; the time is an argument. It never forwards, records or
//! answers anything.

pub mod compiled;
pub mod credential;
pub mod decision;
pub mod fault;
pub mod identify;
pub mod model;
pub mod request;
pub mod trial;

pub use compiled::Policy;
pub use credential::{Anchor, Caller, CertificateFacts, Credential};
pub use decision::{Decision, Denial, DenialReason, Fact, Permission};
pub use fault::PolicyFault;
pub use identify::{IdentityFault, IdentityReason};
pub use model::PolicyModel;
pub use request::{Known, Moment, Principal, Request, Transport};
pub use trial::TestOutcome;
