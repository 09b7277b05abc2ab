//! Tracing and the metrics registry. Labels come from configuration, never from the wire.
