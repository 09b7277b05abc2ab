//! Keys that are not written to swap space.

use crate::vault::suite::Key256;

/// Locks the memory of a key (mlock(2)), for as long as the process lives: locks of a page do not add up, and another key
/// may lie on the same one. Returns whether the system permits it; where it does not, the keys may come to lie in swap space.
pub(super) fn lock(key: &Key256) -> bool {
    let bytes = key.reveal();
    match region::lock(bytes.as_ptr(), bytes.len()) {
        Ok(guard) => {
            std::mem::forget(guard);
            true
        }
        Err(_) => false,
    }
}
