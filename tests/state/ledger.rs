//! The seal ledger: what an archive may hold, whoever notes it and however many at once.

use crate::place::{Place, START, ae, later, uid};
use dicomgate::dicom::Uid;
use dicomgate::state::{Mark, Repeats, SealEnd, SealMark, SealRow, Standing};
use dicomgate::vault::{KeyId, SealId};
use std::time::Instant;

fn instance(n: u32) -> Uid {
    uid(&format!("1.2.826.0.1.3680043.8.498.4.{n}"))
}

fn id(n: u32) -> SealId {
    let mut bytes = [0; 16];
    bytes[12..].copy_from_slice(&n.to_be_bytes());
    SealId(bytes)
}

/// Instance `n` in a study of its hundred, about to be stored under seal `seal`.
fn row(n: u32, seal: u32) -> SealRow {
    let syntax = uid("1.2.840.10008.1.2.4.90");
    let mark = SealMark::new(id(seal), KeyId(3), syntax, (2500, 3328, 70_000));
    let study = uid(&format!("1.2.826.0.1.3680043.8.498.2.{}", n / 100));
    SealRow::new(ae("PACS"), instance(n), Some(study), uid("1.2.840.10008.5.1.4.1.1.13.1.3"), mark)
}

pub async fn a_seal_is_in_doubt_until_the_archive_has_said_something(place: Place) {
    let (state, replica) = (place.open().await, place.open().await);
    assert_eq!(state.seals(ae("PACS"), &instance(1)).await.unwrap(), None);
    state.seal_begin(&row(1, 1)).await.unwrap();
    let found = replica.seals(ae("PACS"), &instance(1)).await.unwrap().unwrap();
    let expected = row(1, 1);
    assert_eq!((found.instance, found.study, found.sop_class), (expected.instance, expected.study, expected.sop_class));
    let seal = &found.seals[0];
    assert_eq!((seal.mark, seal.at, seal.verified), (Mark::InDoubt, START, None));
    assert_eq!((seal.rows, seal.columns, seal.frames, seal.key), (2500, 3328, 70_000, KeyId(3)));
    assert_eq!(seal.syntax, uid("1.2.840.10008.1.2.4.90"));
    later(5);
    assert!(replica.seal_end(ae("PACS"), &instance(1), id(1), SealEnd::Acknowledged).await.unwrap());
    let found = state.seals(ae("PACS"), &instance(1)).await.unwrap().unwrap();
    assert_eq!((found.seals[0].mark, found.seals[0].at), (Mark::Acknowledged, START + 5));
    assert!(state.seal_verified(ae("PACS"), &instance(1), id(1), START + 9).await.unwrap());
    assert_eq!(state.seals(ae("PACS"), &instance(1)).await.unwrap().unwrap().seals[0].verified, Some(START + 9));
    // Another archive's, another seal's, another instance's are others.
    assert_eq!(state.seals(ae("PACS2"), &instance(1)).await.unwrap(), None);
    assert!(!state.seal_end(ae("PACS2"), &instance(1), id(1), SealEnd::Acknowledged).await.unwrap());
    assert!(!state.seal_end(ae("PACS"), &instance(1), id(2), SealEnd::Acknowledged).await.unwrap());
    assert!(!state.seal_verified(ae("PACS"), &instance(2), id(1), START).await.unwrap());
    assert!(!state.seal_end(ae("PACS"), &instance(1), id(2), SealEnd::Unknown).await.unwrap());
    assert!(state.seal_end(ae("PACS"), &instance(1), id(1), SealEnd::Unknown).await.unwrap());
    assert_eq!((place.heard(), state.bad_rows()), (Vec::new(), 0));
}

pub async fn a_seal_from_elsewhere_may_be_there_once_one_passes(place: Place) {
    let state = place.open().await;
    state.seal_passes(ae("PACS"), &instance(1)).await.unwrap();
    assert_eq!(
        state.seals(ae("PACS"), &instance(1)).await.unwrap(),
        None,
        "of what nobody sealed here nothing is known"
    );
    state.seal_begin(&row(1, 1)).await.unwrap();
    state.seal_end(ae("PACS"), &instance(1), id(1), SealEnd::Acknowledged).await.unwrap();
    let standing = async |other| {
        let known = state.seals(ae("PACS"), &instance(1)).await.unwrap().unwrap();
        (known.standing(id(1), Repeats::Replaced), known.standing(other, Repeats::Replaced))
    };
    assert_eq!(standing(id(9)).await, (Standing::Valid, Standing::Unknown));
    state.seal_passes(ae("PACS"), &instance(1)).await.unwrap();
    assert_eq!(standing(id(9)).await, (Standing::Valid, Standing::Valid));
}

pub async fn a_refused_seal_leaves_what_was_there(place: Place) {
    let state = place.open().await;
    state.seal_begin(&row(1, 1)).await.unwrap();
    assert!(state.seal_end(ae("PACS"), &instance(1), id(1), SealEnd::Refused).await.unwrap());
    assert_eq!(state.seals(ae("PACS"), &instance(1)).await.unwrap(), None);
    assert_eq!(place.count("dicomgate_sealed").await, 0);
    state.seal_begin(&row(1, 2)).await.unwrap();
    state.seal_end(ae("PACS"), &instance(1), id(2), SealEnd::Acknowledged).await.unwrap();
    state.seal_begin(&row(1, 3)).await.unwrap();
    state.seal_end(ae("PACS"), &instance(1), id(3), SealEnd::Refused).await.unwrap();
    let left = state.seals(ae("PACS"), &instance(1)).await.unwrap().unwrap();
    assert_eq!(left.seals.iter().map(|seal| seal.id).collect::<Vec<_>>(), [id(2)]);
    // Read back, one in doubt is known to be there.
    state.seal_begin(&row(1, 4)).await.unwrap();
    state.seal_verified(ae("PACS"), &instance(1), id(4), START + 1).await.unwrap();
    let left = state.seals(ae("PACS"), &instance(1)).await.unwrap().unwrap();
    assert_eq!(left.seals[1].mark, Mark::Acknowledged);
    assert_eq!(left.standing(id(2), Repeats::Replaced), Standing::RolledBack);
    assert!(state.seal_forget(ae("PACS"), &instance(1)).await.unwrap());
    assert!(!state.seal_forget(ae("PACS"), &instance(1)).await.unwrap());
    assert_eq!(state.seals(ae("PACS"), &instance(1)).await.unwrap(), None);
}

/// Devices send a study twice, and two of them the same one.
pub async fn stores_of_one_instance_at_once_are_all_known(place: Place) {
    let (state, replica) = (place.open().await, place.open().await);
    // The row is there, and stays, whichever of them is over first.
    state.seal_begin(&row(1, 0)).await.unwrap();
    let stores: Vec<_> = (0..6)
        .map(|n| {
            let state = if n % 2 == 0 { state.clone() } else { replica.clone() };
            tokio::spawn(async move {
                if n != 0 {
                    state.seal_begin(&row(1, n)).await.unwrap();
                }
                let end = if n == 5 { SealEnd::Refused } else { SealEnd::Acknowledged };
                assert!(state.seal_end(ae("PACS"), &instance(1), id(n), end).await.unwrap());
            })
        })
        .collect();
    for store in stores {
        store.await.unwrap();
    }
    let row = state.seals(ae("PACS"), &instance(1)).await.unwrap().unwrap();
    let mut ids: Vec<SealId> = row.seals.iter().map(|seal| seal.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..5).map(id).collect::<Vec<_>>());
    assert!(row.seals.iter().all(|seal| seal.mark == Mark::Acknowledged));
    // The one that was acknowledged last is what the archive holds, or one that was on its way beside it.
    let current = row.current(Repeats::Replaced).unwrap();
    assert_eq!(row.standing(current.id, Repeats::Replaced), Standing::Valid);
    assert_eq!(row.changes, 2 * 6, "every change of each is counted once");
}

pub async fn a_study_and_all_of_an_archive_are_listed(place: Place) {
    let state = place.open().await;
    for n in 0..250 {
        state.seal_begin(&row(n, n)).await.unwrap();
    }
    state.seal_begin(&SealRow { archive: ae("PACS2"), ..row(1, 1) }).await.unwrap();
    let study = row(100, 0).study.unwrap();
    let of_study = state.seals_of_study(ae("PACS"), &study, 1000).await.unwrap();
    let mut instances: Vec<Uid> = of_study.iter().map(|row| row.instance).collect();
    instances.sort_unstable();
    let mut expected: Vec<Uid> = (100..200).map(instance).collect();
    expected.sort_unstable();
    assert_eq!(instances, expected);
    assert_eq!(state.seals_of_study(ae("PACS"), &study, 7).await.unwrap().len(), 7);
    assert_eq!(state.seals_of_study(ae("PACS3"), &study, 7).await.unwrap(), []);
    let (mut all, mut from, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = state.seals_page(ae("PACS"), from.as_ref(), 50).await.unwrap();
        (pages, from) = (pages + 1, page.next);
        all.extend(page.rows.iter().map(|row| row.instance));
        if from.is_none() {
            break;
        }
    }
    assert_eq!((all.len(), pages), (250, 6));
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 250);
    let mut newer = row(7, 1007);
    newer.seals[0].key = KeyId(4);
    state.seal_begin(&newer).await.unwrap();
    assert_eq!(state.seals_per_key(ae("PACS")).await.unwrap(), [(KeyId(3), 249), (KeyId(4), 1)]);
    assert_eq!(state.seals_per_key(ae("PACS3")).await.unwrap(), []);
    assert_eq!(state.seal_keys().await.unwrap().into_iter().collect::<Vec<_>>(), [KeyId(3), KeyId(4)]);
    // Nothing of it expires.
    assert_eq!(state.sweep(START * 2).await.unwrap(), 0);
    assert_eq!(place.count("dicomgate_sealed").await, 251);
}

pub async fn a_row_that_is_put_takes_the_place_of_what_was_known(place: Place) {
    let state = place.open().await;
    state.seal_begin(&row(1, 1)).await.unwrap();
    let mut other = row(1, 2);
    other.study = None;
    other.seals[0].mark = Mark::Acknowledged;
    other.seals[0].verified = Some(START);
    (other.seals[0].at, other.seals[0].ended, other.changes) = (START, 1, 1);
    let known = state.seals(ae("PACS"), &instance(1)).await.unwrap();
    assert!(!state.seal_put(&other, None).await.unwrap(), "somebody has begun to store it meanwhile");
    assert_eq!(state.seals(ae("PACS"), &instance(1)).await.unwrap(), known);
    assert!(state.seal_put(&other, known.as_ref()).await.unwrap());
    drop(state);
    let state = place.open().await;
    assert_eq!(state.seals(ae("PACS"), &instance(1)).await.unwrap(), Some(other.clone()));
    assert_eq!(state.seals_of_study(ae("PACS"), &row(1, 1).study.unwrap(), 9).await.unwrap(), []);
    assert!(state.seal_put(&SealRow { instance: instance(2), ..other }, None).await.unwrap());
    assert_eq!(place.count("dicomgate_sealed").await, 2);
}

/// Somebody who has the database wants an older seal to be the last.
pub async fn a_changed_row_is_absent_and_told_of_and_written_anew(place: Place) {
    let columns = "archive, instance, study, class, ring_key, seals, mac";
    for column in columns.split(", ") {
        let state = place.open().await;
        state.seal_begin(&row(1, 1)).await.unwrap();
        state.seal_end(ae("PACS"), &instance(1), id(1), SealEnd::Acknowledged).await.unwrap();
        let value = match column {
            "archive" => "'OTHER'".to_owned(),
            "ring_key" => "ring_key + 1".to_owned(),
            _ => place.bytes("1a2a3f"),
        };
        assert_eq!(place.by_hand(&format!("UPDATE dicomgate_sealed SET {column} = {value}")).await, 1);
        let (archive, instance) = match column {
            "archive" => (ae("OTHER"), instance(1)),
            "instance" => (ae("PACS"), uid("1.2.3")),
            _ => (ae("PACS"), instance(1)),
        };
        assert_eq!(state.seals(archive, &instance).await.unwrap(), None, "{column}");
        let heard = place.heard();
        assert_eq!(heard.len(), 1, "{column}: {heard:?}");
        assert_eq!(heard[0].table, "dicomgate_sealed");
        assert!(!state.seal_end(archive, &instance, id(1), SealEnd::Acknowledged).await.unwrap(), "{column}");
        state.seal_begin(&SealRow { archive, instance, ..row(1, 2) }).await.unwrap();
        let seals = state.seals(archive, &instance).await.unwrap().unwrap().seals;
        assert_eq!(seals.iter().map(|seal| seal.id).collect::<Vec<_>>(), [id(2)], "{column}");
        place.by_hand("DELETE FROM dicomgate_sealed").await;
    }
    // A row that fits, but stands for another instance.
    let state = place.open().await;
    state.seal_begin(&row(1, 1)).await.unwrap();
    state.seal_begin(&row(2, 2)).await.unwrap();
    place.by_hand("CREATE TABLE held AS SELECT instance, seals, mac FROM dicomgate_sealed").await;
    for column in ["seals", "mac"] {
        let sql = format!(
            "UPDATE dicomgate_sealed SET {column} = (SELECT {column} FROM held WHERE held.instance <> dicomgate_sealed.instance)"
        );
        assert_eq!(place.by_hand(&sql).await, 2);
    }
    assert_eq!(state.seals(ae("PACS"), &instance(1)).await.unwrap(), None);
    place.heard();
    // Nobody asks for it, and it is told of all the same.
    place.by_hand("UPDATE dicomgate_sealed SET archive = 'NOWHERE'").await;
    state.sweep(START).await.unwrap();
    assert_eq!(place.heard().len(), 2);
}

/// Says how quick it is; not how quick it must be.
pub async fn a_thousand_stores(place: Place) {
    let state = place.open().await;
    let began = Instant::now();
    for n in 0..1000 {
        state.seal_begin(&row(n, n)).await.unwrap();
        state.seal_end(ae("PACS"), &instance(n), id(n), SealEnd::Acknowledged).await.unwrap();
    }
    let first = began.elapsed();
    for n in 0..200 {
        state.seal_begin(&row(n, 10_000 + n)).await.unwrap();
    }
    println!("1000 new: {first:?}; then 200 again: {:?}", began.elapsed().saturating_sub(first));
    assert_eq!(place.count("dicomgate_sealed").await, 1000);
    assert_eq!(state.bad_rows(), 0);
}
