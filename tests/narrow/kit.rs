//! Rules, queries and answers for these tests.

use crate::support::conn::{Conn, Message};
use crate::support::words::{answer, rq, uid};
use crate::support::world::{Setup, World};
use dicomgate::dicom::Tag;
use dicomgate::dicom::dataset::write::{DataSet, Flat};
use dicomgate::dicom::dimse::Command;
use dicomgate::dicom::transfer_syntax::Encoding;

pub const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
pub const DATE: Tag = Tag(0x0008, 0x0020);
pub const ACCESSION: Tag = Tag(0x0008, 0x0050);
pub const LEVEL: Tag = Tag(0x0008, 0x0052);
pub const MODALITY: Tag = Tag(0x0008, 0x0060);
pub const REFERRING: Tag = Tag(0x0008, 0x0090);
pub const NAME: Tag = Tag(0x0010, 0x0010);
pub const PATIENT: Tag = Tag(0x0010, 0x0020);
pub const BIRTH: Tag = Tag(0x0010, 0x0030);
pub const STUDY: Tag = Tag(0x0020, 0x000d);
pub const SERIES: Tag = Tag(0x0020, 0x000e);
pub const OF_PATIENT: Tag = Tag(0x0020, 0x1200);
pub const IN_STUDY: Tag = Tag(0x0020, 0x1206);

pub const PATIENT_FIND: &str = "1.2.840.10008.5.1.4.1.2.1.1";
pub const WORKLIST: &str = "1.2.840.10008.5.1.4.31";

/// One rule for the workstation, with these further lines.
pub fn rule(name: &str, lines: &str) -> String {
    format!(
        "[[rule]]\nname = \"{name}\"\nwho = [\"group:workstation\"]\nto = [\"PACS\"]\nmay = [\"find\", \"worklist\"]\n{}\n",
        lines.replace("; ", "\n")
    )
}

/// Only studies that House referred.
pub const HOUSE: &str = "where = { ReferringPhysicianName = \"HOUSE^GREGORY\" }";

pub fn world(rules: &[String]) -> World {
    World::with(&Setup { rules: rules.concat(), ..Setup::default() })
}

/// The workstation's association for queries of this class.
pub fn asking(world: &World, class: &str) -> (Conn, Conn) {
    world.associate(world.plain(), &rq("WS1", &[class]))
}

pub fn query(level: &str, keys: &[(Tag, &str)]) -> Vec<u8> {
    let level = (!level.is_empty()).then_some((LEVEL, level));
    data(&level.into_iter().chain(keys.iter().copied()).collect::<Vec<_>>()).encode(Encoding::ExplicitLe)
}

pub fn data(values: &[(Tag, &str)]) -> DataSet {
    values.iter().fold(DataSet::new(), |set, (tag, value)| set.with(*tag, vr(*tag), value))
}

pub fn vr(tag: Tag) -> &'static [u8; 2] {
    match tag {
        NAME | REFERRING => b"PN",
        STUDY | SERIES => b"UI",
        DATE | BIRTH => b"DA",
        OF_PATIENT | IN_STUDY => b"IS",
        ACCESSION => b"SH",
        LEVEL | CHARACTER_SET | MODALITY => b"CS",
        _ => b"LO",
    }
}

/// A study as an archive answers.
pub fn study(number: u32, patient: &str, referring: &str) -> Vec<u8> {
    let study = format!("1.2.3.{number}");
    query(
        "STUDY",
        &[
            (DATE, "20260101"),
            (REFERRING, referring),
            (NAME, "Test^Eva"),
            (PATIENT, patient),
            (BIRTH, "19700101"),
            (STUDY, &study),
            (OF_PATIENT, "17"),
            (IN_STUDY, "3"),
        ],
    )
}

pub fn find(class: &str) -> Command {
    Command::find_rq(7, &uid(class))
}

/// The archive gives pending answers, and then the last.
pub fn answers(link: &mut Conn, asked: &Message, found: &[Vec<u8>], last: u16) {
    for data in found {
        link.say(1, &answer(&asked.command, 0xff00).with_data_set(), Some(data));
    }
    link.say(1, &answer(&asked.command, last), None);
}

/// What the caller gets: data sets of the pending answers, and the last.
pub fn shown(peer: &mut Conn) -> (Vec<Flat>, Message) {
    let mut all = Vec::new();
    loop {
        let message = peer.message();
        assert_eq!(message.command.responded_to, Some(7));
        match message.status() {
            0xff00 | 0xff01 => all.push(Flat::read(message.data.as_deref().unwrap(), Encoding::ExplicitLe).unwrap()),
            _ => return (all, message),
        }
    }
}

pub fn text(set: &Flat, tag: Tag) -> Option<String> {
    set.get(tag).map(|value| String::from_utf8(value.to_vec()).unwrap().trim_matches([' ', '\0']).to_owned())
}

/// This attribute of each.
pub fn all(sets: &[Flat], tag: Tag) -> Vec<String> {
    sets.iter().map(|set| text(set, tag).unwrap_or_else(|| "absent".to_owned())).collect()
}

pub fn read(message: &Message) -> Flat {
    Flat::read(message.data.as_deref().unwrap(), Encoding::ExplicitLe).unwrap()
}
