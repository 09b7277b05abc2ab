//! Specific Character Set (0008,0005): text of data sets to characters and back (PS3.3 C.12.1.1.2, PS3.5 6.1).
//!
//! Single-byte sets, UTF-8, GB18030, GBK, and code extension by the escape sequences of ISO 2022 (PS3.5 6.1.2.5). Strict: an
//! escape sequence that was not declared, or bytes without a character, are a fault, never a guess.

mod decode;
mod encode;
mod set;
#[cfg(test)]
mod tests;

use dicom_core::VR;
use encoding_rs::Encoding;
use set::{Set, Sets};
use std::borrow::Cow;

/// How the bytes of text values become characters, and characters bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CharacterSet(Repertoire);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repertoire {
    Utf8,
    /// GB18030 and GBK: a second byte may look like a letter or a backslash.
    Chinese(&'static Encoding),
    Sets(Designated),
}

/// Sets of characters in the left half (G0) and the right half (G1) of the code table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Designated {
    /// What holds at the beginning of a value and behind delimiters and control characters.
    g0: Set,
    g1: Option<Set>,
    /// Which escape sequences may stand in a value.
    more: Sets,
}

/// Which characters end what an escape sequence began (PS3.5 6.1.2.5.3). Control characters always do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// `\`, `^` and `=`: person names.
    Names,
    /// `\`: attributes that may have several values.
    Values,
    /// None: texts in which a backslash is a character like others.
    Nothing,
}

/// Why bytes are not text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CharacterFault {
    /// A defined term that this version does not know, cut to its printable characters.
    #[error("the character set `{0}` is not known")]
    Unknown(String),
    /// An escape sequence (ISO 2022) of a set that (0008,0005) does not declare, or of none that DICOM has.
    #[error("the value switches to a character set that is not declared")]
    Escape,
    /// Bytes that the declared set has no character for.
    #[error("the value has bytes that its character set does not define")]
    Undefined,
}

impl CharacterSet {
    /// What holds when (0008,0005) is absent or empty: the default repertoire, ISO-IR 6.
    pub const DEFAULT: Self = Self(Repertoire::Sets(Designated { g0: Set::Ascii, g1: None, more: Sets::NONE }));
    /// UTF-8.
    pub const UTF_8: Self = Self(Repertoire::Utf8);

    /// From the value of (0008,0005) as it stands in the data set. The first value holds from the beginning; the others may
    /// be switched to by escape sequences. An empty first value means ISO-IR 6.
    ///
    /// # Errors
    /// The first value is no known term. Later ones that are not known are passed over: what needs them cannot be decoded.
    pub fn of(declared: &[u8]) -> Result<Self, CharacterFault> {
        let text = String::from_utf8_lossy(declared);
        let mut terms = text.split('\\').map(|term| term.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\0'));
        let first = terms.next().unwrap_or_default();
        match Term::of(first).ok_or_else(|| CharacterFault::Unknown(printable(first)))? {
            // These know no code extension; what is declared beside them means nothing.
            Term::Utf8 => Ok(Self::UTF_8),
            Term::Gb18030 => Ok(Self(Repertoire::Chinese(encoding_rs::GB18030))),
            Term::Gbk => Ok(Self(Repertoire::Chinese(encoding_rs::GBK))),
            Term::Set { set, extended } => {
                let (mut more, mut several) = (Sets::NONE, false);
                for term in terms {
                    several = true;
                    if let Some(Term::Set { set, .. }) = Term::of(term) {
                        more = more.with_term(set);
                    }
                }
                if extended || several {
                    more = more.with_term(set);
                }
                let (g0, g1) = match set {
                    Set::Katakana => (Set::Roman, Some(Set::Katakana)),
                    // Sets of two bytes come into play by escape sequences alone.
                    set if set.is_single() && set.is_right() => (Set::Ascii, Some(set)),
                    _ => (Set::Ascii, None),
                };
                Ok(Self(Repertoire::Sets(Designated { g0, g1, more })))
            }
        }
    }

    /// The characters of a value (all its values, backslashes included; split after decoding, because a backslash byte
    /// may be the second half of a character).
    ///
    /// # Errors
    /// Bytes that are no text in this character set.
    pub fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Cow<'a, str>, CharacterFault> {
        self.decode_with(bytes, Ends::Values)
    }

    /// The same for the value of an attribute of this VR: in names `^` and `=` end what an escape sequence began; in LT, ST
    /// and UT a backslash does not.
    ///
    /// # Errors
    /// Bytes that are no text in this character set.
    pub fn decode_as<'a>(&self, vr: VR, bytes: &'a [u8]) -> Result<Cow<'a, str>, CharacterFault> {
        self.decode_with(bytes, Ends::of(vr))
    }

    /// Text as bytes that decode to the same text; `None` if the repertoire cannot carry it.
    pub fn encode(&self, text: &str) -> Option<Vec<u8>> {
        self.encode_with(text, Ends::Values)
    }

    /// The same for the value of an attribute of this VR.
    pub fn encode_as(&self, vr: VR, text: &str) -> Option<Vec<u8>> {
        self.encode_with(text, Ends::of(vr))
    }

    /// As [`decode`](Self::decode), for showing and for demonstrations: what is no character becomes U+FFFD. Never
    /// match against the result where a match gives access.
    pub fn decode_lossy<'a>(&self, bytes: &'a [u8]) -> Cow<'a, str> {
        self.decode(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes))
    }
}

impl Ends {
    const fn of(vr: VR) -> Self {
        match vr {
            VR::PN => Self::Names,
            VR::LT | VR::ST | VR::UT => Self::Nothing,
            _ => Self::Values,
        }
    }

    const fn has(self, byte: u8) -> bool {
        match byte {
            b'^' | b'=' => matches!(self, Self::Names),
            b'\\' => !matches!(self, Self::Nothing),
            _ => byte < b' ',
        }
    }
}

/// What a defined term names.
enum Term {
    Utf8,
    Gb18030,
    Gbk,
    Set { set: Set, extended: bool },
}

impl Term {
    fn of(term: &str) -> Option<Self> {
        // Devices also write `ISO-IR 100` and `ISO 2022-IR 87`; nothing else could be meant.
        let plain = term.replace(['_', '-'], " ");
        let (number, extended) = match (plain.strip_prefix("ISO 2022 IR "), plain.strip_prefix("ISO IR ")) {
            (Some(number), _) => (number, true),
            (None, Some("192")) => return Some(Self::Utf8),
            (None, Some(number)) => (number, false),
            (None, None) => match plain.as_str() {
                "" => ("6", false),
                "GB18030" => return Some(Self::Gb18030),
                "GBK" => return Some(Self::Gbk),
                _ => return None,
            },
        };
        let set = match number {
            "6" => Set::Ascii,
            "13" => Set::Katakana,
            "100" => Set::Latin1,
            "101" => Set::Latin2,
            "109" => Set::Latin3,
            "110" => Set::Latin4,
            "126" => Set::Greek,
            "127" => Set::Arabic,
            "138" => Set::Hebrew,
            "144" => Set::Cyrillic,
            "148" => Set::Latin5,
            "166" => Set::Thai,
            "203" => Set::Latin9,
            "87" => Set::Kanji,
            "159" => Set::KanjiSupplement,
            "149" => Set::Korean,
            "58" => Set::Hanzi,
            _ => return None,
        };
        Some(Self::Set { set, extended })
    }
}

fn printable(term: &str) -> String {
    term.chars().take(32).map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}
