//! Person names (PS3.5 6.2.1): component groups `alphabetic=ideographic=phonetic`, components `family^given^middle^
//! prefix^suffix`. Compared without regard to case, spaces around components and absent trailing delimiters.

use super::wildcard::Pattern;

/// A name, or a pattern of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    groups: Vec<GroupPattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct GroupPattern {
    pattern: Pattern,
    carets: usize,
    empty: bool,
}

impl NamePattern {
    /// Reads a key.
    pub fn new(text: &str) -> Self {
        let groups = normalized_groups(text)
            .into_iter()
            .map(|group| GroupPattern {
                carets: group.matches('^').count(),
                empty: group.is_empty(),
                pattern: Pattern::wild(&group),
            })
            .collect();
        Self { groups }
    }

    /// Whether every name fits: a star alone.
    pub fn is_universal(&self) -> bool {
        matches!(self.groups.as_slice(), [group] if group.pattern.is_universal())
    }

    /// A key of one group fits a name when any group of it fits, because people type a name in the script they have. A
    /// key of several groups fits group by group; an empty one of the key is no condition.
    pub fn matches(&self, stored: &str) -> bool {
        let stored = normalized_groups(stored);
        if stored.iter().all(String::is_empty) {
            return false;
        }
        match self.groups.as_slice() {
            [] => true,
            // Delimiters alone, as some workstations send them, ask nothing.
            [only] if only.empty => true,
            [only] => stored.iter().any(|group| !group.is_empty() && only.matches(group)),
            several => several.iter().enumerate().all(|(at, wanted)| {
                wanted.empty || wanted.matches(stored.get(at).map(String::as_str).unwrap_or_default())
            }),
        }
    }
}

impl GroupPattern {
    fn matches(&self, group: &str) -> bool {
        if self.pattern.matches(group) {
            return true;
        }
        // `Doe^^*` asks for an empty second component, which a stored `Doe` has without writing it.
        let missing = self.carets.saturating_sub(group.matches('^').count());
        missing > 0 && self.pattern.matches(&format!("{group}{}", "^".repeat(missing)))
    }
}

fn normalized_groups(text: &str) -> Vec<String> {
    let mut groups: Vec<String> = text.split('=').map(normalized).collect();
    while groups.len() > 1 && groups.last().is_some_and(String::is_empty) {
        groups.pop();
    }
    groups
}

fn normalized(group: &str) -> String {
    let components: Vec<&str> = group.split('^').map(|part| part.trim_matches([' ', '\0'])).collect();
    components.join("^").trim_end_matches('^').chars().flat_map(folded).collect()
}

/// Letter by letter, whatever stands beside it: a Greek word that a star cuts off must not end otherwise than the whole.
fn folded(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase().map(|c| if c == 'ς' { 'σ' } else { c })
}
