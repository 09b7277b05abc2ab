//! Read-back: retrieves a sealed instance from its archive and opens it, to the last segment.
