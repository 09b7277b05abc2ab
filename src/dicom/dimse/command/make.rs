//! The commands that the gateway, its tests and its demo say themselves.

use super::{Command, Priority};
use crate::dicom::dimse::{Field, Status, StatusKind};
use crate::dicom::{AeTitle, Phi, Uid};

/// Sub-operations of a C-GET or C-MOVE (PS3.7 9.1.3, 9.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// (0000,1020) still to do; only in pending and cancelled responses.
    pub remaining: Option<u16>,
    /// (0000,1021) done.
    pub completed: Option<u16>,
    /// (0000,1022) failed.
    pub failed: Option<u16>,
    /// (0000,1023) done with a warning.
    pub warning: Option<u16>,
}

impl Counters {
    /// Nothing was begun: what a refused C-GET or C-MOVE reports.
    pub const NONE_BEGUN: Self = Self { remaining: None, completed: Some(0), failed: Some(0), warning: Some(0) };
}

impl Command {
    /// C-ECHO-RQ on the Verification SOP class (PS3.7 9.3.5.1).
    pub fn echo_rq(message_id: u16, sop_class: &Uid) -> Self {
        Self::request(Field::EchoRq, message_id, sop_class, None, false)
    }

    /// C-STORE-RQ (9.3.1.1).
    pub fn store_rq(message_id: u16, sop_class: &Uid, sop_instance: &Uid) -> Self {
        let command = Self::request(Field::StoreRq, message_id, sop_class, Some(Priority::Medium), true);
        Self { affected_sop_instance: Some(*sop_instance), ..command }
    }

    /// This C-STORE-RQ as a sub-operation of a C-MOVE: who asked for it, in which message.
    #[must_use]
    pub fn moved_for(self, originator: AeTitle, message_id: u16) -> Self {
        Self { move_originator: Some(originator), move_originator_message: Some(message_id), ..self }
    }

    /// C-FIND-RQ (9.3.2.1).
    pub fn find_rq(message_id: u16, sop_class: &Uid) -> Self {
        Self::request(Field::FindRq, message_id, sop_class, Some(Priority::Medium), true)
    }

    /// C-GET-RQ (9.3.3.1).
    pub fn get_rq(message_id: u16, sop_class: &Uid) -> Self {
        Self::request(Field::GetRq, message_id, sop_class, Some(Priority::Medium), true)
    }

    /// C-MOVE-RQ (9.3.4.1).
    pub fn move_rq(message_id: u16, sop_class: &Uid, destination: AeTitle) -> Self {
        let command = Self::request(Field::MoveRq, message_id, sop_class, Some(Priority::Medium), true);
        Self { move_destination: Some(destination), ..command }
    }

    /// C-CANCEL-RQ for a C-FIND, C-GET or C-MOVE (9.3.2.3).
    pub fn cancel_rq(message_id: u16) -> Self {
        Self { responded_to: Some(message_id), ..Self::bare(Field::CancelRq) }
    }

    /// An N-service request; the caller sets what else it needs.
    pub fn n_request(field: Field, message_id: u16, sop_class: &Uid, sop_instance: &Uid, data_set: bool) -> Self {
        let mut command = Self { message_id: Some(message_id), data_set, ..Self::bare(field) };
        if matches!(field, Field::EventReportRq | Field::CreateRq) {
            command.affected_sop_class = Some(*sop_class);
            command.affected_sop_instance = Some(*sop_instance);
        } else {
            command.requested_sop_class = Some(*sop_class);
            command.requested_sop_instance = Some(*sop_instance);
        }
        command
    }

    /// The response to this request: its message id responded to, class and instance echoed, no data set. `None` if
    /// this is no request.
    pub fn response(&self, status: Status) -> Option<Self> {
        let mut response = Self::bare(self.field.response()?);
        response.responded_to = self.message_id;
        response.status = Some(status);
        response.affected_sop_class = self.sop_class().copied();
        response.affected_sop_instance = self.sop_instance().copied();
        response.event_type = self.event_type;
        response.action_type = self.action_type;
        Some(response)
    }

    /// A response by which the gateway itself says no. The comment is cut to what (0000,0902) holds; characters
    /// outside printable ASCII and backslashes become `?`. A C-GET or C-MOVE reports that nothing was begun. `None`
    /// if this is no request.
    pub fn refusal(&self, status: Status, comment: &str) -> Option<Self> {
        let mut response = self.response(status)?;
        if matches!(self.field, Field::GetRq | Field::MoveRq) && status.kind() != StatusKind::Pending {
            response.counters = Counters::NONE_BEGUN;
        }
        Some(response.with_comment(comment))
    }

    /// With an Error Comment, cut to 64 characters; what is not printable ASCII, and backslashes, become `?`.
    #[must_use]
    pub fn with_comment(self, comment: &str) -> Self {
        let printable = |c: char| if c.is_ascii_graphic() && c != '\\' || c == ' ' { c as u8 } else { b'?' };
        let text: Box<[u8]> = comment.trim_end().chars().take(Self::MAX_COMMENT).map(printable).collect();
        Self { comment: (!text.is_empty()).then(|| Phi::new(text)), ..self }
    }

    /// With sub-operation counters.
    #[must_use]
    pub fn with_counters(self, counters: Counters) -> Self {
        Self { counters, ..self }
    }

    /// With a data set to follow.
    #[must_use]
    pub fn with_data_set(self) -> Self {
        Self { data_set: true, ..self }
    }

    fn request(field: Field, message_id: u16, sop_class: &Uid, priority: Option<Priority>, data_set: bool) -> Self {
        let message_id = Some(message_id);
        Self { message_id, affected_sop_class: Some(*sop_class), priority, data_set, ..Self::bare(field) }
    }
}
