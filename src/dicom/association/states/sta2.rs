//! Sta2: transport connection open, awaiting A-ASSOCIATE-RQ; ARTIM runs.

use super::super::Env;
use super::super::actions::{Transition, aa_1, aa_2, aa_5, ae_6, not_possible};
use super::super::event::Event;
use super::State;
use super::UNEXPECTED;
use std::time::Instant;

/// Sta2: transport connection open, awaiting A-ASSOCIATE-RQ; ARTIM runs.
#[derive(Debug, Clone, Copy)]
pub(in crate::dicom::association) struct Sta2 {
    /// When ARTIM runs out.
    pub artim: Instant,
}

impl Sta2 {
    pub(super) fn on(self, event: Event, env: &Env) -> Transition {
        match event {
            Event::Evt3 | Event::Evt4 | Event::Evt10 | Event::Evt12 | Event::Evt13 => aa_1(UNEXPECTED, env),
            Event::Evt6(unacceptable) => ae_6(unacceptable, env),
            Event::Evt16(_) | Event::Evt18 => aa_2(),
            Event::Evt17 => aa_5(),
            Event::Evt19(abort) => aa_1(abort, env),
            _ => not_possible(self),
        }
    }
}

impl From<Sta2> for State {
    fn from(state: Sta2) -> Self {
        Self::Sta2(state)
    }
}
