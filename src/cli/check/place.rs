//! In which file and line the configuration says something: what the settings themselves do not keep.

use crate::config::{Fault, Settings, Severity};
use crate::policy::model::Peer;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// Where the archives stand in `gateway.toml`, and how many of the peers stand in `policy.toml` itself.
#[derive(Debug, Default)]
pub struct Places {
    archives: Vec<usize>,
    providers: Vec<usize>,
    peers: usize,
}

impl Places {
    /// Reads both files again; what cannot be read any more has no lines.
    pub fn of(settings: &Settings) -> Self {
        let lines =
            |path: &Path, keys| std::fs::read_to_string(path).map(|text| entries(&text, keys)).unwrap_or_default();
        Self {
            archives: lines(&settings.source.gateway, &["archive"]),
            providers: lines(&settings.source.gateway, &["users", "oidc"]),
            peers: lines(&settings.source.policy, &["peer"]).len(),
        }
    }

    /// A fault with the archive at this index.
    pub fn archive(&self, settings: &Settings, index: usize, message: String) -> Fault {
        at(&settings.source.gateway, self.archives.get(index).copied().unwrap_or_default(), message)
    }

    /// A fault with the rule on this line of `policy.toml`.
    pub fn rule(settings: &Settings, line: u32, message: String) -> Fault {
        at(&settings.source.policy, usize::try_from(line).unwrap_or_default(), message)
    }

    /// A fault with the identity provider at this index.
    pub fn provider(&self, settings: &Settings, index: usize, message: String) -> Fault {
        at(&settings.source.gateway, self.providers.get(index).copied().unwrap_or_default(), message)
    }

    /// A fault with the peer at this index.
    pub fn peer(&self, settings: &Settings, index: usize, peer: &Peer, message: String) -> Fault {
        // Those of the peers file come behind those of the policy, as it does itself among the files that were read.
        let source = &settings.source;
        let file = if index < self.peers { None } else { source.files.get(2) };
        at(file.unwrap_or(&source.policy), usize::try_from(peer.line).unwrap_or_default(), message)
    }
}

fn at(file: &Path, line: usize, message: String) -> Fault {
    let column = usize::from(line > 0);
    Fault { severity: Severity::Error, line, column, ..Fault::of_file(file, message) }
}

/// The lines, from 1, on which the entries of an array of tables begin; the last key names it, those before the tables
/// around it.
fn entries(text: &str, keys: &[&str]) -> Vec<usize> {
    let Ok(table) = DeTable::parse(text) else { return Vec::new() };
    let Some((key, around)) = keys.split_last() else { return Vec::new() };
    let inner = around.iter().try_fold(table.get_ref(), |table, key| table.get(*key)?.get_ref().as_table());
    let Some(DeValue::Array(entries)) = inner.and_then(|table| table.get(*key)).map(|value| value.get_ref()) else {
        return Vec::new();
    };
    let line = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    entries.iter().map(|entry| line(entry.span().start)).collect()
}

#[cfg(test)]
mod tests {
    use super::entries;

    #[test]
    fn entries_are_found_where_they_begin() {
        let text =
            "# archives\n[[archive]]\nae_title = \"A\"\n\n[[peer]]\n# [[archive]]\n[[archive]]\nae_title = \"B\"\n";
        assert_eq!(entries(text, &["archive"]), [2, 7]);
        assert_eq!(entries(text, &["peer"]), [5]);
        assert!(entries(text, &["rule"]).is_empty() && entries("[[archive", &["archive"]).is_empty());
        let users = "[users]\nmax_session = \"8h\"\n[[users.oidc]]\n[[users.oidc]]\n";
        assert_eq!(entries(users, &["users", "oidc"]), [3, 4]);
        assert!(entries(text, &["archive", "oidc"]).is_empty() && entries(text, &[]).is_empty());
    }
}
