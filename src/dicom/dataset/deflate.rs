//! The deflate stream around a data set (PS3.5 A.5), read and written piece by piece, never whole.

use super::{WalkFault, WalkLimits};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

const PIECE: usize = 16 * 1024;

/// A raw deflate stream (RFC 1951), without zlib's header.
pub struct Inflater {
    stream: Decompress,
    piece: Vec<u8>,
    ended: bool,
    /// Bytes behind its end.
    behind: usize,
}

impl Inflater {
    /// Before the first byte.
    pub fn new() -> Self {
        Self { stream: Decompress::new(false), piece: vec![0; PIECE], ended: false, behind: 0 }
    }

    /// Inflates what it can and hands it on in pieces of at most 16 KiB. Of `limits` those on inflating count.
    ///
    /// # Errors
    /// The stream is damaged or past a limit, something else than padding (and, if allowed, a trailer of eight bytes)
    /// stands behind it, or whoever takes the bytes refuses them.
    pub fn push<F: From<WalkFault>>(
        &mut self,
        mut input: &[u8],
        limits: &WalkLimits,
        trailer: bool,
        mut plain: impl FnMut(&[u8]) -> Result<(), F>,
    ) -> Result<(), F> {
        loop {
            if self.ended {
                return Ok(self.behind(input, trailer)?);
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
                return if input.is_empty() { Ok(()) } else { Err(WalkFault::Deflate.into()) };
            }
        }
    }

    /// Whether the stream came to its end.
    pub const fn ended(&self) -> bool {
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

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes a raw deflate stream.
pub struct Deflater {
    stream: Compress,
}

impl Deflater {
    /// Before the first byte.
    pub fn new() -> Self {
        Self { stream: Compress::new(Compression::default(), false) }
    }

    /// Takes the next bytes; what the stream gives out so far is appended.
    pub fn push(&mut self, mut plain: &[u8], out: &mut Vec<u8>) {
        while !plain.is_empty() {
            let (status, taken) = self.compress(plain, out, FlushCompress::None);
            plain = plain.get(taken..).unwrap_or_default();
            if status.is_none() {
                return;
            }
        }
    }

    /// Ends the stream, with a zero byte where its length is odd.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        // With room to write to it cannot fail.
        while let Some(Status::Ok | Status::BufError) = self.compress(&[], out, FlushCompress::Finish).0 {}
        if !self.stream.total_out().is_multiple_of(2) {
            out.push(0);
        }
    }

    fn compress(&mut self, plain: &[u8], out: &mut Vec<u8>, flush: FlushCompress) -> (Option<Status>, usize) {
        out.reserve(PIECE);
        let before = self.stream.total_in();
        let status = self.stream.compress_vec(plain, out, flush).ok();
        (status, usize::try_from(self.stream.total_in() - before).unwrap_or(usize::MAX))
    }
}

impl Default for Deflater {
    fn default() -> Self {
        Self::new()
    }
}
