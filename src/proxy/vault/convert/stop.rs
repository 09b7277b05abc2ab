//! Why no more is sealed.

use crate::dicom::Uid;
use crate::scu::LinkFault;
use crate::state::StateFault;
use std::io;
use std::path::PathBuf;

/// Why no more is sealed.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// The archive cannot be asked.
    #[error("the archive: {0}")]
    Link(#[from] LinkFault),
    /// The ledger.
    #[error(transparent)]
    State(#[from] StateFault),
    /// The folder of what waits.
    #[error("`{path}`: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something waits there already.
    #[error("`{0}` waits to be judged: begin again")]
    Waits(PathBuf),
    /// What was stored cannot be read back.
    #[error(
        "the archive gives out no objects of the class of instance {0} by C-GET any more; what was stored last waits until it does"
    )]
    NotOffered(Uid),
    /// What was stored cannot be read back now.
    #[error(
        "instance {instance} was stored and cannot be read back now: {why}; `{file}` holds it, sealed, and the next round looks again"
    )]
    Unread {
        /// Which.
        instance: Uid,
        /// Why.
        why: String,
        /// Where it is.
        file: PathBuf,
    },
    /// It gives back the original.
    #[error(
        "the archive said success to instance {0} and still gives back what it had: it does not replace, whatever its probe says; what was stored waits until the next round has looked again"
    )]
    NotReplaced(Uid),
    /// The keys are others than those that it seals with.
    #[error("the keys of the vault: {0}; nothing more is sealed with those that this round began with")]
    Key(String),
    /// It takes no more.
    #[error("the archive has no room: {0}")]
    Full(String),
    /// What the archive has does not open, and it does not take the original back.
    #[error(
        "instance {instance} does not come back from the archive ({why}), and it does not take the original back ({again}); `{file}` holds it, sealed: `dicomgate vault open` opens it"
    )]
    Lost {
        /// Which.
        instance: Uid,
        /// What is wrong with what it gave back.
        why: String,
        /// Why restoring failed.
        again: String,
        /// Where it is.
        file: PathBuf,
    },
}
