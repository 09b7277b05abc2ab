//! Sta12: release collision, acceptor's side: awaiting the local A-RELEASE response.

use super::super::Env;
use super::super::actions::{Transition, aa_1, aa_3, aa_4, aa_8, ar_4, not_possible};
use super::super::event::Event;
use super::State;
use super::UNEXPECTED;

/// Sta12: release collision, acceptor's side: awaiting the local A-RELEASE response.
#[derive(Debug, Clone, Copy)]
pub(in crate::dicom::association) struct Sta12;

impl Sta12 {
    pub(super) fn on(self, event: Event, env: &Env) -> Transition {
        match event {
            Event::Evt14 => ar_4(env),
            Event::Evt3 | Event::Evt4 | Event::Evt6(_) | Event::Evt10 | Event::Evt12 | Event::Evt13 => {
                aa_8(UNEXPECTED, env)
            }
            Event::Evt15(abort) => aa_1(abort, env),
            Event::Evt16(abort) => aa_3(abort),
            Event::Evt17 => aa_4(),
            Event::Evt19(abort) => aa_8(abort, env),
            _ => not_possible(self),
        }
    }
}

impl From<Sta12> for State {
    fn from(state: Sta12) -> Self {
        Self::Sta12(state)
    }
}
