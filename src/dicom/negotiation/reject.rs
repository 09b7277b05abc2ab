//! The rejections that the gateway sends (PS3.8 table 9-21).

use crate::dicom::pdu::associate::DICOM_APPLICATION_CONTEXT;
use crate::dicom::pdu::{AssociateRj, AssociateRq};

/// Whoever policy does not want: permanent, service user, no reason. The same bytes for an unknown calling title, an
/// unknown called title, a wrong certificate and a wrong password: no oracle.
pub const REFUSED: AssociateRj = AssociateRj { result: 1, source: 1, reason: 1 };

/// An unknown calling title: permanent, service user. Only archives at an inside listener are told that much.
pub const UNKNOWN_CALLING: AssociateRj = AssociateRj { result: 1, source: 1, reason: 3 };

/// An unknown called title, likewise.
pub const UNKNOWN_CALLED: AssociateRj = AssociateRj { result: 1, source: 1, reason: 7 };

/// The archive cannot be reached: transient, presentation provider, temporary congestion.
pub const ARCHIVE_AWAY: AssociateRj = AssociateRj { result: 2, source: 3, reason: 1 };

/// The archive or the gateway has no room: transient, presentation provider, local limit exceeded.
pub const FULL: AssociateRj = AssociateRj { result: 2, source: 3, reason: 2 };

/// The application context is not DICOM's: permanent, service user.
pub const APPLICATION_CONTEXT: AssociateRj = AssociateRj { result: 1, source: 1, reason: 2 };

/// Not protocol version 1: permanent, ACSE provider.
pub const PROTOCOL_VERSION: AssociateRj = AssociateRj { result: 1, source: 2, reason: 2 };

/// What the upper layer itself rejects (AE-6): a request whose protocol version lacks bit 0 (9.3.2).
pub fn by_provider(rq: &AssociateRq) -> Option<AssociateRj> {
    (rq.protocol_version & 1 == 0).then_some(PROTOCOL_VERSION)
}

/// What is rejected whoever asks: a request for another application context than DICOM's, or with a maximum length
/// below [`MIN_MAX_LENGTH`](super::MIN_MAX_LENGTH).
pub fn by_user(rq: &AssociateRq) -> Option<AssociateRj> {
    if rq.application_context.as_str() != DICOM_APPLICATION_CONTEXT {
        Some(APPLICATION_CONTEXT)
    } else {
        super::too_small(rq.user.max_length).then_some(REFUSED)
    }
}
