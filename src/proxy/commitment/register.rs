//! Remembering who asked, before the archive hears of it.

use super::Commitments;
use crate::dicom::dimse::Status;
use crate::dicom::{AeTitle, Uid};
use crate::state::{Commitment, CommitmentKey, StateFault};
use std::sync::Arc;
use std::time::Duration;

/// An N-ACTION that is about to go to an archive.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The archive, by its `ae_title`.
    pub archive: AeTitle,
    /// The calling title that the archive sees.
    pub title: AeTitle,
    /// The requester, by its name.
    pub requester: Arc<str>,
    /// The title that it calls with.
    pub requester_title: AeTitle,
    /// The person who asks from there, [kept](crate::proxy::person::kept).
    pub person: String,
    /// Transaction UID, as `dicom::commitment::Reader` finds it before the first reference.
    pub transaction: Uid,
}

/// Why a request may not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterFault {
    /// Somebody else has asked with this Transaction UID, under the same title for the archive: its report would go to
    /// the wrong one.
    #[error("the Transaction UID is that of another requester")]
    Taken,
    /// The state cannot be asked.
    #[error(transparent)]
    State(#[from] StateFault),
}

impl RegisterFault {
    /// The status of the N-ACTION (PS3.7 10.1.4.1.10): 0115H, an argument that is not valid, or 0213H, not now.
    pub const fn status(&self) -> Status {
        match self {
            Self::Taken => Status(0x0115),
            Self::State(_) => Status(0x0213),
        }
    }
}

/// Remembers who asks, for `keep` (`commit_keep`). To be awaited before the N-ACTION goes on; asking again with the
/// same Transaction UID begins the time anew.
///
/// # Errors
/// Why the request may not go on.
pub async fn register(commitments: &Commitments, asked: Asked, keep: Duration) -> Result<(), RegisterFault> {
    let Asked { archive, title, requester, requester_title, person, transaction } = asked;
    let key = CommitmentKey { archive, transaction, title };
    let state = &commitments.state;
    if state.commitment(&key).await?.is_some_and(|known| known.requester != requester) {
        return Err(RegisterFault::Taken);
    }
    let expires = (commitments.clock)().saturating_add(seconds(keep));
    let commitment =
        Commitment { key: key.clone(), requester: Arc::clone(&requester), requester_title, person, expires };
    state.commit(commitment).await?;
    // Of two that ask at the same moment, at another gateway perhaps, the later one has it.
    match state.commitment(&key).await? {
        Some(known) if known.requester == requester => Ok(()),
        _ => Err(RegisterFault::Taken),
    }
}

/// Whole seconds; whatever is longer than the world lasts as long.
pub(super) fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}
