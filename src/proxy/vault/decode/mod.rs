//! Decoding for those who take no compressed image: frames go to workers, processes of their own with memory and time
//! limits and without files and network (`dicomgate decode-worker`). A worker that fails, hangs or dies fails one object.
//!
//! Nothing is decoded in this process, and no image is written to disk.

mod feed;
mod session;
#[cfg(test)]
mod tests;
mod unpack;
pub mod wire;
mod worker;

use crate::dicom::Uid;
use crate::dicom::transfer_syntax::LOSSLESS;
use crate::transform::frames::decodable;

pub use feed::Feed;
pub use session::{DecodeFault, Decoding};
pub use unpack::{Came, Unpacking};
pub use worker::{Decoder, DecoderSettings, WorkerFault};

/// Transfer syntaxes that images can be compressed into, and decoded from by workers, without losing a bit.
pub fn unpackable() -> impl Iterator<Item = &'static str> {
    LOSSLESS.into_iter().filter(|syntax| Uid::new(syntax).is_ok_and(|syntax| decodable(&syntax).is_ok()))
}
