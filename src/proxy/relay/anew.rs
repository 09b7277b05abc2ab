//! Messages that go on with another command than they came with: a C-MOVE with a message id of the gateway's, a
//! delivery with the requester's own.

use super::Relay;
use super::direction::Cut;
use super::stage::Fate;
use crate::dicom::dimse::{Command, Field};
use crate::dicom::pdu::{Fragment, pdata};
use bytes::Bytes;

impl Relay {
    /// Whether a request may go on with another command: decided when its command is complete.
    pub(super) fn is_written_anew(&self, command: &Command) -> bool {
        match command.field {
            Field::MoveRq => self.carries(command),
            Field::StoreRq => self.errand.inward().is_some() && command.move_originator_message.is_some(),
            _ => false,
        }
    }

    /// What comes behind a command in the same PDU is kept, as PDVs of their own.
    pub(super) fn keep_of_cut_pdu(&mut self, fragment: &Fragment) {
        let Some(cut) = self.up.cut.as_deref_mut().filter(|cut| cut.in_command) else { return };
        let Cut { rest, open, .. } = cut;
        let begin = *open.get_or_insert_with(|| {
            let begin = rest.len();
            let control = pdata::control_header(false, fragment.last);
            rest.extend_from_slice(&[0, 0, 0, 0, fragment.context, control]);
            begin
        });
        rest.extend_from_slice(&fragment.bytes);
        if fragment.ends {
            *open = None;
            set_length(rest, begin);
        }
    }

    /// The PDU that holds the end of the old command is over: it is dropped, and what else was in it goes by itself.
    pub(super) fn end_of_cut_pdu(&mut self, end: usize) {
        let Self { up, called, .. } = self;
        let Some(cut) = up.cut.as_deref_mut().filter(|cut| cut.in_command) else { return };
        cut.in_command = false;
        up.lane.discard(end, &mut |bytes| called.forward(bytes));
        if matches!(up.fate, Fate::Drop | Fate::Rewrite) {
            return;
        }
        if let Some(command) = cut.command.take() {
            up.lane.keep_own(command);
        }
        if !cut.rest.is_empty() {
            let mut pdu = vec![4, 0];
            pdu.extend_from_slice(&u32::try_from(cut.rest.len()).unwrap_or(u32::MAX).to_be_bytes());
            pdu.append(&mut cut.rest);
            up.lane.keep_own(Bytes::from(pdu));
        }
    }

    /// The message under way goes on with this command, before its data set.
    pub(super) fn go_on_with(&mut self, context: u8, command: &Command) {
        let pdus = Bytes::from(pdata::write_message(context, &command.encode(), None, self.called.longest));
        match self.up.cut.as_deref_mut() {
            Some(cut) if cut.in_command => cut.command = Some(pdus),
            Some(_) => self.up.lane.prepend(pdus),
            None => {}
        }
        self.up.fate = Fate::Forward;
    }

    /// A command without data set that the caller said in other words.
    pub(super) fn say_anew(&mut self, context: u8, command: &Command) {
        // What came before it in the same breath goes before it.
        self.hand_out_up();
        let bytes = Bytes::from(pdata::write_message(context, &command.encode(), None, self.called.longest));
        self.called.forward(bytes);
    }

    /// The message under way, all of which has come and none of which has gone, goes on in other words: with this
    /// command and data set. The permit under which it goes is the last of those under way.
    pub(super) fn say_whole(&mut self, context: u8, command: &Command, data: &[u8]) {
        self.hand_out_up();
        let bytes = Bytes::from(pdata::write_message(context, &command.encode(), Some(data), self.called.longest));
        self.shared.metrics.bytes_in.inc_by(u64::try_from(data.len()).unwrap_or(u64::MAX));
        self.called.forward(bytes);
        self.up.fate = Fate::Drop;
    }
}

/// Writes the length of the PDV that begins there.
fn set_length(rest: &mut [u8], begin: usize) {
    let length = u32::try_from(rest.len().saturating_sub(begin + 4)).unwrap_or(u32::MAX);
    if let Some(place) = rest.get_mut(begin..begin + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}
