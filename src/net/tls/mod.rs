//! A TLS session over rustls' unbuffered interface: records are read into a large buffer and decrypted in place, so
//! that a busy association costs one read per many records. Which certificates serve is `pki`'s business.

mod session;
mod step;

pub use session::{Session, Side};
pub use step::TlsFault;
