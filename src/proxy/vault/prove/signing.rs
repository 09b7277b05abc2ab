//! The key that results are signed with: `state/vault/probe.key`, Ed25519 (PKCS#8), for its owner alone. Its own, for an
//! archive is proven before the gateway runs for the first time and has an audit log with keys.

use super::result::ProveFault;
use crate::audit::checkpoint::Signer;
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// No key file is longer.
const LONGEST: u64 = 4096;

/// Where it lies.
fn path(state: &Path) -> PathBuf {
    state.join("vault").join("probe.key")
}

/// The key; `None`: nothing was ever proven here.
///
/// # Errors
/// It cannot be read, others may read it, or it is none.
pub fn load(state: &Path) -> Result<Option<Signer>, ProveFault> {
    let path = path(state);
    let fault = |source| ProveFault::File { path: path.clone(), source };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(other) => return Err(fault(other)),
    };
    if file.metadata().map_err(fault)?.permissions().mode() & 0o077 != 0 {
        return Err(ProveFault::Key(path, "may be read by others: `chmod 600` it"));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(LONGEST).read_to_end(&mut bytes).map_err(fault)?;
    Signer::new(&bytes).map(Some).ok_or(ProveFault::Key(path, "is damaged: remove it, and probe again"))
}

/// The key, made now if there is none: of two who make one at once, both use the same.
///
/// # Errors
/// As of [`load`]; or none can be made.
pub fn load_or_make(state: &Path) -> Result<Signer, ProveFault> {
    if let Some(signer) = load(state)? {
        return Ok(signer);
    }
    let path = path(state);
    let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
    let made = made.map_err(|_| ProveFault::Key(path.clone(), "cannot be made: the system gives no random numbers"))?;
    let write = || {
        let folder = path.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let fresh = path.with_extension(format!("new.{}", std::process::id()));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(made.as_ref())?;
        file.sync_all()?;
        let linked = fs::hard_link(&fresh, &path);
        fs::remove_file(&fresh)?;
        match linked {
            Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|source| ProveFault::File { path: path.clone(), source })?;
    load(state)?.ok_or(ProveFault::Key(path, "is gone again"))
}
