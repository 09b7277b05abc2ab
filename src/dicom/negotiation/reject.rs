//! The rejections that the gateway sends (PS3.8 table 9-21).

use crate::dicom::pdu::AssociateRj;

/// Whoever policy does not want: permanent, service user, no reason. The same bytes for an unknown calling title, an
/// unknown called title, a wrong certificate and a wrong password: no oracle.
pub const REFUSED: AssociateRj = AssociateRj { result: 1, source: 1, reason: 1 };

/// The archive cannot be reached: transient, presentation provider, temporary congestion.
pub const ARCHIVE_AWAY: AssociateRj = AssociateRj { result: 2, source: 3, reason: 1 };

/// The archive or the gateway has no room: transient, presentation provider, local limit exceeded.
pub const FULL: AssociateRj = AssociateRj { result: 2, source: 3, reason: 2 };

/// The application context is not DICOM's: permanent, service user.
pub const APPLICATION_CONTEXT: AssociateRj = AssociateRj { result: 1, source: 1, reason: 2 };

/// Not protocol version 1: permanent, ACSE provider.
pub const PROTOCOL_VERSION: AssociateRj = AssociateRj { result: 1, source: 2, reason: 2 };
