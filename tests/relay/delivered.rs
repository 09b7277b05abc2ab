//! Deliveries of moves of which only part may be had: each instance is of a study that its requester may see now, and
//! nothing else of it is told.

use crate::inside::{Inside, asks, inside};
use crate::pacs::{Asked, Behaviour, Image, LEVEL, NAME, Pacs, STUDY, image};
use crate::support::conn::{Conn, Message};
use crate::support::words::{CT, FIND, MOVE, rq, success, uid};
use dicomgate::dicom::AeTitle;
use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::dimse::{Command, Status};
use dicomgate::dicom::transfer_syntax::Encoding;

fn rules(referrer: &str, more: &str) -> String {
    format!(
        "[[rule]]\nname = \"referred\"\nwho = [\"peer:WS1\"]\nto = [\"PACS\"]\nmay = [\"find\", \"move\"]\n\
         destinations = [\"self\"]\nwhere = {{ ReferringPhysicianName = \"{referrer}\" }}\n{more}\n"
    )
}

fn images() -> Vec<Image> {
    vec![
        image("P1", "Ref^Rita", "1.1", 1, 1),
        image("P1", "Ref^Rita", "1.1", 1, 2),
        image("P1", "Ref^Otto", "1.3", 1, 1),
        image("P1", "Ref^Rita", "1.4", 1, 1),
    ]
}

struct Site {
    inside: Inside,
    pacs: Pacs,
    workstation: Conn,
    /// What the archive was asked.
    asked: Asked,
    /// The archive's own association, and the destination's end of it.
    link: Conn,
    receiver: Conn,
}

/// WS1 has asked for two studies, of which it may see the first.
fn moving(rules: &str) -> Site {
    let inside = inside("", "", rules);
    let pacs = Pacs::serve(&inside.world.archive, images());
    pacs.behaves(|behaviour: &mut Behaviour| behaviour.holds_moves = true);
    let mut workstation = inside.world.plain();
    workstation.request(&rq("WS1", &[FIND, MOVE]));
    workstation.accepted();
    let list = DataSet::new().with(LEVEL, b"CS", "STUDY").with(STUDY, b"UI", "1.1\\1.3");
    let command = Command::move_rq(5, &uid(MOVE), AeTitle::new("WS1").unwrap());
    workstation.say(3, &command, Some(&list.encode(Encoding::ExplicitLe)));
    let asked = pacs.retrieve();
    let mut link = inside.ask(&asks("PACS", "WS1", &[CT]));
    let (receiver, _) = inside.accepts(|_| ());
    link.accepted();
    Site { inside, pacs, workstation, asked, link, receiver }
}

impl Site {
    fn sends(&mut self, message: u16, image: &Image) {
        let command = Command::store_rq(message, &uid(CT), &uid(&image.instance));
        let command = command.moved_for(AeTitle::new("WS1").unwrap(), self.asked.message);
        self.link.say(1, &command, Some(&image.data_set().encode(Encoding::ExplicitLe)));
    }

    /// An instance that reaches the destination.
    fn delivers(&mut self, message: u16, image: &Image) -> Message {
        self.sends(message, image);
        let got = self.receiver.message();
        self.receiver.say(1, &success(&got.command), None);
        assert_eq!(self.link.message().status(), 0);
        got
    }

    /// An instance that does not.
    fn is_refused(&mut self, message: u16, image: &Image) {
        self.sends(message, image);
        let answer = self.link.message();
        assert_eq!(answer.status(), Status::NOT_AUTHORIZED.0, "{}", answer.comment());
    }
}

#[test]
fn only_what_may_be_seen_is_delivered_and_the_rest_is_told_of_nowhere() {
    let mut site = moving(&rules("Ref^Rita", ""));
    assert_eq!(site.asked.key(STUDY), "1.1");
    let images = images();
    let got = site.delivers(1, &images[0]);
    assert_eq!(got.data.unwrap(), images[0].data_set().encode(Encoding::ExplicitLe));
    assert_eq!(got.command.move_originator_message, Some(5));
    // Hidden, and not asked for though it may be seen.
    site.is_refused(2, &images[2]);
    site.is_refused(3, &images[3]);
    site.delivers(4, &images[1]);
    site.pacs.end_move(2, &["1.3.1.1", "1.4.1.1"]);
    let done = site.workstation.message();
    let counters = done.command.counters;
    assert_eq!((done.status(), counters.completed, counters.failed), (0, Some(2), Some(0)));
    assert_eq!(done.data, None);
}

const CANARY: &str = "[[canary]]\nname = \"nobody\"\npatient_id = \"P1\"\n";

#[test]
fn a_canary_is_not_delivered_and_whoever_asked_for_it_is_held() {
    let rules = rules("Ref^Rita", "").replace("where = { ReferringPhysicianName = \"Ref^Rita\" }", CANARY);
    let mut site = moving(&rules);
    let image = &images()[0];
    site.sends(1, image);
    // Nothing goes to them any more, so that this ends too.
    site.link.rest();
    let got = site.receiver.rest();
    assert!(!got.windows(image.instance.len()).any(|window| window == image.instance.as_bytes()));
    site.workstation.aborted();
    let record = site.inside.world.record("quarantined");
    assert_eq!((record.text("subject"), record.text("cause")), (Some("peer:WS1"), Some("canary")));
    assert_eq!(site.inside.world.count("quarantined"), 1, "the archive is nobody's intruder");
}

#[test]
fn a_canary_behind_what_is_asked_for_is_found_before_it_is_asked_for() {
    let inside = inside("", "", &format!("{}{CANARY}", rules("Ref^Rita", "")));
    let pacs = Pacs::serve(&inside.world.archive, images());
    let mut workstation = inside.world.plain();
    workstation.request(&rq("WS1", &[FIND, MOVE]));
    workstation.accepted();
    let one = DataSet::new().with(LEVEL, b"CS", "STUDY").with(STUDY, b"UI", "1.1");
    let command = Command::move_rq(5, &uid(MOVE), AeTitle::new("WS1").unwrap());
    workstation.say(3, &command, Some(&one.encode(Encoding::ExplicitLe)));
    workstation.aborted();
    assert_eq!(inside.world.record("quarantined").text("subject"), Some("peer:WS1"));
    drop(pacs);
}

#[test]
fn what_may_not_be_seen_any_more_is_not_delivered() {
    let mut site = moving(&rules("Ref^Rita", ""));
    let images = images();
    site.delivers(1, &images[0]);
    let peers = std::fs::read_to_string(site.inside.world.dir.path().join("policy.toml")).unwrap();
    let peers = peers.split("[[rule]]").next().unwrap().to_owned();
    site.inside.world.set_policy(&peers, &rules("Ref^Otto", ""));
    site.is_refused(2, &images[1]);
    // What may be seen now was not asked for.
    site.is_refused(3, &images[2]);
    let denied = site.inside.world.count("denied");
    assert_eq!(denied, 2);
}

#[test]
fn hidden_attributes_are_taken_out_of_what_is_delivered() {
    let mut site = moving(&rules("Ref^Rita", "hide = [\"PatientName\"]\nhide_in_objects = true"));
    let images = images();
    for (message, image) in [(1, &images[0]), (2, &images[1])] {
        let got = site.delivers(message, image);
        let without = image.data_set().with(NAME, b"PN", "").encode(Encoding::ExplicitLe);
        assert!(got.data.unwrap() == without, "{}", image.instance);
        assert_eq!(got.command.move_originator_message, Some(5));
    }
    site.pacs.end_move(2, &[]);
    assert_eq!(site.workstation.message().status(), 0);
}
