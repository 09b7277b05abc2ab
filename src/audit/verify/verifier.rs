//! The verifier: lines in, a report out. Pure; memory does not grow with the log.

use super::{Expectations, Fault, FaultKind, LISTED, Proof, Report};
use crate::audit::body::unhex;
use crate::audit::chain::{self, Head, Place};
use crate::audit::checkpoint::{Statement, signed};
use crate::audit::keys::RatchetState;
use crate::audit::ratchet::Ratchet;
use serde_json::Value;

/// Checkpoints that the seed's key is moved forward over at a time; more missing ones are a fault without a MAC check.
const LONGEST_GAP: u64 = 10_000_000;

/// Reads a log line by line.
#[derive(Debug)]
pub struct Verifier {
    expect: Expectations,
    report: Report,
    file: String,
    line: u64,
    /// Where the chain stands; `None` before the first record.
    head: Option<Head>,
    gateway: Option<String>,
    key: Option<Ratchet>,
    /// Number of the next checkpoint, once one was seen.
    checkpoint: Option<u64>,
    /// A checkpoint that the gateway said was lost in a crash.
    lost: Option<u64>,
    held: bool,
}

impl Verifier {
    /// Begins.
    pub fn new(expect: Expectations) -> Self {
        let key = expect.seed.as_ref().map(crate::audit::Seed::ratchet);
        let held = expect.ratchet.as_ref().is_none_or(|ratchet| ratchet.held == Head::START);
        let report = Report {
            files: 0,
            records: 0,
            first: 0,
            last: Head::START,
            proven: None,
            anchored: None,
            public_key: None,
            faults: Vec::new(),
            more_faults: 0,
            notes: Vec::new(),
        };
        let (file, line, head, gateway) = (String::new(), 0, None, None);
        Self { expect, report, file, line, head, gateway, key, checkpoint: None, lost: None, held }
    }

    /// The next file, oldest first, and the sequence that its name promises.
    pub fn file(&mut self, name: &str, first: u64) {
        name.clone_into(&mut self.file);
        self.line = 0;
        self.report.files += 1;
        if self.head.is_none() {
            self.report.first = first;
            if first != 1 {
                if self.expect.partial {
                    self.note(format!("the log begins with record {first}; what came before is not here"));
                } else {
                    self.fault(FaultKind::Missing(1, first.saturating_sub(1)));
                }
            }
        }
    }

    /// The next line of the file, without its line feed.
    pub fn line(&mut self, line: &[u8], first_of_file: u64) {
        self.line += 1;
        let Some(place) = chain::place(line) else {
            self.fault(FaultKind::Unreadable);
            return;
        };
        self.report.records += 1;
        if !place.sound {
            self.fault(FaultKind::Edited(place.sequence));
        }
        if self.line == 1 && place.sequence != first_of_file {
            self.fault(FaultKind::Swapped(place.sequence));
        }
        self.link(&place);
        let name = chain::event_name(line).unwrap_or_default();
        if self.line == 1 && name != "file" {
            self.fault(FaultKind::Introduction);
        }
        if matches!(name, "file" | "opened" | "checkpoint" | "resumed") {
            match serde_json::from_slice::<Value>(line) {
                Ok(record) => self.special(name, &record, &place),
                Err(_) => self.fault(FaultKind::Unreadable),
            }
        }
    }

    /// The file ends in a line without a line feed.
    pub fn incomplete(&mut self) {
        self.line += 1;
        self.fault(FaultKind::Incomplete);
    }

    /// The log ends here. `later`: the ratchet as it stood after the log was read. A gateway that runs meanwhile spends
    /// keys while the log is read, so what must be there is said by the ratchet of before, and which keys are spent by
    /// that of after.
    pub fn finish(mut self, later: Option<&RatchetState>) -> Report {
        self.line = 0;
        match self.head {
            Some(head) => self.report.last = head,
            None => self.fault(FaultKind::Empty),
        }
        self.finish_anchor();
        self.finish_ratchet(later);
        self.report
    }

    fn link(&mut self, place: &Place) {
        let head = Head { sequence: place.sequence, hash: place.hash };
        if let Some(before) = self.head {
            let expected = before.sequence.saturating_add(1);
            if place.sequence > expected {
                self.fault(FaultKind::Missing(expected, place.sequence.saturating_sub(1)));
            } else if place.sequence < expected {
                self.fault(FaultKind::Order { expected, found: place.sequence });
            } else if place.previous != before.hash {
                self.fault(FaultKind::Link(place.sequence));
            }
        } else if place.sequence == 1 && place.previous != Head::START.hash {
            self.fault(FaultKind::Link(1));
        }
        self.head = Some(head);
        if self.expect.anchor == Some(head) && place.sound {
            self.report.anchored = Some(head.sequence);
        }
        if self.expect.ratchet.as_ref().is_some_and(|ratchet| ratchet.held == head) && place.sound {
            self.held = true;
        }
    }

    fn special(&mut self, name: &str, record: &Value, place: &Place) {
        match name {
            "file" => self.introduction(record),
            "opened" => {
                self.lost = record.get("lost_checkpoint").and_then(Value::as_u64).or(self.lost);
                if let Some(lost) = record.get("lost_checkpoint").and_then(Value::as_u64) {
                    // Whoever holds the machine can say this too, and then write anew what the checkpoint stood for.
                    self.note(format!(
                        "record {}: the gateway says that checkpoint {lost} was lost in a crash: what lies between \
                         the checkpoint before it and this record is held by no key of that time",
                        place.sequence
                    ));
                }
                if let Some(words) = text(record, "alarm") {
                    self.note(format!("record {}: at its start the gateway found: {words}", place.sequence));
                }
                if let Some(aside) = text(record, "moved_to") {
                    self.note(format!("record {}: a torn record was moved to `{aside}`", place.sequence));
                }
            }
            "resumed" => {
                let lost = record.get("unrecorded").and_then(Value::as_u64).unwrap_or_default();
                let words = text(record, "words").unwrap_or_default();
                self.note(format!(
                    "record {}: {lost} events were refused for want of a record: {words}",
                    place.sequence
                ));
            }
            _ => self.checkpoint(record, place),
        }
    }

    fn introduction(&mut self, record: &Value) {
        let key = text(record, "public_key").and_then(unhex::<32>);
        let gateway = text(record, "gateway").map(str::to_owned);
        if self.gateway.is_none() {
            if self.expect.public_key.is_some() && self.expect.public_key != key {
                self.fault(FaultKind::UnexpectedKey);
            }
            self.report.public_key = key;
            self.gateway = gateway;
        } else if self.gateway != gateway || self.report.public_key != key {
            self.fault(FaultKind::OtherKey);
        }
    }

    fn checkpoint(&mut self, record: &Value, place: &Place) {
        let number = record.get("checkpoint").and_then(Value::as_u64).unwrap_or_default();
        self.checkpoint_order(number);
        let of = record.get("of").and_then(Value::as_u64);
        let stated = text(record, "head").and_then(unhex::<32>);
        let head = Head { sequence: place.sequence.saturating_sub(1), hash: place.previous };
        if of != Some(head.sequence) || stated != Some(head.hash) || text(record, "file") != Some(self.file.as_str()) {
            self.fault(FaultKind::Misplaced(number));
            return;
        }
        let (Some(gateway), Some(public_key)) = (self.gateway.clone(), self.report.public_key) else { return };
        let file = self.file.clone();
        let statement = Statement { gateway: &gateway, file: &file, number, head };
        let signature = text(record, "signature").and_then(unhex::<64>);
        if !signature.is_some_and(|signature| signed(&statement, &public_key, &signature)) {
            self.fault(FaultKind::Signature(number));
            return;
        }
        let mut proof = Proof::Signature;
        if let Some(key) = &self.key {
            let good = key.number() == number
                && text(record, "mac").and_then(unhex::<32>) == Some(key.mac(&statement.bytes(&public_key)));
            if !good {
                self.fault(FaultKind::Mac(number));
                return;
            }
            proof = Proof::Mac;
        }
        if self.report.faults.is_empty() {
            self.report.proven = Some((head.sequence, proof));
        }
    }

    fn checkpoint_order(&mut self, number: u64) {
        let expected = self.checkpoint.unwrap_or(if self.report.first == 1 { 1 } else { number });
        let explained = number == expected.saturating_add(1) && self.lost == Some(expected);
        if number != expected && !explained {
            self.fault(FaultKind::CheckpointOrder { expected, found: number });
        }
        self.checkpoint = Some(number.saturating_add(1).max(expected));
        self.move_key(number);
    }

    /// Moves the seed's key forward to a checkpoint; it cannot go back.
    fn move_key(&mut self, number: u64) {
        let Some(mut key) = self.key.take() else { return };
        if number.saturating_sub(key.number()) <= LONGEST_GAP {
            while key.number() < number {
                key = key.next();
            }
        }
        self.key = Some(key);
    }

    fn finish_anchor(&mut self) {
        let Some(anchor) = self.expect.anchor else { return };
        if self.report.anchored.is_none() {
            self.fault(if self.report.last.sequence < anchor.sequence {
                FaultKind::AnchorMissing(anchor.sequence)
            } else {
                FaultKind::Anchor(anchor.sequence)
            });
        }
    }

    fn finish_ratchet(&mut self, later: Option<&RatchetState>) {
        let Some(before) = self.expect.ratchet.take() else {
            self.note(
                "the ratchet file is not at hand: whether the tail was cut cannot be told without an anchor".into(),
            );
            return;
        };
        let after = later.unwrap_or(&before);
        self.move_key(after.next.number());
        if self.key.as_ref().is_some_and(|key| key.number() == after.next.number() && *key != after.next) {
            self.fault(FaultKind::Ratchet);
        }
        let written = self.checkpoint.unwrap_or(1).saturating_sub(1);
        let spent = before.next.number().saturating_sub(1);
        if written > after.next.number().saturating_sub(1) {
            self.fault(FaultKind::RatchetOld);
        }
        if !self.held && before.held.sequence >= self.report.first {
            let last = self.report.last.sequence;
            self.fault(FaultKind::Cut { checkpoint: spent, held: before.held.sequence, last });
        } else if written.saturating_add(1) < spent {
            self.fault(FaultKind::CheckpointOrder { expected: written.saturating_add(1), found: spent });
        } else if written < spent {
            self.note(format!("checkpoint {spent} is not written yet: the gateway is running, or was killed"));
        }
    }

    fn fault(&mut self, kind: FaultKind) {
        if self.report.faults.len() < LISTED {
            self.report.faults.push(Fault { file: self.file.clone(), line: self.line, kind });
        } else {
            self.report.more_faults += 1;
        }
    }

    fn note(&mut self, note: String) {
        if self.report.notes.len() < LISTED {
            self.report.notes.push(note);
        }
    }
}

fn text<'a>(record: &'a Value, name: &str) -> Option<&'a str> {
    record.get(name).and_then(Value::as_str)
}
