//! `seal` and `open`: what they work on, and who may be handed sealed objects.

use super::faults::{Faults, at_rule};
use super::names::Names;
use crate::dicom::dimse::Operation;
use crate::policy::model::{Effect, PolicyModel, Rule, Subject};
use crate::policy::rights::{Open, SEES};

/// Says what of a rule's `seal` and `open` can do nothing, or would hand sealed objects to who cannot open them.
pub(super) fn check(index: usize, rule: &Rule, model: &PolicyModel, names: &Names, faults: &mut Faults) {
    let written = [("seal", rule.seal), ("open", rule.open != Open::No)];
    if rule.effect == Effect::Deny {
        for (key, _) in written.into_iter().filter(|(_, written)| *written) {
            let problem = format!("a deny refuses whole operations, and `{key}` speaks of what becomes of objects");
            faults.add(at_rule(index, rule), key, problem, "take it out, or write it at the permits");
        }
        return;
    }
    if rule.seal {
        seal(index, rule, names, faults);
    }
    if rule.open != Open::No {
        open(index, rule, faults);
    }
    if rule.open == Open::Sealed {
        shared(index, rule, model, names, faults);
    }
}

fn seal(index: usize, rule: &Rule, names: &Names, faults: &mut Faults) {
    if !rule.may.is_empty() && !rule.may.contains(&Operation::Store) {
        let problem = "`seal` works on store, and the rule does not permit it".to_owned();
        faults.add(at_rule(index, rule), "seal", problem, "take it out, or add `store` to `may`");
    }
    let peer = rule.to.iter().find(|name| names.party(name).is_some_and(|(_, party)| !party.archive));
    if let Some(peer) = peer {
        let problem = format!("`{peer}` is a peer: only what an archive is given to keep is sealed");
        faults.add(at_rule(index, rule), "seal", problem, "take it out, or write a rule of its own for the archives");
    }
}

/// What an archive sends unasked.
fn sends(rule: &Rule) -> bool {
    rule.may.contains(&Operation::Store) && rule.who.iter().any(|who| matches!(who, Subject::Archive(_)))
}

fn open(index: usize, rule: &Rule, faults: &mut Faults) {
    let sees = rule.may.iter().any(|operation| SEES.contains(operation));
    if !rule.may.is_empty() && !sees && !sends(rule) {
        let problem = "`open` works on find, get and move, and the rule permits none of these".to_owned();
        let advice = "take it out; for what an archive sends unasked, it works on store";
        faults.add(at_rule(index, rule), "open", problem, advice);
    }
}

/// Sealed objects go only to who shares the vault: nobody else could make anything of them.
fn shared(index: usize, rule: &Rule, model: &PolicyModel, names: &Names, faults: &mut Faults) {
    let mut devices: Vec<&Subject> = Vec::new();
    let person = |subject: &&Subject| matches!(subject, Subject::User(_) | Subject::Role(_));
    match rule.via.is_empty() {
        true => devices.extend(rule.who.iter().filter(|subject| !person(subject))),
        false => devices.extend(&rule.via),
    }
    if rule.via.is_empty() && rule.who.iter().any(|subject| person(&subject)) {
        let problem = "people would be handed sealed objects at any device".to_owned();
        faults.add(at_rule(index, rule), "open", problem, "name in `via` the devices that share the vault");
    }
    let numbers: Vec<u32> = devices.iter().filter_map(|subject| names.subject(subject)).collect();
    let own = model.peers.iter().zip(&names.parties).filter(|(_, party)| {
        let named = numbers.iter().any(|number| party.subjects.binary_search(number).is_ok());
        let told = sends(rule) && rule.to.contains(&party.name);
        named || told
    });
    let lacking: Vec<&str> = own.filter(|(peer, _)| !peer.vault_shared).map(|(peer, _)| &*peer.name).collect();
    if !lacking.is_empty() {
        let some = lacking.iter().take(4).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let more = lacking.len().checked_sub(4).filter(|more| *more > 0);
        let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
        let problem = format!("{some}{more} could make nothing of sealed objects");
        let advice = "write vault = \"shared\" at the peers that hold the keys of this vault, or open = true";
        faults.add(at_rule(index, rule), "open", problem, advice);
    }
}
