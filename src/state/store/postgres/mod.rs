//! PostgreSQL, shared by replicas: a few connections that come back by themselves, each asked many things at once.

mod fault;
mod link;
mod target;

use crate::state::StateFault;
use crate::state::options::Database;
use crate::state::store::{Answer, Question, Store};
use link::Link;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use target::Target;
use tokio::sync::{Mutex, Semaphore};

/// Connections of one gateway.
const CONNECTIONS: usize = 4;
/// Questions under way at once, all connections together; further ones wait, within their time.
const UNDER_WAY: usize = 256;
/// After a connection could not be made, nobody tries again for so long.
const PAUSE: Duration = Duration::from_millis(250);

#[derive(Default)]
struct Slot {
    link: Option<Arc<Link>>,
    failed: Option<(Instant, StateFault)>,
}

/// The database that replicas share.
pub struct Postgres {
    target: Target,
    slots: [Mutex<Slot>; CONNECTIONS],
    next: AtomicUsize,
    room: Semaphore,
    answer: Duration,
}

impl Postgres {
    /// Takes the settings, and tries them once. `answer`: everything is answered within this time.
    ///
    /// # Errors
    /// What waiting does not mend: the settings are wrong, the server's certificate is not the one that was expected, it
    /// knows no such user or database, or a newer program made the tables. A server that is away is none of these.
    pub async fn open(database: &Database, answer: Duration) -> Result<Self, StateFault> {
        let store = Self {
            target: Target::of(database)?,
            slots: Default::default(),
            next: AtomicUsize::new(0),
            room: Semaphore::new(UNDER_WAY),
            answer,
        };
        match tokio::time::timeout(answer, store.link()).await {
            Ok(Err(fault @ (StateFault::Settings(_) | StateFault::Damaged(_)))) => Err(fault),
            _ => Ok(store),
        }
    }

    /// A connection that works, as far as is known; made now where there is none.
    async fn link(&self) -> Result<Arc<Link>, StateFault> {
        let turn = self.next.fetch_add(1, Relaxed) % CONNECTIONS;
        let Some(slot) = self.slots.get(turn) else { return Err(StateFault::Away("no connection".to_owned())) };
        let mut slot = slot.lock().await;
        if let Some(link) = slot.link.as_ref().filter(|link| !link.is_closed()) {
            return Ok(Arc::clone(link));
        }
        if let Some((when, fault)) = &slot.failed
            && when.elapsed() < PAUSE
        {
            return self.other_link().ok_or_else(|| fault.clone());
        }
        slot.link = None;
        // Less than the whole time: who waits for this connection shall hear why there is none.
        match Link::open(&self.target, self.answer * 3 / 4).await {
            Ok(link) => {
                let link = Arc::new(link);
                *slot = Slot { link: Some(Arc::clone(&link)), failed: None };
                Ok(link)
            }
            Err(fault) => {
                slot.failed = Some((Instant::now(), fault.clone()));
                Err(fault)
            }
        }
    }

    /// Any connection that works and that nobody is busy making.
    fn other_link(&self) -> Option<Arc<Link>> {
        self.slots.iter().find_map(|slot| {
            let slot = slot.try_lock().ok()?;
            slot.link.as_ref().filter(|link| !link.is_closed()).map(Arc::clone)
        })
    }
}

impl Store for Postgres {
    fn ask(&self, question: Question) -> Answer<'_> {
        Box::pin(async move {
            let mut used = None;
            let asking = async {
                let _room = self.room.acquire().await.map_err(|_| StateFault::Away("closed".to_owned()))?;
                let link = self.link().await?;
                used.insert(link).ask(&question).await
            };
            match tokio::time::timeout(self.answer, asking).await {
                Ok(answer) => answer,
                Err(_) => {
                    // The server itself ends what takes too long, and says so. This one says nothing any more.
                    if let Some(link) = used {
                        link.kill();
                    }
                    Err(StateFault::Away("the database does not answer in time".to_owned()))
                }
            }
        })
    }
}
