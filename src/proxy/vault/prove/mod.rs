//! Proof before use: what an archive does to sealed objects, found out with synthetic ones, and the signed result without
//! which nothing is sealed for it.
//!
//! It stores only its own test patient (`DICOMGATE^PROBE`), judges only what came back, and writes "not proven" where it
//! could not see.

pub mod again;
mod asking;
mod deliver;
mod judge;
mod patience;
mod proving;
mod questions;
mod result;
mod sample;
mod send;
pub mod signing;
mod stored;
mod storing;
#[cfg(test)]
pub mod testing;

pub use proving::{Proving, ProvingFault};
pub use result::{Carried, Fate, Late, ProbeResult, ProveFault, Trial, VERSION, file_name, path};
pub use sample::{PATIENT_ID, PATIENT_NAME};
pub use send::Means;
