//! What an association is for, seen from the gateway.

use crate::dicom::AeTitle;
use std::sync::Arc;

/// What an association is for.
#[derive(Debug, Clone)]
pub enum Errand {
    /// A peer asks systems behind the gateway.
    Outward,
    /// An archive sends to a destination.
    Inward(Box<Inward>),
}

/// An archive's own association.
#[derive(Debug, Clone)]
pub struct Inward {
    /// The archive, by its `ae_title`.
    pub archive: AeTitle,
    /// The title that it called with.
    pub calling: AeTitle,
    /// The title that it called: where it was told to send.
    pub told: AeTitle,
    /// Whom the title reaches, as rules and records name it; `None` where nobody was dialled.
    pub destination: Option<Arc<str>>,
}

impl Errand {
    /// The archive's own association, if it is one.
    pub fn inward(&self) -> Option<&Inward> {
        match self {
            Self::Outward => None,
            Self::Inward(inward) => Some(inward),
        }
    }
}
