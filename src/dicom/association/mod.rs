//! The upper layer's state machine (PS3.8 9.2), both roles, sans-IO.
//!
//! States, events and actions are called as table 9-10 calls them. Events and the time go in; what to send, what to
//! tell and when to come back come out. Never a socket, a clock, a timer of its own, or a byte of P-DATA.

mod effects;
mod event;

pub use effects::{Action, Effects, Indication, Outgoing};
pub use event::Event;

use std::time::{Duration, Instant};

/// On which side of the association this machine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Asked for the association.
    Requestor,
    /// Was asked.
    Acceptor,
}

/// The states of PS3.8 9.2.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StateName {
    /// Idle.
    Sta1,
    /// Transport connection open, awaiting A-ASSOCIATE-RQ.
    Sta2,
    /// Awaiting the local A-ASSOCIATE response.
    Sta3,
    /// Awaiting the transport connection to open.
    Sta4,
    /// Awaiting A-ASSOCIATE-AC or -RJ.
    Sta5,
    /// Association established, ready for data transfer.
    Sta6,
    /// Awaiting A-RELEASE-RP.
    Sta7,
    /// Awaiting the local A-RELEASE response.
    Sta8,
    /// Release collision, requestor side: awaiting the local A-RELEASE response.
    Sta9,
    /// Release collision, acceptor side: awaiting A-RELEASE-RP.
    Sta10,
    /// Release collision, requestor side: awaiting A-RELEASE-RP.
    Sta11,
    /// Release collision, acceptor side: awaiting the local A-RELEASE response.
    Sta12,
    /// Awaiting the transport connection to close.
    Sta13,
}

/// One side of one association.
#[derive(Debug)]
pub struct Association {
    state: StateName,
    role: Role,
    artim: Duration,
}

impl Association {
    /// The side that was asked, idle. `artim` is how long a silent peer is waited for.
    pub fn acceptor(artim: Duration) -> Self {
        Self { state: StateName::Sta1, role: Role::Acceptor, artim }
    }

    /// The side that asks, idle.
    pub fn requestor(artim: Duration) -> Self {
        Self { state: StateName::Sta1, role: Role::Requestor, artim }
    }

    /// Takes an event at a time and says what to do.
    pub fn on(&mut self, _event: Event, _now: Instant) -> Effects {
        Effects::default()
    }

    /// A P-DATA-TF came (Evt10), or a piece of one. `None` in the data transfer state: take it (DT-2). Otherwise what
    /// the table says.
    pub fn on_pdata(&mut self, now: Instant) -> Option<Effects> {
        if self.state == StateName::Sta6 { None } else { Some(self.on(Event::Evt10, now)) }
    }

    /// Whether a P-DATA-TF may be sent now (Evt9: DT-1, AR-7).
    pub fn may_send_pdata(&self) -> bool {
        matches!(self.state, StateName::Sta6 | StateName::Sta8)
    }

    /// When the ARTIM timer runs out, if it runs: then `on(Evt18)`.
    pub fn deadline(&self) -> Option<Instant> {
        None
    }

    /// On which side it stands.
    pub fn role(&self) -> Role {
        self.role
    }

    /// How long a silent peer is waited for.
    pub fn artim(&self) -> Duration {
        self.artim
    }

    /// Where the machine stands.
    pub fn state(&self) -> StateName {
        self.state
    }
}
