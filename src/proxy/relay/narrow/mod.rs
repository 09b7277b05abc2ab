//! Queries of which only part of the answers may be seen (PS3.4 C.4.1, K.4.1): what the archive is asked, and what of
//! its answers goes on.
//!
//! The identifier is kept whole and written anew; every answer of the archive is taken whole, judged, cut down and sent
//! on with its own pending status, or dropped. What is held is bounded however many answers come. It never decides what
//! may be seen: that is the [`Narrowing`](crate::policy::Narrowing)'s. Hidden and absent look alike: the archive is asked
//! the same number of questions, and the final status is its own.

mod answers;
mod ask;
mod begin;
mod charge;
mod patients;
mod querying;
mod truths;

pub(super) use begin::Prepared;
pub(super) use charge::{Charged, Due, Granted, charge, named};
pub(super) use querying::{Querying, without};
pub(super) use truths::{Found as FoundTruths, Truths};
