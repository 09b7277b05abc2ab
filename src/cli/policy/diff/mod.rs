//! `dicomgate policy diff OLD NEW [--replay 30d]`: what changes between two policies, and what the change would have done
//! to what was recorded. It reads; it takes nothing.

mod structure;
mod text;

use super::source::Entries;
use super::{Answer, Format, history, json};
use crate::audit::history::Seen;
use crate::cli::EXIT_CONFIGURATION;
use crate::config::{self, PolicyFiles, PolicyTexts, Settings};
use crate::policy::replay::{Change, Replay};
use crate::policy::{Moment, Policy};
use clap::Args;
use std::path::{Path, PathBuf};
use structure::Differs;

/// Arguments of `dicomgate policy diff`.
#[derive(Debug, Clone, Args)]
pub(super) struct Diff {
    /// The policy that is
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The policy that is to be
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Decide the operations of this time by both: `30d`, `12h`
    #[arg(long, value_name = "TIME", value_parser = crate::cli::audit::ago)]
    replay: Option<jiff::Timestamp>,
    /// The gateway's configuration: archives, and where the audit log is
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// State folder, in place of the configuration's
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What came out.
#[derive(Debug, serde::Serialize)]
pub(super) struct Outcome {
    /// Entries that differ.
    pub changes: Vec<Differs>,
    /// What it would have done; `None`: nothing was replayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replayed>,
}

/// A replay, and since when.
#[derive(Debug, serde::Serialize)]
pub(super) struct Replayed {
    /// Since when.
    pub since: String,
    /// What came by.
    pub seen: Seen,
    /// What would change.
    pub change: Change,
    /// In one line.
    pub headline: String,
    /// No rule of the old policy permitted some of it: it observes, and the new one was asked without observing.
    pub observing: bool,
}

/// One side.
pub(super) struct Side {
    pub settings: Settings,
    pub policy: Policy,
}

/// Exit code 1 if anything would newly be refused, 0 otherwise.
pub(super) fn answer(diff: &Diff, now: &jiff::Zoned) -> Answer {
    let files = |policy: &Path| PolicyFiles { policy: policy.to_owned(), peers: None };
    let (old, new) = match (side(&diff.config, &files(&diff.old)), side(&diff.config, &files(&diff.new))) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(answer), _) | (_, Err(answer)) => return answer,
    };
    let state = diff.state.as_ref().unwrap_or(&new.settings.gateway.state);
    match compare(&old, &new, state, diff.replay, now) {
        Ok(outcome) => outcome.answer(diff.format),
        Err(answer) => answer,
    }
}

/// Loads one policy as the configuration would have it.
pub(super) fn side(config: &Path, files: &PolicyFiles) -> Result<Side, Answer> {
    let settings = config::load_with(config, files)
        .map_err(|faults| Answer::complaint(format!("{faults}\n"), EXIT_CONFIGURATION))?;
    compiled(settings)
}

/// Compiles the policy of settings.
pub(super) fn compiled(settings: Settings) -> Result<Side, Answer> {
    match Policy::compile(settings.policy.clone()) {
        Ok(policy) => Ok(Side { settings, policy }),
        Err(faults) => {
            let lines = faults.iter().map(|fault| format!("line {}: {fault}\n", fault.place.line));
            Err(Answer::complaint(lines.collect(), EXIT_CONFIGURATION))
        }
    }
}

/// Compares, and replays if there is a moment to begin at.
pub(super) fn compare(
    old: &Side,
    new: &Side,
    state: &Path,
    since: Option<jiff::Timestamp>,
    now: &jiff::Zoned,
) -> Result<Outcome, Answer> {
    let entries = |texts: &PolicyTexts| Entries::of(texts);
    let changes = structure::compare(&entries(&old.settings.source.texts), &entries(&new.settings.source.texts));
    let Some(since) = since else { return Ok(Outcome { changes, replay: None }) };
    // The old one does what it does today; of the new one, the rules are asked.
    let observing = old.policy.observes(Moment::of(now));
    let mut replay = Replay::new(&old.policy, &new.policy, (observing, false));
    let read = history::each(state, Some(since), &mut |past| {
        replay.take(&past.recorded, past.then, past.count, past.mark);
    })?;
    let change = replay.finish();
    let headline = change.headline();
    Ok(Outcome {
        changes,
        replay: Some(Replayed { since: since.to_string(), seen: read.seen, change, headline, observing }),
    })
}

impl Outcome {
    /// Whether something would newly be refused.
    pub fn refuses(&self) -> bool {
        self.replay.as_ref().is_some_and(|replay| replay.change.newly_refused.count > 0)
    }

    pub fn answer(&self, format: Format) -> Answer {
        let text = match format {
            Format::Json => json(self),
            Format::Text => text::text(self),
        };
        Answer::new(text, u8::from(self.refuses()))
    }

    pub fn text(&self) -> String {
        text::text(self)
    }
}
