//! The accepted presentation contexts of an association, found by id.

use super::answer::settled;
use super::{Extra, Roles};
use crate::dicom::pdu::{AssociateAc, AssociateRq};
use crate::dicom::uid::Uid;

/// An accepted presentation context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context<'a> {
    /// SOP class.
    pub abstract_syntax: &'a Uid,
    /// Encoding of data sets.
    pub transfer_syntax: &'a Uid,
    /// What the association's requestor may be.
    pub roles: Roles,
}

/// Accepted contexts by id: two indexed reads each. An idle association keeps 128 bytes of index, five a context, and
/// each UID once.
#[derive(Clone)]
pub struct Contexts {
    /// By half the id: one more than the place in `entries`; 0 = not accepted.
    index: [u8; 128],
    entries: Box<[Entry]>,
    known: Box<Known>,
}

/// What contexts are made of.
#[derive(Clone, Default)]
struct Known {
    /// Abstract and transfer syntaxes, at most 128 of each.
    uids: Box<[Uid]>,
    /// What called systems know otherwise; mostly nothing.
    beside: Option<Beside>,
}

/// Where the contexts of called systems are not those of the caller.
#[derive(Clone, Default)]
struct Beside {
    extras: Vec<Extra>,
    /// Accepted towards the caller, and by no called system.
    callers_alone: Vec<u8>,
    /// Legs whose contexts are extras only, and those that have ended.
    further: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Entry {
    id: u8,
    abstract_syntax: u8,
    transfer_syntax: u8,
    roles: Roles,
}

impl Contexts {
    /// What was negotiated by a request and the answer to it. Answers to ids that were not proposed are no contexts.
    pub fn negotiated(rq: &AssociateRq, ac: &AssociateAc) -> Self {
        let mut contexts = Self::default();
        let (mut entries, mut uids) = (Vec::new(), Vec::new());
        for proposed in &rq.contexts {
            let answered = ac.contexts.iter().find(|answered| answered.id == proposed.id && answered.result.accepted());
            let entry = answered.and_then(|answered| answered.transfer_syntax).and_then(|transfer_syntax| {
                Some(Entry {
                    id: proposed.id,
                    abstract_syntax: place(&mut uids, proposed.abstract_syntax)?,
                    transfer_syntax: place(&mut uids, transfer_syntax)?,
                    roles: settled(&rq.user, &ac.user, &proposed.abstract_syntax),
                })
            });
            let slot = contexts.index.get_mut(usize::from(proposed.id / 2));
            if let (Some(entry), Some(slot @ 0)) = (entry, slot) {
                entries.push(entry);
                *slot = u8::try_from(entries.len()).unwrap_or(0);
            }
        }
        contexts.entries = entries.into();
        contexts.known.uids = uids.into();
        contexts
    }

    /// The context with this id, if it was accepted.
    #[inline]
    pub fn get(&self, id: u8) -> Option<Context<'_>> {
        let place = self.index.get(usize::from(id / 2))?.checked_sub(1)?;
        let entry = self.entries.get(usize::from(place)).filter(|entry| entry.id == id)?;
        self.context(entry)
    }

    /// These contexts, and what called systems accepted beside them. `callers_alone`: ids that no called system knows;
    /// `further`: legs all of whose contexts are extras.
    #[must_use]
    pub fn beside(mut self, extras: Vec<Extra>, callers_alone: Vec<u8>, further: Vec<u8>) -> Self {
        let nothing = extras.is_empty() && callers_alone.is_empty() && further.is_empty();
        self.known.beside = (!nothing).then_some(Beside { extras, callers_alone, further });
        self
    }

    /// The context with this id as the called system with this number knows it: an extra, or the caller's own.
    #[inline]
    pub fn called(&self, leg: u8, id: u8) -> Option<Context<'_>> {
        let Some(beside) = &self.known.beside else { return self.get(id) };
        if let Some(extra) = beside.extras.iter().find(|extra| extra.leg == leg && extra.id == id) {
            return Some(extra.context());
        }
        let unknown = beside.further.contains(&leg) || beside.callers_alone.contains(&id);
        if unknown { None } else { self.get(id) }
    }

    /// One more association with a called system has come, which accepted these: all of its contexts are extras.
    pub fn add_further(&mut self, leg: u8, extras: Vec<Extra>) {
        let beside = self.known.beside.get_or_insert_with(Beside::default);
        beside.extras.extend(extras);
        beside.further.push(leg);
    }

    /// A leg has ended: none of its contexts is left.
    pub fn forget(&mut self, leg: u8) {
        let beside = self.known.beside.get_or_insert_with(Beside::default);
        beside.extras.retain(|extra| extra.leg != leg);
        if !beside.further.contains(&leg) {
            beside.further.push(leg);
        }
    }

    /// Extras of a SOP class, on any leg.
    pub fn extras(&self, class: &Uid) -> impl Iterator<Item = &Extra> {
        let all = self.known.beside.as_ref().map_or(&[][..], |beside| &beside.extras);
        all.iter().filter(move |extra| extra.abstract_syntax == *class)
    }

    /// Whether a leg is a second association with a system, for extras only.
    pub fn is_further(&self, leg: u8) -> bool {
        self.known.beside.as_ref().is_some_and(|beside| beside.further.contains(&leg))
    }

    /// How many were accepted.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none was accepted.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All, in the requestor's order.
    pub fn iter(&self) -> impl Iterator<Item = (u8, Context<'_>)> {
        self.entries.iter().filter_map(|entry| Some((entry.id, self.context(entry)?)))
    }

    fn context(&self, entry: &Entry) -> Option<Context<'_>> {
        Some(Context {
            abstract_syntax: self.known.uids.get(usize::from(entry.abstract_syntax))?,
            transfer_syntax: self.known.uids.get(usize::from(entry.transfer_syntax))?,
            roles: entry.roles,
        })
    }
}

/// Where a UID stands in the table; puts it there if it is new. `None` beyond 256, which 128 contexts cannot reach.
fn place(uids: &mut Vec<Uid>, uid: Uid) -> Option<u8> {
    let found = uids.iter().position(|other| *other == uid);
    let place = u8::try_from(found.unwrap_or(uids.len())).ok()?;
    if found.is_none() {
        uids.push(uid);
    }
    Some(place)
}

impl Default for Contexts {
    /// No context.
    fn default() -> Self {
        Self { index: [0; 128], entries: Box::default(), known: Box::default() }
    }
}

impl std::fmt::Debug for Contexts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
