//! What comes out of an archive that may hold sealed objects: it is looked into, and goes on opened for who may have it, as
//! it is where there is no seal, and to nobody else.
//!
//! Nothing of an object leaves before it is known what it is, what the ledger knows of it and where it goes; no byte of a
//! seal leaves before its segment is authenticated. An object that turns out wrong before its first byte has gone fails by
//! itself; later, the leg that receives it is aborted, so that nobody completes it.

mod begin;
mod decide;
mod fail;
mod further;
mod judge;
mod pipe;
mod place;

pub use further::Further;

pub(super) use further::More;
pub(super) use pipe::{Pipe, PipeFault};

use super::delivery::Covering;
use super::stage::Walk;
use crate::dicom::dimse::Command;
use crate::dicom::{AeTitle, Tag, Uid};
use crate::gate::Permit;
use crate::policy::Open as Right;

/// An object that is looked into.
#[derive(Debug)]
pub(super) struct Opening {
    /// The archive that sends it.
    archive: AeTitle,
    /// The presentation context that it came on, and what that is for.
    context: u8,
    class: Uid,
    syntax: Uid,
    instance: Uid,
    study: Option<Uid>,
    /// Study Date, where it has one.
    dated: Option<jiff::civil::Date>,
    /// The command as it goes on.
    command: Command,
    /// Under which it goes on; used up when it does.
    permit: Option<Permit>,
    whom: Whom,
    /// When its archive was asked for it, seconds since 1970.
    since: i64,
    /// What whoever receives it may have.
    right: Right,
    /// What is taken out of it.
    hidden: Vec<Tag>,
    /// The ledger has been asked.
    asked: bool,
}

/// For whom an archive sends.
#[derive(Debug)]
pub(super) enum Whom {
    /// The C-GET under way.
    Getting,
    /// These moves.
    Moves(Covering),
    /// Nobody asked.
    Unasked,
}

impl Opening {
    /// What has come of the object says whose it is.
    fn read(&mut self, walk: &Walk) {
        self.study = walk.leading.study().copied();
        let date = walk.leading.study_date().map(|date| date.reveal());
        self.dated = date.and_then(|date| jiff::civil::Date::strptime("%Y%m%d", date.trim_ascii()).ok());
    }
}
