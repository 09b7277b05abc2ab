//! `dicomgate policy apply [--yes]`: what the policy file would change for the gateway that runs, and a person's word that
//! it shall be taken although it would refuse what passes today. The gateway takes it; this never does.

use super::diff::{self, Side};
use super::{Answer, Common, Format, json};
use crate::cli::{EXIT_CONFIGURATION, EXIT_INTERNAL};
use crate::config::{self, kept};
use clap::Args;
use std::time::Duration;

/// Arguments of `dicomgate policy apply`.
#[derive(Debug, Clone, Args)]
pub(super) struct Apply {
    #[command(flatten)]
    common: Common,
    /// Take it: the gateway does so within a second or two
    #[arg(long)]
    yes: bool,
}

/// Exit code 0 if it is confirmed, or would refuse nothing that passes today; 1 if it waits for `--yes`.
pub(super) fn answer(apply: &Apply, now: &jiff::Zoned) -> Answer {
    // As the gateway reads it, its own tests included: what is not sound cannot be confirmed.
    let settings = match config::load(&apply.common.config) {
        Ok(settings) => settings,
        Err(faults) => return Answer::complaint(format!("{faults}\n"), EXIT_CONFIGURATION),
    };
    let state = settings.gateway.state.clone();
    let digest = settings.source.texts.digest();
    let Some(files) = kept::running(&state) else {
        let words = format!("no gateway has kept the policy that it runs in `{}` yet\n", state.display());
        return Answer::complaint(words, 1);
    };
    if kept::running_texts(&state).is_some_and(|texts| texts.digest() == digest) {
        return say(apply, "the gateway runs this policy already", &digest, None, 0);
    }
    let since = back(now, settings.confirm.replay);
    let new = match diff::compiled(settings) {
        Ok(new) => new,
        Err(answer) => return answer,
    };
    let old = diff::side(&apply.common.config, &files);
    if !apply.yes {
        return match old {
            Ok(old) => show(apply, &old, &new, since, now, &digest),
            Err(answer) => answer,
        };
    }
    if let Err(fault) = kept::confirm(&state, &digest) {
        let advice = "it must be run as root or as the user that the gateway runs as";
        return Answer::complaint(
            format!("`{}` cannot be written: {fault}; {advice}\n", state.display()),
            EXIT_INTERNAL,
        );
    }
    say(apply, "confirmed: the gateway takes this policy at its next look, if it waits for it", &digest, None, 0)
}

fn show(
    apply: &Apply,
    old: &Side,
    new: &Side,
    since: Option<jiff::Timestamp>,
    now: &jiff::Zoned,
    digest: &str,
) -> Answer {
    let state = &new.settings.gateway.state;
    let outcome = match diff::compare(old, new, state, since, now) {
        Ok(outcome) => outcome,
        Err(answer) => return answer,
    };
    let above = new.settings.confirm.above;
    let refused = outcome.replay.as_ref().map_or(0, |replay| replay.change.newly_refused.count);
    let words = match above {
        Some(above) if refused > above => {
            "the gateway does not take it by itself: `dicomgate policy apply --yes` if it shall"
        }
        Some(_) => "the gateway takes it by itself",
        None => "the gateway takes it by itself: `confirm_above` is not set",
    };
    say(apply, words, digest, Some(&outcome), u8::from(outcome.refuses()))
}

fn say(apply: &Apply, words: &str, digest: &str, outcome: Option<&diff::Outcome>, code: u8) -> Answer {
    let text = match apply.common.format {
        Format::Json => {
            json(&serde_json::json!({ "policy": digest, "words": words, "confirmed": apply.yes, "diff": outcome }))
        }
        Format::Text => {
            let shown = outcome.map(diff::Outcome::text).unwrap_or_default();
            let gap = if shown.is_empty() { "" } else { "\n" };
            format!("{shown}{gap}{words}\npolicy {digest}\n")
        }
    };
    Answer::new(text, code)
}

fn back(now: &jiff::Zoned, span: Duration) -> Option<jiff::Timestamp> {
    now.timestamp().checked_sub(jiff::SignedDuration::try_from(span).ok()?).ok()
}
