//! Health, readiness and metrics over HTTP, for machines. It changes nothing and shows no patient data.

mod bounded;
mod serve;

pub use serve::{bind, serve};
