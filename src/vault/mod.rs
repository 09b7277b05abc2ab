//! Sealed format 1: what stands in the archive instead of an image, and how it becomes an image again (docs/sealing.md).
//!
//! A seal is a series of segments, each a complete CMS AuthEnvelopedData (RFC 5083, RFC 5084) around a header and a part of
//! one DICOM data set: the sealed attributes, in ascending order, in the encoding of the original transfer syntax. Pure: keys,
//! certificates and random numbers come in as arguments. It never talks to anybody, never decides who may open, and is
//! never needed for recovery: `openssl cms` opens every segment.

pub mod banner;
pub mod carrier;
pub mod cms;
mod der;
pub mod escrow;
pub mod family;
pub mod identity;
pub mod offline;
pub mod open;
pub mod ring;
pub mod seal;
pub mod segment;
pub mod suite;

pub use identity::{Identity, PatientIdentity, SealId};
pub use open::{OpenFault, Opener, Unlock};
pub use ring::{KeyId, KeyRing, RingKey};
pub use seal::{SealContext, SealFault, Sealer};
pub use segment::SegmentHeader;
