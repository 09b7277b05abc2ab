//! Dials what an association needs, all at once, each for its own part of the proposal.

use super::together::together;
use crate::archive::capacity::Place;
use crate::archive::{ArchiveFault, Call, Leg, Target, open};
use crate::audit::event::Cause;
use crate::dicom::negotiation::{reject, verify};
use crate::dicom::pdu::{Abort, AssociateAc, AssociateRj, AssociateRq};
use crate::proxy::connection::{LAST_WORDS, framer_limits};
use crate::proxy::shared::Shared;
use crate::proxy::snapshot::Snapshot;
use std::time::Instant;

/// One system to be dialled.
#[derive(Debug)]
pub(super) struct Dial<'a> {
    /// How records and the log call it.
    pub(super) to: &'a str,
    pub(super) role: Role,
    pub(super) target: Target<'a>,
    pub(super) proposed: &'a AssociateRq,
    /// Its place there, where places are counted; `Err`: it bears no more.
    pub(super) place: Result<Option<Place>, Full>,
}

/// What a system is to an association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A system behind the gateway.
    Archive,
    /// A peer that receives what an archive sends.
    Destination,
}

impl Role {
    const fn cause(self) -> Cause {
        match self {
            Self::Archive => Cause::ArchiveAway,
            Self::Destination => Cause::DestinationAway,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Archive => "the archive",
            Self::Destination => "the destination",
        }
    }

    fn failed(self, shared: &Shared, to: &str) {
        match self {
            Self::Archive => shared.metrics.archive_failures.with_label_values(&[to]).inc(),
            Self::Destination => shared.metrics.destination_failures.with_label_values(&[to]).inc(),
        }
    }
}

/// All places are taken.
#[derive(Debug)]
pub(super) struct Full;

/// An association with a system, verified, and its answer.
pub(super) type Answered = (Leg, Box<AssociateAc>);

/// Why a system cannot be had, and what the caller is told where it needs no other.
#[derive(Debug)]
pub(super) struct Miss {
    pub(super) rj: AssociateRj,
    pub(super) cause: Cause,
    pub(super) words: String,
}

/// Dials all systems at once; the outcomes in their order. `since`: when the caller asked.
pub(super) async fn dial(
    shared: &Shared,
    snapshot: &Snapshot,
    since: Instant,
    systems: Vec<Dial<'_>>,
) -> Vec<Result<Answered, Miss>> {
    together(systems.into_iter().map(|system| dial_one(shared, snapshot, since, system))).await
}

async fn dial_one(shared: &Shared, snapshot: &Snapshot, since: Instant, system: Dial<'_>) -> Result<Answered, Miss> {
    let Dial { to, role, target, proposed, place } = system;
    let Ok(place) = place else {
        let words = "as many associations are open as the archive's `max_associations` allows".to_owned();
        return Err(Miss { rj: reject::FULL, cause: Cause::ArchiveFull, words });
    };
    let call = Call {
        target,
        request: proposed,
        limits: framer_limits(snapshot),
        artim: snapshot.settings.limits.artim,
        deadline: since + snapshot.settings.limits.association_answer,
        pool: &shared.pool,
    };
    let (mut leg, ac) = match open(call, place).await {
        Ok(opened) => opened,
        Err(fault) => {
            role.failed(shared, to);
            tracing::warn!(archive = %to, %fault, "no association with {}", role.words());
            let rj = match &fault {
                // Its own words: what it does not like about this caller, no gateway can mend.
                ArchiveFault::Rejected(rj) => *rj,
                _ => reject::ARCHIVE_AWAY,
            };
            return Err(Miss { rj, cause: role.cause(), words: format!("{}: {fault}", role.words()) });
        }
    };
    match verify(proposed, &ac) {
        Ok(()) => {
            // Each side keeps to what it was told, which is what the other side takes.
            leg.set_max_pdata(proposed.user.max_length);
            Ok((leg, ac))
        }
        Err(fault) => {
            leg.say(&Abort::provider(0).to_bytes());
            let _ = tokio::time::timeout(LAST_WORDS, leg.close()).await;
            tracing::warn!(archive = %to, %fault, "no association with {}", role.words());
            Err(Miss { rj: reject::ARCHIVE_AWAY, cause: role.cause(), words: fault.to_string() })
        }
    }
}
