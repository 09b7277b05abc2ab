//! What a thief of the disk looks for: pieces of pixels, 64 bytes each, anywhere in the files of a folder.

use super::elements;
use super::object::Object;
use crate::dicom::transfer_syntax::encoding_of;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

/// Bytes of a piece.
pub const PIECE: usize = 64;
/// A piece has at least so many different bytes: black air is found everywhere, and says nothing.
const DIFFERENT: usize = 8;
/// The most pieces that are looked for; of more pixels, pieces further apart.
const MOST: usize = 1 << 20;
/// How many bits of what a piece begins with decide whether it is looked at.
const SIEVE_BITS: u32 = 24;

/// Pieces of the pixels of objects: every 64 bytes, whatever occurs once.
#[derive(Debug)]
pub struct Pieces<'a> {
    known: HashMap<&'a [u8], u32>,
    /// What no known piece begins with need not be looked up.
    sieve: Vec<u64>,
}

impl<'a> Pieces<'a> {
    /// Of these objects, as far as they have pixels.
    pub fn of(objects: impl Iterator<Item = &'a Object> + Clone) -> Self {
        let pixels = || {
            let of = |object: &'a Object| elements::pixels(&object.data_set, encoding_of(&object.transfer_syntax));
            objects.clone().filter_map(of)
        };
        let bytes: usize = pixels().map(<[u8]>::len).sum();
        let apart = (bytes / MOST).max(PIECE);
        let mut times: HashMap<&[u8], u32> = HashMap::new();
        for piece in pixels().flat_map(|value| value.windows(PIECE).step_by(apart)) {
            if is_telling(piece) {
                *times.entry(piece).or_default() += 1;
            }
        }
        times.retain(|_, times| *times == 1);
        let known: HashMap<&[u8], u32> = (0..).zip(times.into_keys()).map(|(number, piece)| (piece, number)).collect();
        let mut sieve = vec![0; 1 << (SIEVE_BITS - u64::BITS.trailing_zeros())];
        for (word, bit) in known.keys().filter_map(|piece| place(piece)) {
            if let Some(held) = sieve.get_mut(word) {
                *held |= bit;
            }
        }
        Self { known, sieve }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.known.len()
    }

    /// How many of them stand in the files of a folder, at whatever place; and how many files it has.
    ///
    /// # Errors
    /// What the system says.
    pub fn found(&self, folder: &Path) -> io::Result<(usize, usize)> {
        let mut found = vec![false; self.known.len()];
        let mut files = 0;
        for entry in fs::read_dir(folder)? {
            let bytes = fs::read(entry?.path())?;
            files += 1;
            for window in bytes.windows(PIECE).filter(|window| self.may_be(window)) {
                let at = self.known.get(window).and_then(|number| found.get_mut(usize::try_from(*number).ok()?));
                if let Some(seen) = at {
                    *seen = true;
                }
            }
        }
        Ok((found.into_iter().filter(|seen| *seen).count(), files))
    }

    fn may_be(&self, window: &[u8]) -> bool {
        place(window).is_some_and(|(word, bit)| self.sieve.get(word).is_some_and(|held| held & bit != 0))
    }
}

/// Where in the sieve a piece stands, by its first bytes.
fn place(piece: &[u8]) -> Option<(usize, u64)> {
    let first = u64::from_le_bytes(*piece.first_chunk()?);
    // The upper bits of a product with an odd number depend on all bits.
    let spread = first.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - SIEVE_BITS);
    Some((usize::try_from(spread >> 6).ok()?, 1 << (spread & 63)))
}

fn is_telling(piece: &[u8]) -> bool {
    let mut seen = [false; 256];
    for byte in piece {
        if let Some(seen) = seen.get_mut(usize::from(*byte)) {
            *seen = true;
        }
    }
    seen.into_iter().filter(|seen| *seen).count() >= DIFFERENT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::phantom;

    #[test]
    fn they_are_found_wherever_they_stand_and_one_is_enough() {
        let objects = phantom::study();
        let (one, two) = (&objects[3], &objects[4]);
        let pieces = Pieces::of([one].into_iter());
        assert!(pieces.count() > 7000, "{} pieces of 512 KiB", pieces.count());
        let folder = tempfile::tempdir().unwrap();
        let found = |name: &str, bytes: &[u8]| {
            fs::write(folder.path().join(name), bytes).unwrap();
            pieces.found(folder.path()).unwrap()
        };
        assert_eq!(found("1", &two.to_file()), (0, 1), "another slice has none of them");
        let file = one.to_file();
        let middle = file.len() / 2;
        // An odd place in the file, and one whole piece and no more.
        assert_eq!(found("2", &[b"?", &file[middle..middle + 2 * PIECE - 1]].concat()), (1, 2));
        assert_eq!(found("2", &file[middle..middle + PIECE - 2]), (0, 2));
        assert_eq!(found("2", &file), (pieces.count(), 2));
    }

    #[test]
    fn what_stands_everywhere_is_no_piece() {
        let mut object = phantom::study().remove(0);
        let at = object.data_set.len() - 512 * 512 * 2;
        let with = |pixels: Vec<u8>| [object.data_set.slice(..at).to_vec(), pixels].concat();
        let black = with(vec![0; 512 * 512 * 2]);
        let same = with((0..=255).cycle().take(512 * 512 * 2).collect());
        for data_set in [black, same] {
            object.data_set = data_set.into();
            assert_eq!(Pieces::of([&object].into_iter()).count(), 0);
        }
    }
}
