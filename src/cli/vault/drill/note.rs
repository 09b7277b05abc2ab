//! What was picked, as the gateway remembers it: `state/vault/drills/picked-DRILL.json`, signed with the key of proofs. It
//! knows what the machine with the escrow key is not told: which instances were picked, and the digest of what is in them.

use super::Stopped;
use super::result::{Found, Inside, Picked, PickedObject, Sha256, is_name, read};
use crate::audit::body::{hex, unhex};
use crate::durable;
use crate::proxy::vault::prove::signing;
use crate::vault::offline::SealedFile;
use crate::vault::{KeyRing, Unlock};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the signature is for.
const PURPOSE: &str = "dicomgate drill pick 1";
/// The most files that are looked through: in no order, so with more of them nothing could be said.
const MOST: usize = 10_000;

/// What was picked, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noted {
    /// The list as it was carried away.
    pub picked: Picked,
    /// For each object of the list what this side knows of it.
    pub known: Vec<Known>,
}

/// An object that was picked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// SOP Instance UID: of the seal, if the ring opens it, else of the file.
    pub sop_instance: String,
    /// The seal, and the SHA-256 of what is in it, if the ring opens it.
    pub opened: Option<(String, String)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    dicomgate_pick: u32,
    noted: String,
    signature: String,
}

/// The folder of picks and results within a state folder.
pub fn folder(state: &Path) -> PathBuf {
    state.join("vault").join("drills")
}

/// All files of drills.
///
/// # Errors
/// The folder cannot be read, or there are too many.
pub fn files(state: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = folder(state);
    let all = fs::read_dir(&folder)?.take(MOST + 1).map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    if all.len() > MOST {
        let words = format!("`{}` holds more than {MOST} files: put old picks and results elsewhere", folder.display());
        return Err(io::Error::other(words));
    }
    Ok(all)
}

/// What this side knows of a file. `None`: it is no sealed object.
pub fn known(bytes: &[u8], minted: bool, ring: &Arc<KeyRing>) -> Option<Known> {
    let sealed = SealedFile { minted, ..SealedFile::find(bytes).ok()?? };
    let mut digest = Sha256::new();
    let opened = sealed.open(Unlock::from(Arc::clone(ring)), |part| digest.update(&part));
    let opened = opened.ok();
    let instance = opened.as_ref().map_or(sealed.file.sop_instance, |opened| opened.header.sop_instance);
    let opened = opened.map(|opened| (opened.header.seal.to_string(), digest.hex()));
    Some(Known { sop_instance: instance.to_string(), opened })
}

impl Noted {
    /// Keeps it, signed.
    pub fn keep(&self, state: &Path) -> Result<PathBuf, Stopped> {
        let folder = folder(state);
        let path = folder.join(format!("picked-{}.json", self.picked.drill));
        let signer = signing::load_or_make(state).map_err(|fault| Stopped::new(fault.to_string(), 2))?;
        let noted = serde_json::to_string(self).map_err(|fault| Stopped::at(&path, &fault))?;
        let signature = hex(&signer.sign(PURPOSE, noted.as_bytes()));
        let text = serde_json::to_string_pretty(&Signed { dicomgate_pick: 1, noted, signature });
        let text = text.map_err(|fault| Stopped::at(&path, &fault))?;
        write(&path, text.as_bytes()).map_err(|fault| Stopped::at(&path, &fault))?;
        Ok(path)
    }

    /// What was picked for a drill. `None`: nothing, or somebody else wrote it.
    pub fn load(state: &Path, drill: &str) -> Option<Self> {
        is_name(drill).then(|| Self::read(state, &folder(state).join(format!("picked-{drill}.json")))).flatten()
    }

    fn read(state: &Path, path: &Path) -> Option<Self> {
        let signed: Signed = read(path).ok()?;
        let signer = signing::load(state).ok()??;
        let signature = unhex::<64>(&signed.signature)?;
        let holds = signed.dicomgate_pick == 1 && signer.signed(PURPOSE, signed.noted.as_bytes(), &signature);
        holds.then(|| serde_json::from_str(&signed.noted).ok()).flatten()
    }

    /// Whether something was picked from the same archive since.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn is_older(&self, state: &Path) -> io::Result<bool> {
        for path in files(state)? {
            let is_pick =
                path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("picked-"));
            if !is_pick {
                continue;
            }
            let other = Self::read(state, &path).map(|other| other.picked);
            if other.is_some_and(|other| other.archive == self.picked.archive && other.picked > self.picked.picked) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a result is about exactly what was picked.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn fits(&self, found: &Found) -> Result<(), String> {
        let picked = &self.picked;
        if found.archive != picked.archive {
            return Err(format!("it is about archive {}, and the pick was from {}", found.archive, picked.archive));
        }
        if found.picked != picked.picked || found.opened < picked.picked {
            return Err("it does not go with the time of the pick".to_owned());
        }
        if found.objects.len() != picked.objects.len() {
            return Err(format!(
                "it is about {} objects, and {} were picked",
                found.objects.len(),
                picked.objects.len()
            ));
        }
        for ((found, picked), known) in found.objects.iter().zip(&picked.objects).zip(&self.known) {
            if (&found.file, &found.sha256) != (&picked.file, &picked.sha256) {
                return Err(format!("`{}` is not what was picked as `{}`", found.file, picked.file));
            }
            let Some(inside) = &found.inside else { continue };
            if !known.is(inside, self.picked.minted) {
                return Err(format!("what it says is in `{}` is not what was picked", found.file));
            }
        }
        Ok(())
    }
}

impl Known {
    fn is(&self, inside: &Inside, minted: bool) -> bool {
        let same = |(seal, digest): &(String, String)| *seal == inside.seal && *digest == inside.sha256;
        let unknown = minted && self.opened.is_none();
        (unknown || self.sop_instance == inside.sop_instance) && self.opened.as_ref().is_none_or(same)
    }
}

/// Whether files of the list are there, and what they are.
pub fn look(folder: &Path, picked: &Picked, ring: &Arc<KeyRing>) -> Result<Vec<Known>, String> {
    let look = |object: &PickedObject| {
        let wrong = |words: &str| format!("`{}` {words}", object.file);
        if !is_name(&object.file) {
            return Err(wrong("leads out of the folder"));
        }
        let bytes = fs::read(folder.join(&object.file)).map_err(|fault| wrong(&fault.to_string()))?;
        if Sha256::of(&bytes) != object.sha256 {
            return Err(wrong("is not the file that was picked"));
        }
        known(&bytes, picked.minted, ring).ok_or_else(|| wrong("is not sealed"))
    };
    picked.objects.iter().map(look).collect()
}

/// Writes a file in place of an older one, durably.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(durable::folder_of(path))?;
    durable::replace(path, bytes, 0o600)
}
