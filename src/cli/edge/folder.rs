//! The folder of the small gateway: made beside the place meant, and moved there when it is whole.

use super::No;
use super::certificates::Source;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Mode of a key.
pub(super) const SECRET: u32 = 0o600;
/// Mode of everything else.
pub(super) const PUBLIC: u32 = 0o644;

/// A folder in the making; dropped, it is gone.
#[derive(Debug)]
pub(super) struct Staged {
    meant: PathBuf,
    draft: PathBuf,
    files: Vec<String>,
    /// Last second of the certificate, once it is there.
    pub(super) until: i64,
}

impl Staged {
    /// Begins. `force`: files may be replaced where the folder is there already; what else lies in it stays.
    pub(super) fn new(meant: &Path, force: bool) -> Result<Self, No> {
        let absolute = std::path::absolute(meant).map_err(|fault| unwritable(meant, &fault))?;
        let (Some(parent), Some(name)) = (absolute.parent(), absolute.file_name()) else {
            return Err(format!("`{}` cannot be the folder: --out names another", meant.display()).into());
        };
        if name == "config" {
            return Err("a folder called `config` will not do: the paths of a gateway.toml in it begin above it; --out names another"
                .to_owned()
                .into());
        }
        let empty = match std::fs::read_dir(&absolute) {
            Ok(mut entries) => entries.next().is_none(),
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => true,
            Err(fault) => return Err(format!("`{}` cannot be used: {fault}", meant.display()).into()),
        };
        if !empty && !force {
            return Err(format!(
                "`{}` is not empty, and nothing is overwritten: --out names another folder, --force replaces what was made there",
                meant.display()
            )
            .into());
        }
        let draft = parent.join(format!(".{}.new", name.to_string_lossy()));
        // Left over from a run that was killed.
        let _ = std::fs::remove_dir_all(&draft);
        folder(&draft.join("certs"))?;
        Ok(Self { meant: absolute, draft, files: Vec::new(), until: 0 })
    }

    /// Where a file of it is, for now.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.draft.join(file)
    }

    /// Writes a file of it, or writes it anew.
    pub(super) fn write(&mut self, file: &str, bytes: &[u8], mode: u32) -> Result<(), No> {
        let path = self.path(file);
        let written = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&path);
        let written = written.and_then(|mut opened| {
            opened.set_permissions(std::fs::Permissions::from_mode(mode))?;
            opened.write_all(bytes)?;
            opened.sync_all()
        });
        written.map_err(|fault| unwritable(&path, &fault))?;
        if !self.files.iter().any(|known| known == file) {
            self.files.push(file.to_owned());
        }
        Ok(())
    }

    /// Moves everything to where it is meant to be; then the CA forgets the key. Gives the certificate's last second.
    pub(super) fn settle(self, source: &Source) -> Result<i64, No> {
        folder(&self.meant.join("certs"))?;
        for file in &self.files {
            let to = self.meant.join(file);
            std::fs::rename(self.path(file), &to).map_err(|fault| unwritable(&to, &fault))?;
        }
        let key = self.files.iter().find_map(|file| file.strip_prefix("certs/")?.strip_suffix(".key"));
        source.forget(key.unwrap_or_default())?;
        Ok(self.until)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.draft);
    }
}

fn folder(path: &Path) -> Result<(), No> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|fault| unwritable(path, &fault))
}

fn unwritable(path: &Path, fault: &std::io::Error) -> No {
    No::from(format!("`{}` cannot be written: {fault}", path.display()))
}
