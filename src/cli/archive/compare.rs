//! What a probe found against what the configuration says: `run` warns at start where they differ.

use super::keep;
use super::report::{Found, Originator, Report};
use crate::config::{Archive, Correlate, Settings};

/// Where the settings of the archives differ from what was found when they were probed last, in words. Archives that
/// were never probed say nothing.
pub fn of_settings(settings: &Settings) -> Vec<String> {
    let state = &settings.gateway.state;
    let said = settings.archives.iter().map(|archive| match keep::read(state, &archive.ae_title) {
        Some(report) => compare(archive, &report),
        None => keep::unreadable(state, &archive.ae_title)
            .map(|fault| {
                let path = keep::path(state, &archive.ae_title);
                format!(
                    "`{}` cannot be read ({fault}): run `dicomgate archive probe` as the gateway's own user",
                    path.display()
                )
            })
            .into_iter()
            .collect(),
    });
    said.flatten().collect()
}

/// Where the settings of an archive differ from what was found, in words.
pub fn compare(archive: &Archive, report: &Report) -> Vec<String> {
    let title = archive.ae_title;
    let day = report.probed.strftime("%Y-%m-%d");
    if archive.address.to_string() != report.address {
        return vec![format!(
            "archive `{title}` was probed on {day} at {}, and is now at {}: probe it again",
            report.address, archive.address
        )];
    }
    let mut differs = Vec::new();
    let mut say = |words: String| differs.push(format!("archive `{title}`: probed on {day}, {words}"));
    if let Found::Known(moved) = &report.moved
        && moved.came > 0
    {
        if archive.correlate == Correlate::Originator && moved.originator != Found::Known(Originator::Right) {
            say("its deliveries did not name who asked for them: `correlate = \"originator\"` will refuse them".into());
        }
        for calling in &moved.calls_as {
            if !archive.calls_as.iter().any(|known| known.as_str() == calling) {
                say(format!("it delivered as `{calling}`, which is not in `calls_as`"));
            }
        }
        for from in &moved.from {
            if !archive.calls_from.is_empty() && !archive.calls_from.iter().any(|network| network.contains(from)) {
                say(format!("it delivered from {from}, which is not in `calls_from`"));
            }
        }
        if moved.late > 0 && archive.deliveries_may_lag.is_none() {
            say(format!(
                "{} of {} deliveries came after its final response, and `deliveries_may_lag` is not set",
                moved.late, moved.came
            ));
        }
    }
    if let Found::Known(capacity) = &report.associations
        && capacity.refused.is_some()
        && archive.max_associations.is_none_or(|most| most > capacity.taken)
    {
        say(format!("it bore {} associations at once, and `max_associations` is not that few", capacity.taken));
    }
    differs
}
