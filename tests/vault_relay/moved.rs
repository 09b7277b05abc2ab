//! Deliveries of a C-MOVE, and what an archive sends of its own accord: opened where whoever asked has the right to it and
//! the destination may have it too.

use crate::site::{JPEG, Sealed, Site, chosen, encapsulated, image, of};
use crate::support::conn::{Archive, Conn, Message};
use crate::support::words::{CT, EXPLICIT, FIND, MOVE, ac, rq, success, title, uid};
use crate::support::world::{Setup, World};
use crate::wrong::broken_off;
use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::dimse::{Command, Counters, Status};
use dicomgate::dicom::pdu::pdata::write_message;
use dicomgate::dicom::pdu::{AssociateRq, Pdu, ProposedContext};
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::dicom::{AeTitle, Tag};
use dicomgate::state::SealEnd;
use dicomgate::vault::carrier::Carrier;
use std::net::SocketAddr;

/// WS1 has sealed objects opened, and moves to itself, to DR1, who may have them opened too, and to PR1, who may not.
/// WS2 may move and has nothing opened.
pub const RULES: &str = r#"
[[rule]]
name = "movers"
who = ["peer:WS1", "peer:WS2"]
to = ["PACS"]
may = ["find", "move"]
destinations = ["self", "DR1", "PR1"]
[[rule]]
name = "readers"
who = ["peer:WS1", "peer:DR1"]
to = ["PACS"]
may = ["find", "move", "get"]
destinations = ["self", "DR1", "PR1"]
open = true
"#;

pub const ROUTING: &str = r#"
[[rule]]
name = "routing"
who = ["archive:PACS"]
to = ["DR1", "PR1"]
may = ["store"]
"#;

pub struct Moving {
    pub site: Site,
    pub destination: Archive,
}

fn moving(rules: &str) -> Moving {
    moving_with(rules, "")
}

/// With lines of `[limits]`.
pub fn moving_with(rules: &str, limits: &str) -> Moving {
    let destination = Archive::new();
    Moving { site: of(World::with(&setup(rules, limits, destination.port(), 0))), destination }
}

/// A gateway that delivers to this port, and hears archives at that one.
pub fn setup(rules: &str, limits: &str, port: u16, inside: u16) -> Setup {
    let peer = |name: &str| {
        format!(
            "[[peer]]\nae_titles = [\"{name}\"]\ntls = \"off\"\nnetwork = [\"127.0.0.1/32\"]\naddress = \"127.0.0.1:{port}\"\n"
        )
    };
    let archive = format!(
        "calls_as = [\"PACS\"]\n[[listen]]\nname = \"inside\"\naddress = \"127.0.0.1:{inside}\"\ntls = \"off\"\n\
         serves = \"archive\"\nnetwork = [\"127.0.0.0/8\"]\n"
    );
    Setup {
        policy: "[vault]\nkeys = \"keys\"\nescrow = []\nsegment = \"64KiB\"\n".into(),
        peers: ["WS1", "WS2", "DR1", "PR1"].map(peer).concat(),
        archive,
        rules: rules.into(),
        limits: limits.into(),
        ..Setup::default()
    }
}

/// A move under way: both ends of the requester's association, of the archive's own, and of the destination's.
pub struct Under {
    pub workstation: Conn,
    pub archive: Conn,
    asked: Message,
    pub link: Conn,
    pub receiver: Conn,
    /// What the destination was asked.
    pub proposed: AssociateRq,
    sent: u16,
    requester: AeTitle,
}

/// What is chosen of a context, by its place.
pub type Choice = fn(usize, &ProposedContext) -> Option<Option<&'static str>>;

impl Moving {
    fn begins(&self, requester: &str, destination: &str) -> Under {
        self.begins_with(requester, destination, |_, _| None)
    }

    /// The destination accepts of each context the syntax that is chosen, else the first.
    pub fn begins_with(&self, requester: &str, destination: &str, choose: Choice) -> Under {
        self.sides().begins(requester, destination, choose)
    }

    pub fn sides(&self) -> Sides<'_> {
        let world = &self.site.world;
        Sides {
            outside: world.address("plain"),
            archive: &world.archive,
            inside: world.address("inside"),
            destination: &self.destination,
        }
    }

    /// The archive calls a title; the destination accepts everything.
    fn calls(&self, called: &str) -> (Conn, Conn, AssociateRq) {
        self.sides().calls(called, |_, _| None)
    }
}

/// Where those are who talk through a gateway, and to whom it talks.
pub struct Sides<'a> {
    pub outside: SocketAddr,
    pub archive: &'a Archive,
    pub inside: SocketAddr,
    pub destination: &'a Archive,
}

impl Sides<'_> {
    pub fn begins(&self, requester: &str, destination: &str, choose: Choice) -> Under {
        let requester = AeTitle::new(requester).unwrap();
        let destination = AeTitle::new(destination).unwrap();
        let mut workstation = Conn::dial(self.outside);
        workstation.request(&rq(requester.as_str(), &[FIND, MOVE]));
        let mut archive = self.archive.accept();
        let Pdu::AssociateRq(proposed) = archive.control() else { panic!("a request") };
        archive.send(ac(&proposed).encode());
        workstation.accepted();
        let study = DataSet::new()
            .with(Tag(0x0008, 0x0052), b"CS", "STUDY")
            .with_uid(Tag(0x0020, 0x000d), &uid(crate::site::STUDY))
            .encode(Encoding::ExplicitLe);
        workstation.say(3, &Command::move_rq(5, &uid(MOVE), destination), Some(&study));
        let asked = archive.message();
        let (link, receiver, proposed) = self.calls(destination.as_str(), choose);
        Under { workstation, archive, asked, link, receiver, proposed, sent: 0, requester }
    }

    /// The archive calls a title.
    pub fn calls(&self, called: &str, choose: Choice) -> (Conn, Conn, AssociateRq) {
        let mut link = Conn::dial(self.inside);
        let mut asked = AssociateRq { called: title(called), ..rq("PACS", &[CT]) };
        asked.user.async_window = Some((4, 4));
        link.request(&asked);
        let mut receiver = self.destination.accept();
        let Pdu::AssociateRq(proposed) = receiver.control() else { panic!("a request") };
        receiver.send(chosen(&proposed, choose).encode());
        assert_eq!(link.accepted().user.async_window, None, "what is opened goes one at a time");
        (link, receiver, *proposed)
    }
}

impl Under {
    pub fn sends(&mut self, instance: &str, object: &[u8]) {
        let message = self.written(instance, object);
        self.link.send(message);
    }

    /// What the archive sends for it.
    pub fn written(&mut self, instance: &str, object: &[u8]) -> Vec<u8> {
        self.sent += 1;
        let command = Command::store_rq(self.sent, &uid(CT), &uid(instance));
        let command = command.moved_for(self.requester, self.asked.command.message_id.unwrap());
        write_message(1, &command.encode(), Some(object), 16_384)
    }

    pub fn delivers(&mut self, instance: &str, object: &[u8]) -> Message {
        self.sends(instance, object);
        let got = self.receiver.message();
        self.receiver.say(got.context, &success(&got.command), None);
        self.is_delivered(&got);
        got
    }

    /// The archive hears that what the destination got is there.
    pub fn is_delivered(&mut self, got: &Message) {
        let answer = self.link.message();
        assert_eq!((answer.status(), answer.command.responded_to), (0, Some(self.sent)), "{}", answer.comment());
        assert_eq!(answer.bytes[10], 1, "on the context that the archive sent it on");
        assert_eq!(got.command.move_originator_message, Some(5));
    }

    pub fn fails(&mut self, instance: &str, object: &[u8], status: Status) {
        self.sends(instance, object);
        self.has_failed(status);
    }

    pub fn has_failed(&mut self, status: Status) {
        let answer = self.link.message();
        assert_eq!(answer.status(), status.0, "{}", answer.comment());
        self.receiver.stays_silent();
    }

    /// The archive has sent everything; what the requester hears.
    pub fn ends(&mut self, completed: u16, failed: u16) -> Message {
        let status = if failed == 0 { Status::SUCCESS } else { Status::SUB_OPERATIONS_WARNING };
        let counters = Counters { completed: Some(completed), failed: Some(failed), warning: Some(0), remaining: None };
        self.archive.say(3, &Command { counters, ..self.asked.command.response(status).unwrap() }, None);
        self.workstation.message()
    }
}

#[test]
fn a_delivery_is_opened_for_whoever_asked() {
    let moving = moving(RULES);
    let (first, second) = (image("1.5", 300_000), encapsulated("1.6", 100_000));
    let one = moving.site.seal("1.5", EXPLICIT, &first, Carrier::Pixels);
    let other = moving.site.seal("1.6", JPEG, &second, Carrier::Pixels);
    for sealed in [&one, &other] {
        moving.site.noted(sealed, SealEnd::Acknowledged);
    }
    let mut under = moving.begins("WS1", "WS1");
    assert!(under.delivers("1.5", &one.bytes).data.unwrap() == first);
    // The ledger knew what was in it, so the destination was asked for that too.
    assert!(under.proposed.contexts.iter().any(|context| context.transfer_syntaxes == [uid(JPEG)]));
    let got = under.delivers("1.6", &other.bytes);
    assert!(got.data.unwrap() == second);
    assert_ne!(got.context, 1);
    let plain = image("1.7", 70_000);
    assert!(under.delivers("1.7", &plain).data.unwrap() == plain);
    let done = under.ends(3, 0);
    assert_eq!((done.status(), done.command.counters.completed, done.command.counters.failed), (0, Some(3), Some(0)));
    let opened: Vec<_> =
        moving.site.world.records().into_iter().filter(|record| record.0.get("opened").is_some()).collect();
    assert_eq!(opened.len(), 2);
    assert!(opened.iter().all(|record| record.0["opened"] == true && record.text("requester") == Some("WS1")));
}

#[test]
fn who_has_no_right_to_it_hears_that_it_failed() {
    let moving = moving(RULES);
    let sealed = moving.site.seal("1.5", EXPLICIT, &image("1.5", 300_000), Carrier::Pixels);
    let plain = image("1.7", 1000);
    for (requester, destination, opened) in
        [("WS2", "WS2", false), ("WS1", "DR1", true), ("WS1", "PR1", false), ("WS2", "DR1", false)]
    {
        let mut under = moving.begins(requester, destination);
        let completed = match opened {
            true => {
                assert!(under.delivers("1.5", &sealed.bytes).data.unwrap() == image("1.5", 300_000));
                2
            }
            false => {
                under.fails("1.5", &sealed.bytes, Status::NOT_AUTHORIZED);
                let record = moving.site.world.record("not-opened");
                assert_eq!(record.text("requester"), Some(requester), "{record:?}");
                assert_eq!(record.text("delivered_to"), Some(destination));
                1
            }
        };
        under.delivers("1.7", &plain);
        let done = under.ends(completed, 2 - completed);
        let counters = done.command.counters;
        let expected = (Some(completed), Some(2 - completed));
        assert_eq!((counters.completed, counters.failed), expected, "{requester} to {destination}");
        if !opened {
            assert!(done.data.unwrap().windows(3).any(|window| window == b"1.5"), "the list of what failed");
        }
    }
}

/// A sealed image that the ledger knows, and what was sealed.
fn known(moving: &Moving, pixels: usize, carrier: Carrier) -> (Sealed, Vec<u8>) {
    let object = image("1.5", pixels);
    let sealed = moving.site.seal("1.5", EXPLICIT, &object, carrier);
    moving.site.noted(&sealed, SealEnd::Acknowledged);
    (sealed, object)
}

/// The delivery fails by itself, and is told of once.
fn told(moving: &Moving, under: &mut Under, object: &[u8], cause: &str) {
    let before = moving.site.world.count("vault-alert");
    under.fails("1.5", object, Status::PROCESSING_FAILURE);
    assert_eq!(moving.site.world.count("vault-alert"), before + 1, "{cause}");
    let alert = moving.site.world.record("vault-alert");
    assert_eq!(alert.text("cause"), Some(cause), "{alert:?}");
    assert_eq!((alert.text("archive"), alert.text("instance")), (Some("PACS"), Some("1.5")), "{alert:?}");
}

#[test]
fn what_is_not_as_it_was_sealed_fails_and_is_told_of() {
    let moving = moving(RULES);
    let (sealed, object) = known(&moving, 300_000, Carrier::Pixels);
    let mut under = moving.begins("WS1", "WS1");
    let mut bad = sealed.bytes.clone();
    let middle = bad.len() / 2 + 60_000;
    bad[middle] ^= 1;
    told(&moving, &mut under, &bad, "tampered");
    told(&moving, &mut under, &object, "forged");
    let done = under.ends(0, 1);
    assert_eq!(done.command.counters.failed, Some(1));
}

#[test]
fn what_was_cut_off_fails_and_what_comes_behind_it_goes_on() {
    let moving = moving(RULES);
    let (pixels, object) = known(&moving, 300_000, Carrier::Pixels);
    let (items, _) = known(&moving, 300_000, Carrier::Attributes);
    let other = image("1.7", 70_000);
    let mut under = moving.begins("WS1", "WS1");
    for (bytes, left) in [(&pixels.bytes, 200_000), (&items.bytes, 200_000), (&items.bytes, 20_000)] {
        told(&moving, &mut under, &bytes[..left], "truncated");
        assert!(under.delivers("1.7", &other).data.unwrap() == other, "the next one arrives");
    }
    let done = under.ends(1, 1);
    assert_eq!((done.command.counters.completed, done.command.counters.failed), (Some(1), Some(1)));
    assert!(done.data.unwrap().windows(3).any(|window| window == b"1.5"), "the list of what failed");
    // The same objects as they were sealed.
    let mut under = moving.begins("WS1", "WS1");
    for sealed in [&pixels, &items] {
        assert!(under.delivers("1.5", &sealed.bytes).data.unwrap() == object);
    }
}

#[test]
fn a_long_delivery_that_breaks_on_its_way_is_never_completed() {
    for cause in ["tampered", "truncated"] {
        let moving = moving_with(RULES, "open_whole = \"64KiB\"");
        let (sealed, object) = known(&moving, 2_000_000, Carrier::Pixels);
        let mut under = moving.begins("WS1", "WS1");
        let mut bad = sealed.bytes.clone();
        let fault = bad.len() - 400_000;
        match cause {
            "tampered" => bad[fault] ^= 1,
            _ => bad.truncate(fault),
        }
        let message = under.written("1.5", &bad);
        // Whether all of it is taken before the connection ends is no matter.
        let _ = under.link.try_send(&message);
        broken_off(&under.receiver.rest(), &object, 300_000);
        let rest = under.link.rest();
        assert_eq!(rest.iter().rev().nth(9), Some(&7), "the archive hears an A-ABORT and no success: {rest:02x?}");
        assert_eq!(moving.site.world.count("vault-alert"), 1);
        let alert = moving.site.world.record("vault-alert");
        assert_eq!(alert.text("cause"), Some(cause), "{alert:?}");
        let counters = under.ends(0, 1).command.counters;
        assert_eq!((counters.completed, counters.failed), (Some(0), Some(1)));
    }
}

#[test]
fn what_an_archive_sends_of_its_own_accord_is_opened_if_the_rule_says_so() {
    for (more, opened) in [("", false), ("open = true\n", true)] {
        let moving = moving(&format!("{ROUTING}{more}"));
        let object = image("1.5", 300_000);
        let sealed = moving.site.seal("1.5", EXPLICIT, &object, Carrier::Pixels);
        let (mut link, mut receiver, _) = moving.calls("DR1");
        link.say(1, &Command::store_rq(1, &uid(CT), &uid("1.5")), Some(&sealed.bytes));
        if opened {
            let got = receiver.message();
            assert!(got.data.unwrap() == object);
            receiver.say(got.context, &success(&got.command), None);
            assert_eq!(link.message().status(), 0);
        } else {
            assert_eq!(link.message().status(), Status::NOT_AUTHORIZED.0);
            receiver.stays_silent();
        }
    }
}
