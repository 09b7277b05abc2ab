//! Quarantine and emergency access, for the record.

use crate::audit::body::Body;
use crate::audit::read::Record;

/// A quarantine, or its end.
#[derive(Debug, Clone, Copy)]
pub struct QuarantineNote<'a> {
    /// The fields that say who was calling when it happened, if somebody was.
    pub who: Option<&'a Body>,
    /// Who may do nothing any more, or may again: `peer:NAME`, `user:NAME`.
    pub subject: &'a str,
    /// Why, in one word: `canary`, `budget`; at the end `released`.
    pub cause: &'a str,
    /// Why, in words.
    pub words: &'a str,
    /// At the end: who released.
    pub by: Option<&'a str>,
    /// At the end: the incident id with which it began, and the gateway whose log that is in.
    pub began: Option<(&'a str, &'a str)>,
}

/// The first use of a rule that breaks the glass on an association.
#[derive(Debug, Clone, Copy)]
pub struct EmergencyNote<'a> {
    /// The fields that say who.
    pub who: &'a Body,
    /// The rule.
    pub rule: &'a str,
    /// For so many seconds from now.
    pub seconds: u32,
}

impl QuarantineNote<'_> {
    pub(super) fn encode(&self, body: &mut Body) {
        if let Some(who) = self.who {
            body.fields(who);
        }
        body.text("subject", self.subject).text("cause", self.cause).text_if("by", self.by);
        if let Some((incident, gateway)) = self.began {
            body.text("began", incident).text("began_at", gateway);
        }
        body.words("words", self.words);
    }
}

impl EmergencyNote<'_> {
    pub(super) fn encode(&self, body: &mut Body) {
        body.fields(self.who).text("rule", self.rule).number("seconds", u64::from(self.seconds));
    }
}

pub(super) fn headline(record: &Record) -> String {
    let subject = part(record, "subject");
    match record.event() {
        "quarantined" => format!("{subject} is in quarantine from now on ({})", part(record, "cause")),
        "quarantine-released" => format!("{subject} is released from quarantine by {}", part(record, "by")),
        _ => {
            let seconds = record.number("seconds").unwrap_or(0);
            format!("emergency access: the rule `{}` breaks the glass for {seconds} s", part(record, "rule"))
        }
    }
}

pub(super) fn reason(record: &Record) -> Vec<String> {
    if record.text("reason") == Some("emergency-over") {
        let rule = part(record, "rule");
        return vec![format!(
            "decided   the time of the rule `{rule}`, which breaks the glass, is over on this association"
        )];
    }
    let subject = part(record, "subject");
    vec![format!("decided   {subject} is in quarantine, whatever rules permit; {}", began(record))]
}

/// Where it says why.
fn began(record: &Record) -> String {
    match record.text("began").filter(|incident| !incident.is_empty()) {
        Some(incident) => format!("why: `dicomgate why {incident}` at {}", part(record, "began_at")),
        None => "why: `dicomgate quarantine list`".to_owned(),
    }
}

pub(super) fn remedy(record: &Record) -> Option<String> {
    if record.text("reason") == Some("emergency-over") {
        return Some("ask for emergency access again, on a new association".to_owned());
    }
    match (record.event(), record.text("reason")) {
        ("emergency", _) => {
            let incident = part(record, "incident");
            Some(format!("nothing is wrong; when it was looked at: `dicomgate audit review done {incident} --by NAME`"))
        }
        ("quarantined", _) | (_, Some("quarantine")) => {
            let subject = part(record, "subject");
            Some(format!("find out why first; then `dicomgate quarantine release {subject} --by NAME`"))
        }
        ("quarantine-released", _) => Some(format!("nothing: it is over; {}", began(record))),
        _ => None,
    }
}

fn part<'a>(record: &'a Record, name: &str) -> &'a str {
    record.text(name).unwrap_or("?")
}
