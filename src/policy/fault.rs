//! What is wrong with a policy: where, what, and what to write instead.

use std::fmt;
use std::sync::Arc;

/// One fault of a policy. The compiler reports all of them at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFault {
    /// Where it stands.
    pub place: Place,
    /// The key at fault (`who`, `to`, `certificate`), for finding its line; empty: the entry as a whole.
    pub key: &'static str,
    /// What is wrong, in words; the offending text stands in backticks.
    pub problem: String,
    /// What to write instead, in words; empty if there is nothing better to say.
    pub advice: String,
}

/// The entry that is at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which kind of entry.
    pub entry: Entry,
    /// Index of the entry in its list of the `PolicyModel`.
    pub index: usize,
    /// Its name.
    pub name: Arc<str>,
    /// Its first line, from 1; 0 for archives.
    pub line: u32,
}

/// The lists of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// `[[archive]]` of gateway.toml.
    Archive,
    /// `[[peer]]`.
    Peer,
    /// `[[rule]]`.
    Rule,
    /// `[[canary]]`.
    Canary,
    /// `[[test]]`.
    Test,
}

impl Entry {
    /// The word as the file writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Peer => "peer",
            Self::Rule => "rule",
            Self::Canary => "canary",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`: {}", self.place.entry.as_str(), self.place.name, self.problem)?;
        if !self.advice.is_empty() {
            write!(f, "; {}", self.advice)?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyFault {}
