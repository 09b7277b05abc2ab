//! Sta10: release collision, acceptor's side: awaiting A-RELEASE-RP.

use super::super::Env;
use super::super::actions::{Transition, aa_1, aa_3, aa_4, aa_8, ar_10, not_possible};
use super::super::event::Event;
use super::State;
use super::UNEXPECTED;

/// Sta10: release collision, acceptor's side: awaiting A-RELEASE-RP.
#[derive(Debug, Clone, Copy)]
pub(in crate::dicom::association) struct Sta10;

impl Sta10 {
    pub(super) fn on(self, event: Event, env: &Env) -> Transition {
        match event {
            Event::Evt13 => ar_10(),
            Event::Evt3 | Event::Evt4 | Event::Evt6(_) | Event::Evt10 | Event::Evt12 => aa_8(UNEXPECTED, env),
            Event::Evt15(abort) => aa_1(abort, env),
            Event::Evt16(abort) => aa_3(abort),
            Event::Evt17 => aa_4(),
            Event::Evt19(abort) => aa_8(abort, env),
            _ => not_possible(self),
        }
    }
}

impl From<Sta10> for State {
    fn from(state: Sta10) -> Self {
        Self::Sta10(state)
    }
}
