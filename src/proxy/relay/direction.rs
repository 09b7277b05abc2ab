//! One direction of an association: what comes from one side for the other.

use super::lane::Lane;
use super::opening::Opening;
use super::refuse::Refused;
use super::rewrite::Rewrite;
use super::stage::{Fate, Stage};
use super::wait::Wait;
use crate::dicom::pdu::Framer;
use bytes::Bytes;

/// One direction.
pub(super) struct Direction {
    pub(super) lane: Lane,
    pub(super) stage: Stage,
    pub(super) fate: Fate,
    /// The next fragment is the first of its PDU.
    pub(super) fresh: bool,
    /// Refused message: what to answer once all of it has been read.
    pub(super) refusal: Option<Box<Refused>>,
    /// The sender has said its last and hung up; nothing is read any more.
    pub(super) over: bool,
    /// What waits to go to the sender of this direction does not go: it is slow to read.
    pub(super) stuck: bool,
    /// What must be known before the message under way goes on; nothing is read meanwhile.
    pub(super) wait: Option<Wait>,
    /// The message under way goes on with another command than it came with.
    pub(super) cut: Option<Box<Cut>>,
    /// What has come of a data set that may go on changed, until that is decided.
    pub(super) lead: Option<Vec<u8>>,
    /// The data set of the message under way goes on changed.
    pub(super) rewrite: Option<Box<Rewrite>>,
    /// The object under way may be sealed.
    pub(super) opening: Option<Box<Opening>>,
}

/// A message whose command is written anew.
#[derive(Debug, Default)]
pub(super) struct Cut {
    /// The PDU under way holds a part of the command that came.
    pub(super) in_command: bool,
    /// Pieces of the data set that came in the same PDU, as PDVs.
    pub(super) rest: Vec<u8>,
    /// Where in `rest` the PDV under way begins.
    pub(super) open: Option<usize>,
    /// The new command as PDUs, decided on before that PDU was over.
    pub(super) command: Option<Bytes>,
}

impl Direction {
    pub(super) fn new(framer: Framer) -> Self {
        Self {
            lane: Lane::new(framer),
            stage: Stage::Between,
            fate: Fate::Hold,
            fresh: true,
            refusal: None,
            over: false,
            stuck: false,
            wait: None,
            cut: None,
            lead: None,
            rewrite: None,
            opening: None,
        }
    }

    /// Keeps what has come of a data set that may go on changed, as long as that is not decided.
    pub(super) fn keep_lead(&mut self, bytes: &[u8]) {
        match &mut self.lead {
            Some(lead) if self.fate == Fate::Hold => lead.extend_from_slice(bytes),
            lead => *lead = None,
        }
    }

    /// Nothing more is read of it until something has become known or gone.
    pub(super) fn is_held(&self) -> bool {
        self.wait.is_some() || self.rewrite.as_ref().is_some_and(|rewrite| rewrite.is_busy())
    }

    /// Neither a message nor a PDU is under way.
    pub(super) fn between(&self) -> bool {
        self.stage.is_between() && !self.lane.mid_pdu() && self.wait.is_none()
    }
}
