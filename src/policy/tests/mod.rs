//! Tests of the whole room.

mod compile;
mod decide;
mod explain;
mod identify;
mod kit;
mod naive;
mod properties;
mod receive;
mod size;
mod trial;
