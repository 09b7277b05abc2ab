//! The vault at work in associations: which seals are made and opened, what the ledger is told, reading back, and proving
//! what an archive does to sealed objects.
//!
//! The format is `vault`'s, the bytes are `transform`'s, the rows are `state`'s.

pub mod alert;
pub mod classify;
pub mod contexts;
pub mod convert;
pub mod decode;
pub mod held;
mod proofs;
pub mod prove;
pub mod reach;
mod room;
#[cfg(test)]
mod tests;
pub mod told;
pub mod verify;
pub mod walk;
mod whole;

pub use room::{Seals, VaultRoom};
pub use whole::KeptWhole;
