//! Series and images: their study is looked up first, and what may not be seen looks like what is not there.

use crate::kit::{
    HOUSE, LEVEL, MODALITY, NAME, PATIENT_FIND, REFERRING, SERIES, STUDY, all, asking, data, find, query, read, rule,
    shown, study, text, vr, world,
};
use crate::support::conn::{Conn, Message};
use crate::support::words::{FIND, answer};
use crate::support::world::World;
use dicomgate::dicom::Tag;
use dicomgate::dicom::transfer_syntax::Encoding;

const INSTANCE: Tag = Tag(0x0008, 0x0018);

/// The archive is asked about a study on an association of the gateway's own, and answers.
fn looked_up(world: &World, lookups: &mut Option<Conn>, found: &[Vec<u8>]) -> Message {
    let link = lookups.get_or_insert_with(|| {
        let (link, asked) = world.archive_accepts(|_| ());
        assert_eq!(asked.calling, crate::support::words::title("WS1"), "the archive sees who it is for");
        link
    });
    let asked = link.message();
    let context = context_of(&asked.bytes);
    for data in found {
        link.say(context, &answer(&asked.command, 0xff00).with_data_set(), Some(data));
    }
    link.say(context, &answer(&asked.command, 0), None);
    asked
}

/// The presentation context of a message's first PDV.
fn context_of(bytes: &[u8]) -> u8 {
    bytes[10]
}

fn series(study: &str) -> Vec<u8> {
    data(&[(LEVEL, "SERIES"), (MODALITY, "CT"), (STUDY, study), (SERIES, "1.2.3.1.1")]).encode(Encoding::ExplicitLe)
}

fn set_apart(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn series_of_a_study_that_may_be_seen_are_seen_and_it_is_looked_up_once() {
    let world = world(&[rule("referred", HOUSE)]);
    let (mut peer, mut link) = asking(&world, FIND);
    let mut lookups = None;
    for turn in 0..2 {
        peer.say(1, &find(FIND), Some(&query("SERIES", &[(MODALITY, ""), (STUDY, "1.2.3.1"), (SERIES, "")])));
        if turn == 0 {
            let asked = looked_up(&world, &mut lookups, &[study(1, "P1", "House^Gregory")]);
            assert_eq!(text(&read(&asked), STUDY).as_deref(), Some("1.2.3.1"));
        }
        let asked = link.message();
        let sent = read(&asked);
        assert_eq!((text(&sent, STUDY).as_deref(), text(&sent, LEVEL).as_deref()), (Some("1.2.3.1"), Some("SERIES")));
        // Of another study, or of none: an archive that answers too much.
        for data in [series("1.2.3.1"), series("1.2.3.2"), query("SERIES", &[(SERIES, "1.9")])] {
            link.say(1, &answer(&asked.command, 0xff00).with_data_set(), Some(&data));
        }
        link.say(1, &answer(&asked.command, 0), None);
        let (sets, last) = shown(&mut peer);
        assert_eq!((all(&sets, SERIES), last.status()), (vec!["1.2.3.1.1".to_owned()], 0));
    }
}

/// What the caller gets, and what the archive is asked, for series and for images of a study.
fn asks_for(found: Option<&str>) -> (Vec<u8>, Vec<String>) {
    let world = world(&[rule("referred", HOUSE)]);
    let (mut peer, mut link) = asking(&world, FIND);
    let (mut got, mut asked_for) = (Vec::new(), Vec::new());
    let mut lookups = None;
    let image = [(INSTANCE, "1.2.3.1.1.1"), (STUDY, "1.2.3.1"), (SERIES, "1.2.3.1.1")];
    for (level, keys) in [("SERIES", &[(STUDY, "1.2.3.1"), (SERIES, "")][..]), ("IMAGE", &image)] {
        let keys: Vec<_> = keys.iter().map(|(tag, value)| (*tag, *value)).collect();
        let identifier = keys.iter().fold(data(&[(LEVEL, level)]), |set, (tag, value)| {
            set.with(*tag, if *tag == INSTANCE { b"UI" } else { vr(*tag) }, value)
        });
        peer.say(1, &find(FIND), Some(&identifier.encode(Encoding::ExplicitLe)));
        if level == "SERIES" {
            let found: Vec<_> = found.map(|referring| study(1, "P1", referring)).into_iter().collect();
            let asked = looked_up(&world, &mut lookups, &found);
            asked_for.push(format!("lookup {:?}", text(&read(&asked), STUDY)));
        }
        let asked = link.message();
        let sent = read(&asked);
        for (tag, value) in keys {
            let now = text(&sent, tag).unwrap();
            let fresh = now.starts_with("2.25.") && !value.is_empty();
            asked_for.push(format!("{tag} {}", if fresh { "fresh" } else { &now }));
        }
        assert!(!set_apart(asked.data.as_deref().unwrap()).contains("1.2.3.1"), "nothing names what is hidden");
        link.say(1, &answer(&asked.command, 0), None);
        got.extend(peer.message().bytes);
    }
    // Nobody asked anything more.
    peer.release();
    link.confirm_release();
    peer.released();
    if let Some(mut lookups) = lookups {
        lookups.confirm_release();
    }
    world.archive.was_not_dialled();
    (got, asked_for)
}

#[test]
fn a_hidden_study_is_as_absent_as_one_that_is_not_there() {
    let (hidden, asked_hidden) = asks_for(Some("Cuddy^Lisa"));
    let (absent, asked_absent) = asks_for(None);
    assert_eq!(hidden, absent);
    assert_eq!(asked_hidden, asked_absent);
    assert_eq!(asked_hidden.len(), 6, "{asked_hidden:?}");
}

#[test]
fn series_without_their_study_are_no_question_here() {
    let world = world(&[rule("referred", HOUSE)]);
    let (mut peer, link) = asking(&world, FIND);
    for study in [None, Some(""), Some("*"), Some("1.2.3.1\\1.2.3.2"), Some("1.2.3.?")] {
        let keys: Vec<_> = study.map(|study| (STUDY, study)).into_iter().chain([(SERIES, "1.2.3.1.1")]).collect();
        peer.say(1, &find(FIND), Some(&query("SERIES", &keys)));
        let (sets, last) = shown(&mut peer);
        assert_eq!((sets.len(), last.status(), last.command.offending), (0, 0xa900, vec![STUDY]), "{study:?}");
    }
    world.archive.was_not_dialled();
    drop(link);
}

#[test]
fn what_a_study_hides_is_hidden_in_its_series() {
    let world = world(&[rule("referred", &format!("{HOUSE}; hide = [\"PatientName\", \"Modality\"]"))]);
    let (mut peer, mut link) = asking(&world, FIND);
    let mut lookups = None;
    for (modality, seen) in [("", 1), ("CT", 0)] {
        peer.say(1, &find(FIND), Some(&query("SERIES", &[(MODALITY, modality), (STUDY, "1.2.3.1"), (SERIES, "")])));
        if lookups.is_none() {
            looked_up(&world, &mut lookups, &[study(1, "P1", "House^Gregory")]);
        }
        let asked = link.message();
        let named =
            data(&[(LEVEL, "SERIES"), (MODALITY, "CT"), (NAME, "Test^Eva"), (STUDY, "1.2.3.1"), (SERIES, "1.2.3.1.1")]);
        link.say(1, &answer(&asked.command, 0xff00).with_data_set(), Some(&named.encode(Encoding::ExplicitLe)));
        link.say(1, &answer(&asked.command, 0), None);
        let (sets, _) = shown(&mut peer);
        assert_eq!(sets.len(), seen);
        assert!(sets.iter().all(|set| text(set, MODALITY).as_deref() == Some("") && text(set, NAME).is_none()));
    }
}

#[test]
fn an_archive_that_cannot_be_looked_into_shows_nothing_for_now() {
    let world = world(&[rule("referred", HOUSE)]);
    let (mut peer, _link) = asking(&world, PATIENT_FIND);
    peer.say(1, &find(PATIENT_FIND), Some(&query("SERIES", &[(STUDY, "1.2.3.1"), (SERIES, "")])));
    let (lookups, _) = world.archive_accepts(|_| ());
    drop(lookups);
    let (sets, last) = shown(&mut peer);
    assert_eq!((sets.len(), last.status()), (0, 0xa700));
    let _ = REFERRING;
}
