//! Who may do what: peers and rules compiled once, a request decided in microseconds, with reasons.
//!
//! [`PolicyModel`] is what an administrator wrote; [`Policy::compile`] says everything that is wrong with it, or makes
//! a [`Policy`] that answers: [`Policy::identify`] (who is calling), [`Policy::decide`] (may they), [`Policy::possible`]
//! (could they ever, on this presentation context), [`Policy::explain`], [`Policy::run_tests`].
//!
//! Total and pure: no socket, file, clock or environment; the time is an argument. It never forwards, records or
//! answers anything.

pub mod attribute;
pub mod canary;
mod compile;
pub mod compiled;
pub mod credential;
mod decide;
pub mod decision;
pub mod evaluate;
pub mod explain;
pub mod fault;
pub mod identify;
mod index;
pub mod model;
pub mod narrow;
mod nearest;
pub mod question;
pub mod receive;
pub mod replay;
pub mod request;
pub mod rights;
pub mod trial;
pub mod user;
pub mod value;
pub mod words;

#[cfg(test)]
mod tests;

pub use compiled::{Policy, PolicyIdentity};
pub use credential::{Anchor, Caller, CertificateFacts, Credential};
pub use decision::{Decision, Denial, DenialReason, Fact, Permission};
pub use explain::Explanation;
pub use fault::PolicyFault;
pub use identify::{ArchiveCaller, ArchiveReason, IdentityFault, IdentityReason};
pub use model::PolicyModel;
pub use narrow::Narrowing;
pub use question::{Question, QuestionFault};
pub use receive::Receiver;
pub use request::{Known, Moment, Principal, Query, Request, Transport};
pub use rights::Open;
pub use trial::TestOutcome;
pub use user::User;
