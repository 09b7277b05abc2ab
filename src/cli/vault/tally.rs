//! What became of the objects of an archive, counted and named.

use crate::audit::round::RoundCounts;
use crate::dicom::Uid;
use crate::proxy::vault::convert::{Done, InDoubt};
use crate::proxy::vault::walk::Listed;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// So many instances are named one by one.
const NAMED: usize = 1000;

/// An instance that stays as it is.
#[derive(Debug)]
struct Left {
    instance: Uid,
    study: Option<Uid>,
    why: String,
}

/// The count.
#[derive(Debug, Default)]
pub struct Tally {
    sealed: u64,
    bytes: u64,
    already: u64,
    nothing: u64,
    never: BTreeMap<&'static str, u64>,
    failures: u64,
    failed: Vec<Left>,
    restored: Vec<(Uid, String)>,
    kept: Vec<(Uid, String, PathBuf)>,
    doubtful: Vec<(InDoubt, String)>,
    /// Studies that earlier rounds have done.
    pub skipped: u64,
    /// Instances whose class is not known.
    unnamed: u64,
}

impl Tally {
    /// Counts one.
    pub fn add(&mut self, instance: &Uid, study: Option<&Uid>, done: &Done) {
        match done {
            Done::Sealed { bytes, .. } => {
                self.sealed += 1;
                self.bytes += bytes;
            }
            Done::Already => self.already += 1,
            Done::Nothing => self.nothing += 1,
            Done::Never(family) => *self.never.entry(family).or_default() += 1,
            Done::Failed(why) => {
                self.failures += 1;
                self.left(*instance, study.copied(), why.clone());
            }
            Done::Restored(why) => self.restored.push((*instance, why.clone())),
            Done::Kept { why, file } => self.kept.push((*instance, why.clone(), file.clone())),
        }
    }

    /// One whose class is not known, and why.
    pub fn unnamed(&mut self, listed: &Listed, why: String) {
        self.unnamed += 1;
        self.left(listed.image.instance, Some(listed.study.uid), why);
    }

    fn left(&mut self, instance: Uid, study: Option<Uid>, why: String) {
        if self.failed.len() < NAMED {
            self.failed.push(Left { instance, study, why });
        }
    }

    /// The numbers, for the record.
    pub fn counts(&self) -> RoundCounts {
        let never: u64 = self.never.values().sum();
        let unkept = u64::try_from(self.restored.len() + self.kept.len()).unwrap_or(u64::MAX);
        let failed = self.failures.saturating_add(unkept).saturating_add(self.unnamed);
        RoundCounts { sealed: self.sealed, already: self.already, never: never.saturating_add(self.nothing), failed }
    }

    /// How many the archive did not keep.
    pub fn unkept(&self) -> usize {
        self.restored.len() + self.kept.len()
    }

    /// One whose seal was on its way when an earlier round ended.
    pub fn in_doubt(&mut self, what: &InDoubt, done: &Done) {
        let words = match done {
            Done::Sealed { .. } => "it had been stored, and is verified now".to_owned(),
            Done::Failed(why) | Done::Restored(why) | Done::Kept { why, .. } => why.clone(),
            Done::Already | Done::Never(_) | Done::Nothing => "it is as it was".to_owned(),
        };
        self.doubtful.push((what.clone(), words));
    }

    /// Whether nothing failed.
    pub fn is_good(&self) -> bool {
        self.failures == 0 && self.unkept() == 0 && self.unnamed == 0
    }

    /// In a few words.
    pub fn line(&self) -> String {
        let never: u64 = self.never.values().sum();
        format!(
            "{} sealed ({} MiB), {} sealed before, {} never sealed, {} failed",
            self.sealed,
            self.bytes >> 20,
            self.already,
            never + self.nothing,
            self.counts().failed
        )
    }

    /// The report for people.
    pub fn text(&self, stopped: Option<&str>) -> String {
        let mut text = format!("{}\n", self.line());
        if self.skipped > 0 {
            let _ = writeln!(text, "{} studies were done in earlier rounds", self.skipped);
        }
        for (family, count) in &self.never {
            let _ = writeln!(text, "never sealed: {count} of \"{family}\"");
        }
        if self.nothing > 0 {
            let _ = writeln!(text, "nothing to be sealed in {} objects", self.nothing);
        }
        if self.unnamed > 0 {
            let _ = writeln!(
                text,
                "of {} instances the SOP class is not known: they stay as they are, and are named below",
                self.unnamed
            );
        }
        for (what, words) in &self.doubtful {
            let _ =
                writeln!(text, "not acknowledged in an earlier round: {} (seal {}): {words}", what.instance, what.seal);
        }
        for (instance, why) in &self.restored {
            let _ = writeln!(text, "given back its original: {instance}: {why}");
        }
        for (instance, why, file) in &self.kept {
            let _ = writeln!(text, "LOOK INTO THIS: {instance}: {why}; what it held is `{}`", file.display());
        }
        for Left { instance, study, why } in &self.failed {
            let of = study.map(|study| format!(" of study {study}")).unwrap_or_default();
            let _ = writeln!(text, "failed: {instance}{of}: {why}");
        }
        let unsaid = (self.failures + self.unnamed).saturating_sub(self.failed.len() as u64);
        if unsaid > 0 {
            let _ = writeln!(text, "failed: {unsaid} more");
        }
        if let Some(why) = stopped {
            let _ = writeln!(text, "stopped before the end: {why}\nthe same command goes on from here");
        }
        text
    }

    /// The report for scripts.
    pub fn json(&self, stopped: Option<&str>) -> serde_json::Value {
        let named = |list: &[(Uid, String)]| {
            list.iter().map(|(uid, why)| serde_json::json!({ "instance": uid, "why": why })).collect::<Vec<_>>()
        };
        let doubtful = self.doubtful.iter().map(|(what, words)| {
            serde_json::json!({ "instance": what.instance, "seal": what.seal.to_string(), "found": words })
        });
        serde_json::json!({
            "sealed": self.sealed,
            "bytes": self.bytes,
            "already": self.already,
            "nothing": self.nothing,
            "never": self.never,
            "failures": self.failures,
            "failed": self.failed.iter().map(|Left { instance, study, why }| serde_json::json!({ "instance": instance, "study": study, "why": why })).collect::<Vec<_>>(),
            "restored": named(&self.restored),
            "kept": self.kept.iter().map(|(uid, why, file)| serde_json::json!({ "instance": uid, "why": why, "file": file })).collect::<Vec<_>>(),
            "in_doubt": doubtful.collect::<Vec<_>>(),
            "class_unknown": self.unnamed,
            "studies_done_before": self.skipped,
            "stopped": stopped,
        })
    }
}
