//! Bytes to nodes. The walker has checked what it knows about; what it takes for values may still be items.

use super::node::{Fate, Kind, Node, vr_of};
use super::{Record, RecordFault, RecordLimits};
use crate::dicom::Tag;
use crate::dicom::dataset::deflate::Inflater;
use crate::dicom::dataset::stack::{self, Frame, ITEM, ITEM_END, PIXEL_DATA, SEQUENCE_END, is_banned};
use crate::dicom::dataset::walker::header::{self, Raw};
use crate::dicom::dataset::{Length, Vr, WalkFault, WalkLimits, Walker};
use crate::dicom::dimse::{Tolerance, Tolerances};
use crate::dicom::transfer_syntax::Encoding;
use dicom_core::VR;

impl Record {
    /// Reads a whole data set, deflated or not.
    ///
    /// # Errors
    /// It is damaged in a way that is not tolerated, or past a limit.
    pub fn read(
        bytes: impl Into<Vec<u8>>,
        encoding: Encoding,
        tolerances: Tolerances,
        limits: RecordLimits,
    ) -> Result<Self, RecordFault> {
        let bytes: Vec<u8> = bytes.into();
        let too_long = RecordFault::TooLong(limits.bytes);
        if bytes.len() > limits.bytes as usize {
            return Err(too_long);
        }
        let walk = WalkLimits {
            depth: limits.depth,
            elements: limits.elements.into(),
            inflated: limits.bytes.into(),
            ..WalkLimits::default()
        };
        let mut record = Self { edited: false, ..Self::new(encoding) };
        if encoding == Encoding::Deflated {
            record.bytes = inflate(&bytes, walk, tolerances).map_err(|fault| match fault {
                WalkFault::Inflated => too_long,
                fault => fault.into(),
            })?;
            record.stream = Some(bytes);
        } else {
            record.bytes = bytes;
        }
        let mut walker = Walker::new(record.plain(), walk, tolerances);
        walker.push(&record.bytes, &mut ())?;
        walker.finish()?;
        let mut parser = Parser { bytes: &record.bytes, tolerances, limits, nodes: Vec::new() };
        // Elements of answers are seldom shorter.
        parser.nodes.reserve(record.bytes.len() / 20);
        record.end = parser.elements(0, record.bytes.len(), record.plain())?;
        record.nodes = parser.nodes;
        Ok(record)
    }
}

fn inflate(bytes: &[u8], limits: WalkLimits, tolerances: Tolerances) -> Result<Vec<u8>, WalkFault> {
    let mut inflater = Inflater::new();
    let mut plain = Vec::new();
    inflater.push(bytes, &limits, tolerances.has(Tolerance::Trailing), |piece| {
        plain.extend_from_slice(piece);
        Ok::<(), WalkFault>(())
    })?;
    if inflater.ended() { Ok(plain) } else { Err(WalkFault::Truncated) }
}

struct Parser<'a> {
    bytes: &'a [u8],
    tolerances: Tolerances,
    limits: RecordLimits,
    nodes: Vec<Node>,
}

/// Something whose end has not come yet.
struct Open {
    /// The node; none for the bottom.
    node: Option<u32>,
    kind: stack::Kind,
    /// Where it ends if its length is defined.
    end: Option<usize>,
    /// The nearest end around it.
    bound: usize,
    encoding: Encoding,
    /// Only inside guesses, which take nothing that is not in order.
    last: Option<Tag>,
}

impl Parser<'_> {
    /// The elements between two places; where they end (zero bytes may follow).
    fn elements(&mut self, from: usize, until: usize, encoding: Encoding) -> Result<u32, WalkFault> {
        let bottom =
            Open { node: None, kind: stack::Kind::Elements, end: Some(until), bound: until, encoding, last: None };
        self.run(from, bottom, false, 0)
    }

    /// Whether a value is items after all (implicit VR little endian, as inside UN): then they are nodes.
    ///
    /// An archive that does not know an attribute passes a sequence on as UN of defined length, and in implicit VR
    /// a private sequence of defined length looks like any value.
    fn guess(&mut self, node: u32, from: usize, until: usize, depth: u16) -> bool {
        let before = self.nodes.len();
        let encoding = Encoding::ImplicitLe;
        let bottom = Open {
            node: Some(node),
            kind: stack::Kind::Sequence,
            end: Some(until),
            bound: until,
            encoding,
            last: None,
        };
        let items = depth < self.limits.depth && self.run(from, bottom, true, depth).is_ok();
        if !items {
            self.nodes.truncate(before);
        }
        items
    }

    /// Goes through what is between two places, without recursion but for guesses, which are bounded by the depth.
    fn run(&mut self, from: usize, bottom: Open, guess: bool, depth: u16) -> Result<u32, WalkFault> {
        let mut at = from;
        let mut open = vec![bottom];
        loop {
            while let Some(top) = open.last()
                && top.end == Some(at)
            {
                self.close(top.node, at, at);
                open.pop();
                if open.is_empty() {
                    return offset(at);
                }
            }
            let Some(top) = open.last_mut() else { return Err(WalkFault::Truncated) };
            let rest = self.bytes.get(at..top.bound).unwrap_or_default();
            let frame = Frame { kind: top.kind, ..Frame::bottom(top.encoding) };
            let raw = header::read(rest, &frame, self.tolerances)?;
            let bottom = top.node.is_none() && !guess;
            if bottom && (raw.is_none() || rest.starts_with(&[0; 8])) && rest.iter().all(|byte| *byte == 0) {
                // Zero bytes behind the last element.
                return offset(at);
            }
            let raw = raw.ok_or(WalkFault::Truncated)?;
            let (start, value) = (at, at + raw.size);
            let delimiter = if top.kind == stack::Kind::Elements { ITEM_END } else { SEQUENCE_END };
            if raw.tag == delimiter && raw.length == Length::Defined(0) {
                let end = top.end;
                // One at the end of a defined length is tolerated and stays where it is.
                if end.is_some_and(|end| end != value) || bottom {
                    return Err(WalkFault::Misplaced(raw.tag));
                }
                self.close(top.node, start, value);
                open.pop();
                at = value;
                if open.is_empty() {
                    return offset(at);
                }
                continue;
            }
            let end = match raw.length {
                Length::Defined(length) => Some(
                    value
                        .checked_add(length as usize)
                        .filter(|end| *end <= top.bound)
                        .ok_or(WalkFault::Overrun(raw.tag))?,
                ),
                Length::Undefined => None,
            };
            if guess && top.kind == stack::Kind::Elements {
                if Some(raw.tag) <= top.last || is_banned(raw.tag) || raw.tag.group() == 0xfffe {
                    return Err(WalkFault::Order(raw.tag));
                }
                top.last = Some(raw.tag);
            }
            let (parent, encoding, bound) = (top.node, top.encoding, end.unwrap_or(top.bound));
            let sequences = |open: &[Open]| {
                let open = open.iter().filter(|open| open.kind == stack::Kind::Sequence).count();
                u16::try_from(open).unwrap_or(u16::MAX)
            };
            if top.kind == stack::Kind::Sequence {
                if raw.tag != ITEM {
                    return Err(WalkFault::Misplaced(raw.tag));
                }
                let node = self.add(&raw, Kind::Item, encoding, parent, (start, value, end.unwrap_or(value)))?;
                open.push(Open { node: Some(node), kind: stack::Kind::Elements, end, bound, encoding, last: None });
                at = value;
                continue;
            }
            let Some((kind, inner)) = contents(&raw, encoding)? else {
                let end = end.ok_or(WalkFault::UndefinedLength(raw.tag))?;
                let node = self.add(&raw, Kind::Value, encoding, parent, (start, value, end))?;
                let unknown = matches!(raw.vr, None | Some(Vr::UN));
                let items = self.bytes.get(value..end).is_some_and(|value| value.starts_with(&[0xfe, 0xff, 0, 0xe0]));
                // In implicit VR the dictionary knows better; in UN it may only be late.
                let open_question = raw.vr.is_some() || vr_of(raw.tag) == VR::UN;
                if unknown && items && open_question {
                    let depth = depth.saturating_add(sequences(&open));
                    if self.guess(node, value, end, depth)
                        && let Some(node) = self.nodes.get_mut(node as usize)
                    {
                        node.kind = Kind::Sequence;
                        node.inner = Encoding::ImplicitLe;
                    }
                }
                at = end;
                continue;
            };
            if depth.saturating_add(sequences(&open)) >= self.limits.depth {
                return Err(WalkFault::Depth { tag: raw.tag, limit: self.limits.depth });
            }
            if kind == stack::Kind::Fragments {
                let after = self.fragments(value, bound)?;
                self.add(&raw, Kind::Value, encoding, parent, (start, value, after))?;
                at = after;
                continue;
            }
            let node = self.add(&raw, Kind::Sequence, encoding, parent, (start, value, end.unwrap_or(value)))?;
            if let Some(node) = self.nodes.get_mut(node as usize) {
                node.inner = inner;
            }
            open.push(Open { node: Some(node), kind: stack::Kind::Sequence, end, bound, encoding: inner, last: None });
            at = value;
        }
    }

    fn add(
        &mut self,
        raw: &Raw,
        kind: Kind,
        encoding: Encoding,
        parent: Option<u32>,
        (start, value, end): (usize, usize, usize),
    ) -> Result<u32, WalkFault> {
        let place = offset(self.nodes.len())?;
        if place >= self.limits.elements {
            return Err(WalkFault::Elements(self.limits.elements.into()));
        }
        let inner = if raw.vr == Some(Vr::UN) { Encoding::ImplicitLe } else { encoding };
        self.nodes.push(Node {
            tag: raw.tag,
            header_vr: raw.vr,
            kind,
            fate: Fate::Keep,
            encoding,
            inner,
            defined: raw.length != Length::Undefined,
            start: offset(start)?,
            value: offset(value)?,
            end: offset(end)?,
            after: offset(end)?,
            parent,
            next: place + 1,
        });
        Ok(place)
    }

    /// Something ends: at `end`, and behind its delimiter at `after`.
    fn close(&mut self, node: Option<u32>, end: usize, after: usize) {
        let next = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let (Ok(end), Ok(after)) = (offset(end), offset(after)) else { return };
        if let Some(node) = node.and_then(|node| self.nodes.get_mut(node as usize)) {
            (node.end, node.after, node.next) = (end, after, next);
        }
    }

    /// Behind the delimiter of encapsulated pixel data.
    fn fragments(&self, from: usize, bound: usize) -> Result<usize, WalkFault> {
        let mut at = from;
        loop {
            let rest = self.bytes.get(at..bound).unwrap_or_default();
            let frame = Frame { kind: stack::Kind::Fragments, ..Frame::bottom(Encoding::ExplicitLe) };
            let raw = header::read(rest, &frame, self.tolerances)?.ok_or(WalkFault::Truncated)?;
            let Length::Defined(length) = raw.length else { return Err(WalkFault::Misplaced(raw.tag)) };
            at = at.saturating_add(raw.size).saturating_add(length as usize);
            if raw.tag == SEQUENCE_END {
                return Ok(at);
            }
        }
    }
}

/// What an element holds if not a value, as the walker takes it.
fn contents(raw: &Raw, encoding: Encoding) -> Result<Option<(stack::Kind, Encoding)>, WalkFault> {
    let undefined = raw.length == Length::Undefined;
    match raw.vr {
        Some(Vr::SQ) => Ok(Some((stack::Kind::Sequence, encoding))),
        Some(_) if !undefined => Ok(None),
        Some(Vr::UN) => Ok(Some((stack::Kind::Sequence, Encoding::ImplicitLe))),
        Some(Vr::OB | Vr::OW) if raw.tag == PIXEL_DATA => Ok(Some((stack::Kind::Fragments, encoding))),
        Some(_) => Err(WalkFault::UndefinedLength(raw.tag)),
        None if undefined => Ok(Some((stack::Kind::Sequence, encoding))),
        None => {
            // Looked up only where it can make a difference: nothing without items is read as a sequence.
            let length = if let Length::Defined(length) = raw.length { length } else { 0 };
            let sequence = length >= 8 && vr_of(raw.tag) == VR::SQ;
            Ok(sequence.then_some((stack::Kind::Sequence, encoding)))
        }
    }
}

fn offset(at: usize) -> Result<u32, WalkFault> {
    u32::try_from(at).map_err(|_| WalkFault::Inflated)
}
