//! Why somebody was not recognised: words for the record, never for the caller.

use std::borrow::Cow;

/// Why a user identity is not accepted. The caller hears one of two answers; what was wrong stands in the record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It does not prove who somebody is: A-ASSOCIATE-RJ 1/1/1, like any stranger's.
    #[error("{0}")]
    Denied(Why),
    /// Whoever could say it does not answer: A-ASSOCIATE-RJ 2/3/1.
    #[error("{0}")]
    Away(Why),
}

impl Refused {
    /// An identity that proves nothing.
    pub fn denied(words: impl Into<Cow<'static, str>>) -> Self {
        Self::Denied(Why { words: words.into(), tried: None })
    }

    /// A source that does not answer.
    pub fn away(words: impl Into<Cow<'static, str>>) -> Self {
        Self::Away(Why { words: words.into(), tried: None })
    }

    /// The same, with the name that was tried. It was not proven: whoever records it does so by [`Why::tried`].
    #[must_use]
    pub fn tried(self, name: &str) -> Self {
        let with = |why: Why| Why { tried: Some(name.to_owned()), ..why };
        match self {
            Self::Denied(why) => Self::Denied(with(why)),
            Self::Away(why) => Self::Away(with(why)),
        }
    }

    /// What was wrong.
    pub const fn why(&self) -> &Why {
        match self {
            Self::Denied(why) | Self::Away(why) => why,
        }
    }
}

/// What was wrong, in words for the administrator: one sentence without anything secret, and nothing of the caller's
/// but what is short and printable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Why {
    /// The sentence.
    pub words: Cow<'static, str>,
    /// The name that was tried, where there was one; of any length and content.
    pub tried: Option<String>,
}

impl Why {
    /// The name that was tried, if it may stand in a record as it is: at most 64 printable characters.
    pub fn printable_name(&self) -> Option<&str> {
        self.tried.as_deref().filter(|name| {
            !name.is_empty() && name.chars().count() <= 64 && name.chars().all(|c| !c.is_control() && is_plain(c))
        })
    }
}

/// No characters that change how others are shown: bidirectional controls, zero-width and private ones.
pub(super) const fn is_plain(c: char) -> bool {
    !matches!(c,
        '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{10ffff}')
}
