//! Sta13: awaiting the transport connection to close; ARTIM runs.

use super::super::Env;
use super::super::actions::{Transition, aa_2, aa_6, aa_7, ar_5, not_possible};
use super::super::event::Event;
use super::State;
use super::UNEXPECTED;
use std::time::Instant;

/// Sta13: awaiting the transport connection to close; ARTIM runs.
#[derive(Debug, Clone, Copy)]
pub(in crate::dicom::association) struct Sta13 {
    /// When ARTIM runs out.
    pub artim: Instant,
}

impl Sta13 {
    pub(super) fn on(self, event: Event, _env: &Env) -> Transition {
        match event {
            Event::Evt3 | Event::Evt4 | Event::Evt10 | Event::Evt12 | Event::Evt13 => aa_6(self),
            Event::Evt6(_) => aa_7(self, UNEXPECTED),
            Event::Evt16(_) | Event::Evt18 => aa_2(),
            Event::Evt17 => ar_5(),
            Event::Evt19(abort) => aa_7(self, abort),
            _ => not_possible(self),
        }
    }
}

impl From<Sta13> for State {
    fn from(state: Sta13) -> Self {
        Self::Sta13(state)
    }
}
