//! Attributes as rules name them: by keyword, by "(gggg,eeee)", or through sequences: "A.B".

use crate::dicom::Tag;
use dicom_core::VR;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_dictionary_std::StandardDataDictionary;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// How many attributes a path may have, its sequences included.
pub const MAX_PATH: usize = 4;

/// An attribute whose value a rule compares.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attribute {
    /// The sequences that lead to it, and the attribute itself, last. Never empty, at most [`MAX_PATH`].
    pub path: Vec<Tag>,
    /// Its value representation; never one whose values are no text.
    pub vr: VR,
    /// As the file writes it.
    pub written: Arc<str>,
}

/// Why words do not name an attribute that rules can speak of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttributeFault {
    /// The dictionary (PS3.6) knows neither such a keyword nor such a tag.
    #[error("there is no attribute `{word}`")]
    Unknown {
        /// What was written.
        word: String,
        /// The keyword that may have been meant.
        near: Option<&'static str>,
    },
    /// A step of a path that is no sequence.
    #[error("`{0}` is no sequence: nothing stands in it")]
    NoSequence(String),
    /// An attribute that holds items or bytes.
    #[error("`{0}` holds no text that could be compared")]
    NoText(String),
    /// More than [`MAX_PATH`] steps.
    #[error("`{0}` goes through too many sequences")]
    TooDeep(String),
}

impl AttributeFault {
    /// What to write instead.
    pub fn advice(&self) -> String {
        match self {
            Self::Unknown { near: Some(near), .. } => format!("did you mean `{near}`?"),
            Self::Unknown { .. } => {
                "write its keyword as in PS3.6, such as `ReferringPhysicianName`, or \"(0008,0090)\"".to_owned()
            }
            Self::NoSequence(_) => "only sequences have attributes behind a point".to_owned(),
            Self::NoText(word) if tag(word).is_ok_and(|tag| vr(tag) == Some(VR::SQ)) => {
                format!("name an attribute of its items: \"{word}.Keyword\"")
            }
            Self::NoText(_) => "name an attribute with a text, a number, a date or a UID".to_owned(),
            Self::TooDeep(_) => format!("a path has at most {MAX_PATH} attributes"),
        }
    }
}

impl Attribute {
    /// Reads a keyword, a tag, or a path of them, whose last is compared.
    pub fn parse(text: &str) -> Result<Self, AttributeFault> {
        let words: Vec<&str> = text.split('.').map(str::trim).collect();
        if words.len() > MAX_PATH {
            return Err(AttributeFault::TooDeep(text.to_owned()));
        }
        let mut path = Vec::with_capacity(words.len());
        let mut last: Option<(&str, VR)> = None;
        for word in words {
            if let Some((above, _)) = last.filter(|(_, vr)| *vr != VR::SQ) {
                return Err(AttributeFault::NoSequence(above.to_owned()));
            }
            let tag = tag(word)?;
            // What is private has a representation of its own, which no dictionary tells.
            let vr = vr(tag).ok_or_else(|| AttributeFault::NoText(word.to_owned()))?;
            last = Some((word, vr));
            path.push(tag);
        }
        match last {
            Some((_, vr)) if comparable(vr) => Ok(Self { path, vr, written: text.into() }),
            _ => Err(AttributeFault::NoText(text.to_owned())),
        }
    }

    /// The attribute that is compared.
    pub fn tag(&self) -> Tag {
        self.path.last().copied().unwrap_or(Tag(0, 0))
    }

    /// The attribute at the top level: itself, or the outermost sequence.
    pub fn top(&self) -> Tag {
        self.path.first().copied().unwrap_or(Tag(0, 0))
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// The attribute of a keyword, or of "(gggg,eeee)", which may be private.
pub fn tag(text: &str) -> Result<Tag, AttributeFault> {
    if let Some(tag) = numbers(text) {
        return match tag.is_private() || vr(tag).is_some() {
            true => Ok(tag),
            false => Err(AttributeFault::Unknown { word: text.to_owned(), near: None }),
        };
    }
    match StandardDataDictionary.by_name(text) {
        Some(entry) => Ok(Tag(entry.tag().0, entry.tag().1)),
        None => Err(AttributeFault::Unknown { word: text.to_owned(), near: near(text) }),
    }
}

/// The keyword of an attribute, or its tag where it has none.
pub fn keyword(tag: Tag) -> String {
    match StandardDataDictionary.by_tag(dicom_core::Tag(tag.0, tag.1)) {
        Some(entry) if !tag.is_private() => entry.alias.to_owned(),
        _ => tag.to_string(),
    }
}

/// The value representation of an attribute of the standard, where it has one alone.
pub fn vr(tag: Tag) -> Option<VR> {
    if tag.is_private() {
        return None;
    }
    StandardDataDictionary.by_tag(dicom_core::Tag(tag.0, tag.1))?.vr().exact()
}

/// Whether values of a representation are compared as text (PS3.4 C.2.2.2).
const fn comparable(vr: VR) -> bool {
    !matches!(vr, VR::SQ | VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::UN)
}

/// "(0010,0020)", with or without its brackets.
fn numbers(text: &str) -> Option<Tag> {
    let bare = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(text);
    let (group, element) = bare.split_once(',')?;
    let number = |text: &str| {
        let digits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u16::from_str_radix(text, 16).ok().filter(|_| digits)
    };
    Some(Tag(number(group.trim())?, number(element.trim())?))
}

/// The keyword that comes nearest, if one is near.
fn near(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    if lower.chars().count() > 64 {
        return None;
    }
    let most = (lower.chars().count() / 3).max(1);
    let distance = |keyword: &str| strsim::damerau_levenshtein(&lower, &keyword.to_lowercase());
    let best = keywords().iter().map(|keyword| (distance(keyword), *keyword)).min();
    best.filter(|(distance, _)| *distance <= most).map(|(_, keyword)| keyword)
}

/// Keywords of the groups that queries speak of. The dictionary cannot be walked, only asked.
fn keywords() -> &'static [&'static str] {
    static KEYWORDS: OnceLock<Vec<&'static str>> = OnceLock::new();
    const GROUPS: [u16; 8] = [0x0008, 0x0010, 0x0012, 0x0018, 0x0020, 0x0032, 0x0038, 0x0040];
    KEYWORDS.get_or_init(|| {
        let tags = GROUPS.into_iter().flat_map(|group| (1..=u16::MAX).map(move |element| (group, element)));
        let entry = |(group, element)| StandardDataDictionary.by_tag(dicom_core::Tag(group, element));
        tags.filter_map(|tag| entry(tag).map(|entry| entry.alias)).collect()
    })
}

#[cfg(test)]
mod tests;
