//! Proves the wiring: dials every archive, every peer that receives and every identity provider, eight at a time, five seconds a step.

use super::place::Places;
use super::{archive, peer, provider};
use crate::config::{Fault, Settings, Severity};
use crate::pki::TlsMaterial;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How long a connection, and then each answer, may take.
pub const STEP: Duration = Duration::from_secs(5);
/// How many systems are asked at a time.
const AT_ONCE: usize = 8;

/// What was found out about one system, by one of its titles.
#[derive(Debug, serde::Serialize)]
pub struct Finding {
    /// Which system, in words: `archive PACS at 10.0.0.5:104`.
    pub about: String,
    /// What works, or what does not.
    pub words: String,
    /// What is wrong, where that stands in the configuration, and what to do.
    pub fault: Option<Fault>,
}

impl Finding {
    /// Something that works.
    pub fn fine(about: &str, words: impl Into<String>) -> Self {
        Self { about: about.to_owned(), words: words.into(), fault: None }
    }

    /// Something that does not.
    pub fn fault(about: &str, fault: Fault) -> Self {
        Self { about: about.to_owned(), words: fault.message.clone(), fault: Some(fault) }
    }

    /// Something that may be meant so.
    pub fn doubt(about: &str, fault: Fault) -> Self {
        Self::fault(about, Fault { severity: Severity::Warning, ..fault })
    }

    /// Whether this has to be put right.
    pub fn is_fault(&self) -> bool {
        self.fault.as_ref().is_some_and(|fault| fault.severity != Severity::Warning)
    }
}

/// What every step needs.
#[derive(Debug)]
pub struct Ground {
    pub settings: Settings,
    pub places: Places,
    pub material: Option<TlsMaterial>,
}

/// Asks everybody; findings come in the order of the configuration, archives first, identity providers last. `progress` hears how many of how
/// many have answered.
pub async fn prove(ground: Arc<Ground>, progress: impl Fn(usize, usize)) -> Vec<Finding> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    let archives = ground.settings.archives.len();
    let receiving = (0..).zip(&ground.settings.policy.peers).filter(|(_, peer)| peer.address.is_some());
    let receiving: Vec<usize> = receiving.map(|(index, _)| index).collect();
    let providers = ground.settings.users.as_ref().map_or(0, |users| users.oidc.len());
    let dialled = archives + receiving.len();
    for index in 0..dialled + providers {
        let (ground, places) = (Arc::clone(&ground), Arc::clone(&places));
        let peer = index.checked_sub(archives).and_then(|place| receiving.get(place).copied());
        let provider = index.checked_sub(dialled);
        tasks.spawn(async move {
            // Nobody closes it.
            let _place = places.acquire_owned().await;
            let found = match (peer, provider) {
                (Some(peer), _) => peer::prove(&ground, peer).await,
                (None, Some(provider)) => provider::prove(&ground, provider).await,
                (None, None) => archive::prove(&ground, index).await,
            };
            (index, found)
        });
    }
    let most = tasks.len();
    let mut all = Vec::with_capacity(most);
    progress(0, most);
    while let Some(done) = tasks.join_next().await {
        all.extend(done);
        progress(all.len(), most);
    }
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().flat_map(|(_, found)| found).collect()
}
