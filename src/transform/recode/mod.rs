//! Writes a data set in another encoding as it passes: implicit and explicit VR, little and big endian, deflated or not.
//! Any split of the input gives the same output; what is held is less than one value of a number.
//!
//! It never touches encapsulated pixel data and never decodes an image. It checks no rules of data sets: a walker goes
//! beside it.

mod core;
mod swap;
#[cfg(test)]
mod tests;

use crate::dicom::Tag;
use crate::dicom::dataset::{Deflater, Inflater, Vr, WalkFault, WalkLimits};
use crate::dicom::transfer_syntax::Encoding;
use core::Core;

/// Why a data set cannot be written in another encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecodeFault {
    /// The data set is damaged, or past a limit.
    #[error(transparent)]
    Walk(#[from] WalkFault),
    /// Encapsulated pixel data is written in explicit VR little endian only (PS3.5 A.4).
    #[error("{0} is encapsulated, which only explicit VR little endian can be")]
    Encapsulated(Tag),
}

/// Writes one data set in another encoding.
///
/// - Into explicit VR: VRs of the dictionary; UN for private and unknown elements and for values that are too long for
///   the length of their VR (PS3.5 6.2.2, CP-1066); what has undefined length is a sequence. Into implicit VR: VRs are left out.
/// - Where that changes lengths, sequences and items of defined length get undefined lengths, and group lengths are left out.
/// - Between byte orders numbers are turned by their VR; UN never is.
pub struct Recode {
    inflater: Option<Inflater>,
    limits: WalkLimits,
    /// `None`: elements stay as they are.
    core: Option<Core>,
    deflater: Option<Deflater>,
    plain: Vec<u8>,
}

impl Recode {
    /// Before the first byte of a data set.
    pub fn new(from: Encoding, to: Encoding) -> Self {
        Self::with_limits(from, to, WalkLimits::default())
    }

    /// The same within these limits, of which depth and those on inflating count.
    pub fn with_limits(from: Encoding, to: Encoding, limits: WalkLimits) -> Self {
        let deflated = |encoding| encoding == Encoding::Deflated;
        let plain = |encoding| if deflated(encoding) { Encoding::ExplicitLe } else { encoding };
        // The same stream would come out, or another one of the same meaning.
        let same = from == to;
        Self {
            inflater: (deflated(from) && !same).then(Inflater::new),
            limits,
            core: (plain(from) != plain(to)).then(|| Core::new(plain(from), plain(to), limits.depth)),
            deflater: (deflated(to) && !same).then(Deflater::new),
            plain: Vec::new(),
        }
    }

    /// Says beforehand whether pixels are signed (Pixel Representation, (0028,0103)): for data sets that have it elsewhere, or
    /// behind elements that depend on it. One in the data set counts from there on.
    pub fn set_signed(&mut self, signed: bool) {
        if let Some(core) = &mut self.core {
            core.set_signed(signed);
        }
    }

    /// Takes the next bytes, as many as there are, and appends what they become.
    ///
    /// # Errors
    /// The data set is damaged or cannot be written so: nothing more may be pushed.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), RecodeFault> {
        let Self { inflater, limits, core, deflater, plain } = self;
        let mut write = |bytes: &[u8]| {
            let Some(deflater) = deflater.as_mut() else { return change(core.as_mut(), bytes, out) };
            plain.clear();
            change(core.as_mut(), bytes, plain)?;
            deflater.push(plain, out);
            Ok(())
        };
        match inflater {
            None => write(bytes),
            Some(inflater) => inflater.push(bytes, limits, true, write),
        }
    }

    /// The data set is over; appends what was held.
    ///
    /// # Errors
    /// It may not end here.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), RecodeFault> {
        if self.inflater.as_ref().is_some_and(|inflater| !inflater.ended()) {
            return Err(WalkFault::Truncated.into());
        }
        if let Some(core) = &self.core {
            core.finish()?;
        }
        if let Some(deflater) = self.deflater.take() {
            deflater.finish(out);
        }
        Ok(())
    }
}

fn change(core: Option<&mut Core>, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), RecodeFault> {
    match core {
        Some(core) => core.push(bytes, out),
        None => {
            out.extend_from_slice(bytes);
            Ok(())
        }
    }
}

/// May hold what a patient is called.
impl std::fmt::Debug for Recode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recode").finish_non_exhaustive()
    }
}

/// A value in the other byte order.
pub(super) fn turned(vr: Vr, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    swap::Swap::new(swap::unit(vr)).push(value, true, &mut out);
    out
}
