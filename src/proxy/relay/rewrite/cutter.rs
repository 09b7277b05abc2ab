//! Bytes of a data set cut into P-DATA-TFs of one receiver.

use crate::dicom::dimse::Command;
use crate::dicom::pdu::pdata;
use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;

/// Pieces under this many bytes are copied together; longer ones go as they are, behind a head of their own.
const SMALL: usize = 4096;

/// Cuts what it is given; what waits is less than one PDU.
#[derive(Debug)]
pub(super) struct Cutter {
    context: u8,
    /// The longest payload of a fragment that the receiver takes; even.
    room: usize,
    /// The command, until the first byte behind it goes.
    head: Option<Bytes>,
    waiting: VecDeque<Bytes>,
    /// Small pieces, behind all that waits.
    small: BytesMut,
    length: usize,
}

impl Cutter {
    /// For a receiver that takes P-DATA-TFs of at most `longest` bytes; 0: of any length.
    pub(super) fn new(context: u8, command: &Command, longest: u32) -> Self {
        let head = pdata::write_message(context, &command.encode(), None, longest);
        let (waiting, small) = (VecDeque::new(), BytesMut::new());
        Self { context, room: room(longest), head: Some(Bytes::from(head)), waiting, small, length: 0 }
    }

    /// Whether the command has gone.
    pub(super) const fn has_begun(&self) -> bool {
        self.head.is_none()
    }

    /// Bytes that have come and not gone.
    #[cfg(test)]
    pub(super) const fn waiting(&self) -> usize {
        self.length
    }

    /// Takes the next bytes; what is enough for a fragment goes.
    pub(super) fn push(&mut self, bytes: Bytes, forward: &mut impl FnMut(Bytes)) {
        self.begin(forward);
        self.length += bytes.len();
        if bytes.len() < SMALL {
            self.small.extend_from_slice(&bytes);
        } else {
            self.gather();
            self.waiting.push_back(bytes);
        }
        // One byte at least stays: only the last fragment may be odd, and only it says that it is the last.
        while self.length > self.room {
            self.fragment(self.room, false, forward);
        }
    }

    /// The same; nothing is nothing: not even the command goes for it.
    pub(super) fn push_some(&mut self, bytes: Bytes, forward: &mut impl FnMut(Bytes)) {
        if !bytes.is_empty() {
            self.push(bytes, forward);
        }
    }

    /// The data set is over: the rest goes, as the last fragment.
    pub(super) fn finish(&mut self, forward: &mut impl FnMut(Bytes)) {
        self.begin(forward);
        self.fragment(self.length, true, forward);
    }

    /// Once the command has gone there is no way back.
    pub(super) fn begin(&mut self, forward: &mut impl FnMut(Bytes)) {
        if let Some(head) = self.head.take() {
            forward(head);
        }
    }

    fn gather(&mut self) {
        if !self.small.is_empty() {
            self.waiting.push_back(std::mem::take(&mut self.small).freeze());
        }
    }

    fn fragment(&mut self, payload: usize, last: bool, forward: &mut impl FnMut(Bytes)) {
        self.gather();
        self.length -= payload;
        let mut pdu = BytesMut::with_capacity(12 + payload.min(SMALL));
        // The payload is shorter than what 32 bits count.
        pdu.extend_from_slice(&pdata::header(self.context, false, last, payload).unwrap_or_default());
        let mut rest = payload;
        while let Some(front) = self.waiting.front_mut().filter(|_| rest > 0) {
            let taken = front.len().min(rest);
            rest -= taken;
            if taken < SMALL {
                pdu.extend_from_slice(front.get(..taken).unwrap_or_default());
                front.advance(taken);
            } else {
                if !pdu.is_empty() {
                    forward(pdu.split().freeze());
                }
                forward(front.split_to(taken));
            }
            if front.is_empty() {
                self.waiting.pop_front();
            }
        }
        if !pdu.is_empty() {
            forward(pdu.freeze());
        }
    }
}

/// The longest payload of a fragment, even.
pub(super) fn room(longest: u32) -> usize {
    let longest = if longest == 0 { pdata::UNLIMITED } else { longest.max(8) };
    usize::try_from(longest).unwrap_or(usize::MAX).saturating_sub(pdata::PDV_HEAD) & !1
}
