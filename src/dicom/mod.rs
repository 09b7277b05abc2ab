//! The standard's words and wire formats, pure: bytes and values in, values out.
//!
//! PS3.5 (data sets), PS3.7 (DIMSE), PS3.8 (upper layer). Never a socket, a file, a clock or a log line.

pub mod ae_title;
pub mod association;
pub mod commitment;
pub mod cursor;
pub mod dataset;
pub mod dimse;
pub mod matching;
pub mod negotiation;
pub mod pdu;
pub mod phi;
pub mod query;
pub mod retrieve;
pub mod sop_class;
pub mod tag;
pub mod transfer_syntax;
pub mod uid;

pub use ae_title::AeTitle;
pub use phi::Phi;
pub use tag::Tag;
pub use uid::Uid;
