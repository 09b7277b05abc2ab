//! Sta7: awaiting A-RELEASE-RP; data still comes in.

use super::super::Env;
use super::super::actions::{Transition, aa_1, aa_3, aa_4, aa_8, ar_3, ar_6, ar_8, not_possible};
use super::super::event::Event;
use super::State;
use super::UNEXPECTED;

/// Sta7: awaiting A-RELEASE-RP; data still comes in.
#[derive(Debug, Clone, Copy)]
pub(in crate::dicom::association) struct Sta7;

impl Sta7 {
    pub(super) fn on(self, event: Event, env: &Env) -> Transition {
        match event {
            Event::Evt10 => ar_6(),
            Event::Evt12 => ar_8(env),
            Event::Evt13 => ar_3(),
            Event::Evt3 | Event::Evt4 | Event::Evt6(_) => aa_8(UNEXPECTED, env),
            Event::Evt15(abort) => aa_1(abort, env),
            Event::Evt16(abort) => aa_3(abort),
            Event::Evt17 => aa_4(),
            Event::Evt19(abort) => aa_8(abort, env),
            _ => not_possible(self),
        }
    }
}

impl From<Sta7> for State {
    fn from(state: Sta7) -> Self {
        Self::Sta7(state)
    }
}
