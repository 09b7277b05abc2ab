//! The file of the key that all rows are sealed with: 64 hexadecimal digits, for its owner alone.

use crate::state::StateFault;
use ring::rand::{SecureRandom as _, SystemRandom};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use zeroize::Zeroizing;

/// No key file is longer, line ends included.
const LARGEST: u64 = 256;

/// The key of all rows.
pub type Key = Zeroizing<[u8; 32]>;

/// Reads the key.
///
/// # Errors
/// The file cannot be read, others than its owner may read or change it, or it holds something else.
pub fn load(path: &Path) -> Result<Key, StateFault> {
    let shown = path.display();
    let unreadable = |fault: io::Error| StateFault::Settings(format!("key file `{shown}`: {fault}"));
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.permissions().mode() & 0o077 != 0 {
        return Err(StateFault::Settings(format!("key file `{shown}` may be read by others: `chmod 600` it")));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(LARGEST).read_to_string(&mut text).map_err(unreadable)?;
    unhex(text.trim()).ok_or_else(|| {
        StateFault::Settings(format!(
            "key file `{shown}` does not hold 64 hexadecimal digits: `openssl rand -hex 32` makes such a key"
        ))
    })
}

/// Makes a key, durably, unless there is one: of two who begin at once, both use the same.
///
/// # Errors
/// The file cannot be written, or the system gives no random numbers.
pub fn make(path: &Path) -> Result<(), StateFault> {
    let mut key: Key = Zeroizing::new([0; 32]);
    SystemRandom::new()
        .fill(key.as_mut())
        .map_err(|_| StateFault::Settings("the system gives no random numbers".to_owned()))?;
    let text: Zeroizing<String> = Zeroizing::new(key.iter().map(|byte| format!("{byte:02x}")).collect());
    let write = || {
        // Whole or not at all, under its name: written beside it, then linked, which an existing file prevents.
        let fresh = path.with_extension(format!("new.{}", std::process::id()));
        let _ = fs::remove_file(&fresh);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        let linked = fs::hard_link(&fresh, path);
        fs::remove_file(&fresh)?;
        match linked {
            Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }?;
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|fault: io::Error| StateFault::Settings(format!("key file `{}`: {fault}", path.display())))
}

fn unhex(text: &str) -> Option<Key> {
    let mut key: Key = Zeroizing::new([0; 32]);
    let digits = text.as_bytes();
    if digits.len() != 2 * key.len() {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(key)
}

fn digit(character: u8) -> Option<u8> {
    char::from(character).to_digit(16)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::{load, make};
    use crate::state::StateFault;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_key_is_made_once_and_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.key");
        make(&path).unwrap();
        let first = load(&path).unwrap();
        make(&path).unwrap();
        assert_eq!(first, load(&path).unwrap());
        assert_ne!(*first, [0; 32]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn what_is_no_key_or_open_to_others_is_refused_without_being_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.key");
        let good = "0123456789abcdefABCDEF00000000000000000000000000000000000000000f";
        for (text, mode, accepted) in [
            (format!("{good}\n"), 0o600, true),
            (format!("{good}\n"), 0o400, true),
            (good.to_owned(), 0o640, false),
            (good.to_owned(), 0o604, false),
            (good.replace("01", ""), 0o600, false),
            (format!("{good}00"), 0o600, false),
            (good.replace('a', "g"), 0o600, false),
            (String::new(), 0o600, false),
        ] {
            let _ = fs::remove_file(&path);
            fs::write(&path, &text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let loaded = load(&path);
            assert_eq!(loaded.is_ok(), accepted, "{text} {mode:o}");
            if let Err(fault) = loaded {
                assert!(matches!(fault, StateFault::Settings(_)));
                assert!(!fault.to_string().contains("456789"), "{fault}");
            }
        }
        assert!(load(&folder.path().join("none")).is_err());
    }
}
