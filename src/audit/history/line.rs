//! The fields of a line that matter here, borrowed where they can be.

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Text of a line, borrowed unless it was escaped.
#[derive(Debug, Clone, Default)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Texts)
    }
}

/// A record, as far as it is replayed.
#[derive(Debug, Deserialize)]
pub(super) struct Line<'a> {
    pub seq: u64,
    #[serde(borrow)]
    at: Option<Text<'a>>,
    #[serde(borrow)]
    pub incident: Option<Text<'a>>,
    #[serde(borrow)]
    pub association: Option<Text<'a>>,
    #[serde(borrow)]
    pub peer: Option<Text<'a>>,
    #[serde(borrow)]
    pub calling: Option<Text<'a>>,
    #[serde(borrow)]
    pub from: Option<Text<'a>>,
    #[serde(borrow)]
    pub user: Option<Text<'a>>,
    #[serde(default)]
    pub roles: Vec<String>,
    #[serde(default)]
    pub emergency: bool,
    #[serde(borrow)]
    pub operation: Option<Text<'a>>,
    #[serde(borrow)]
    pub to: Option<Text<'a>>,
    #[serde(borrow)]
    pub sop_class: Option<Text<'a>>,
    #[serde(borrow)]
    pub transfer_syntax: Option<Text<'a>>,
    #[serde(borrow)]
    pub modality: Option<Text<'a>>,
    #[serde(borrow)]
    pub destination: Option<Text<'a>>,
    #[serde(borrow)]
    pub requester: Option<Text<'a>>,
    #[serde(borrow)]
    pub requester_user: Option<Text<'a>>,
    #[serde(default)]
    pub requester_roles: Vec<String>,
    #[serde(default)]
    pub requester_emergency: bool,
    #[serde(borrow)]
    pub rule: Option<Text<'a>>,
    #[serde(default)]
    pub observed: bool,
    #[serde(borrow)]
    reason: Option<Text<'a>>,
    #[serde(borrow)]
    cause: Option<Text<'a>>,
    #[serde(borrow)]
    pub level: Option<Text<'a>>,
    #[serde(borrow)]
    pub subject: Option<Text<'a>>,
    pub keys: Option<Vec<String>>,
    #[serde(default, borrow)]
    pub echoed: Vec<Echoed<'a>>,
    #[serde(default)]
    idle: bool,
}

/// Verifications of one association at one system.
#[derive(Debug, Deserialize)]
pub(super) struct Echoed<'a> {
    #[serde(borrow)]
    to: Option<Text<'a>>,
    #[serde(borrow)]
    transfer_syntax: Option<Text<'a>>,
    #[serde(borrow)]
    rule: Option<Text<'a>>,
    #[serde(default)]
    pub count: u64,
    #[serde(default)]
    pub observed: u64,
}

impl<'a> Line<'a> {
    /// The text of a field that is not empty.
    pub fn text<'t>(&'t self, field: &'t Option<Text<'a>>) -> Option<&'t str> {
        field.as_ref().map(|text| &*text.0).filter(|text| !text.is_empty())
    }

    /// When it was written.
    pub fn at(&self) -> &str {
        self.text(&self.at).unwrap_or_default()
    }

    /// Why the policy refused, in one word.
    pub fn reason(&self) -> &str {
        self.text(&self.reason).unwrap_or_default()
    }

    /// Why something was refused, in one word.
    pub fn cause(&self) -> &str {
        self.text(&self.cause).unwrap_or_default()
    }

    /// An association on which nothing was asked.
    pub fn idle(&self) -> bool {
        self.idle
    }
}

impl Echoed<'_> {
    /// Which system.
    pub fn to(&self) -> &str {
        self.to.as_ref().map(|text| &*text.0).unwrap_or_default()
    }

    /// Of the presentation context.
    pub fn transfer_syntax(&self) -> Option<&str> {
        self.transfer_syntax.as_ref().map(|text| &*text.0)
    }

    /// The rule that permitted the last of them.
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_ref().map(|text| &*text.0)
    }
}
