//! DIMSE command sets and statuses (PS3.7), and the operation that a SOP class and command mean. It never looks into data sets.

pub mod operation;

pub use operation::Operation;
