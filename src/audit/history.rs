//! Records as operations that a policy can be asked about again. Pure: lines in, operations out, in bounded memory.

mod line;
mod run;

use crate::audit::chain::Stamp;
use crate::dicom::dataset::Level;
use crate::dicom::dimse::Operation;
use crate::dicom::{AeTitle, Tag, Uid, sop_class};
use crate::policy::Moment;
use crate::policy::replay::{Mark, Person, Recorded, Then};
use jiff::tz::TimeZone;
pub use run::{Outcome, Progress, Span, run};

use line::{Echoed, Line};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;

/// Associations of persons whose opening is remembered: later records of theirs do not repeat who the person was.
const OPENINGS: usize = 65_536;
/// Quarantined peers and persons that are remembered.
const QUARANTINED: usize = 10_000;
/// Asked keys that are read of one record.
const KEYS: usize = 128;

/// Reads lines in their order.
#[derive(Debug)]
pub struct History {
    zone: TimeZone,
    /// Before this moment, as records write it, only openings are looked at.
    since: Option<String>,
    openings: HashMap<String, Opened>,
    order: VecDeque<String>,
    /// The last minute looked up, as records write it, and what local clocks showed then.
    minute: (String, Moment),
    seen: Seen,
    quarantined: BTreeSet<String>,
}

/// What came by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Seen {
    /// Lines read.
    pub lines: u64,
    /// Records of operations and of what was refused by policy.
    pub operations: u64,
    /// Callers that were nobody whom the policy knows, and refused: nothing of theirs is replayed.
    pub strangers: u64,
    /// Lines that are no records: `audit verify` tells about them.
    pub unreadable: u64,
}

/// One operation of the past, or several alike.
#[derive(Debug)]
pub struct Past<'a> {
    /// What was asked.
    pub recorded: Recorded<'a>,
    /// What became of it.
    pub then: Then,
    /// How many.
    pub count: u64,
    /// Which record.
    pub mark: Mark<'a>,
    /// The rule that decided, by its name then.
    pub rule: Option<&'a str>,
    /// An instance that an archive delivered because a peer had asked for it.
    pub delivery: bool,
}

/// Somebody who opened an association.
#[derive(Debug)]
struct Opened {
    name: String,
    roles: Vec<String>,
    emergency: bool,
}

impl History {
    /// Begins. `zone`: in which rules name hours and days. `since`: what is older is left out.
    pub fn new(zone: TimeZone, since: Option<jiff::Timestamp>) -> Self {
        let minute = (String::new(), Moment { unix: 0, minute: 0, weekday: 0 });
        let since = since.map(|since| Stamp::new(since).as_str().to_owned());
        Self {
            zone,
            since,
            openings: HashMap::new(),
            order: VecDeque::new(),
            minute,
            seen: Seen::default(),
            quarantined: BTreeSet::new(),
        }
    }

    /// What came by so far.
    pub fn seen(&self) -> Seen {
        self.seen
    }

    /// Who was put into quarantine, released since or not: `peer:NAME`, `user:NAME`.
    pub const fn quarantined(&self) -> &BTreeSet<String> {
        &self.quarantined
    }

    /// Takes in one line, and hands out the operations that it tells of.
    pub fn line(&mut self, bytes: &[u8], visit: &mut dyn FnMut(&Past<'_>)) {
        self.seen.lines += 1;
        let Some(event) = crate::audit::chain::event_name(bytes) else {
            self.seen.unreadable += 1;
            return;
        };
        if !matches!(
            event,
            "operation"
                | "denied"
                | "association-opened"
                | "association-refused"
                | "association-closed"
                | "quarantined"
        ) {
            return;
        }
        let Ok(line) = serde_json::from_slice::<Line<'_>>(bytes) else {
            self.seen.unreadable += 1;
            return;
        };
        if event != "association-opened" && self.since.as_deref().is_some_and(|since| line.at() < since) {
            return;
        }
        match event {
            "association-opened" => self.opened(&line),
            "operation" => {
                let then = if line.observed { Then::Observed } else { Then::Permitted };
                self.operation(&line, then, visit);
            }
            // What was refused for other reasons than rules is no matter of the policy.
            "denied" if matches!(line.reason(), "rule" | "no-rule" | "unknown-destination") => {
                self.operation(&line, Then::Refused, visit);
            }
            "association-refused" if line.cause() == "policy" => self.refused(&line, visit),
            "association-refused" if line.cause() == "identity" => self.seen.strangers += 1,
            "association-closed" => self.closed(&line, visit),
            "quarantined" => {
                let subject = line.text(&line.subject).filter(|_| self.quarantined.len() < QUARANTINED);
                self.quarantined.extend(subject.map(str::to_owned));
            }
            _ => {}
        }
    }

    fn opened(&mut self, line: &Line<'_>) {
        let (Some(association), Some(name)) = (line.text(&line.association), line.text(&line.user)) else { return };
        if self.order.len() >= OPENINGS
            && let Some(oldest) = self.order.pop_front()
        {
            self.openings.remove(&oldest);
        }
        let person = Opened { name: name.to_owned(), roles: line.roles.clone(), emergency: line.emergency };
        self.order.push_back(association.to_owned());
        self.openings.insert(association.to_owned(), person);
    }

    fn operation(&mut self, line: &Line<'_>, then: Then, visit: &mut dyn FnMut(&Past<'_>)) {
        let Some(operation) = line.text(&line.operation).and_then(operation) else { return };
        self.seen.operations += 1;
        let keys = keys(line);
        let Some(at) = self.moment(line.at()) else { return };
        let delivery = line.text(&line.requester).is_some();
        let Some(base) = self.base(line, at) else { return };
        let recorded = Recorded {
            operation: Some(operation),
            sop_class: line.text(&line.sop_class).and_then(uid),
            transfer_syntax: line.text(&line.transfer_syntax).and_then(uid),
            destination: line.text(&line.destination).and_then(title),
            modality: line.text(&line.modality),
            level: line.text(&line.level).and_then(level),
            keys: keys.as_deref(),
            ..base
        };
        let rule = line.text(&line.rule).filter(|_| then != Then::Observed);
        visit(&Past { recorded, then, count: 1, mark: mark(line), rule, delivery });
    }

    /// An association that policy refused: nothing at all was permitted there.
    fn refused(&mut self, line: &Line<'_>, visit: &mut dyn FnMut(&Past<'_>)) {
        if !matches!(line.reason(), "rule" | "no-rule") {
            return;
        }
        self.seen.operations += 1;
        let Some(at) = self.moment(line.at()) else { return };
        if let Some(recorded) = self.base(line, at) {
            let rule = line.text(&line.rule);
            visit(&Past { recorded, then: Then::Refused, count: 1, mark: mark(line), rule, delivery: false });
        }
    }

    /// Verifications stand only in the record that closes their association; so does it if nothing was asked at all.
    fn closed(&mut self, line: &Line<'_>, visit: &mut dyn FnMut(&Past<'_>)) {
        let Some(at) = self.moment(line.at()) else { return };
        for echoed in &line.echoed {
            self.seen.operations += echoed.count;
            let Some(base) = self.base(line, at) else { continue };
            let recorded = Recorded {
                to: echoed.to(),
                operation: Some(Operation::Echo),
                sop_class: uid(sop_class::VERIFICATION),
                transfer_syntax: echoed.transfer_syntax().and_then(uid),
                ..base
            };
            let Echoed { count, observed, .. } = echoed;
            let rule = echoed.rule();
            for (then, count) in [(Then::Permitted, count.saturating_sub(*observed)), (Then::Observed, *observed)] {
                if count > 0 {
                    let recorded = recorded.clone();
                    visit(&Past { recorded, then, count, mark: mark(line), rule, delivery: false });
                }
            }
        }
        if !line.idle() {
            return;
        }
        self.seen.operations += 1;
        if let Some(recorded) = self.base(line, at) {
            let then = if line.observed { Then::Observed } else { Then::Permitted };
            visit(&Past { recorded, then, count: 1, mark: mark(line), rule: None, delivery: false });
        }
    }

    /// Who asked whom, and when.
    fn base<'a>(&'a self, line: &'a Line<'a>, at: Moment) -> Option<Recorded<'a>> {
        let from: SocketAddr = line.text(&line.from)?.parse().ok()?;
        let (who, person, caller) = match line.text(&line.requester) {
            Some(requester) => {
                let person = line.text(&line.requester_user).map_or(Person::Nobody, |name| Person::Known {
                    name,
                    roles: Some(&line.requester_roles),
                    emergency: line.requester_emergency,
                });
                (requester, person, None)
            }
            None => {
                let person = line.text(&line.user).map_or(Person::Nobody, |name| self.person(line, name));
                let calling = line.text(&line.calling).and_then(title)?;
                (line.text(&line.peer)?, person, Some((calling, from.ip().to_canonical())))
            }
        };
        Some(Recorded {
            who,
            caller,
            person,
            to: line.text(&line.to).unwrap_or_default(),
            operation: None,
            sop_class: None,
            transfer_syntax: None,
            destination: None,
            modality: None,
            level: None,
            keys: None,
            at,
        })
    }

    fn person<'a>(&'a self, line: &'a Line<'a>, name: &'a str) -> Person<'a> {
        let opened = line.text(&line.association).and_then(|association| self.openings.get(association));
        match opened {
            Some(opened) if opened.name == name => opened.person(),
            _ if !line.roles.is_empty() => Person::Known { name, roles: Some(&line.roles), emergency: line.emergency },
            _ => Person::Known { name, roles: None, emergency: line.emergency },
        }
    }

    /// What local clocks showed at a record's time.
    fn moment(&mut self, at: &str) -> Option<Moment> {
        // `2026-11-21T08:00`: within a minute, clocks differ by seconds alone.
        let minute = at.get(..16)?;
        let seconds: i64 = at.get(17..19)?.parse().ok()?;
        if self.minute.0 != minute {
            let stamp: jiff::Timestamp = format!("{minute}:00Z").parse().ok()?;
            self.minute = (minute.to_owned(), Moment::of(&stamp.to_zoned(self.zone.clone())));
        }
        let moment = self.minute.1;
        Some(Moment { unix: moment.unix + seconds, ..moment })
    }
}

impl Opened {
    fn person(&self) -> Person<'_> {
        Person::Known { name: &self.name, roles: Some(&self.roles), emergency: self.emergency }
    }
}

fn mark<'a>(line: &'a Line<'a>) -> Mark<'a> {
    Mark { sequence: line.seq, incident: line.text(&line.incident), at: line.at() }
}

fn operation(word: &str) -> Option<Operation> {
    Operation::ALL.into_iter().find(|operation| operation.as_str() == word)
}

fn uid(text: &str) -> Option<Uid> {
    Uid::new(text).ok()
}

fn title(text: &str) -> Option<AeTitle> {
    AeTitle::new(text).ok()
}

/// A level as records write it.
pub(super) const LEVELS: [(Level, &str); 4] =
    [(Level::Patient, "PATIENT"), (Level::Study, "STUDY"), (Level::Series, "SERIES"), (Level::Image, "IMAGE")];

fn level(word: &str) -> Option<Level> {
    LEVELS.iter().find(|(_, known)| *known == word).map(|(level, _)| *level)
}

/// The asked keys, where the record has them all.
fn keys(line: &Line<'_>) -> Option<Vec<Tag>> {
    let keys = line.keys.as_ref()?;
    let tag = |text: &String| {
        let (group, element) = text.split_at_checked(4)?;
        Some(Tag(u16::from_str_radix(group, 16).ok()?, u16::from_str_radix(element, 16).ok()?))
    };
    if keys.len() > KEYS { None } else { keys.iter().map(tag).collect() }
}

#[cfg(test)]
mod tests;
