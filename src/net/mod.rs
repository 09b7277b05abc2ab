//! Listeners, dialling, TLS streams, PROXY headers, limits and drain.
//!
//! The only room that opens sockets. It knows bytes, buffers and addresses; it never looks into a PDU, never decides
//! who may call, and never writes a record.

pub mod buffer;
pub mod dial;
pub mod https;
pub mod listen;
pub mod proxy_protocol;
pub mod slots;
pub mod tls;
pub mod wire;

pub use wire::Wire;
