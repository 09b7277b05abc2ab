//! Files that are there whole or not at all, whatever happens while they are written: beside first, onto the disk, then in
//! their place. It locks nothing: whoever may be written by two keeps them apart.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Writes a file in place of what is there, with these permission bits. After a crash it is the old one or the new one.
///
/// # Errors
/// What the system says; what was there is there then.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    take_place(&draft(path, bytes, mode)?, path)
}

/// Writes a file that must not be there yet, with these permission bits.
///
/// # Errors
/// It is there ([`io::ErrorKind::AlreadyExists`]), or what the system says.
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let draft = draft(path, bytes, mode)?;
    // A link, unlike a rename, fails where something is.
    let linked = fs::hard_link(&draft, path);
    let _ = fs::remove_file(&draft);
    linked?;
    settle(path)
}

/// The whole file beside the one meant, on the disk: for [`take_place`].
///
/// # Errors
/// What the system says; nothing is left then.
pub fn draft(path: &Path, bytes: &[u8], mode: u32) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = path.with_file_name(format!(".{name}.new"));
    // Left over from somebody who was killed; it may have other permissions.
    let _ = fs::remove_file(&draft);
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().inspect_err(|_| drop(fs::remove_file(&draft)))?;
    Ok(draft)
}

/// A [`draft`] takes the place of the file that it is for.
///
/// # Errors
/// What the system says; what was there is there then, and the draft is gone.
pub fn take_place(draft: &Path, path: &Path) -> io::Result<()> {
    fs::rename(draft, path).inspect_err(|_| drop(fs::remove_file(draft)))?;
    settle(path)
}

/// What has become of a name in a folder is on the disk, too.
///
/// # Errors
/// What the system says.
pub fn settle(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// The folder that a file lies in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::{create, replace};
    use std::io::ErrorKind;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_is_replaced_whole_and_made_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.json");
        // What a killed command left is in nobody's way, and its permissions are not taken over.
        std::fs::write(folder.path().join(".one.json.new"), "half").unwrap();
        create(&path, b"first", 0o600).unwrap();
        assert_eq!(create(&path, b"second", 0o600).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        replace(&path, b"third", 0o640).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"third");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(replace(folder.path().join("absent/one").as_path(), b"x", 0o600).is_err());
        // In the way is a folder: what cannot be done leaves nothing behind.
        std::fs::create_dir(folder.path().join("dir")).unwrap();
        assert!(replace(&folder.path().join("dir"), b"x", 0o600).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
