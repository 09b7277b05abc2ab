//! What messages wait for, and how they go on.

use super::stage::{DataSet, Stage};
use super::wait::Woken;
use super::{End, Ending, Relay};
use std::task::{Context, Poll};
use std::time::Instant;

impl Relay {
    /// Looks whether what messages wait for has come. Whether any goes on.
    pub(super) fn poll_waits(&mut self, cx: &mut Context<'_>) -> Result<bool, Ending> {
        let mut progress = false;
        if let Some(wait) = &mut self.up.wait
            && let Poll::Ready(woken) = wait.as_mut().poll(cx)
        {
            self.up.wait = None;
            let now = Instant::now();
            self.timers.heard(now);
            self.focus_up();
            self.go_on_up(woken)?;
            self.work_up(now)?;
            progress = true;
        }
        self.each(|relay| {
            if let Some(wait) = &mut relay.called.down.wait
                && let Poll::Ready(woken) = wait.as_mut().poll(cx)
            {
                relay.called.down.wait = None;
                let now = Instant::now();
                relay.timers.heard(now);
                relay.go_on_down(woken)?;
                relay.work_down(now)?;
                progress = true;
            }
            Ok(())
        })?;
        progress |= self.poll_kept()?;
        if !self.settling.is_empty() {
            progress |= self.poll_settling(cx)?;
        }
        progress |= self.poll_mailbox(cx);
        Ok(progress)
    }

    /// What is kept of objects that go on changed goes, as their receivers take it. Whether anything went.
    fn poll_kept(&mut self) -> Result<bool, Ending> {
        let mut progress = false;
        if self.up.wait.is_none() && self.up.is_held() {
            self.focus_up();
            if !self.called.leg.has_pending() {
                let now = Instant::now();
                self.timers.heard(now);
                self.pump_up()?;
                self.kept_went_up(now)?;
                progress = true;
            }
        }
        self.each(|relay| {
            if relay.called.down.wait.is_none() && relay.called.down.is_held() && !relay.caller.has_pending() {
                let now = Instant::now();
                relay.timers.heard(now);
                relay.pump_down()?;
                relay.kept_went_down(now)?;
                progress = true;
            }
            Ok(())
        })?;
        Ok(progress)
    }

    /// Where all that was kept of the caller's object has gone, its message is over or goes on.
    fn kept_went_up(&mut self, now: Instant) -> Result<(), Ending> {
        if self.up.is_held() {
            return Ok(());
        }
        if matches!(&self.up.stage, Stage::Data(data) if data.complete)
            && let Stage::Data(data) = std::mem::replace(&mut self.up.stage, Stage::Between)
        {
            self.conclude_up(data)?;
        }
        self.work_up(now)
    }

    /// Where all that was kept of the object of the system in focus has gone, its message is over or goes on.
    fn kept_went_down(&mut self, now: Instant) -> Result<(), Ending> {
        if self.called.down.is_held() {
            return Ok(());
        }
        self.conclude_down()?;
        self.work_down(now)
    }

    /// The caller's message goes on with what has become known.
    fn go_on_up(&mut self, woken: Woken) -> Result<(), Ending> {
        let Stage::Data(mut data) = std::mem::replace(&mut self.up.stage, Stage::Between) else {
            return self.go_on_without_data(woken);
        };
        self.go_on_with_data(&data, woken)?;
        if self.up.wait.is_none() && self.up.fate == super::stage::Fate::Drop {
            data.walk = None;
        }
        if data.complete && self.up.wait.is_none() {
            return self.conclude_up(data);
        }
        self.up.stage = Stage::Data(data);
        Ok(())
    }

    fn go_on_with_data(&mut self, data: &DataSet, woken: Woken) -> Result<(), Ending> {
        match woken {
            Woken::Move(made, anew) => self.go_on_with_move(data, made, anew),
            Woken::Grants(found) => self.go_on_with_delivery(data, found),
            Woken::Registered(registered) => self.go_on_with_commitment(data, registered),
            Woken::Query(prepared) => self.go_on_with_query(data, *prepared),
            Woken::Resolved(resolving) => self.go_on_with_retrieve(data, *resolving),
            Woken::Judged(judged) => self.go_on_with_judged(data, *judged),
            Woken::Spooled(spooled) => self.spooled_up(spooled),
            Woken::Truths(found) => self.go_on_with_truths(data, *found),
            Woken::Resent(row) => self.go_on_with_resent(data, *row),
            Woken::Unsealed(why) => self.go_on_unsealed(data, why),
            Woken::Compared(compared) => self.go_on_compared(data, *compared),
            Woken::SealBegun(noted) => self.go_on_sealing(noted),
            Woken::Ledger(row) => self.go_on_with_ledger(End::Caller, *row),
            Woken::Further(more) => self.go_on_with_more(*more),
            Woken::Again(_) | Woken::Noted(_) | Woken::SealEnded(_) | Woken::Reported(_) | Woken::Charged(_) => Ok(()),
        }
    }

    fn go_on_without_data(&mut self, woken: Woken) -> Result<(), Ending> {
        if let Woken::Reported(status) = woken {
            self.own_report_answered(status);
        }
        Ok(())
    }
}
