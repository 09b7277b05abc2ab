//! What is open while a data set is walked: the data set itself, sequences, items, fragments.

use crate::dicom::Tag;
use crate::dicom::transfer_syntax::Encoding;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Elements: the data set itself (at the bottom), or an item.
    Elements,
    /// Items.
    Sequence,
    /// Fragments of encapsulated pixel data (PS3.5 A.4).
    Fragments,
}

/// Something open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// The sequence's tag, also in its items; (FFFE,E000) at the bottom.
    pub(super) tag: Tag,
    /// Position of its end, where its length is defined.
    pub(super) end: Option<u64>,
    /// The nearest end of all that hold it: nothing inside may run over it.
    pub(super) bound: u64,
    /// UN of undefined length switches to implicit VR inside (PS3.5 6.2.2 note 2).
    pub(super) encoding: Encoding,
    /// The highest tag so far.
    pub(super) last: Option<Tag>,
}

impl Frame {
    pub(super) const fn bottom(encoding: Encoding) -> Self {
        Self { kind: Kind::Elements, tag: ITEM, end: None, bound: u64::MAX, encoding, last: None }
    }
}

pub(super) const ITEM: Tag = Tag(0xfffe, 0xe000);
pub(super) const ITEM_END: Tag = Tag(0xfffe, 0xe00d);
pub(super) const SEQUENCE_END: Tag = Tag(0xfffe, 0xe0dd);
pub(super) const PIXEL_DATA: Tag = Tag(0x7fe0, 0x0010);

/// Attributes that say which object this is, what kind, and whose: no tolerance lets these occur twice or out of
/// place, so that every reader finds the same ones.
pub(super) const fn is_identifying(tag: Tag) -> bool {
    matches!(
        tag,
        Tag(0x0008, 0x0005 | 0x0016 | 0x0018 | 0x0020 | 0x0050 | 0x0052 | 0x0060 | 0x0061)
            | Tag(0x0010, 0x0010 | 0x0020 | 0x0021)
            | Tag(0x0020, 0x000d | 0x000e)
            | Tag(0x0040, 0xa043)
    )
}

/// Groups that PS3.5 7.8, PS3.7 and PS3.10 keep out of data sets.
pub(super) const fn is_banned(tag: Tag) -> bool {
    matches!(tag.0, 0x0000..=0x0003 | 0x0005 | 0x0007 | 0xffff)
}
