//! What a peer may do wrong and still be understood: named departures from the strict parsers of commands and data sets.
//!
//! Every one is safe in this sense: whatever passes under it, the identifying attributes (SOP class and instance,
//! study, series, patient) keep one meaning for every reader. Hence there is none for what readers take in different
//! ways: unknown VRs (is the length 16 or 32 bits?), undefined lengths where none belong, lengths that overrun. `docs/tolerances.md` explains each to administrators.

use std::fmt;

/// A named departure from the strict rules that a peer may be allowed (`tolerate` in `policy.toml`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Tolerance {
    /// Commands: (0000,0000) is missing or does not say how long the rest is.
    GroupLength,
    /// Commands and data sets: elements do not ascend. Identifying attributes of a data set must still stand in place.
    Order,
    /// Commands and data sets: UIDs and AE titles padded with what they may not be padded with.
    Padding,
    /// Commands and data sets: values of odd length.
    OddLength,
    /// Commands: elements that older editions defined and PS3.7 has retired (annex E.2); their values are ignored.
    Retired,
    /// Commands: elements of group 0000 that PS3.7 does not list for this command; their values are ignored.
    Extra,
    /// Commands: a request without Priority, or with one that is no priority.
    Priority,
    /// Commands: an Error Comment of more than 64 characters or with control characters.
    Comment,
    /// Data sets: the two reserved bytes behind a VR are not zero.
    Reserved,
    /// Data sets: the same element twice in a row, but no identifying one.
    Duplicate,
    /// Data sets: a delimiter at the very end of an item or sequence whose length had already said where that is.
    Delimiter,
    /// Data sets: zero bytes behind the last element, or a gzip trailer behind a deflated data set.
    Trailing,
}

impl Tolerance {
    /// Every tolerance, in the order of the documentation.
    pub const ALL: [Self; 12] = [
        Self::GroupLength,
        Self::Order,
        Self::Padding,
        Self::OddLength,
        Self::Retired,
        Self::Extra,
        Self::Priority,
        Self::Comment,
        Self::Reserved,
        Self::Duplicate,
        Self::Delimiter,
        Self::Trailing,
    ];

    /// The name as policies write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GroupLength => "group-length",
            Self::Order => "order",
            Self::Padding => "padding",
            Self::OddLength => "odd-length",
            Self::Retired => "retired",
            Self::Extra => "extra",
            Self::Priority => "priority",
            Self::Comment => "comment",
            Self::Reserved => "reserved",
            Self::Duplicate => "duplicate",
            Self::Delimiter => "delimiter",
            Self::Trailing => "trailing",
        }
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is no tolerance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no tolerance{}", hint(*.near))]
pub struct ToleranceFault {
    /// The word.
    pub word: String,
    /// The tolerance that it comes close to.
    pub near: Option<Tolerance>,
}

fn hint(near: Option<Tolerance>) -> String {
    match near {
        Some(tolerance) => format!(", did you mean `{tolerance}`?"),
        None => {
            let names: Vec<_> = Tolerance::ALL.iter().map(|tolerance| tolerance.as_str()).collect();
            format!("; there are {}", names.join(", "))
        }
    }
}

impl std::str::FromStr for Tolerance {
    type Err = ToleranceFault;
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        if let Some(exact) = Self::ALL.into_iter().find(|tolerance| tolerance.as_str() == word) {
            return Ok(exact);
        }
        let lower = word.to_lowercase().replace(['_', ' '], "-");
        let near = Self::ALL
            .into_iter()
            .map(|tolerance| (strsim::jaro_winkler(tolerance.as_str(), &lower), tolerance))
            .filter(|(likeness, _)| *likeness > 0.8)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, tolerance)| tolerance);
        Err(ToleranceFault { word: word.chars().take(64).collect(), near })
    }
}

/// A set of tolerances; empty by default: everything strict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tolerances(u32);

impl Tolerances {
    /// Nothing is tolerated.
    pub const STRICT: Self = Self(0);

    /// Everything that has a name is tolerated.
    pub const ALL: Self = Self((1 << Tolerance::ALL.len()) - 1);

    /// Parses names as policies list them; all words that are none come back.
    ///
    /// # Errors
    /// One fault for each word that is no tolerance.
    pub fn parse<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Self, Vec<ToleranceFault>> {
        let mut set = Self::STRICT;
        let mut faults = Vec::new();
        for name in names {
            match name.as_ref().parse() {
                Ok(tolerance) => set = set.with(tolerance),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(set) } else { Err(faults) }
    }

    /// This set and one more.
    #[must_use]
    pub const fn with(self, tolerance: Tolerance) -> Self {
        Self(self.0 | 1 << tolerance as u8)
    }

    /// This set without one.
    #[must_use]
    pub const fn without(self, tolerance: Tolerance) -> Self {
        Self(self.0 & !(1 << tolerance as u8))
    }

    /// Whether something is tolerated.
    pub const fn has(self, tolerance: Tolerance) -> bool {
        self.0 & 1 << tolerance as u8 != 0
    }

    /// What is tolerated, in the order of the documentation.
    pub fn iter(self) -> impl Iterator<Item = Tolerance> {
        Tolerance::ALL.into_iter().filter(move |tolerance| self.has(*tolerance))
    }
}

impl FromIterator<Tolerance> for Tolerances {
    fn from_iter<I: IntoIterator<Item = Tolerance>>(tolerances: I) -> Self {
        tolerances.into_iter().fold(Self::STRICT, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_tolerances_are_one_to_one() {
        for tolerance in Tolerance::ALL {
            assert_eq!(tolerance.as_str().parse(), Ok(tolerance));
            let set = Tolerances::STRICT.with(tolerance);
            assert_eq!(set.iter().collect::<Vec<_>>(), [tolerance]);
            assert!(Tolerances::ALL.has(tolerance) && !Tolerances::ALL.without(tolerance).has(tolerance));
        }
    }

    #[test]
    fn every_wrong_word_is_reported_with_what_was_meant() {
        let faults = Tolerances::parse(["order", "grouplength", "odd_length", "whatever"]).unwrap_err();
        let words: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(words[0], "`grouplength` is no tolerance, did you mean `group-length`?");
        assert_eq!(words[1], "`odd_length` is no tolerance, did you mean `odd-length`?");
        assert!(words[2].contains("there are group-length, order"), "{}", words[2]);
        assert_eq!(Tolerances::parse(["order", "order"]), Ok(Tolerances::STRICT.with(Tolerance::Order)));
    }
}
