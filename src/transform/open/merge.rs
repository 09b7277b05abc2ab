//! Two readings of one sequence become one again: what stayed in clear, as the archive sends it now, and what was sealed of
//! it, item by item at the same place.
//!
//! An item that the archive added stays, without what would have been sealed of it. One that it took away cannot be told from others that moved: if something
//! was sealed of what is beyond the last one, nothing is guessed. Group lengths are left out.

use crate::dicom::Tag;
use crate::dicom::dataset::{Length, Raw, Vr, WalkFault};
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::head::{ITEM, ITEM_END, SEQUENCE_END, put_header};
use crate::transform::recode::Recode;
use crate::transform::scan::{Holds, Part, Scanner};
use crate::vault::family::Family;
use std::collections::{BTreeMap, VecDeque};

/// Why two readings do not become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MergeFault {
    /// One of them is damaged.
    Walk(WalkFault),
    /// Items of this sequence are gone.
    Items(Tag),
}

impl From<WalkFault> for MergeFault {
    fn from(fault: WalkFault) -> Self {
        Self::Walk(fault)
    }
}

/// What was found on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Merged {
    /// Somewhere there are other items than when it was sealed.
    pub(super) moved: bool,
    /// So many elements were left out that only the archive can have put there.
    pub(super) added: u32,
}

/// One whole sequence in clear of which nothing was sealed, without what only the archive can have put into it; `None`:
/// there is nothing of that.
pub(super) fn stripped(clear: &[u8], encoding: Encoding, depth: u16) -> Result<Option<Vec<u8>>, WalkFault> {
    let (mut merged, mut rest, mut out) = (Merged::default(), clear, Vec::with_capacity(clear.len()));
    let Some(one) = Element::next(&mut rest, encoding)? else { return Ok(None) };
    merged.strip(&one, encoding, depth, &mut out)?;
    Ok((merged.added > 0).then_some(out))
}

/// Appends one sequence out of two, both whole elements in this encoding.
pub(super) fn sequences(
    clear: &[u8],
    sealed: &[u8],
    encoding: Encoding,
    depth: u16,
    out: &mut Vec<u8>,
) -> Result<Merged, MergeFault> {
    let mut merged = Merged::default();
    let (mut one, mut other) = (clear, sealed);
    match (Element::next(&mut one, encoding)?, Element::next(&mut other, encoding)?) {
        (Some(clear), Some(sealed)) => merged.element(&clear, &sealed, encoding, depth, out)?,
        _ => return Err(WalkFault::Truncated.into()),
    }
    Ok(merged)
}

/// An element of a data set in memory.
#[derive(Debug, Clone, Copy)]
struct Element<'a> {
    raw: Raw,
    holds: Holds,
    /// All of it.
    bytes: &'a [u8],
    /// Value, items or fragments, without a delimiter.
    content: &'a [u8],
}

impl<'a> Element<'a> {
    /// Takes one off the front; `None` at the end, and before the delimiter of the item that holds it.
    fn next(rest: &mut &'a [u8], encoding: Encoding) -> Result<Option<Self>, WalkFault> {
        let ends = Raw::item(rest, encoding).is_none_or(|raw| raw.tag == ITEM_END);
        if ends {
            return if rest.is_empty() || rest.len() >= 8 { Ok(None) } else { Err(WalkFault::Truncated) };
        }
        // Deeper than this nothing is merged; what is nested is passed over.
        let (mut scanner, mut input) = (Scanner::new(encoding, u16::MAX), *rest);
        let (mut first, mut delimiter) = (None, 0);
        loop {
            let Some(part) = scanner.next(&mut input)? else { return Err(WalkFault::Truncated) };
            let over = match part {
                Part::Element(head, holds) => {
                    first = first.or(Some((head.raw, holds)));
                    false
                }
                Part::Bytes(_, last) => last,
                Part::End(head) => {
                    delimiter = head.map_or(0, |head| head.raw.size);
                    true
                }
                Part::Zeros(_) => return Err(WalkFault::Trailing),
                Part::Item(_) | Part::Fragment(_) | Part::Stray(_) => false,
            };
            if over && scanner.open() == 0 {
                break;
            }
        }
        let (Some((raw, holds)), Ok(length)) = (first, usize::try_from(scanner.position())) else {
            return Err(WalkFault::Truncated);
        };
        let (bytes, behind) = rest.split_at_checked(length).ok_or(WalkFault::Truncated)?;
        let content = bytes.get(raw.size..length.saturating_sub(delimiter)).ok_or(WalkFault::Truncated)?;
        *rest = behind;
        Ok(Some(Self { raw, holds, bytes, content }))
    }

    /// The same with other items.
    fn put_with(&self, items: &[u8], encoding: Encoding, out: &mut Vec<u8>) {
        let Raw { tag, vr, length, .. } = self.raw;
        if length == Length::Undefined {
            put_header(out, encoding, tag, vr, u32::MAX);
            out.extend_from_slice(items);
            put_header(out, encoding, SEQUENCE_END, None, 0);
        } else {
            put_header(out, encoding, tag, vr, u32::try_from(items.len()).unwrap_or(u32::MAX));
            out.extend_from_slice(items);
        }
    }

    /// How its items are written; `None`: it has none.
    fn items(&self, encoding: Encoding) -> Option<Encoding> {
        let unknown = matches!(self.raw.vr, None | Some(Vr::UN));
        match self.holds {
            Holds::Items if unknown => Some(Encoding::ImplicitLe),
            Holds::Items => Some(encoding),
            // An archive that does not know a sequence may send it as UN of defined length.
            Holds::Value if unknown => {
                let items = self.content.is_empty() || self.content.starts_with(&[0xfe, 0xff, 0x00, 0xe0]);
                items.then_some(Encoding::ImplicitLe)
            }
            Holds::Value | Holds::Fragments => None,
        }
    }
}

/// An item in memory.
#[derive(Debug, Clone, Copy)]
struct Item<'a> {
    defined: bool,
    bytes: &'a [u8],
    content: &'a [u8],
}

impl<'a> Item<'a> {
    /// The same with other elements.
    fn put_with(&self, content: &[u8], encoding: Encoding, out: &mut Vec<u8>) {
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        put_header(out, encoding, ITEM, None, if self.defined { length } else { u32::MAX });
        out.extend_from_slice(content);
        if !self.defined {
            put_header(out, encoding, ITEM_END, None, 0);
        }
    }

    /// Takes one off the front of what is in a sequence.
    fn next(rest: &mut &'a [u8], encoding: Encoding) -> Result<Option<Self>, WalkFault> {
        if rest.is_empty() {
            return Ok(None);
        }
        let raw = Raw::item(rest, encoding).ok_or(WalkFault::Truncated)?;
        match (raw.tag, raw.length) {
            // A delimiter that the sequence's length counts in.
            (SEQUENCE_END, _) => Ok(None),
            (ITEM, length) => {
                let inside = rest.get(raw.size..).unwrap_or_default();
                let (content, delimiter) = match length {
                    Length::Defined(length) => (length as usize, 0),
                    Length::Undefined => {
                        let mut behind = inside;
                        while Element::next(&mut behind, encoding)?.is_some() {}
                        (inside.len() - behind.len(), 8)
                    }
                };
                let all = raw.size + content + delimiter;
                let (bytes, behind) = rest.split_at_checked(all).ok_or(WalkFault::Truncated)?;
                *rest = behind;
                let content = inside.get(..content).unwrap_or_default();
                Ok(Some(Self { defined: delimiter == 0, bytes, content }))
            }
            (tag, _) => Err(WalkFault::Misplaced(tag)),
        }
    }
}

impl Merged {
    fn element(
        &mut self,
        clear: &Element<'_>,
        sealed: &Element<'_>,
        encoding: Encoding,
        depth: u16,
        out: &mut Vec<u8>,
    ) -> Result<(), MergeFault> {
        let tag = clear.raw.tag;
        let (Some(inside), Some(theirs)) = (clear.items(encoding), sealed.items(encoding)) else {
            out.extend_from_slice(sealed.bytes);
            return Ok(());
        };
        let depth = depth.checked_sub(1).ok_or(WalkFault::Depth { tag, limit: 0 })?;
        let turned;
        let mut content = sealed.content;
        if inside != theirs {
            turned = recoded(sealed, theirs, inside)?;
            content = Element::next(&mut turned.as_slice(), inside)?.ok_or(WalkFault::Truncated)?.content;
        }
        let mut items = Vec::new();
        self.items(tag, clear.content, content, inside, depth, &mut items)?;
        clear.put_with(&items, encoding, out);
        Ok(())
    }

    /// An element in clear of which nothing was sealed. It stays as it is, but for elements inside it that are always sealed:
    /// those were added. Sequences that sealing does not look into are not looked into here.
    fn strip(&mut self, one: &Element<'_>, encoding: Encoding, depth: u16, out: &mut Vec<u8>) -> Result<(), WalkFault> {
        let tag = one.raw.tag;
        let inside = one.items(encoding).filter(|_| Family::is_looked_into(tag));
        let (Some(inside), Some(depth)) = (inside, depth.checked_sub(1)) else {
            out.extend_from_slice(one.bytes);
            return Ok(());
        };
        let before = self.added;
        let (mut rest, mut items) = (one.content, Vec::new());
        while let Some(item) = Item::next(&mut rest, inside)? {
            self.strip_item(&item, inside, depth, &mut items)?;
        }
        if self.added == before {
            out.extend_from_slice(one.bytes);
        } else {
            one.put_with(&items, encoding, out);
        }
        Ok(())
    }

    /// An item of which nothing was sealed.
    fn strip_item(
        &mut self,
        item: &Item<'_>,
        encoding: Encoding,
        depth: u16,
        out: &mut Vec<u8>,
    ) -> Result<(), WalkFault> {
        let before = self.added;
        let (mut rest, mut content) = (item.content, Vec::with_capacity(item.content.len()));
        while let Some(one) = Element::next(&mut rest, encoding)? {
            if Family::is_always_sealed(one.raw.tag, true) {
                self.added += 1;
            } else {
                self.strip(&one, encoding, depth, &mut content)?;
            }
        }
        if self.added == before {
            out.extend_from_slice(item.bytes);
        } else {
            item.put_with(&content, encoding, out);
        }
        Ok(())
    }

    fn items(
        &mut self,
        tag: Tag,
        mut clear: &[u8],
        mut sealed: &[u8],
        encoding: Encoding,
        depth: u16,
        out: &mut Vec<u8>,
    ) -> Result<(), MergeFault> {
        loop {
            match (Item::next(&mut clear, encoding)?, Item::next(&mut sealed, encoding)?) {
                (Some(clear), Some(sealed)) if sealed.content.is_empty() => {
                    self.strip_item(&clear, encoding, depth, out)?;
                }
                (Some(clear), Some(sealed)) => {
                    let mut content = Vec::with_capacity(clear.content.len() + sealed.content.len());
                    self.elements(clear.content, sealed.content, encoding, depth, &mut content)?;
                    clear.put_with(&content, encoding, out);
                }
                (Some(clear), None) => {
                    self.moved = true;
                    self.strip_item(&clear, encoding, depth, out)?;
                }
                (None, Some(sealed)) if sealed.content.is_empty() => self.moved = true,
                (None, Some(_)) => return Err(MergeFault::Items(tag)),
                (None, None) => return Ok(()),
            }
        }
    }

    fn elements(
        &mut self,
        mut clear: &[u8],
        mut sealed: &[u8],
        encoding: Encoding,
        depth: u16,
        out: &mut Vec<u8>,
    ) -> Result<(), MergeFault> {
        // By tag: neither needs to be in order (tolerance `order`). Of one tag, in the order in which they came.
        let mut theirs: BTreeMap<Tag, VecDeque<Element<'_>>> = BTreeMap::new();
        while let Some(other) = Element::next(&mut sealed, encoding)? {
            if other.raw.tag.element() != 0 {
                theirs.entry(other.raw.tag).or_default().push_back(other);
            }
        }
        let mut twins = BTreeMap::new();
        let mut ahead = clear;
        while let Some(one) = Element::next(&mut ahead, encoding)? {
            if let Some(others) = theirs.remove(&one.raw.tag) {
                twins.insert(one.raw.tag, others);
            }
        }
        while let Some(one) = Element::next(&mut clear, encoding)? {
            if one.raw.tag.element() == 0 {
                continue;
            }
            while let Some(alone) = theirs.first_entry().filter(|alone| *alone.key() < one.raw.tag) {
                alone.remove().iter().for_each(|other| out.extend_from_slice(other.bytes));
            }
            match twins.get_mut(&one.raw.tag).and_then(VecDeque::pop_front) {
                Some(other) => self.element(&one, &other, encoding, depth, out)?,
                None if Family::is_always_sealed(one.raw.tag, true) => self.added += 1,
                None => self.strip(&one, encoding, depth, out)?,
            }
        }
        // What was there more often before comes last, with what stands behind everything.
        theirs.append(&mut twins);
        theirs.values().flatten().for_each(|other| out.extend_from_slice(other.bytes));
        Ok(())
    }
}

/// A sequence with its items in another encoding.
fn recoded(element: &Element<'_>, from: Encoding, to: Encoding) -> Result<Vec<u8>, WalkFault> {
    let mut whole = Vec::with_capacity(element.content.len() + 12);
    let vr = (from != Encoding::ImplicitLe).then_some(Vr::SQ);
    // A tag that the dictionary knows as a sequence, so that it is one in implicit VR too.
    put_header(&mut whole, from, AROUND, vr, u32::try_from(element.content.len()).unwrap_or(u32::MAX));
    whole.extend_from_slice(element.content);
    let (mut recode, mut out) = (Recode::new(from, to), Vec::new());
    let fault = |_| WalkFault::Misplaced(element.raw.tag);
    recode.push(&whole, &mut out).map_err(fault)?;
    recode.finish(&mut out).map_err(fault)?;
    Ok(out)
}

/// Referenced Image Sequence.
const AROUND: Tag = Tag(0x0008, 0x1140);
