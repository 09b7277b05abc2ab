//! Seals an object as it passes: what the family says is taken out of the data set and put into a seal; what stays is a
//! valid object with a banner for an image (docs/sealing.md).
//!
//! Pure and bounded: what is held back is the header; what has no known length is kept sealed, never in clear. It checks what
//! it stands on, not the rules of data sets: a walker goes beside it.
//!
//! How it is driven: [`Seal::push`] as bytes come, [`Seal::finish`] at their end. Native Pixel Data goes as it comes, as its
//! sealed length is known beforehand but for what stands behind it. For that there is room: the length that is written before
//! the segments then includes the room, and zero bytes stand between the last segment and that length. Whatever else is
//! kept sealed is sent when the length is known, and is exact.

mod already;
mod carry;
mod clear;
mod facts;
mod level;
mod object;
mod order;
mod split;
#[cfg(test)]
mod tests;

pub use order::{Already, Begun, Outcome, SealFault, SealOptions, SealOrder, Sealed};

use super::flow::{Flow, Piece};
use super::recode::Recode;
use crate::dicom::dataset::{Inflater, WalkFault, WalkLimits};
use crate::dicom::transfer_syntax::{Encoding, encoding_of};
use crate::vault::family::{Family, Treatment};
use crate::vault::suite::Digest;
use object::Object;

/// Pixels that are looked at for the banner of a sealed object: at most so many bytes pass before it is known.
const BANNER: usize = 4 << 20;

/// Room for what came before that is known: the smallest banners, which most often decide, are shorter.
const FIRST_RAW: usize = 64 << 10;

/// Seals one object.
pub struct Seal {
    inflater: Option<Inflater>,
    limits: WalkLimits,
    already: Already,
    to: Encoding,
    encoding: Encoding,
    /// All that came, while it may have to go on as it is; at most so many bytes.
    raw: Option<Vec<u8>>,
    most: usize,
    /// The limit that it comes of.
    header: u32,
    state: State,
    digest: Option<[u8; 32]>,
}

enum State {
    Sealing(Box<Object>),
    /// It goes on as it is.
    Passing(Box<Recode>),
    Over,
}

impl Seal {
    /// Before the first byte of the data set.
    ///
    /// # Errors
    /// Its SOP class is never sealed, or it cannot be written in the encoding asked for.
    pub fn new(order: SealOrder) -> Result<Self, SealFault> {
        if !matches!(order.to, Encoding::ImplicitLe | Encoding::ExplicitLe) {
            return Err(SealFault::Target);
        }
        let Treatment::Sealed(family) = Family::of(&order.sop_class) else {
            return Err(SealFault::Unsealable(order.sop_class));
        };
        let (encoding, inflater) = match encoding_of(&order.from) {
            Encoding::Deflated => (Encoding::ExplicitLe, Some(Inflater::new())),
            plain => (plain, None),
        };
        Ok(Self {
            inflater,
            limits: WalkLimits { depth: order.options.depth, ..WalkLimits::default() },
            already: order.options.already,
            to: order.to,
            encoding,
            raw: Some(Vec::new()),
            header: order.options.header,
            most: (order.options.header as usize).saturating_add(BANNER),
            state: State::Sealing(Box::new(Object::new(order, family, encoding))),
            digest: None,
        })
    }

    /// Asks for the SHA-256 of what is sealed ([`Self::digest`]): what `Opened::digest` says of the same original, whoever
    /// sealed it and however often. It costs as much as sealing does.
    #[must_use]
    pub fn with_digest(mut self) -> Self {
        if let State::Sealing(object) = &mut self.state {
            object.digest = Some(Digest::new());
        }
        self
    }

    /// SHA-256 of what was sealed, once [`Self::finish`] has said that it was, and if it was asked for.
    pub const fn digest(&self) -> Option<[u8; 32]> {
        self.digest
    }

    /// Takes the next bytes of the data set, as they came. What comes out may lag behind by a segment, and by the header.
    ///
    /// # Errors
    /// The first fault. Nothing more may be pushed, what was kept is to be thrown away, and what has gone must not be
    /// completed: the association to the archive ends with A-ABORT if anything went.
    pub fn push(&mut self, bytes: &[u8], flow: &mut Flow) -> Result<(), SealFault> {
        let outcome = match self.inflater.take() {
            None => self.take(bytes, flow),
            Some(mut inflater) => {
                let limits = self.limits;
                let outcome = inflater.push(bytes, &limits, true, |plain| self.take(plain, flow));
                self.inflater = Some(inflater);
                outcome
            }
        };
        if outcome.is_err() {
            self.state = State::Over;
        }
        outcome
    }

    /// The data set is over. Once this is `Ok` and all pieces have gone, the object is complete.
    ///
    /// # Errors
    /// As of [`Self::push`].
    pub fn finish(&mut self, flow: &mut Flow) -> Result<Outcome, SealFault> {
        let state = std::mem::replace(&mut self.state, State::Over);
        if self.inflater.as_ref().is_some_and(|inflater| !inflater.ended()) {
            return Err(WalkFault::Truncated.into());
        }
        match state {
            State::Over => Err(SealFault::Over),
            State::Passing(mut recode) => {
                let mut rest = Vec::new();
                recode.finish(&mut rest)?;
                flow.go(rest);
                Ok(Outcome::Already)
            }
            State::Sealing(mut object) => {
                let Some(sealed) = object.finish()? else {
                    // Nothing has come out yet. Less than all that came is never the object.
                    let raw = self.raw.take().ok_or(SealFault::Header(self.header))?;
                    let mut recode = self.recode();
                    let mut whole = Vec::new();
                    recode.push(&raw, &mut whole)?;
                    recode.finish(&mut whole)?;
                    flow.go(whole);
                    return Ok(Outcome::Nothing);
                };
                move_on(&mut object.out, flow);
                self.digest = object.digest.take().map(Digest::finish);
                self.state = State::Over;
                Ok(Outcome::Sealed(sealed))
            }
        }
    }

    /// What the ledger needs: set in the call that puts out the first piece, at the latest. `None` until then, and for
    /// good where nothing is sealed.
    pub fn begun(&self) -> Option<&Begun> {
        match &self.state {
            State::Sealing(object) => object.begun(),
            State::Passing(_) | State::Over => None,
        }
    }

    /// Whether it is sealed already, and goes on as it comes.
    pub const fn passes(&self) -> bool {
        matches!(self.state, State::Passing(_))
    }

    fn recode(&self) -> Recode {
        Recode::with_limits(self.encoding, self.to, self.limits)
    }

    /// Takes the next bytes, inflated.
    fn take(&mut self, bytes: &[u8], flow: &mut Flow) -> Result<(), SealFault> {
        let object = match &mut self.state {
            State::Over => return Err(SealFault::Over),
            State::Passing(recode) => {
                let mut out = Vec::with_capacity(bytes.len());
                recode.push(bytes, &mut out)?;
                flow.go(out);
                return Ok(());
            }
            State::Sealing(object) => object,
        };
        match object.push(bytes) {
            Err(SealFault::Already) if self.already == Already::Pass => return self.pass(bytes, flow),
            outcome => outcome?,
        }
        if object.may_go() {
            move_on(&mut object.out, flow);
        }
        let may_pass = self.already == Already::Pass && object.may_be_sealed();
        let needed = object.is_untouched() || may_pass;
        self.raw = self.raw.take().filter(|raw| needed && raw.len().saturating_add(bytes.len()) <= self.most);
        // Not before it is known that these are needed: most objects are decided on with their first bytes.
        if let Some(raw) = &mut self.raw {
            raw.reserve(if raw.is_empty() { FIRST_RAW.max(bytes.len()) } else { 0 });
            raw.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// It is sealed already, and goes on as it is; these bytes of it came last.
    fn pass(&mut self, last: &[u8], flow: &mut Flow) -> Result<(), SealFault> {
        let raw = self.raw.take().ok_or(SealFault::Already)?;
        let mut recode = self.recode();
        let mut out = Vec::with_capacity(raw.len() + last.len());
        recode.push(&raw, &mut out)?;
        recode.push(last, &mut out)?;
        flow.go(out);
        self.state = State::Passing(Box::new(recode));
        Ok(())
    }
}

/// May hold what a patient is called.
impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seal").field("begun", &self.begun()).finish_non_exhaustive()
    }
}

fn move_on(from: &mut Flow, to: &mut Flow) {
    while let Some(piece) = from.next_piece() {
        match piece {
            Piece::Go(bytes) => to.go(bytes),
            Piece::Keep(bytes) => to.keep(bytes),
            Piece::Kept => to.kept(),
        }
    }
}
