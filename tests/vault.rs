//! Sealed format 1: known answers, round trips, and everything that somebody could do to a seal.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where something is not as it must be"
)]

#[path = "vault/damage.rs"]
mod damage;
#[path = "vault/ground.rs"]
mod ground;
#[path = "vault/known.rs"]
mod known;
#[path = "vault/others.rs"]
mod others;
#[path = "vault/parameters.rs"]
mod parameters;
#[path = "vault/pieces.rs"]
mod pieces;
#[path = "vault/tree.rs"]
mod tree;
