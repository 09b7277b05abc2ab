//! What would permit it, or mend it.

use super::part;
use crate::audit::read::Record;

/// What to write to permit it, where writing something is the answer.
pub(super) fn advice(record: &Record) -> Option<String> {
    match record.text("reason") {
        Some("rule") => {
            return Some(format!("narrow or take out the rule `{}`: a deny beats every permit", part(record, "rule")));
        }
        Some("unknown-destination") => {
            return Some(format!("a [[peer]] with ae_titles = [\"{}\"] and an address", part(record, "unknown")));
        }
        Some("no-rule") => {}
        _ => {
            return match (record.text("cause"), record.text("peer")) {
                // The caller is known, so it was the title that it called.
                (Some("identity"), Some(_)) => Some(format!(
                    "call an archive by its title, or write answers_to = [{}] at the [[archive]]",
                    quoted(part(record, "called"))
                )),
                (Some("identity"), None) if record.event() == "association-refused" => Some(
                    "correct the [[peer]]: its ae_titles, certificate and network must all be those that it comes with"
                        .into(),
                ),
                _ => None,
            };
        }
    }
    let peer = record.text("peer")?;
    let operation = record.text("operation");
    if let (Some(nearest), Some(lacked)) = (record.text("nearest"), record.text("lacked")) {
        return Some(format!(
            "widen the rule `{nearest}` ({lacked}), or write the rule below\n{}",
            rule(record, peer, operation)
        ));
    }
    Some(format!("in policy.toml:\n{}", rule(record, peer, operation)))
}

/// What to do where no rule is missing and the words do not say it already.
pub(super) fn remedy(record: &Record) -> Option<&'static str> {
    if record.event() == "malformed" {
        return Some(
            "if the words name a limit or a tolerance, that lets it pass (docs/tolerances.md); if not, the software of the sender must change",
        );
    }
    if record.event() == "mismatch" {
        return Some("nothing lets this pass: the sender announces something else than it sends; ask its maker");
    }
    if record.event() == "commitment" {
        return match record.text("outcome")? {
            "undeliverable" => {
                Some("have the requester ask again: the archive is asked anew then, and nothing was lost there")
            }
            _ => None,
        };
    }
    Some(match record.text("cause")? {
        "user-identity" if record.event() == "association-refused" => {
            "whoever called was told nothing of this: a forgotten passcode, an expired token and a guess look alike to them (docs/people.md)"
        }
        "limit" => "raise that limit in [limits], or find who holds the other connections open",
        "proxy-header" => {
            "the balancer must stand in `proxy_protocol` and send the header; without a balancer take `proxy_protocol` out"
        }
        "malformed" => "is it DICOM at all? a port scan, a balancer's check and a browser look like this",
        "negotiation" => "the software of the caller must change: every archive would have to refuse this",
        "archive-away" => {
            "is the archive running, and does gateway.toml have its address? callers may try again: nothing was stored"
        }
        "destination-away" => {
            "is the destination running, is its `address` right, and is its certificate the one in policy.toml? the archive may send again"
        }
        "state" => {
            "is the database of `[gateway] database` running? what needs it is refused until it is, the rest goes on"
        }
        "archive-full" => {
            "raise `max_associations` of the [[archive]] if it bears more, or find who holds its associations open"
        }
        "draining" => "nothing: the gateway was being stopped, and callers may try again",
        "unrecorded" => "make room where the state folder lies: nothing is done that cannot be recorded",
        _ => return None,
    })
}

fn rule(record: &Record, peer: &str, operation: Option<&str>) -> String {
    let operation = operation.unwrap_or("echo");
    let mut text = format!(
        "    [[rule]]\n    name = {}\n    who  = [{}]\n    to   = [{}]\n    may  = [\"{operation}\"]",
        quoted(&format!("{peer} may {operation}")),
        quoted(&format!("peer:{peer}")),
        quoted(part(record, "to")),
    );
    if let Some(destination) = record.text("destination") {
        text.push_str(&format!("\n    destinations = [{}]", quoted(destination)));
    }
    text
}

/// A TOML basic string; JSON's escapes are among TOML's.
fn quoted(value: &str) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
