//! Negotiation: who asks, whether it may, what the systems asked say; then data transfer or a rejection.
//!
//! Peers ask for systems behind the gateway ([`outward`]), archives send to peers and to one another ([`inward`]), whom the
//! relay may ask for more later ([`further`]). It never decides by itself: the gate does, and what comes back of a proposal is what the other side says to it.

mod destination;
mod dial;
mod establish;
pub(super) mod further;
mod inward;
mod outward;
mod person;
mod plan;
mod refuse;
mod spread;
mod together;

use super::connection::Asking;
use super::relay::Relay;
use crate::config::Serves;

/// Answers an association request.
pub(super) async fn associate(asking: Asking) -> Option<Box<Relay>> {
    match asking.newcomer.listener.serves {
        Serves::Peers => outward::associate(asking).await,
        Serves::Archive => inward::associate(asking).await,
    }
}
