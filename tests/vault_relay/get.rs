//! C-GET of sealed and plain objects by who may have them opened, by who may not, and by who shares the vault.

use crate::site::{JPEG, answered, data_set, encapsulated, image, proposal, site, site_with};
use crate::support::words::{EXPLICIT, IMPLICIT, ac, uid};
use dicomgate::dicom::dimse::Status;
use dicomgate::dicom::pdu::{AssociateAc, AssociateRq, UserItems};
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::state::SealEnd;
use dicomgate::vault::carrier::Carrier;

const JPEG_XL: &str = "1.2.840.10008.1.2.4.110";

#[test]
fn a_sealed_object_comes_out_as_it_was_before_it_was_sealed() {
    let site = site();
    for (place, carrier) in [Carrier::Pixels, Carrier::Attributes].into_iter().enumerate() {
        let instance = format!("1.2.3.4.1.{place}");
        let object = image(&instance, 200_000);
        let sealed = site.seal(&instance, EXPLICIT, &object, carrier);
        assert!(sealed.bytes != object);
        site.noted(&sealed, SealEnd::Acknowledged);
        let mut getting = site.getting("WS1", &[&[EXPLICIT, IMPLICIT]]);
        getting.send(&instance, &sealed.bytes);
        let got = getting.arrives();
        assert_eq!((got.context, got.command.sop_instance().copied()), (3, Some(uid(&instance))));
        assert!(got.data.unwrap() == object, "{carrier:?}");
        assert_eq!(getting.ends().status(), 0);
        let record = site.world.record("operation");
        assert_eq!(record.text("operation"), Some("get"), "the request itself ends last");
        let opened = site.world.records().into_iter().rfind(|record| record.0.get("opened").is_some()).unwrap();
        assert_eq!(opened.0["opened"], true);
        assert_eq!(opened.text("instance"), Some(&*instance));
        assert_eq!(opened.text("status"), Some("0000H"));
        assert!(opened.0.get("drift").is_none());
    }
    assert_eq!(site.world.count("vault-alert"), 0);
}

#[test]
fn an_archive_that_says_nothing_of_roles_sends_what_it_was_asked_for() {
    let site = site();
    let (object, plain) = (image("1.5", 100_000), image("1.6", 1000));
    let sealed = site.seal("1.5", EXPLICIT, &object, Carrier::Pixels);
    let silent = |proposed: &AssociateRq| {
        let answer = ac(proposed);
        AssociateAc { user: UserItems { roles: Vec::new(), ..answer.user }, ..answer }
    };
    let asked = proposal("WS1", &[&[EXPLICIT]]);
    let mut getting = answered(site.world.plain(), &site.world.archive, &asked, silent);
    getting.asks();
    getting.archive.message();
    getting.send("1.5", &sealed.bytes);
    assert!(getting.arrives().data.unwrap() == object);
    getting.send("1.6", &plain);
    assert!(getting.arrives().data.unwrap() == plain);
    assert_eq!(getting.ends().status(), 0);
}

#[test]
fn nobody_is_needed_who_knows_the_seal() {
    let site = site();
    let object = image("1.5", 1000);
    let sealed = site.seal("1.5", EXPLICIT, &object, Carrier::Pixels);
    let mut getting = site.getting("WS1", &[&[EXPLICIT]]);
    getting.send("1.5", &sealed.bytes);
    assert!(getting.arrives().data.unwrap() == object, "the ledger knows nothing of it");
    getting.ends();
}

#[test]
fn who_has_no_right_to_it_gets_a_refusal_and_never_the_banner() {
    let site = site();
    let sealed = site.seal("1.5", EXPLICIT, &image("1.5", 300_000), Carrier::Pixels);
    let mut getting = site.getting("WS2", &[&[EXPLICIT]]);
    getting.send("1.5", &sealed.bytes);
    let comment = getting.fails("1.5", Status::NOT_AUTHORIZED);
    let record = site.world.record("not-opened");
    assert_eq!(comment, format!("denied, incident {}", record.text("incident").unwrap()));
    assert!(record.text("words").unwrap().contains("nothing lets whoever asked have it opened"));
    assert_eq!(record.text("instance"), Some("1.5"));
    // What is not sealed passes, byte for byte.
    let plain = image("1.6", 300_000);
    getting.send("1.6", &plain);
    assert!(getting.arrives().data.unwrap() == plain);
    let end = getting.ends();
    assert_eq!(end.status(), Status::SUB_OPERATIONS_WARNING.0);
    assert!(end.data.unwrap().windows(3).any(|window| window == b"1.5"), "the list of what failed");
    assert_eq!(site.world.count("vault-alert"), 0);
}

#[test]
fn who_shares_the_vault_gets_what_is_stored() {
    let site = site();
    let sealed = site.seal("1.5", EXPLICIT, &image("1.5", 300_000), Carrier::Pixels);
    site.noted(&sealed, SealEnd::Acknowledged);
    let mut getting = site.getting("ARC", &[&[EXPLICIT]]);
    getting.send("1.5", &sealed.bytes);
    assert!(getting.arrives().data.unwrap() == sealed.bytes);
    getting.ends();
    let handed = site.world.records().into_iter().rfind(|record| record.0.get("opened").is_some()).unwrap();
    assert_eq!(handed.0["opened"], false);
}

#[test]
fn an_object_goes_on_the_context_that_takes_what_was_sealed() {
    let site = site();
    let object = encapsulated("1.5", 150_000);
    let sealed = site.seal("1.5", JPEG, &object, Carrier::Pixels);
    let mut getting = site.getting("WS1", &[&[EXPLICIT], &[JPEG]]);
    getting.send("1.5", &sealed.bytes);
    let got = getting.arrives();
    assert_eq!(got.context, 5);
    assert!(got.data.unwrap() == object);
    // In another native encoding where its own is not taken.
    let plain = data_set("1.6", 100_000);
    let sealed = site.seal("1.6", EXPLICIT, &plain.clone().encode(Encoding::ExplicitLe), Carrier::Pixels);
    getting.send("1.6", &sealed.bytes);
    assert_eq!(getting.arrives().context, 3);
    getting.ends();
    let mut getting = site.getting("WS1", &[&[IMPLICIT]]);
    let context = getting.on(IMPLICIT);
    let mut implicit = dicomgate::transform::recode::Recode::new(Encoding::ExplicitLe, Encoding::ImplicitLe);
    let mut stored = Vec::new();
    implicit.push(&sealed.bytes, &mut stored).unwrap();
    implicit.finish(&mut stored).unwrap();
    getting.send_on(context, "1.6", &stored);
    let got = getting.arrives();
    assert_eq!(got.context, 3);
    assert!(got.data.unwrap() == plain.encode(Encoding::ImplicitLe));
    getting.ends();
}

#[test]
fn who_takes_nothing_that_it_could_be_written_in_is_told_that_it_failed() {
    let site = site();
    let sealed = site.seal("1.5", JPEG_XL, &encapsulated("1.5", 5000), Carrier::Pixels);
    let mut getting = site.getting("WS1", &[&[EXPLICIT]]);
    getting.send("1.5", &sealed.bytes);
    getting.fails("1.5", Status::DATA_SET_MISMATCH);
    getting.ends();
    let words = site.world.record("not-opened").text("words").unwrap().to_owned();
    assert!(words.contains("JPEG XL Lossless") && words.contains("there is no decoder for JPEG XL"), "{words}");
}

#[test]
fn a_large_object_is_opened_as_it_passes() {
    let site = site_with("", "open_whole = \"64KiB\"");
    let object = image("1.5", 3_000_000);
    let sealed = site.seal("1.5", EXPLICIT, &object, Carrier::Pixels);
    let mut getting = site.getting("WS1", &[&[EXPLICIT]]);
    getting.send("1.5", &sealed.bytes);
    assert!(getting.arrives().data.unwrap() == object);
    getting.ends();
}

#[test]
fn what_the_archive_corrected_is_told_in_the_record() {
    let site = site();
    let sealed = site.seal("1.5", EXPLICIT, &image("1.5", 1000), Carrier::Pixels);
    let corrected = replaced(&sealed.bytes, b"LO\x04\x004711", b"LO\x04\x004712");
    let mut getting = site.getting("WS1", &[&[EXPLICIT]]);
    getting.send("1.5", &corrected);
    let got = getting.arrives().data.unwrap();
    assert!(got == replaced(&image("1.5", 1000), b"LO\x04\x004711", b"LO\x04\x004712"));
    getting.ends();
    let opened = site.world.records().into_iter().rfind(|record| record.0.get("opened").is_some()).unwrap();
    assert_eq!(opened.list("drift"), ["PatientID"]);
    let site = site_with("identity_drift = \"refuse\"", "");
    let sealed = site.seal("1.5", EXPLICIT, &image("1.5", 1000), Carrier::Pixels);
    let corrected = replaced(&sealed.bytes, b"LO\x04\x004711", b"LO\x04\x004712");
    let mut getting = site.getting("WS1", &[&[EXPLICIT]]);
    getting.send("1.5", &corrected);
    getting.fails("1.5", Status::PROCESSING_FAILURE);
    let alert = site.world.record("vault-alert");
    assert_eq!(alert.text("cause"), Some("drift"));
    assert_eq!(alert.text("words"), Some("it differs from what was sealed in PatientID"), "names, no values");
}

#[test]
fn an_overlay_that_somebody_drew_in_the_archive_does_not_come_out() {
    let site = site();
    let sealed = site.seal("1.5", EXPLICIT, &image("1.5", 1000), Carrier::Pixels);
    let at = sealed.bytes.windows(5).position(|window| window == b"\xe0\x7f\x10\x00O").unwrap();
    let overlay = [&b"\x00\x60\x00\x30OW\x00\x00\x40\x00\x00\x00"[..], &[0xff; 64]].concat();
    let drawn = [&sealed.bytes[..at], &overlay, &sealed.bytes[at..]].concat();
    let mut getting = site.getting("WS1", &[&[EXPLICIT]]);
    getting.send("1.5", &drawn);
    assert!(getting.arrives().data.unwrap() == image("1.5", 1000));
    getting.ends();
    let opened = site.world.records().into_iter().rfind(|record| record.0.get("opened").is_some()).unwrap();
    assert_eq!(opened.list("drift"), ["added"]);
}

#[test]
fn who_takes_only_what_was_sealed_gets_it_though_the_archive_sends_something_else() {
    let site = site();
    let object = encapsulated("1.5", 150_000);
    let sealed = site.seal("1.5", JPEG, &object, Carrier::Pixels);
    for refuses in [false, true] {
        // The archive may not know the syntax at all.
        let refuse = |_: usize, proposed: &dicomgate::dicom::pdu::ProposedContext| {
            (refuses && proposed.transfer_syntaxes == [uid(JPEG)]).then_some(None)
        };
        let mut getting = site.associated("WS1", &[&[JPEG]], refuse);
        assert!(getting.takes.contains(&(3, JPEG.to_owned())), "{:?}", getting.takes);
        getting.asks();
        getting.archive.message();
        let extra = getting.on(EXPLICIT);
        assert_ne!(extra, 3);
        getting.send_on(extra, "1.5", &sealed.bytes);
        let got = getting.arrives();
        assert_eq!(got.context, 3);
        assert!(got.data.unwrap() == object);
        getting.ends();
    }
}

#[test]
fn attributes_are_taken_out_of_what_is_opened() {
    let site = site();
    let (name, pixels) = (dicomgate::dicom::Tag(0x0010, 0x0010), 200_000);
    let sealed = site.seal("1.5", EXPLICIT, &image("1.5", pixels), Carrier::Pixels);
    let mut getting = site.associated("WS3", &[&[EXPLICIT]], |_, _| None);
    getting.asks();
    site.looked_up("Ref^Rita");
    getting.archive.message();
    getting.send("1.5", &sealed.bytes);
    let hidden = data_set("1.5", pixels).with(name, b"PN", "").encode(Encoding::ExplicitLe);
    assert!(getting.arrives().data.unwrap() == hidden);
    getting.send("1.6", &image("1.6", pixels));
    let hidden = data_set("1.6", pixels).with(name, b"PN", "").encode(Encoding::ExplicitLe);
    assert!(getting.arrives().data.unwrap() == hidden);
    getting.ends();
}

fn replaced(bytes: &[u8], what: &[u8], by: &[u8]) -> Vec<u8> {
    let at = bytes.windows(what.len()).position(|window| window == what).unwrap();
    [&bytes[..at], by, &bytes[at + what.len()..]].concat()
}
