//! What somebody who was refused is told.

use crate::audit::Incident;
use crate::audit::event::Cause;

/// What the comment of a recorded refusal begins with.
const COMMENT: &str = "denied, incident ";

/// The incident id in the Error Comment of a gateway behind this one: what [`Refusal::comment`] writes, padded or not,
/// and nothing else. Only to be asked of an archive that is marked as a gateway.
pub fn told(comment: &[u8]) -> Option<Incident> {
    let comment = std::str::from_utf8(comment).ok()?.trim_end_matches([' ', '\0']);
    let text = comment.strip_prefix(COMMENT)?;
    text.parse().ok().filter(|incident: &Incident| incident.to_string() == text)
}

/// A refusal, recorded where that was possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "somebody waits for an answer"]
pub struct Refusal {
    /// The record's incident id; `None`: it could not be recorded. It is refused all the same.
    pub incident: Option<Incident>,
    /// Why, in one word; for metrics, never for the wire.
    pub cause: Cause,
    /// It is one of so many that it was counted instead of recorded by itself; it wants no log line either.
    pub summed: bool,
}

impl Refusal {
    /// What the other side reads, at most 64 characters (Error Comment, PS3.7 C.4.2): it says nothing about why.
    pub fn comment(&self) -> String {
        match self.incident {
            Some(incident) => format!("{COMMENT}{incident}"),
            None => "denied".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_gateway_comments_is_read_by_the_one_before_it() {
        let incident: Incident = "7K3F-9QX2".parse().unwrap();
        let comment = Refusal { incident: Some(incident), cause: Cause::Policy, summed: false }.comment();
        assert_eq!(comment, "denied, incident 7K3F-9QX2");
        assert_eq!(told(comment.as_bytes()), Some(incident));
        assert_eq!(told(b"denied, incident 7K3F-9QX2 \0"), Some(incident));
        for other in [
            &b"denied"[..],
            b"denied, incident ",
            b"denied, incident 7K3F-9QX2, or not",
            b"denied, incident 7k3f-9qx2",
            b"denied, incident 7K3F9QX2",
            b"denied, incident 7K3F-9QXU",
            b" denied, incident 7K3F-9QX2",
            b"Denied, incident 7K3F-9QX2",
            b"denied, incident 7K3F-9QX\xff",
            b"",
        ] {
            assert_eq!(told(other), None, "{}", other.escape_ascii());
        }
    }
}
