//! An object with compressed pixel data, taken apart frame by frame, and put together again with native ones.
//!
//! Pure and bounded: it never decodes anything itself. Frames come out one after the other and go back in decoded; the data
//! set around them passes, but for what describes the pixels. Group lengths and offset tables are left out.

mod fault;
mod fragments;
mod image;
mod lossy;
#[cfg(test)]
mod tests;

pub use fault::FramesFault;
pub use image::{Frame, Image, Pixels, decodable};

use super::head::{PIXEL_DATA, put_header};
use super::open::split::{Event, Split};
use super::recode::Recode;
use crate::dicom::dataset::{Length, Vr};
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Tag, Uid};
use fragments::Fragments;
use image::Facts;
use lossy::Losses;
use std::collections::VecDeque;

const PHOTOMETRIC: Tag = Tag(0x0028, 0x0004);
const PLANAR: Tag = Tag(0x0028, 0x0006);
const ICON: Tag = Tag(0x0088, 0x0200);
/// Elements before the pixels that are held, each for itself.
const MOST_ELEMENTS: usize = 70_000;

/// How much is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FramesLimits {
    /// Bytes before Pixel Data; default 32 MiB (`seal_header` of `[limits]`).
    pub header: u32,
    /// Bytes of one frame, compressed or not; default 256 MiB (half of `decode_memory`).
    pub frame: u64,
    /// Sequences inside each other; default 64.
    pub depth: u16,
}

impl Default for FramesLimits {
    fn default() -> Self {
        Self { header: 32 << 20, frame: 256 << 20, depth: 64 }
    }
}

/// Takes one object apart.
pub struct Frames {
    syntax: Uid,
    limits: FramesLimits,
    split: Split,
    facts: Facts,
    /// Before Pixel Data: tag and bytes of each element; it goes once the first frame is decoded.
    header: Vec<(Tag, Vec<u8>)>,
    held: usize,
    at: At,
    ready: VecDeque<Op>,
    recode: Option<Recode>,
    /// What one decoded frame must have, in bytes.
    frame: u64,
    frames: u32,
    decoded: u32,
    /// The image, from the first byte of its pixels.
    image: Option<Image>,
    losses: Losses,
    /// How the pixels are read, as the first decoded frame has it.
    photometric: Option<String>,
}

enum At {
    /// Between elements, or in one that goes as it is.
    Header(Option<(Tag, Vec<u8>)>),
    Pixels(Fragments),
    Behind(Option<(Tag, Vec<u8>)>),
}

enum Op {
    Bytes(Vec<u8>),
    Frame(Vec<u8>),
    /// Pixel data is over.
    End,
}

impl Frames {
    /// Before the first byte of a data set in a compressed transfer syntax; it comes out in this native encoding.
    ///
    /// # Errors
    /// Nothing decodes that syntax.
    pub fn new(syntax: &Uid, to: Encoding, limits: FramesLimits) -> Result<Self, FramesFault> {
        decodable(syntax).map_err(|why| FramesFault::Syntax(*syntax, why))?;
        Ok(Self {
            syntax: *syntax,
            limits,
            split: Split::new(Encoding::ExplicitLe, limits.depth),
            facts: Facts::default(),
            header: Vec::new(),
            held: 0,
            at: At::Header(None),
            ready: VecDeque::new(),
            recode: (to != Encoding::ExplicitLe).then(|| Recode::new(Encoding::ExplicitLe, to)),
            frame: 0,
            frames: 1,
            decoded: 0,
            image: None,
            losses: Losses::default(),
            photometric: None,
        })
    }

    /// Takes the next bytes; then [`Self::next_frame`] is to be asked until it has none.
    ///
    /// # Errors
    /// The object is damaged, past a limit, or lacks what decoding needs.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), FramesFault> {
        while let Some(event) = self.split.next(&mut bytes)? {
            match event {
                Event::Begin(head, _) if head.raw.tag == PIXEL_DATA && head.raw.length == Length::Undefined => {
                    self.begin()?;
                }
                Event::Begin(head, _) => {
                    let element = Some((head.raw.tag, head.bytes().to_vec()));
                    self.at = match self.at {
                        At::Header(_) => At::Header(element),
                        At::Pixels(_) | At::Behind(_) => At::Behind(element),
                    };
                }
                Event::More(more) => self.more(more.bytes())?,
                Event::End => self.end()?,
            }
        }
        Ok(())
    }

    /// The next frame that is to be decoded; its pixels are to be given to [`Self::decoded`] before the next one is asked for.
    /// What may go is appended. `None`: more is to be pushed.
    ///
    /// # Errors
    /// Not all frames came.
    pub fn next_frame(&mut self, out: &mut Vec<u8>) -> Result<Option<Frame>, FramesFault> {
        while let Some(op) = self.ready.pop_front() {
            match op {
                Op::Bytes(bytes) => self.put(&bytes, out)?,
                Op::Frame(bytes) => {
                    let Some(image) = self.image.clone() else { return Err(FramesFault::NoPixels) };
                    self.losses.look(&self.syntax, &bytes);
                    return Ok(Some(Frame { image, bytes }));
                }
                Op::End => {
                    if self.decoded != self.frames {
                        return Err(FramesFault::Count { said: self.frames, found: self.decoded });
                    }
                    if !(self.frame * u64::from(self.frames)).is_multiple_of(2) {
                        self.put(&[0], out)?;
                    }
                }
            }
        }
        Ok(None)
    }

    /// The pixels of the frame that was asked for last.
    ///
    /// # Errors
    /// They are not what the object says, or not like those of the first frame.
    pub fn decoded(&mut self, pixels: &Pixels, out: &mut Vec<u8>) -> Result<(), FramesFault> {
        if pixels.bytes.len() as u64 != self.frame {
            return Err(FramesFault::Length { wanted: self.frame, found: pixels.bytes.len() as u64 });
        }
        match &self.photometric {
            None => {
                self.photometric = Some(pixels.photometric.clone());
                self.head(&pixels.photometric, out)?;
            }
            Some(first) if *first != pixels.photometric => return Err(FramesFault::Changed),
            Some(_) => {}
        }
        self.decoded += 1;
        if self.decoded > self.frames {
            return Err(FramesFault::Count { said: self.frames, found: self.decoded });
        }
        self.put(&pixels.bytes, out)
    }

    /// The image, once its compressed pixels have begun.
    pub const fn image(&self) -> Option<&Image> {
        self.image.as_ref()
    }

    /// Bytes of pixels that it has when all of it is decoded; known as soon as [`Self::image`] is.
    pub const fn pixels(&self) -> u64 {
        self.frame.saturating_mul(self.frames as u64)
    }

    /// Bytes of pixels that are decoded.
    pub const fn pixels_decoded(&self) -> u64 {
        self.frame.saturating_mul(self.decoded as u64)
    }

    /// The object is over, and nothing more to be decoded.
    ///
    /// # Errors
    /// It may not end here.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), FramesFault> {
        self.split.finish()?;
        if self.next_frame(out)?.is_some() {
            return Err(FramesFault::Waiting);
        }
        if !matches!(self.at, At::Behind(_)) {
            return Err(FramesFault::NoPixels);
        }
        match &mut self.recode {
            Some(recode) => Ok(recode.finish(out)?),
            None => Ok(()),
        }
    }

    /// Compressed pixel data begins.
    fn begin(&mut self) -> Result<(), FramesFault> {
        let image = self.facts.image(&self.syntax)?;
        self.frames = self.facts.frames;
        self.frame = image.frame_bytes();
        let total = self.frame.saturating_mul(self.frames.into());
        if self.frame > self.limits.frame {
            return Err(FramesFault::Frame(self.limits.frame));
        }
        if self.frame == 0 || total > u64::from(u32::MAX - 1) {
            return Err(FramesFault::Long(total));
        }
        self.image = Some(image);
        let offsets = std::mem::take(&mut self.facts.offsets);
        self.at = At::Pixels(Fragments::new(&self.syntax, self.frames, offsets, self.limits.frame));
        Ok(())
    }

    fn more(&mut self, bytes: &[u8]) -> Result<(), FramesFault> {
        match &mut self.at {
            At::Header(Some((_, element))) | At::Behind(Some((_, element))) => {
                element.extend_from_slice(bytes);
                if self.held + element.len() > self.limits.header as usize {
                    return Err(FramesFault::Held(self.limits.header));
                }
            }
            At::Pixels(fragments) => {
                let ready = &mut self.ready;
                fragments.push(bytes, |frame| ready.push_back(Op::Frame(frame)))?;
            }
            At::Header(None) | At::Behind(None) => {}
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), FramesFault> {
        match &mut self.at {
            At::Header(element) => {
                let Some((tag, bytes)) = element.take() else { return Ok(()) };
                self.facts.note(tag, &bytes);
                self.held += bytes.len();
                let icon = tag == ICON && has_fragments(&bytes, self.limits.depth);
                if tag.element() != 0 && tag.group() != PIXEL_DATA.group() && !icon {
                    if self.header.len() >= MOST_ELEMENTS {
                        return Err(FramesFault::Held(self.limits.header));
                    }
                    self.header.push((tag, bytes));
                }
            }
            At::Pixels(fragments) => {
                if let Some(frame) = fragments.finish()? {
                    self.ready.push_back(Op::Frame(frame));
                }
                self.ready.push_back(Op::End);
                self.at = At::Behind(None);
            }
            At::Behind(element) => {
                if let Some((tag, bytes)) = element.take()
                    && tag.element() != 0
                {
                    self.ready.push_back(Op::Bytes(bytes));
                }
            }
        }
        Ok(())
    }

    /// What stands before the pixels goes, with what describes them as they are now.
    fn head(&mut self, photometric: &str, out: &mut Vec<u8>) -> Result<(), FramesFault> {
        let coloured = self.facts.samples() > 1;
        self.losses.note(self.frame, &mut self.header);
        for (tag, bytes) in std::mem::take(&mut self.header) {
            match tag {
                PHOTOMETRIC => {
                    self.put(&text(tag, *b"CS", photometric), out)?;
                    if coloured {
                        // By pixel, not by plane.
                        self.put(&[0x28, 0, 6, 0, b'U', b'S', 2, 0, 0, 0], out)?;
                    }
                }
                PLANAR => {}
                _ => self.put(&bytes, out)?,
            }
        }
        let total = self.frame.saturating_mul(self.frames.into()).next_multiple_of(2);
        let vr = if self.facts.allocated() > 8 { Vr::OW } else { Vr::OB };
        let mut header = Vec::new();
        let length = u32::try_from(total).unwrap_or(u32::MAX);
        put_header(&mut header, Encoding::ExplicitLe, PIXEL_DATA, Some(vr), length);
        self.put(&header, out)
    }

    fn put(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), FramesFault> {
        match &mut self.recode {
            Some(recode) => Ok(recode.push(bytes, out)?),
            None => {
                out.extend_from_slice(bytes);
                Ok(())
            }
        }
    }
}

/// An element of text, in explicit VR little endian.
fn text(tag: Tag, vr: [u8; 2], value: &str) -> Vec<u8> {
    let length = value.len().next_multiple_of(2);
    let mut element = Vec::new();
    put_header(&mut element, Encoding::ExplicitLe, tag, Some(Vr(vr)), 0);
    set_short(&mut element, length);
    let end = element.len() + length;
    element.extend_from_slice(value.as_bytes());
    element.resize(end, b' ');
    element
}

/// Sets the 16-bit length at the end of a header.
fn set_short(header: &mut [u8], length: usize) {
    let length = u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes();
    if let Some(place) = header.last_chunk_mut::<2>() {
        *place = length;
    }
}

/// Whether compressed pixel data stands inside, which no native data set may have.
fn has_fragments(element: &[u8], depth: u16) -> bool {
    let mut scanner = super::scan::Scanner::new(Encoding::ExplicitLe, depth);
    let mut input = element;
    while let Ok(Some(part)) = scanner.next(&mut input) {
        if matches!(part, super::scan::Part::Fragment(_)) {
            return true;
        }
    }
    false
}

/// May hold what a patient is called, and images.
impl std::fmt::Debug for Frames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frames").field("syntax", &self.syntax).field("decoded", &self.decoded).finish_non_exhaustive()
    }
}
