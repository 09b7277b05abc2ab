//! Quarantine and the review list.

use crate::place::{Place, START, later};
use dicomgate::state::{NewReview, Quarantined, Release, Review};

fn held(subject: &str, since: i64) -> Quarantined {
    let words = |text: &str| text.to_owned();
    Quarantined {
        subject: words(subject),
        since,
        why: words("the budget of the rule `Süd` is used up"),
        incident: words("7K3F-9QX2"),
        gateway: words("gate-1"),
        release: None,
    }
}

pub async fn held_until_released_whoever_asks(place: Place) {
    let (state, replica) = (place.open().await, place.open().await);
    assert_eq!(state.quarantined().await.unwrap(), []);
    let mueller = held("user:mueller", START);
    state.quarantine(&mueller).await.unwrap();
    assert_eq!(replica.quarantined().await.unwrap(), std::slice::from_ref(&mueller));
    // Again, by another: since when and why stay.
    replica.quarantine(&Quarantined { why: "other".to_owned(), ..held("user:mueller", START + 5) }).await.unwrap();
    assert_eq!(state.quarantined().await.unwrap(), std::slice::from_ref(&mueller));
    later(400 * 86_400);
    state.sweep(START + 400 * 86_400).await.unwrap();
    drop((state, replica));
    let state = place.open().await;
    assert_eq!(state.quarantined().await.unwrap(), std::slice::from_ref(&mueller), "it does not expire");

    assert_eq!(state.release("user:meier", "Ong", "").await.unwrap(), None);
    let now = START + 400 * 86_400;
    let release = |noted| Some(Release { at: now, by: "Ong".to_owned(), reason: "asked".to_owned(), noted });
    let over = Quarantined { release: release(false), ..mueller.clone() };
    assert_eq!(state.release("user:mueller", "Ong", "asked").await.unwrap(), Some(over.clone()));
    assert_eq!(state.release("user:mueller", "Ong", "asked").await.unwrap(), None, "once");
    assert_eq!(state.quarantined().await.unwrap(), std::slice::from_ref(&over));
    state.release_noted(&over).await.unwrap();
    assert_eq!(state.quarantined().await.unwrap()[0].release, release(true));
    // What began before the release is over with it; what begins after it is not.
    state.quarantine(&held("user:mueller", now - 1)).await.unwrap();
    assert!(state.quarantined().await.unwrap()[0].release.is_some());
    state.quarantine(&held("user:mueller", now)).await.unwrap();
    assert_eq!(state.quarantined().await.unwrap(), [held("user:mueller", now)]);
    // A release that was seen before says nothing about this one.
    state.release_noted(&over).await.unwrap();
    assert_eq!(state.quarantined().await.unwrap(), [held("user:mueller", now)]);

    state.release("user:mueller", "Ong", "").await.unwrap().unwrap();
    later(31 * 86_400);
    assert_eq!(state.quarantined().await.unwrap(), []);
    state.sweep(now + 31 * 86_400).await.unwrap();
    assert_eq!(place.count("dicomgate_quarantine").await, 0);
    assert_eq!(place.heard(), []);
}

pub async fn a_changed_row_is_no_release_and_is_written_again(place: Place) {
    for column in ["subject", "since", "why", "incident", "gateway", "released", "released_by", "noted", "expires"] {
        let state = place.open().await;
        state.quarantine(&held("user:mueller", START)).await.unwrap();
        let value = match column {
            "subject" | "why" | "incident" | "gateway" | "released_by" => "'x'".to_owned(),
            _ => format!("{column} - 1"),
        };
        assert_eq!(place.by_hand(&format!("UPDATE dicomgate_quarantine SET {column} = {value}")).await, 1);
        assert_eq!(state.quarantined().await.unwrap(), [], "{column}");
        assert_eq!(place.heard().len(), 1, "{column}");
        assert_eq!(state.release("user:mueller", "Ong", "").await.unwrap(), None, "{column}");
        state.quarantine(&held("user:mueller", START)).await.unwrap();
        assert_eq!(state.quarantined().await.unwrap(), [held("user:mueller", START)], "{column}");
        place.by_hand("DELETE FROM dicomgate_quarantine").await;
    }
}

fn used(incident: &str, since: i64) -> NewReview {
    let words = |text: &str| text.to_owned();
    NewReview {
        user: words("müller"),
        peer: words("WS1"),
        rule: words("emergency"),
        since,
        incident: words(incident),
        gateway: words("gate-1"),
    }
}

pub async fn uses_wait_until_somebody_has_looked(place: Place) {
    let (state, replica) = (place.open().await, place.open().await);
    for (incident, since) in [("BBBB-BBBB", START + 1), ("AAAA-AAAA", START), ("BBBB-BBBB", START + 1)] {
        state.review(&used(incident, since)).await.unwrap();
    }
    let open = |incident: &str, since| Review { used: used(incident, since), reviewed: None };
    let all = [open("AAAA-AAAA", START), open("BBBB-BBBB", START + 1)];
    assert_eq!(replica.reviews().await.unwrap(), all);
    assert_eq!(replica.reviewed("CCCC-CCCC", "Ong").await.unwrap(), None);
    later(9);
    let done = Review { reviewed: Some((START + 9, "Ong".to_owned())), ..all[0].clone() };
    assert_eq!(replica.reviewed("AAAA-AAAA", "Ong").await.unwrap(), Some(done.clone()));
    assert_eq!(state.reviewed("AAAA-AAAA", "Ong").await.unwrap(), None, "once");
    assert_eq!(state.reviews().await.unwrap(), [all[1].clone(), done]);
    // The same use again does not come back.
    state.review(&used("AAAA-AAAA", START)).await.unwrap();
    assert!(state.reviews().await.unwrap()[1].reviewed.is_some());
    later(400 * 86_400);
    state.sweep(START + 400 * 86_400).await.unwrap();
    assert_eq!(state.reviews().await.unwrap(), [all[1].clone()], "what nobody has looked at stays");
    assert_eq!(place.by_hand("UPDATE dicomgate_review SET reviewed = 5, reviewed_by = 'x'").await, 1);
    assert_eq!((state.reviews().await.unwrap(), place.heard().len()), (Vec::new(), 1));
}
