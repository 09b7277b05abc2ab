//! Tracing and the metrics registry. Labels come from configuration and from fixed words, never from the wire.

pub mod logging;
pub mod metrics;

pub use metrics::Metrics;
