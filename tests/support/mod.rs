//! A small hospital over loopback sockets: a gateway in this process, devices that say any bytes they like, and an
//! archive that the test plays itself, byte by byte.

pub mod conn;
pub mod ports;
pub mod process;
pub mod proven;
pub mod rle;
pub mod words;
pub mod world;

use std::time::{Duration, Instant};

/// Longer than anything takes; a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for a condition that another thread brings about.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
