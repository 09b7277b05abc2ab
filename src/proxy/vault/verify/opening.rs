//! Opens what comes, and keeps nothing of it.

use super::{Place, ReadBack, Verified, VerifyFault};
use crate::dicom::Uid;
use crate::dicom::dimse::{Command, Status};
use crate::dicom::transfer_syntax::{Encoding, encoding_of};
use crate::proxy::vault::decode::{Came, Unpacking};
use crate::scu::{Accepted, Receiver, Work};
use crate::transform::flow::{Flow, Piece};
use crate::transform::open::{As, Finished, Found, Inner, Open, OpenOptions, OpenOrder};
use crate::transform::same::Same;

/// Opens what comes, and keeps nothing of it.
pub struct Opening {
    how: ReadBack,
    place: Place,
    open: Option<Open>,
    /// It came compressed, and may have to be decoded first.
    unpacking: Option<Box<Unpacking>>,
    /// It came compressed, and opens once it is decoded.
    pub unpacked: bool,
    flow: Flow,
    inner: Option<Inner>,
    same: Option<Same>,
    /// What became of the last object that came.
    pub outcome: Option<Result<Verified, VerifyFault>>,
}

impl Opening {
    /// For this instance.
    pub fn new(how: ReadBack, place: Place) -> Self {
        let (open, unpacking, flow, inner, same) = (None, None, Flow::default(), None, None);
        Self { how, place, open, unpacking, unpacked: false, flow, inner, same, outcome: None }
    }

    /// Decides as soon as it is known what it is.
    fn decide(&mut self) -> Result<(), VerifyFault> {
        let Some(open) = &mut self.open else { return Ok(()) };
        match open.found() {
            _ if self.inner.is_some() => Ok(()),
            None => Ok(()),
            Some(Found::Plain) => Err(VerifyFault::Plain),
            Some(Found::Sealed(inner)) => {
                self.inner = Some((**inner).clone());
                self.same = same(&self.how, &inner.transfer_syntax);
                Ok(open.deliver(As::Own)?)
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), VerifyFault> {
        let Some(open) = &mut self.open else { return Ok(()) };
        open.push(bytes, &mut self.flow)?;
        self.look();
        self.decide()
    }

    /// What is opened is looked at if that is wanted, and kept nowhere.
    fn look(&mut self) {
        while let Some(piece) = self.flow.next_piece() {
            if let (Piece::Go(bytes) | Piece::Keep(bytes), Some(same)) = (piece, &mut self.same)
                && same.push(&bytes).is_err()
            {
                self.same = None;
            }
        }
    }

    fn came(&mut self, came: Came) -> Result<(), VerifyFault> {
        match came {
            Came::Nothing => Ok(()),
            Came::Decoded(bytes) => {
                self.unpacked = true;
                self.push(&bytes)
            }
            Came::Plain(bytes) => {
                self.unpacking = None;
                self.push(&bytes)
            }
            Came::Unknown(_, fault) => Err(fault.into()),
        }
    }

    fn failed(&mut self, fault: VerifyFault) {
        (self.open, self.unpacking, self.outcome) = (None, None, Some(Err(fault)));
    }

    fn finish(&mut self) -> Result<Verified, VerifyFault> {
        if let Some(mut unpacking) = self.unpacking.take() {
            let came = unpacking.finish()?;
            self.came(came)?;
        }
        loop {
            let Some(open) = &mut self.open else { return Err(VerifyFault::Plain) };
            let finished = open.finish(&mut self.flow)?;
            self.look();
            match (finished, &self.inner) {
                (Finished::Opened(opened), Some(inner)) => {
                    let same = self.same.take().and_then(|same| same.finish().ok());
                    return Ok(Verified { inner: inner.clone(), opened, same });
                }
                (Finished::Undecided, None) => self.decide()?,
                _ => return Err(VerifyFault::Plain),
            }
        }
    }
}

impl Receiver for Opening {
    fn begin(&mut self, context: &Accepted, command: &Command) {
        (self.open, self.inner, self.same, self.outcome) = (None, None, None, None);
        self.unpacking = self.how.unpacking(&context.syntax).map(Box::new);
        self.unpacked = false;
        let (Some(class), Some(instance)) = (command.sop_class(), command.sop_instance()) else {
            return self.outcome = Some(Err(VerifyFault::Foreign));
        };
        if *instance != self.place.instance && !self.how.options.minted {
            return self.outcome = Some(Err(VerifyFault::Foreign));
        }
        self.open = Some(Open::new(OpenOrder {
            unlock: self.how.unlock.clone(),
            from: encoding_of(&context.syntax),
            sop_class: *class,
            sop_instance: *instance,
            options: OpenOptions { whole: 0, ..self.how.options },
        }));
    }

    fn data(&mut self, bytes: &[u8]) {
        if let Some(unpacking) = self.unpacking.as_mut().filter(|_| self.open.is_some()) {
            return unpacking.push(bytes);
        }
        if let Err(fault) = self.push(bytes) {
            self.failed(fault);
        }
    }

    fn work(&mut self) -> Option<Work<'_>> {
        self.unpacking.as_ref().filter(|unpacking| unpacking.has_work())?;
        Some(Box::pin(async move {
            while let Some(unpacking) = self.unpacking.as_mut().filter(|unpacking| unpacking.has_work()) {
                let came = unpacking.step().await;
                if let Err(fault) = came.map_err(VerifyFault::from).and_then(|came| self.came(came)) {
                    self.failed(fault);
                }
            }
        }))
    }

    fn end(&mut self) -> Status {
        if self.open.is_some() {
            self.outcome = Some(self.finish());
            self.open = None;
        }
        Status::SUCCESS
    }
}

/// What looks at an object of this transfer syntax, if that is wanted and can be.
fn same(how: &ReadBack, syntax: &Uid) -> Option<Same> {
    let encoding = encoding_of(syntax);
    (how.compare && encoding != Encoding::Deflated).then(|| Same::new(encoding, how.options.depth))
}
