//! What messages wait for, and how they go on.

use super::stage::{DataSet, Stage};
use super::wait::Woken;
use super::{Ending, Relay};
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
        if !self.settling.is_empty() {
            progress |= self.poll_settling(cx)?;
        }
        progress |= self.poll_mailbox(cx);
        Ok(progress)
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
            return self.up_is_whole(&data);
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
            Woken::Noted(_) | Woken::Reported(_) | Woken::Charged(_) => Ok(()),
        }
    }

    fn go_on_without_data(&mut self, woken: Woken) -> Result<(), Ending> {
        if let Woken::Reported(status) = woken {
            self.own_report_answered(status);
        }
        Ok(())
    }
}
