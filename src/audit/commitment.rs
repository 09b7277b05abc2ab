//! What becomes of a report of storage commitment (PS3.4 J.3.3), for the record.

use crate::audit::body::Body;

/// One report, at one step of its way.
#[derive(Debug, Clone, Default)]
pub struct CommitmentNote<'a> {
    /// What became of it.
    pub stage: Stage,
    /// The system that commits.
    pub archive: &'a str,
    /// The requester, by its name; `None` where nobody asked.
    pub peer: Option<&'a str>,
    /// The title that it is called back at; where nobody asked, the title that was called.
    pub title: Option<&'a str>,
    /// Transaction UID, where it could be read.
    pub transaction: Option<&'a str>,
    /// Instances that the requester is told are kept, those that are not, and those among the latter that the archive
    /// keeps and the requester may not see.
    pub instances: Option<Instances>,
    /// How often it was offered, this time included.
    pub attempts: u32,
    /// The association it went out on: `same`, `new`.
    pub over: Option<&'a str>,
    /// What was answered: by the gateway to the archive, by the requester to the gateway.
    pub status: Option<u16>,
    /// Why, in words.
    pub words: Option<&'a str>,
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stage {
    /// Stored, to be delivered.
    #[default]
    Accepted,
    /// Not taken from the archive.
    Refused,
    /// The requester has acknowledged it.
    Delivered,
    /// Given up.
    Undeliverable,
    /// Some of what the archive says that it keeps is sealed and could not be verified: the requester is told so.
    Doubted,
}

impl Stage {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Delivered => "delivered",
            Self::Undeliverable => "undeliverable",
            Self::Doubted => "doubted",
        }
    }

    /// Whether somebody did not get what they waited for: the record gets an incident id.
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::Refused | Self::Undeliverable | Self::Doubted)
    }
}

/// How many instances a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Instances {
    /// Kept.
    pub committed: usize,
    /// Not kept, or not told.
    pub failed: usize,
    /// Of those, kept and not told.
    pub withheld: usize,
}

impl CommitmentNote<'_> {
    pub(super) fn encode(&self, body: &mut Body) {
        body.text("outcome", self.stage.as_str())
            .text_if("peer", self.peer)
            .text_if("calling", self.title)
            .text("archive", self.archive)
            .text_if("transaction", self.transaction);
        if let Some(Instances { committed, failed, withheld }) = self.instances {
            for (name, count) in [("committed", committed), ("failed", failed), ("withheld", withheld)] {
                body.number(name, u64::try_from(count).unwrap_or(u64::MAX));
            }
        }
        if self.attempts > 0 {
            body.number("attempts", u64::from(self.attempts));
        }
        body.text_if("over", self.over);
        if let Some(status) = self.status {
            body.status("status", status);
        }
        if let Some(words) = self.words {
            body.words("words", words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Event;
    use crate::audit::explain::explain;
    use crate::audit::read::Record;

    fn record(note: CommitmentNote<'_>) -> Record {
        let body = Event::Commitment(note).encode(3);
        Record(serde_json::from_str(&format!("{{{}}}", std::str::from_utf8(body.as_bytes()).unwrap())).unwrap())
    }

    #[test]
    fn a_report_that_never_arrived_is_explained_to_whoever_asks() {
        let note = CommitmentNote {
            stage: Stage::Undeliverable,
            archive: "PACS",
            peer: Some("US 7"),
            title: Some("US7"),
            transaction: Some("2.25.1"),
            instances: Some(Instances { committed: 3, failed: 2, withheld: 1 }),
            attempts: 40,
            words: Some("it cannot be reached"),
            ..CommitmentNote::default()
        };
        assert!(Event::Commitment(note.clone()).is_numbered());
        let record = record(note);
        assert!(record.text("incident").is_none(), "the log gives it, not the event");
        let words = explain(&record).join("\n");
        for part in [
            "storage commitment report undeliverable",
            "of PACS for US 7, called US7",
            "transaction 2.25.1",
            "3 kept, 2 failed, of these 1 only because",
            "at attempt 40",
            "it cannot be reached",
            "ask again",
        ] {
            assert!(words.contains(part), "{part} in\n{words}");
        }
    }

    #[test]
    fn what_went_well_is_no_refusal_and_says_what_was_answered() {
        let note = CommitmentNote {
            stage: Stage::Delivered,
            archive: "PACS",
            peer: Some("CT1"),
            title: Some("CT1"),
            attempts: 2,
            over: Some("new"),
            status: Some(0),
            ..CommitmentNote::default()
        };
        assert!(!Event::Commitment(note.clone()).is_numbered());
        let words = explain(&record(note)).join("\n");
        assert!(words.contains("answered  0000H on the new association at attempt 2"), "{words}");
    }
}
