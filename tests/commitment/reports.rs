use crate::site::{Site, ask, hear, kept, report};
use crate::support::conn::Conn;
use crate::support::words::{COMMIT, CT, MR, answer, title, uid};
use dicomgate::dicom::commitment::{self, NO_SUCH_INSTANCE, Report};
use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::dimse::{Command, Field};
use dicomgate::dicom::pdu::Role;
use dicomgate::dicom::transfer_syntax::Encoding;

fn release(mut peer: Conn, mut link: Conn) {
    peer.release();
    link.confirm_release();
    peer.released();
}

/// The modality hears a report on an association of the gateway's own.
fn hear_on_new(site: &Site, status: u16) -> Report {
    let (mut conn, _) = site.called_back(false);
    let heard = hear(&mut conn, 1, status);
    conn.confirm_release();
    heard
}

#[test]
fn a_report_on_the_same_association_is_kept_and_then_told() {
    let site = Site::new("");
    let (mut peer, mut link) = site.ct1("PACS");
    let wanted = kept("2.25.1", &[(CT, "1.2.1"), (CT, "1.2.2")]);
    ask(&mut peer, &mut link, 1, &wanted);
    assert_eq!(report(&mut link, 3, &wanted), 0, "before the modality has heard of it");
    assert_eq!(hear(&mut peer, 3, 0), wanted);
    site.wait_for("delivered", 1);
    assert_eq!(site.records("delivered")[0].text("over"), Some("same"));
    // The association goes on as before.
    ask(&mut peer, &mut link, 2, &kept("2.25.2", &[(CT, "1.2.3")]));
    release(peer, link);
    site.modality().was_not_dialled();
}

#[test]
fn a_report_on_a_new_association_finds_the_modality_that_asked() {
    let site = Site::new("");
    let (mut peer, mut link) = site.ct1("PACS");
    let wanted = kept("2.25.1", &[(CT, "1.2.1")]);
    ask(&mut peer, &mut link, 1, &wanted);
    release(peer, link);
    let mut back = site.inside("PACS", "CT1");
    assert_eq!(report(&mut back, 1, &wanted), 0);
    back.release();
    back.released();
    let (mut conn, asked) = site.called_back(false);
    assert_eq!((asked.called, asked.calling), (title("CT1"), title("PACS")));
    assert_eq!(asked.user.roles, [Role { sop_class: uid(COMMIT), scu: false, scp: true }]);
    assert_eq!(hear(&mut conn, 1, 0), wanted);
    conn.confirm_release();
    site.wait_for("delivered", 1);
}

#[test]
fn a_modality_with_tls_is_called_back_over_tls() {
    let site = Site::new("commit_report = \"new\"");
    let (mut peer, mut link) = site.ct3();
    let wanted = kept("2.25.1", &[(CT, "1.2.1")]);
    ask(&mut peer, &mut link, 1, &wanted);
    assert_eq!(report(&mut link, 3, &wanted), 0);
    let (mut conn, asked) = site.called_back(true);
    assert_eq!(asked.called, title("CT3"));
    assert_eq!(hear(&mut conn, 1, 0), wanted);
    site.wait_for("delivered", 1);
    assert_eq!(site.records("delivered")[0].text("over"), Some("new"));
    release(peer, link);
}

#[test]
fn a_restart_loses_neither_the_request_nor_the_report() {
    let mut site = Site::new("");
    let (mut peer, mut link) = site.ct1("PACS");
    let (first, second) = (kept("2.25.1", &[(CT, "1.2.1")]), kept("2.25.2", &[(CT, "1.2.2")]));
    ask(&mut peer, &mut link, 1, &first);
    ask(&mut peer, &mut link, 2, &second);
    release(peer, link);
    site.switch_off();
    assert_eq!(report(&mut site.inside("PACS", "CT1"), 1, &first), 0, "whether the modality is there or not");
    site.stop();
    site.start();
    site.switch_on();
    assert_eq!(hear_on_new(&site, 0), first);
    // What the archive has to say only now.
    assert_eq!(report(&mut site.inside("PACS", "CT1"), 1, &second), 0);
    assert_eq!(hear_on_new(&site, 0), second);
    site.wait_for("delivered", 2);
}

#[test]
fn a_modality_that_says_no_is_asked_again_until_it_says_yes() {
    let site = Site::new("");
    let (mut peer, mut link) = site.ct1("PACS");
    let wanted = kept("2.25.1", &[(CT, "1.2.1")]);
    ask(&mut peer, &mut link, 1, &wanted);
    release(peer, link);
    assert_eq!(report(&mut site.inside("PACS", "CT1"), 1, &wanted), 0);
    for status in [0x0110, 0x0213, 0] {
        assert_eq!(hear_on_new(&site, status), wanted);
    }
    site.wait_for("delivered", 1);
    assert_eq!(site.records("delivered")[0].number("attempts"), Some(3));
}

#[test]
fn instances_that_the_modality_may_not_see_come_back_as_failed() {
    let site = Site::new("");
    let (mut peer, mut link) = site.ct1("PACS");
    let all = kept("2.25.1", &[(CT, "1.2.1"), (MR, "1.2.2")]);
    ask(&mut peer, &mut link, 1, &all);
    assert_eq!(report(&mut link, 3, &all), 0);
    let heard = hear(&mut peer, 3, 0);
    assert_eq!(heard.committed, all.committed[..1]);
    assert_eq!(heard.failed, [(all.committed[1].clone(), NO_SUCH_INSTANCE)]);
    site.wait_for("delivered", 1);
    assert_eq!(site.records("accepted")[0].number("withheld"), Some(1));
    release(peer, link);
}

#[test]
fn two_archives_with_the_same_transaction_are_told_apart() {
    let site = Site::new("");
    let wanted = [kept("2.25.1", &[(CT, "1.2.1")]), kept("2.25.1", &[(CT, "1.2.2")])];
    for (archive, wanted) in ["PACS", "VNA"].into_iter().zip(&wanted) {
        let (mut peer, mut link) = site.ct1(archive);
        ask(&mut peer, &mut link, 1, wanted);
        release(peer, link);
    }
    for (archive, wanted) in ["VNA", "PACS"].into_iter().zip(wanted.iter().rev()) {
        assert_eq!(report(&mut site.inside(archive, "CT1"), 1, wanted), 0);
        let (mut conn, asked) = site.called_back(false);
        assert_eq!(asked.calling, title(archive));
        assert_eq!(hear(&mut conn, 1, 0), *wanted);
        conn.confirm_release();
    }
    site.wait_for("delivered", 2);
}

#[test]
fn what_nobody_asked_this_archive_for_reaches_nobody() {
    let site = Site::new("");
    let (mut peer, mut link) = site.ct1("PACS");
    let wanted = kept("2.25.1", &[(CT, "1.2.1")]);
    ask(&mut peer, &mut link, 1, &wanted);
    for (archive, called, said) in
        [("VNA", "CT1", &wanted), ("PACS", "CT3", &wanted), ("PACS", "CT1", &kept("2.25.9", &[(CT, "1.2.1")]))]
    {
        assert_eq!(report(&mut site.inside(archive, called), 1, said), 0x0115);
    }
    assert_eq!(report(&mut link, 3, &kept("2.25.9", &[(CT, "1.2.1")])), 0x0115);
    site.wait_for("refused", 4);
    peer.nothing_yet();
    site.modality().was_not_dialled();
    release(peer, link);
}

#[test]
fn a_request_without_a_transaction_is_the_archives_to_refuse() {
    let site = Site::new("");
    let (mut peer, mut link) = site.ct1("PACS");
    let action = Command {
        action_type: Some(1),
        ..Command::n_request(Field::ActionRq, 1, &uid(COMMIT), &uid(commitment::SOP_INSTANCE), true)
    };
    let empty = DataSet::new().with(dicomgate::dicom::Tag(0x0008, 0x1199), b"SQ", "").encode(Encoding::ExplicitLe);
    peer.say(3, &action, Some(&empty));
    let asked = link.message();
    link.say(3, &answer(&asked.command, 0x0115), None);
    assert_eq!(peer.message().status(), 0x0115);
    // What it reports all the same is nobody's.
    assert_ne!(report(&mut link, 3, &kept("2.25.1", &[(CT, "1.2.1")])), 0);
    release(peer, link);
}

#[test]
fn ten_thousand_references_pass_both_ways() {
    let site = Site::new("");
    let (mut peer, mut link) = site.ct1("PACS");
    let instances: Vec<String> =
        (0..10_000).map(|number| format!("1.2.840.113619.2.55.3.604688119.{number}")).collect();
    let all: Vec<_> = instances.iter().map(|instance| (CT, instance.as_str())).collect();
    let wanted = kept("2.25.1", &all);
    ask(&mut peer, &mut link, 1, &wanted);
    assert_eq!(report(&mut link, 3, &wanted), 0);
    assert_eq!(hear(&mut peer, 3, 0), wanted);
    site.wait_for("delivered", 1);
    release(peer, link);
}
