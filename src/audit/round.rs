//! Sealing what an archive holds already, for the record: a command does it beside the gateway and tells it what it did.

use crate::audit::body::Body;
use crate::audit::read::Record;
use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoundStep {
    /// A round through an archive begins.
    Begun,
    /// An instance is sealed in its place, and was read back.
    Sealed,
    /// An instance is left as it is.
    Left,
    /// The archive did not keep a sealed instance, and has its original back.
    Restored,
    /// The archive has neither the sealed instance nor its original; it is kept beside.
    Kept,
    /// The round is over.
    Ended,
}

impl RoundStep {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Begun, "seal-archive-begun"),
        (Self::Sealed, "seal-archive-sealed"),
        (Self::Left, "seal-archive-left"),
        (Self::Restored, "seal-archive-restored"),
        (Self::Kept, "seal-archive-kept"),
        (Self::Ended, "seal-archive-ended"),
    ];

    /// The event's name in the record.
    pub fn event(self) -> &'static str {
        Self::ALL.iter().find(|(step, _)| *step == self).map_or("seal-archive", |(_, name)| name)
    }

    /// Whether somebody has to look into it: its record gets an incident id.
    pub const fn is_alarming(self) -> bool {
        matches!(self, Self::Restored | Self::Kept)
    }
}

/// What a command did, as it tells the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundNote {
    /// What happened.
    pub step: RoundStep,
    /// Which round: 128 random bits, hexadecimal.
    pub round: String,
    /// When, by the command's clock.
    pub told: jiff::Timestamp,
    /// Who runs it, on which machine's account.
    pub by: String,
    /// The archive.
    pub archive: String,
    /// SOP Class UID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sop_class: Option<String>,
    /// SOP Instance UID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Study Instance UID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study: Option<String>,
    /// The seal, 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<String>,
    /// Bytes of the sealed object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Why, or what came of it, in words without values of patients.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub words: String,
    /// How many, at the end: sealed, left, failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<RoundCounts>,
}

/// What became of the objects of a round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundCounts {
    /// Sealed and read back.
    pub sealed: u64,
    /// Sealed before.
    pub already: u64,
    /// Never sealed, or nothing in them to be sealed.
    pub never: u64,
    /// Left as they are, given back, or kept beside, because something went wrong.
    pub failed: u64,
}

impl RoundNote {
    pub(super) fn encode(&self, body: &mut Body) {
        body.text("round", &self.round)
            .text("told", self.told.to_string())
            .text("by", &self.by)
            .text("archive", &self.archive)
            .text_if("sop_class", self.sop_class.as_deref())
            .text_if("instance", self.instance.as_deref())
            .text_if("study", self.study.as_deref())
            .text_if("seal", self.seal.as_deref());
        if let Some(bytes) = self.bytes {
            body.number("bytes", bytes);
        }
        if let Some(counts) = self.counts {
            body.number("sealed", counts.sealed)
                .number("already", counts.already)
                .number("never", counts.never)
                .number("failed", counts.failed);
        }
        if !self.words.is_empty() {
            body.words("words", &self.words);
        }
    }
}

/// Whether a record is one of these.
pub(super) fn is_round(event: &str) -> bool {
    RoundStep::ALL.iter().any(|(_, name)| *name == event)
}

pub(super) fn headline(record: &Record) -> String {
    let part = |name| record.text(name).unwrap_or("?");
    let (archive, by) = (part("archive"), part("by"));
    match record.event() {
        "seal-archive-begun" => format!("{by} begins to seal what {archive} holds"),
        "seal-archive-sealed" => format!("an object of {archive} is sealed in its place"),
        "seal-archive-left" => format!("an object of {archive} is left as it is"),
        "seal-archive-restored" => {
            format!("VAULT: {archive} did not keep a sealed object, and has its original back")
        }
        "seal-archive-kept" => {
            format!("VAULT: {archive} does not give an object back; what it held lies in the gateway's state folder")
        }
        _ => {
            let count = |name| record.number(name).unwrap_or(0);
            format!(
                "{by} sealed {} objects of {archive}; {} failed, {} were sealed before, {} are never sealed",
                count("sealed"),
                count("failed"),
                count("already"),
                count("never")
            )
        }
    }
}

pub(super) fn about(record: &Record) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(instance) = record.text("instance") {
        let mut line = format!("object    {instance}");
        for name in ["study", "seal"] {
            if let Some(value) = record.text(name) {
                line.push_str(&format!(", {name} {value}"));
            }
        }
        lines.push(line);
    }
    lines.push(format!(
        "round     {}, by {}, at {}",
        record.text("round").unwrap_or("?"),
        record.text("by").unwrap_or("?"),
        record.text("told").unwrap_or("?")
    ));
    lines
}

pub(super) fn remedy(record: &Record) -> Option<&'static str> {
    match record.event() {
        "seal-archive-restored" => Some(
            "the archive changes what it stores, whatever its probe said: `dicomgate vault probe` again before the next round",
        ),
        "seal-archive-kept" => Some(
            "was it deleted there on purpose? then delete the file that the words name; else `dicomgate vault open` it and store it again (docs/proving.md)",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Event;
    use crate::audit::explain::explain;

    fn note(step: RoundStep) -> RoundNote {
        RoundNote {
            step,
            round: "ab".repeat(16),
            told: "2026-02-01T00:00:00Z".parse().unwrap(),
            by: "night (uid 7)".to_owned(),
            archive: "PACS".to_owned(),
            sop_class: Some("1.2.840.10008.5.1.4.1.1.2".to_owned()),
            instance: Some("1.2.3".to_owned()),
            study: Some("1.2".to_owned()),
            seal: None,
            bytes: None,
            words: "the archive is full".to_owned(),
            counts: None,
        }
    }

    #[test]
    fn every_step_is_told_and_explained() {
        for (step, name) in RoundStep::ALL {
            let note = note(step);
            assert_eq!(serde_json::from_str::<RoundNote>(&serde_json::to_string(&note).unwrap()).unwrap(), note);
            let event = Event::Round(&note);
            let body = event.encode(3);
            assert_eq!((event.name(), body.is_numbered()), (name, step.is_alarming()));
            let record = Record(serde_json::from_slice(&[b"{", body.as_bytes(), b"}"].concat()).unwrap());
            let told = explain(&record).join("\n");
            for words in ["PACS", "object    1.2.3, study 1.2", "by night (uid 7)", "because   the archive is full"] {
                assert!(told.contains(words), "{words}: {told}");
            }
            assert_eq!(told.contains("to mend"), step.is_alarming(), "{told}");
        }
    }

    #[test]
    fn the_end_says_how_many() {
        let counts = RoundCounts { sealed: 5, already: 4, never: 3, failed: 2 };
        let note = RoundNote { counts: Some(counts), ..note(RoundStep::Ended) };
        let body = Event::Round(&note).encode(3);
        let record = Record(serde_json::from_slice(&[b"{", body.as_bytes(), b"}"].concat()).unwrap());
        let said = headline(&record);
        assert!(said.contains("sealed 5 objects of PACS; 2 failed, 4 were sealed before, 3 are"), "{said}");
    }
}
