//! From two files to settings: raw, validated (all faults at once), reload. It never binds a port or opens a key.
