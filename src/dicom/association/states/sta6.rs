//! Sta6: association established, ready for data transfer.

use super::super::Env;
use super::super::actions::{Transition, aa_1, aa_3, aa_4, aa_8, ar_1, ar_2, dt_1, dt_2, not_possible};
use super::super::event::Event;
use super::State;
use super::UNEXPECTED;

/// Sta6: association established, ready for data transfer.
#[derive(Debug, Clone, Copy)]
pub(in crate::dicom::association) struct Sta6;

impl Sta6 {
    pub(super) fn on(self, event: Event, env: &Env) -> Transition {
        match event {
            Event::Evt9 => dt_1(),
            Event::Evt10 => dt_2(),
            Event::Evt11 => ar_1(),
            Event::Evt12 => ar_2(),
            Event::Evt3 | Event::Evt4 | Event::Evt6(_) | Event::Evt13 => aa_8(UNEXPECTED, env),
            Event::Evt15(abort) => aa_1(abort, env),
            Event::Evt16(abort) => aa_3(abort),
            Event::Evt17 => aa_4(),
            Event::Evt19(abort) => aa_8(abort, env),
            _ => not_possible(self),
        }
    }
}

impl From<Sta6> for State {
    fn from(state: Sta6) -> Self {
        Self::Sta6(state)
    }
}
