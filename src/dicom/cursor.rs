//! The one place that indexes bytes: a reader that cannot run over.

/// Reads integers and slices off the front of some bytes; `None` when there are not enough, and then nothing is
/// consumed.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    rest: &'a [u8],
    start: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor before the first byte.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, start: bytes.len() }
    }

    /// How many bytes are left.
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether nothing is left.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// How many bytes have been read, in bytes from where the cursor began.
    pub const fn position(&self) -> usize {
        self.start - self.rest.len()
    }

    /// What is left, without consuming it.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(length)?;
        self.rest = tail;
        Some(head)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.rest.split_first_chunk::<N>()?;
        self.rest = tail;
        Some(*head)
    }

    /// One byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Two bytes, big endian (PDUs).
    pub fn u16_be(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes, big endian (PDUs).
    pub fn u32_be(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Two bytes, little endian (data sets, commands).
    pub fn u16_le(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes, little endian (data sets, commands).
    pub fn u32_le(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_read_consumes_nothing() {
        let mut cursor = Cursor::new(&[1, 2, 3]);
        assert_eq!(cursor.u32_be(), None);
        assert_eq!(cursor.u16_be(), Some(0x0102));
        assert_eq!((cursor.position(), cursor.remaining()), (2, 1));
        assert_eq!(cursor.take(2), None);
        assert_eq!(cursor.take(1), Some(&[3][..]));
        assert!(cursor.is_empty());
    }
}
