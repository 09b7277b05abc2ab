//! A-RELEASE-RQ and A-RELEASE-RP (PS3.8 9.3.6, 9.3.7): two PDUs that say nothing but what they are.

use super::fault::{FaultKind, PduFault};
use super::head::{Head, Kind, LENGTH};

/// A-RELEASE-RQ on the wire.
pub const RQ: [u8; 10] = [5, 0, 0, 0, 0, 4, 0, 0, 0, 0];

/// A-RELEASE-RP on the wire.
pub const RP: [u8; 10] = [6, 0, 0, 0, 0, 4, 0, 0, 0, 0];

/// Checks a whole release PDU; the reserved bytes are not tested.
pub fn decode(bytes: &[u8]) -> Result<(), PduFault> {
    let head = Head::decode(bytes)?;
    if !matches!(head.kind, Kind::ReleaseRq | Kind::ReleaseRp) {
        return Err(PduFault::new(FaultKind::UnexpectedPdu, "another PDU type than expected", 0));
    }
    if head.length != 4 || bytes.len() != LENGTH + 4 {
        return Err(PduFault::new(FaultKind::Length, "a release PDU whose length is not 4", 2));
    }
    Ok(())
}
