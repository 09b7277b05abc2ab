//! Wild card patterns (PS3.4 C.2.2.2.4): `*` is any run of characters, `?` any single one.

/// A pattern over characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Run,
    Any,
    Is(char),
}

impl Pattern {
    /// Reads `*` and `?` as wild cards.
    pub fn wild(text: &str) -> Self {
        let mut parts = Vec::with_capacity(text.len());
        for c in text.chars() {
            match c {
                // Runs of stars mean one star; folding them here keeps the matcher at one way back.
                '*' if parts.last() == Some(&Part::Run) => {}
                '*' => parts.push(Part::Run),
                '?' => parts.push(Part::Any),
                c => parts.push(Part::Is(c)),
            }
        }
        Self { parts }
    }

    /// Takes every character as itself.
    pub fn literal(text: &str) -> Self {
        Self { parts: text.chars().map(Part::Is).collect() }
    }

    /// Whether nothing but stars is left: then it is universal matching.
    pub fn is_universal(&self) -> bool {
        self.parts.as_slice() == [Part::Run]
    }

    /// Whether `text` fits, from end to end. At most pattern length times text length comparisons.
    pub fn matches(&self, text: &str) -> bool {
        let mut pattern = self.parts.as_slice();
        let mut rest = text.chars();
        // Where to go on when what follows the last star does not fit: only the last star ever needs another try.
        let mut retry: Option<(&[Part], std::str::Chars<'_>)> = None;
        loop {
            match pattern.split_first() {
                Some((Part::Run, behind)) => {
                    retry = Some((behind, rest.clone()));
                    pattern = behind;
                    continue;
                }
                Some((part, behind)) => {
                    let mut ahead = rest.clone();
                    let fits = match (part, ahead.next()) {
                        (_, None) => return false,
                        (Part::Is(wanted), Some(found)) => *wanted == found,
                        (Part::Any | Part::Run, Some(_)) => true,
                    };
                    if fits {
                        (pattern, rest) = (behind, ahead);
                        continue;
                    }
                }
                None if rest.as_str().is_empty() => return true,
                None => {}
            }
            let Some((behind, from)) = retry.as_mut() else { return false };
            if from.next().is_none() {
                return false;
            }
            (pattern, rest) = (*behind, from.clone());
        }
    }
}
