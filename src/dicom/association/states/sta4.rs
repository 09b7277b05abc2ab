//! Sta4: awaiting the transport connection to open.

use super::super::Env;
use super::super::actions::{Transition, aa_2, aa_4, ae_2, not_possible};
use super::super::event::Event;
use super::State;

/// Sta4: awaiting the transport connection to open.
#[derive(Debug, Clone, Copy)]
pub(in crate::dicom::association) struct Sta4;

impl Sta4 {
    pub(super) fn on(self, event: Event, _env: &Env) -> Transition {
        match event {
            Event::Evt2 => ae_2(),
            Event::Evt15(_) => aa_2(),
            Event::Evt17 => aa_4(),
            _ => not_possible(self),
        }
    }
}

impl From<Sta4> for State {
    fn from(state: Sta4) -> Self {
        Self::Sta4(state)
    }
}
