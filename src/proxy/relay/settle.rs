//! Answers to a C-MOVE: they carry the requester's message id, and the final one says what was seen delivered.

use super::outstanding::{Moving, Outstanding, Purpose};
use super::retrieve::named;
use super::stage::DataSet;
use super::{End, Ending, Relay};
use crate::dicom::dataset::write::{DataSet as Written, Flat};
use crate::dicom::dimse::{Command, Counters, Status, StatusKind, Tolerances};
use crate::dicom::pdu::Abort;
use crate::dicom::transfer_syntax::encoding_of;
use crate::dicom::{Tag, Uid};
use crate::proxy::way_back::{Claim, Held};
use crate::state::{Seen, StateFault};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// Failed SOP Instance UID List.
const FAILED: Tag = Tag(0x0008, 0x0058);
/// How often the state is asked what other gateways delivered.
const ASK: Duration = Duration::from_millis(250);

type Asking = Pin<Box<dyn Future<Output = Result<Vec<Seen>, StateFault>> + Send>>;

/// A final answer that is held back until what it counts has been seen.
pub(super) struct Settling {
    /// The system that gave it.
    number: u8,
    message: u16,
    context: u8,
    command: Command,
    claim: Claim,
    held: Arc<Held>,
    sleep: Pin<Box<Sleep>>,
    /// When the archive gave it.
    since: Instant,
    /// When a pending answer is due.
    pending: Instant,
    /// What other gateways noted of this move.
    noted: HashMap<Uid, u16>,
    asking: Option<Asking>,
    /// Other gateways have been asked, or there are none.
    asked: bool,
    ask: Instant,
}

impl Relay {
    /// An answer to a C-MOVE whose deliveries the gateway carries, all of it.
    pub(super) fn move_answer(&mut self, data: &DataSet) -> Result<(), Ending> {
        let command = &data.command;
        let Some(asked) = self.called.asked.iter_mut().find(|asked| Some(asked.sent_as) == command.responded_to) else {
            return Ok(());
        };
        let Outstanding { message, context, purpose: Purpose::Move(moving), .. } = asked else { return Ok(()) };
        let (message, context, held) = (*message, *context, Arc::clone(moving.held.held()));
        if command.status.is_some_and(|status| !status.is_final()) {
            moving.counted = command.counters;
            asked.answers = asked.answers.saturating_add(1);
            let answer = pending(command, message, &held);
            self.answer_caller(context, &answer, None);
            return Ok(());
        }
        moving.over = true;
        let (counted, confined) = (moving.counted, moving.confined.take());
        let failed = failed_list(data, self.contexts.get(context).map(|accepted| *accepted.transfer_syntax))?;
        let claim =
            Claim { status: command.status.unwrap_or(Status::PROCESSING_FAILURE), counters: command.counters, failed };
        let claim = match &confined {
            Some(confined) => {
                let claim = claim.without(held.tally().refused());
                Claim { failed: named(confined, &claim.failed), ..claim }
            }
            None => claim,
        };
        if held.grant.grant.lags {
            return self.archives_word(message, context, command, &claim);
        }
        let claim = claim.counted_before(counted);
        let now = Instant::now();
        let pending = now + self.snapshot.settings.limits.move_pending;
        self.settling.push(Settling {
            number: self.called.number,
            message,
            context,
            command: command.clone(),
            claim,
            held,
            sleep: Box::pin(tokio::time::sleep_until(pending.into())),
            since: now,
            pending,
            noted: HashMap::new(),
            asking: None,
            asked: !self.shared.grants.is_shared(),
            ask: now,
        });
        Ok(())
    }

    /// Looks after the final answers that are held back. Whether anything came of it.
    pub(super) fn poll_settling(&mut self, cx: &mut Context<'_>) -> Result<bool, Ending> {
        let mut progress = false;
        let mut index = 0;
        while let Some(mut settling) = (index < self.settling.len()).then(|| self.settling.swap_remove(index)) {
            if self.poll_one(&mut settling, cx) {
                self.conclude(settling)?;
                progress = true;
            } else {
                let last = self.settling.len();
                self.settling.push(settling);
                self.settling.swap(index, last);
                index += 1;
            }
        }
        Ok(progress)
    }

    /// Whether the answer can be given.
    fn poll_one(&mut self, settling: &mut Settling, cx: &mut Context<'_>) -> bool {
        settling.held.register(cx.waker());
        let limits = &self.snapshot.settings.limits;
        loop {
            settling.take_noted(cx);
            let now = Instant::now();
            let (seen, last, idle) = {
                let tally = settling.held.tally();
                (settling.claim.is_seen(&tally), tally.last(), tally.counts().in_flight == 0)
            };
            // What a failed or cancelled move left under way is still waited for, but nothing more.
            let more = !matches!(settling.claim.status.kind(), StatusKind::Failure | StatusKind::Cancel);
            let quiet = last.max(settling.since) + limits.delivery_wait;
            if seen || settling.asked && idle && (!more || now >= quiet) {
                return true;
            }
            if now >= settling.pending {
                settling.pending = now + limits.move_pending;
                // Whoever waits for the destination has not fallen silent.
                self.timers.heard(now);
                let answer = pending(&settling.command, settling.message, &settling.held);
                self.answer_caller(settling.context, &answer, None);
                return self.poll_one(settling, cx);
            }
            if settling.asking.is_none() && now >= settling.ask && self.shared.grants.is_shared() {
                let (grants, id) = (Arc::clone(&self.shared.grants), settling.held.grant.id);
                settling.asking = Some(Box::pin(async move { grants.all_seen(id).await }));
                settling.ask = now + ASK;
                continue;
            }
            let mut due = settling.pending;
            if idle && more {
                due = due.min(quiet);
            }
            if self.shared.grants.is_shared() && settling.asking.is_none() {
                due = due.min(settling.ask);
            }
            settling.sleep.as_mut().reset(due.into());
            if settling.sleep.as_mut().poll(cx).is_pending() {
                return false;
            }
        }
    }

    fn conclude(&mut self, settling: Settling) -> Result<(), Ending> {
        let Settling { number, message, context, command, claim, held, .. } = settling;
        let conclusion = claim.conclude(&held.tally());
        if conclusion.unseen > 0 {
            tracing::warn!(
                archive = %held.grant.grant.archive,
                destination = %held.grant.grant.destination,
                unseen = conclusion.unseen,
                "the archive counts deliveries that did not come through this gateway: does it know the destination at the gateway's inside listener?"
            );
        }
        self.focus(number);
        let Some(index) = self.called.asked.iter().position(|asked| asked.message == message) else { return Ok(()) };
        let asked = self.called.asked.remove(index);
        let answer = Command {
            responded_to: Some(message),
            status: Some(conclusion.status),
            counters: conclusion.counters,
            data_set: !conclusion.failed.is_empty(),
            ..command
        };
        self.settle_permit(asked, &answer)?;
        let data = self.failed_data_set(context, &conclusion.failed);
        self.answer_caller(context, &answer, data.as_deref());
        Ok(())
    }

    /// Deliveries may come hours later: the counters are the archive's, and the answer says so.
    fn archives_word(&mut self, message: u16, context: u8, command: &Command, claim: &Claim) -> Result<(), Ending> {
        let Some(index) = self.called.asked.iter().position(|asked| asked.message == message) else { return Ok(()) };
        let asked = self.called.asked.remove(index);
        let data = self.failed_data_set(context, &claim.failed);
        let answer = Command { responded_to: Some(message), data_set: data.is_some(), ..command.clone() };
        let answer = match answer.comment {
            Some(_) => answer,
            None => answer.with_comment("counted by the archive, deliveries may follow"),
        };
        self.settle_permit(asked, &answer)?;
        self.answer_caller(context, &answer, data.as_deref());
        Ok(())
    }

    pub(super) fn failed_data_set(&self, context: u8, failed: &[Uid]) -> Option<Vec<u8>> {
        if failed.is_empty() {
            return None;
        }
        let syntax = self.contexts.get(context).map(|accepted| *accepted.transfer_syntax)?;
        let list: Vec<&str> = failed.iter().map(Uid::as_str).collect();
        Some(Written::new().with(FAILED, b"UI", list.join("\\")).encode(encoding_of(&syntax)))
    }

    /// The system in focus owes an answer to a C-MOVE that this gateway carries.
    pub(super) fn is_move_answer(&self, command: &Command) -> bool {
        self.called.asked.iter().any(|asked| {
            Some(asked.sent_as) == command.responded_to
                && matches!(asked.purpose, Purpose::Move(Moving { over: false, .. }))
                && Some(command.field) == asked.field.response()
        })
    }
}

impl Settling {
    /// What other gateways have delivered is counted once, and once more if it ended otherwise the next time.
    fn take_noted(&mut self, cx: &mut Context<'_>) {
        let Some(asking) = &mut self.asking else { return };
        let Poll::Ready(answer) = asking.as_mut().poll(cx) else { return };
        self.asking = None;
        self.asked = true;
        match answer {
            Ok(all) => {
                let mut tally = self.held.tally();
                for seen in all {
                    if self.noted.insert(seen.instance, seen.status) != Some(seen.status) {
                        tally.note(seen.instance, seen.status, Instant::now());
                    }
                }
            }
            Err(fault) => tracing::warn!(%fault, "what other gateways delivered is not known"),
        }
    }
}

/// A pending answer: what was seen, and what the archive still counts as remaining.
fn pending(command: &Command, message: u16, held: &Held) -> Command {
    let counts = held.tally().counts();
    let Counters { remaining, completed, failed, warning } = command.counters;
    let total: u64 = [remaining, completed, failed, warning].into_iter().flatten().map(u64::from).sum();
    let seen = counts.attempts.min(total);
    let clamp = |count: u64| u16::try_from(count).unwrap_or(u16::MAX);
    let done = seen.saturating_sub(counts.failed).saturating_sub(counts.warning);
    let failed = counts.failed.max(failed.map_or(0, u64::from));
    let counters = Counters {
        remaining: Some(clamp(total.saturating_sub(done).saturating_sub(counts.warning).saturating_sub(failed))),
        completed: Some(clamp(done)),
        failed: Some(clamp(failed)),
        warning: Some(clamp(counts.warning)),
    };
    Command {
        responded_to: Some(message),
        status: Some(Status::PENDING),
        counters,
        data_set: false,
        comment: None,
        ..command.clone()
    }
}

/// The Failed SOP Instance UID List that an archive gives.
pub(super) fn failed_list(data: &DataSet, syntax: Option<Uid>) -> Result<Vec<Uid>, Ending> {
    let (Some(bytes), Some(syntax)) = (data.kept.as_deref().filter(|bytes| !bytes.is_empty()), syntax) else {
        return Ok(Vec::new());
    };
    let limits = crate::dicom::dataset::WalkLimits { value: 1 << 24, ..Default::default() };
    let flat = Flat::read_with(bytes, encoding_of(&syntax), limits, Tolerances::ALL)
        .map_err(|fault| Ending::malformed(End::Called, "data set", fault.to_string(), Abort::INVALID_VALUE))?;
    let list = flat.get(FAILED).unwrap_or_default();
    // What is no UID names no instance.
    Ok(list
        .split(|byte| *byte == b'\\')
        .filter_map(|uid| Uid::new(uid.trim_ascii_end()).ok().or_else(|| Uid::new(uid.strip_suffix(&[0])?).ok()))
        .collect())
}
