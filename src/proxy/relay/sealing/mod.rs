//! Objects that are sealed on their way to an archive: contexts chosen, the ledger told before the first byte leaves and
//! before the answer goes back, read back where that is wanted.
//!
//! What must be sealed and cannot be is refused with an incident id; never is it stored in clear because of a fault. Nothing
//! reaches the archive of an object of which the ledger does not know.

mod answer;
mod begin;
mod fail;
mod resent;
mod run;
mod unsealed;

pub(super) use answer::Ended;
pub(super) use begin::NotBegun;
pub(super) use resent::Compared;
pub(super) use run::SealRun;

use super::Relay;
use super::outstanding::{Outstanding, Purpose};
use crate::dicom::dimse::Command;
use crate::dicom::{AeTitle, Uid};
use crate::gate::SealedAs;
use crate::state::SealRow;
use crate::transform::seal::{Begun, Sealed};

/// An object that is being sealed, until its archive has answered.
#[derive(Debug)]
pub struct Sealing {
    archive: AeTitle,
    class: Uid,
    instance: Uid,
    study: Option<Uid>,
    series: Option<Uid>,
    /// Transfer syntax that it came in.
    syntax: Uid,
    /// As it came, and as it goes.
    command: Command,
    /// It is sent again, and to be compared with what the archive has of it.
    resent: Option<Box<SealRow>>,
    /// It is there already.
    same: Option<SealedAs>,
    /// The ledger knows of this.
    begun: Option<Begun>,
    /// What it said then.
    known: Option<Box<SealRow>>,
    /// It is read back whatever is configured: its archive keeps what came first, and that may open no more.
    doubtful: bool,
    /// Nothing in it is to be sealed: it goes as it is.
    plain: bool,
    /// All of it has gone.
    gone: bool,
    /// What was sealed; `None`: nothing in it was to be sealed, or it is not over.
    sealed: Option<Sealed>,
    /// The archive's answer, while it waits for the ledger.
    answer: Option<Command>,
}

impl Sealing {
    /// Whether the archive has answered.
    pub const fn is_answered(&self) -> bool {
        self.answer.is_some()
    }

    /// For the record.
    pub(super) fn note(&self) -> Option<SealedAs> {
        if self.same.is_some() {
            return self.same;
        }
        let Sealed { begun, segments, bytes } = self.sealed.as_ref()?;
        let (seal, key) = (begun.seal.0, begun.key.0);
        Some(SealedAs { seal, key, segments: *segments, bytes: *bytes, same: false })
    }
}

impl Outstanding {
    /// Not all of what is made of it has gone.
    fn is_being_sealed(&self) -> bool {
        matches!(&self.purpose, Purpose::Seal(sealing) if !sealing.gone)
    }
}

impl Relay {
    /// Whether what is being sealed waits to be compared with what the archive holds.
    fn is_to_be_compared(&mut self) -> bool {
        let asked = self.sealing().map(|(asked, _)| asked);
        asked.is_some_and(|asked| matches!(&asked.purpose, Purpose::Seal(sealing) if sealing.resent.is_some()))
    }

    /// The object of the caller's that is being sealed.
    fn sealing(&mut self) -> Option<(&mut Outstanding, u8)> {
        self.focus_up();
        let mut asked = self.called.asked.iter_mut().rev();
        asked.find(|asked| asked.is_being_sealed()).map(|asked| {
            let sent_on = asked.sent_on;
            (asked, sent_on)
        })
    }
}
