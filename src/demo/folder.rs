//! The temporary folder of a demonstration: only its owner may look inside, and it goes when the tour goes.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// How many names are tried before giving up.
const ATTEMPTS: u32 = 1000;

/// A folder that is removed with all that is in it when this is dropped, unless it is kept.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    /// Makes a folder with a name that nothing had, mode 0700.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(keep: bool) -> io::Result<Self> {
        let base = std::env::temp_dir();
        for attempt in 0..ATTEMPTS {
            let path = base.join(format!("dicomgate-demo-{}-{attempt}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self { path, keep }),
                Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => {}
                Err(fault) => return Err(fault),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "no free name for a temporary folder"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a folder inside.
    ///
    /// # Errors
    /// What the system says.
    pub fn subfolder(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep {
            // What cannot be removed is a leftover in the temporary folder, not a reason to fail.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_private_and_goes_with_its_content_unless_kept() {
        let folder = Folder::create(false).unwrap();
        let path = folder.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(folder.subfolder("archive").unwrap().join("1.dcm"), b"x").unwrap();
        drop(folder);
        assert!(!path.exists());

        let kept = Folder::create(true).unwrap();
        let path = kept.path().to_owned();
        drop(kept);
        assert!(path.exists());
        fs::remove_dir_all(path).unwrap();
    }
}
