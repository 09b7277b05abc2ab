//! Proof before use: what an archive does to sealed objects, found out with synthetic ones, and the signed result without
//! which nothing is sealed for it.
//!
//! It stores only its own test patient (`DICOMGATE^PROBE`), judges only what came back, and writes "not proven" where it
//! could not see.

mod result;

pub use result::{Carried, Fate, ProbeResult, ProveFault, Trial, path};
