//! What a transform has made goes on, as far as the receiver takes it.

use super::super::stage::Fate;
use super::super::wait::Woken;
use super::super::{End, Ending, Relay};
use super::decode::{Away, Decoded, Todo};
use super::{Rewrite, Transform, TransformFault};
use crate::dicom::Tag;
use crate::dicom::dimse::Command;
use crate::dicom::pdu::Abort;
use crate::dicom::transfer_syntax::Encoding;
use crate::proxy::vault::decode::{Came, Unpacking};
use crate::spool::{Next, Spool};
use crate::transform::flow::Piece;
use crate::transform::hide::{Hide, HideFault, HideLimits};
use bytes::Bytes;

/// What was away comes back.
pub(in super::super) type Spooled = Result<Back, TransformFault>;

/// What was away.
#[derive(Debug)]
pub(in super::super) enum Back {
    /// The spool, with what was read of it.
    Spool(Box<Spool>, Option<Bytes>),
    /// What decodes what goes on.
    Decoded(Decoded),
    /// The spool of what is decoded, with what was read of it.
    DecodedSpool(Box<Spool>, Option<Bytes>),
    /// What decodes what came, with what came of it.
    Unpacked(Box<Unpacking>, Came),
}

/// How far it has come.
pub(in super::super) enum Step {
    /// More must come, or it must become known where it goes.
    Idle,
    /// The receiver has more to take before more goes.
    Full,
    /// Some of what is kept has gone; there may be more.
    Went,
    /// What is kept is being written or read: [`Rewrite::back`].
    Wait(Away),
    /// All of it has gone.
    Over,
}

impl Rewrite {
    /// Does what can be done now. `full`: the receiver has not taken what has gone already.
    pub(in super::super) fn drive(
        &mut self,
        full: bool,
        forward: &mut impl FnMut(Bytes),
    ) -> Result<Step, TransformFault> {
        if self.away {
            return Ok(Step::Idle);
        }
        loop {
            if let Some(step) = self.decode_on(full, forward) {
                return Ok(step);
            }
            if self.playing {
                return Ok(match self.play(full, forward) {
                    Some(step) => step,
                    None => continue,
                });
            }
            if self.flow.is_empty()
                && let Some(step) = self.unpack_on(full)?
            {
                return Ok(step);
            }
            if self.cutter.is_none() && !matches!(self.flow.peek(), Some(Piece::Keep(_))) {
                let lost = self.over && !self.compared;
                return if lost { Err(TransformFault::Nowhere) } else { Ok(Step::Idle) };
            }
            match (self.flow.next_piece(), &mut self.cutter) {
                (Some(Piece::Keep(bytes)), _) => {
                    let mut spool = self.spool.take().unwrap_or_else(|| Box::new(self.spools.spool()));
                    spool.push(bytes);
                    if spool.must_write() {
                        self.away = true;
                        return Ok(Step::Wait(Box::pin(async move { Ok(Back::Spool(spool.write().await?, None)) })));
                    }
                    self.spool = Some(spool);
                }
                (Some(Piece::Go(bytes)), Some(cutter)) => match &mut self.behind {
                    Some(behind) => behind.push(&bytes),
                    None => cutter.push(bytes, forward),
                },
                (Some(Piece::Kept), Some(_)) => self.playing = true,
                (None, Some(cutter)) if self.over => {
                    if let Some(behind) = &mut self.behind {
                        let rest = behind.finish(&self.spools)?;
                        cutter.push_some(rest, forward);
                        continue;
                    }
                    cutter.finish(forward);
                    return Ok(Step::Over);
                }
                (None | Some(Piece::Go(_) | Piece::Kept), _) => return Ok(Step::Idle),
            }
        }
    }

    /// What is decoded behind the transform goes; `None`: nothing is, or more must come first.
    fn decode_on(&mut self, full: bool, forward: &mut impl FnMut(Bytes)) -> Option<Step> {
        let (Some(behind), Some(cutter)) = (&mut self.behind, &mut self.cutter) else { return None };
        match behind.next(full) {
            Todo::Nothing => None,
            Todo::Full => Some(Step::Full),
            Todo::Go(bytes) => {
                cutter.push(bytes, forward);
                Some(Step::Went)
            }
            Todo::Wait(away) => {
                self.away = true;
                Some(Step::Wait(away))
            }
            Todo::Over => {
                cutter.finish(forward);
                Some(Step::Over)
            }
        }
    }

    /// The next of what is kept goes; `None`: there is no more.
    fn play(&mut self, full: bool, forward: &mut impl FnMut(Bytes)) -> Option<Step> {
        let (Some(spool), Some(cutter)) = (&mut self.spool, &mut self.cutter) else {
            self.playing = false;
            return None;
        };
        if full {
            return Some(Step::Full);
        }
        match spool.next_part() {
            Next::Here(bytes) => {
                match &mut self.behind {
                    Some(behind) => behind.push(&bytes),
                    None => cutter.push(bytes, forward),
                }
                Some(Step::Went)
            }
            Next::OnDisk => {
                let spool = self.spool.take()?;
                self.away = true;
                Some(Step::Wait(Box::pin(async move {
                    let (spool, bytes) = spool.read().await?;
                    Ok(Back::Spool(spool, Some(bytes)))
                })))
            }
            Next::Empty => {
                self.playing = false;
                None
            }
        }
    }

    /// What was away is back.
    ///
    /// # Errors
    /// What is kept is no longer whole, or an image is not decoded.
    pub(in super::super) fn back(
        &mut self,
        spooled: Spooled,
        forward: &mut impl FnMut(Bytes),
    ) -> Result<(), TransformFault> {
        let back = spooled?;
        self.away = false;
        let came = match (back, &mut self.behind, &mut self.before) {
            (Back::Unpacked(unpacking, came), _, Some(before)) => {
                before.back(unpacking);
                return self.unpacked(came);
            }
            (Back::Spool(spool, read), behind, _) => {
                self.spool = Some(spool);
                let read = read.unwrap_or_default();
                match behind {
                    Some(behind) => {
                        behind.push(&read);
                        Bytes::new()
                    }
                    None => read,
                }
            }
            (Back::Decoded(decoded), Some(behind), _) => behind.back(decoded, &self.spools),
            (Back::DecodedSpool(spool, read), Some(behind), _) => {
                behind.spool_back(spool);
                read.unwrap_or_default()
            }
            (Back::Unpacked(..) | Back::Decoded(_) | Back::DecodedSpool(..), ..) => Bytes::new(),
        };
        if let Some(cutter) = &mut self.cutter {
            cutter.push_some(came, forward);
        }
        Ok(())
    }
}

impl Relay {
    /// What takes these attributes out of an object.
    pub(in super::super) fn hide(&self, encoding: Encoding, tags: &[Tag]) -> Result<Hide, HideFault> {
        let limits = &self.snapshot.settings.limits;
        let held = u32::try_from(limits.hide_held).unwrap_or(u32::MAX);
        Hide::with_limits(encoding, tags, HideLimits { held, depth: self.walk_limits.depth })
    }

    /// The caller's message goes on with this command, its data set changed; what has come of it goes first.
    pub(in super::super) fn rewrite_up(
        &mut self,
        context: u8,
        command: &Command,
        transform: Transform,
    ) -> Result<(), Ending> {
        let mut rewrite = self.rewrite(transform);
        rewrite.begin(context, command, self.called.longest);
        self.start_up(rewrite)
    }

    /// A data set that goes on changed, once it is known whereto.
    pub(in super::super) fn rewrite(&self, transform: Transform) -> Box<Rewrite> {
        Box::new(Rewrite::new(transform, std::sync::Arc::clone(&self.shared.spools)))
    }

    /// The caller's message goes on changed; what has come of it goes first.
    pub(in super::super) fn start_up(&mut self, rewrite: Box<Rewrite>) -> Result<(), Ending> {
        self.hand_out_up();
        self.up.fate = Fate::Rewrite;
        self.up.rewrite = Some(rewrite);
        let lead = self.up.lead.take().unwrap_or_default();
        self.push_up(&lead.into())
    }

    /// More of a data set of the caller's that goes on changed.
    pub(in super::super) fn push_up(&mut self, bytes: &Bytes) -> Result<(), Ending> {
        let Some(rewrite) = &mut self.up.rewrite else { return Ok(()) };
        match rewrite.push(bytes) {
            Ok(()) => {
                self.note_seal();
                self.pump_up()
            }
            Err(fault) => self.rewrite_failed_up(&fault),
        }
    }

    /// All of it has come. Whether all of it has gone.
    pub(in super::super) fn finish_up(&mut self) -> Result<bool, Ending> {
        if let Some(rewrite) = self.up.rewrite.as_mut().filter(|rewrite| !rewrite.is_over()) {
            match rewrite.finish() {
                Ok(()) => {
                    self.note_seal();
                    self.pump_up()?;
                }
                Err(fault) => self.rewrite_failed_up(&fault)?,
            }
        }
        Ok(self.up.rewrite.is_none())
    }

    /// What was made of the caller's data set goes, as far as the called system takes it.
    pub(in super::super) fn pump_up(&mut self) -> Result<(), Ending> {
        self.focus_up();
        loop {
            self.looked(End::Caller);
            if self.up.wait.is_some() {
                return Ok(());
            }
            let full = self.called.leg.has_pending();
            let Self { up, called, .. } = self;
            let Some(rewrite) = &mut up.rewrite else { return Ok(()) };
            match rewrite.drive(full, &mut |bytes| called.forward(bytes)) {
                Ok(Step::Idle | Step::Full) => return Ok(()),
                Ok(Step::Went) => {}
                Ok(Step::Wait(spooling)) => up.wait = Some(Box::pin(async { Woken::Spooled(spooling.await) })),
                Ok(Step::Over) => {
                    self.note_drift(End::Caller);
                    if let Some(rewrite) = self.up.rewrite.take() {
                        self.sealed_has_gone(&rewrite);
                    }
                    return Ok(());
                }
                Err(fault) => return self.rewrite_failed_up(&fault),
            }
        }
    }

    /// What is kept of the caller's data set has been written or read.
    pub(in super::super) fn spooled_up(&mut self, spooled: Spooled) -> Result<(), Ending> {
        let Self { up, called, .. } = self;
        let Some(rewrite) = &mut up.rewrite else { return Ok(()) };
        match rewrite.back(spooled, &mut |bytes| called.forward(bytes)) {
            Ok(()) => self.pump_up(),
            Err(fault) => self.rewrite_failed_up(&fault),
        }
    }

    fn rewrite_failed_up(&mut self, fault: &TransformFault) -> Result<(), Ending> {
        if matches!(self.up.rewrite.as_ref().map(|rewrite| rewrite.transform()), Some(Transform::Seal(_))) {
            return self.sealing_failed(fault);
        }
        match self.up.opening.is_some() {
            true => self.opening_failed(End::Caller, fault),
            false => Err(broken(End::Caller, fault)),
        }
    }

    /// A message of the system in focus goes on with this command, its data set changed; what has come of it goes first.
    pub(in super::super) fn rewrite_down(
        &mut self,
        context: u8,
        command: &Command,
        transform: Transform,
    ) -> Result<(), Ending> {
        let mut rewrite = self.rewrite(transform);
        rewrite.begin(context, command, self.longest);
        self.start_down(rewrite)
    }

    /// A message of the system in focus goes on changed; what has come of it goes first.
    pub(in super::super) fn start_down(&mut self, rewrite: Box<Rewrite>) -> Result<(), Ending> {
        let Self { called, caller, .. } = self;
        called.down.lane.hand_out(&mut |bytes| caller.send(bytes));
        self.called.down.fate = Fate::Rewrite;
        self.called.down.rewrite = Some(rewrite);
        let lead = self.called.down.lead.take().unwrap_or_default();
        self.push_down(&lead.into())
    }

    /// More of a data set of the system in focus that goes on changed.
    pub(in super::super) fn push_down(&mut self, bytes: &Bytes) -> Result<(), Ending> {
        let Some(rewrite) = &mut self.called.down.rewrite else { return Ok(()) };
        match rewrite.push(bytes) {
            Ok(()) => self.pump_down(),
            Err(fault) => self.rewrite_failed_down(&fault),
        }
    }

    /// All of it has come. Whether all of it has gone.
    pub(in super::super) fn finish_down(&mut self) -> Result<bool, Ending> {
        if let Some(rewrite) = self.called.down.rewrite.as_mut().filter(|rewrite| !rewrite.is_over()) {
            match rewrite.finish() {
                Ok(()) => self.pump_down()?,
                Err(fault) => self.rewrite_failed_down(&fault)?,
            }
        }
        Ok(self.called.down.rewrite.is_none())
    }

    /// What was made of the data set of the system in focus goes, as far as the caller takes it.
    pub(in super::super) fn pump_down(&mut self) -> Result<(), Ending> {
        loop {
            self.looked(End::Called);
            if self.called.down.wait.is_some() {
                return Ok(());
            }
            let full = self.caller.has_pending();
            let Self { called, caller, .. } = self;
            let down = &mut called.down;
            let Some(rewrite) = &mut down.rewrite else { return Ok(()) };
            match rewrite.drive(full, &mut |bytes| caller.send(bytes)) {
                Ok(Step::Idle | Step::Full) => return Ok(()),
                Ok(Step::Went) => {}
                Ok(Step::Wait(spooling)) => down.wait = Some(Box::pin(async { Woken::Spooled(spooling.await) })),
                Ok(Step::Over) => {
                    self.note_drift(End::Called);
                    self.called.down.rewrite = None;
                    return Ok(());
                }
                Err(fault) => return self.rewrite_failed_down(&fault),
            }
        }
    }

    /// What is kept of the data set of the system in focus has been written or read.
    pub(in super::super) fn spooled_down(&mut self, spooled: Spooled) -> Result<(), Ending> {
        let Self { called, caller, .. } = self;
        let Some(rewrite) = &mut called.down.rewrite else { return Ok(()) };
        match rewrite.back(spooled, &mut |bytes| caller.send(bytes)) {
            Ok(()) => self.pump_down(),
            Err(fault) => self.rewrite_failed_down(&fault),
        }
    }

    fn rewrite_failed_down(&mut self, fault: &TransformFault) -> Result<(), Ending> {
        match self.called.down.opening.is_some() {
            true => self.opening_failed(End::Called, fault),
            false => Err(broken(End::Called, fault)),
        }
    }
}

fn broken(end: End, fault: &TransformFault) -> Ending {
    Ending::malformed(end, "data set", fault.to_string(), Abort::INVALID_VALUE)
}
