//! Sta1: idle.

use super::super::Env;
use super::super::actions::{Transition, ae_1, ae_5, not_possible};
use super::super::event::Event;
use super::State;

/// Sta1: idle.
#[derive(Debug, Clone, Copy)]
pub(in crate::dicom::association) struct Sta1;

impl Sta1 {
    pub(super) fn on(self, event: Event, env: &Env) -> Transition {
        match event {
            Event::Evt1 => ae_1(),
            Event::Evt5 => ae_5(env),
            _ => not_possible(self),
        }
    }
}

impl From<Sta1> for State {
    fn from(state: Sta1) -> Self {
        Self::Sta1(state)
    }
}
