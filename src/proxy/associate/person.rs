//! Who the person is that an association names (58H, PS3.7 D.3.3.7): asked before anything else is decided, so that the
//! decisions are about her.
//!
//! All that is refused from here on is answered at one moment, counted from the request, with the same bytes: neither a
//! wrong passcode nor a right one that policy does not let in is answered sooner. Nothing of the sub-item is kept.

use crate::audit::event::Cause;
use crate::dicom::negotiation::reject;
use crate::dicom::pdu::{AssociateRj, UserIdentity};
use crate::identity::people::{People, Refused, Where};
use crate::identity::{self, Proof};
use crate::policy::{Principal, User};
use crate::proxy::clock;
use crate::proxy::connection::Asking;
use crate::proxy::snapshot::Snapshot;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Why a person is not let in.
#[derive(Debug)]
pub(super) struct Stranger {
    pub(super) rj: AssociateRj,
    pub(super) cause: Cause,
    /// For the record alone.
    pub(super) words: String,
    /// The name that was tried, as a record may show it.
    pub(super) tried: Option<String>,
}

/// Asks who the person is, if one is named. The sub-item is taken out of the request: it goes nowhere else, and is
/// overwritten at the end.
pub(super) async fn identify(
    asking: &mut Asking,
    snapshot: &Snapshot,
    principal: &Principal,
) -> Result<Option<Arc<User>>, Stranger> {
    let Some(offered) = asking.rq.user.identity.take() else { return Ok(None) };
    let Some(people) = snapshot.people.as_deref() else {
        let words = identity::UserRefused::NotKnown.to_string();
        return Err(Stranger { rj: reject::REFUSED, cause: Cause::UserIdentity, words, tried: None });
    };
    asking.answer_after = Some(people.answer_after());
    let outcome = ask(asking, snapshot, people, &offered, principal).await;
    let source = match &outcome {
        Ok(user) => source_of(user),
        Err(_) => kind_of(&offered),
    };
    let word = match &outcome {
        Ok(_) => "accepted",
        Err(stranger) if stranger.rj == reject::REFUSED => "denied",
        Err(_) => "away",
    };
    asking.newcomer.shared.metrics.identities.with_label_values(&[source, word]).inc();
    let user = outcome?;
    asking.confirm = offered.positive_response;
    Ok(Some(Arc::new(user)))
}

async fn ask(
    asking: &Asking,
    snapshot: &Snapshot,
    people: &People,
    offered: &UserIdentity,
    principal: &Principal,
) -> Result<User, Stranger> {
    let (shared, limits) = (&asking.newcomer.shared, &snapshot.settings.limits);
    let most = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    // One device must not take the places of all others.
    let (each, all) = (most(limits.associations_per_peer), most(limits.identity_checks));
    let Ok(_place) = shared.identities.take(Arc::clone(&principal.name), each, all) else {
        let words = "as many user identities are being checked as `identity_checks` or `associations_per_peer` allows";
        return Err(Stranger { rj: reject::FULL, cause: Cause::Limit, words: words.to_owned(), tried: None });
    };
    let peer = snapshot.policy.peer(&principal.name);
    let mutual = matches!(asking.presented.proof, Proof::Mutual(_));
    let at = Where {
        peer: &principal.name,
        from: principal.from,
        tls: !matches!(asking.presented.proof, Proof::Plain),
        mutual,
        username_only: peer.is_some_and(|peer| peer.username_only),
        emergency: mutual && peer.is_some_and(|peer| peer.emergency_titles.contains(&principal.calling)),
        now: clock::unix(),
    };
    // The archive is still to be dialled within the same time.
    let patience = limits.association_answer.saturating_sub(asking.since.elapsed());
    match tokio::time::timeout(patience, people.authenticate(offered, at)).await {
        Ok(Ok(user)) => Ok(user),
        Ok(Err(refused)) => Err(stranger(asking, &refused)),
        Err(_) => Err(stranger(asking, &Refused::away("nobody said in time who this is"))),
    }
}

fn stranger(asking: &Asking, refused: &Refused) -> Stranger {
    let why = refused.why();
    // What may be anything, a passcode typed into the wrong field among it, is only told apart.
    let tried = match (why.printable_name(), &why.tried) {
        (Some(name), _) => Some(name.to_owned()),
        (None, Some(name)) => Some(asking.newcomer.shared.names.veil(name)),
        (None, None) => None,
    };
    let rj = match refused {
        Refused::Denied(_) => reject::REFUSED,
        Refused::Away(_) => reject::ARCHIVE_AWAY,
    };
    Stranger { rj, cause: Cause::UserIdentity, words: refused.to_string(), tried }
}

/// One word for who vouched, for metrics.
fn source_of(user: &User) -> &'static str {
    match user.source.as_str() {
        "local" => "local",
        "ldap" => "ldap",
        "device" => "device",
        _ => "oidc",
    }
}

/// One word for what was offered, for metrics.
const fn kind_of(offered: &UserIdentity) -> &'static str {
    match offered.kind {
        1 => "device",
        2 => "passcode",
        5 => "oidc",
        _ => "other",
    }
}

/// The moment at which a refusal is answered: a whole number of `after`s behind the request, so that how long the work
/// took does not show.
pub(super) fn moment(since: Instant, after: Duration, now: Instant) -> Instant {
    let (after, elapsed) = (after.max(Duration::from_millis(1)), now.saturating_duration_since(since));
    let whole = elapsed.as_nanos().div_ceil(after.as_nanos()).max(1);
    since + after.saturating_mul(u32::try_from(whole).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_answered_at_whole_steps_alone() {
        let since = Instant::now();
        let second = Duration::from_secs(1);
        for (took, answered) in [(0, 1000), (1, 1000), (999, 1000), (1000, 1000), (1001, 2000), (2500, 3000)] {
            let now = since + Duration::from_millis(took);
            assert_eq!(moment(since, second, now), since + Duration::from_millis(answered), "{took} ms");
        }
    }
}
