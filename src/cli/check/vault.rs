//! The vault: keys and certificates that are really there, proofs of archives that something is sealed for.

use super::place::Places;
use crate::cli::vault::{beside, places, ring};
use crate::config::vault::Carrier;
use crate::config::{Archive, Fault, Settings, Severity, Vault, who};
use crate::keys;
use crate::proxy::vault::VaultRoom;
use crate::proxy::vault::prove::{Carried, Fate, ProbeResult, Trial};
use crate::vault::family::{Family, all as all_families};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What can only be known by loading the keys, by asking the ledger, and by looking for proofs. `offline`: no database of
/// another machine is asked.
pub(super) fn faults(settings: &Settings, offline: bool, now: &jiff::Zoned) -> Vec<Fault> {
    let Some(vault) = &settings.vault else { return Vec::new() };
    let fault = |severity, words: String| Fault { severity, ..Fault::of_file(&settings.source.gateway, words) };
    let mut faults = Vec::new();
    if let Err(wrong) = VaultRoom::load(vault, settings) {
        faults.extend(wrong.into_iter().map(|words| fault(Severity::Error, words)));
    }
    let known = match offline && settings.gateway.database.is_some() {
        true => Ok(Vec::new()),
        false => ring::strangers(settings, vault),
    };
    match known {
        Ok(strangers) => {
            faults.extend(strangers.iter().map(|problem| fault(Severity::Error, problem.to_string())));
        }
        Err(words) => {
            faults.push(fault(Severity::Warning, format!("the ledger of seals cannot be asked for its keys: {words}")));
        }
    }
    for nearby in keys::escrow::nearby(&vault.escrow, &places(settings, vault)) {
        faults.push(fault(Severity::Weakness, beside(&nearby)));
    }
    faults.extend(proofs(settings, vault, now));
    faults
}

/// Archives that something is sealed for need a proof that it comes back.
fn proofs(settings: &Settings, vault: &Vault, now: &jiff::Zoned) -> Vec<Fault> {
    let places = Places::of(settings);
    let mut faults = Vec::new();
    for (index, archive) in
        settings.archives.iter().enumerate().filter(|(_, archive)| who::is_sealed_for(settings, archive))
    {
        let title = archive.ae_title;
        let command = format!("`dicomgate vault probe {title}`");
        let mut add = |severity, words: String, hint: String| {
            faults.push(Fault { severity, ..places.archive(settings, index, words) }.with_hint(hint));
        };
        match ProbeResult::load(&settings.gateway.state, &title) {
            Ok(None) => {
                let words =
                    format!("nothing is sealed for archive `{title}` before a probe has proven that it comes back");
                let unproven = match vault.unproven {
                    crate::config::vault::Unproven::Refuse => "is refused",
                    crate::config::vault::Unproven::Pass => "is stored in clear",
                };
                add(
                    Severity::Weakness,
                    words,
                    format!("{command} proves it; until then what would be sealed {unproven}"),
                );
            }
            Ok(Some(result)) if !result.is_of(&archive.address.to_string()) => {
                let words = format!("archive `{title}` was proven at another address, `{}`", result.address);
                add(Severity::Weakness, words, format!("{command} proves the one that is there now"));
            }
            Ok(Some(result)) if !unproven(archive, &result).is_empty() => {
                let mut words = format!("not everything comes back from archive `{title}` as it would be sealed");
                for (why, families) in unproven(archive, &result) {
                    let _ = write!(words, "; {why}: {}", families.join(", "));
                }
                let fate = match vault.unproven {
                    crate::config::vault::Unproven::Refuse => "refused",
                    crate::config::vault::Unproven::Pass => "stored in clear",
                };
                add(
                    Severity::Weakness,
                    words,
                    format!("what would be sealed of these is {fate}; does another `carrier` work? {command} says"),
                );
            }
            Ok(Some(result)) if result.age(now.timestamp()) > vault.probe_every => {
                let days = result.age(now.timestamp()).as_secs() / 86_400;
                let words = format!("archive `{title}` was proven {days} days ago");
                let hint = format!(
                    "a gateway that runs tries it every hour, and its log says why it could not; {command} proves it now"
                );
                add(Severity::Warning, words, hint);
            }
            Ok(Some(result)) if archive.vault.reads_back() && !result.finds_again() => {
                let words = format!(
                    "what is stored in archive `{title}` cannot be read back as it was stored, as its probe found"
                );
                let hint = "take `verify_after_store` and `resend = \"compare\"` out: what is read back would never be acknowledged, and nothing would be found to compare with";
                add(Severity::Weakness, words, hint.to_owned());
            }
            Ok(Some(_)) => {}
            Err(fault) => add(Severity::Weakness, fault.to_string(), format!("{command} proves it again")),
        }
    }
    faults
}

/// Families that the archive takes and that are not sealed for it, by what its probe found.
fn unproven(archive: &Archive, result: &ProbeResult) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let taken = |family: &Family| {
        let own = |trial: &&Trial| trial.family == family.name;
        result.trials.iter().filter(own).any(|trial| trial.get != Some(Fate::NotTaken))
    };
    for family in all_families().filter(|family| taken(family)) {
        let pixels = archive.vault.carrier == Carrier::Pixels && result.tried(family.name, Carried::Pixels);
        let carried = if pixels { Carried::Pixels } else { Carried::Attributes };
        if let Err(why) = result.proves(family.name, carried) {
            found.entry(why).or_default().push(family.name.to_owned());
        }
    }
    found
}

/// What is sealed, in a few lines.
pub(super) fn meaning(settings: &Settings, text: &mut String) {
    let Some(vault) = &settings.vault else { return };
    let sealed = settings.archives.iter().filter(|archive| who::is_sealed_for(settings, archive));
    let titles: Vec<String> = sealed.clone().map(|archive| archive.ae_title.to_string()).collect();
    let what = match (titles.is_empty(), settings.policy.seal_all) {
        (true, _) => "no rule seals anything".to_owned(),
        (false, true) => format!("everything that is stored is sealed for {}", titles.join(", ")),
        (false, false) => format!("what rules with `seal` store is sealed for {}", titles.join(", ")),
    };
    let escrow = match vault.escrow.len() {
        0 => "NO ESCROW".to_owned(),
        count => super::counted(count, "escrow certificate"),
    };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  vault: {what}; {escrow}");
    for archive in sealed {
        if let Ok(Some(result)) = ProbeResult::load(&settings.gateway.state, &archive.ae_title) {
            let due = result.due(vault.probe_every).strftime("%Y-%m-%d");
            let _ = writeln!(
                text,
                "  vault: archive {} is proven again by the gateway that runs from {due} on",
                archive.ae_title
            );
        }
    }
}
