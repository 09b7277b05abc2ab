//! `dicomgate policy learn [--since 14d]`: a policy that permits what was done and no more, from the audit log.
//!
//! Peers, denies, rules for people and rules that narrow stay as they are; every other permit is written anew from what was
//! recorded, with its evidence. It never learns from what was refused. It writes a file for a person to look at; nothing
//! takes it by itself.

mod evidence;
mod rules;
mod write;

use super::source::{Entries, keys, name_of};
use super::{Answer, history, json};
use crate::audit::keys as audit_keys;
use crate::audit::verify::{Expectations, Proof, verify};
use crate::cli::{EXIT_CONFIGURATION, EXIT_INTERNAL};
use crate::config;
use crate::policy::Policy;
use crate::policy::replay::number;
use clap::{Args, ValueEnum};
use evidence::{Evidence, is_kept};
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use write::Draft;

/// Arguments of `dicomgate policy learn`.
#[derive(Debug, Clone, Args)]
pub(super) struct Learn {
    /// Learn from what was recorded since then: a length of time like `14d`
    #[arg(long, value_name = "TIME", value_parser = crate::cli::audit::ago, default_value = "14d")]
    since: jiff::Timestamp,
    /// The gateway's configuration: peers, archives, and where the audit log is
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// State folder, in place of the configuration's
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Write the policy there, and what came out on the terminal [default: the policy itself on the terminal]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Leave the audit log unverified: a long one takes its time
    #[arg(long)]
    unverified: bool,
    /// How the policy is written
    #[arg(long, value_enum, default_value_t)]
    format: Written,
}

/// How the policy is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Written {
    /// `policy.toml`
    #[default]
    Toml,
    /// Rules, evidence and the file, for scripts
    Json,
}

/// Exit code 0; 1 if nothing was done that could be learned from.
pub(super) fn answer(learn: &Learn) -> Answer {
    let settings = match config::load_untested(&learn.config) {
        Ok(settings) => settings,
        Err(faults) => return Answer::complaint(format!("{faults}\n"), EXIT_CONFIGURATION),
    };
    if learn.out.as_deref().is_some_and(|out| is_same(out, &settings.source.policy)) {
        let words = "--out names the policy that is in force: write beside it, compare, and then replace it\n";
        return Answer::complaint(words.to_owned(), 2);
    }
    let state = learn.state.clone().unwrap_or_else(|| settings.gateway.state.clone());
    let entries = Entries::of(&settings.source.texts);
    let policy = match Policy::compile(settings.policy) {
        Ok(policy) => policy,
        Err(faults) => {
            let lines = faults.iter().map(|fault| format!("line {}: {fault}\n", fault.place.line));
            return Answer::complaint(lines.collect(), EXIT_CONFIGURATION);
        }
    };
    let verified = match learn.unverified {
        true => "not verified (--unverified)".to_owned(),
        false => verified(&state),
    };
    let kept = kept(&policy, &entries);
    let names: HashSet<&str> = kept.iter().map(String::as_str).collect();
    let mut evidence = Evidence::new(&policy, names);
    let read = match history::each(&state, Some(learn.since), &mut |past| evidence.take(past)) {
        Ok(read) => read,
        Err(answer) => return answer,
    };
    for subject in &read.quarantined {
        match subject.split_once(':') {
            Some(("peer", name)) => evidence.forget(Some(name), None),
            Some(("user", name)) => evidence.forget(None, Some(name)),
            _ => {}
        }
    }
    if evidence.all.count() == 0 {
        let words = "nothing was done in this time that a policy could be learned from\n".to_owned();
        return Answer::complaint(words, 1);
    }
    written(learn, &policy, &entries, &evidence, &kept, &verified)
}

fn is_same(a: &Path, b: &Path) -> bool {
    match (std::fs::canonicalize(a), std::fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// The rules that stay, by their names.
fn kept(policy: &Policy, entries: &Entries) -> BTreeSet<String> {
    let keys_of = |name: &str| {
        let table = entries.rules.iter().find(|table| name_of(table) == name);
        table.map(|table| keys(table)).unwrap_or_default()
    };
    let rules = policy.model().rules.iter().filter(|rule| is_kept(rule, &keys_of(&rule.name)));
    rules.map(|rule| rule.name.to_string()).collect()
}

/// Whether the log is what the gateway wrote, in words.
fn verified(state: &Path) -> String {
    let ratchet = audit_keys::exist(state).then(|| audit_keys::ratchet_state(state).ok()).flatten();
    let expect = Expectations { ratchet, partial: true, ..Expectations::default() };
    let report = match verify(&state.join("audit"), expect, || audit_keys::ratchet_state(state).ok()) {
        Ok(report) => report,
        Err(fault) => return format!("NOT VERIFIED, {fault}"),
    };
    match (report.faults.first(), report.proven) {
        (Some(fault), _) => format!("NOT PROVEN, `dicomgate audit verify` shows why: {fault}"),
        (None, Some((_, proof))) => {
            let by = match proof {
                Proof::Signature => "the gateway's signature",
                Proof::Mac => "signature and seed",
            };
            format!("proven up to record {} by {by}", number(report.proven_to()))
        }
        (None, None) => "no checkpoint proves it yet".to_owned(),
    }
}

fn written(
    learn: &Learn,
    policy: &Policy,
    entries: &Entries,
    evidence: &Evidence<'_>,
    kept: &BTreeSet<String>,
    verified: &str,
) -> Answer {
    let rules = rules::rules(evidence, policy, kept);
    let seen: BTreeSet<String> = evidence
        .learned
        .keys()
        .map(|kind| kind.who.device.clone())
        .chain(evidence.users_of_rule.values().flatten().cloned())
        .collect();
    let (mut dropped, mut untested) = (BTreeSet::new(), BTreeSet::new());
    let old: BTreeSet<String> = entries.tests.iter().map(name_of).collect();
    // Tests that fail are left out, and then it is looked at again: once is enough, twice is certain.
    for _ in 0..3 {
        let draft = Draft {
            entries,
            rules: &rules,
            kept,
            by_rule: &evidence.by_rule,
            users_of_rule: &evidence.users_of_rule,
            left_out: &evidence.left_out,
            all: &evidence.all,
            verified,
            seen: &seen,
            dropped: &dropped,
            untested: &untested,
        };
        let text = draft.text();
        let name = learn.out.clone().unwrap_or_else(|| PathBuf::from("the learned policy"));
        let loaded = config::load_text(&learn.config, &name, &text).map_err(|faults| faults.to_string());
        let compiled = loaded.and_then(|settings| {
            let faults =
                |faults: Vec<crate::policy::PolicyFault>| faults.iter().map(|fault| format!("{fault}\n")).collect();
            Policy::compile(settings.policy).map_err(faults)
        });
        let new = match compiled {
            Ok(new) => new,
            Err(faults) => {
                let words = "what was learned is no sound policy; its faults, so that it can be looked at";
                return Answer::complaint(format!("{words}:\n{faults}\n"), EXIT_INTERNAL);
            }
        };
        let failed: Vec<String> =
            new.run_tests().into_iter().filter(|test| !test.passed).map(|test| test.name).collect();
        if failed.is_empty() {
            return finished(learn, &draft, &text);
        }
        let (of_old, own): (BTreeSet<String>, BTreeSet<String>) =
            failed.into_iter().partition(|name| old.contains(name));
        dropped.extend(of_old);
        untested.extend(own);
    }
    Answer::complaint("the tests of what was learned contradict one another\n".to_owned(), EXIT_INTERNAL)
}

fn finished(learn: &Learn, draft: &Draft<'_>, text: &str) -> Answer {
    let output = match learn.format {
        Written::Toml => text.to_owned(),
        Written::Json => json(&serde_json::json!({
            "operations": draft.all.count(),
            "evidence": draft.all,
            "verified": draft.verified,
            "left_out": draft.left_out,
            "rules": draft.rules.iter().map(rule_json).collect::<Vec<_>>(),
            "kept": draft.kept.iter().map(|name| serde_json::json!({
                "name": name,
                "evidence": draft.by_rule.get(name),
            })).collect::<Vec<_>>(),
            "tests": draft.tests(),
            "policy": text,
        })),
    };
    let Some(out) = &learn.out else { return Answer::new(output, 0) };
    if let Err(fault) = std::fs::write(out, &output) {
        return Answer::complaint(format!("`{}` cannot be written: {fault}\n", out.display()), EXIT_INTERNAL);
    }
    let once: usize = draft.rules.iter().map(|rule| rule.evidence.once.len()).sum();
    let words = format!(
        "{} rules learned from {} operations, {} kept as they are; {} operations were seen once only: look at them\n\
         the audit log: {}\n`dicomgate policy diff {} {} --replay 30d` says what it would change\n",
        number(draft.rules.len() as u64),
        number(draft.all.count()),
        number(draft.kept.len() as u64),
        number(once as u64),
        draft.verified,
        "OLD",
        out.display()
    );
    Answer::new(words, 0)
}

fn rule_json(rule: &rules::Learned) -> serde_json::Value {
    let rights = &rule.rights;
    serde_json::json!({
        "name": rule.name,
        "who": rule.who,
        "via": rule.via,
        "to": rule.to,
        "may": rights.may,
        "sop_classes": rights.sop_classes,
        "modalities": rights.modalities,
        "transfer_syntaxes": rights.transfer_syntaxes,
        "destinations": rights.destinations,
        "seal": rights.seal,
        "open": rights.open,
        "evidence": rule.evidence,
    })
}
