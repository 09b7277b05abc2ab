//! What the last round through an archive came to, in a file: written while it goes on, so that a killed one leaves what is
//! known.

use crate::dicom::AeTitle;
use crate::durable;
use crate::proxy::vault::prove::file_name;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// A report is not longer, bytes.
const LONGEST: u64 = 4 << 20;

/// A report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The archive.
    pub archive: String,
    /// Which round, as its records in the audit log have it.
    pub round: String,
    /// Who ran it.
    pub by: String,
    /// When it began.
    pub begun: jiff::Timestamp,
    /// When this was written.
    pub at: jiff::Timestamp,
    /// It came to its end, or was stopped in good order; otherwise it goes on, or was killed.
    pub ended: bool,
    /// Why it stopped before all was looked at.
    pub stopped: Option<String>,
    /// Studies that the archive listed for it.
    pub studies: u64,
    /// Studies of these in which nothing is left to be done.
    pub studies_done: u64,
    /// What became of the objects, as the command prints it.
    pub objects: serde_json::Value,
}

/// Where the report on an archive lies, within the folder of the vault.
pub fn path(folder: &Path, archive: &AeTitle) -> PathBuf {
    folder.join(format!("seal-archive-{}.json", file_name(archive)))
}

/// Where those of its objects lie that somebody has to look into.
pub fn aside(folder: &Path, archive: &AeTitle) -> PathBuf {
    folder.join(format!("aside-{}", file_name(archive)))
}

impl Report {
    /// Keeps it in place of the one before.
    ///
    /// # Errors
    /// What the system says.
    pub fn keep(&self, path: &Path) -> io::Result<()> {
        durable::replace(path, serde_json::to_string_pretty(self)?.as_bytes(), 0o600)
    }

    /// The last one; `None`: there was no round.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn load(path: &Path) -> io::Result<Option<Self>> {
        let mut text = String::new();
        match File::open(path) {
            Ok(file) => file.take(LONGEST).read_to_string(&mut text)?,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(fault) => return Err(fault),
        };
        Ok(Some(serde_json::from_str(&text)?))
    }

    /// For people, in one line. `running`: a round is at work now.
    pub fn line(&self, now: jiff::Timestamp, running: bool) -> String {
        let hours = now.as_second().saturating_sub(self.at.as_second()).max(0) / 3600;
        let ago = if hours < 48 { format!("{hours} hours ago") } else { format!("{} days ago", hours / 24) };
        let how = match (&self.stopped, self.ended, running) {
            (_, false, true) => "at work now".to_owned(),
            (Some(why), ..) => format!("stopped {ago}: {why}"),
            (None, true, _) => format!("ended {ago}"),
            (None, false, false) => format!("was killed; its last sign {ago}: the same command goes on from there"),
        };
        let count = |name| self.objects.get(name).and_then(serde_json::Value::as_u64).unwrap_or(0);
        format!(
            "{} of {} studies done; the last round, by {}, {how}: {} sealed, {} failed",
            self.studies_done,
            self.studies,
            self.by,
            count("sealed"),
            count("failures"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Report, path};
    use crate::dicom::AeTitle;

    #[test]
    fn the_last_one_is_kept_and_says_how_it_went() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path(), &AeTitle::new("PACS 1").unwrap());
        assert_eq!(Report::load(&path).unwrap(), None);
        let at: jiff::Timestamp = "2026-02-01T00:00:00Z".parse().unwrap();
        let mut report = Report {
            archive: "PACS 1".into(),
            round: "aa".into(),
            by: "night".into(),
            begun: at,
            at,
            ended: false,
            stopped: None,
            studies: 9,
            studies_done: 4,
            objects: serde_json::json!({ "sealed": 7, "failures": 2 }),
        };
        report.keep(&path).unwrap();
        assert_eq!(Report::load(&path).unwrap().as_ref(), Some(&report));
        let now = "2026-02-04T00:00:00Z".parse().unwrap();
        for (ended, stopped, running, words) in [
            (false, None, true, "at work now: 7 sealed, 2 failed"),
            (false, None, false, "was killed; its last sign 3 days ago"),
            (true, None, false, "ended 3 days ago"),
            (true, Some("full"), false, "stopped 3 days ago: full"),
        ] {
            (report.ended, report.stopped) = (ended, stopped.map(str::to_owned));
            let line = report.line(now, running);
            assert!(
                line.starts_with("4 of 9 studies done; the last round, by night, ") && line.contains(words),
                "{line}"
            );
        }
    }
}
