//! What the state folder holds of the policy: a copy of the one that runs, and which changed one a person has confirmed.

use super::load::{PolicyFiles, read};
use super::settings::PolicyTexts;
use crate::durable;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const FOLDER: &str = "policy";
const POLICY: &str = "running.toml";
const PEERS: &str = "running-peers.csv";
const CONFIRMED: &str = "confirmed";
/// Who may read these files is decided by the folder that they lie in.
const MODE: u32 = 0o644;

fn folder(state: &Path) -> PathBuf {
    state.join(FOLDER)
}

/// Keeps a copy of the policy that runs from now on. Each file is replaced whole.
///
/// # Errors
/// It cannot be written.
pub fn keep(state: &Path, texts: &PolicyTexts) -> io::Result<()> {
    let folder = folder(state);
    fs::create_dir_all(&folder)?;
    match &texts.peers {
        Some(peers) => durable::replace(&folder.join(PEERS), peers.as_bytes(), MODE)?,
        None => match fs::remove_file(folder.join(PEERS)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        },
    }
    durable::replace(&folder.join(POLICY), texts.policy.as_bytes(), MODE)
}

/// The copy of the policy that runs, or ran last; `None`: no gateway has kept one here.
pub fn running(state: &Path) -> Option<PolicyFiles> {
    let folder = folder(state);
    let (policy, peers) = (folder.join(POLICY), folder.join(PEERS));
    policy.is_file().then(|| PolicyFiles { policy, peers: peers.is_file().then_some(peers) })
}

/// The words of that copy.
pub fn running_texts(state: &Path) -> Option<PolicyTexts> {
    let files = running(state)?;
    let peers = files.peers.and_then(|peers| read(&peers).ok());
    Some(PolicyTexts::new(&read(&files.policy).ok()?, peers.as_deref()))
}

/// Leaves word that a person has confirmed the policy with this digest ([`PolicyTexts::digest`]).
///
/// # Errors
/// It cannot be written.
pub fn confirm(state: &Path, digest: &str) -> io::Result<()> {
    let folder = folder(state);
    fs::create_dir_all(&folder)?;
    durable::replace(&folder.join(CONFIRMED), format!("{digest}\n").as_bytes(), MODE)
}

/// Whether the policy with this digest has been confirmed.
pub fn is_confirmed(state: &Path, digest: &str) -> bool {
    read(&folder(state).join(CONFIRMED)).is_ok_and(|text| text.trim() == digest)
}

/// A confirmation that has served is taken away: it was for one change.
///
/// # Errors
/// It is there, and cannot be removed.
pub fn used(state: &Path) -> io::Result<()> {
    match fs::remove_file(folder(state).join(CONFIRMED)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{confirm, is_confirmed, keep, running, running_texts, used};
    use crate::config::PolicyTexts;

    #[test]
    fn what_runs_is_kept_and_replaced_whole() {
        let state = tempfile::tempdir().unwrap();
        assert!(running(state.path()).is_none());
        let one = PolicyTexts::new("peers_file = \"a.csv\"\n", Some("ae_titles\nCT1\n"));
        keep(state.path(), &one).unwrap();
        assert_eq!(running_texts(state.path()), Some(one.clone()));
        let two = PolicyTexts::new("# none\n", None);
        keep(state.path(), &two).unwrap();
        assert_eq!(running_texts(state.path()), Some(two.clone()));
        assert!(running(state.path()).unwrap().peers.is_none());
        assert_ne!(one.digest(), two.digest());
        assert_ne!(PolicyTexts::new("ab", Some("c")).digest(), PolicyTexts::new("a", Some("bc")).digest());
    }

    #[test]
    fn a_confirmation_is_for_one_policy_and_one_change() {
        let state = tempfile::tempdir().unwrap();
        used(state.path()).unwrap();
        assert!(!is_confirmed(state.path(), "aa"));
        confirm(state.path(), "aa").unwrap();
        assert!(is_confirmed(state.path(), "aa") && !is_confirmed(state.path(), "ab"));
        used(state.path()).unwrap();
        assert!(!is_confirmed(state.path(), "aa"));
    }
}
