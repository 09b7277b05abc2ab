//! Somebody has the database, but not the key.

use crate::place::{Place, START, ae, commitment, grant, later, report, uid};
use dicomgate::state::{BadRow, GrantId, NewGrant, Report, Seen, State, StateOptions};

const GRANT: &str = "id, archive, title, message, nth, told, destination, requester, requester_title, requester_message, \
    class, syntax, scope, association, lags, made, expires, mac";

/// One bad row of this table, and counted.
fn alerted(place: &Place, table: &str, what: &str) {
    let heard = place.heard();
    assert_eq!(heard.len(), 1, "{what}: {heard:?}");
    let BadRow { table: named, key } = &heard[0];
    assert_eq!(*named, table);
    for content in ["Süd", "S\\u", "WS2", "ct", "1.2.840"] {
        assert!(!key.contains(content), "{what}: {key}");
    }
}

pub async fn every_column_of_a_grant(place: Place) {
    for column in GRANT.split(", ").map(str::trim) {
        let state = place.open().await;
        let made = state.grant(grant()).await.unwrap();
        let id: String = made.id.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let id = place.bytes(&id);
        let (archive, title, message) = match column {
            "archive" => ("OTHER", "GATE", made.message),
            "title" => ("PACS", "OTHER", made.message),
            "message" => ("PACS", "GATE", 1),
            _ => ("PACS", "GATE", made.message),
        };
        let value = match column {
            "id" | "scope" | "mac" => place.bytes("0123456789abcdef0123456789abcdef"),
            "archive" | "title" | "told" | "destination" | "requester" | "requester_title" | "association" => {
                "'OTHER'".to_owned()
            }
            "class" | "syntax" => "'1.2.3'".to_owned(),
            "lags" => "0".to_owned(),
            "message" => "1".to_owned(),
            _ => format!("{column} + 1"),
        };
        let sql = format!("UPDATE dicomgate_grant SET {column} = {value} WHERE id = {id}");
        assert_eq!(place.by_hand(&sql).await, 1, "{sql}");
        assert_eq!(state.grant_by_originator(ae(archive), ae(title), message).await.unwrap(), None, "{column}");
        assert_eq!(state.bad_rows(), 1);
        alerted(&place, "dicomgate_grant", column);
        let told = if column == "told" { "OTHER" } else { "TOLD" };
        assert_eq!(state.grants_by_destination(ae(archive), ae(told)).await.unwrap(), [], "{column}");
        state.prolong_grant(made.id, START + 9999).await.unwrap();
        assert_eq!(state.grant_by_originator(ae(archive), ae(title), message).await.unwrap(), None, "{column}");
        assert!(state.bad_rows() >= 3);
        assert_eq!(place.heard(), [], "it was told of already");
        place.by_hand("DELETE FROM dicomgate_grant").await;
    }
}

pub async fn every_column_of_a_report(place: Place) {
    let columns = "id, archive, transaction_uid, title, requester, requester_title, event_type, size, digest, attempts, \
        due, leased, expires, mac, data_set";
    for column in columns.split(", ").map(str::trim) {
        let state = place.open().await;
        state.put_report(report(1)).await.unwrap();
        let value = match column {
            "id" | "digest" | "mac" | "data_set" => place.bytes(&"a5".repeat(32)),
            "archive" | "requester" | "title" | "requester_title" => "'OTHER'".to_owned(),
            "transaction_uid" => "'1.2.99'".to_owned(),
            _ => format!("{column} - 1"),
        };
        let value = if column == "leased" { "7".to_owned() } else { value };
        assert_eq!(place.by_hand(&format!("UPDATE dicomgate_report SET {column} = {value}")).await, 1);
        assert_eq!(state.due_reports(START, 10, START + 60).await.unwrap(), [], "{column}");
        alerted(&place, "dicomgate_report", column);
        assert_eq!(state.waiting_reports().await.unwrap(), [], "{column}");
        assert!(state.bad_rows() >= 2);
        place.by_hand("DELETE FROM dicomgate_report").await;
    }
}

pub async fn commitments_deliveries_and_turns(place: Place) {
    let state = place.open().await;
    for change in ["requester = 'OTHER'", "requester_title = 'OTHER'", "expires = expires + 1"] {
        state.commit(commitment(1)).await.unwrap();
        place.by_hand(&format!("UPDATE dicomgate_commitment SET {change}")).await;
        assert_eq!(state.commitment(&commitment(1).key).await.unwrap(), None, "{change}");
        place.by_hand("DELETE FROM dicomgate_commitment").await;
    }
    alerted(&place, "dicomgate_commitment", "the same key three times");
    let made = state.grant(grant()).await.unwrap();
    state.seen(made.id, Seen { instance: uid("1.2.1"), status: 0xa700 }).await.unwrap();
    state.seen(made.id, Seen { instance: uid("1.2.2"), status: 0 }).await.unwrap();
    place.by_hand("UPDATE dicomgate_seen SET status = 0 WHERE instance = '1.2.1'").await;
    assert_eq!(state.all_seen(made.id).await.unwrap(), [Seen { instance: uid("1.2.2"), status: 0 }]);
    alerted(&place, "dicomgate_seen", "status");
    // A turn that nobody holds, as far as one knows, may be taken.
    state.take_turn("x", START + 10).await.unwrap().unwrap();
    place.by_hand("UPDATE dicomgate_turn SET expires = 9999999999").await;
    assert!(state.take_turn("x", START + 10).await.unwrap().is_some());
    alerted(&place, "dicomgate_turn", "expires");
    assert_eq!(state.take_turn("x", START + 10).await.unwrap(), None);
}

/// Rows that fit, but somewhere else.
pub async fn a_row_under_another_key(place: Place) {
    let state = place.open().await;
    let (one, other) =
        (state.grant(grant()).await.unwrap(), state.grant(NewGrant { told: ae("T2"), ..grant() }).await.unwrap());
    place.by_hand("CREATE TABLE held AS SELECT message, mac FROM dicomgate_grant").await;
    let swap = "UPDATE dicomgate_grant SET mac = (SELECT mac FROM held WHERE held.message <> dicomgate_grant.message)";
    let back = "UPDATE dicomgate_grant SET mac = (SELECT mac FROM held WHERE held.message = dicomgate_grant.message)";
    assert_eq!(place.by_hand(swap).await, 2);
    for made in [&one, &other] {
        assert_eq!(state.grant_by_originator(ae("PACS"), ae("GATE"), made.message).await.unwrap(), None);
    }
    assert_eq!(place.heard().len(), 2);
    assert_eq!(place.by_hand(back).await, 2);
    assert_eq!(state.grant_by_originator(ae("PACS"), ae("GATE"), one.message).await.unwrap(), Some(one.clone()));
    // A copy with another message id, or for another archive.
    for (column, value, archive, message) in
        [("message", "9".to_owned(), "PACS", 9), ("archive", "'OTHER'".to_owned(), "OTHER", one.message)]
    {
        let columns = GRANT.replacen("id", &place.bytes(&format!("{message:032x}")), 1);
        let columns = columns.replace(&format!(" {column},"), &format!(" {value},"));
        let copy = format!(
            "INSERT INTO dicomgate_grant ({GRANT}) SELECT {columns} FROM dicomgate_grant WHERE message = {}",
            one.message
        );
        assert_eq!(place.by_hand(&copy).await, 1);
        assert_eq!(state.grant_by_originator(ae(archive), ae("GATE"), message).await.unwrap(), None);
        alerted(&place, "dicomgate_grant", column);
    }
    // Commitments of one requester are not another's.
    state.commit(commitment(1)).await.unwrap();
    place.by_hand(
        "INSERT INTO dicomgate_commitment (archive, transaction_uid, title, requester, requester_title, expires, mac) \
         SELECT archive, '1.2.77', title, requester, requester_title, expires, mac FROM dicomgate_commitment",
    )
    .await;
    assert_eq!(state.commitment(&commitment(77).key).await.unwrap(), None);
    alerted(&place, "dicomgate_commitment", "copy");
}

pub async fn another_key_reads_nothing(place: Place) {
    let state = place.open().await;
    let made = state.grant(grant()).await.unwrap();
    drop(state);
    for name in ["state.key", "shared.key"] {
        let path = place.folder.path().join(name);
        if path.exists() {
            std::fs::write(path, "ee".repeat(32)).unwrap();
        }
    }
    let state = place.open().await;
    assert_eq!(state.grant_by_originator(ae("PACS"), ae("GATE"), made.message).await.unwrap(), None);
    alerted(&place, "dicomgate_grant", "key");
}

pub async fn bad_reports_do_not_hide_good_ones(place: Place) {
    let state = place.open().await;
    for transaction in 0..150 {
        state.put_report(Report { due: START - 100, ..report(transaction) }).await.unwrap();
    }
    place.by_hand("UPDATE dicomgate_report SET attempts = 3").await;
    let id = state.put_report(report(1000)).await.unwrap();
    assert_eq!(state.due_reports(START, 5, START + 60).await.unwrap(), [(id, report(1000))]);
    assert_eq!(state.waiting_reports().await.unwrap().len(), 1);
    assert_eq!(place.heard().len(), 150);
}

pub async fn sweep_drops_what_has_expired_and_tells_of_what_was_made_to(place: Place) {
    let state = State::open(StateOptions { most_seen: 10, ..place.options() }).await.unwrap();
    let short = state.grant(NewGrant { expires: START + 10, ..grant() }).await.unwrap();
    let long = state.grant(grant()).await.unwrap();
    for grant in [short.id, long.id, GrantId([1; 16])] {
        state.seen(grant, Seen { instance: uid("1.2"), status: 0 }).await.unwrap();
    }
    let turn = state.take_turn("x", START + 10).await.unwrap();
    assert!(turn.is_some() && state.take_turn("y", START + 20).await.unwrap().is_some());
    let mut brief = commitment(1);
    brief.expires = START + 10;
    state.commit(brief.clone()).await.unwrap();
    state.commit(commitment(2)).await.unwrap();
    state.put_report(Report { commitment: brief, ..report(1) }).await.unwrap();
    state.put_report(report(2)).await.unwrap();
    assert_eq!(state.sweep(START + 10).await.unwrap(), 1, "a delivery of no grant");
    later(11);
    assert_eq!(state.sweep(START + 11).await.unwrap(), 5);
    assert_eq!(state.sweep(START + 11).await.unwrap(), 0);
    assert_eq!(state.grants_by_destination(ae("PACS"), ae("TOLD")).await.unwrap(), std::slice::from_ref(&long));
    assert_eq!((state.all_seen(short.id).await.unwrap().len(), state.all_seen(long.id).await.unwrap().len()), (0, 1));
    assert_eq!(state.commitment(&commitment(2).key).await.unwrap(), Some(commitment(2)));
    assert_eq!(state.count_reports().await.unwrap(), 1);
    assert_eq!(state.bad_rows(), 0);
    place.by_hand("UPDATE dicomgate_grant SET expires = 5").await;
    assert_eq!(state.sweep(START + 11).await.unwrap(), 2, "the grant, and its delivery");
    alerted(&place, "dicomgate_grant", "swept");
}

/// Replicas sweep when they like.
pub async fn all_sweep_at_once(place: Place) {
    let mut replicas = Vec::new();
    for _ in 0..4 {
        replicas.push(place.open().await);
    }
    for round in 0..3 {
        for n in 0..700 {
            let grant = replicas[0].grant(NewGrant { expires: START + 10, ..grant() }).await.unwrap();
            replicas[0].seen(grant.id, Seen { instance: uid(&format!("1.2.{n}")), status: 0 }).await.unwrap();
        }
        let sweeping: Vec<_> = replicas
            .iter()
            .map(|state| {
                let state = state.clone();
                tokio::spawn(async move { state.sweep(START + 11).await.unwrap() })
            })
            .collect();
        let mut dropped = 0;
        for sweep in sweeping {
            dropped += sweep.await.unwrap();
        }
        assert_eq!(dropped, 1400, "round {round}: each row is dropped by one");
        assert_eq!(place.count("dicomgate_seen").await, 0);
    }
}

/// A row that nobody finds any more, because it stands under another key now.
pub async fn sweep_finds_what_nobody_asks_for(place: Place) {
    let state = place.open().await;
    // More than are looked at in one sweep; the changed ones stand anywhere among them.
    for n in 0..1200_u16 {
        state.grant(NewGrant { told: ae(&format!("T{n}")), ..grant() }).await.unwrap();
    }
    for n in 0..3 {
        state.commit(commitment(n)).await.unwrap();
        state.take_turn(&n.to_string(), START + 10).await.unwrap();
        state.put_report(report(n)).await.unwrap();
    }
    let sweeps = async || {
        for _ in 0..3 {
            assert_eq!(state.sweep(START).await.unwrap(), 0);
        }
    };
    sweeps().await;
    assert_eq!(state.bad_rows(), 0);
    for sql in [
        "UPDATE dicomgate_grant SET told = 'OTHER' WHERE told IN ('T5', 'T600', 'T1100')",
        "UPDATE dicomgate_commitment SET title = 'OTHER' WHERE transaction_uid = '1.2.1'",
        "UPDATE dicomgate_turn SET what = 'other' WHERE what = '1'",
        "UPDATE dicomgate_report SET due = 9999999999 WHERE transaction_uid = '1.2.1'",
    ] {
        place.by_hand(sql).await;
    }
    sweeps().await;
    let mut tables: Vec<&str> = place.heard().iter().map(|bad| bad.table).collect();
    tables.sort_unstable();
    let grants = ["dicomgate_grant"; 3];
    assert_eq!(tables, [&["dicomgate_commitment"][..], &grants, &["dicomgate_report", "dicomgate_turn"]].concat());
}
