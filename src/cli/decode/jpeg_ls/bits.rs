//! Bits of a scan (A.1): the most significant first; of a byte behind FF the highest bit is stuffed and none of them.

use super::fault::Fault;

/// Reads bits up to the next marker.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    /// What is not in the cache yet.
    rest: &'a [u8],
    /// The next bits, from the top; zero behind them.
    cache: u64,
    count: u32,
    /// The last byte in the cache was FF.
    stuffed: bool,
}

impl<'a> Bits<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, cache: 0, count: 0, stuffed: false }
    }

    /// Takes bytes until there are 56 bits, or a marker comes. Never 64: what is shifted out is always less than a cache.
    fn fill(&mut self) {
        while self.count < 56 {
            let Some((byte, behind)) = self.rest.split_first() else { return };
            if *byte == 0xff && behind.first().is_some_and(|next| *next >= 0x80) {
                return;
            }
            if self.stuffed && *byte >= 0x80 {
                // A byte FF that was the last one before a marker has been taken.
                return;
            }
            let wide = if self.stuffed { 7 } else { 8 };
            self.cache |= u64::from(*byte) << (64 - wide - self.count);
            self.count += wide;
            self.stuffed = *byte == 0xff;
            self.rest = behind;
        }
    }

    /// Makes sure of so many bits, 56 at most.
    fn need(&mut self, number: u32) -> Result<(), Fault> {
        if self.count < number {
            self.fill();
        }
        if self.count < number { Err(Fault::Cut) } else { Ok(()) }
    }

    const fn drop(&mut self, number: u32) {
        self.cache <<= number;
        self.count -= number;
    }

    /// One bit.
    pub(super) fn bit(&mut self) -> Result<bool, Fault> {
        self.need(1)?;
        let bit = self.cache >> 63 == 1;
        self.drop(1);
        Ok(bit)
    }

    /// A number of so many bits, 32 at most.
    pub(super) fn number(&mut self, bits: u32) -> Result<u32, Fault> {
        self.need(bits)?;
        if bits == 0 {
            return Ok(0);
        }
        let number = self.cache >> (64 - bits);
        self.drop(bits);
        u32::try_from(number).map_err(|_| Fault::Damaged)
    }

    /// How many zeros stand before the next one; `most`: no more may.
    fn zeros(&mut self, most: u32) -> Result<u32, Fault> {
        let mut zeros = 0;
        loop {
            self.need(1)?;
            let here = self.cache.leading_zeros().min(self.count);
            zeros += here;
            if zeros > most {
                return Err(Fault::Damaged);
            }
            if here < self.count {
                self.drop(here + 1);
                return Ok(zeros);
            }
            self.drop(here);
        }
    }

    /// A number in limited-length Golomb code (A.5.3): `low` bits of it stand as they are; where it would be longer than
    /// `limit`, all `whole` bits do.
    pub(super) fn golomb(&mut self, low: u32, limit: u32, whole: u32) -> Result<u32, Fault> {
        let escape = limit.saturating_sub(whole + 1);
        let zeros = self.zeros(escape)?;
        if zeros == escape {
            return Ok(self.number(whole)? + 1);
        }
        let high = u64::from(zeros) << low;
        u32::try_from(high | u64::from(self.number(low)?)).map_err(|_| Fault::Damaged)
    }

    /// What is left from the next marker on: of the bits before it nothing is needed any more.
    pub(super) fn end(&self) -> &'a [u8] {
        let marker = |pair: &[u8]| matches!(pair, [0xff, next] if *next >= 0x80);
        let at = self.rest.windows(2).position(marker);
        at.and_then(|at| self.rest.get(at..)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_behind_ff_is_none_of_them_and_a_marker_is_the_end() {
        let mut bits = Bits::new(&[0xff, 0x7f, 0xa5, 0xff, 0xd9, 1]);
        assert_eq!(bits.number(15), Ok(0x7fff));
        assert_eq!(bits.number(8), Ok(0xa5));
        assert_eq!(bits.bit(), Err(Fault::Cut));
        assert_eq!(bits.end(), [0xff, 0xd9, 1]);
        let mut bits = Bits::new(&[0x80, 0xff]);
        assert_eq!((bits.bit(), bits.number(7), bits.number(8)), (Ok(true), Ok(0), Ok(0xff)));
        assert_eq!((bits.number(0), bits.bit()), (Ok(0), Err(Fault::Cut)));
        assert_eq!(bits.end(), [0; 0]);
    }

    #[test]
    fn golomb_codes_are_read_short_and_long() {
        // 3 zeros and 2 bits; then 5 zeros, which is the limit, and 4 bits of the number itself, less one.
        let mut bits = Bits::new(&[0b0001_1000, 0b0001_1001, 0b0000_0000, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bits.golomb(2, 10, 4), Ok(3 << 2 | 0b10));
        assert_eq!(bits.golomb(2, 10, 4), Ok(0b1001 + 1));
        assert_eq!(bits.golomb(2, 60, 4), Err(Fault::Damaged), "no code has so many zeros");
        assert_eq!(Bits::new(&[0; 3]).golomb(0, 60, 4), Err(Fault::Cut));
    }
}
