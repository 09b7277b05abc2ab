//! Retrieves of which only part may be had (PS3.4 C.4.2, C.4.3): resolved with lookups to the studies that may be seen,
//! and asked anew in the gateway's own words.
//!
//! The caller's identifier never goes on. What is not there and what may not be seen are asked for under fresh names, so
//! that the archive's own answer for what is not there comes back. Every object that comes is tied to a study that was
//! resolved. It never decides what may be seen: that is the [`Narrowing`](crate::policy::Narrowing)'s.

mod again;
mod answer;
mod begin;
mod delivered;
mod instance;
mod twice;

pub use again::Natively;

pub(super) use again::Looked;
pub(super) use answer::named;
pub(super) use begin::{Anew, Resolving};
pub(super) use delivered::Judged;
pub(super) use twice::Again;
