//! The accepted presentation contexts of an association, found by id.

use super::Roles;
use super::answer::settled;
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
    /// Abstract and transfer syntaxes, at most 128 of each.
    uids: Box<[Uid]>,
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
        contexts.uids = uids.into();
        contexts
    }

    /// The context with this id, if it was accepted.
    #[inline]
    pub fn get(&self, id: u8) -> Option<Context<'_>> {
        let place = self.index.get(usize::from(id / 2))?.checked_sub(1)?;
        let entry = self.entries.get(usize::from(place)).filter(|entry| entry.id == id)?;
        self.context(entry)
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
            abstract_syntax: self.uids.get(usize::from(entry.abstract_syntax))?,
            transfer_syntax: self.uids.get(usize::from(entry.transfer_syntax))?,
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
        Self { index: [0; 128], entries: Box::default(), uids: Box::default() }
    }
}

impl std::fmt::Debug for Contexts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
