//! The tables of both files as fields that remember where they stood. A fault in one key does not hide the next: it is
//! reported, the key counts as [`Field::Faulty`], and reading goes on. One declaration of a table makes its reader and
//! its JSON Schema, so neither can know a key that the other does not.

pub mod accounts;
pub mod address;
pub mod gateway;
pub mod narrow;
pub mod policy;
pub mod subject;
pub(super) mod table;
pub mod users;
pub mod vault;
pub mod words;

pub use table::{Field, List, Located, Read};
pub(super) use table::{parse, raw_table};
