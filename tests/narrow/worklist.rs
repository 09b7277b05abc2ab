//! Worklists: judged by each answer alone, through their sequences.

use crate::kit::{MODALITY, NAME, WORKLIST, answers, asking, data, find, rule, shown, text, world};
use dicomgate::dicom::Tag;
use dicomgate::dicom::dataset::record::{Record, RecordLimits};
use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::dimse::Tolerances;
use dicomgate::dicom::matching::Attributes;
use dicomgate::dicom::transfer_syntax::Encoding;

const STEPS: Tag = Tag(0x0040, 0x0100);
const STATION: Tag = Tag(0x0040, 0x0001);

fn entry(name: &str, modality: &str) -> DataSet {
    let step = data(&[(MODALITY, modality)]).with(STATION, b"AE", "CT1");
    data(&[(NAME, name)]).with_items(STEPS, vec![step])
}

#[test]
fn steps_are_judged_by_what_stands_in_their_items() {
    let world = world(&[rule("ct", "where = { \"ScheduledProcedureStepSequence.Modality\" = \"CT\" }")]);
    let (mut peer, mut link) = asking(&world, WORKLIST);
    let keys = data(&[(NAME, "")]).with_items(STEPS, vec![DataSet::new().with(STATION, b"AE", "")]);
    peer.say(1, &find(WORKLIST), Some(&keys.encode(Encoding::ExplicitLe)));
    let asked = link.message();
    let sent =
        Record::read(asked.data.clone().unwrap(), Encoding::ExplicitLe, Tolerances::STRICT, RecordLimits::default());
    assert!(sent.unwrap().some_item(STEPS, &mut |item| item.text(MODALITY).is_some()), "the archive is asked for it");
    let found = [entry("One", "CT"), entry("Two", "MR"), entry("Three", "CT")];
    answers(&mut link, &asked, &found.map(|entry| entry.encode(Encoding::ExplicitLe)), 0);
    let mut names = Vec::new();
    loop {
        let message = peer.message();
        let Some(data) = message.data else {
            assert_eq!(message.status(), 0);
            break;
        };
        let record = Record::read(data, Encoding::ExplicitLe, Tolerances::STRICT, RecordLimits::default()).unwrap();
        names.push(record.text(NAME).unwrap().trim().to_owned());
        assert!(record.some_item(STEPS, &mut |item| item.text(STATION).is_some() && item.text(MODALITY).is_none()));
    }
    assert_eq!(names, ["One", "Three"]);
    let _ = (shown, text);
}
