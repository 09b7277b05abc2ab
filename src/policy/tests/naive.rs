//! What a policy means, told a second time and as plainly as possible: every rule, in order, from the words of the
//! file. The compiled policy must say the same.

use crate::dicom::dimse::Operation;
use crate::policy::model::{Destination, Effect, Rule, Subject};
use crate::policy::{Known, Open, PolicyModel, Principal, Request};

#[derive(Clone, Copy, PartialEq)]
enum Says {
    Yes,
    No,
    /// Nobody can tell.
    Doubt,
    NotYet,
}

fn known(holds: bool) -> Says {
    if holds { Says::Yes } else { Says::No }
}

/// The verdict in the words of `kit::verdict`, for requests about a known archive and destination.
pub fn decide(model: &PolicyModel, request: &Request<'_>) -> String {
    let operation = request.operation.unwrap();
    let says: Vec<_> = model.rules.iter().map(|rule| (rule, says(model, rule, request, operation))).collect();
    let first = |effect, word| says.iter().find(|(rule, says)| rule.effect == effect && *says == word);
    if let Some((rule, _)) = first(Effect::Deny, Says::Yes) {
        return format!("deny {}", rule.name);
    }
    let (permit, perhaps) = (first(Effect::Permit, Says::Yes), first(Effect::Permit, Says::NotYet));
    let observing = model.observe_until.is_some_and(|until| request.at.unix < until.as_second());
    let permitted = permit.is_some() || observing;
    if !permitted && perhaps.is_none() {
        return "deny".to_owned();
    }
    if first(Effect::Deny, Says::NotYet).is_some() || (permit.is_none() && perhaps.is_some()) {
        return "need".to_owned();
    }
    if vault(model, request).is_none() {
        return "need".to_owned();
    }
    permit.map_or_else(|| "observed".to_owned(), |(rule, _)| format!("permit {}", rule.name))
}

/// What becomes of objects that a permitted request stores or shows; `None`: it hangs on what is not read yet.
pub fn vault(model: &PolicyModel, request: &Request<'_>) -> Option<(bool, Open)> {
    let operation = request.operation.unwrap();
    let archive = model.archives.iter().any(|archive| archive.ae_title.as_str() == &*request.principal.name);
    let permits = || model.rules.iter().filter(|rule| rule.effect == Effect::Permit);
    let observed = !permits().any(|rule| says(model, rule, request, operation) == Says::Yes);
    let (mut seal, mut open) = (operation == Operation::Store && model.seal_all, Open::No);
    let (mut later_seal, mut later_open) = (false, Open::No);
    for rule in permits() {
        if operation == Operation::Store && rule.seal {
            match said(conditions(model, rule, request, operation), true) {
                Says::Yes => seal = true,
                Says::NotYet => later_seal = true,
                _ => {}
            }
            // A person at a device takes nothing away from what the device has to do.
            let device = Principal { user: None, ..request.principal.clone() };
            let device = Request { principal: &device, ..*request };
            let named = [who(model, rule, request), who(model, rule, &device)];
            let about = [
                known(!named.iter().all(|says| *says == Says::No)),
                known(rule.to.iter().any(|name| **name == *request.to)),
                known(rule.may.contains(&operation)),
            ];
            seal |= observed && !about.contains(&Says::No);
        }
        let shows = match operation {
            Operation::Find | Operation::Get | Operation::Move => true,
            Operation::Store => archive,
            _ => false,
        };
        match says(model, rule, request, operation) {
            Says::Yes if shows => open = open.max(rule.open),
            Says::NotYet if shows => later_open = later_open.max(rule.open),
            _ => {}
        }
    }
    (!(later_seal && !seal && !observed) && later_open <= open).then_some((seal, open))
}

fn says(model: &PolicyModel, rule: &Rule, request: &Request<'_>, operation: Operation) -> Says {
    said(conditions(model, rule, request, operation), rule.effect == Effect::Deny)
}

fn said(conditions: [Says; 10], doubt_holds: bool) -> Says {
    if conditions.contains(&Says::No) || (!doubt_holds && conditions.contains(&Says::Doubt)) {
        Says::No
    } else if conditions.contains(&Says::NotYet) {
        Says::NotYet
    } else {
        Says::Yes
    }
}

fn conditions(model: &PolicyModel, rule: &Rule, request: &Request<'_>, operation: Operation) -> [Says; 10] {
    [
        who(model, rule, request),
        known(rule.via.is_empty() || rule.via.iter().any(|subject| is(model, subject, request))),
        known(rule.to.iter().any(|name| **name == *request.to)),
        known(rule.may.contains(&operation)),
        among(&rule.sop_classes, request.sop_class),
        among(&rule.transfer_syntaxes, request.transfer_syntax),
        modality(rule, request),
        known(rule.hours.is_none_or(|hours| {
            let (from, until, minute) = (hours.from, hours.until, request.at.minute);
            if from <= until { (from..until).contains(&minute) } else { minute >= from || minute < until }
        })),
        known(rule.days.is_empty() || rule.days.contains(&request.at.weekday)),
        if operation == Operation::Move { destination(model, rule, request) } else { Says::Yes },
    ]
}

fn who(model: &PolicyModel, rule: &Rule, request: &Request<'_>) -> Says {
    let person = |subject: &&Subject| matches!(subject, Subject::Role(_) | Subject::User(_));
    let counts =
        |subject: &&Subject| rule.effect == Effect::Deny || person(subject) == request.principal.user.is_some();
    known(rule.who.iter().filter(counts).any(|subject| is(model, subject, request)))
}

fn is(model: &PolicyModel, subject: &Subject, request: &Request<'_>) -> bool {
    let peer = model.peers.iter().find(|peer| peer.name == request.principal.name);
    let user = request.principal.user.as_ref();
    match subject {
        Subject::Anyone => peer.is_some(),
        Subject::Peer(name) => peer.is_some_and(|peer| peer.name == *name),
        Subject::Group(group) => peer.is_some_and(|peer| peer.groups.contains(group)),
        Subject::Archive(name) => peer.is_none() && request.principal.name == *name,
        Subject::Role(role) => user.is_some_and(|user| user.roles.iter().any(|own| **own == **role)),
        Subject::User(name) => user.is_some_and(|user| *user.name == **name),
    }
}

fn among<T: PartialEq>(list: &[T], value: Option<&T>) -> Says {
    match value {
        _ if list.is_empty() => Says::Yes,
        None => Says::Doubt,
        Some(value) => known(list.contains(value)),
    }
}

fn modality(rule: &Rule, request: &Request<'_>) -> Says {
    match request.modality {
        _ if rule.modalities.is_empty() => Says::Yes,
        Known::Unread => Says::NotYet,
        Known::Absent => Says::Doubt,
        Known::Is(text) => known(rule.modalities.iter().any(|modality| **modality == *text)),
    }
}

fn destination(model: &PolicyModel, rule: &Rule, request: &Request<'_>) -> Says {
    if rule.destinations.is_empty() {
        return known(rule.effect == Effect::Deny);
    }
    let Some(title) = request.destination else { return Says::Doubt };
    let titles_of = |name: &str| -> Vec<_> {
        let peer = model.peers.iter().find(|peer| *peer.name == *name).map(|peer| peer.ae_titles.clone());
        let archive = model.archives.iter().find(|archive| archive.ae_title.as_str() == name);
        peer.or_else(|| archive.map(|archive| archive.answers_to.clone())).unwrap_or_default()
    };
    known(rule.destinations.iter().any(|destination| match destination {
        Destination::Own => titles_of(&request.principal.name).contains(title),
        Destination::Named(name) => titles_of(name).contains(title) || title.as_str() == &**name,
    }))
}
