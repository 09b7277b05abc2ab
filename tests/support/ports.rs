//! Ports that nobody is given by chance: below those that the system hands out to whoever calls (from 32768 on, as Linux
//! is set up), so that a connection of another test does not take one between choosing and listening.

use std::net::TcpListener;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

const FIRST: u32 = 12_000;
const COUNT: u32 = 20_000;

/// How many this process has looked at.
static LOOKED_AT: AtomicU32 = AtomicU32::new(0);

/// A port of 127.0.0.1 that nobody listens on, and that no other test of this process is given.
pub fn free_port() -> u16 {
    // Processes that run side by side begin at different places.
    let begin = std::process::id() % 97 * 200;
    loop {
        let port = FIRST + (begin + LOOKED_AT.fetch_add(1, Relaxed)) % COUNT;
        let port = u16::try_from(port).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
