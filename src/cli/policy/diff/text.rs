//! A comparison for people.

use super::structure::{Differs, How};
use super::{Outcome, Replayed};
use crate::policy::replay::{Example, Group, number, operations};
use std::fmt::Write as _;

pub(super) fn text(outcome: &Outcome) -> String {
    let mut text = String::new();
    for differs in &outcome.changes {
        entry(&mut text, differs);
    }
    if outcome.changes.is_empty() {
        text.push_str("no peer, rule or test differs\n");
    }
    if let Some(replayed) = &outcome.replay {
        text.push('\n');
        replay(&mut text, replayed);
    }
    text
}

fn entry(text: &mut String, differs: &Differs) {
    let sign = match differs.how {
        How::Added => '+',
        How::Removed => '-',
        How::Changed => '~',
    };
    let _ = writeln!(text, "{sign} {} `{}`", differs.kind, clean(&differs.name));
    for key in differs.keys.iter().filter(|key| key.key != "name") {
        let _ = match (&key.old, &key.new) {
            (Some(old), Some(new)) => writeln!(text, "    {}: {} -> {}", key.key, clean(old), clean(new)),
            (Some(old), None) if differs.how == How::Changed => {
                writeln!(text, "    {}: {} -> nothing", key.key, clean(old))
            }
            (None, Some(new)) if differs.how == How::Changed => {
                writeln!(text, "    {}: nothing -> {}", key.key, clean(new))
            }
            (old, new) => writeln!(text, "    {}: {}", key.key, clean(old.as_ref().or(new.as_ref()).map_or("", |v| v))),
        };
    }
}

/// What a file holds must not move the cursor of whoever reads this.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn replay(text: &mut String, replayed: &Replayed) {
    let change = &replayed.change;
    let _ = writeln!(
        text,
        "since {}: {} passed ({} by a rule, {} observed), {} refused",
        replayed.since,
        operations(change.passed),
        number(change.permitted),
        number(change.observed),
        number(change.refused)
    );
    let _ = writeln!(text, "{}", change.headline());
    examples(text, &change.newly_refused);
    let permitted = &change.newly_permitted;
    if change.refused_then > 0 {
        let _ = writeln!(
            text,
            "would now permit {} that were refused: {}",
            number(change.refused_then),
            permitted.of_whom()
        );
    } else if permitted.count > 0 {
        let _ = writeln!(
            text,
            "would now permit {} that the old policy refuses: {}",
            number(permitted.count),
            permitted.of_whom()
        );
    }
    examples(text, permitted);
    for (group, words) in [
        (&change.covered, "pass today because the policy observes, and a rule would permit them"),
        (&change.neither, "passed then, and neither policy permits them"),
        (&change.narrowed, "would be narrowed: less would be seen"),
        (&change.widened, "would no longer be narrowed: everything would be seen"),
        (&change.narrowed_otherwise, "would be narrowed otherwise"),
        (&change.newly_sealed, "would be sealed"),
        (&change.no_longer_sealed, "would NO LONGER BE SEALED: they would lie in the archive in clear"),
        (&change.newly_opened, "would have sealed objects opened, or handed out"),
        (&change.no_longer_opened, "would no longer have sealed objects opened, or handed out"),
    ] {
        if group.count > 0 {
            let _ = writeln!(text, "{} {words}: {}", operations(group.count), group.of_whom());
            examples(text, group);
        }
    }
    for (missing, group) in &change.untold {
        let _ = writeln!(
            text,
            "{} cannot be told, because records do not say {missing}: {}",
            operations(group.count),
            group.of_whom()
        );
        examples(text, group);
    }
    if replayed.seen.strangers > 0 {
        let _ = writeln!(
            text,
            "{} refusals of callers whom no policy knew are not replayed",
            number(replayed.seen.strangers)
        );
    }
    if replayed.seen.unreadable > 0 {
        let _ = writeln!(text, "{} lines are no records: `dicomgate audit verify`", number(replayed.seen.unreadable));
    }
    if replayed.observing {
        text.push_str("the gateway observes (`observe_until`): what the new policy would refuse passes until then\n");
    }
}

fn examples(text: &mut String, group: &Group) {
    let mut line = |word: &str, example: &Example| {
        let record = match &example.incident {
            Some(incident) => format!("incident {incident}"),
            None => format!("record {}", example.sequence),
        };
        let (peer, asked, because) = (clean(&example.peer), clean(&example.asked), clean(&example.because));
        let _ = writeln!(text, "    {word} {} {peer}: {asked} ({record}); {because}", example.at);
    };
    let Some(first) = &group.first else { return };
    line("first", first);
    if let Some(last) = group.last.as_ref().filter(|last| last.sequence != first.sequence) {
        line("last ", last);
    }
}
