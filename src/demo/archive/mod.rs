//! A small archive that speaks plain DICOM on loopback: C-ECHO, C-STORE, C-FIND, C-MOVE, C-GET, C-CANCEL.
//!
//! It stands in for a hospital's PACS in the demonstration and in tests. It asks nobody who they are, which is the
//! point; it never listens elsewhere than on loopback, and nothing from the wire becomes a path.

mod find;
mod native;
mod negotiate;
mod retrieve;
mod serve;
mod store;

#[cfg(test)]
mod tests;

pub use negotiate::{Service, service_of, user_items};
pub use store::{Store, Stored};

use crate::dicom::AeTitle;
use crate::net::buffer::Pool;
use crate::net::{Wire, listen};
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// The most associations at a time; more wait in the listener's queue.
const MAX_ASSOCIATIONS: usize = 64;

/// A running archive; it stops when dropped.
#[derive(Debug)]
pub struct Archive {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: JoinHandle<()>,
}

/// What all associations share.
#[derive(Debug)]
struct Shared {
    title: AeTitle,
    store: Store,
    /// Where C-MOVE sends to: `HOST:PORT` by title.
    destinations: Mutex<BTreeMap<AeTitle, String>>,
    pool: Arc<Pool>,
}

impl Archive {
    /// Starts on a loopback port (0: any free one), with its files in `folder`, which must exist.
    ///
    /// # Errors
    /// What the system says about the port.
    pub fn start(title: AeTitle, port: u16, folder: PathBuf) -> io::Result<Self> {
        let listener = listen::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            title,
            store: Store::new(folder),
            destinations: Mutex::default(),
            pool: Arc::new(Pool::new(128 * 1024, 16)),
        });
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let places = Arc::new(Semaphore::new(MAX_ASSOCIATIONS));
            while let Ok(place) = Arc::clone(&places).acquire_owned().await {
                let (stream, from) = listen::accept(&listener).await;
                let wire = Wire::plain(stream, from, Arc::clone(&serving.pool));
                let shared = Arc::clone(&serving);
                tokio::spawn(async move {
                    // A caller that breaks the rules or goes away ends its own association and nothing else.
                    let _ = serve::association(&shared, wire).await;
                    drop(place);
                });
            }
        });
        Ok(Self { address, shared, listener: task })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tells it where a C-MOVE destination is.
    pub fn set_destination(&self, title: AeTitle, address: String) {
        if let Ok(mut destinations) = self.shared.destinations.lock() {
            destinations.insert(title, address);
        }
    }

    /// What it holds.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
