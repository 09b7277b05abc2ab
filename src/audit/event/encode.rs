//! How each event becomes the fields of a record.

use super::{Asked, Caller, Counted, Event};
use crate::audit::body::Body;
use crate::audit::history::LEVELS;
use crate::dicom::dataset::Level;
use crate::policy::{Denial, DenialReason};

impl Event<'_> {
    /// Encodes the event. `generation`: of the configuration in force.
    pub fn encode(&self, generation: u64) -> Body {
        let mut body = Body::new(self.name(), self.is_numbered());
        body.number("generation", generation);
        match self {
            Self::Started { version, listeners } => {
                body.text("version", version).list("listeners", *listeners);
            }
            Self::Stopped { reason } => {
                body.words("reason", reason);
            }
            Self::Reloaded { changes } => {
                body.list("changes", *changes);
            }
            Self::ReloadRefused { faults } => {
                body.list("faults", *faults);
            }
            Self::ConnectionRefused { caller, cause, words } => {
                caller.encode(&mut body);
                body.text("cause", cause.as_str()).words("words", words);
            }
            Self::RefusalsSummed { span, counted } => {
                let refused = counted.iter().fold(0, |all: u64, one| all.saturating_add(one.count));
                body.number("refused", refused)
                    .number("milliseconds", u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
                    .objects("by", counted.iter().map(Counted::encode));
            }
            Self::AssociationRefused { caller, to, cause, words, denial } => {
                caller.encode(&mut body);
                body.text_if("to", *to).text("cause", cause.as_str()).words("words", words);
                if let Some(denial) = denial {
                    encode_denial(&mut body, denial);
                }
            }
            Self::AssociationOpened { caller, to, kept, removed, numbered: _ } => {
                caller.encode(&mut body);
                body.text("to", to).list("contexts", *kept).list("removed", *removed);
            }
            Self::SystemMissed { who, to, cause, words } => {
                body.fields(who).text("to", *to).text("cause", cause.as_str()).words("words", words);
            }
            Self::Malformed { who, place, words } => {
                body.fields(who).text("place", place).words("words", words);
            }
            Self::Mismatch { who, asked, words } => {
                body.fields(who);
                asked.encode(&mut body);
                body.words("words", words);
            }
            Self::Denied { who, asked, denial } => {
                body.fields(who);
                asked.encode(&mut body);
                encode_denial(&mut body, denial);
            }
            Self::PolicyEnded { who, cause, words } => {
                body.fields(who).text("cause", cause.as_str()).words("words", words);
            }
            Self::SessionOver { who } => {
                body.fields(who);
            }
            Self::Quarantined(note) | Self::QuarantineReleased(note) => note.encode(&mut body),
            Self::Emergency(note) => note.encode(&mut body),
            Self::Commitment(note) => note.encode(&mut body),
            Self::VaultAlert(note) => note.encode(&mut body),
            Self::NotOpened(note) | Self::NotSealed(note) => note.encode(&mut body),
            Self::Round(note) => note.encode(&mut body),
        }
        body
    }

    /// The event's name in the record.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Stopped { .. } => "stopped",
            Self::Reloaded { .. } => "reloaded",
            Self::ReloadRefused { .. } => "reload-refused",
            Self::ConnectionRefused { .. } => "connection-refused",
            Self::RefusalsSummed { .. } => "refusals-summed",
            Self::AssociationRefused { .. } => "association-refused",
            Self::AssociationOpened { .. } => "association-opened",
            Self::SystemMissed { .. } => "system-missed",
            Self::Malformed { .. } => "malformed",
            Self::Mismatch { .. } => "mismatch",
            Self::Denied { .. } => "denied",
            Self::PolicyEnded { .. } => "policy-ended",
            Self::SessionOver { .. } => "session-over",
            Self::Quarantined(_) => "quarantined",
            Self::QuarantineReleased(_) => "quarantine-released",
            Self::Emergency(_) => "emergency",
            Self::Commitment(_) => "commitment",
            Self::VaultAlert(_) => "vault-alert",
            Self::NotOpened(_) => "not-opened",
            Self::NotSealed(_) => "not-sealed",
            Self::Round(note) => note.step.event(),
        }
    }

    /// Whether the record gets an incident id, which the caller may quote, or a gateway behind this one.
    pub const fn is_numbered(&self) -> bool {
        if let Self::Commitment(note) = self {
            return note.stage.is_refusal();
        }
        if let Self::Round(note) = self {
            return note.step.is_alarming();
        }
        matches!(
            self,
            Self::AssociationOpened { numbered: true, .. }
                | Self::ConnectionRefused { .. }
                | Self::AssociationRefused { .. }
                | Self::SystemMissed { .. }
                | Self::Malformed { .. }
                | Self::Mismatch { .. }
                | Self::Denied { .. }
                | Self::PolicyEnded { .. }
                | Self::SessionOver { .. }
                | Self::Quarantined(_)
                | Self::QuarantineReleased(_)
                | Self::Emergency(_)
                | Self::VaultAlert(_)
                | Self::NotOpened(_)
                | Self::NotSealed(_)
        )
    }
}

impl Counted<'_> {
    fn encode(&self) -> Body {
        let mut body = Body::fragment();
        body.text_if("from", self.from.map(|from| from.to_string()))
            .text("listener", self.listener)
            .text("cause", self.cause.as_str())
            .number("count", self.count);
        body
    }
}

impl Caller<'_> {
    fn encode(&self, body: &mut Body) {
        self.who(body);
        if let Some(user) = self.user {
            body.list("roles", &user.roles).flag("emergency", user.emergency);
        }
        body.text_if("tried", self.tried);
        body.text("listener", self.listener).text_if("called", self.called.map(trimmed));
        if let Some(tls) = &self.tls {
            body.text("tls", tls.version)
                .text("suite", tls.suite)
                .text("group", tls.group)
                .flag("resumed", tls.resumed);
        }
        if let Some(certificate) = &self.certificate {
            body.text("certificate", certificate.subject).text("serial", certificate.serial);
        }
    }

    /// The fields that every record of this association repeats, so that each can be read alone.
    pub fn who(&self, body: &mut Body) {
        body.text("association", self.association.to_string())
            .text_if("peer", self.peer)
            .text_if("calling", self.calling.map(trimmed))
            .address("from", self.from);
        if let Some(edge) = &self.edge {
            body.text("edge", edge.gateway).text("edge_incident", edge.incident);
        }
        if let Some(user) = self.user {
            body.text("user", user.name.as_str()).text("user_source", user.source.as_str());
        }
    }
}

impl Asked<'_> {
    /// Encodes what was asked, patient data included.
    pub fn encode(&self, body: &mut Body) {
        body.text("operation", self.operation.as_str())
            .text("to", self.to)
            .number("message", u64::from(self.message))
            .text_if("sop_class", self.sop_class)
            .text_if("instance", self.instance)
            .text_if("study", self.study)
            .text_if("transfer_syntax", self.transfer_syntax)
            .text_if("modality", self.modality)
            .text_if("destination", self.destination)
            .text_if("level", self.level.map(level_word))
            .text_if("patient_id", self.patient_id.as_ref().map(|value| trimmed(value.reveal())))
            .text_if("patient_name", self.patient_name.as_ref().map(|value| trimmed(value.reveal())));
        if let Some(keys) = self.keys {
            body.texts("keys", keys.iter().map(|tag| format!("{:04X}{:04X}", tag.0, tag.1)));
        }
        if let Some(delivery) = &self.delivery {
            body.text("delivered_to", delivery.to)
                .text("requester", delivery.requester)
                .text("requested_on", delivery.association)
                .number("requested_by", u64::from(delivery.message));
            if let Some(user) = delivery.user {
                body.text("requester_user", user.name.as_str()).list("requester_roles", &user.roles);
                body.flag("requester_emergency", user.emergency);
            }
        }
    }
}

fn encode_denial(body: &mut Body, denial: &Denial) {
    match &denial.reason {
        DenialReason::Rule(rule) => {
            body.text("reason", "rule").text("rule", rule.as_ref());
        }
        DenialReason::NoRule { nearest, lacked } => {
            body.text("reason", "no-rule").text_if("nearest", nearest.as_deref()).text_if("lacked", lacked.as_deref());
        }
        DenialReason::UnknownDestination(title) => {
            body.text("reason", "unknown-destination").text("unknown", title.as_str());
        }
        DenialReason::NotAsked(words) => {
            body.text("reason", "not-asked").words("words", words);
        }
        DenialReason::Quarantine { subject, incident, gateway } => {
            body.text("reason", "quarantine")
                .text("subject", subject.as_ref())
                .text("began", incident.as_ref())
                .text("began_at", gateway.as_ref());
        }
        DenialReason::EmergencyOver(rule) => {
            body.text("reason", "emergency-over").text("rule", rule.as_ref());
        }
        DenialReason::Budget(rule) => {
            body.text("reason", "budget").text("rule", rule.as_ref());
        }
        DenialReason::Fault(words) => {
            body.text("reason", "fault").words("words", words);
        }
    }
}

fn level_word(level: Level) -> &'static str {
    LEVELS.iter().find(|(known, _)| *known == level).map_or("", |(_, word)| word)
}

/// Padding of PS3.5 6.2 (spaces, one NUL) says nothing.
fn trimmed(value: &[u8]) -> &[u8] {
    value.strip_suffix(b"\0").unwrap_or(value).trim_ascii()
}
