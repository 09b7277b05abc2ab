//! Collecting faults, with "did you mean".

use crate::policy::fault::{Entry, Place, PolicyFault};
use crate::policy::model::{ArchiveName, Canary, Peer, PolicyTest, Rule};
use std::sync::Arc;

/// Names are compared for "did you mean" for this many faults; a file that is wrong throughout must not take minutes.
const SUGGESTIONS: usize = 50;

/// All faults so far.
#[derive(Debug, Default)]
pub(super) struct Faults {
    faults: Vec<PolicyFault>,
    suggested: usize,
}

impl Faults {
    pub fn add(&mut self, place: Place, key: &'static str, problem: String, advice: impl Into<String>) {
        self.faults.push(PolicyFault { place, key, problem, advice: advice.into() });
    }

    /// "did you mean `..`", if one of the names is close to what was written.
    pub fn suggest<'n>(&mut self, written: &str, names: impl Iterator<Item = &'n str>) -> String {
        if self.suggested >= SUGGESTIONS {
            return String::new();
        }
        self.suggested += 1;
        let lower = written.to_lowercase();
        let distance = |name: &str| strsim::damerau_levenshtein(&lower, &name.to_lowercase());
        let near = (written.chars().count() / 3).max(1);
        let best = names.map(|name| (distance(name), name)).filter(|(distance, _)| *distance <= near).min();
        best.map(|(_, name)| format!("did you mean `{name}`?")).unwrap_or_default()
    }

    pub fn none_or_all(mut self) -> Result<(), Vec<PolicyFault>> {
        if self.faults.is_empty() {
            return Ok(());
        }
        self.faults.sort_by_key(|fault| (fault.place.entry, fault.place.index));
        Err(self.faults)
    }
}

pub(super) fn at_archive(index: usize, archive: &ArchiveName) -> Place {
    Place { entry: Entry::Archive, index, name: Arc::from(archive.ae_title.as_str()), line: 0 }
}

pub(super) fn at_peer(index: usize, peer: &Peer) -> Place {
    Place { entry: Entry::Peer, index, name: Arc::clone(&peer.name), line: peer.line }
}

pub(super) fn at_rule(index: usize, rule: &Rule) -> Place {
    Place { entry: Entry::Rule, index, name: Arc::clone(&rule.name), line: rule.line }
}

pub(super) fn at_canary(index: usize, canary: &Canary) -> Place {
    Place { entry: Entry::Canary, index, name: Arc::clone(&canary.name), line: canary.line }
}

pub(super) fn at_test(index: usize, test: &PolicyTest) -> Place {
    Place { entry: Entry::Test, index, name: Arc::from(test.name.as_str()), line: test.line }
}
