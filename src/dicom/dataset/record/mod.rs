//! A small data set read whole: an answer or the identifier of a query, looked into, edited, and written again.
//!
//! The walker checks it first, so nothing here meets a length that runs over or an element twice where that matters. Values
//! stay where they are in one buffer; what no edit touches is written byte for byte as it came. Never for objects with pixels.

mod edit;
mod node;
mod parse;
#[cfg(test)]
pub(crate) mod tests;
mod text;
mod view;
mod write;

pub use edit::Edit;
pub use view::Item;

use super::WalkFault;
use crate::dicom::Tag;
use crate::dicom::transfer_syntax::Encoding;
use edit::Added;
pub(in crate::dicom) use node::vr_of;
use node::{Node, Ranges};

/// How large a record may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordLimits {
    /// Bytes, once inflated; default 1 MiB.
    pub bytes: u32,
    /// Elements, items and delimiters, all together; default 65,536.
    pub elements: u32,
    /// Sequences inside each other; default 16.
    pub depth: u16,
}

impl Default for RecordLimits {
    fn default() -> Self {
        Self { bytes: 1 << 20, elements: 65_536, depth: 16 }
    }
}

/// Why a record is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// It is no data set, or nests deeper or has more elements than the limit.
    #[error(transparent)]
    Walk(#[from] WalkFault),
    /// Longer than the limit.
    #[error("the data set is longer than {0} bytes")]
    TooLong(u32),
}

/// Why a value cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditFault {
    /// The record's character set has no way to write the text.
    #[error("the text of {0} cannot be written in the character set of the data set")]
    Repertoire(Tag),
    /// The value has no text form, or is too long for its length field.
    #[error("{0} cannot be given this value")]
    Value(Tag),
}

/// A small data set. Top-level attributes are read and edited by tag; what is inside sequences through
/// [`Attributes`](crate::dicom::matching::Attributes) and [`Record::edit_each`].
#[derive(Clone)]
pub struct Record {
    encoding: Encoding,
    /// The elements, inflated.
    bytes: Vec<u8>,
    /// The deflate stream that they came in.
    stream: Option<Vec<u8>>,
    /// Every element and item, as they stand: what is inside something follows it.
    nodes: Vec<Node>,
    /// New values of nodes.
    values: Vec<edit::Value>,
    added: Vec<Added>,
    /// Where the elements of the top level end.
    end: u32,
    edited: bool,
}

impl Record {
    /// Without elements, to be filled by edits. Its text is in the default repertoire until (0008,0005) is set.
    pub fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            bytes: Vec::new(),
            stream: None,
            nodes: Vec::new(),
            values: Vec::new(),
            added: Vec::new(),
            end: 0,
            edited: true,
        }
    }

    /// How it is written.
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// How its elements are written, deflated or not.
    const fn plain(&self) -> Encoding {
        match self.encoding {
            Encoding::Deflated => Encoding::ExplicitLe,
            plain => plain,
        }
    }

    /// What stands between two places of the buffer.
    fn slice(&self, from: u32, until: u32) -> &[u8] {
        self.bytes.get(from as usize..until as usize).unwrap_or_default()
    }

    /// The elements of an item, or of the top level.
    fn range(&self, container: Option<u32>) -> Ranges<'_> {
        node::elements(&self.nodes, container)
    }
}

/// May hold what a patient is called.
impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.tags().map(|(tag, _)| tag)).finish()
    }
}
