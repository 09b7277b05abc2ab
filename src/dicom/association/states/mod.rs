//! The thirteen states, one file each: what each event of table 9-10 does there. A transition consumes its state.

mod sta1;
mod sta10;
mod sta11;
mod sta12;
mod sta13;
mod sta2;
mod sta3;
mod sta4;
mod sta5;
mod sta6;
mod sta7;
mod sta8;
mod sta9;

pub(super) use sta1::Sta1;
pub(super) use sta2::Sta2;
pub(super) use sta3::Sta3;
pub(super) use sta4::Sta4;
pub(super) use sta5::Sta5;
pub(super) use sta6::Sta6;
pub(super) use sta7::Sta7;
pub(super) use sta8::Sta8;
pub(super) use sta9::Sta9;
pub(super) use sta10::Sta10;
pub(super) use sta11::Sta11;
pub(super) use sta12::Sta12;
pub(super) use sta13::Sta13;

use super::actions::Transition;
use super::event::Event;
use super::{Env, StateName};
use crate::dicom::pdu::Abort;
use std::time::Instant;

/// What the peer is told of a PDU that may not come where it came.
const UNEXPECTED: Abort = Abort::provider(Abort::UNEXPECTED_PDU);

/// Where the machine stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum State {
    Sta1(Sta1),
    Sta2(Sta2),
    Sta3(Sta3),
    Sta4(Sta4),
    Sta5(Sta5),
    Sta6(Sta6),
    Sta7(Sta7),
    Sta8(Sta8),
    Sta9(Sta9),
    Sta10(Sta10),
    Sta11(Sta11),
    Sta12(Sta12),
    Sta13(Sta13),
}

impl State {
    pub fn on(self, event: Event, env: &Env) -> Transition {
        match self {
            Self::Sta1(state) => state.on(event, env),
            Self::Sta2(state) => state.on(event, env),
            Self::Sta3(state) => state.on(event, env),
            Self::Sta4(state) => state.on(event, env),
            Self::Sta5(state) => state.on(event, env),
            Self::Sta6(state) => state.on(event, env),
            Self::Sta7(state) => state.on(event, env),
            Self::Sta8(state) => state.on(event, env),
            Self::Sta9(state) => state.on(event, env),
            Self::Sta10(state) => state.on(event, env),
            Self::Sta11(state) => state.on(event, env),
            Self::Sta12(state) => state.on(event, env),
            Self::Sta13(state) => state.on(event, env),
        }
    }

    pub fn name(&self) -> StateName {
        match self {
            Self::Sta1(_) => StateName::Sta1,
            Self::Sta2(_) => StateName::Sta2,
            Self::Sta3(_) => StateName::Sta3,
            Self::Sta4(_) => StateName::Sta4,
            Self::Sta5(_) => StateName::Sta5,
            Self::Sta6(_) => StateName::Sta6,
            Self::Sta7(_) => StateName::Sta7,
            Self::Sta8(_) => StateName::Sta8,
            Self::Sta9(_) => StateName::Sta9,
            Self::Sta10(_) => StateName::Sta10,
            Self::Sta11(_) => StateName::Sta11,
            Self::Sta12(_) => StateName::Sta12,
            Self::Sta13(_) => StateName::Sta13,
        }
    }

    pub fn artim(&self) -> Option<Instant> {
        match self {
            Self::Sta2(Sta2 { artim }) | Self::Sta13(Sta13 { artim }) => Some(*artim),
            _ => None,
        }
    }
}
