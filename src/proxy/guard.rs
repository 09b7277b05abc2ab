//! Before a changed policy is taken: how much of what passed lately it would refuse. It only counts; whether that is too
//! much stands in the configuration, and whether it is taken all the same is a person's to say.

use super::clock;
use super::snapshot::Snapshot;
use crate::audit::history::{self, Span};
use crate::config::{Confirm, kept};
use crate::policy::replay::{Replay, number};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// How a person takes a policy that waits.
const COMMAND: &str = "`dicomgate policy apply` shows what would change, `dicomgate policy apply --yes` takes it";

/// A changed policy that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Which one.
    pub digest: String,
    /// Why, and what to do.
    pub words: String,
}

/// Whether the new policy may follow the old one now. Blocks for as long as the records take; `stop` ends it early.
pub fn look(before: &Snapshot, after: &Snapshot, stop: &AtomicBool) -> Result<(), Held> {
    let confirm = before.settings.confirm;
    let confirm = if confirm.above.is_some() { confirm } else { after.settings.confirm };
    let Some(above) = confirm.above else { return Ok(()) };
    let digest = after.settings.source.texts.digest();
    let state = &before.settings.gateway.state;
    if before.settings.source.texts.digest() == digest || kept::is_confirmed(state, &digest) {
        return Ok(());
    }
    let held =
        |words: String| Held { digest: digest.clone(), words: format!("the changed policy waits: {words}; {COMMAND}") };
    match count(before, after, confirm, &state.join("audit"), stop) {
        Ok((refused, words)) if refused > above => Err(held(format!("it {words} (`confirm_above = {above}`)"))),
        Ok(_) => Ok(()),
        Err(words) => Err(held(words)),
    }
}

fn count(
    before: &Snapshot,
    after: &Snapshot,
    confirm: Confirm,
    audit: &Path,
    stop: &AtomicBool,
) -> Result<(u64, String), String> {
    let now = clock::moment();
    let observing = (before.policy.observes(now), after.policy.observes(now));
    let mut replay = Replay::new(&before.policy, &after.policy, observing);
    let back = i64::try_from(confirm.replay.as_secs()).unwrap_or(i64::MAX);
    let since = jiff::Timestamp::from_second(now.unix.saturating_sub(back)).ok();
    let span = Span { since, zone: jiff::tz::TimeZone::system() };
    let began = Instant::now();
    let mut progress = |_| match stop.load(Ordering::Relaxed) || began.elapsed() > confirm.within {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let read = history::run(audit, &span, &mut progress, &mut |past| {
        replay.take(&past.recorded, past.then, past.count, past.mark);
    });
    let read =
        read.map_err(|fault| format!("the audit log cannot be read, so nothing says what it would refuse: {fault}"))?;
    let change = replay.finish();
    // Enough is known once it refuses too much.
    if !read.whole && change.newly_refused.count <= confirm.above.unwrap_or_default() {
        return Err(format!(
            "only {} records could be looked at within `confirm_within`, and not all of `confirm_replay`",
            number(read.seen.lines)
        ));
    }
    Ok((change.newly_refused.count, change.headline()))
}
