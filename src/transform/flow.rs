//! What comes out of a transform that may have to hold back what it has made.

use bytes::Bytes;
use std::collections::VecDeque;

/// One piece, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Goes on now.
    Go(Bytes),
    /// Is kept, behind what is kept already, until [`Piece::Kept`].
    Keep(Bytes),
    /// All that is kept goes on here, before whatever comes later; then nothing is kept.
    Kept,
}

/// Pieces in order; whoever drives the transform takes them out.
#[derive(Debug, Default)]
pub struct Flow {
    pieces: VecDeque<Piece>,
}

impl Flow {
    /// Goes on now. Empty bytes are no piece.
    pub fn go(&mut self, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        if !bytes.is_empty() {
            self.pieces.push_back(Piece::Go(bytes));
        }
    }

    /// Is kept.
    pub fn keep(&mut self, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        if !bytes.is_empty() {
            self.pieces.push_back(Piece::Keep(bytes));
        }
    }

    /// All that is kept goes on here.
    pub fn kept(&mut self) {
        self.pieces.push_back(Piece::Kept);
    }

    /// The next piece.
    pub fn next_piece(&mut self) -> Option<Piece> {
        self.pieces.pop_front()
    }

    /// The next piece, without taking it out.
    pub fn peek(&self) -> Option<&Piece> {
        self.pieces.front()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

/// Puts pieces in the order in which they go out, keeping what is kept in memory: for objects that are small or that are in
/// memory anyway. Others have a [spool](crate::spool).
#[derive(Debug, Default)]
pub struct Line {
    kept: Vec<Bytes>,
}

impl Line {
    /// What may go now.
    pub fn take(&mut self, flow: &mut Flow) -> Vec<Bytes> {
        let mut out = Vec::new();
        while let Some(piece) = flow.next_piece() {
            match piece {
                Piece::Go(bytes) => out.push(bytes),
                Piece::Keep(bytes) => self.kept.push(bytes),
                Piece::Kept => out.append(&mut self.kept),
            }
        }
        out
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}
