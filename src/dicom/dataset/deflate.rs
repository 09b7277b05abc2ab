//! The deflate stream around a data set (PS3.5 A.5), inflated piece by piece, never whole.

use super::{WalkFault, WalkLimits};
use flate2::{Decompress, FlushDecompress, Status};

const PIECE: usize = 16 * 1024;

/// A raw deflate stream (RFC 1951), without zlib's header.
pub(super) struct Inflater {
    stream: Decompress,
    piece: Vec<u8>,
    ended: bool,
    /// Bytes behind its end.
    behind: usize,
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self { stream: Decompress::new(false), piece: vec![0; PIECE], ended: false, behind: 0 }
    }

    /// Inflates what it can and hands it on in pieces of at most 16 KiB.
    pub(super) fn push(
        &mut self,
        mut input: &[u8],
        limits: &WalkLimits,
        trailer: bool,
        mut plain: impl FnMut(&[u8]) -> Result<(), WalkFault>,
    ) -> Result<(), WalkFault> {
        loop {
            if self.ended {
                return self.behind(input, trailer);
            }
            let (taken, made) = (self.stream.total_in(), self.stream.total_out());
            let status = self.stream.decompress(input, &mut self.piece, FlushDecompress::None);
            let status = status.map_err(|_| WalkFault::Deflate)?;
            let taken = usize::try_from(self.stream.total_in() - taken).map_err(|_| WalkFault::Deflate)?;
            let made = usize::try_from(self.stream.total_out() - made).map_err(|_| WalkFault::Deflate)?;
            self.within(limits)?;
            plain(self.piece.get(..made).ok_or(WalkFault::Deflate)?)?;
            input = input.get(taken..).ok_or(WalkFault::Deflate)?;
            self.ended = status == Status::StreamEnd;
            if !self.ended && made < PIECE && (input.is_empty() || taken == 0 && made == 0) {
                return if input.is_empty() { Ok(()) } else { Err(WalkFault::Deflate) };
            }
        }
    }

    /// Whether the stream came to its end.
    pub(super) const fn ended(&self) -> bool {
        self.ended
    }

    fn within(&self, limits: &WalkLimits) -> Result<(), WalkFault> {
        let (taken, made) = (self.stream.total_in(), self.stream.total_out());
        let bomb = made > limits.inflate_free && made / taken.max(1) > u64::from(limits.inflate_ratio);
        if made > limits.inflated || bomb { Err(WalkFault::Inflated) } else { Ok(()) }
    }

    /// One zero byte may pad the stream to even length; where a trailer is tolerated, eight more bytes.
    fn behind(&mut self, input: &[u8], trailer: bool) -> Result<(), WalkFault> {
        if input.is_empty() {
            return Ok(());
        }
        let padding = self.behind == 0 && input == [0];
        self.behind = self.behind.saturating_add(input.len());
        match self.behind {
            1 if padding => Ok(()),
            1..=9 if trailer => Ok(()),
            1..=9 => Err(WalkFault::DeflateTrailer),
            _ => Err(WalkFault::Deflate),
        }
    }
}
