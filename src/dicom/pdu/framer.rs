//! From a byte stream to PDUs: fed with slices, asked for events.
//!
//! What is kept between two slices: at most six bytes of a head, or a control PDU that has begun (under its cap, growing
//! with what arrives, never with what is announced). P-DATA is cut out of the slices fed and never copied.

use super::Pdu;
use super::fault::{FaultKind, PduFault};
use super::head::{Head, Kind, LENGTH};
use super::limits::FramerLimits;
use super::pdata::PDV_HEAD;
use bytes::{Buf, Bytes};
use zeroize::Zeroizing;

/// What came out of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A whole PDU other than P-DATA-TF.
    Control {
        /// The PDU.
        pdu: Pdu,
        /// Offset in the slice last fed, right behind the PDU.
        end: usize,
    },
    /// A piece of a presentation data value.
    Fragment(Fragment),
    /// A P-DATA-TF is over.
    PDataEnd {
        /// Offset in the slice last fed, right behind the PDU.
        end: usize,
    },
}

/// A piece of a presentation data value: a slice of what was fed, never a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// Presentation context id, as it came: whether it was accepted is not known here.
    pub context: u8,
    /// Command (true) or data set (false).
    pub command: bool,
    /// Whether this PDV is the last of its command or data set.
    pub last: bool,
    /// Whether this is the first piece of its PDV.
    pub begins: bool,
    /// Whether this is the last piece of its PDV.
    pub ends: bool,
    /// The payload; empty only when the whole PDV is.
    pub bytes: Bytes,
}

/// Where in the stream the framer stands.
#[derive(Debug, Clone, Copy)]
enum State {
    /// Before or inside a PDU head.
    Head,
    /// Inside a control PDU of so many bytes, head included.
    Control { length: usize },
    /// Before or inside a PDV head; `left` bytes of the PDU are still to come.
    PdvHead { left: u32 },
    /// Inside a PDV.
    Pdv(Pdv),
    /// Behind the last PDV of a P-DATA-TF.
    PDataEnd,
    /// A fault was found: nothing more comes out.
    Faulty(PduFault),
}

#[derive(Debug, Clone, Copy)]
struct Pdv {
    context: u8,
    command: bool,
    last: bool,
    begins: bool,
    /// Payload bytes still to come.
    rest: u32,
    /// Bytes of the PDU behind this PDV.
    behind: u32,
}

/// Cuts a byte stream into PDUs (sans-IO). Feed a slice, then call [`next`](Self::next) until it gives `None`; then no
/// part of the slice is held any more.
#[derive(Debug)]
pub struct Framer {
    limits: FramerLimits,
    state: State,
    input: Bytes,
    /// Length of the slice last fed, for the offsets that are told.
    fed: usize,
    /// A head that came in pieces.
    partial: [u8; 6],
    partial_length: u8,
    /// Length of the P-DATA-TF at hand, for the offsets of faults.
    pdata_length: u32,
    /// PDVs of the P-DATA-TF at hand.
    pdvs: u32,
    /// A control PDU that has begun; it may hold a password.
    control: Zeroizing<Vec<u8>>,
}

impl Framer {
    /// A framer before the first byte.
    pub fn new(limits: FramerLimits) -> Self {
        Self {
            limits,
            state: State::Head,
            input: Bytes::new(),
            fed: 0,
            partial: [0; 6],
            partial_length: 0,
            pdata_length: 0,
            pdvs: 0,
            control: Zeroizing::new(Vec::new()),
        }
    }

    /// Hands in the next bytes of the stream. Drain [`next`](Self::next) before feeding again: otherwise nothing is
    /// lost, but what was left is copied, and offsets inside it are told as 0.
    pub fn feed(&mut self, input: Bytes) {
        self.fed = input.len();
        if self.input.is_empty() {
            self.input = input;
        } else {
            self.input = [self.input.as_ref(), input.as_ref()].concat().into();
        }
    }

    /// The next event; `None` when more bytes are needed. After a fault: the same fault for ever.
    #[expect(clippy::should_implement_trait, reason = "an iterator of results would not stop at the first fault")]
    pub fn next(&mut self) -> Result<Option<Event>, PduFault> {
        let event = self.step();
        match event {
            Ok(Some(_)) => {}
            // An empty slice would still hold on to the buffer it was cut from.
            Ok(None) => self.input = Bytes::new(),
            Err(fault) => {
                self.state = State::Faulty(fault);
                self.input = Bytes::new();
                self.control = Zeroizing::new(Vec::new());
            }
        }
        event
    }

    /// The longest P-DATA-TF from the next PDU on: what was announced as 51H.
    pub fn set_max_pdata(&mut self, max: u32) {
        self.limits.pdata = max;
    }

    /// Whether the stream stands inside a PDU: if it ends now, the PDU was cut off.
    pub fn mid_pdu(&self) -> bool {
        self.partial_length != 0 || !matches!(self.state, State::Head | State::PDataEnd)
    }

    fn step(&mut self) -> Result<Option<Event>, PduFault> {
        loop {
            match self.state {
                State::Pdv(pdv) => return Ok(self.payload(pdv).map(Event::Fragment)),
                State::PdvHead { left } => match self.six() {
                    Some(head) => self.state = State::Pdv(self.pdv(head, left)?),
                    None => return Ok(None),
                },
                State::PDataEnd => {
                    self.state = State::Head;
                    return Ok(Some(Event::PDataEnd { end: self.end() }));
                }
                State::Head => match self.six() {
                    Some(head) => self.open(&head)?,
                    None => return self.early().map(|()| None),
                },
                State::Control { length } => return self.control(length),
                State::Faulty(fault) => return Err(fault),
            }
        }
    }

    /// The next piece of a PDV: what of it lies in the slice at hand.
    fn payload(&mut self, mut pdv: Pdv) -> Option<Fragment> {
        let rest = usize::try_from(pdv.rest).unwrap_or(usize::MAX);
        if self.input.is_empty() && rest != 0 {
            return None;
        }
        let bytes = if rest >= self.input.len() { std::mem::take(&mut self.input) } else { self.input.split_to(rest) };
        // No longer than `rest`, which came from 32 bits.
        pdv.rest -= u32::try_from(bytes.len()).unwrap_or(pdv.rest);
        let ends = pdv.rest == 0;
        let Pdv { context, command, last, begins, behind, .. } = pdv;
        self.state = match (ends, behind) {
            (false, _) => State::Pdv(Pdv { begins: false, ..pdv }),
            (true, 0) => State::PDataEnd,
            (true, left) => State::PdvHead { left },
        };
        Some(Fragment { context, command, last, begins, ends, bytes })
    }

    /// Reads a PDV head inside a P-DATA-TF of which `left` bytes were still to come.
    fn pdv(&mut self, head: [u8; 6], left: u32) -> Result<Pdv, PduFault> {
        let [a, b, c, d, context, control] = head;
        let length = u32::from_be_bytes([a, b, c, d]);
        let (command, last) = (control & 1 != 0, control & 2 != 0);
        let fault = |kind, what| Err(PduFault::new(kind, what, self.offset(left)));
        let Some(rest) = length.checked_sub(2) else {
            return fault(FaultKind::Length, "a presentation data value shorter than its own head");
        };
        let Some(behind) = left.checked_sub(4).and_then(|left| left.checked_sub(length)) else {
            return fault(FaultKind::Length, "a presentation data value that runs over its PDU");
        };
        if behind != 0 && behind < 6 {
            return fault(FaultKind::Length, "bytes behind the last presentation data value");
        }
        if rest % 2 != 0 && !last && !self.limits.odd_fragments {
            return fault(FaultKind::Length, "a fragment of odd length that is not the last");
        }
        if self.pdvs >= self.limits.pdvs {
            return fault(FaultKind::Limit, "more presentation data values in one PDU than the gateway takes");
        }
        self.pdvs += 1;
        Ok(Pdv { context, command, last, begins: true, rest, behind })
    }

    /// Reads a PDU head.
    fn open(&mut self, head: &[u8; 6]) -> Result<(), PduFault> {
        let head_bytes = head;
        let head = Head::decode(head)?;
        head.check(&self.limits)?;
        self.state = if head.kind == Kind::PData {
            self.pdata_length = head.length;
            self.pdvs = 0;
            State::PdvHead { left: head.length }
        } else {
            self.keep(head_bytes);
            State::Control { length: LENGTH.saturating_add(usize::try_from(head.length).unwrap_or(usize::MAX)) }
        };
        Ok(())
    }

    /// Goes on with a control PDU.
    fn control(&mut self, length: usize) -> Result<Option<Event>, PduFault> {
        let missing = length.saturating_sub(self.control.len()).min(self.input.len());
        let piece = self.input.split_to(missing);
        self.keep(&piece);
        if self.control.len() < length {
            return Ok(None);
        }
        let bytes = std::mem::take(&mut self.control);
        self.state = State::Head;
        Ok(Some(Event::Control { pdu: Pdu::decode(&bytes)?, end: self.end() }))
    }

    /// Appends to the control PDU. What has to grow is moved by hand: the old copy may hold a password.
    fn keep(&mut self, piece: &[u8]) {
        let length = self.control.len() + piece.len();
        if length > self.control.capacity() {
            let mut grown = Zeroizing::new(Vec::with_capacity(length.next_power_of_two().max(512)));
            grown.extend_from_slice(&self.control);
            self.control = grown;
        }
        self.control.extend_from_slice(piece);
    }

    /// The six bytes of a head, once all are there.
    fn six(&mut self) -> Option<[u8; 6]> {
        if self.partial_length == 0
            && let Some(&head) = self.input.first_chunk::<6>()
        {
            self.input.advance(6);
            return Some(head);
        }
        while let Some(&byte) = self.input.first() {
            self.input.advance(1);
            if let Some(slot) = self.partial.get_mut(usize::from(self.partial_length)) {
                *slot = byte;
            }
            self.partial_length += 1;
            if usize::from(self.partial_length) == self.partial.len() {
                self.partial_length = 0;
                return Some(self.partial);
            }
        }
        None
    }

    /// A PDU type that does not exist is known by its first byte: who speaks HTTP is not waited for.
    fn early(&self) -> Result<(), PduFault> {
        let [first, ..] = self.partial;
        if self.partial_length != 0 && Kind::from_byte(first).is_none() {
            return Err(PduFault::UNKNOWN_TYPE);
        }
        Ok(())
    }

    /// Where in the slice last fed the stream stands.
    fn end(&self) -> usize {
        self.fed.saturating_sub(self.input.len())
    }

    /// Where in the P-DATA-TF a PDV head stands before which `left` bytes were still to come.
    fn offset(&self, left: u32) -> u32 {
        self.pdata_length.saturating_sub(left).saturating_add(6)
    }
}

const _: () = assert!(LENGTH == 6 && PDV_HEAD == 6, "both heads are collected in the same six bytes");

#[cfg(test)]
mod tests;
