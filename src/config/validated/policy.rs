//! `policy.toml`: the model, what the policy's own compiler finds, and its tests.

use super::{Ground, Kind, archives, inside, peers, repeated, vault, weakness};
use crate::config::fault::Report;
use crate::config::raw::gateway::RawGatewayFile;
use crate::config::raw::narrow::WhereTable;
use crate::config::raw::policy::{RawCanary, RawPeer, RawPolicyFile, RawRule, RawTest};
use crate::config::raw::words::PeerTlsWord;
use crate::config::raw::{Field, Located, parse};
use crate::config::vault::SealWhat;
use crate::dicom::dimse::Operation;
use crate::policy::Policy;
use crate::policy::fault::{Entry, PolicyFault};
use crate::policy::model::{Asker, Budget, Canary, Effect, Peer, Person, PolicyModel, PolicyTest, Rule};
use crate::policy::value::Wanted;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use toml::Spanned;

/// Where faults of the policy may stand.
pub(super) struct Reports<'t> {
    pub(super) policy: Report<'t>,
    pub(super) peers: Option<Report<'t>>,
    pub(super) gateway: Report<'t>,
    /// Failed tests of the policy are faults.
    pub(super) tests: bool,
}

impl<'t> Reports<'t> {
    /// Where faults of a peer belong.
    pub(super) fn peer(&mut self, index: usize, entries: &Entries<'_>) -> &mut Report<'t> {
        match &mut self.peers {
            Some(peers) if index >= entries.peers.len() - entries.imported => peers,
            _ => &mut self.policy,
        }
    }
}

/// The raw entries behind the lists of the model, index by index.
pub(super) struct Entries<'r> {
    pub(super) archives: Vec<&'r crate::config::raw::gateway::RawArchive>,
    pub(super) peers: Vec<&'r RawPeer>,
    imported: usize,
    pub(super) rules: Vec<&'r RawRule>,
    canaries: Vec<&'r RawCanary>,
    tests: Vec<&'r RawTest>,
}

pub(super) fn validate(
    gateway: &RawGatewayFile,
    observe_until: Option<jiff::Timestamp>,
    ground: &mut Ground<'_>,
    reports: &mut Reports<'_>,
) -> PolicyModel {
    let table = parse(reports.policy.text(), &mut reports.policy);
    let raw = RawPolicyFile::read_table(table.get_ref(), 0..0, &mut reports.policy);
    ground.path(&raw.peers_file, Kind::Own, &reports.policy);
    let imported = reports.peers.as_mut().map(peers::read).unwrap_or_default();

    let seal_all = gateway.vault.get().is_some_and(|vault| vault.seal.get() == Some(&SealWhat::All));
    let mut model = PolicyModel { observe_until, seal_all, ..PolicyModel::default() };
    let mut entries = Entries {
        archives: Vec::new(),
        peers: Vec::new(),
        imported: 0,
        rules: Vec::new(),
        canaries: Vec::new(),
        tests: Vec::new(),
    };
    let mut whole = matches!(gateway.archive, Field::Given(_)) && !matches!(raw.peer, Field::Faulty);
    for archive in gateway.archive.items().iter().map(Spanned::get_ref) {
        let Some(ae_title) = archive.ae_title.cloned() else {
            whole = false;
            continue;
        };
        model.archives.push(archives::name_of(ae_title, archive));
        entries.archives.push(archive);
    }
    let own = raw.peer.items().iter().map(Spanned::get_ref);
    for (number, peer) in own.chain(&imported).enumerate() {
        let from_file = number >= raw.peer.items().len();
        let report = match (&mut reports.peers, from_file) {
            (Some(peers), true) => peers,
            _ => &mut reports.policy,
        };
        whole &= !matches!(peer.name, Field::Faulty) && !matches!(peer.groups, Field::Faulty);
        match peer_of(peer, ground, report) {
            Some(made) => {
                weakness::peer(peer, &made, gateway, report);
                model.peers.push(made);
                entries.peers.push(peer);
                entries.imported += usize::from(from_file);
            }
            None => whole = false,
        }
    }
    weakness::listeners(gateway, &model, &mut reports.gateway);
    let report = &mut reports.policy;
    for rule in raw.rule.items().iter().map(Spanned::get_ref) {
        weakness::rule(rule, report);
        weakness::people(rule, gateway, report);
        vault::rule(rule, gateway, report);
        modalities(rule, report);
        model.rules.extend(rule_of(rule, report).inspect(|_| entries.rules.push(rule)));
    }
    for canary in raw.canary.items().iter().map(Spanned::get_ref) {
        model.canaries.extend(canary_of(canary, report).inspect(|_| entries.canaries.push(canary)));
    }
    for test in raw.test.items().iter().map(Spanned::get_ref) {
        model.tests.extend(test_of(test, report).inspect(|_| entries.tests.push(test)));
    }
    vault::readers(gateway, &model, &mut reports.gateway);
    vault::since(gateway, &model, &mut reports.gateway);
    if whole {
        inside::validate(gateway, &model, &entries, reports);
    }
    compile(&model, &entries, whole, reports);
    model
}

fn peer_of(raw: &RawPeer, ground: &mut Ground<'_>, report: &mut Report<'_>) -> Option<Peer> {
    repeated("title", raw.ae_titles.items(), report);
    repeated("network", raw.network.items(), report);
    let trust = ground.path(&raw.trust, Kind::File, report);
    let present = ground.path(&raw.present, Kind::File, report);
    if let (Some(present), Field::Given(given)) = (&present, &raw.present) {
        let key = present.with_extension("key");
        ground.named.push(super::Named { path: key, kind: Kind::Key, place: report.place(given.span()) });
    }
    let tolerate = weakness::tolerances(raw, report);
    let ae_titles = raw.ae_titles.values();
    let first = ae_titles.first().copied()?;
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    Some(Peer {
        name: raw.name.get().map_or_else(|| Arc::from(first.as_str()), |name| name.0.as_str().into()),
        line: report.line(raw.here.start),
        ae_titles,
        description: raw.description.cloned().unwrap_or_default(),
        certificate: raw.certificate.cloned(),
        networks: raw.network.values(),
        address: raw.address.get().map(ToString::to_string),
        groups: raw.groups.items().iter().map(|group| group.get_ref().0.as_str().into()).collect(),
        plain: raw.tls.get() == Some(&PeerTlsWord::Off),
        trust: trust.map(text),
        present: present.map(text),
        tolerate,
        commit_report: raw.commit_report.cloned().unwrap_or_default(),
        edge: raw.edge.cloned().unwrap_or_default(),
        emergency_titles: raw.emergency_titles.values(),
        username_only: raw.username_only.cloned().unwrap_or_default(),
        vault_shared: raw.vault.get().is_some(),
    })
}

fn rule_of(raw: &RawRule, report: &Report<'_>) -> Option<Rule> {
    Some(Rule {
        name: raw.name.get()?.0.as_str().into(),
        line: report.line(raw.here.start),
        who: raw.who.values(),
        via: raw.via.values(),
        to: raw.to.items().iter().map(|to| to.get_ref().0.as_str().into()).collect(),
        may: raw.may.values(),
        effect: raw.effect.get().map(|effect| effect.0).unwrap_or_default(),
        sop_classes: raw.sop_classes.items().iter().map(|class| class.get_ref().0).collect(),
        modalities: raw.modalities.items().iter().map(|modality| modality.get_ref().0.as_str().into()).collect(),
        transfer_syntaxes: raw.transfer_syntaxes.items().iter().map(|syntax| syntax.get_ref().0).collect(),
        hours: raw.hours.cloned(),
        days: raw.days.items().iter().map(|day| day.get_ref().0).collect(),
        destinations: raw.destinations.values(),
        r#where: sound(&raw.narrow)?,
        where_patient: sound(&raw.where_patient)?,
        hide: raw.hide.items().iter().map(|attribute| attribute.get_ref().0).collect(),
        hide_in_objects: raw.hide_in_objects.cloned().unwrap_or_default(),
        require_key: raw.require_key.items().iter().map(|attribute| attribute.get_ref().0).collect(),
        levels: raw.levels.items().iter().map(|level| level.get_ref().0).collect(),
        max_results: raw.max_results.cloned().map(u32::from),
        limit_status: raw.limit_status.get().map(|status| status.0),
        budget: raw
            .budget
            .get()
            .map(|budget| Budget { blown: raw.on_budget.get().map(|blown| blown.0).unwrap_or_default(), ..budget.0 }),
        break_glass: raw.break_glass.get().and_then(|glass| glass.0),
        seal: raw.seal.cloned().unwrap_or_default(),
        open: raw.open.get().map(|open| open.0).unwrap_or_default(),
    })
}

fn test_of(raw: &RawTest, report: &mut Report<'_>) -> Option<PolicyTest> {
    let asker = match (&raw.peer, &raw.archive) {
        (Field::Given(_), Field::Given(archive)) => {
            report
                .error(archive.span(), "either a peer asks or an archive sends")
                .hint("take `peer` or `archive` out, or write two tests");
            None
        }
        (Field::Absent, Field::Absent) => {
            report
                .error(raw.here.clone(), "`peer` is missing in [[test]]")
                .hint("write peer = \"CT1\", or archive = \"PACS\" for what an archive sends unasked");
            None
        }
        (Field::Given(peer), _) => Some(Asker::Peer(peer.get_ref().0.clone())),
        (_, Field::Given(archive)) => Some(Asker::Archive(archive.get_ref().0.clone())),
        (Field::Faulty, _) | (_, Field::Faulty) => None,
    };
    Some(PolicyTest {
        name: raw.name.get()?.0.clone(),
        line: report.line(raw.here.start),
        asker: asker?,
        from: raw.from.cloned(),
        wants: raw.wants.cloned()?,
        to: raw.to.get().map(|to| to.0.clone()),
        sop_class: raw.sop_class.get().map(|class| class.0),
        modality: raw.modality.get().map(|modality| modality.0.clone()),
        transfer_syntax: raw.transfer_syntax.get().map(|syntax| syntax.0),
        destination: raw.destination.cloned(),
        person: person_of(raw, report),
        level: raw.level.get().map(|level| level.0),
        keys: raw.keys.items().iter().map(|attribute| attribute.get_ref().0).collect(),
        at: raw.at.get().map(|at| at.0),
        expect: raw.expect.get()?.0,
        rule: raw.rule.get().map(|rule| rule.0.clone()),
        seal: raw.seal.cloned(),
        open: raw.open.get().map(|open| open.0),
    })
}

/// The conditions of a `where`; `None` where they were not understood: a rule without them would show more.
fn sound(table: &Field<WhereTable>) -> Option<Vec<Wanted>> {
    match table {
        Field::Absent => Some(Vec::new()),
        Field::Given(table) => Some(table.get_ref().0.clone()),
        Field::Faulty => None,
    }
}

fn person_of(raw: &RawTest, report: &mut Report<'_>) -> Option<Person> {
    let emergency = raw.emergency.cloned().unwrap_or_default();
    let given = !raw.user.is_absent() || !raw.roles.is_absent() || !raw.attributes.is_absent() || emergency;
    if let (true, Some(archive)) = (given, raw.archive.spanned()) {
        report
            .error(archive.span(), "an archive sends by itself: no person asks")
            .hint("take `user`, `roles`, `attributes` and `emergency` out, or write a peer");
    }
    given.then(|| Person {
        name: raw.user.get().map(|user| user.0.clone()),
        roles: raw.roles.items().iter().map(|role| role.get_ref().0.clone()).collect(),
        attributes: raw.attributes.get().map(|table| table.0.clone()).unwrap_or_default(),
        emergency,
    })
}

fn canary_of(raw: &RawCanary, report: &Report<'_>) -> Option<Canary> {
    Some(Canary {
        name: raw.name.get()?.0.as_str().into(),
        line: report.line(raw.here.start),
        patient_id: raw.patient_id.get().map(|id| id.0.as_str().into()),
        study: raw.study.get().map(|study| study.0),
    })
}

/// What is read cannot be told by its modality until answers are narrowed, nor can what is decided on its command alone.
fn modalities(rule: &RawRule, report: &mut Report<'_>) {
    let unread = |operation: &&Spanned<Operation>| matches!(operation.get_ref(), Operation::Mpps | Operation::Other);
    if let (Some(modalities), Some(unread)) = (rule.modalities.spanned(), rule.may.items().iter().find(unread)) {
        let message = format!("`{}` is decided before its modality is read", unread.get_ref());
        report.error(modalities.span(), message).hint("write a rule of its own without `modalities` for it");
        return;
    }
    let reads = |operation: &&Spanned<Operation>| {
        matches!(operation.get_ref(), Operation::Find | Operation::Get | Operation::Move)
    };
    let (Some(modalities), Some(read)) = (rule.modalities.spanned(), rule.may.items().iter().find(reads)) else {
        return;
    };
    let permits = rule.effect.get().is_none_or(|effect| effect.0 == Effect::Permit);
    let message = format!("not yet: `modalities` will narrow what `{}` shows", read.get_ref());
    let hint = match permits {
        true => "write a rule of its own without `modalities` for find, get and move, if all may be seen",
        false => "deny find, get and move in a rule of its own, without `modalities`",
    };
    report.error(modalities.span(), message).hint(hint);
}

/// Hands the model to the policy's compiler and its tests; their faults get their places in the files.
fn compile(model: &PolicyModel, entries: &Entries<'_>, whole: bool, reports: &mut Reports<'_>) {
    match Policy::compile(model.clone()) {
        Err(faults) => {
            // What names something cannot be judged while something that could be named was not understood.
            let judged = |fault: &&PolicyFault| {
                whole
                    || !matches!(fault.key, "who" | "via" | "to" | "destinations" | "peer" | "archive" | "destination")
            };
            for fault in faults.iter().filter(judged) {
                place(fault, entries, reports);
            }
        }
        Ok(policy) if !reports.policy.any_error() && !reports.gateway.any_error() => {
            let outcomes = if reports.tests { policy.run_tests() } else { Vec::new() };
            for outcome in outcomes.iter().filter(|outcome| !outcome.passed) {
                let at = reports.policy.line_span(outcome.line);
                reports
                    .policy
                    .error(at, format!("test `{}` fails: {}", outcome.name, outcome.verdict))
                    .hint("change the rules until it passes, or the test if the policy is right");
            }
        }
        Ok(_) => {}
    }
}

fn place(fault: &PolicyFault, entries: &Entries<'_>, reports: &mut Reports<'_>) {
    let index = fault.place.index;
    let (report, at) = match fault.place.entry {
        Entry::Archive => {
            let at = entries.archives.get(index).map(|raw| raw.span_of(fault.key));
            (&mut reports.gateway, at)
        }
        Entry::Peer => {
            let at = entries.peers.get(index).map(|raw| raw.span_of(fault.key));
            (reports.peer(index, entries), at)
        }
        Entry::Rule => (&mut reports.policy, entries.rules.get(index).map(|raw| raw.span_of(fault.key))),
        Entry::Canary => (&mut reports.policy, entries.canaries.get(index).map(|raw| raw.span_of(fault.key))),
        Entry::Test => (&mut reports.policy, entries.tests.get(index).map(|raw| raw.span_of(fault.key))),
    };
    let at: Range<usize> = at.unwrap_or(0..0);
    let at = narrowed(&fault.problem, at, report);
    if report.has_error_in(&at) {
        return; // what was not understood there may be all that is wrong
    }
    let message = format!("{} `{}`: {}", fault.place.entry.as_str(), fault.place.name, fault.problem);
    let added = report.error(at, message);
    if !fault.advice.is_empty() {
        added.hint(&fault.advice);
    }
}

/// The item of a list, or the key of a table, that a problem quotes, if it stands there.
fn narrowed(problem: &str, at: Range<usize>, report: &Report<'_>) -> Range<usize> {
    let quoted = problem.split('`').nth(1).filter(|quoted| !quoted.is_empty());
    let found = quoted.and_then(|quoted| {
        let there = report.text().get(at.clone())?;
        let item = there.find(&format!("\"{quoted}\"")).map(|start| (start, quoted.len() + 2));
        // The keys of a table stand without quotation marks.
        let table = there.starts_with('{');
        let (start, length) = item.or_else(|| Some((there.find(quoted).filter(|_| table)?, quoted.len())))?;
        Some(at.start + start..at.start + start + length)
    });
    found.unwrap_or(at)
}
