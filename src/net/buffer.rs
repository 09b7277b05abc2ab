//! Read buffers, taken only while there is something to read.

use bytes::BytesMut;
use std::sync::Mutex;

/// How many returned buffers are looked at for one that is free again.
const LOOKED_AT: usize = 8;

/// Buffers of one size, shared by all wires. An idle wire holds none: a hospital's thousand idle associations cost no
/// buffer memory, and the few that are busy reuse warm ones.
#[derive(Debug)]
pub struct Pool {
    size: usize,
    keep: usize,
    plain: Mutex<Vec<BytesMut>>,
    cipher: Mutex<Vec<Vec<u8>>>,
}

impl Pool {
    /// A pool of buffers of `size` bytes that keeps at most `keep` unused ones of each kind.
    pub const fn new(size: usize, keep: usize) -> Self {
        Self { size, keep, plain: Mutex::new(Vec::new()), cipher: Mutex::new(Vec::new()) }
    }

    /// The size of each buffer, bytes.
    pub const fn size(&self) -> usize {
        self.size
    }

    /// An empty buffer for plaintext, with room for at least `size` bytes.
    pub fn take_plain(&self) -> BytesMut {
        if let Ok(mut free) = self.plain.lock() {
            // Slices of some may still live; the first whose slices are all gone serves again.
            let newest = free.len().saturating_sub(LOOKED_AT);
            let found = free.iter_mut().skip(newest).position(|buffer| buffer.try_reclaim(self.size));
            let found = found.map(|index| newest + index);
            if let Some(index) = found {
                return free.swap_remove(index);
            }
        }
        BytesMut::with_capacity(self.size)
    }

    /// Gives a plaintext buffer back; slices of it may still live.
    pub fn give_plain(&self, mut buffer: BytesMut) {
        buffer.clear();
        if let Ok(mut free) = self.plain.lock()
            && free.len() < self.keep
        {
            free.push(buffer);
        }
    }

    /// A buffer of `size` initialised bytes for TLS records, which are decrypted in place.
    pub fn take_cipher(&self) -> Vec<u8> {
        let found = self.cipher.lock().ok().and_then(|mut free| free.pop());
        found.unwrap_or_else(|| vec![0; self.size])
    }

    /// Gives a record buffer back.
    pub fn give_cipher(&self, buffer: Vec<u8>) {
        if buffer.len() == self.size
            && let Ok(mut free) = self.cipher.lock()
            && free.len() < self.keep
        {
            free.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_returned_buffer_serves_again_without_a_new_allocation() {
        let pool = Pool::new(4096, 2);
        let mut first = pool.take_plain();
        first.extend_from_slice(&[7; 4096]);
        let slice = first.split().freeze();
        let place = slice.as_ptr();
        drop(slice);
        pool.give_plain(first);
        let again = pool.take_plain();
        assert_eq!(again.as_ptr(), place);
        assert!(again.capacity() >= 4096);
    }

    #[test]
    fn it_keeps_no_more_than_it_was_told() {
        let pool = Pool::new(16, 1);
        pool.give_cipher(vec![0; 16]);
        pool.give_cipher(vec![0; 16]);
        pool.give_cipher(vec![0; 15]);
        assert_eq!(pool.cipher.lock().unwrap().len(), 1);
    }
}
