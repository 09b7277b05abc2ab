//! DIMSE command sets and statuses (PS3.7), and the operation that a SOP class and command mean. It never looks into data sets.

pub mod command;
pub mod field;
pub mod operation;
pub mod status;
pub mod tolerance;

pub use command::{Command, CommandFault, Counters, Priority};
pub use field::Field;
pub use operation::{Operation, OperationSet};
pub use status::{Status, StatusKind};
pub use tolerance::{Tolerance, ToleranceFault, Tolerances};
