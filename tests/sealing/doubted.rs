//! Reports of sealed instances that must be read back first, while archive and requester go on with their work.

use crate::committed::{asks, hears, is_not_searched, reference, reports, stored, stored_with};
use crate::site::{gives, gives_as, image, natives};
use crate::support::rle::RLE;
use crate::support::wait_until;
use crate::support::words::{COMMIT, CT, EXPLICIT, INSTANCE, answer, uid};
use crate::support::world::PEERS;
use dicomgate::dicom::commitment::{PROCESSING_FAILURE, Place, Report};

const OTHER: &str = "1.2.826.0.1.99.2";

#[test]
fn a_requester_that_comes_and_goes_uses_up_no_tries() {
    let (site, mut peer, mut link, held) = stored("");
    asks(&mut peer, &mut link, "2.25.1", &[INSTANCE]);
    is_not_searched(&site);
    drop(site.world.archive.accept());
    peer.nothing_yet();
    for _ in 0..12 {
        let (mut again, mut there) = site.associates("CT1", &[COMMIT], drop);
        again.release();
        there.confirm_release();
        again.released();
    }
    // It is asked again when its time has come, and is there.
    site.hands_out_when_asked(Some(&held));
    assert_eq!(hears(&mut peer).committed, [reference(INSTANCE)]);
    assert_eq!((site.world.count("vault-alert"), site.world.count("doubted")), (0, 0));
}

#[test]
fn an_instance_that_breaks_the_association_holds_up_no_other() {
    let (site, mut peer, mut link, held) = stored("");
    let other = site.stores_as(OTHER, &mut peer, &mut link, &image(OTHER, 64)).data.unwrap();
    asks(&mut peer, &mut link, "2.25.1", &[INSTANCE, OTHER]);
    is_not_searched(&site);
    let (mut breaks, _) = site.archive_takes(&natives());
    breaks.message();
    drop(breaks);
    let (mut next, asked) = site.archive_takes(&natives());
    gives_as(OTHER, &mut next, &asked, Some(&other));
    next.confirm_release();
    wait_until("what comes is verified", || site.ledger(OTHER).unwrap().seals[0].verified.is_some());
    peer.nothing_yet();
    // The next time it is asked for the one alone.
    is_not_searched(&site);
    site.hands_out(Some(&held));
    assert_eq!(hears(&mut peer).committed, [reference(INSTANCE), reference(OTHER)]);
    assert_eq!(site.world.count("vault-alert"), 0);
}

#[test]
fn an_archive_that_is_busy_has_lost_nothing() {
    let (site, mut peer, mut link, held) = stored("");
    asks(&mut peer, &mut link, "2.25.1", &[INSTANCE]);
    is_not_searched(&site);
    // Natively, and as it may have compressed it.
    for _ in 0..2 {
        let (mut busy, _) = site.archive_takes(&[EXPLICIT, RLE]);
        let request = busy.message();
        busy.say(request.context, &answer(&request.command, 0xa702), None);
        busy.confirm_release();
    }
    peer.nothing_yet();
    is_not_searched(&site);
    site.hands_out(Some(&held));
    assert_eq!(hears(&mut peer).committed, [reference(INSTANCE)]);
    assert_eq!((site.world.count("vault-alert"), site.world.count("doubted")), (0, 0));
}

#[test]
fn what_is_stored_anew_while_it_is_read_back_is_no_rollback() {
    for gives_old_first in [false, true] {
        let (site, mut peer, mut link, held) = stored("");
        asks(&mut peer, &mut link, "2.25.1", &[INSTANCE]);
        is_not_searched(&site);
        let (mut reading, asked) = site.archive_takes(&natives());
        let anew = site.stores(&mut peer, &mut link, &image(INSTANCE, 64)).data.unwrap();
        if gives_old_first {
            // It had begun to hand it out before it was replaced.
            gives(&mut reading, &asked, Some(&held));
        }
        gives(&mut reading, &asked, Some(&anew));
        reading.confirm_release();
        assert_eq!(hears(&mut peer).committed, [reference(INSTANCE)]);
        assert_eq!(site.world.count("vault-alert"), 0);
        assert!(site.ledger(INSTANCE).unwrap().seals[1].verified.is_some());
    }
}

#[test]
fn a_report_that_comes_meanwhile_is_the_one_that_is_told() {
    let (site, mut peer, mut link, _) = stored("");
    asks(&mut peer, &mut link, "2.25.1", &[INSTANCE]);
    is_not_searched(&site);
    let (mut reading, asked) = site.archive_takes(&natives());
    let newer = Report {
        transaction: uid("2.25.1"),
        place: Place::default(),
        committed: vec![],
        failed: vec![(reference(INSTANCE), PROCESSING_FAILURE)],
    };
    reports(&mut link, &newer);
    gives(&mut reading, &asked, None);
    reading.confirm_release();
    assert_eq!(hears(&mut peer).failed, newer.failed, "and not what was found out for the one before");
    peer.nothing_yet();
}

#[test]
fn an_archive_that_hangs_keeps_nobody_waiting_who_asked_for_something_else() {
    let one = |number: usize| {
        format!(
            "[[peer]]\nae_titles = [\"M{number}\"]\ntls = \"off\"\nnetwork = [\"127.0.0.1/32\"]\ngroups = [\"modality\"]\n"
        )
    };
    let peers: String = (1..=9).map(one).collect();
    let (site, mut peer, mut link, _) = stored_with("", &format!("{PEERS}{peers}"));
    let (mut hangs, mut open) = (Vec::new(), Vec::new());
    for number in 1..=9 {
        let (mut other, mut there) = site.associates(&format!("M{number}"), &[CT, COMMIT], |link| hangs.push(link));
        asks(&mut other, &mut there, &format!("2.25.{number}"), &[INSTANCE]);
        open.push((other, there));
    }
    asks(&mut peer, &mut link, "2.25.99", &["1.2.99"]);
    assert_eq!(hears(&mut peer).committed, [reference("1.2.99")]);
    for (other, _) in &mut open {
        other.nothing_yet();
    }
}
