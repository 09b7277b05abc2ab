use super::*;
use crate::dicom::dataset::WalkLimits;
use crate::dicom::dataset::write::DataSet;
use crate::dicom::retrieve::Scope;
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Tag, Uid};
use crate::state::StateOptions;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::Relaxed;

/// A clock of the test's own.
macro_rules! clock {
    () => {{
        static NOW: AtomicI64 = AtomicI64::new(1_000_000);
        fn now() -> i64 {
            NOW.load(Relaxed)
        }
        (&NOW, now as fn() -> i64)
    }};
}

const MOST: usize = 100;
const GRACE: Duration = Duration::from_secs(60);

fn ae(title: &str) -> AeTitle {
    AeTitle::new(title).unwrap()
}

/// A move of WS1's, to this destination.
fn asked(destination: &str, correlate: Correlate) -> NewGrant {
    let uid = |text: &str| Uid::new(text).unwrap();
    let identifier = DataSet::new()
        .with(Tag(0x0008, 0x0052), b"CS", "STUDY")
        .with_uid(Tag(0x0020, 0x000d), &uid("1.2.3"))
        .encode(Encoding::ExplicitLe);
    NewGrant {
        person: String::new(),
        archive: ae("PACS"),
        title: ae("WS1"),
        told: ae(if correlate == Correlate::Destination { "WS1" } else { destination }),
        destination: ae(destination),
        requester: Arc::from("WS1"),
        requester_title: ae("WS1"),
        requester_message: 1,
        message: None,
        context: (uid("1.2.840.10008.5.1.4.1.2.2.2"), uid("1.2.840.10008.1.2.1")),
        scope: Scope::read(&identifier, Encoding::ExplicitLe, WalkLimits::default()).unwrap().encode(),
        association: "a-1".to_owned(),
        lags: false,
        expires: 0,
    }
}

async fn state(folder: &std::path::Path, now: fn() -> i64) -> State {
    State::open(StateOptions::new(folder, Arc::new(|_| {}), now)).await.unwrap()
}

async fn make(grants: &Grants, destination: &str, correlate: Correlate) -> Arc<Held> {
    grants.make(asked(destination, correlate), correlate, &Limits::default()).await.unwrap()
}

/// Waits until the state says so as well.
async fn over(state: &State, held: &Arc<Held>, until: i64) {
    let stored = || async {
        let all = state.grants_by_destination(ae("PACS"), held.grant.grant.told).await.unwrap();
        all.into_iter().find(|grant| grant.id == held.grant.id)
    };
    while stored().await.is_some_and(|grant| grant.grant.expires != until) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn each_grant_ends_in_its_own_time() {
    let (clock, now) = clock!();
    let folder = tempfile::tempdir().unwrap();
    let grants = Arc::new(Grants::new(state(folder.path(), now).await, false, now));
    let long = make(&grants, "WS1", Correlate::Originator).await;
    let short = make(&grants, "WS1", Correlate::Originator).await;
    let knows = |held: &Arc<Held>| grants.known_by_originator(ae("PACS"), ae("WS1"), held.grant.message).is_some();
    grants.finish(&long, Duration::from_secs(3600));
    grants.finish(&short, GRACE);
    assert_eq!(grants.running(), 0);
    clock.fetch_add(60, Relaxed);
    assert!(knows(&long) && knows(&short));
    clock.fetch_add(1, Relaxed);
    assert!(knows(&long) && !knows(&short), "its message id may be another's by now");
}

#[tokio::test]
async fn what_another_gateway_ended_ends_here_too() {
    let (clock, now) = clock!();
    let folder = tempfile::tempdir().unwrap();
    let state = state(folder.path(), now).await;
    let (one, other) = (Arc::new(Grants::new(state.clone(), true, now)), Grants::new(state.clone(), true, now));
    let held = make(&one, "WS1", Correlate::Originator).await;
    let found = || other.by_originator(ae("PACS"), ae("WS1"), held.grant.message, MOST);
    assert_eq!(found().await.unwrap().unwrap().grant.id, held.grant.id);
    one.finish(&held, GRACE);
    over(&state, &held, 1_000_060).await;
    clock.fetch_add(61, Relaxed);
    assert!(found().await.unwrap().is_none());
}

#[tokio::test]
async fn the_move_under_way_comes_before_one_that_is_over_elsewhere() {
    let (_, now) = clock!();
    let folder = tempfile::tempdir().unwrap();
    let state = state(folder.path(), now).await;
    let (one, other) =
        (Arc::new(Grants::new(state.clone(), true, now)), Arc::new(Grants::new(state.clone(), true, now)));
    // All within one second, where nothing but their ends tells them apart.
    let before = make(&one, "CT3", Correlate::Destination).await;
    one.finish(&before, GRACE);
    let here = make(&other, "WS1", Correlate::Destination).await;
    for grants in [&one, &other] {
        let found = grants.expected(ae("PACS"), ae("WS1"), MOST).await.unwrap();
        assert_eq!(found.iter().map(|held| held.grant.id).collect::<Vec<_>>(), [here.grant.id, before.grant.id]);
        assert_eq!(grants.known_by_told(ae("PACS"), ae("WS1"))[0].grant.id, here.grant.id);
    }
}

#[tokio::test]
async fn moves_together_ask_for_no_more_than_fits() {
    let (clock, now) = clock!();
    let folder = tempfile::tempdir().unwrap();
    let grants = Arc::new(Grants::new(state(folder.path(), now).await, false, now));
    let first = make(&grants, "WS1", Correlate::Originator).await;
    make(&grants, "WS1", Correlate::Originator).await;
    let limits = Limits { move_scopes: size(&asked("WS1", Correlate::Originator)) * 2, ..Limits::default() };
    let third = || grants.make(asked("WS1", Correlate::Originator), Correlate::Originator, &limits);
    assert!(matches!(third().await, Err(MoveRefusal::State(StateFault::TooMany { .. }))));
    grants.finish(&first, GRACE);
    clock.fetch_add(61, Relaxed);
    third().await.unwrap();
}
