//! What is wrong with a sealed object, and why one was not opened, for the record.

use crate::audit::body::Body;
use crate::audit::event::Asked;
use crate::audit::read::Record;

/// What is wrong with an object of the vault, in one word for records and metric labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VaultCause {
    /// A segment is not what the gateway wrote: its authentication fails.
    Tampered,
    /// The seal ends before its last segment.
    Truncated,
    /// Segments are missing, repeated, in another order, or of more than one seal.
    Disordered,
    /// The seal was made for another object.
    Swapped,
    /// An older seal of the same object was put back.
    RolledBack,
    /// The ledger knows the object as sealed, and it is not; or its seal is none that the gateway made.
    Forged,
    /// No key of the ring opens it.
    UnknownKey,
    /// Recipients were taken away or exchanged.
    EscrowStripped,
    /// Cryptographic parameters other than format 1 has.
    Foreign,
    /// The archive returned the image that carries the seal with losses, or changed.
    Lossy,
    /// What the archive says of the object differs from what was sealed, and `identity_drift = "refuse"`.
    Drift,
    /// What was read back is not what was stored.
    NotKept,
    /// An archive was proven, and a new proof says that sealed objects do not come back from it any more.
    Unproven,
}

impl VaultCause {
    /// Every cause.
    pub const ALL: [Self; 13] = [
        Self::Tampered,
        Self::Truncated,
        Self::Disordered,
        Self::Swapped,
        Self::RolledBack,
        Self::Forged,
        Self::UnknownKey,
        Self::EscrowStripped,
        Self::Foreign,
        Self::Lossy,
        Self::Drift,
        Self::NotKept,
        Self::Unproven,
    ];

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tampered => "tampered",
            Self::Truncated => "truncated",
            Self::Disordered => "disordered",
            Self::Swapped => "swapped",
            Self::RolledBack => "rolled-back",
            Self::Forged => "forged",
            Self::UnknownKey => "unknown-key",
            Self::EscrowStripped => "escrow-stripped",
            Self::Foreign => "foreign",
            Self::Lossy => "lossy",
            Self::Drift => "drift",
            Self::NotKept => "not-kept",
            Self::Unproven => "unproven",
        }
    }

    /// What to do about it.
    const fn remedy(self) -> &'static str {
        match self {
            Self::Swapped => {
                "if the archive gives objects new UIDs when it merges or splits studies, write rewrites = [\"sop\"] at the [[archive]], and it opens; if not, somebody has put another object there: keep the stored file for whoever looks into it, and bring the object back from a backup or from its sender"
            }
            Self::Tampered | Self::Disordered | Self::Foreign => {
                "somebody, or a failing disk, changed it in the archive: keep the stored file for whoever looks into it, and bring the object back from a backup or from its sender"
            }
            Self::Truncated => {
                "the archive returned a part of it: is its disk full or failing? ask for the object again"
            }
            Self::RolledBack => {
                "the archive returned an older state of the object: was a backup restored there? if that was meant, `dicomgate vault reindex` takes it over"
            }
            Self::Forged => {
                "the object was stored past the gateway, or exchanged in the archive: find out who can write there; if it is right as it is, `dicomgate vault reindex` takes it over"
            }
            Self::UnknownKey => {
                "a key of the ring is missing: `dicomgate vault status` says which, and `dicomgate vault open` opens it with an escrow key"
            }
            Self::EscrowStripped => {
                "the object opens with the ring alone and could not be recovered by escrow: store it again, and find out who can write into the archive"
            }
            Self::Lossy => {
                "the archive compresses what it stores with losses: switch that off there, and bring the object back from its sender"
            }
            Self::Drift => {
                "compare the object in the archive with its order; if the archive is right, `identity_drift = \"record\"` lets it pass with a record"
            }
            Self::NotKept => {
                "the archive changes what it stores: `dicomgate vault probe` says how; nothing was acknowledged"
            }
            Self::Unproven => {
                "what was changed at the archive? nothing of these kinds is sealed for it until `dicomgate vault probe` proves it again"
            }
        }
    }
}

/// An alert about an object of the vault.
#[derive(Debug, Clone, Copy)]
pub struct VaultNote<'a> {
    /// The fields that say who was calling, if somebody was.
    pub who: Option<&'a Body>,
    /// What is wrong, in one word.
    pub cause: VaultCause,
    /// The archive that holds it.
    pub archive: &'a str,
    /// SOP Instance UID.
    pub instance: Option<&'a str>,
    /// Study Instance UID.
    pub study: Option<&'a str>,
    /// The seal that was found, 32 hexadecimal digits.
    pub seal: Option<&'a str>,
    /// What is wrong, in words without values of patients.
    pub words: &'a str,
}

impl VaultNote<'_> {
    pub(super) fn encode(&self, body: &mut Body) {
        if let Some(who) = self.who {
            body.fields(who);
        }
        body.text("cause", self.cause.as_str())
            .text("archive", self.archive)
            .text_if("instance", self.instance)
            .text_if("study", self.study)
            .text_if("seal", self.seal)
            .words("words", self.words);
    }
}

/// A sealed object that somebody who may find it did not get, or an object that could not be sealed.
#[derive(Debug, Clone, Copy)]
pub struct NotOpenedNote<'a> {
    /// The fields that say who.
    pub who: &'a Body,
    /// What was asked.
    pub asked: &'a Asked<'a>,
    /// Why, in words.
    pub words: &'a str,
}

impl NotOpenedNote<'_> {
    pub(super) fn encode(&self, body: &mut Body) {
        body.fields(self.who);
        self.asked.encode(body);
        body.words("words", self.words);
    }
}

/// Attributes in which an object that was opened differs from what was sealed: the archive corrected them, or somebody
/// changed them. Names alone, never values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drift(u8);

impl Drift {
    /// Keywords of the attributes that are looked at; `added`: what would have been sealed was added in the archive, and
    /// left out; the last stands for all others.
    pub const NAMES: [&'static str; 8] = [
        "SOPInstanceUID",
        "StudyInstanceUID",
        "PatientID",
        "PatientName",
        "PatientBirthDate",
        "AccessionNumber",
        "added",
        "other",
    ];

    /// The same with one more.
    #[must_use]
    pub fn with(self, name: &str) -> Self {
        let place = Self::NAMES.iter().position(|known| *known == name).unwrap_or(Self::NAMES.len() - 1);
        Self(self.0 | 1 << place)
    }

    /// Whether nothing differs.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().enumerate().filter(move |(place, _)| self.0 >> place & 1 == 1).map(|(_, name)| name)
    }
}

/// What the words of a refused store begin with that the archive has acknowledged.
pub const STORED: &str = "it was stored, and ";

pub(super) fn headline(record: &Record) -> String {
    match record.event() {
        "vault-alert" => format!("VAULT: an object of {} is {}", part(record, "archive"), meaning(record)),
        "not-sealed" if is_there(record) => {
            "an object that must be sealed was stored, and its sender could not be told so".to_owned()
        }
        "not-sealed" => "an object that must be sealed could not be, and was not stored".to_owned(),
        _ => "a sealed object was not opened".to_owned(),
    }
}

/// What is about the object; the words stand behind it.
pub(super) fn about(record: &Record) -> Vec<String> {
    let Some(instance) = record.text("instance") else { return Vec::new() };
    let mut line = format!("object    {instance}");
    for (name, word) in [("study", "study"), ("seal", "seal")] {
        if let Some(value) = record.text(name) {
            line.push_str(&format!(", {word} {value}"));
        }
    }
    vec![line]
}

pub(super) fn remedy(record: &Record) -> Option<&'static str> {
    match record.event() {
        "vault-alert" => cause(record).map(VaultCause::remedy),
        "not-opened" => Some(
            "a rule that permits it may say `open = true`; the words say if something else is missing (docs/opening.md)",
        ),
        "not-sealed" if is_there(record) => Some(
            "the archive has it, sealed: its sender was refused and may send it again; the words say what was missing (archive, its `max_associations`, the state, the key)",
        ),
        "not-sealed" => Some(
            "nothing reached the archive, and the sender was told so: the words say what is missing (docs/sealing.md); `dicomgate vault status` shows keys and proofs",
        ),
        _ => None,
    }
}

/// Whether a refused store has reached the archive all the same: its words begin so.
fn is_there(record: &Record) -> bool {
    record.text("words").is_some_and(|words| words.starts_with(STORED))
}

fn cause(record: &Record) -> Option<VaultCause> {
    let word = record.text("cause")?;
    VaultCause::ALL.into_iter().find(|cause| cause.as_str() == word)
}

fn meaning(record: &Record) -> &'static str {
    match cause(record) {
        Some(VaultCause::Tampered) => "not what was sealed",
        Some(VaultCause::Truncated) => "cut off",
        Some(VaultCause::Disordered) => "out of order",
        Some(VaultCause::Swapped) => "another one's seal",
        Some(VaultCause::RolledBack) => "an older one than was stored last",
        Some(VaultCause::Forged) => "none that this gateway stored",
        Some(VaultCause::UnknownKey) => "sealed with a key that is not at hand",
        Some(VaultCause::EscrowStripped) => "without its escrow recipients",
        Some(VaultCause::Foreign) => "sealed otherwise than format 1",
        Some(VaultCause::Lossy) => "compressed with losses",
        Some(VaultCause::Drift) => "said to be another one's than was sealed",
        Some(VaultCause::NotKept) => "not kept as it was stored",
        Some(VaultCause::Unproven) => "no longer sure to come back once it is sealed",
        None => "damaged",
    }
}

fn part<'a>(record: &'a Record, name: &str) -> &'a str {
    record.text(name).unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Event;
    use crate::audit::explain::explain;
    use crate::dicom::dimse::Operation;

    #[test]
    fn drift_is_a_set_of_known_names() {
        let drift = Drift::default().with("AccessionNumber").with("StudyInstanceUID").with("AccessionNumber");
        assert!(!drift.is_empty());
        assert_eq!(drift.names().collect::<Vec<_>>(), ["StudyInstanceUID", "AccessionNumber"]);
        assert_eq!(drift.with("(0008,1140)").names().last(), Some("other"));
        assert!(Drift::default().is_empty());
    }

    fn read(event: &Event<'_>) -> Record {
        let body = event.encode(3);
        assert!(body.is_numbered());
        Record(serde_json::from_slice(&[b"{", body.as_bytes(), b"}"].concat()).unwrap())
    }

    #[test]
    fn an_alert_says_what_is_wrong_and_what_to_do() {
        for cause in VaultCause::ALL {
            let note = VaultNote {
                who: None,
                cause,
                archive: "PACS",
                instance: Some("1.2.3"),
                study: Some("1.2"),
                seal: None,
                words: "segment 4 does not authenticate",
            };
            let record = read(&Event::VaultAlert(note));
            assert_eq!(record.text("cause"), Some(cause.as_str()));
            let told = explain(&record).join("\n");
            for words in ["an object of PACS is", "object    1.2.3, study 1.2", "segment 4", cause.remedy()] {
                assert!(told.contains(words), "{words}: {told}");
            }
            assert!(!told.contains("damaged"), "{told}");
        }
    }

    #[test]
    fn a_refusal_to_open_says_why() {
        let mut who = Body::fragment();
        who.text("peer", "WS1").text("association", "1.2").text("from", "10.0.0.1:4");
        let asked = Asked {
            operation: Operation::Get,
            to: "PACS",
            message: 7,
            sop_class: None,
            instance: Some("1.2.3"),
            study: None,
            transfer_syntax: None,
            modality: None,
            destination: None,
            level: None,
            keys: None,
            patient_id: None,
            patient_name: None,
            delivery: None,
        };
        let note = NotOpenedNote { who: &who, asked: &asked, words: "no rule has it opened" };
        let told = explain(&read(&Event::NotOpened(note))).join("\n");
        for words in ["not opened", "WS1", "get on PACS, instance 1.2.3", "because   no rule", "`open = true`"] {
            assert!(told.contains(words), "{words}: {told}");
        }
    }

    #[test]
    fn every_cause_has_one_word() {
        let mut words: Vec<&str> = VaultCause::ALL.iter().map(|cause| cause.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), VaultCause::ALL.len());
    }
}
