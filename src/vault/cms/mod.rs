//! AuthEnvelopedData (RFC 5083) with AES-256-GCM (RFC 5084), as sealed format 1 writes it: one way to write each thing.
//!
//! What reads is a filter, not a toolkit: every other cipher, parameter, recipient, attribute and encoding is refused, with
//! words that say what it was. It never decrypts.

pub mod fault;
pub mod identifiers;
pub mod read;
pub mod recipient;
pub mod write;

pub use fault::CmsFault;
pub use read::{Envelope, total_length};
pub use recipient::{Recipient, RecipientId};
pub use write::Frame;

/// The most recipients of one segment: the ring and 15 certificates.
pub const MOST_RECIPIENTS: usize = 16;

/// Bytes of an object around its content: what is longer was not written here.
pub const GREATEST_OVERHEAD: usize = 64 * 1024;
