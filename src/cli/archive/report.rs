//! What a probe has found out about an archive: the answers of the questionnaire, as they are kept and printed.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The version of the form; a file of another one is not compared with.
pub const VERSION: u32 = 1;

/// Something that was found out, or why it was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Found<T> {
    /// What was found.
    Known(T),
    /// Why nothing was, in words.
    Unknown(String),
}

impl<T> Found<T> {
    /// What was found, if anything was.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(found) => Some(found),
            Self::Unknown(_) => None,
        }
    }

    /// Nothing was found, for this reason.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown(why.into())
    }
}

/// A filled-in questionnaire. It holds nothing about patients but the probe's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    /// When.
    pub probed: jiff::Timestamp,
    /// The archive's title.
    pub archive: String,
    /// Where it was asked.
    pub address: String,
    /// Under which title.
    pub calling: String,
    /// Whether it could be told to store a test study; without one much stays unknown.
    pub stored: bool,
    /// What it says of itself.
    pub hello: Found<Hello>,
    /// The status of a C-ECHO.
    pub echo: Found<String>,
    /// What it takes, class by class.
    pub offers: Vec<Offer>,
    /// How many operations at once it agrees to, when asked for eight: invoked and performed; 0 is any number.
    pub window: Found<(u16, u16)>,
    /// Whether it takes associations of a title that it cannot know.
    pub takes_strangers: Found<bool>,
    /// How many associations at once it bears.
    pub associations: Found<Capacity>,
    /// What it says to the first object, the same again, and one changed.
    pub stores: Found<Stores>,
    /// Keys of queries, level by level.
    pub keys: Found<Vec<Key>>,
    /// C-GET.
    pub get: Found<Get>,
    /// C-MOVE, and what it delivered.
    pub moved: Found<Moved>,
    /// The same under a title that it cannot know.
    pub moved_for_stranger: Found<Moved>,
    /// What it does with one image for further destinations.
    pub destinations: Vec<Destination>,
    /// Storage commitment.
    pub commitment: Found<Commitment>,
    /// What it now holds that nobody needs, in words.
    pub left_behind: Option<String>,
}

/// What an archive says of itself when it accepts an association.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// 51H: bytes that it takes at a time; 0 is any number.
    pub max_pdu: u32,
    /// 52H.
    pub implementation: Option<String>,
    /// 55H, escaped.
    pub version: Option<String>,
}

/// Whether it takes a class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The class.
    pub class: String,
    /// Its name, with the encoding if a certain one was asked for.
    pub name: String,
    /// The encoding that it chose; `None`: it does not take the class.
    pub syntax: Option<String>,
}

/// How many associations at once an archive bears.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// How many it took.
    pub taken: u32,
    /// What it did to the next one, in words; `None`: as many as were tried.
    pub refused: Option<String>,
}

/// How it takes objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stores {
    /// How many objects of the test study it took.
    pub taken: u32,
    /// The status of the first.
    pub first: String,
    /// The status of the same once more.
    pub equal: String,
    /// The status of the same instance with other contents.
    pub changed: String,
    /// Which contents it gives out afterwards.
    pub keeps: Found<Keeps>,
}

/// Which of two contents of one instance an archive gives out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keeps {
    /// What came first.
    First,
    /// What came last.
    Last,
}

/// A key of a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// PATIENT, STUDY, SERIES or IMAGE.
    pub level: String,
    /// The attribute's name.
    pub name: String,
    /// Whether the right value finds the study and a wrong one does not.
    pub matched: Found<bool>,
    /// Whether its value comes back.
    pub returned: Found<bool>,
}

/// A C-GET of the test study.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Get {
    /// The final status.
    pub status: String,
    /// How many objects came.
    pub came: u32,
}

/// A C-MOVE of the test study, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The destination that it was told.
    pub destination: String,
    /// The final status.
    pub status: String,
    /// How many objects it was to deliver.
    pub expected: u32,
    /// How many came.
    pub came: u32,
    /// From which addresses.
    pub from: Vec<IpAddr>,
    /// Under which titles.
    pub calls_as: Vec<String>,
    /// Whether they name who asked, and in which message: (0000,1030), (0000,1031).
    pub originator: Found<Originator>,
    /// On how many associations they came.
    pub associations: u32,
    /// How many of these were open at once.
    pub parallel: u32,
    /// How many came after the final response.
    pub late: u32,
    /// How long after it the last one came, milliseconds.
    pub lag: u64,
    /// Whether the bytes of every one are those that were stored; unknown where the encoding is another.
    pub unchanged: Found<bool>,
}

/// What deliveries say about the C-MOVE that asked for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Originator {
    /// All name it rightly.
    Right,
    /// Some do not say anything.
    Missing,
    /// Some say something else.
    Wrong(String),
}

/// A further destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The title.
    pub title: String,
    /// The final status of a C-MOVE of one image to it, and whether the image came here.
    pub moved: Found<(String, bool)>,
}

/// How it answers a storage commitment request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commitment {
    /// The status of the request.
    pub status: String,
    /// Where the report came.
    pub report: Reported,
}

/// Where a commitment report came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reported {
    /// On the association that asked.
    Same,
    /// On a new one, to the title that asked.
    New,
    /// Nowhere, as long as it was waited for.
    Nowhere,
}
