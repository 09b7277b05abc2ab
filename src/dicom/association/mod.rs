//! The upper layer's state machine (PS3.8 9.2), both roles, sans-IO.
//!
//! States, events and actions are called as table 9-10 calls them. Events and the time go in; what to send, what to
//! tell and when to come back come out. Never a socket, a clock, a timer of its own, or a byte of P-DATA.

mod actions;
mod effects;
mod event;
mod states;

pub use effects::{Action, Effects, Indication, Outgoing};
pub use event::Event;

use states::{Sta1, State};
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

/// What a transition may look at besides its state and event.
#[derive(Debug)]
struct Env {
    role: Role,
    artim: Duration,
    now: Instant,
}

impl Env {
    /// When an ARTIM started now runs out. A duration beyond what the clock can say runs out at once rather than never.
    fn artim_from_now(&self) -> Instant {
        self.now.checked_add(self.artim).unwrap_or(self.now)
    }
}

/// One side of one association.
#[derive(Debug)]
pub struct Association {
    state: State,
    role: Role,
    artim: Duration,
}

impl Association {
    /// The side that was asked, idle: `Evt5` comes first. `artim` is how long a silent peer is waited for.
    pub fn acceptor(artim: Duration) -> Self {
        Self { state: State::Sta1(Sta1), role: Role::Acceptor, artim }
    }

    /// The side that asks, idle: `Evt1` comes first.
    pub fn requestor(artim: Duration) -> Self {
        Self { state: State::Sta1(Sta1), role: Role::Requestor, artim }
    }

    /// Takes an event at a time and says what to do. An event that the table leaves blank changes nothing; the effects
    /// then have no action.
    pub fn on(&mut self, event: Event, now: Instant) -> Effects {
        let (next, effects) = self.state.on(event, &Env { role: self.role, artim: self.artim, now });
        self.state = next;
        effects
    }

    /// A P-DATA-TF came (Evt10), or a piece of one. `None` in the data transfer state: take it (DT-2). Otherwise what
    /// the table says; `Indication::Data` among it (AR-6) also means: take it.
    #[inline]
    pub fn on_pdata(&mut self, now: Instant) -> Option<Effects> {
        if matches!(self.state, State::Sta6(_)) { None } else { Some(self.on(Event::Evt10, now)) }
    }

    /// Whether a P-DATA-TF may be sent now (Evt9: DT-1, AR-7).
    #[inline]
    pub fn may_send_pdata(&self) -> bool {
        matches!(self.state, State::Sta6(_) | State::Sta8(_))
    }

    /// When the ARTIM timer runs out, if it runs: then `on(Evt18)`.
    pub fn deadline(&self) -> Option<Instant> {
        self.state.artim()
    }

    /// Where the machine stands.
    pub fn state(&self) -> StateName {
        self.state.name()
    }

    /// On which side it stands.
    pub fn role(&self) -> Role {
        self.role
    }
}
