//! Which studies of an archive are done: a line each, appended durably. A line that was cut short is none.

use crate::dicom::{AeTitle, Uid};
use crate::proxy::vault::prove::file_name;
use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The studies of one archive that are done.
#[derive(Debug)]
pub struct Progress {
    done: HashSet<Uid>,
    file: File,
}

impl Progress {
    /// What earlier rounds have done; `again`: nothing.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(folder: &Path, archive: &AeTitle, again: bool) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let path = folder.join(format!("seal-archive-{}.done", file_name(archive)));
        if again {
            match fs::remove_file(&path) {
                Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
                _ => {}
            }
        }
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path)?;
        let mut done = HashSet::new();
        for line in BufReader::new(File::open(&path)?).lines() {
            done.extend(line?.strip_suffix(" done").and_then(|uid| Uid::new(uid).ok()));
        }
        // Whatever stood there without an end has one now.
        file.write_all(b"\n")?;
        Ok(Self { done, file })
    }

    /// Whether a study is done.
    pub fn is_done(&self, study: &Uid) -> bool {
        self.done.contains(study)
    }

    /// A study is done, durably.
    ///
    /// # Errors
    /// What the system says.
    pub fn done(&mut self, study: &Uid) -> io::Result<()> {
        self.file.write_all(format!("{study} done\n").as_bytes())?;
        self.file.sync_data()?;
        self.done.insert(*study);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;
    use crate::dicom::{AeTitle, Uid};
    use std::io::Write as _;

    #[test]
    fn what_is_done_stays_done_and_a_line_cut_short_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (title, uid) = (AeTitle::new("PACS 1").unwrap(), |n: u8| Uid::new(format!("1.2.{n}")).unwrap());
        let mut progress = Progress::open(folder.path(), &title, false).unwrap();
        progress.done(&uid(1)).unwrap();
        let path = folder.path().join("seal-archive-PACS%201.done");
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"1.2.2 do").unwrap();
        let mut progress = Progress::open(folder.path(), &title, false).unwrap();
        assert!(progress.is_done(&uid(1)) && !progress.is_done(&uid(2)));
        progress.done(&uid(3)).unwrap();
        let progress = Progress::open(folder.path(), &title, false).unwrap();
        assert!(progress.is_done(&uid(1)) && progress.is_done(&uid(3)) && !progress.is_done(&uid(2)));
        // Another archive, of a title that is nearly the same.
        let other = AeTitle::new("PACS_1").unwrap();
        assert!(!Progress::open(folder.path(), &other, false).unwrap().is_done(&uid(1)));
        assert!(!Progress::open(folder.path(), &title, true).unwrap().is_done(&uid(1)));
    }
}
