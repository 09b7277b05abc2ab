//! What is wrong with keys, in words for who must mend it.

use crate::vault::KeyId;
use crate::vault::escrow::EscrowFault;
use std::path::PathBuf;

/// One thing that is wrong. No message holds a key or a PIN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A file or folder cannot be read.
    #[error("`{}` cannot be read: {words}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        words: String,
    },
    /// A file cannot be written.
    #[error("`{}` cannot be written: {words}", .path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        words: String,
    },
    /// Others may read it.
    #[error("users of this machine other than its owner can read or change `{}` (mode {mode:03o}): chmod {} {}", .path.display(), .right, .path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// What the mode should be.
        right: &'static str,
    },
    /// It belongs to somebody else, who can read it.
    #[error("`{}` belongs to user {owner}, and not to {own}, as whom this runs", .path.display())]
    Owner {
        /// The file or folder.
        path: PathBuf,
        /// Its owner's number.
        owner: u32,
        /// The number of the user as whom this runs.
        own: u32,
    },
    /// It does not hold a key.
    #[error("`{}` does not hold a key of the ring: {words}; restore it from the backup, or take it out of the folder if it never was one", .path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        words: &'static str,
    },
    /// The key and its check value disagree.
    #[error("`{}` is damaged: the key and its check value do not fit; restore it from the backup", .0.display())]
    Damaged(PathBuf),
    /// Two files for one key.
    #[error("key {id} is there twice, in `{}` and `{}`", .one.display(), .other.display())]
    Twice {
        /// Its number.
        id: KeyId,
        /// One file.
        one: PathBuf,
        /// The other one.
        other: PathBuf,
    },
    /// The manifest is broken.
    #[error("the manifest `{}` is damaged: {words}; restore it from the backup", .path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        words: String,
    },
    /// Keys without a manifest.
    #[error("there are keys, and no manifest `{}`: restore it from the backup, or `dicomgate vault new-key --adopt` if these are all the keys that ever were", .0.display())]
    NoManifest(PathBuf),
    /// There is no key at all.
    #[error(
        "there is no key yet in {0}: `dicomgate vault new-key` makes the first; if there is a ring already, this is not the folder of its keys"
    )]
    Empty(String),
    /// No key seals.
    #[error("no key of the ring seals any more, as the newest has ended: `dicomgate vault new-key` makes the next")]
    NoneSeals,
    /// A key that was used is gone.
    #[error(
        "key {0} of the ring is gone, and what it sealed would not open: restore it from the backup; if it is lost for good, `dicomgate vault rotate --forget {0}` says that you know, and escrow alone opens what it sealed"
    )]
    Missing(KeyId),
    /// Another key under a known number.
    #[error("key {0} of the ring is not the key that had this number before: restore the right one from the backup")]
    Exchanged(KeyId),
    /// A key that the manifest does not know.
    #[error(
        "key {0} of the ring is not in the manifest: restore the manifest that goes with it, or `dicomgate vault new-key --adopt` to take it in"
    )]
    Unknown(KeyId),
    /// A key that sealed something is not in the manifest.
    #[error(
        "objects were sealed with key {0}, which this ring never had: is this the right folder of keys, or an old copy? restore the right one; if key {0} is lost for good, `dicomgate vault rotate --forget {0}` says that you know"
    )]
    Stranger(KeyId),
    /// A key that was destroyed is there again.
    #[error(
        "key {0} of the ring was destroyed, and is there again: take it out of the backup, too, and remove it here"
    )]
    Returned(KeyId),
    /// The environment does not hold the ring.
    #[error("the environment variable `{0}` {1}")]
    Environment(String, &'static str),
    /// The token does not do what is needed.
    #[error("{0}")]
    Token(String),
    /// A certificate cannot be used for escrow.
    #[error("`{}` cannot be used for escrow: {fault}", .path.display())]
    Escrow {
        /// The file.
        path: PathBuf,
        /// Why.
        fault: EscrowFault,
    },
    /// A file with no certificate, or several.
    #[error("`{}` does not hold one certificate, in PEM or DER", .0.display())]
    NoCertificate(PathBuf),
    /// There is no such key to do something with.
    #[error("there is no key {0} in the ring")]
    NoSuchKey(KeyId),
    /// Nothing may be done with a key for a reason.
    #[error("{0}")]
    Refused(String),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandom,
}

/// Everything that is wrong with the keys; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysFault(pub Vec<Problem>);

impl From<Problem> for KeysFault {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl std::fmt::Display for KeysFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for KeysFault {}
