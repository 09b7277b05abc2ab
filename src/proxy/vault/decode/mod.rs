//! Decoding for those who take no compressed image: frames go to workers, processes of their own with memory and time
//! limits and without files and network (`dicomgate decode-worker`). A worker that fails, hangs or dies fails one object.
//!
//! Nothing is decoded in this process, and no image is written to disk.

mod session;
#[cfg(test)]
mod tests;
mod unpack;
pub mod wire;
mod worker;

pub use session::{DecodeFault, Decoding};
pub use unpack::{Came, Unpacking};
pub use worker::{Decoder, DecoderSettings, WorkerFault};
