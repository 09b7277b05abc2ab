//! What of a report the requester may see: the policy is asked, class by class.

use super::register::seconds;
use crate::dicom::Uid;
use crate::dicom::commitment::Report;
use crate::policy::{Moment, Policy, Principal, Transport};
use crate::proxy::snapshot::Snapshot;
use crate::proxy::{clock, person};
use crate::state::Commitment;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

/// Withholds what the policy in force does not let the requester see, and says how many that were. A rule with hours
/// says when one may ask, and an archive reports when it has the time: what was visible when the request was made, or
/// is now, is told.
pub fn narrow(snapshot: &Snapshot, commitment: &Commitment, report: &mut Report) -> usize {
    let asked = commitment.expires.saturating_sub(seconds(snapshot.settings.limits.commit_keep));
    let moments = [then(asked), Some(clock::moment())];
    let mut known = HashMap::new();
    // Of whom it cannot be told who asked, nothing is told.
    let principal = requester(commitment).ok();
    let archive = commitment.key.archive.as_str();
    for class in classes(report) {
        known.entry(class).or_insert_with(|| {
            principal.as_ref().is_some_and(|principal| sees(&snapshot.policy, principal, archive, &class, &moments))
        });
    }
    report.withhold(|class| known.get(class).copied().unwrap_or(false))
}

fn sees(policy: &Policy, principal: &Principal, archive: &str, class: &Uid, at: &[Option<Moment>]) -> bool {
    at.iter().flatten().any(|moment| policy.may_see(principal, archive, class, *moment))
}

fn classes(report: &Report) -> impl Iterator<Item = Uid> {
    let failed = report.failed.iter().map(|(reference, _)| reference);
    report.committed.iter().chain(failed).map(|reference| reference.class)
}

/// The requester as the policy asks for it, though it is not there: its name counts, and neither address nor transport
/// decides anything once somebody is identified.
fn requester(commitment: &Commitment) -> Result<Principal, &'static str> {
    Ok(Principal {
        // Looked up by name.
        peer: u32::MAX,
        name: commitment.requester.clone(),
        calling: commitment.requester_title,
        from: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        transport: Transport::Plain,
        user: person::restored(&commitment.person)?,
    })
}

fn then(unix: i64) -> Option<Moment> {
    Some(Moment::of(&Timestamp::from_second(unix).ok()?.to_zoned(TimeZone::system())))
}
