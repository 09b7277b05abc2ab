//! What of an object is sealed, by SOP class family (docs/sealing.md has the table).
