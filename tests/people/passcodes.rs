//! Names and passcodes: who is let in, and that refusals are one and the same.

use crate::house::{PASSCODE, REFUSED, accounts, asking, house, identity, let_in};
use crate::support::words::{VERIFICATION, echo, rq, success};
use crate::support::world::World;
use bytes::Bytes;
use dicomgate::audit::read::Record;
use dicomgate::dicom::pdu::AssociateRq;
use dicomgate::dicom::pdu::user_identity::IdentityAnswer;

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn the_right_passcode_lets_in_and_nothing_of_it_goes_on() {
    let world = house("");
    for (wanted, answer) in [(true, Some(IdentityAnswer(Bytes::new()))), (false, None)] {
        let mut peer = world.tls("ct2");
        let mut named = identity(2, "müller".as_bytes(), PASSCODE.as_bytes());
        named.positive_response = wanted;
        peer.request(&asking("WS2", named));
        let (mut link, seen) = world.archive_accepts(|ac| {
            ac.user.identity_answer = Some(IdentityAnswer(Bytes::from_static(b"of the archive")));
        });
        assert_eq!((&seen.user.identity, seen.user.unknown.len()), (&None, 0));
        for part in [PASSCODE.as_bytes(), "müller".as_bytes()] {
            assert!(!holds(&link.received, part), "{:02x?}", link.received);
        }
        assert_eq!(peer.accepted().user.identity_answer, answer);
        peer.say(1, &echo(7), None);
        let asked = link.message();
        link.say(1, &success(&asked.command), None);
        assert_eq!(peer.message().status(), 0);
    }
    let opened = world.record("association-opened");
    assert_eq!((opened.text("user"), opened.text("user_source")), (Some("müller"), Some("local")));
    assert_eq!(opened.list("roles"), ["referrer"]);
    let all = format!("{:?}", world.records());
    assert!(!all.contains(PASSCODE) && !all.contains("argon2"), "{all}");
}

/// The names of the fields that a record has.
fn shape(record: &Record) -> Vec<String> {
    record.0.as_object().unwrap().keys().cloned().collect()
}

fn is_refused(world: &World, asked: &AssociateRq) {
    let mut peer = world.tls("ct2");
    peer.request(asked);
    assert_eq!(peer.pdu(), REFUSED);
    world.archive.was_not_dialled();
}

#[test]
fn every_refusal_has_the_same_bytes_and_a_record_of_the_same_shape() {
    let world = house("");
    let right = PASSCODE.as_bytes();
    let mut shapes = Vec::new();
    for (name, passcode, words) in [
        ("müller", &b"wrong horse"[..], "wrong passcode"),
        ("müller", b"", "wrong passcode"),
        ("Müller", right, "no local account"),
        ("nobody", right, "no local account"),
        ("off", right, "disabled"),
        ("off", b"wrong horse", "disabled"),
    ] {
        is_refused(&world, &asking("WS2", identity(2, name.as_bytes(), passcode)));
        let record = world.record("association-refused");
        assert_eq!(record.text("cause"), Some("user-identity"));
        assert_eq!(record.text("tried"), Some(name));
        assert!(record.text("words").unwrap().contains(words), "{record:?}");
        assert!(record.text("user").is_none(), "nobody vouched: {record:?}");
        shapes.push(shape(&record));
    }
    assert!(shapes.windows(2).all(|pair| pair[0] == pair[1]), "{shapes:?}");
}

#[test]
fn what_proves_nothing_is_refused_and_never_ignored() {
    let world = house("");
    let right = PASSCODE.as_bytes();
    for (offered, words) in [
        (identity(1, "müller".as_bytes(), b""), "username_only"),
        (identity(3, b"ticket", b""), "type 3"),
        (identity(4, b"<Assertion/>", b""), "type 4"),
        (identity(0, b"", b""), "type 0"),
        (identity(255, "müller".as_bytes(), right), "type 255"),
        (identity(2, b"m\xfcller", right), "UTF-8"),
    ] {
        is_refused(&world, &asking("WS2", offered));
        let record = world.record("association-refused");
        assert_eq!(record.text("cause"), Some("user-identity"));
        assert!(record.text("words").unwrap().contains(words), "{record:?}");
    }
    // In clear a passcode is everybody's, right or wrong.
    let mut peer = world.plain();
    peer.request(&asking("WS9", identity(2, "müller".as_bytes(), right)));
    assert_eq!(peer.pdu(), REFUSED);
    assert!(world.record("association-refused").text("words").unwrap().contains("TLS"));
    // She is who she says, and no rule is for her: to her it looks like a wrong passcode.
    is_refused(&world, &asking("WS2", identity(2, b"visitor", right)));
    let record = world.record("association-refused");
    assert_eq!((record.text("cause"), record.text("user")), (Some("policy"), Some("visitor")));
    // Without a name the device is as it was: nobody's rights apply.
    is_refused(&world, &rq("WS2", &[VERIFICATION]));
    let all = format!("{:?}", world.records());
    assert!(!all.contains(PASSCODE), "{all}");
}

#[test]
fn a_name_that_may_be_a_secret_is_only_told_apart() {
    let world = house("");
    let long = "p".repeat(200);
    for name in [long.as_str(), "bell\u{7}"] {
        is_refused(&world, &asking("WS2", identity(2, name.as_bytes(), b"x")));
        let tried = world.record("association-refused").text("tried").unwrap().to_owned();
        assert!(tried.starts_with('#') && tried.len() == 13, "{tried}");
    }
    assert!(!format!("{:?}", world.records()).contains(&long));
}

#[test]
fn five_wrong_passcodes_lock_a_name_even_for_the_right_one_and_through_a_reload() {
    let world = house("");
    for name in ["müller", "nobody"] {
        for _ in 0..5 {
            is_refused(&world, &asking("WS2", identity(2, name.as_bytes(), b"wrong horse")));
        }
        world.reload();
        is_refused(&world, &asking("WS2", identity(2, name.as_bytes(), PASSCODE.as_bytes())));
        let record = world.record("association-refused");
        assert!(record.text("words").unwrap().contains("locked"), "{record:?}");
    }
    // Others are not.
    accounts(&world, &[("müller", "roles = [\"referrer\"]"), ("meier", "roles = [\"referrer\"]")]);
    world.associate(world.tls("ct2"), &asking("WS2", identity(2, b"meier", PASSCODE.as_bytes())));
}

#[test]
fn who_is_taken_out_is_cut_off_between_two_messages() {
    let world = house("");
    let (mut peer, mut link) = let_in(&world);
    // Another role is another right from now on; the same is no news.
    accounts(&world, &[("müller", "roles = [\"referrer\", \"more\"]")]);
    let (mut other, mut other_link) = let_in(&world);
    // The passcode is another hash now, though the same word: whoever was let in by the old one asks again.
    assert_eq!(peer.aborted(), (2, 0));
    link.aborted();
    other.say(1, &echo(7), None);
    let asked = other_link.message();
    accounts(&world, &[("meier", "")]);
    other_link.say(1, &success(&asked.command), None);
    assert_eq!(other.message().status(), 0, "a message under way is answered");
    assert_eq!(other.aborted(), (2, 0));
    let record = world.record("policy-ended");
    assert_eq!(record.text("user"), Some("müller"));
    assert!(record.text("words").unwrap().contains("account is gone"), "{record:?}");
}
