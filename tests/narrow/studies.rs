//! Studies: the union of what rules show, hidden attributes, what the archive is asked.

use crate::kit::{
    ACCESSION, BIRTH, CHARACTER_SET, DATE, HOUSE, IN_STUDY, LEVEL, NAME, OF_PATIENT, PATIENT, REFERRING, STUDY, all,
    answers, asking, data, find, query, read, rule, shown, study, text, world,
};
use crate::support::words::{FIND, MOVE, answer, rq, uid};
use dicom_core::VR;
use dicomgate::dicom::dataset::record::Record;
use dicomgate::dicom::pdu::Pdu;
use dicomgate::dicom::transfer_syntax::Encoding;

const KEYS: [(dicomgate::dicom::Tag, &str); 6] =
    [(NAME, ""), (PATIENT, ""), (BIRTH, ""), (STUDY, ""), (OF_PATIENT, ""), (IN_STUDY, "")];

#[test]
fn what_any_rule_shows_is_seen_and_only_what_all_of_them_hide_is_hidden() {
    let world = world(&[
        rule("referred", &format!("{HOUSE}; hide = [\"PatientBirthDate\", \"PatientName\"]")),
        rule("trial", "where = { PatientID = \"P2\" }; hide = [\"PatientName\"]"),
    ]);
    let (mut peer, mut link) = asking(&world, FIND);
    peer.say(1, &find(FIND), Some(&query("STUDY", &KEYS)));
    let asked = link.message();
    let sent = read(&asked);
    // What judging takes is asked for; nothing can be said of every answer.
    assert_eq!((text(&sent, REFERRING), text(&sent, PATIENT)), (Some(String::new()), Some(String::new())));
    assert_eq!(text(&sent, LEVEL).as_deref(), Some("STUDY"));
    let found = [
        study(1, "P1", "House^Gregory"),
        study(2, "P2", "Cuddy^Lisa"),
        study(3, "P3", "Cuddy^Lisa"),
        study(4, "P2", "HOUSE^GREGORY"),
    ];
    answers(&mut link, &asked, &found, 0);
    let (sets, last) = shown(&mut peer);
    assert_eq!(all(&sets, STUDY), ["1.2.3.1", "1.2.3.2", "1.2.3.4"]);
    assert_eq!(all(&sets, BIRTH), ["", "19700101", "19700101"]);
    assert_eq!(all(&sets, NAME), ["", "", ""]);
    // What counts hidden studies too is empty; a study that is seen is seen whole.
    assert_eq!(all(&sets, OF_PATIENT), ["", "", ""]);
    assert_eq!(all(&sets, IN_STUDY), ["3", "3", "3"]);
    // What only the gateway asked for is not shown.
    assert_eq!(all(&sets, REFERRING), ["absent"; 3]);
    assert_eq!((last.status(), last.comment()), (0, String::new()));
    let record = world.record("operation");
    assert_eq!((record.number("answers"), record.number("withheld")), (Some(3), Some(1)));
}

#[test]
fn a_query_that_finds_nothing_to_see_ends_as_the_archive_ends_it() {
    let world = world(&[rule("referred", HOUSE)]);
    let (mut peer, mut link) = asking(&world, FIND);
    for (found, status) in [(vec![], 0), (vec![study(1, "P1", "Cuddy^Lisa")], 0), (vec![], 0xa900), (vec![], 0xc001)] {
        peer.say(1, &find(FIND), Some(&query("STUDY", &KEYS)));
        let asked = link.message();
        answers(&mut link, &asked, &found, status);
        let (sets, last) = shown(&mut peer);
        assert_eq!((sets.len(), last.status()), (0, status));
    }
}

#[test]
fn what_is_matched_by_a_hidden_key_is_not_shown() {
    let world = world(&[rule("referred", &format!("{HOUSE}; hide = [\"PatientBirthDate\"]"))]);
    let (mut peer, mut link) = asking(&world, FIND);
    for (key, seen) in [("19700101", 0), ("*", 1), ("", 1)] {
        peer.say(1, &find(FIND), Some(&query("STUDY", &[(BIRTH, key), (STUDY, "")])));
        let asked = link.message();
        answers(&mut link, &asked, &[study(1, "P1", "House^Gregory")], 0);
        let (sets, last) = shown(&mut peer);
        assert_eq!((sets.len(), last.status()), (seen, 0), "{key}");
    }
}

#[test]
fn keys_that_every_answer_fits_are_sent_unless_the_query_asks_the_attribute_itself() {
    let world = world(&[rule("one", "where = { AccessionNumber = \"A-1\" }")]);
    let (mut peer, mut link) = asking(&world, FIND);
    let own = [(None, Some("A-1")), (Some(""), Some("A-1")), (Some("A-2"), Some("A-2"))];
    for (asked_for, sent) in own {
        let keys: Vec<_> = asked_for.map(|key| (ACCESSION, key)).into_iter().chain([(STUDY, "")]).collect();
        peer.say(1, &find(FIND), Some(&query("STUDY", &keys)));
        let asked = link.message();
        assert_eq!(text(&read(&asked), ACCESSION).as_deref(), sent);
        // An archive that matches nothing answers with everything: it is judged again.
        let found: Vec<_> = ["A-1", "A-2"]
            .map(|number| {
                data(&[(LEVEL, "STUDY"), (ACCESSION, number), (STUDY, "1.2.3.1")]).encode(Encoding::ExplicitLe)
            })
            .into();
        answers(&mut link, &asked, &found, 0);
        let (sets, _) = shown(&mut peer);
        assert_eq!(sets.len(), 1);
        assert_eq!(text(&sets[0], ACCESSION).as_deref(), asked_for.map(|_| "A-1"));
    }
}

#[test]
fn an_answer_without_what_it_is_judged_by_is_not_shown() {
    let world = world(&[rule("referred", HOUSE)]);
    let (mut peer, mut link) = asking(&world, FIND);
    peer.say(1, &find(FIND), Some(&query("STUDY", &KEYS)));
    let asked = link.message();
    let bare = data(&[(LEVEL, "STUDY"), (STUDY, "1.2.3.9")]).encode(Encoding::ExplicitLe);
    answers(&mut link, &asked, &[bare, study(1, "P1", "House^Gregory")], 0);
    assert_eq!(all(&shown(&mut peer).0, STUDY), ["1.2.3.1"]);
}

#[test]
fn names_are_compared_in_the_character_set_of_each_answer() {
    let world = world(&[rule("referred", "where = { ReferringPhysicianName = \"Müller^Jürgen\" }")]);
    let (mut peer, mut link) = asking(&world, FIND);
    peer.say(1, &find(FIND), Some(&query("STUDY", &[(REFERRING, ""), (STUDY, "")])));
    let asked = link.message();
    let latin = b"M\xfcller^J\xfcrgen".to_vec();
    let with = |set: &str, name: &[u8], number: &str| {
        data(&[(CHARACTER_SET, set), (LEVEL, "STUDY"), (STUDY, number)])
            .with(REFERRING, b"PN", name)
            .encode(Encoding::ExplicitLe)
    };
    let found = [
        with("ISO_IR 100", &latin, "1.1"),
        with("ISO_IR 192", "Müller^Jürgen".as_bytes(), "1.2"),
        // Another alphabet's: another name.
        with("ISO_IR 144", &latin, "1.3"),
        with("GB18030", b"M\xa8\xb9ller^J\xa8\xb9rgen", "1.4"),
    ];
    answers(&mut link, &asked, &found, 0);
    let (sets, _) = shown(&mut peer);
    assert_eq!(all(&sets, STUDY), ["1.1", "1.2", "1.4"]);
    assert_eq!(sets[0].get(REFERRING).unwrap().trim_ascii_end(), latin, "byte for byte as it came");
    assert_eq!(text(&sets[1], CHARACTER_SET).as_deref(), Some("ISO_IR 192"));
}

#[test]
fn pending_answers_keep_their_own_status_and_say_nothing_else() {
    let world = world(&[rule("referred", HOUSE)]);
    let (mut peer, mut link) = asking(&world, FIND);
    peer.say(1, &find(FIND), Some(&query("STUDY", &KEYS)));
    let asked = link.message();
    let pending = answer(&asked.command, 0xff01).with_data_set().with_comment("1 of 900");
    link.say(1, &pending, Some(&study(1, "P1", "House^Gregory")));
    let got = peer.message();
    assert_eq!((got.status(), got.comment()), (0xff01, String::new()));
    link.say(1, &answer(&asked.command, 0).with_comment("900 matches"), None);
    let got = peer.message();
    assert_eq!((got.status(), got.comment()), (0, String::new()));
}

#[test]
fn explicit_big_endian_is_narrowed_too() {
    const BIG: &str = "1.2.840.10008.1.2.2";
    let world = world(&[rule("referred", &format!("{HOUSE}; hide = [\"PatientName\"]"))]);
    let mut asked_for = rq("WS1", &[FIND]);
    asked_for.contexts[0].transfer_syntaxes = vec![uid(BIG)];
    let (mut peer, mut link) = world.associate(world.plain(), &asked_for);
    let big = |values: &[(dicomgate::dicom::Tag, VR, &str)]| {
        let mut record = Record::new(Encoding::ExplicitBe);
        for (tag, vr, text) in values {
            record.set_text(*tag, *vr, text).unwrap();
        }
        record.write()
    };
    peer.say(1, &find(FIND), Some(&big(&[(LEVEL, VR::CS, "STUDY"), (NAME, VR::PN, ""), (STUDY, VR::UI, "")])));
    let asked = link.message();
    let study = |number: &str, referring: &str| {
        big(&[
            (LEVEL, VR::CS, "STUDY"),
            (REFERRING, VR::PN, referring),
            (NAME, VR::PN, "Test^Eva"),
            (STUDY, VR::UI, number),
        ])
    };
    for (number, referring) in [("1.1", "House^Gregory"), ("1.2", "Cuddy^Lisa")] {
        link.say(1, &answer(&asked.command, 0xff00).with_data_set(), Some(&study(number, referring)));
    }
    link.say(1, &answer(&asked.command, 0), None);
    let got = peer.message();
    let expected = big(&[(LEVEL, VR::CS, "STUDY"), (NAME, VR::PN, ""), (STUDY, VR::UI, "1.1")]);
    assert_eq!(got.data.unwrap(), expected);
    assert_eq!(peer.message().status(), 0);
}

#[test]
fn who_may_be_narrowed_negotiates_neither_several_queries_at_a_time_nor_relational_or_fuzzy_ones() {
    let world = world(&[rule("referred", HOUSE)]);
    let mut asked_for = rq("WS1", &[FIND, MOVE]);
    asked_for.user.async_window = Some((4, 1));
    asked_for.user.extended = vec![(uid(FIND), vec![1, 1, 1, 1].into())];
    let mut peer = world.plain();
    peer.request(&asked_for);
    let (_link, asked) = world.archive_accepts(|ac| {
        ac.user.extended = vec![(uid(FIND), vec![1, 1, 1, 1].into())];
        ac.user.async_window = Some((4, 1));
    });
    let plain = vec![(uid(FIND), vec![0, 1, 0, 0].into())];
    assert_eq!((asked.user.async_window, &asked.user.extended), (None, &plain));
    let ac = peer.accepted();
    assert_eq!((ac.user.async_window, &ac.user.extended), (None, &plain));
}

#[test]
fn one_rule_that_does_not_narrow_shows_everything_byte_for_byte() {
    let world = world(&[rule("referred", HOUSE), rule("all", "hours = \"00:00-24:00\"")]);
    let (mut peer, mut link) = asking(&world, FIND);
    let said = peer.say(1, &find(FIND), Some(&query("STUDY", &KEYS)));
    let asked = link.message();
    assert_eq!(asked.bytes, said);
    let given = link.say(1, &answer(&asked.command, 0xff00).with_data_set(), Some(&study(1, "P1", "Cuddy^Lisa")));
    assert_eq!(peer.message().bytes, given);
    let given = link.say(1, &answer(&asked.command, 0).with_comment("1 match"), None);
    assert_eq!(peer.message().bytes, given);
}

#[test]
fn what_is_broken_ends_the_association_and_what_is_no_query_is_refused() {
    let world = world(&[rule("referred", HOUSE)]);
    let (mut peer, mut link) = asking(&world, FIND);
    peer.say(1, &find(FIND), Some(&query("", &[(DATE, "20260101"), (STUDY, "")])));
    let (sets, last) = shown(&mut peer);
    assert_eq!((sets.len(), last.status()), (0, 0xa900));
    assert_eq!(last.command.offending, [LEVEL]);
    peer.say(1, &find(FIND), Some(&query("STUDY", &KEYS)));
    let asked = link.message();
    link.say(1, &answer(&asked.command, 0xff00).with_data_set(), Some(&study(1, "P1", "House^Gregory")[..50]));
    assert!(matches!(peer.control(), Pdu::Abort(_)));
    assert!(matches!(link.control(), Pdu::Abort(_)));
}
