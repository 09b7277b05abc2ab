//! Messages whose data set goes on changed: the command is written anew, then the data set's bytes go through a streaming
//! transform and are cut into fragments again.
//!
//! As with what goes on as it came: no byte leaves before it has been looked at, the last fragment only after all of the
//! data set has; what waits here is less than one PDU of the receiver.

use super::stage::Fate;
use super::{End, Ending, Relay};
use crate::dicom::Tag;
use crate::dicom::dimse::Command;
use crate::dicom::pdu::{Abort, pdata};
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::hide::{Hide, HideFault, HideLimits};
use bytes::{Bytes, BytesMut};

/// What is done to the bytes of a data set.
#[derive(Debug)]
pub(super) enum Transform {
    /// Attributes are taken out.
    Hide(Box<Hide>),
}

impl Transform {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), HideFault> {
        match self {
            Self::Hide(hide) => hide.push(bytes, out),
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), HideFault> {
        match self {
            Self::Hide(hide) => hide.finish(out),
        }
    }
}

/// A data set that goes on changed.
#[derive(Debug)]
pub(super) struct Rewrite {
    context: u8,
    /// The longest payload of a fragment that the receiver takes; even.
    room: usize,
    transform: Transform,
    /// Changed and not gone.
    out: Vec<u8>,
}

impl Rewrite {
    /// For a receiver that takes P-DATA-TFs of at most `longest` bytes; 0: of any length.
    pub(super) fn new(context: u8, longest: u32, transform: Transform) -> Self {
        Self { context, room: room(longest), transform, out: Vec::new() }
    }

    /// Takes the next bytes; what is enough for a fragment goes.
    pub(super) fn push(&mut self, bytes: &[u8], forward: &mut impl FnMut(Bytes)) -> Result<(), HideFault> {
        self.transform.push(bytes, &mut self.out)?;
        // One byte at least stays: only the last fragment may be odd, and only it says that it is the last.
        let whole = self.out.len().saturating_sub(1) / self.room * self.room;
        if whole > 0 {
            let rest = self.out.split_off(whole);
            let fragments = std::mem::replace(&mut self.out, rest);
            for fragment in fragments.chunks(self.room) {
                forward(self.fragment(fragment, false));
            }
        }
        Ok(())
    }

    /// The data set is over: the rest goes, as the last fragment.
    pub(super) fn finish(mut self, forward: &mut impl FnMut(Bytes)) -> Result<(), HideFault> {
        let mut last = Vec::new();
        self.transform.finish(&mut last)?;
        self.out.append(&mut last);
        let out = std::mem::take(&mut self.out);
        let mut fragments = out.chunks(self.room).peekable();
        if fragments.peek().is_none() {
            forward(self.fragment(&[], true));
        }
        while let Some(fragment) = fragments.next() {
            forward(self.fragment(fragment, fragments.peek().is_none()));
        }
        Ok(())
    }

    fn fragment(&self, payload: &[u8], last: bool) -> Bytes {
        let mut pdu = BytesMut::with_capacity(payload.len() + 12);
        // The payload is shorter than what 32 bits count.
        pdu.extend_from_slice(&pdata::header(self.context, false, last, payload.len()).unwrap_or_default());
        pdu.extend_from_slice(payload);
        pdu.freeze()
    }
}

impl Relay {
    /// What takes these attributes out of an object.
    pub(super) fn hide(&self, encoding: Encoding, tags: &[Tag]) -> Result<Hide, HideFault> {
        let limits = &self.snapshot.settings.limits;
        let held = u32::try_from(limits.hide_held).unwrap_or(u32::MAX);
        Hide::with_limits(encoding, tags, HideLimits { held, depth: self.walk_limits.depth })
    }

    /// The caller's message goes on with this command, its data set changed; what has come of it goes first.
    pub(super) fn rewrite_up(&mut self, context: u8, command: &Command, transform: Transform) -> Result<(), Ending> {
        self.hand_out_up();
        let head = pdata::write_message(context, &command.encode(), None, self.called.longest);
        self.called.forward(Bytes::from(head));
        self.up.fate = Fate::Rewrite;
        self.up.rewrite = Some(Box::new(Rewrite::new(context, self.called.longest, transform)));
        let lead = self.up.lead.take().unwrap_or_default();
        self.push_up(&lead)
    }

    /// More of a data set of the caller's that goes on changed.
    pub(super) fn push_up(&mut self, bytes: &[u8]) -> Result<(), Ending> {
        let Self { up, called, .. } = self;
        let Some(rewrite) = &mut up.rewrite else { return Ok(()) };
        rewrite.push(bytes, &mut |bytes| called.forward(bytes)).map_err(|fault| broken(End::Caller, &fault))
    }

    /// All of it has come.
    pub(super) fn finish_up(&mut self) -> Result<(), Ending> {
        let Self { up, called, .. } = self;
        let Some(rewrite) = up.rewrite.take() else { return Ok(()) };
        rewrite.finish(&mut |bytes| called.forward(bytes)).map_err(|fault| broken(End::Caller, &fault))
    }

    /// A message of the system in focus goes on with this command, its data set changed; what has come of it goes first.
    pub(super) fn rewrite_down(&mut self, context: u8, command: &Command, transform: Transform) -> Result<(), Ending> {
        let Self { called, caller, .. } = self;
        called.down.lane.hand_out(&mut |bytes| caller.send(bytes));
        let head = pdata::write_message(context, &command.encode(), None, self.longest);
        self.caller.send(Bytes::from(head));
        self.called.down.fate = Fate::Rewrite;
        self.called.down.rewrite = Some(Box::new(Rewrite::new(context, self.longest, transform)));
        let lead = self.called.down.lead.take().unwrap_or_default();
        self.push_down(&lead)
    }

    /// More of a data set of the system in focus that goes on changed.
    pub(super) fn push_down(&mut self, bytes: &[u8]) -> Result<(), Ending> {
        let Self { called, caller, .. } = self;
        let Some(rewrite) = &mut called.down.rewrite else { return Ok(()) };
        rewrite.push(bytes, &mut |bytes| caller.send(bytes)).map_err(|fault| broken(End::Called, &fault))
    }

    /// All of it has come.
    pub(super) fn finish_down(&mut self) -> Result<(), Ending> {
        let Self { called, caller, .. } = self;
        let Some(rewrite) = called.down.rewrite.take() else { return Ok(()) };
        rewrite.finish(&mut |bytes| caller.send(bytes)).map_err(|fault| broken(End::Called, &fault))
    }
}

/// The longest payload of a fragment, even.
fn room(longest: u32) -> usize {
    let longest = if longest == 0 { pdata::UNLIMITED } else { longest.max(8) };
    usize::try_from(longest).unwrap_or(usize::MAX).saturating_sub(pdata::PDV_HEAD) & !1
}

fn broken(end: End, fault: &HideFault) -> Ending {
    Ending::malformed(end, "data set", fault.to_string(), Abort::INVALID_VALUE)
}

#[cfg(test)]
mod tests;
