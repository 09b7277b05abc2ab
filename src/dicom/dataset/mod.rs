//! Data sets on the wire (PS3.5 7): a resumable walker over headers, values skipped. It never builds a tree of an object that passes.
//!
//! `walker` is pushed bytes as they come and tells a [`Sink`] of every element; `leading` is the sink that policy and
//! audit need; `part10` splits and writes files (PS3.10 7.1); `write` encodes small data sets; `record`
//! reads small ones whole and writes them again.

mod deflate;
mod fault;
pub mod leading;
pub mod part10;
pub mod record;
mod stack;
mod vr;
pub mod walker;
pub mod write;

pub use deflate::{Deflater, Inflater};
pub use fault::WalkFault;
pub use leading::{Leading, Level};
pub use vr::Vr;
pub use walker::header::Raw;
pub use walker::{Header, Length, Sink, SinkFault, WalkLimits, Walker, Want};

/// Whether the dictionary knows an element as a sequence; `None` if it does not know it.
pub fn is_sequence(tag: crate::dicom::Tag) -> Option<bool> {
    walker::is_sequence(tag)
}

/// The VR that the dictionary gives an element, for whoever turns implicit VR into explicit: UN for private and unknown
/// ones, LO for private creators; of words that may be either, SS where pixels are signed and US where not (Pixel
/// Representation, (0028,0103)); OW for what may be OB or OW, and for LUT Data, as implicit VR has them (PS3.5 A.1).
pub fn vr_of(tag: crate::dicom::Tag, signed: bool) -> Vr {
    if signed && walker::is_signed_or_not(tag) {
        return Vr(*b"SS");
    }
    Vr(record::vr_of(tag).to_bytes())
}
