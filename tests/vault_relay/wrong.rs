//! Objects that are not as they were sealed: no byte of them comes out that was not authenticated, no object is completed,
//! and it is told.

use crate::site::{Getting, JPEG, Sealed, Site, encapsulated, image, site, site_with};
use crate::support::words::{CT, EXPLICIT, uid};
use dicomgate::dicom::Tag;
use dicomgate::dicom::dimse::{Command, Status};
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::state::SealEnd;
use dicomgate::vault::carrier::Carrier;

fn sealed(site: &Site, pixels: usize) -> Sealed {
    let sealed = site.seal("1.5", EXPLICIT, &image("1.5", pixels), Carrier::Pixels);
    site.noted(&sealed, SealEnd::Acknowledged);
    sealed
}

/// The object fails by itself, is told of, and what comes behind it goes on.
fn told(site: &Site, getting: &mut Getting, instance: &str, object: &[u8], cause: &str) {
    let before = site.world.count("vault-alert");
    getting.send(instance, object);
    let comment = getting.fails(instance, Status::PROCESSING_FAILURE);
    assert_eq!(site.world.count("vault-alert"), before + 1, "{cause}");
    let alert = site.world.record("vault-alert");
    assert_eq!(alert.text("cause"), Some(cause), "{alert:?}");
    assert_eq!(alert.text("archive"), Some("PACS"));
    assert_eq!(alert.text("instance"), Some(instance));
    assert_eq!(comment, format!("denied, incident {}", alert.text("incident").unwrap()));
    let metrics = site.world.view().metrics();
    assert!(metrics.contains(&format!("dicomgate_vault_alerts_total{{cause=\"{cause}\"}}")), "{metrics}");
}

#[test]
fn what_was_tampered_with_fails_by_itself() {
    let site = site();
    let sealed = sealed(&site, 300_000);
    let mut getting = site.getting("WS1", &[&[EXPLICIT]]);
    let length = sealed.bytes.len();
    let mut bad = sealed.bytes.clone();
    // In the middle of the seal, far behind the banner.
    bad[length / 2 + 60_000] ^= 1;
    told(&site, &mut getting, "1.5", &bad, "tampered");
    getting.send("1.5", &sealed.bytes);
    assert!(getting.arrives().data.unwrap() == image("1.5", 300_000), "the next one is as it was");
    getting.ends();
}

#[test]
fn what_was_cut_off_fails_by_itself() {
    let site = site();
    let sealed = sealed(&site, 300_000);
    let items = site.seal("1.5", EXPLICIT, &image("1.5", 300_000), Carrier::Attributes);
    site.noted(&items, SealEnd::Acknowledged);
    let mut getting = site.getting("WS1", &[&[EXPLICIT]]);
    for (bytes, left) in [(&sealed.bytes, 200_000), (&items.bytes, 200_000), (&items.bytes, 20_000)] {
        told(&site, &mut getting, "1.5", &bytes[..left], "truncated");
    }
    // Items that stand where none may.
    let mut zeros = items.bytes.clone();
    zeros[100_000..200_000].fill(0);
    told(&site, &mut getting, "1.5", &zeros, "tampered");
    getting.send("1.5", &items.bytes);
    assert!(getting.arrives().data.unwrap() == image("1.5", 300_000), "the next one is as it was");
    getting.ends();
}

#[test]
fn the_seal_of_another_object_is_told_of() {
    let site = site();
    let other = site.seal("1.5", EXPLICIT, &image("1.5", 1000), Carrier::Pixels);
    let mut getting = site.getting("WS1", &[&[EXPLICIT]]);
    // The same length of UID, so that nothing else is wrong.
    let at = other.bytes.windows(3).position(|window| window == b"1.5").unwrap();
    let mut swapped = other.bytes.clone();
    swapped[at + 2] = b'6';
    told(&site, &mut getting, "1.6", &swapped, "swapped");
    getting.ends();
}

#[test]
fn an_unsealed_object_under_a_sealed_uid_is_forged() {
    let site = site();
    let sealed = sealed(&site, 1000);
    let mut getting = site.getting("WS1", &[&[EXPLICIT]]);
    told(&site, &mut getting, "1.5", &image("1.5", 1000), "forged");
    // Of another instance nothing is known.
    getting.send("1.7", &image("1.7", 1000));
    getting.arrives();
    getting.ends();
    drop(sealed);
}

#[test]
fn an_object_that_was_there_before_its_seal_came_is_no_forgery() {
    let site = site();
    let doubtful = site.seal("1.5", EXPLICIT, &image("1.5", 1000), Carrier::Pixels);
    site.noted(&doubtful, SealEnd::Unknown);
    let mut getting = site.getting("WS1", &[&[EXPLICIT]]);
    getting.send("1.5", &image("1.5", 1000));
    getting.arrives();
    getting.send("1.5", &doubtful.bytes);
    assert!(getting.arrives().data.unwrap() == image("1.5", 1000), "in doubt is as good as acknowledged");
    getting.ends();
}

#[test]
fn a_seal_that_the_ledger_does_not_know_of_is_an_older_one() {
    let site = site();
    let older = site.seal("1.5", EXPLICIT, &image("1.5", 1000), Carrier::Pixels);
    let newer = sealed(&site, 1000);
    let mut getting = site.getting("WS1", &[&[EXPLICIT]]);
    told(&site, &mut getting, "1.5", &older.bytes, "rolled-back");
    getting.send("1.5", &newer.bytes);
    getting.arrives();
    getting.ends();
}

/// What a receiver got up to the end is the beginning of the object, without so many bytes of its end, and an A-ABORT.
pub fn broken_off(rest: &[u8], object: &[u8], missing: usize) {
    let (mut data, mut last, mut at) = (Vec::new(), false, 0);
    let mut aborted = false;
    while at + 6 <= rest.len() {
        let end = at + 6 + u32::from_be_bytes(rest[at + 2..at + 6].try_into().unwrap()) as usize;
        match rest[at] {
            4 => {
                let mut pdv = at + 6;
                while pdv < end {
                    let value = u32::from_be_bytes(rest[pdv..pdv + 4].try_into().unwrap()) as usize;
                    let control = rest[pdv + 5];
                    if control & 1 == 0 {
                        data.extend_from_slice(&rest[pdv + 6..pdv + 4 + value]);
                        last |= control & 2 == 2;
                    }
                    pdv += 4 + value;
                }
            }
            7 => aborted = true,
            other => panic!("a PDU of type {other}"),
        }
        at = end;
    }
    assert!(aborted, "the leg is aborted");
    assert!(!last, "no last fragment: nobody completes it");
    assert!(!data.is_empty(), "it began to go out");
    assert!(object.starts_with(&data), "and all that went out is authentic");
    assert!(data.len() < object.len() - missing, "nothing from behind the fault");
}

#[test]
fn a_large_object_that_breaks_on_its_way_is_never_completed() {
    let site = site_with("", "open_whole = \"64KiB\"");
    let sealed = sealed(&site, 2_000_000);
    let object = image("1.5", 2_000_000);
    let mut getting = site.getting("WS1", &[&[EXPLICIT]]);
    let mut bad = sealed.bytes.clone();
    let length = bad.len();
    bad[length - 400_000] ^= 1;
    let context = getting.on(EXPLICIT);
    // Whether all of it is taken before the connection ends is no matter.
    let command = Command::store_rq(1, &uid(CT), &uid("1.5"));
    let bytes = dicomgate::dicom::pdu::pdata::write_message(context, &command.encode(), Some(&bad), 16_384);
    let _ = getting.archive.try_send(&bytes);
    let rest = getting.caller.rest();
    broken_off(&rest, &object, 300_000);
    let alert = site.world.record("vault-alert");
    assert_eq!(alert.text("cause"), Some("tampered"), "{alert:?}");
    let ended = site.world.record("malformed");
    assert_eq!(ended.text("place"), Some("sealed object"), "{ended:?}");
}

#[test]
fn an_archive_that_compresses_what_carries_the_seal_is_told_of_if_that_loses_something() {
    let site = site();
    drop(sealed(&site, 1000));
    let baseline = "1.2.840.10008.1.2.4.50";
    let compressed = encapsulated("1.5", 4000);
    let mut getting = site.getting("WS1", &[&[EXPLICIT], &[JPEG], &[baseline]]);
    getting.send_on(getting.on(baseline), "1.5", &compressed);
    getting.fails("1.5", Status::PROCESSING_FAILURE);
    assert_eq!(site.world.record("vault-alert").text("cause"), Some("lossy"));
    getting.send_on(getting.on(JPEG), "1.5", &compressed);
    getting.fails("1.5", Status::DATA_SET_MISMATCH);
    assert_eq!(site.world.count("vault-alert"), 1, "without losses nothing is wrong");
    // What the ledger does not know is as it always was.
    getting.send_on(getting.on(baseline), "1.6", &encapsulated("1.6", 4000));
    assert!(getting.arrives().data.unwrap() == encapsulated("1.6", 4000));
}

#[test]
fn what_is_younger_than_the_vault_must_be_sealed() {
    let site = site_with("sealed_since = 2025-03-01", "");
    let dated = |instance: &str, date: &str| {
        crate::site::data_set(instance, 1000).with(Tag(0x0008, 0x0020), b"DA", date).encode(Encoding::ExplicitLe)
    };
    let mut getting = site.getting("WS1", &[&[EXPLICIT]]);
    for (instance, date) in [("1.6", "20250228"), ("1.7", "")] {
        getting.send(instance, &dated(instance, date));
        assert!(getting.arrives().data.unwrap() == dated(instance, date));
    }
    told(&site, &mut getting, "1.8", &dated("1.8", "20250301"), "forged");
    let sealed = site.seal("1.9", EXPLICIT, &dated("1.9", "20250301"), Carrier::Pixels);
    getting.send("1.9", &sealed.bytes);
    assert!(getting.arrives().data.unwrap() == dated("1.9", "20250301"));
    getting.ends();
}
