//! Notices changed files by looking at them: dependable on every file system, network shares and mounted secrets included.

use std::path::PathBuf;
use std::time::SystemTime;

/// A change is waited for until the look after the one that saw it, and no longer: files that are replaced again and again
/// (keys that are made one after the other) would otherwise postpone it for ever.
const REPLACED: u32 = 1;

/// The same while a file is being written where it stands, which what replaces files whole never does: so many looks. Half of
/// a policy may read as a whole one.
const WRITTEN: u32 = 10;

/// What a look at a file shows; enough to notice edits, replacements, removals and swapped links.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Glance {
    path: PathBuf,
    seen: Option<(SystemTime, u64, u64, u64)>,
}

/// Looks at files again and again. Calling [`Watch::changed`] once a second costs one `stat` a file.
#[derive(Debug, Clone)]
pub struct Watch {
    files: Vec<Glance>,
    /// A change was seen, which may still be under way, and was waited for at so many looks.
    settling: Option<u32>,
}

impl Watch {
    /// Begins with the files as they are now.
    pub fn new(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { files: files.into_iter().map(glance).collect(), settling: None }
    }

    /// Goes on with these files, after a reload that began when [`Watch::changed`] said so. Of files that were looked at
    /// before, the last look counts: a change made while they were read is not overlooked.
    pub fn follow(&mut self, files: impl IntoIterator<Item = PathBuf>) {
        let known = std::mem::take(&mut self.files);
        let last = |path: PathBuf| known.iter().find(|one| one.path == path).cloned().unwrap_or_else(|| glance(path));
        self.files = files.into_iter().map(last).collect();
    }

    /// Whether any file changed since the last time this said so. An edit under way is waited for: it is said at the
    /// first look that finds everything as the look before did, and at the latest when that has taken long enough. What
    /// changed at that very look is said once more.
    pub fn changed(&mut self) -> bool {
        let now: Vec<Glance> = self.files.iter().map(|file| glance(file.path.clone())).collect();
        if now == self.files {
            return self.settling.take().is_some();
        }
        let written = now.iter().zip(&self.files).any(|(now, before)| now.is_written_after(before));
        self.files = now;
        let waited = self.settling.unwrap_or(0);
        let over = waited >= if written { WRITTEN } else { REPLACED };
        self.settling = Some(if over { 0 } else { waited + 1 });
        over
    }
}

impl Glance {
    /// It is the same file, and there is something else in it.
    fn is_written_after(&self, before: &Self) -> bool {
        let file = |glance: &Self| glance.seen.map(|(_, inode, _, device)| (inode, device));
        self != before && self.seen.is_some() && file(self) == file(before)
    }
}

fn glance(path: PathBuf) -> Glance {
    use std::os::unix::fs::MetadataExt as _;
    let seen = std::fs::metadata(&path).ok().map(|meta| {
        let changed = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        (changed, meta.ino(), meta.size(), meta.dev())
    });
    Glance { path, seen }
}
