//! The audit's keys in the state folder: `audit-keys/`, apart from the log so that the log can be copied without them.

use crate::audit::body;
use crate::audit::chain::Head;
use crate::audit::checkpoint::Signer;
use crate::audit::ratchet::{Ratchet, Seed};
use crate::durable;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::Ed25519KeyPair;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::{Zeroize as _, Zeroizing};

const SIGNING: &str = "signing.pk8";
const INCIDENT: &str = "incident.key";
const RATCHET: &str = "ratchet";
/// A ratchet file is read at most this often before it counts as damaged.
const RATCHET_READS: u32 = 3;

/// No key file is longer.
const LARGEST: u64 = 4096;

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysFault {
    /// Reading or writing failed.
    #[error("audit key file `{path}`: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not what this program wrote.
    #[error(
        "audit key file `{0}` is damaged: restore it from a backup, or move the folders `audit` and `audit-keys` aside to begin a new chain"
    )]
    Damaged(PathBuf),
    /// Others may read it.
    #[error("audit key file `{0}` may be read by others: `chmod 600` it")]
    Open(PathBuf),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

/// What the ratchet file remembers: the next key, and where the chain stood when the key before it was spent.
#[derive(Debug)]
pub struct RatchetState {
    /// The next key.
    pub next: Ratchet,
    /// The chain held at least this record when checkpoint `next - 1` was begun; all of it lay on the disk.
    pub held: Head,
}

/// The keys of one log.
#[derive(Debug)]
pub struct Keys {
    folder: PathBuf,
    /// Signs checkpoints.
    pub signer: Signer,
    /// Secret of the incident ids.
    pub incident: Zeroizing<[u8; 32]>,
    /// The next key and what it remembers.
    pub ratchet: RatchetState,
    spent: Option<Ratchet>,
}

/// The folder of the keys within a state folder.
pub fn folder(state: &Path) -> PathBuf {
    state.join("audit-keys")
}

/// Whether keys were made in this state folder before.
pub fn exist(state: &Path) -> bool {
    folder(state).join(RATCHET).exists()
}

impl Keys {
    /// Makes new keys. The seed is returned, and kept nowhere.
    pub fn create(state: &Path) -> Result<(Self, Seed), KeysFault> {
        let folder = folder(state);
        make_folder(&folder)?;
        let random = SystemRandom::new();
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).map_err(|_| KeysFault::Random)?;
        let mut incident = Zeroizing::new([0; 32]);
        random.fill(incident.as_mut()).map_err(|_| KeysFault::Random)?;
        let mut bytes = [0; 32];
        random.fill(&mut bytes).map_err(|_| KeysFault::Random)?;
        let seed = Seed::new(bytes);
        bytes.zeroize();
        let path = folder.join(SIGNING);
        let signer = Signer::new(pkcs8.as_ref()).ok_or(KeysFault::Damaged(path))?;
        replace(&folder, SIGNING, pkcs8.as_ref())?;
        replace(&folder, INCIDENT, incident.as_ref())?;
        // The ratchet comes last: it is what says that the keys are whole.
        let ratchet = RatchetState { next: seed.ratchet(), held: Head::START };
        store(&folder, &ratchet)?;
        Ok((Self { folder, signer, incident, ratchet, spent: None }, seed))
    }

    /// Reads the keys of a state folder.
    pub fn load(state: &Path) -> Result<Self, KeysFault> {
        let folder = folder(state);
        let pkcs8 = read(&folder, SIGNING)?;
        let signer = Signer::new(&pkcs8).ok_or_else(|| KeysFault::Damaged(folder.join(SIGNING)))?;
        let incident = incident_secret(state)?;
        let ratchet = ratchet_state(state)?;
        Ok(Self { folder, signer, incident, ratchet, spent: None })
    }

    /// Spends the next key: the one after it lies on the disk, durably, before this returns. A crash at any point
    /// loses the spent key rather than using it twice. `held`: records up to there are already on the disk. A key that
    /// was spent and not used yet is used first.
    pub fn spend(&mut self, held: Head) -> Result<(), KeysFault> {
        if self.spent.is_none() {
            let state = RatchetState { next: self.ratchet.next.next(), held };
            store(&self.folder, &state)?;
            self.spent = Some(std::mem::replace(&mut self.ratchet, state).next);
        }
        Ok(())
    }

    /// The key that was spent.
    pub fn spent(&self) -> Option<&Ratchet> {
        self.spent.as_ref()
    }

    /// Number of the last checkpoint whose key was spent; 0: none.
    pub fn last_spent(&self) -> u64 {
        self.ratchet.next.number().saturating_sub(1)
    }

    /// Forgets the key that was spent; its checkpoint is written.
    pub fn wipe_spent(&mut self) {
        self.spent = None;
    }
}

/// The secret of the incident ids.
pub fn incident_secret(state: &Path) -> Result<Zeroizing<[u8; 32]>, KeysFault> {
    let folder = folder(state);
    let bytes = read(&folder, INCIDENT)?;
    let secret = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| KeysFault::Damaged(folder.join(INCIDENT)))?;
    Ok(Zeroizing::new(secret))
}

/// What the ratchet file says.
pub fn ratchet_state(state: &Path) -> Result<RatchetState, KeysFault> {
    let folder = folder(state);
    for _ in 0..RATCHET_READS {
        if let Some(state) = parse(&read(&folder, RATCHET)?) {
            return Ok(state);
        }
        // A gateway at work put a new file in its place and wiped this one under our eyes: the new one is whole.
    }
    Err(KeysFault::Damaged(folder.join(RATCHET)))
}

fn parse(bytes: &[u8]) -> Option<RatchetState> {
    let mut words = std::str::from_utf8(bytes).ok()?.split_ascii_whitespace();
    let number = words.next()?.parse().ok()?;
    let key = body::unhex(words.next()?)?;
    let held = words.next()?.parse().ok()?;
    Some(RatchetState { next: Ratchet::restore(number, key), held })
}

fn store(folder: &Path, state: &RatchetState) -> Result<(), KeysFault> {
    let key = Zeroizing::new(body::hex(state.next.reveal()));
    let text = Zeroizing::new(format!("{} {} {}\n", state.next.number(), key.as_str(), state.held));
    replace(folder, RATCHET, text.as_bytes())
}

fn read(folder: &Path, name: &str) -> Result<Zeroizing<Vec<u8>>, KeysFault> {
    let path = folder.join(name);
    let fault = |source| KeysFault::File { path: path.clone(), source };
    let file = File::open(&path).map_err(fault)?;
    if file.metadata().map_err(fault)?.permissions().mode() & 0o077 != 0 {
        return Err(KeysFault::Open(path));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(LARGEST).read_to_end(&mut bytes).map_err(fault)?;
    Ok(bytes)
}

/// Writes a file so that after a crash either the old or the new one is there, whole; then overwrites the old one's
/// bytes, as far as the file system and the disk let that be done.
fn replace(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), KeysFault> {
    let path = folder.join(name);
    let write = || {
        let old = OpenOptions::new().write(true).open(&path).ok();
        durable::replace(&path, bytes, 0o600)?;
        if let Some(mut old) = old {
            let length = usize::try_from(old.metadata()?.len().min(LARGEST)).unwrap_or_default();
            old.write_all(&vec![0; length])?;
            old.sync_data()?;
        }
        Ok(())
    };
    write().map_err(|source| KeysFault::File { path: path.clone(), source })
}

fn make_folder(folder: &Path) -> Result<(), KeysFault> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| KeysFault::File { path: folder.to_owned(), source })
}
