//! One direction of an association: PDUs come in piece by piece and go on whole, as they came.
//!
//! Bytes are released PDU by PDU. So the other side always stands between two PDUs and can be aborted cleanly, and a
//! PDU that holds the last fragment of an object goes on only after all of it has been looked at. What is held is
//! bounded by the announced maximum length and, until a decision, by `[limits] inspect`.

use crate::dicom::pdu::{Event, Framer, PduFault};
use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

/// Held pieces under this many bytes are copied together: a slice keeps the whole read buffer it was cut from, and a
/// peer that sends byte by byte would otherwise have a buffer kept for each.
const SMALL: usize = 4096;

/// The framer of one direction, and the bytes that have come and not gone yet.
#[derive(Debug)]
pub struct Lane {
    framer: Framer,
    input: Bytes,
    /// Where in `input` the bytes begin that are neither held, released nor dropped.
    from: usize,
    /// Up to where in `input` bytes are released but not handed out.
    until: usize,
    held: SmallVec<[Bytes; 2]>,
    /// Small pieces held, behind all of `held`.
    small: BytesMut,
    held_bytes: usize,
}

impl Lane {
    /// A lane whose framer has read what came before data transfer.
    pub fn new(framer: Framer) -> Self {
        Self {
            framer,
            input: Bytes::new(),
            from: 0,
            until: 0,
            held: SmallVec::new(),
            small: BytesMut::new(),
            held_bytes: 0,
        }
    }

    /// Takes what has arrived. Everything of the slice before must have been [settled](Self::settle).
    pub fn feed(&mut self, input: Bytes) {
        self.framer.feed(input.clone());
        self.input = input;
        self.from = 0;
        self.until = 0;
    }

    /// The next event of the framer.
    pub fn next(&mut self) -> Result<Option<Event>, PduFault> {
        self.framer.next()
    }

    /// Whether the stream stands inside a PDU.
    pub fn mid_pdu(&self) -> bool {
        self.framer.mid_pdu()
    }

    /// How many bytes are held for a decision.
    pub const fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Everything held and everything up to `end` of the input may go.
    pub fn release(&mut self, end: usize, out: &mut impl FnMut(Bytes)) {
        if self.held_bytes > 0 {
            self.held_bytes = 0;
            self.gather();
            for piece in self.held.drain(..) {
                out(piece);
            }
        }
        self.until = end;
    }

    /// Everything up to `end` of the input waits for a decision.
    pub fn hold(&mut self, end: usize, out: &mut impl FnMut(Bytes)) {
        self.hand_out(out);
        self.keep(end);
    }

    /// Everything held and everything up to `end` of the input is dropped.
    pub fn discard(&mut self, end: usize, out: &mut impl FnMut(Bytes)) {
        self.hand_out(out);
        self.held.clear();
        self.small = BytesMut::new();
        self.held_bytes = 0;
        self.from = end;
        self.until = end;
    }

    /// Bytes of the gateway's own wait behind what is held.
    pub fn keep_own(&mut self, bytes: Bytes) {
        self.gather();
        self.held_bytes += bytes.len();
        self.held.push(bytes);
    }

    /// Bytes of the gateway's own wait before what is held.
    pub fn prepend(&mut self, bytes: Bytes) {
        self.held_bytes += bytes.len();
        self.held.insert(0, bytes);
    }

    /// Ends the work on one slice of input: what is released is handed out, the beginning of a PDU is kept.
    pub fn settle(&mut self, out: &mut impl FnMut(Bytes)) {
        self.hand_out(out);
        self.keep(self.input.len());
        self.input = Bytes::new();
        self.from = 0;
        self.until = 0;
        if self.held.is_empty() && self.held.spilled() {
            self.held = SmallVec::new();
        }
    }

    /// PDUs that follow each other in one slice leave as one slice.
    pub fn hand_out(&mut self, out: &mut impl FnMut(Bytes)) {
        if self.until > self.from {
            out(self.input.slice(self.from..self.until));
            self.from = self.until;
        }
    }

    fn keep(&mut self, end: usize) {
        if end > self.from {
            let length = end - self.from;
            self.held_bytes += length;
            if length < SMALL {
                self.small.extend_from_slice(self.input.get(self.from..end).unwrap_or_default());
            } else {
                self.gather();
                self.held.push(self.input.slice(self.from..end));
            }
            self.from = end;
            self.until = end;
        }
    }

    /// Small pieces take their place behind the others.
    fn gather(&mut self) {
        if !self.small.is_empty() {
            self.held.push(std::mem::take(&mut self.small).freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::pdu::FramerLimits;

    /// Feeds pieces, holds all of them, and gives what a release hands out and how much memory was kept for it.
    fn held(pieces: &[usize]) -> (Vec<u8>, usize) {
        let mut lane = Lane::new(Framer::new(FramerLimits::default()));
        let mut all: u8 = 0;
        for &length in pieces {
            // As from the pool: a large buffer, of which a little is used.
            let mut buffer = BytesMut::with_capacity(64 * 1024);
            for _ in 0..length {
                buffer.extend_from_slice(&[all]);
                all = all.wrapping_add(1);
            }
            lane.input = buffer.freeze();
            (lane.from, lane.until) = (0, 0);
            lane.settle(&mut |_| panic!("nothing is released yet"));
        }
        assert_eq!(lane.held_bytes(), pieces.iter().sum::<usize>());
        let kept = lane.held.len() * 64 * 1024 + lane.small.capacity();
        let mut out = Vec::new();
        lane.release(0, &mut |bytes| out.extend_from_slice(&bytes));
        assert_eq!(lane.held_bytes(), 0);
        (out, kept)
    }

    #[test]
    fn a_peer_that_sends_byte_by_byte_does_not_have_a_buffer_kept_for_each() {
        let (out, kept) = held(&[1; 20_000]);
        assert_eq!(out.len(), 20_000);
        assert!(kept < 256 * 1024, "{kept} bytes kept for 20,000");
    }

    #[test]
    fn pieces_of_all_sizes_come_out_in_order() {
        let (out, _) = held(&[3, 5000, 1, 2, 4096, 4095, 9000, 7]);
        assert!(out.iter().zip(0..).all(|(byte, place): (&u8, u32)| u32::from(*byte) == place % 256));
    }
}
