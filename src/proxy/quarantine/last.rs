//! Who was in quarantine last, in a file of the state folder: for a start at which the database does not answer.

use crate::durable;
use crate::state::Quarantined;
use std::fs;
use std::io;
use std::path::Path;

/// Its name in the state folder.
const NAME: &str = "quarantine.json";
/// A longer file is none of ours, bytes.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Writes it: whole or not at all.
pub(super) fn write(folder: &Path, all: &[Quarantined]) -> io::Result<()> {
    let one = |held: &Quarantined| {
        serde_json::json!({
            "subject": held.subject,
            "since": held.since,
            "why": held.why,
            "incident": held.incident,
            "gateway": held.gateway,
        })
    };
    let text = serde_json::Value::from(all.iter().map(one).collect::<Vec<_>>()).to_string();
    durable::replace(&folder.join(NAME), text.as_bytes(), 0o600)
}

/// Reads it. What cannot be read is left out, and said.
pub(super) fn read(folder: &Path) -> Vec<Quarantined> {
    let path = folder.join(NAME);
    let text = match fs::metadata(&path) {
        Ok(known) if known.len() <= LONGEST => fs::read_to_string(&path),
        Ok(_) => Err(io::ErrorKind::FileTooLarge.into()),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(fault) => Err(fault),
    };
    let all = text.and_then(|text| serde_json::from_str::<Vec<serde_json::Value>>(&text).map_err(io::Error::from));
    match all {
        Ok(all) => all.iter().filter_map(one).collect(),
        Err(fault) => {
            tracing::error!(%fault, path = %path.display(), "who was in quarantine last cannot be read");
            Vec::new()
        }
    }
}

fn one(value: &serde_json::Value) -> Option<Quarantined> {
    let text = |name| value.get(name)?.as_str().map(str::to_owned);
    Some(Quarantined {
        subject: text("subject")?,
        since: value.get("since")?.as_i64()?,
        why: text("why")?,
        incident: text("incident")?,
        gateway: text("gateway")?,
        release: None,
    })
}

#[cfg(test)]
mod tests {
    use super::{NAME, read, write};
    use crate::state::Quarantined;

    #[test]
    fn who_was_held_last_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), []);
        let words = |text: &str| text.to_owned();
        let held = Quarantined {
            subject: words("user:m\u{fc}ller \"x\""),
            since: 1_800_000_000,
            why: words("why"),
            incident: words("7K3F-9QX2"),
            gateway: words("gate-1"),
            release: None,
        };
        for all in [vec![held.clone()], Vec::new(), vec![held.clone(), held]] {
            write(folder.path(), &all).unwrap();
            assert_eq!(read(folder.path()), all);
        }
        std::fs::write(folder.path().join(NAME), "no list").unwrap();
        assert_eq!(read(folder.path()), []);
    }
}
