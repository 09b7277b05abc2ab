//! C-GETs at an archive that takes the first context of a class, whatever it is for: what is sealed fails there, and is
//! asked for once more, natively.

use crate::site::{Getting, JPEG, Sealed, Site, chosen, encapsulated, image, site, site_with};
use crate::support::conn::{Conn, Message};
use crate::support::words::{CT, EXPLICIT, GET, IMPLICIT, success, uid};
use dicomgate::dicom::Tag;
use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::dimse::{Command, Counters, Status};
use dicomgate::dicom::pdu::{Abort, AssociateRj, AssociateRq, Pdu};
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::state::SealEnd;
use dicomgate::vault::carrier::Carrier;

const REFUSED: Status = Status::OUT_OF_RESOURCES_SUB_OPERATIONS;

/// The archive's association that is asked natively, and what it was asked.
struct Second {
    conn: Conn,
    proposed: AssociateRq,
    sent: u16,
}

impl Second {
    fn dialled(site: &Site) -> Self {
        let mut conn = site.world.archive.accept();
        let Pdu::AssociateRq(proposed) = conn.control() else { panic!("a request") };
        Self { conn, proposed: *proposed, sent: 0 }
    }

    fn accepts(mut self) -> Self {
        self.conn.send(chosen(&self.proposed, |_, _| None).encode());
        self
    }

    fn sends(&mut self, instance: &str, object: &[u8]) {
        self.sent += 1;
        let context = self.proposed.contexts.iter().find(|context| context.abstract_syntax == uid(CT)).unwrap().id;
        self.conn.say(context, &Command::store_rq(self.sent, &uid(CT), &uid(instance)), Some(object));
    }

    fn is_answered(&mut self, status: Status) {
        let answer = self.conn.message();
        assert_eq!((answer.status(), answer.command.responded_to), (status.0, Some(self.sent)), "{}", answer.comment());
    }

    fn arrives(&mut self, getting: &mut Getting) -> Message {
        let got = getting.caller.message();
        getting.caller.say(got.context, &success(&got.command), None);
        self.is_answered(Status::SUCCESS);
        got
    }
}

/// The archive's answer.
fn says(conn: &mut Conn, status: Status, [completed, failed]: [u16; 2], list: &[&str]) {
    let counters = Counters { completed: Some(completed), failed: Some(failed), warning: Some(0), remaining: None };
    let answer = Command { counters, ..Command::get_rq(7, &uid(GET)).response(status).unwrap() };
    let _ = match list {
        [] => conn.say(1, &answer, None),
        list => {
            let list = DataSet::new().with(Tag(0x0008, 0x0058), b"UI", list.join("\\"));
            conn.say(1, &answer.with_data_set(), Some(&list.encode(Encoding::ExplicitLe)))
        }
    };
}

/// What the caller hears last.
fn hears(getting: &mut Getting) -> (u16, [Option<u16>; 2], Option<Vec<u8>>) {
    let end = getting.caller.message();
    let counters = end.command.counters;
    assert_eq!(end.command.responded_to, Some(7));
    (end.status(), [counters.completed, counters.failed], end.data.clone())
}

/// A sealed object that the ledger knows, and what was sealed.
fn sealed(site: &Site, instance: &str) -> (Sealed, Vec<u8>) {
    let object = encapsulated(instance, 120_000);
    let sealed = site.seal(instance, JPEG, &object, Carrier::Pixels);
    site.noted(&sealed, SealEnd::Acknowledged);
    (sealed, object)
}

#[test]
fn what_is_sealed_and_what_is_compressed_from_before_both_come_and_each_once() {
    let site = site();
    let (first, object) = sealed(&site, "1.5");
    let before = encapsulated("1.6", 50_000);
    let mut getting = site.getting("WS1", &[&[JPEG], &[EXPLICIT]]);
    getting.send_on(getting.on(JPEG), "1.6", &before);
    assert!(getting.arrives().data.unwrap() == before);
    says(&mut getting.archive, Status::SUB_OPERATIONS_WARNING, [1, 1], &["1.5"]);
    let mut second = Second::dialled(&site);
    let asked: Vec<(&str, Vec<&str>)> = second
        .proposed
        .contexts
        .iter()
        .map(|one| (one.abstract_syntax.as_str(), one.transfer_syntaxes.iter().map(|syntax| syntax.as_str()).collect()))
        .collect();
    assert_eq!(asked, [(GET, vec![EXPLICIT]), (CT, vec![EXPLICIT, IMPLICIT])]);
    let role = second.proposed.user.roles[0];
    assert_eq!((second.proposed.user.roles.len(), role.scu, role.scp), (1, false, true));
    second = second.accepts();
    let again = second.conn.message();
    assert_eq!((again.context, again.command.message_id), (1, Some(7)));
    let identifier = again.data.unwrap();
    assert!(identifier.windows(7).any(|window| window == b"1.2.3.4"), "the same");
    // What has come goes nowhere.
    second.sends("1.6", &image("1.6", 100_000));
    second.is_answered(Status::SUCCESS);
    getting.caller.stays_silent();
    second.sends("1.5", &first.bytes);
    let got = second.arrives(&mut getting);
    assert_eq!((got.context, got.data.unwrap() == object), (3, true), "in its own syntax");
    says(&mut second.conn, Status::PENDING, [2, 0], &[]);
    says(&mut second.conn, Status::SUCCESS, [2, 0], &[]);
    assert_eq!(hears(&mut getting), (0, [Some(2), Some(0)], None));
    // The next one is asked in the caller's contexts first, and then on the same association.
    getting.asks();
    getting.archive.message();
    says(&mut getting.archive, REFUSED, [0, 1], &["1.5"]);
    assert_eq!(second.conn.message().command.message_id, Some(7));
    second.sends("1.5", &first.bytes);
    assert!(second.arrives(&mut getting).data.unwrap() == object);
    says(&mut second.conn, Status::SUCCESS, [1, 0], &[]);
    assert_eq!(hears(&mut getting), (0, [Some(1), Some(0)], None));
    assert_eq!(site.world.count("vault-alert"), 0);
}

#[test]
fn what_fails_both_times_is_named_once() {
    let site = site();
    let (first, _) = sealed(&site, "1.5");
    let mut getting = site.getting("WS1", &[&[JPEG]]);
    // No list: it may be anything.
    says(&mut getting.archive, REFUSED, [0, 2], &["1.5", "1.6"]);
    let mut second = Second::dialled(&site).accepts();
    second.conn.message();
    second.sends("1.5", &first.bytes);
    second.arrives(&mut getting);
    says(&mut second.conn, Status::SUB_OPERATIONS_WARNING, [1, 1], &["1.6"]);
    let (status, counters, list) = hears(&mut getting);
    assert_eq!((status, counters), (Status::SUB_OPERATIONS_WARNING.0, [Some(1), Some(1)]));
    let list = list.unwrap();
    assert!(list.ends_with(b"1.6\0") && !list.windows(3).any(|window| window == b"1.5"), "{list:?}");
}

#[test]
fn what_is_cancelled_in_its_second_turn_ends_there() {
    let site = site();
    let (first, _) = sealed(&site, "1.5");
    let mut getting = site.getting("WS1", &[&[JPEG]]);
    says(&mut getting.archive, REFUSED, [0, 2], &[]);
    let mut second = Second::dialled(&site).accepts();
    second.conn.message();
    second.sends("1.5", &first.bytes);
    second.arrives(&mut getting);
    getting.caller.say(1, &Command::cancel_rq(7), None);
    assert_eq!(second.conn.message().command, Command::cancel_rq(7));
    says(&mut second.conn, Status::CANCEL, [1, 0], &[]);
    assert_eq!(hears(&mut getting), (Status::CANCEL.0, [Some(1), Some(1)], None));
}

#[test]
fn nothing_is_asked_again_where_nothing_sealed_is_missing() {
    let site = site();
    let (first, _) = sealed(&site, "1.5");
    let mut getting = site.getting("WS1", &[&[JPEG]]);
    says(&mut getting.archive, REFUSED, [0, 1], &["1.6"]);
    assert_eq!(hears(&mut getting).1, [Some(0), Some(1)], "the ledger does not know it");
    // It came, and was refused to who asked.
    getting.asks();
    getting.archive.message();
    let mut bytes = first.bytes.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    getting.send("1.5", &bytes);
    assert_ne!(getting.archive.message().status(), 0);
    says(&mut getting.archive, REFUSED, [0, 1], &["1.5"]);
    assert_eq!(hears(&mut getting).1, [Some(0), Some(1)]);
    // What may be opened for nobody, and what is native anyway.
    for (calling, contexts) in [("WS2", &[&[JPEG][..]]), ("WS1", &[&[EXPLICIT][..]])] {
        let mut other = site.getting(calling, contexts);
        says(&mut other.archive, REFUSED, [0, 1], &["1.5"]);
        assert_eq!(hears(&mut other).1, [Some(0), Some(1)]);
    }
    site.world.archive.was_not_dialled();
    let none = site_with("", "further_associations = 0");
    sealed(&none, "1.5");
    let mut getting = none.getting("WS1", &[&[JPEG]]);
    says(&mut getting.archive, REFUSED, [0, 1], &["1.5"]);
    assert_eq!(hears(&mut getting).1, [Some(0), Some(1)]);
}

#[test]
fn an_archive_that_rejects_it_keeps_its_first_answer() {
    let site = site();
    sealed(&site, "1.5");
    let mut getting = site.getting("WS1", &[&[JPEG]]);
    says(&mut getting.archive, REFUSED, [0, 1], &["1.5"]);
    let mut second = Second::dialled(&site);
    second.conn.send(Pdu::AssociateRj(AssociateRj { result: 2, source: 3, reason: 2 }).encode());
    let (status, counters, list) = hears(&mut getting);
    assert_eq!((status, counters), (REFUSED.0, [Some(0), Some(1)]));
    assert!(list.unwrap().ends_with(b"1.5\0"));
    assert_eq!(site.world.record("system-missed").text("to"), Some("PACS"));
}

#[test]
fn the_second_association_ends_idle_without_the_first() {
    let site = site();
    let (first, object) = sealed(&site, "1.5");
    let mut getting = site.getting("WS1", &[&[JPEG]]);
    for turn in 0..2 {
        if turn > 0 {
            getting.asks();
            getting.archive.message();
        }
        says(&mut getting.archive, REFUSED, [0, 1], &["1.5"]);
        let mut second = Second::dialled(&site).accepts();
        second.conn.message();
        second.sends("1.5", &first.bytes);
        assert!(second.arrives(&mut getting).data.unwrap() == object);
        says(&mut second.conn, Status::SUCCESS, [1, 0], &[]);
        assert_eq!(hears(&mut getting).0, 0);
        second.conn.send(Pdu::Abort(Abort::user()).encode());
        second.conn.rest();
    }
}
