//! dicomgate: an encrypting DICOM gateway in front of an archive that nobody may touch.
//!
//! # Bird's-eye view
//!
//! Devices and workstations call from outside over TLS; the old archive answers inside, in plain DICOM, as it always
//! did. One process in between knows who is calling, asks a policy about every operation, forwards what a rule
//! permits byte for byte, and leaves a record of all of it that cannot be edited unseen. What the archive sends by calling
//! back (deliveries of a C-MOVE, automatic routing, reports of storage commitment) goes through the same process: tied to
//! whoever asked for it, decided on again, delivered over TLS.
//!
//! # Code map
//!
//! Pure rooms (values in, values out; no socket, file, clock or environment): [`dicom`], [`policy`],
//! [`vault`], [`transform`], [`audit`]'s records. The one door: [`gate`]. Hands: [`config`], [`net`], [`pki`], [`identity`], [`keys`], [`spool`], [`archive`], [`proxy`], [`admin`],
//! [`telemetry`], [`cli`], [`demo`]. What outlives an association: [`state`]. Associations of the gateway's own: [`scu`]. Files whole or not at all: [`durable`].
//!
//! # Invariants
//!
//! - Nothing reaches an archive or the destination of a delivery without a `gate::Permit`, and only `gate` makes one.
//! - A grant ties a delivery to whoever asked; it permits nothing.
//! - Only `net` opens outbound sockets.
//! - Pure rooms never look at the clock: time is an argument.
//! - `tests/architecture.rs` holds who may use whom.

pub mod admin;
pub mod archive;
pub mod audit;
pub mod cli;
pub mod config;
pub mod demo;
pub mod dicom;
pub mod durable;
pub mod gate;
pub mod identity;
pub mod keys;
pub mod net;
pub mod pki;
pub mod policy;
pub mod proxy;
pub mod scu;
pub mod spool;
pub mod state;
pub mod telemetry;
pub mod transform;
pub mod vault;
