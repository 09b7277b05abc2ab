//! Who gets in, and what is left of a proposal: design 3.4, item by item, with the bytes on the wire.

use crate::support::conn::Archive;
use crate::support::words::{
    CT, EXPLICIT, FIND, GET, IMPLICIT, KEY_OBJECT, MR, VERIFICATION, ac, answer, echo, rq, success, title, uid,
};
use crate::support::world::{Setup, World, limits};
use bytes::Bytes;
use dicomgate::dicom::pdu::user_identity::IdentityAnswer;
use dicomgate::dicom::pdu::{
    AnsweredContext, AssociateRj, AssociateRq, ContextResult, Pdu, RawTitle, Role, UserIdentity, VersionName,
};

/// Permanent, by the user, no reason: the one answer to whoever is not wanted.
const REFUSED: [u8; 10] = [3, 0, 0, 0, 0, 4, 0, 1, 1, 1];

fn refused(world: &World, rq: &AssociateRq, answer: [u8; 10]) {
    let mut peer = world.plain();
    peer.request(rq);
    assert_eq!(peer.pdu(), answer);
    peer.nothing_yet();
    world.archive.was_not_dialled();
}

#[test]
fn unknown_titles_look_alike_and_the_archive_is_not_dialled() {
    let world = World::new();
    refused(&world, &rq("NOBODY", &[CT]), REFUSED);
    refused(&world, &AssociateRq { called: title("NOWHERE"), ..rq("CT1", &[CT]) }, REFUSED);
    refused(&world, &AssociateRq { called: title("NOWHERE"), ..rq("NOBODY", &[CT]) }, REFUSED);
    // Known, but with a certificate; and titles that are none.
    refused(&world, &rq("CT2", &[CT]), REFUSED);
    refused(&world, &AssociateRq { calling: RawTitle([b' '; 16]), ..rq("CT1", &[CT]) }, REFUSED);
    refused(&world, &AssociateRq { called: RawTitle([0; 16]), ..rq("CT1", &[CT]) }, REFUSED);
    assert_eq!(world.count("association-refused"), 6);
    assert_eq!(world.record("association-refused").text("cause"), Some("identity"));
}

#[test]
fn a_certificate_serves_for_its_own_title_alone() {
    let world = World::new();
    let mut peer = world.tls("ct3");
    peer.request(&rq("CT2", &[CT]));
    assert_eq!(peer.pdu(), REFUSED);
    world.archive.was_not_dialled();
    let (mut peer, mut link) = world.associate(world.tls("ct3"), &rq("CT3", &[VERIFICATION]));
    peer.say(1, &echo(1), None);
    link.message();
}

#[test]
fn what_no_rule_permits_is_answered_1_and_the_archive_is_mirrored() {
    let world = World::new();
    let mut asked = rq("CT1", &[FIND, CT, MR, VERIFICATION, KEY_OBJECT]);
    asked.reserved = [9; 32];
    let mut peer = world.plain();
    peer.request(&asked);
    let (_link, seen) = world.archive_accepts(|ac| {
        ac.contexts[0].transfer_syntax = Some(uid(IMPLICIT));
        ac.contexts[1] =
            AnsweredContext { id: 5, result: ContextResult::AbstractSyntaxNotSupported, transfer_syntax: None };
        ac.contexts.remove(3);
    });
    assert_eq!(seen.contexts, asked.contexts[1..]);
    assert_eq!((seen.called, seen.calling), (title("PACS"), title("CT1")));
    let answer = peer.accepted();
    let results: Vec<_> = answer.contexts.iter().map(|context| (context.id, context.result.byte())).collect();
    // The last one the archive did not answer at all.
    assert_eq!(results[..4], [(1, 1), (3, 0), (5, 3), (7, 0)]);
    assert_ne!(results[4], (9, 0));
    assert_eq!(answer.contexts[1].transfer_syntax, Some(uid(IMPLICIT)));
    assert_eq!((answer.called, answer.calling, answer.reserved), (asked.called, asked.calling, [9; 32]));
    let opened = world.record("association-opened");
    assert_eq!(opened.list("removed").len(), 1, "{opened:?}");
}

#[test]
fn with_nothing_left_it_is_accepted_without_contexts_and_without_the_archive() {
    let world = World::new();
    let mut peer = world.plain();
    peer.request(&rq("CT1", &[FIND, GET]));
    let answer = peer.accepted();
    assert!(answer.contexts.iter().all(|context| context.result == ContextResult::UserRejection));
    peer.release();
    peer.released();
    world.archive.was_not_dialled();
    assert_eq!(world.ended(), "released");
}

#[test]
fn user_items_pass_as_the_design_says() {
    let world = World::new();
    let mut asked = rq("CT1", &[CT]);
    asked.user.implementation_version = VersionName::new(b"CT_5");
    asked.user.async_window = Some((4, 2));
    asked.user.roles =
        vec![Role { sop_class: uid(CT), scu: true, scp: true }, Role { sop_class: uid(MR), scu: true, scp: true }];
    asked.user.extended = vec![(uid(CT), Bytes::from_static(b"\x02\0")), (uid(MR), Bytes::from_static(b"\x02\0"))];
    asked.user.common_extended = vec![Bytes::from_static(b"whatever it says")];
    asked.user.unknown = vec![(0x5f, Bytes::from_static(b"new"))];
    let mut peer = world.plain();
    peer.request(&asked);
    let (_link, seen) = world.archive_accepts(|ac| {
        ac.user.max_length = 20_000;
        ac.user.async_window = Some((2, 1));
        ac.user.implementation_version = VersionName::new(b"OLD_PACS");
        ac.user.identity_answer = Some(IdentityAnswer(Bytes::from_static(b"secret")));
    });
    assert_eq!(seen.user.max_length, 32_768, "the peer takes no more");
    assert_eq!(
        (seen.user.implementation_class, &seen.user.implementation_version),
        (Some(uid("1.2.3")), &VersionName::new(b"CT_5"))
    );
    assert_eq!(seen.user.async_window, Some((4, 2)));
    // A modality may store, and no rule lets it retrieve; a class that is not asked for has no role.
    assert_eq!(seen.user.roles, [Role { sop_class: uid(CT), scu: true, scp: false }]);
    assert_eq!(seen.user.extended, [(uid(CT), Bytes::from_static(b"\x02\0"))]);
    assert_eq!(seen.user.common_extended, asked.user.common_extended);
    assert_eq!(seen.user.unknown, asked.user.unknown);
    let got = peer.accepted().user;
    assert_eq!((got.max_length, got.async_window), (20_000, Some((2, 1))));
    assert_eq!(got.roles, [Role { sop_class: uid(CT), scu: true, scp: false }]);
    assert_eq!(got.identity_answer, None);
    // Only whoever showed a certificate learns which archive it is.
    assert_ne!(
        (got.implementation_class, got.implementation_version),
        (Some(uid("1.9.9")), VersionName::new(b"OLD_PACS"))
    );
}

#[test]
fn a_certified_peer_is_shown_the_archives_implementation() {
    let world = World::new();
    let mut peer = world.tls("ct2");
    peer.request(&rq("CT2", &[CT]));
    world.archive_accepts(|ac| ac.user.implementation_version = VersionName::new(b"OLD_PACS"));
    let got = peer.accepted().user;
    assert_eq!(
        (got.implementation_class, got.implementation_version),
        (Some(uid("1.9.9")), VersionName::new(b"OLD_PACS"))
    );
}

#[test]
fn a_user_identity_is_refused_and_goes_nowhere() {
    let world = World::new();
    let mut asked = rq("CT1", &[CT]);
    asked.user.identity = Some(UserIdentity {
        kind: 2,
        positive_response: true,
        primary: b"eva".to_vec(),
        secondary: b"hunter2".to_vec(),
    });
    refused(&world, &asked, REFUSED);
    let record = world.record("association-refused");
    assert_eq!(record.text("cause"), Some("user-identity"));
    let all = format!("{:?}", world.records());
    assert!(!all.contains("hunter2") && !all.contains("eva"), "{all}");
}

#[test]
fn other_protocols_get_the_answers_of_the_standard() {
    let world = World::new();
    refused(&world, &AssociateRq { protocol_version: 2, ..rq("CT1", &[CT]) }, [3, 0, 0, 0, 0, 4, 0, 1, 2, 2]);
    let other = AssociateRq { application_context: uid("1.2.3"), ..rq("CT1", &[CT]) };
    refused(&world, &other, [3, 0, 0, 0, 0, 4, 0, 1, 1, 2]);
}

#[test]
fn the_archives_own_refusal_is_passed_on() {
    let world = World::new();
    let mut peer = world.plain();
    peer.request(&rq("CT1", &[CT]));
    let mut link = world.archive.accept();
    link.control();
    link.send(Pdu::AssociateRj(AssociateRj { result: 1, source: 1, reason: 3 }).encode());
    assert_eq!(peer.pdu(), [3, 0, 0, 0, 0, 4, 0, 1, 1, 3]);
    assert_eq!(world.ended(), "archive-refused");
}

#[test]
fn an_archive_that_is_away_is_answered_2_3_1() {
    let away = [3, 0, 0, 0, 0, 4, 0, 2, 3, 1];
    let mut world = World::with(&limits("association_answer = \"1s\""));
    // It hangs up, talks nonsense, says nothing, answers what it was not asked.
    for behave in 0..4 {
        let mut peer = world.plain();
        peer.request(&rq("CT1", &[CT]));
        let mut link = world.archive.accept();
        let Pdu::AssociateRq(asked) = link.control() else { panic!() };
        match behave {
            0 => drop(link),
            1 => link.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            2 => assert_eq!(link.rest(), b""),
            _ => {
                let mut wrong = ac(&asked);
                wrong.contexts[0].transfer_syntax = Some(uid("1.2.840.10008.1.2.4.50"));
                link.send(wrong.encode());
            }
        }
        assert_eq!(peer.pdu(), away, "{behave}");
        assert_eq!(world.record("association-refused").text("cause"), Some("archive-away"));
    }
    // Nobody listens any more.
    world.archive = Archive::new();
    let mut peer = world.plain();
    peer.request(&rq("CT1", &[CT]));
    assert_eq!(peer.pdu(), away);
}

#[test]
fn the_time_for_an_answer_begins_with_the_request() {
    let world = World::with(&limits("association_answer = \"1s\""));
    let peer = world.plain();
    // Longer than an answer may take; the request has not been made yet.
    std::thread::sleep(std::time::Duration::from_millis(1300));
    let (mut peer, mut link) = world.associate(peer, &rq("CT1", &[VERIFICATION]));
    peer.say(1, &echo(1), None);
    let asked = link.message();
    link.say(1, &success(&asked.command), None);
    assert_eq!(peer.message().status(), 0);
}

#[test]
fn full_archives_and_peers_are_answered_2_3_2() {
    let full = [3, 0, 0, 0, 0, 4, 0, 2, 3, 2];
    let setup = Setup { archive: "max_associations = 2\nreserved_for_store = 1".into(), ..Setup::default() };
    let world = World::with(&setup);
    let viewer = world.associate(world.plain(), &rq("WS1", &[FIND]));
    refused(&world, &rq("WS1", &[FIND]), full);
    let modality = world.modality();
    refused(&world, &rq("CT1", &[CT]), full);
    assert_eq!(world.record("association-refused").text("cause"), Some("archive-full"));
    drop((viewer, modality));

    let world = World::with(&limits("associations_per_peer = 1"));
    let (mut peer, mut link) = world.modality();
    refused(&world, &rq("CT1", &[CT]), full);
    let (_viewer, _) = world.associate(world.plain(), &rq("WS1", &[FIND]));
    // Whoever has its release confirmed may ask again at once.
    for _ in 0..20 {
        peer.release();
        link.confirm_release();
        peer.released();
        drop(link);
        let old = peer;
        (peer, link) = world.modality();
        drop(old);
    }
}

#[test]
fn a_title_of_the_archives_own_is_shown_and_several_archives_are_told_apart_by_operation() {
    let setup = Setup { archive: "calling = \"GATE\"\nanswers_to = [\"PACS\", \"OLD\"]".into(), ..Setup::default() };
    let world = World::with(&setup);
    let mut peer = world.plain();
    peer.request(&AssociateRq { called: title("OLD"), ..rq("CT1", &[VERIFICATION]) });
    let (mut link, seen) = world.archive_accepts(|_| ());
    assert_eq!((seen.called, seen.calling), (title("PACS"), title("GATE")));
    let got = peer.accepted();
    assert_eq!((got.called, got.calling), (title("OLD"), title("CT1")));
    peer.say(1, &echo(1), None);
    let asked = link.message();
    link.say(1, &answer(&asked.command, 0), None);
    peer.message();
    assert_eq!(uid(EXPLICIT), seen.contexts[0].transfer_syntaxes[0]);
}
