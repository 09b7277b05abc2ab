//! Answers about single images: what is sealed has the size that the ledger knows, not the banner's.

use crate::site::{STUDY, data_set, image, site};
use crate::support::conn::{Conn, Message};
use crate::support::words::{EXPLICIT, FIND, answer, rq, uid};
use dicomgate::dicom::Tag;
use dicomgate::dicom::dataset::write::{DataSet, Flat};
use dicomgate::dicom::dimse::{Command, Tolerances};
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::state::SealEnd;
use dicomgate::vault::carrier::Carrier;

const ROWS: Tag = Tag(0x0028, 0x0010);
const COLUMNS: Tag = Tag(0x0028, 0x0011);
const BITS: Tag = Tag(0x0028, 0x0100);
const INSTANCE: Tag = Tag(0x0008, 0x0018);

fn number(value: u16) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}

fn read(message: &Message) -> Flat {
    let data = message.data.as_deref().unwrap();
    Flat::read_with(data, Encoding::ExplicitLe, Default::default(), Tolerances::ALL).unwrap()
}

/// What the archive knows of an instance.
fn known(instance: &str, rows: u16, columns: u16) -> Vec<u8> {
    DataSet::new()
        .with(INSTANCE, b"UI", instance)
        .with(Tag(0x0008, 0x0052), b"CS", "IMAGE")
        .with_uid(Tag(0x0020, 0x000d), &uid(STUDY))
        .with(ROWS, b"US", number(rows))
        .with(COLUMNS, b"US", number(columns))
        .with(BITS, b"US", number(16))
        .encode(Encoding::ExplicitLe)
}

fn query(set: DataSet) -> Vec<u8> {
    let set = set.with(Tag(0x0008, 0x0052), b"CS", "IMAGE").with_uid(Tag(0x0020, 0x000d), &uid(STUDY));
    set.with(INSTANCE, b"UI", "").encode(Encoding::ExplicitLe)
}

/// Asks, lets the archive answer, and gives what was asked of it and what came back.
fn asked(peer: &mut Conn, link: &mut Conn, identifier: &[u8], answers: &[Vec<u8>]) -> (Message, Vec<Message>) {
    peer.say(1, &Command::find_rq(3, &uid(FIND)), Some(identifier));
    let asked = link.message();
    for data in answers {
        link.say(1, &answer(&asked.command, 0xff00).with_data_set(), Some(data));
    }
    link.say(1, &answer(&asked.command, 0), None);
    let mut got = Vec::new();
    loop {
        let message = peer.message();
        if message.status() == 0 {
            return (asked, got);
        }
        got.push(message);
    }
}

#[test]
fn sealed_images_have_their_own_size() {
    let site = site();
    let sealed = site.seal("1.5", EXPLICIT, &image("1.5", 200_000), Carrier::Pixels);
    site.noted(&sealed, SealEnd::Acknowledged);
    let (mut peer, mut link) = site.world.associate(site.world.plain(), &rq("WS1", &[FIND]));
    let answers = [known("1.5", 77, 512), known("1.6", 80, 512), known("1.7", 300, 600)];
    let identifier = query(DataSet::new().with(ROWS, b"US", "").with(BITS, b"US", ""));
    let (question, got) = asked(&mut peer, &mut link, &identifier, &answers);
    assert!(read(&question).get(COLUMNS).is_some());
    let told: Vec<(String, Vec<u8>, Vec<u8>)> = got
        .iter()
        .map(|message| {
            let flat = read(message);
            let value = |tag| flat.get(tag).unwrap_or(b"absent").to_vec();
            assert_eq!(value(COLUMNS), b"absent", "nobody asked for it");
            (String::from_utf8_lossy(&value(INSTANCE)).trim_end_matches('\0').to_owned(), value(ROWS), value(BITS))
        })
        .collect();
    let rows = u16::try_from(200_000 / 512).unwrap();
    let expected = [
        ("1.5".to_owned(), number(rows), Vec::new()),
        ("1.6".to_owned(), Vec::new(), Vec::new()),
        ("1.7".to_owned(), number(300), number(16)),
    ];
    assert_eq!(told, expected);
    // Matching by what is sealed.
    for (wanted, found) in [(rows, vec!["1.5"]), (77, vec![]), (300, vec!["1.7"])] {
        let identifier = query(DataSet::new().with(ROWS, b"US", number(wanted)));
        let (question, got) = asked(&mut peer, &mut link, &identifier, &answers);
        assert_eq!(read(&question).get(ROWS), Some(&b""[..]), "the archive is asked for all");
        let got: Vec<String> = got
            .iter()
            .map(|message| {
                String::from_utf8_lossy(read(message).get(INSTANCE).unwrap()).trim_end_matches('\0').to_owned()
            })
            .collect();
        assert_eq!(got, found, "{wanted}");
    }
    drop(data_set("1.5", 0));
}

#[test]
fn what_does_not_ask_for_it_goes_on_as_it_is() {
    let site = site();
    let (mut peer, mut link) = site.world.associate(site.world.plain(), &rq("WS1", &[FIND]));
    let identifier = query(DataSet::new().with(Tag(0x0020, 0x0013), b"IS", ""));
    let data = known("1.5", 77, 512);
    let (question, got) = asked(&mut peer, &mut link, &identifier, std::slice::from_ref(&data));
    assert_eq!(question.data.unwrap(), identifier);
    assert_eq!(got[0].data.as_ref().unwrap(), &data);
}
