//! Command sets (PS3.7 6.3, 9.3, 10.3, annex E): implicit VR little endian, group 0000 alone.

mod decode;
mod element;
mod encode;
mod fault;
mod make;
#[cfg(test)]
mod tests;

use super::{Field, Status};
use crate::dicom::{AeTitle, Phi, Tag, Uid};

pub use fault::CommandFault;
pub use make::Counters;

/// A decoded command set. Which elements a command must and may have is PS3.7's; what `decode` gives out has all the
/// required ones, and what `encode` writes is for the caller to make whole (the constructors do).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// (0000,0100) what it is.
    pub field: Field,
    /// (0000,0110) of a request: what responses and C-CANCEL refer to.
    pub message_id: Option<u16>,
    /// (0000,0120) of a response or C-CANCEL.
    pub responded_to: Option<u16>,
    /// (0000,0002)
    pub affected_sop_class: Option<Uid>,
    /// (0000,0003)
    pub requested_sop_class: Option<Uid>,
    /// (0000,1000)
    pub affected_sop_instance: Option<Uid>,
    /// (0000,1001)
    pub requested_sop_instance: Option<Uid>,
    /// (0000,0700) of C-STORE, C-FIND, C-GET and C-MOVE requests.
    pub priority: Option<Priority>,
    /// (0000,0800): whether a data set follows.
    pub data_set: bool,
    /// (0000,0900) of a response.
    pub status: Option<Status>,
    /// (0000,0600) of C-MOVE.
    pub move_destination: Option<AeTitle>,
    /// (0000,1030) of a C-STORE that a C-MOVE caused: who asked for it.
    pub move_originator: Option<AeTitle>,
    /// (0000,1031) of a C-STORE that a C-MOVE caused: message id of the C-MOVE.
    pub move_originator_message: Option<u16>,
    /// (0000,1020) to (0000,1023) of C-GET and C-MOVE responses.
    pub counters: Counters,
    /// (0000,1002) of N-EVENT-REPORT.
    pub event_type: Option<u16>,
    /// (0000,1008) of N-ACTION.
    pub action_type: Option<u16>,
    /// (0000,1005) of N-GET; empty: all attributes, or not said.
    pub attributes: Vec<Tag>,
    /// (0000,0901) of a response.
    pub offending: Vec<Tag>,
    /// (0000,0902) of a response, padding taken off. May quote an object, so it does not print.
    pub comment: Option<Phi<Box<[u8]>>>,
    /// (0000,0903) of N-service responses.
    pub error_id: Option<u16>,
}

/// (0000,0700). Note that its values are not in order of urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u16)]
pub enum Priority {
    /// As it comes.
    #[default]
    Medium = 0,
    /// Sooner.
    High = 1,
    /// Later.
    Low = 2,
}

impl Command {
    /// The longest command set that is looked at, in bytes.
    pub const MAX_LENGTH: usize = 64 * 1024;

    /// The longest Error Comment (0000,0902), in characters (LO, PS3.5 6.2).
    pub const MAX_COMMENT: usize = 64;

    /// The SOP class it is about, affected or requested.
    pub fn sop_class(&self) -> Option<&Uid> {
        self.affected_sop_class.as_ref().or(self.requested_sop_class.as_ref())
    }

    /// The SOP instance it is about, affected or requested.
    pub fn sop_instance(&self) -> Option<&Uid> {
        self.affected_sop_instance.as_ref().or(self.requested_sop_instance.as_ref())
    }

    /// A command that says nothing yet but what it is.
    pub(super) fn bare(field: Field) -> Self {
        Self {
            field,
            message_id: None,
            responded_to: None,
            affected_sop_class: None,
            requested_sop_class: None,
            affected_sop_instance: None,
            requested_sop_instance: None,
            priority: None,
            data_set: false,
            status: None,
            move_destination: None,
            move_originator: None,
            move_originator_message: None,
            counters: Counters::default(),
            event_type: None,
            action_type: None,
            attributes: Vec::new(),
            offending: Vec::new(),
            comment: None,
            error_id: None,
        }
    }
}
