//! What comes out: written in one encoding, kept until it is verified where it must be.

use super::{As, OpenFault};
use crate::dicom::Uid;
use crate::dicom::dataset::Deflater;
use crate::dicom::transfer_syntax::{
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN, Encoding,
    IMPLICIT_VR_LITTLE_ENDIAN, encoding_of,
};
use crate::transform::flow::Flow;
use crate::transform::recode::{Recode, RecodeFault};
use bytes::Bytes;

/// Pieces are at least so long, but at the end of what was pushed.
const PIECE: usize = 64 << 10;
/// What is shorter is copied: it would hold on to a whole segment.
const LONG: usize = 4 << 10;

/// How long nothing goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// Until all is verified, whatever its length.
    All,
    /// So, but only up to so many bytes.
    UpTo(u64),
    Nothing,
}

/// Writes one object.
pub(super) struct Emit {
    syntax: Uid,
    /// How elements are written, inside the deflate stream if there is one.
    to: Encoding,
    clear: Option<Recode>,
    sealed: Option<Recode>,
    deflater: Option<Deflater>,
    keep: Keep,
    buffer: Vec<u8>,
    bytes: u64,
}

/// Elements of a deflated data set are written so.
pub(super) const fn plain(encoding: Encoding) -> Encoding {
    match encoding {
        Encoding::Deflated => Encoding::ExplicitLe,
        plain => plain,
    }
}

impl Emit {
    /// `whole`: bytes up to which all is kept; `known`: the length of what carries the seal, if that is known.
    pub(super) fn new(how: As, from: Encoding, syntax: Uid, whole: u64, known: Option<u64>) -> Result<Self, OpenFault> {
        let own = encoding_of(&syntax);
        let to = match how {
            As::Own => own,
            As::Native(native) if native == own || is_plainly_native(&syntax) => native,
            As::Native(_) => return Err(OpenFault::Encoding(syntax)),
        };
        if how != As::Own && crate::dicom::transfer_syntax::is_encapsulated(&syntax) {
            return Err(OpenFault::Encoding(syntax));
        }
        let between = |from: Encoding| (from != plain(to)).then(|| Recode::new(from, plain(to)));
        let keep = match known {
            Some(length) if length > whole => Keep::Nothing,
            Some(_) => Keep::All,
            None => Keep::UpTo(whole),
        };
        Ok(Self {
            syntax,
            to: plain(to),
            clear: between(from),
            sealed: between(plain(own)),
            deflater: (to == Encoding::Deflated).then(Deflater::new),
            keep,
            buffer: Vec::new(),
            bytes: 0,
        })
    }

    /// How elements come out.
    pub(super) const fn encoding(&self) -> Encoding {
        self.to
    }

    /// Words of what stayed in clear are signed or not as the original says, which was sealed.
    pub(super) fn set_signed(&mut self, signed: bool) {
        if let Some(recode) = &mut self.clear {
            recode.set_signed(signed);
        }
    }

    /// An element that stayed in clear, whole or in parts, as it comes out.
    pub(super) fn turn_clear(&mut self, bytes: &[u8], into: &mut Vec<u8>) -> Result<(), OpenFault> {
        match &mut self.clear {
            None => into.extend_from_slice(bytes),
            Some(recode) => recode.push(bytes, into).map_err(|fault| match fault {
                RecodeFault::Walk(fault) => OpenFault::Walk(fault),
                RecodeFault::Encapsulated(_) => OpenFault::Encoding(self.syntax),
            })?,
        }
        Ok(())
    }

    /// An element that was sealed, whole or in parts, as it comes out.
    pub(super) fn turn_sealed(&mut self, bytes: &[u8], into: &mut Vec<u8>) -> Result<(), OpenFault> {
        match &mut self.sealed {
            None => into.extend_from_slice(bytes),
            Some(recode) => recode.push(bytes, into).map_err(|fault| match fault {
                RecodeFault::Walk(fault) => OpenFault::Payload(fault),
                RecodeFault::Encapsulated(_) => OpenFault::Encoding(self.syntax),
            })?,
        }
        Ok(())
    }

    pub(super) fn clear(&mut self, bytes: &[u8], out: &mut Flow) -> Result<(), OpenFault> {
        let mut turned = std::mem::take(&mut self.buffer);
        let outcome = self.turn_clear(bytes, &mut turned);
        self.buffer = turned;
        self.full(out);
        outcome
    }

    pub(super) fn sealed(&mut self, bytes: &[u8], out: &mut Flow) -> Result<(), OpenFault> {
        let mut turned = std::mem::take(&mut self.buffer);
        let outcome = self.turn_sealed(bytes, &mut turned);
        self.buffer = turned;
        self.full(out);
        outcome
    }

    /// The same, of which a long part goes on without being copied.
    pub(super) fn sealed_bytes(&mut self, bytes: Bytes, out: &mut Flow) -> Result<(), OpenFault> {
        if bytes.len() < LONG || self.sealed.is_some() || self.deflater.is_some() {
            return self.sealed(&bytes, out);
        }
        self.flush(out);
        self.bytes += bytes.len() as u64;
        self.hand(bytes, out);
        Ok(())
    }

    /// What is turned already.
    pub(super) fn put(&mut self, bytes: &[u8], out: &mut Flow) {
        self.buffer.extend_from_slice(bytes);
        self.full(out);
    }

    fn full(&mut self, out: &mut Flow) {
        if self.buffer.len() >= PIECE {
            self.flush(out);
        }
    }

    /// What is gathered becomes a piece.
    pub(super) fn flush(&mut self, out: &mut Flow) {
        let mut bytes = std::mem::take(&mut self.buffer);
        self.bytes += bytes.len() as u64;
        if let Some(deflater) = &mut self.deflater {
            let mut stream = Vec::new();
            deflater.push(&bytes, &mut stream);
            bytes = stream;
        }
        self.hand(bytes.into(), out);
    }

    fn hand(&mut self, bytes: Bytes, out: &mut Flow) {
        if matches!(self.keep, Keep::UpTo(most) if self.bytes > most) {
            self.keep = Keep::Nothing;
            out.kept();
        }
        match self.keep {
            Keep::Nothing => out.go(bytes),
            Keep::All | Keep::UpTo(_) => out.keep(bytes),
        }
    }

    /// The last segment is verified.
    pub(super) fn verified(&mut self, out: &mut Flow) {
        self.flush(out);
        if self.keep != Keep::Nothing {
            self.keep = Keep::Nothing;
            out.kept();
        }
    }

    /// The data set is over; how many bytes it has, before deflating.
    pub(super) fn finish(&mut self, out: &mut Flow) -> u64 {
        self.flush(out);
        if let Some(deflater) = self.deflater.take() {
            let mut stream = Vec::new();
            deflater.finish(&mut stream);
            out.go(stream);
        }
        self.bytes
    }
}

/// Whether pixels are written as PS3.5 A.1 to A.3 and A.5 have them, so that they can be written in another of these.
fn is_plainly_native(syntax: &Uid) -> bool {
    matches!(
        syntax.as_str(),
        IMPLICIT_VR_LITTLE_ENDIAN
            | EXPLICIT_VR_LITTLE_ENDIAN
            | EXPLICIT_VR_BIG_ENDIAN
            | DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
    )
}
