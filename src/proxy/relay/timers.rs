//! One timer for all waits of an association: set to the earliest, looked at when it fires.

use super::outstanding::Purpose;
use super::{End, Ending, Relay};
use crate::config::Limits;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// What ends with the session of a person; no limit has this name.
const SESSION: &str = "session";

/// The waits of an association.
#[derive(Debug)]
pub(super) struct Timers {
    sleep: Pin<Box<Sleep>>,
    idle: Duration,
    dimse: Duration,
    pdu: Duration,
    refused: Duration,
    artim: Duration,
    last_heard: Instant,
    /// When the PDU under way from the caller began.
    pub(super) began: Option<Instant>,
    /// When the refused data set that is being dropped began.
    refusing: Option<Instant>,
}

impl Timers {
    pub(super) fn new(limits: &Limits, response: Option<Duration>) -> Self {
        let now = Instant::now();
        Self {
            sleep: Box::pin(tokio::time::sleep_until((now + limits.pdu_completion.min(limits.idle)).into())),
            idle: limits.idle,
            dimse: response.unwrap_or(limits.dimse),
            pdu: limits.pdu_completion,
            refused: limits.refused_drain_time,
            artim: limits.artim,
            last_heard: now,
            began: None,
            refusing: None,
        }
    }

    /// Something came from either side.
    pub(super) fn heard(&mut self, now: Instant) {
        self.last_heard = now;
    }

    /// A PDU of a direction is under way or not; `ended`: one ended with what was just read.
    pub(super) fn pdu(began: &mut Option<Instant>, mid: bool, ended: bool, now: Instant) {
        if !mid {
            *began = None;
        } else if ended || began.is_none() {
            *began = Some(now);
        }
    }

    /// A refused data set is being dropped, or no longer.
    pub(super) fn set_refusing(&mut self, since: Option<Instant>) {
        self.refusing = since;
    }
}

impl Relay {
    /// A side that was not read because the other one was slow is read again: its waits begin anew.
    pub(super) fn resumed(&mut self, from: End, now: Instant) {
        self.timers.last_heard = now;
        match from {
            End::Caller => self.timers.began = self.timers.began.map(|_| now),
            End::Called => {
                for called in std::iter::once(&mut self.called).chain(&mut self.others) {
                    called.began = called.began.map(|_| now);
                }
            }
        }
    }

    /// When something was last heard, deliveries of moves under way included.
    fn last_heard(&self) -> Instant {
        let mut heard = self.timers.last_heard;
        for asked in self.all_called().flat_map(|called| &called.asked) {
            if let Purpose::Move(moving) = &asked.purpose {
                heard = heard.max(moving.held.held().tally().last());
            }
        }
        // A lookup has a wait of its own, after which what it was for is refused.
        self.heard_in_lookups().filter(|_| self.waits()).map_or(heard, |looked| heard.max(looked))
    }

    /// Looks at the timer; what is due ends the association.
    pub(super) fn poll_timers(&mut self, cx: &mut Context<'_>) -> Result<(), Ending> {
        loop {
            let (deadline, what) = self.next_deadline();
            // Waits mostly grow longer, and a timer that fires too early costs less than setting it for every message.
            if deadline < self.timers.sleep.deadline().into_std() {
                self.timers.sleep.as_mut().reset(deadline.into());
            }
            let pending = self.timers.sleep.as_mut().poll(cx) == Poll::Pending;
            // A task that never runs out of work gets no timer to fire, so the clock has the last word.
            if Instant::now() >= deadline {
                return Err(match what {
                    SESSION => Ending::SessionOver,
                    limit => Ending::TimedOut(limit),
                });
            }
            if pending {
                return Ok(());
            }
            self.timers.sleep.as_mut().reset(deadline.into());
        }
    }

    /// A message waits for what must be known before it goes on.
    fn waits(&self) -> bool {
        self.up.wait.is_some() || self.all_called().any(|called| called.down.wait.is_some())
    }

    fn next_deadline(&self) -> (Instant, &'static str) {
        let heard = self.last_heard();
        let stuck = self.caller.has_pending() || self.all_called().any(|called| called.leg.has_pending());
        let within = !self.up.stage.is_between() || self.all_called().any(|called| !called.down.stage.is_between());
        let waits = self.waits();
        let asked = self.is_reporting()
            || self
                .all_called()
                .any(|called| !called.asked.is_empty() || !called.asked_back.is_empty() || !called.owed.is_empty());
        let mut next = if !asked && self.is_releasing() {
            (heard + self.timers.artim, "artim")
        } else if stuck || waits || asked && !within {
            (heard + self.timers.dimse, "dimse")
        } else if within {
            (heard + self.timers.pdu, "pdu_completion")
        } else {
            (heard + self.timers.idle, "idle")
        };
        if !stuck && !waits {
            let began = self.all_called().filter_map(|called| called.began).chain(self.timers.began);
            for began in began {
                next = next.min((began + self.timers.pdu, "pdu_completion"));
            }
        }
        if let Some(over) = self.session_ends() {
            next = next.min((over, SESSION));
        }
        if let Some(since) = self.timers.refusing {
            next = next.min((since + self.timers.refused, "refused_drain_time"));
        }
        let machines = self.all_called().map(|called| called.leg.machine.deadline());
        for artim in machines.chain([self.caller_machine.deadline()]).flatten() {
            next = next.min((artim, "artim"));
        }
        next
    }
}
