//! What was recorded, decided again: by one policy, and by two of which one is to follow the other.
//!
//! A record tells less than a request did. What it does not tell is taken neither for good nor for bad: the answer is
//! [`Stand::Untold`], with what is missing. Pure: whoever reads records is elsewhere, and nothing is admitted here.

mod change;
mod recorded;
mod stand;
mod words;

pub use change::{Change, Example, Group, Replay};
pub use recorded::{Mark, Person, Recorded, Then};
pub use stand::{Judge, Stand, words_of};
pub use words::{number, operations};

#[cfg(test)]
mod tests;
