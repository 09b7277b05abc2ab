//! The one door: admits a request or denies it, and writes the record. Only this room makes a permit.
