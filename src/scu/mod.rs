//! The gateway as a service class user of its own: associations that it opens for its own sake (PS3.7 annex D, 9.1).
//!
//! C-ECHO for `check`, the questionnaire of `archive probe`, reports of storage commitment that come late, and what the vault
//! stores and reads back itself (C-STORE, C-FIND, C-GET): [`Link`]. For
//! the probe also the other side, [`Answerer`], which listens while an archive is asked to deliver. It carries nobody's messages and never decides: what passes between a peer and an archive is the proxy's.

mod answerer;
mod asked;
mod fault;
mod find;
mod get;
mod link;
mod message;
mod target;
mod upper;

#[cfg(test)]
mod tests;

pub use answerer::{Answerer, Arrival, What};
pub use asked::Asked;
pub use fault::LinkFault;
pub use get::{Got, Receiver, Work};
pub use link::Link;
pub use message::{Message, Part};
pub use target::{Accepted, Ask, Home, Target, proposal};

/// The longest data set that a link takes unless it is told otherwise, bytes.
pub const LONGEST_DATA_SET: usize = 16 << 20;
/// The longest P-DATA-TF that a link announces, bytes.
pub const MAX_PDATA: u32 = 128 * 1024;

/// 52H: the gateway as itself (PS3.7 D.3.3.2), also where a caller is not shown the archive's, and towards archives when
/// a caller has none. Derived from a UUID (PS3.5 B.2).
pub const IMPLEMENTATION_CLASS: &str = "2.25.264187293540916204478116530929517440127";
/// 55H likewise.
pub const IMPLEMENTATION_VERSION: &[u8] = b"DICOMGATE";
