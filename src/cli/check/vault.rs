//! The vault: keys and certificates that are really there, proofs of archives that something is sealed for.

use super::place::Places;
use crate::cli::vault::{beside, places, ring};
use crate::config::{Fault, Settings, Severity, Vault};
use crate::dicom::dimse::Operation;
use crate::keys;
use crate::policy::model::Effect;
use crate::proxy::vault::VaultRoom;
use crate::proxy::vault::prove::ProbeResult;
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
    for (index, archive) in settings.archives.iter().enumerate().filter(|(index, _)| is_sealed_for(settings, *index)) {
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
            Ok(Some(result)) if result.age(now.timestamp()) > vault.probe_every => {
                let days = result.age(now.timestamp()).as_secs() / 86_400;
                let words = format!("archive `{title}` was proven {days} days ago");
                add(Severity::Warning, words, format!("{command} proves it again"));
            }
            Ok(Some(_)) => {}
            Err(fault) => add(Severity::Weakness, fault.to_string(), format!("{command} proves it again")),
        }
    }
    faults
}

/// Whether some rule has objects sealed for an archive.
fn is_sealed_for(settings: &Settings, index: usize) -> bool {
    let policy = &settings.policy;
    let Some(archive) = settings.archives.get(index) else { return false };
    policy.rules.iter().any(|rule| {
        rule.effect == Effect::Permit
            && rule.may.contains(&Operation::Store)
            && (policy.seal_all || rule.seal)
            && rule.to.iter().any(|to| **to == *archive.ae_title.as_str())
    })
}

/// What is sealed, in a few lines.
pub(super) fn meaning(settings: &Settings, text: &mut String) {
    let Some(vault) = &settings.vault else { return };
    let sealed = (0..settings.archives.len()).filter(|index| is_sealed_for(settings, *index));
    let titles: Vec<String> =
        sealed.filter_map(|index| settings.archives.get(index)).map(|archive| archive.ae_title.to_string()).collect();
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
}
