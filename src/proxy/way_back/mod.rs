//! The way back: what ties the deliveries of an archive to whoever asked for them.
//!
//! Grants of moves under way, in memory and in the state; what was seen delivered; what the final answer says. It
//! correlates and never decides: every delivery asks the gate.

pub mod conclusion;
pub mod grants;
pub mod held;
pub mod tally;
mod turn;

pub use conclusion::{Claim, Conclusion};
pub use grants::{Grants, MoveRefusal};
pub use held::{Held, InFlight};
pub use tally::Tally;
