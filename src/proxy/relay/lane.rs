//! One direction of an association: PDUs come in piece by piece and go on whole, as they came.
//!
//! Bytes are released PDU by PDU. So the other side always stands between two PDUs and can be aborted cleanly, and a
//! PDU that holds the last fragment of an object goes on only after all of it has been looked at. What is held is
//! bounded by the announced maximum length and, until a decision, by `[limits] inspect`.

use crate::dicom::pdu::{Event, Framer, PduFault};
use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

/// How many slices are held as they are. Each keeps the whole buffer alive that it was cut from, so what comes in many
/// small pieces is copied instead: a PDU that drips in byte by byte costs its bytes, not a buffer for each.
const SLICES: usize = 8;

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
    /// What was held after many pieces, copied together.
    tail: BytesMut,
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
            tail: BytesMut::new(),
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
        if !self.held.is_empty() {
            self.held_bytes = 0;
            for piece in self.held.drain(..) {
                out(piece);
            }
            if !self.tail.is_empty() {
                out(std::mem::take(&mut self.tail).freeze());
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
        self.tail = BytesMut::new();
        self.held_bytes = 0;
        self.from = end;
        self.until = end;
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

    /// Hands out what is released. PDUs that follow each other in one slice leave as one slice.
    pub fn hand_out(&mut self, out: &mut impl FnMut(Bytes)) {
        if self.until > self.from {
            out(self.input.slice(self.from..self.until));
            self.from = self.until;
        }
    }

    fn keep(&mut self, end: usize) {
        if end > self.from {
            self.held_bytes += end - self.from;
            let piece = self.input.slice(self.from..end);
            if self.held.len() < SLICES {
                self.held.push(piece);
            } else {
                self.tail.extend_from_slice(&piece);
            }
            self.from = end;
            self.until = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::pdu::FramerLimits;
    use std::sync::Arc;

    /// A read buffer of which one byte is in use; counted while it lives.
    struct Buffer([u8; 1], #[expect(dead_code, reason = "counted, not read")] Arc<()>);

    impl AsRef<[u8]> for Buffer {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    #[test]
    fn what_comes_byte_by_byte_keeps_few_buffers_alive_and_goes_on_whole() {
        let alive = Arc::new(());
        let mut lane = Lane::new(Framer::new(FramerLimits::default()));
        let pdu = crate::dicom::pdu::pdata::write_message(1, &[7; 1000], None, 0);
        let mut out = Vec::new();
        for byte in &pdu {
            lane.feed(Bytes::from_owner(Buffer([*byte], Arc::clone(&alive))));
            while let Some(event) = lane.next().unwrap() {
                if let Event::PDataEnd { end } = event {
                    lane.release(end, &mut |bytes| out.extend_from_slice(&bytes));
                }
            }
            lane.settle(&mut |bytes| out.extend_from_slice(&bytes));
            assert!(Arc::strong_count(&alive) <= SLICES + 2);
        }
        assert_eq!(out, pdu);
        assert_eq!((Arc::strong_count(&alive), lane.held_bytes()), (1, 0));
    }
}
