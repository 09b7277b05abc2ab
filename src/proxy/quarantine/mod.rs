//! Quarantine, seen from the front: whoever trips a wire is in it at once, here and, when they look, at all gateways that
//! share the state; live associations of theirs end. It decides nothing: the gate refuses whoever is held.
//!
//! The state away: whoever was known to be held goes on being held, and whoever has tripped a wire meanwhile is written
//! when it is back.

mod keeper;
mod last;

pub(super) use keeper::{keep, load};

use super::clock;
use super::relay::Ending;
use super::shared::Shared;
use crate::gate::{Subject, Tripwire, Visit};

/// Somebody has tripped a wire. Recorded, held, and every association of theirs woken when this returns; the ending is for
/// the association on which it happened. `visit`: that association.
pub(super) fn trip(
    shared: &Shared,
    generation: u64,
    visit: Option<&Visit>,
    subject: &Subject,
    wire: &Tripwire,
) -> Ending {
    let (held, fresh) = shared.gate.trip(generation, visit, subject, wire, clock::unix());
    if fresh {
        shared.live.trip();
    }
    Ending::Quarantined(held.subject.to_string())
}
