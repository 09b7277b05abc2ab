//! Sta5: awaiting A-ASSOCIATE-AC or -RJ.

use super::super::Env;
use super::super::actions::{Transition, aa_1, aa_3, aa_4, aa_8, ae_3, ae_4, not_possible};
use super::super::event::Event;
use super::State;
use super::UNEXPECTED;

/// Sta5: awaiting A-ASSOCIATE-AC or -RJ.
#[derive(Debug, Clone, Copy)]
pub(in crate::dicom::association) struct Sta5;

impl Sta5 {
    pub(super) fn on(self, event: Event, env: &Env) -> Transition {
        match event {
            Event::Evt3 => ae_3(),
            Event::Evt4 => ae_4(),
            Event::Evt6(_) | Event::Evt10 | Event::Evt12 | Event::Evt13 => aa_8(UNEXPECTED, env),
            Event::Evt15(abort) => aa_1(abort, env),
            Event::Evt16(abort) => aa_3(abort),
            Event::Evt17 => aa_4(),
            Event::Evt19(abort) => aa_8(abort, env),
            _ => not_possible(self),
        }
    }
}

impl From<Sta5> for State {
    fn from(state: Sta5) -> Self {
        Self::Sta5(state)
    }
}
