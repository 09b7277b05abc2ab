//! Loading the key ring and the escrow certificates: files, environment, PKCS#11.
//!
//! A folder holds a manifest of every key that ever was (`manifest.json`, no secret in it) and, unless the keys come from the
//! environment, a file for each (`ring-0001.key`), in clear or wrapped by the key of a token. The ring is loaded whole or
//! not at all: a key that is missing, exchanged or damaged is said at start, and not on the day when an image does not open.
//!
//! It never invents a key unless asked to, never writes one that others may read, and never prints one. All of it blocks:
//! async code calls it on a thread of its own.

mod change;
mod check;
mod environment;
pub mod escrow;
mod fault;
mod file;
mod folder;
mod load;
mod locked;
mod manifest;
mod random;
mod token;

pub use change::{Made, adopt, destroy, forget, forget_stranger, new_key, prepare, put_to_use};
pub use check::CheckValue;
pub use fault::{KeysFault, Problem};
pub use load::{load, load_escrow, load_folder, load_ring, load_with};
pub use manifest::{End, Entry, Manifest};
pub use random::System;

#[cfg(test)]
mod tests;
