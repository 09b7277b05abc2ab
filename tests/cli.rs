//! The program as people type it: in fresh folders, by the steps of the documents, with its exit codes and its answers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

#[path = "cli/commands.rs"]
mod commands;
#[path = "cli/full_disk.rs"]
mod full_disk;
#[path = "cli/house.rs"]
mod house;
#[path = "cli/newcomer.rs"]
mod newcomer;
#[path = "cli/refused.rs"]
mod refused;
