//! The archive leg: how many associations an archive bears, dialling it, the association with it. The destinations of
//! an archive's deliveries are dialled here too.
//!
//! It is dialled only after admission, and every byte of a message goes to it under a permit. It never decides, and
//! never answers for the archive.

pub mod capacity;
pub mod leg;
pub mod open;

pub use capacity::Capacity;
pub use leg::Leg;
pub use open::{ArchiveFault, Call, Target, open};
