//! Keys that end while objects are on their way: nobody is told success of what nobody can open.

use crate::site::{RULES, Site, Wants, gives, image, natives, site, site_with};
use crate::support::proven;
use crate::support::words::{INSTANCE, store, success};
use crate::support::world::PEERS;
use dicomgate::config::{self, Vault};
use dicomgate::dicom::AeTitle;
use dicomgate::keys;
use dicomgate::state::{Mark, Repeats};
use dicomgate::vault::KeyId;

fn vault(site: &Site) -> Vault {
    config::load_untested(&site.world.dir.path().join("gateway.toml")).unwrap().vault.unwrap()
}

/// Another key seals, which this gateway has taken.
fn rotates(site: &Site, vault: &Vault) {
    keys::new_key(vault, jiff::Timestamp::now()).unwrap();
    site.world.reload();
}

/// Key 1 is gone, whatever `rotate` would say to that: another gateway's administrator did it.
fn destroys(site: &Site, vault: &Vault) {
    keys::destroy(vault, KeyId(1), jiff::Timestamp::now()).unwrap();
    site.world.reload();
}

fn seals(site: &Site) -> Vec<(KeyId, Mark)> {
    site.ledger(INSTANCE).map(|row| row.seals.iter().map(|seal| (seal.key, seal.mark)).collect()).unwrap_or_default()
}

/// What the record of the refused store says.
fn words(site: &Site) -> String {
    site.world.record("not-sealed").text("words").unwrap().to_owned()
}

#[test]
fn nobody_is_told_success_of_what_was_sealed_with_a_key_that_has_gone_meanwhile() {
    let site = site();
    let object = image(INSTANCE, 64);
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    peer.say(1, &store(1), Some(&object));
    let got = link.message();
    rotates(&site, &vault(&site));
    destroys(&site, &vault(&site));
    link.say(got.context, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0xa700);
    assert_eq!(words(&site), "it was stored, and key 1, which it is sealed with, is destroyed or lost: send it again");
    assert_eq!(seals(&site), [(KeyId(1), Mark::Acknowledged)]);
    // It is sent again, and takes the place of the one that nobody opens.
    site.stores(&mut peer, &mut link, &object);
    assert_eq!(seals(&site)[1], (KeyId(2), Mark::Acknowledged));
    assert_eq!(site.world.count("not-sealed"), 1);
}

#[test]
fn a_key_that_was_only_rotated_away_meanwhile_is_as_good() {
    let site = site();
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
    let got = link.message();
    rotates(&site, &vault(&site));
    link.say(got.context, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
    assert_eq!(seals(&site), [(KeyId(1), Mark::Acknowledged)]);
}

#[test]
fn a_gateway_that_refuses_its_reloads_seals_nothing_with_a_key_that_has_ended() {
    let site = site();
    let object = image(INSTANCE, 64);
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    peer.say(1, &store(1), Some(&object));
    let got = link.message();
    let vault = vault(&site);
    site.world.set_policy(PEERS, "[[rule]]\nname = ");
    rotates(&site, &vault);
    destroys(&site, &vault);
    assert_eq!(site.world.count("reloaded"), 0);
    link.say(got.context, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0xa700);
    assert!(words(&site).starts_with("it was stored, and key 1"), "{}", words(&site));
    // Nor does anything more of it go.
    peer.say(1, &store(1), Some(&object));
    assert_eq!(peer.message().status(), 0xa700);
    assert_eq!(words(&site), "key 1, which it is sealed with, is destroyed or lost: send it again");
    assert_eq!(seals(&site), [(KeyId(1), Mark::Acknowledged)]);
    site.world.set_policy(PEERS, RULES);
    site.stores(&mut peer, &mut link, &object);
    assert_eq!(seals(&site)[1], (KeyId(2), Mark::Acknowledged));
}

#[test]
fn an_object_that_was_sent_again_is_not_said_to_be_there_when_its_key_has_gone() {
    let site = site_with(&Wants { archive: "resend = \"compare\"", ..Wants::default() });
    let object = image(INSTANCE, 64);
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    let there = site.stores(&mut peer, &mut link, &object);
    peer.say(1, &store(1), Some(&object));
    let (mut reading, asked) = site.archive_takes(&natives());
    rotates(&site, &vault(&site));
    destroys(&site, &vault(&site));
    gives(&mut reading, &asked, there.data.as_deref());
    reading.confirm_release();
    assert_eq!(peer.message().status(), 0xa700, "it was sealed with the same key, too");
    assert_eq!(seals(&site), [(KeyId(1), Mark::Acknowledged)]);
    link.nothing_yet();
    // The next time with the other one.
    let got = std::thread::scope(|scope| {
        let sender = scope.spawn(|| peer.say(1, &store(1), Some(&object)));
        let (mut reading, asked) = site.archive_takes(&natives());
        gives(&mut reading, &asked, there.data.as_deref());
        reading.confirm_release();
        sender.join().unwrap();
        link.message()
    });
    link.say(got.context, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
    assert_eq!(seals(&site)[1], (KeyId(2), Mark::Acknowledged));
}

#[test]
fn an_archive_that_keeps_what_came_first_is_not_believed_when_that_opens_no_more() {
    let site = site_with(&Wants { proven: false, ..Wants::default() });
    let mut proof = proven::everything(site.world.archive.port());
    proof.repeats = Repeats::Kept;
    proof.keep(&site.world.dir.path().join("state"), &AeTitle::new("PACS").unwrap()).unwrap();
    let object = image(INSTANCE, 64);
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    peer.say(1, &store(1), Some(&object));
    let first = link.message();
    rotates(&site, &vault(&site));
    destroys(&site, &vault(&site));
    link.say(first.context, &success(&first.command), None);
    assert_eq!(peer.message().status(), 0xa700);
    // It says success to the next one, too, and still has the one that nobody opens.
    peer.say(1, &store(1), Some(&object));
    let second = link.message();
    link.say(second.context, &success(&second.command), None);
    site.hands_out(first.data.as_deref());
    assert_ne!(peer.message().status(), 0);
    // Once that was deleted there, it has what was sent last.
    peer.say(1, &store(1), Some(&object));
    let third = link.message();
    link.say(third.context, &success(&third.command), None);
    site.hands_out(third.data.as_deref());
    assert_eq!(peer.message().status(), 0);
}
