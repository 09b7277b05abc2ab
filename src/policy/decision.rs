//! What the policy answers: permit, deny or need, with reasons.

use super::narrow::Narrowing;
use super::rights::Open;
use crate::dicom::AeTitle;
use crate::dicom::dimse::Operation;
use std::sync::Arc;

/// The policy's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Some rule permits, and no rule denies.
    Permit(Permission),
    /// Denied, and why.
    Deny(Denial),
    /// The answer hangs on a fact that the request does not carry yet: fetch it and ask again.
    Need(Fact),
}

/// Something about the object that a rule hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// Modality (0008,0060).
    Modality,
    /// What a query or retrieve asks for.
    Query,
}

/// Why something is permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// The first rule, in the order of the file, that permits (at admission: that could permit something), before rules
    /// that narrow one that does not; `None` while observing.
    pub rule: Option<Arc<str>>,
    /// No rule permits; it passes because `observe_until` lies ahead.
    pub observed: bool,
    /// What of the answers may be seen; `None`: all of it.
    pub narrowing: Option<Arc<Narrowing>>,
    /// It holds, or shows more, only because emergency access was asked for: for so many seconds. `rule` is then the
    /// rule that breaks the glass.
    pub emergency: Option<u32>,
    /// The object that is stored must be sealed. Of a `store` alone.
    pub seal: bool,
    /// What becomes of sealed objects. Of `find`, `get`, `move`, and of what an archive sends unasked.
    pub open: Open,
}

/// Why something is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The reason.
    pub reason: DenialReason,
    /// The operation asked for.
    pub operation: Option<Operation>,
}

/// The reasons for a denial that a policy itself can give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DenialReason {
    /// A rule with `effect = "deny"`.
    Rule(Arc<str>),
    /// No rule permits; the rule that came nearest and what it lacked, if any came near.
    NoRule {
        /// The nearest rule.
        nearest: Option<Arc<str>>,
        /// What it lacked, in words: "may lacks `find`".
        lacked: Option<String>,
    },
    /// A move to a title that is neither a peer's nor an archive's. Holds while observing, too.
    UnknownDestination(AeTitle),
    /// An archive sends what nobody asked it for, or not so. Holds while observing, too.
    NotAsked(String),
    /// The peer or person is in quarantine; the gate says so, whatever the policy permits.
    Quarantine {
        /// `peer:NAME` or `user:NAME`.
        subject: Arc<str>,
        /// The incident id with which it began.
        incident: Arc<str>,
        /// The gateway whose log that is in.
        gateway: Arc<str>,
    },
    /// The stated time of this rule, which breaks the glass, is over on this association, and no other rule permits.
    EmergencyOver(Arc<str>),
    /// The budget of this rule is used up, and no other permit shows what is asked.
    Budget(Arc<str>),
    /// The policy could not decide.
    Fault(String),
}
