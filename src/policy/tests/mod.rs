//! Tests of the whole room.

mod compile;
mod decide;
mod explain;
mod identify;
pub(super) mod kit;
mod naive;
mod people;
mod properties;
mod receive;
mod rights;
mod size;
mod trial;
