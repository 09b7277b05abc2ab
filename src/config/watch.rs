//! Notices changed files by looking at them: dependable on every file system, network shares and mounted secrets included.

use std::path::PathBuf;
use std::time::SystemTime;

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
    /// A change seen at the last look, which may still be under way.
    settling: bool,
}

impl Watch {
    /// Begins with the files as they are now.
    pub fn new(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { files: files.into_iter().map(glance).collect(), settling: false }
    }

    /// Goes on with these files, after a reload that began when [`Watch::changed`] said so. Of files that were looked at
    /// before, the last look counts: a change made while they were read is not overlooked.
    pub fn follow(&mut self, files: impl IntoIterator<Item = PathBuf>) {
        let known = std::mem::take(&mut self.files);
        let last = |path: PathBuf| known.iter().find(|one| one.path == path).cloned().unwrap_or_else(|| glance(path));
        self.files = files.into_iter().map(last).collect();
    }

    /// Whether any file changed since the last time this said so. An edit under way is waited for: it is said at the
    /// first look that finds everything as the look before did.
    pub fn changed(&mut self) -> bool {
        let now: Vec<Glance> = self.files.iter().map(|file| glance(file.path.clone())).collect();
        if now != self.files {
            self.files = now;
            self.settling = true;
            return false;
        }
        std::mem::take(&mut self.settling)
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
