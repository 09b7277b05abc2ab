//! What somebody who was refused is told.

use crate::audit::Incident;
use crate::audit::event::Cause;

/// A refusal, recorded where that was possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "somebody waits for an answer"]
pub struct Refusal {
    /// The record's incident id; `None`: it could not be recorded. It is refused all the same.
    pub incident: Option<Incident>,
    /// Why, in one word; for metrics, never for the wire.
    pub cause: Cause,
    /// It is one of so many that it was counted instead of recorded by itself; it wants no log line either.
    pub summed: bool,
}

impl Refusal {
    /// What the other side reads, at most 64 characters (Error Comment, PS3.7 C.4.2): it says nothing about why.
    pub fn comment(&self) -> String {
        match self.incident {
            Some(incident) => format!("denied, incident {incident}"),
            None => "denied".to_owned(),
        }
    }
}
