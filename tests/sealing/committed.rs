//! Storage commitment of sealed objects: what the archive says of them, and what it gives back.

use crate::site::{Gives, RULES, Site, Wants, image, natives, site_with};
use crate::support::conn::Conn;
use crate::support::wait_until;
use crate::support::words::{COMMIT, CT, INSTANCE, answer, rq, uid};
use crate::support::world::PEERS;
use dicomgate::dicom::commitment::{self, NO_SUCH_INSTANCE, PROCESSING_FAILURE, Place, Reference, Report};
use dicomgate::dicom::dimse::{Command, Field, Status};
use dicomgate::dicom::transfer_syntax::Encoding;

/// A site where CT1 has stored one sealed object; both ends of its association, and what the archive got.
pub fn stored(vault: &str) -> (Site, Conn, Conn, Vec<u8>) {
    stored_with(vault, PEERS)
}

/// The same, with these peers.
pub fn stored_with(vault: &str, peers: &str) -> (Site, Conn, Conn, Vec<u8>) {
    let rules = RULES.replace("\"store\"", "\"store\", \"commit\"");
    let wants = Wants { rules: &rules, vault, peers, limits: "commit_retry = \"1s\"", ..Wants::default() };
    let site = site_with(&wants);
    let mut peer = site.world.plain();
    peer.request(&rq("CT1", &[CT, COMMIT]));
    let (mut link, _) = site.archive_takes(&natives());
    peer.accepted();
    let got = site.stores(&mut peer, &mut link, &image(INSTANCE, 64));
    (site, peer, link, got.data.unwrap())
}

pub fn reference(instance: &str) -> Reference {
    Reference { class: uid(CT), instance: uid(instance), place: None }
}

/// CT1 asks for commitment, and the archive reports that it keeps all of it.
pub fn asks(peer: &mut Conn, link: &mut Conn, transaction: &str, instances: &[&str]) {
    let wanted = Report {
        transaction: uid(transaction),
        place: Place::default(),
        committed: instances.iter().map(|instance| reference(instance)).collect(),
        failed: Vec::new(),
    };
    let (class, instance) = (uid(COMMIT), uid(commitment::SOP_INSTANCE));
    let ask = Command {
        action_type: Some(commitment::REQUEST),
        ..Command::n_request(Field::ActionRq, 9, &class, &instance, true)
    };
    let bytes = wanted.encode(Encoding::ExplicitLe);
    peer.say(3, &ask, Some(&bytes));
    let asked = link.message();
    link.say(3, &asked.command.response(Status::SUCCESS).unwrap(), None);
    assert_eq!(peer.message().status(), 0);
    reports(link, &wanted);
}

/// The archive reports this.
pub fn reports(link: &mut Conn, report: &Report) {
    let (class, instance) = (uid(COMMIT), uid(commitment::SOP_INSTANCE));
    let tell = Command {
        event_type: Some(report.event_type()),
        ..Command::n_request(Field::EventReportRq, 7, &class, &instance, true)
    };
    link.say(3, &tell, Some(&report.encode(Encoding::ExplicitLe)));
    assert_eq!(link.message().status(), 0);
}

/// CT1 hears what the gateway makes of it.
pub fn hears(peer: &mut Conn) -> Report {
    let message = peer.message();
    assert_eq!(message.command.field, Field::EventReportRq);
    let event_type = message.command.event_type.unwrap();
    let read = commitment::read(&message.data.unwrap(), Encoding::ExplicitLe, event_type, 100).unwrap();
    assert_eq!(read.event_type(), event_type);
    peer.say(3, &message.command.response(Status::SUCCESS).unwrap(), None);
    read
}

/// The archive does not say in which series things are.
pub fn is_not_searched(site: &Site) {
    drop(site.world.archive.accept());
}

#[test]
fn a_sealed_object_is_read_back_before_it_is_told_as_kept() {
    let (site, mut peer, mut link, held) = stored("");
    asks(&mut peer, &mut link, "2.25.1", &[INSTANCE, "1.2.99"]);
    is_not_searched(&site);
    peer.nothing_yet();
    site.hands_out(Some(&held));
    let told = hears(&mut peer);
    // Of what was never sealed the archive's word is enough, as before.
    assert_eq!((told.committed, told.failed), (vec![reference(INSTANCE), reference("1.2.99")], vec![]));
    assert!(site.ledger(INSTANCE).unwrap().seals[0].verified.is_some());
    // Once is enough.
    asks(&mut peer, &mut link, "2.25.2", &[INSTANCE]);
    assert_eq!(hears(&mut peer).committed, [reference(INSTANCE)]);
    site.world.archive.was_not_dialled();
    assert_eq!(site.world.count("vault-alert"), 0);
}

#[test]
fn what_does_not_come_back_whole_is_told_as_failed() {
    let spoilt = |held: &[u8]| {
        let mut held = held.to_vec();
        let middle = held.len() / 2;
        held[middle] ^= 1;
        Some(held)
    };
    let plain = |_: &[u8]| Some(image(INSTANCE, 64));
    let gone = |_: &[u8]| None;
    let all: [(Gives<'_>, u16, &str); 3] = [
        (&spoilt, PROCESSING_FAILURE, "tampered"),
        (&plain, PROCESSING_FAILURE, "forged"),
        (&gone, NO_SUCH_INSTANCE, "not-kept"),
    ];
    for (gives, reason, cause) in all {
        let (site, mut peer, mut link, held) = stored("");
        asks(&mut peer, &mut link, "2.25.1", &[INSTANCE, "1.2.99"]);
        is_not_searched(&site);
        site.hands_out(gives(&held).as_deref());
        let told = hears(&mut peer);
        assert_eq!(told.committed, [reference("1.2.99")]);
        assert_eq!(told.failed, [(reference(INSTANCE), reason)]);
        let alert = site.world.record("vault-alert");
        assert_eq!((alert.text("cause"), alert.text("instance")), (Some(cause), Some(INSTANCE)));
        let outcomes = || -> Vec<String> {
            let records = site.world.records().into_iter().filter(|record| record.event() == "commitment");
            records.map(|record| record.text("outcome").unwrap().to_owned()).collect()
        };
        wait_until("the record of the delivery", || outcomes().last().is_some_and(|last| last == "delivered"));
        assert_eq!(outcomes(), ["accepted", "doubted", "delivered"]);
        assert!(site.ledger(INSTANCE).unwrap().seals[0].verified.is_none());
    }
}

#[test]
fn an_archive_that_is_away_is_asked_again() {
    let (site, mut peer, mut link, held) = stored("");
    asks(&mut peer, &mut link, "2.25.1", &[INSTANCE]);
    is_not_searched(&site);
    drop(site.world.archive.accept());
    is_not_searched(&site);
    peer.nothing_yet();
    site.hands_out(Some(&held));
    assert_eq!(hears(&mut peer).committed, [reference(INSTANCE)]);
    assert_eq!(site.world.count("vault-alert"), 0);
}

/// The archive is asked six times for what it says it keeps, and CT1 hears then that this has failed.
fn six_times(asked: impl Fn(&Site)) -> Site {
    let (site, mut peer, mut link, _) = stored("");
    asks(&mut peer, &mut link, "2.25.1", &[INSTANCE, "1.2.99"]);
    for attempt in 1..=6 {
        peer.nothing_yet();
        // It does not say in which series things are.
        wait_until("the next attempt", || {
            site.reports_fall_due();
            site.world.archive.listener.accept().is_ok()
        });
        assert_eq!(site.world.count("vault-alert"), 0, "before attempt {attempt} is over");
        asked(&site);
    }
    let told = hears(&mut peer);
    assert_eq!(told.committed, [reference("1.2.99")]);
    assert_eq!(told.failed, [(reference(INSTANCE), PROCESSING_FAILURE)]);
    assert!(site.ledger(INSTANCE).unwrap().seals[0].verified.is_none());
    site.world.archive.was_not_dialled();
    site
}

#[test]
fn what_the_archive_never_gives_out_is_told_as_failed_after_six_attempts() {
    let site = six_times(|site| {
        let (mut link, _) = site.archive_takes(&natives());
        let request = link.message();
        link.say(request.context, &answer(&request.command, 0xa702), None);
        link.confirm_release();
        // Nor does it give out anything as it may have compressed it.
        let (mut link, _) = site.archive_takes(&natives());
        link.confirm_release();
    });
    let alert = site.world.record("vault-alert");
    assert_eq!((alert.text("cause"), alert.text("instance")), (Some("not-kept"), Some(INSTANCE)), "{alert:?}");
    assert!(alert.text("words").unwrap().contains("A702"), "{alert:?}");
}

#[test]
fn an_archive_that_is_never_there_is_not_blamed_for_it() {
    let site = six_times(|site| drop(site.world.archive.accept()));
    assert_eq!(site.world.count("vault-alert"), 0);
}

#[test]
fn what_was_verified_when_it_was_stored_is_told_at_once() {
    let rules = RULES.replace("\"store\"", "\"store\", \"commit\"");
    let site = site_with(&Wants { rules: &rules, archive: "verify_after_store = \"all\"", ..Wants::default() });
    let mut peer = site.world.plain();
    peer.request(&rq("CT1", &[CT, COMMIT]));
    let (mut link, _) = site.archive_takes(&natives());
    peer.accepted();
    peer.say(1, &crate::support::words::store(1), Some(&image(INSTANCE, 64)));
    let got = link.message();
    link.say(1, &crate::support::words::success(&got.command), None);
    site.hands_out(got.data.as_deref());
    assert_eq!(peer.message().status(), 0);
    asks(&mut peer, &mut link, "2.25.1", &[INSTANCE]);
    assert_eq!(hears(&mut peer).committed, [reference(INSTANCE)]);
    site.world.archive.was_not_dialled();
}

#[test]
fn the_archives_word_is_enough_where_the_probe_is_trusted() {
    let (site, mut peer, mut link, _) = stored("commit_trust = \"probe\"");
    asks(&mut peer, &mut link, "2.25.1", &[INSTANCE]);
    assert_eq!(hears(&mut peer).committed, [reference(INSTANCE)]);
    site.world.archive.was_not_dialled();
    assert!(site.ledger(INSTANCE).unwrap().seals[0].verified.is_none());
}
