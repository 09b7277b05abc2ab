//! Reading and writing: what comes is taken, what waits goes out, and nothing is read that could not go on.

use super::super::live::Drain;
use super::{End, Ending, OWN_ANSWERS, Relay};
use std::task::{Context, Poll};
use std::time::Instant;

impl Relay {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            self.place.register(cx.waker());
            self.waker = Some(cx.waker().clone());
        }
        match self.poll_inner(cx) {
            Ok(()) => Poll::Pending,
            Err(ending) => Poll::Ready(ending),
        }
    }

    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Result<(), Ending> {
        loop {
            self.look_around()?;
            let mut progress = self.poll_waits(cx)?;
            self.each(|relay| {
                progress |= relay.poll_called_out(cx)?;
                Ok(())
            })?;
            progress |= self.poll_caller_out(cx)?;
            self.say_what_is_expected();
            progress |= self.poll_caller_in(cx)?;
            self.each(|relay| {
                progress |= relay.poll_called_in(cx)?;
                Ok(())
            })?;
            // Reading may have made TLS say something of its own (an answer to a key update): unless the socket is
            // known to be full it goes now, for nothing else would wake this task for it.
            let owed = self.all_called().any(|called| called.leg.has_pending() && !called.down.stuck)
                || self.caller.has_pending() && !self.up.stuck;
            if !progress && !owed {
                return self.poll_timers(cx);
            }
        }
    }

    fn poll_caller_in(&mut self, cx: &mut Context<'_>) -> Result<bool, Ending> {
        let reads = !self.up.over
            && !self.up.is_held()
            && self.takes_answers(End::Caller)
            && !self.all_called().any(|called| called.leg.has_pending() || !called.owed.is_empty());
        if !reads {
            return Ok(false);
        }
        let Poll::Ready(received) = self.caller.poll_recv(cx) else { return Ok(false) };
        let now = Instant::now();
        match received.ok().flatten() {
            Some(input) => {
                self.timers.heard(now);
                self.focus_up();
                self.take_from_caller(input, now)?;
                self.each(|relay| relay.poll_called_out(cx).map(drop))?;
            }
            None => self.hung_up(End::Caller, now)?,
        }
        Ok(true)
    }

    /// From the system in focus.
    fn poll_called_in(&mut self, cx: &mut Context<'_>) -> Result<bool, Ending> {
        let reads = !self.called.down.over
            && !self.called.released
            && !self.called.down.is_held()
            && !self.caller.has_pending()
            && self.takes_answers(End::Called)
            && !self.another_talks();
        if !reads {
            return Ok(false);
        }
        let Poll::Ready(received) = self.called.leg.poll_recv(cx) else { return Ok(false) };
        let now = Instant::now();
        match received.ok().flatten() {
            Some(input) => {
                self.timers.heard(now);
                self.take_from_called(input, now)?;
                self.poll_caller_out(cx)?;
            }
            None => self.hung_up(End::Called, now)?,
        }
        Ok(true)
    }

    /// An end that is in mid message, or has told that more answers follow, has more to send.
    fn say_what_is_expected(&mut self) {
        self.caller.expect_more(self.window.0 > 1 || !self.up.between());
        let window = self.window.0;
        for called in std::iter::once(&mut self.called).chain(&mut self.others) {
            let answering = called.asked.iter().any(|asked| asked.answers > 0);
            called.leg.expect_more(answering || window > 1 || !called.down.between());
        }
    }

    fn poll_called_out(&mut self, cx: &mut Context<'_>) -> Result<bool, Ending> {
        if !self.called.leg.has_pending() {
            return Ok(false);
        }
        match self.called.leg.poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                if std::mem::take(&mut self.called.down.stuck) {
                    self.resumed(End::Caller, Instant::now());
                }
                Ok(true)
            }
            Poll::Ready(Err(_)) if self.spares(None, Instant::now()) => Ok(true),
            Poll::Ready(Err(_)) => Err(Ending::Lost(End::Called)),
            Poll::Pending => {
                self.called.down.stuck = true;
                Ok(false)
            }
        }
    }

    fn poll_caller_out(&mut self, cx: &mut Context<'_>) -> Result<bool, Ending> {
        if !self.caller.has_pending() {
            return Ok(false);
        }
        match self.caller.poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                if std::mem::take(&mut self.up.stuck) {
                    self.resumed(End::Called, Instant::now());
                }
                Ok(true)
            }
            Poll::Ready(Err(_)) => Err(Ending::Lost(End::Caller)),
            Poll::Pending => {
                self.up.stuck = true;
                Ok(false)
            }
        }
    }

    /// A reload or a drain asks for something.
    fn look_around(&mut self) -> Result<(), Ending> {
        let live = self.place.live();
        let (draining, generation, tripped) = (live.draining(), live.generation(), live.tripped());
        if self.tripped != Some(tripped) {
            self.tripped = Some(tripped);
            self.ask_quarantine()?;
        }
        if draining == Drain::Now || draining == Drain::Gently && self.is_idle() && !self.is_awaited() {
            return Err(Ending::Drained);
        }
        if generation != self.snapshot.generation {
            self.ask_again(false)?;
        }
        self.session_goes_on()
    }

    /// A move under way waits for what an archive sends here: between two deliveries it is not over.
    fn is_awaited(&self) -> bool {
        let inward = self.errand.inward();
        inward.is_some_and(|inward| {
            self.shared.grants.known_by_told(inward.archive, inward.told).iter().any(|held| !held.foreign)
        })
    }

    /// Before a new message is decided on: by the configuration in force, whatever else is under way.
    pub(super) fn keep_up(&mut self) -> Result<(), Ending> {
        if self.place.live().generation() != self.snapshot.generation {
            self.ask_again(true)?;
        }
        Ok(())
    }

    /// Whether a side takes what is already on its way to it. From one that does not, nothing more is read: each of its
    /// requests could be answered by the gateway itself, and those answers would queue without bound.
    fn takes_answers(&self, end: End) -> bool {
        match end {
            End::Caller => !self.caller.is_congested() && self.own_answers.len() < OWN_ANSWERS,
            End::Called => !self.called.leg.is_congested() && self.called.own_answers.len() < OWN_ANSWERS,
        }
    }
}
