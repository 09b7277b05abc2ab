//! How an association ends.

use crate::dicom::dataset::WalkFault;
use crate::dicom::dimse::{CommandFault, Tolerance};
use crate::dicom::pdu::{Abort, PduFault};

/// Which end of the gateway something came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Whoever opened the association: a peer, or an archive that sends.
    Caller,
    /// A system that was dialled for it.
    Called,
}

impl End {
    /// Whether this end is a peer's. `outward`: the caller is one.
    pub const fn is_peer(self, outward: bool) -> bool {
        matches!(self, Self::Caller) == outward
    }
}

/// How an association ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// In good order.
    Released,
    /// That end aborted it.
    Aborted(End, Abort),
    /// That end hung up, or the connection broke.
    Lost(End),
    /// That end broke the protocol: where, what, and what it is told.
    Malformed(End, Broken),
    /// The command and its data set disagree about the object; already recorded.
    Mismatch(End),
    /// Nothing happened for too long: which timer of `[limits]`.
    TimedOut(&'static str),
    /// Policy or certificates changed.
    Changed(String),
    /// The session of the person is over.
    SessionOver,
    /// Whoever called, or is sent to, is in quarantine: `peer:NAME`, `user:NAME`.
    Quarantined(String),
    /// The gateway stops.
    Drained,
    /// An object of which the archive has the beginning cannot be sealed to its end: why.
    Unsealed(String),
    /// A record could not be written, so nothing may be answered.
    Unrecorded,
}

/// What was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Where: the PDU, command or element.
    pub place: &'static str,
    /// What, in words, with the tolerance that would let it pass.
    pub words: String,
    /// What the sender is told.
    pub abort: Abort,
}

impl Ending {
    /// One word for logs and metrics. `outward`: the caller is a peer.
    pub const fn word(&self, outward: bool) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Aborted(end, _) if end.is_peer(outward) => "aborted-by-peer",
            Self::Aborted(..) => "aborted-by-archive",
            Self::Lost(end) if end.is_peer(outward) => "lost-peer",
            Self::Lost(_) => "lost-archive",
            Self::Malformed(end, _) if end.is_peer(outward) => "malformed-by-peer",
            Self::Malformed(..) => "malformed-by-archive",
            Self::Mismatch(_) => "mismatch",
            Self::TimedOut(_) => "timeout",
            Self::Changed(_) => "changed",
            Self::SessionOver => "session-over",
            Self::Quarantined(_) => "quarantine",
            Self::Drained => "drained",
            Self::Unsealed(_) => "unsealed",
            Self::Unrecorded => "unrecorded",
        }
    }

    /// The word, and what more there is to say.
    pub fn words(&self, outward: bool) -> String {
        let word = self.word(outward);
        match self {
            Self::Malformed(_, broken) => format!("{word}: {}: {}", broken.place, broken.words),
            Self::TimedOut(timer) => format!("{word}: `{timer}`"),
            Self::Changed(words) | Self::Quarantined(words) | Self::Unsealed(words) => format!("{word}: {words}"),
            _ => word.to_owned(),
        }
    }

    /// What an end is told that is still there.
    pub const fn abort(&self, to: End) -> Abort {
        match (self, to) {
            (Self::Aborted(End::Caller, abort), End::Called) | (Self::Aborted(End::Called, abort), End::Caller) => {
                *abort
            }
            (Self::Malformed(End::Caller, broken), End::Caller)
            | (Self::Malformed(End::Called, broken), End::Called) => broken.abort,
            (Self::Mismatch(End::Caller), End::Caller) => Abort::provider(Abort::INVALID_VALUE),
            _ => Abort::provider(Abort::NOT_SPECIFIED),
        }
    }

    /// The protocol was broken outside the framer's sight.
    pub fn malformed(end: End, place: &'static str, words: impl Into<String>, reason: u8) -> Self {
        Self::Malformed(end, Broken { place, words: words.into(), abort: Abort::provider(reason) })
    }

    /// The framer found a fault.
    pub fn pdu(end: End, fault: PduFault) -> Self {
        Self::Malformed(end, Broken { place: "pdu", words: fault.to_string(), abort: fault.abort() })
    }

    /// The command codec found a fault.
    pub fn command(end: End, fault: &CommandFault) -> Self {
        Self::malformed(end, "command", tolerable(fault.to_string(), fault.tolerance()), Abort::INVALID_VALUE)
    }

    /// The data set walker found a fault.
    pub fn walk(end: End, fault: &WalkFault) -> Self {
        Self::malformed(end, "data set", tolerable(fault.to_string(), fault.tolerance()), Abort::INVALID_VALUE)
    }
}

fn tolerable(mut words: String, tolerance: Option<Tolerance>) -> String {
    if let Some(tolerance) = tolerance {
        words.push_str("; `tolerate = [\"");
        words.push_str(tolerance.as_str());
        words.push_str("\"]` for this peer lets it pass");
    }
    words
}
