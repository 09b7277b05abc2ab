//! A data set cut into its top-level elements as it passes.

use crate::dicom::dataset::WalkFault;
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::scan::{Head, Holds, Part, Scanner};

/// Something of a top-level element.
#[derive(Debug, Clone, Copy)]
pub(in crate::transform) enum Event<'a> {
    /// It begins, with this header.
    Begin(Head, Holds),
    /// More of what is behind its header: value, items, delimiters, as they stand.
    More(Slice<'a>),
    /// It is over.
    End,
}

/// Bytes of the input, or a header that is known whole only now.
#[derive(Debug, Clone, Copy)]
pub(in crate::transform) enum Slice<'a> {
    Input(&'a [u8]),
    Head(Head),
}

impl Slice<'_> {
    pub(in crate::transform) fn bytes(&self) -> &[u8] {
        match self {
            Self::Input(bytes) => bytes,
            Self::Head(head) => head.bytes(),
        }
    }
}

/// Cuts one data set.
pub(in crate::transform) struct Split {
    scanner: Scanner,
    inside: bool,
    ends: bool,
}

impl Split {
    /// Before the first byte of a data set that is not deflated.
    pub(in crate::transform) fn new(encoding: Encoding, depth: u16) -> Self {
        Self { scanner: Scanner::new(encoding, depth), inside: false, ends: false }
    }

    /// The next event, its bytes taken off the front of `input`; `None` when more are needed.
    pub(in crate::transform) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Event<'a>>, WalkFault> {
        if std::mem::take(&mut self.ends) {
            self.inside = false;
            return Ok(Some(Event::End));
        }
        while let Some(part) = self.scanner.next(input)? {
            let slice = match part {
                Part::Element(head, holds) if !self.inside => {
                    self.inside = true;
                    return Ok(Some(Event::Begin(head, holds)));
                }
                Part::Element(head, _) | Part::Item(head) | Part::Fragment(head) | Part::Stray(head) => {
                    Slice::Head(head)
                }
                Part::Bytes(bytes, last) => {
                    self.ends = last && self.scanner.open() == 0;
                    Slice::Input(bytes)
                }
                Part::End(head) => {
                    self.ends = self.scanner.open() == 0;
                    match head {
                        Some(head) => Slice::Head(head),
                        None => Slice::Input(&[]),
                    }
                }
                Part::Zeros(_) => continue,
            };
            return Ok(Some(Event::More(slice)));
        }
        Ok(None)
    }

    /// The data set is over.
    pub(in crate::transform) fn finish(&self) -> Result<(), WalkFault> {
        if self.inside { Err(WalkFault::Truncated) } else { self.scanner.finish() }
    }
}
