//! What is stored sealed, and on which contexts.

use crate::site::{JPEG, RULES, Wants, image, image_in, natives, shows, site, site_with};
use crate::support::words::{CT, EXPLICIT, IMPLICIT, INSTANCE, VERIFICATION, answer, echo, rq, store, success, uid};
use dicomgate::dicom::Tag;
use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::state::Mark;

#[test]
fn the_archive_gets_a_banner_and_the_sender_its_success() {
    let site = site();
    let (mut peer, accepted, mut link, asked) = site.modality(&[&natives()], &natives());
    assert_eq!(asked.contexts.len(), 1, "its own context will do");
    assert_eq!(accepted.contexts[0].transfer_syntax, Some(uid(EXPLICIT)));
    let object = image(INSTANCE, 64);
    peer.say(1, &store(1), Some(&object));
    let got = link.message();
    assert_eq!((got.context, got.command.clone()), (1, store(1)));
    assert!(shows(&object) && !shows(got.data.as_ref().unwrap()), "no pixel reaches the archive");
    assert_eq!(site.marks(INSTANCE), [Mark::InDoubt], "the ledger knows before the archive answers");
    peer.nothing_yet();
    link.say(1, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
    assert_eq!(site.marks(INSTANCE), [Mark::Acknowledged]);
    assert_eq!(site.open(&got, EXPLICIT), object);
    let record = site.world.record("operation");
    let row = site.ledger(INSTANCE).unwrap();
    assert_eq!(record.0["sealed"], true);
    assert_eq!(record.text("seal"), Some(row.seals[0].id.to_string().as_str()));
    assert_eq!(record.number("key"), Some(1));
    assert!(record.number("segments") >= Some(1));
    assert!(record.number("sealed_bytes").unwrap() > u64::try_from(64 * 1024).unwrap());
    assert_eq!((row.seals[0].rows, row.seals[0].columns), (64, 512));
}

#[test]
fn a_compressed_context_stays_and_the_sealed_object_goes_on_another() {
    let site = site();
    let (mut peer, accepted, mut link, asked) = site.modality(&[&[JPEG]], &[JPEG, IMPLICIT]);
    assert_eq!(accepted.contexts.len(), 1, "the sender hears nothing of it");
    assert_eq!(accepted.contexts[0].transfer_syntax, Some(uid(JPEG)));
    let extra = asked.contexts.iter().find(|context| context.id != 1).unwrap();
    assert_eq!(extra.transfer_syntaxes, [uid(EXPLICIT), uid(IMPLICIT)]);
    // What it says in JPEG does not matter: fragments are sealed as they are.
    let mut object = image(INSTANCE, 1);
    let at = object.len() - 1024 - 12;
    object.truncate(at);
    object.extend_from_slice(&[0xe0, 0x7f, 0x10, 0, b'O', b'B', 0, 0, 0xff, 0xff, 0xff, 0xff]);
    object.extend_from_slice(&[0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0]);
    object.extend_from_slice(&[0xfe, 0xff, 0x00, 0xe0, 0, 4, 0, 0]);
    object.extend_from_slice(&[7; 1024]);
    object.extend_from_slice(&[0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    peer.say(1, &store(7), Some(&object));
    let got = link.message();
    assert_eq!(got.context, extra.id);
    assert!(!got.data.as_ref().unwrap().windows(64).any(|bytes| bytes == [7; 64]));
    link.say(extra.id, &success(&got.command), None);
    let told = peer.message();
    assert_eq!((told.context, told.status()), (1, 0));
    assert_eq!(told.command.responded_to, Some(7));
    assert_eq!(site.open(&got, IMPLICIT), object);
    assert_eq!(site.ledger(INSTANCE).unwrap().seals[0].syntax, uid(JPEG));
    // The association goes on.
    peer.say(1, &store(8), Some(&object));
    let got = link.message();
    link.say(extra.id, &answer(&got.command, 0xb000), None);
    let told = peer.message();
    assert_eq!((told.context, told.status()), (1, 0xb000), "a warning is the archive's, to the letter");
    assert_eq!(site.marks(INSTANCE), [Mark::Acknowledged; 2]);
    peer.release();
    link.confirm_release();
    peer.released();
}

#[test]
fn what_rightly_takes_the_place_of_a_sealed_image_in_clear_is_no_forgery_later() {
    let site = site();
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    site.stores(&mut peer, &mut link, &image(INSTANCE, 8));
    assert_eq!(site.marks(INSTANCE), [Mark::Acknowledged]);
    // The same instance without an image: nothing in it is to be sealed.
    let bare = DataSet::new()
        .with_uid(Tag(0x0008, 0x0016), &uid(CT))
        .with_uid(Tag(0x0008, 0x0018), &uid(INSTANCE))
        .with(Tag(0x0010, 0x0020), b"LO", "4711")
        .with_uid(Tag(0x0020, 0x000d), &uid("1.2.3.4"))
        .encode(Encoding::ExplicitLe);
    let mut says = |number: u16, status: u16| {
        peer.say(1, &store(number), Some(&bare));
        let got = link.message();
        assert_eq!(got.data.as_ref(), Some(&bare));
        link.say(1, &answer(&got.command, status), None);
        assert_eq!(peer.message().status(), status);
    };
    says(2, 0xa702);
    assert_eq!(site.marks(INSTANCE), [Mark::Acknowledged], "the archive did not take it, and has what it had");
    says(3, 0);
    assert_eq!(site.marks(INSTANCE), [], "the ledger asks for no seal any more");
}

#[test]
fn a_failure_of_the_archive_is_the_senders_and_the_ledger_forgets() {
    let site = site();
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    peer.say(1, &store(1), Some(&image(INSTANCE, 8)));
    let got = link.message();
    link.say(1, &answer(&got.command, 0xa702), None);
    assert_eq!(peer.message().status(), 0xa702);
    assert_eq!(site.marks(INSTANCE), []);
    assert_eq!(site.world.record("operation").text("status"), Some("A702H"));
}

#[test]
fn what_is_not_to_be_sealed_goes_byte_for_byte_on_the_same_association() {
    let rules = format!(
        "{RULES}[[rule]]\nname = \"a workstation\"\nwho = [\"group:workstation\"]\nto = [\"PACS\"]\nmay = [\"echo\", \"store\"]\n"
    );
    let site = site_with(&Wants { rules: &rules, ..Wants::default() });
    let mut peer = site.world.plain();
    peer.request(&crate::site::storing("WS1", &[&[EXPLICIT], &[JPEG]]));
    let (mut link, asked) = site.archive_takes(&[EXPLICIT, JPEG]);
    assert_eq!(asked.contexts.len(), 2, "no rule seals what this one stores");
    peer.accepted();
    let sent = peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
    let got = link.message();
    assert!(got.bytes == sent);
    link.say(1, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
    assert_eq!(site.marks(INSTANCE), []);
}

#[test]
fn what_a_rule_stores_in_clear_in_the_place_of_a_sealed_image_is_no_forgery_later() {
    let rules = format!(
        "{RULES}[[rule]]\nname = \"a workstation\"\nwho = [\"group:workstation\"]\nto = [\"PACS\"]\nmay = [\"echo\", \"store\"]\n"
    );
    let site = site_with(&Wants { rules: &rules, ..Wants::default() });
    let (mut modality, _, mut first, _) = site.modality(&[&natives()], &natives());
    site.stores(&mut modality, &mut first, &image(INSTANCE, 8));
    assert_eq!(site.marks(INSTANCE), [Mark::Acknowledged]);
    let mut peer = site.world.plain();
    peer.request(&crate::site::storing("WS1", &[&[EXPLICIT]]));
    let (mut link, _) = site.archive_takes(&[EXPLICIT]);
    peer.accepted();
    let sent = peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
    let got = link.message();
    assert!(got.bytes == sent, "it goes as it is");
    assert_eq!(site.marks(INSTANCE), [], "whichever of the two the archive has, the ledger does not call it forged");
    link.say(1, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
    // The next one is sealed again, and known again.
    site.stores(&mut modality, &mut first, &image(INSTANCE, 8));
    assert_eq!(site.marks(INSTANCE), [Mark::Acknowledged]);
}

#[test]
fn everything_is_sealed_where_the_vault_says_so() {
    let rules =
        "[[rule]]\nname = \"a workstation\"\nwho = [\"group:workstation\"]\nto = [\"PACS\"]\nmay = [\"store\"]\n";
    let site = site_with(&Wants { rules, vault: "seal = \"all\"", ..Wants::default() });
    let mut peer = site.world.plain();
    peer.request(&crate::site::storing("WS1", &[&[IMPLICIT]]));
    let (mut link, _) = site.archive_takes(&natives());
    peer.accepted();
    let object = image_in(INSTANCE, 32, Encoding::ImplicitLe);
    peer.say(1, &store(1), Some(&object));
    let got = link.message();
    assert!(!shows(got.data.as_ref().unwrap()));
    link.say(1, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
    assert_eq!(site.open(&got, IMPLICIT), object);
}

#[test]
fn echoes_and_sealed_stores_share_an_association() {
    let site = site();
    let mut peer = site.world.plain();
    peer.request(&rq("CT1", &[VERIFICATION, crate::support::words::CT]));
    let (mut link, _) = site.archive_takes(&natives());
    peer.accepted();
    for message in 1..4 {
        let sent = peer.say(1, &echo(message), None);
        let got = link.message();
        assert!(got.bytes == sent);
        link.say(1, &success(&got.command), None);
        assert_eq!(peer.message().status(), 0);
        peer.say(3, &store(message), Some(&image(INSTANCE, 16)));
        let got = link.message();
        link.say(3, &success(&got.command), None);
        assert_eq!(peer.message().status(), 0);
    }
    assert_eq!(site.marks(INSTANCE), [Mark::Acknowledged; 3]);
}

#[test]
fn a_large_object_streams_and_one_that_must_wait_goes_through_the_spool() {
    // Encapsulated pixels have no length before their end: all of it waits, most of it in a file.
    let limits = "spool_memory = \"64KiB\",pdu_length = \"16KiB\"";
    let site = site_with(&Wants { limits, vault: "segment = \"256KiB\"", ..Wants::default() });
    let (mut peer, _, mut link, asked) = site.modality(&[&natives(), &[JPEG]], &[EXPLICIT, JPEG]);
    assert_eq!(asked.contexts.len(), 3, "what is compressed is welcome in Explicit VR alone");
    let native = image(INSTANCE, 12_000);
    let mut encapsulated = image("1.2.3.4.6", 1);
    encapsulated.truncate(encapsulated.len() - 1024 - 12);
    encapsulated.extend_from_slice(&[0xe0, 0x7f, 0x10, 0, b'O', b'B', 0, 0, 0xff, 0xff, 0xff, 0xff]);
    encapsulated.extend_from_slice(&[0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0]);
    for fragment in 0..40_u8 {
        encapsulated.extend_from_slice(&[0xfe, 0xff, 0x00, 0xe0, 0, 0, 4, 0]);
        encapsulated.extend((0..262_144_u32).map(|at| u8::try_from(at % 251).unwrap() ^ fragment));
    }
    encapsulated.extend_from_slice(&[0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    for (context, there, name, object) in [(1, 1, INSTANCE, &native), (3, 5, "1.2.3.4.6", &encapsulated)] {
        let command = dicomgate::dicom::dimse::Command::store_rq(1, &uid(crate::support::words::CT), &uid(name));
        let got = std::thread::scope(|scope| {
            let sender = scope.spawn(|| peer.say(context, &command, Some(object)));
            let got = link.message();
            sender.join().unwrap();
            got
        });
        assert_eq!(got.context, there);
        assert!(!shows(got.data.as_ref().unwrap()));
        link.say(there, &success(&got.command), None);
        let told = peer.message();
        assert_eq!((told.context, told.status()), (context, 0));
        assert!(site.open(&got, EXPLICIT) == *object, "{name} comes back as it was");
        assert_eq!(site.marks(name), [Mark::Acknowledged]);
    }
    let spool = site.world.dir.path().join("state/spool");
    assert_eq!(std::fs::read_dir(spool).unwrap().count(), 0, "nothing lies there");
}

#[test]
fn more_contexts_than_fit_go_on_a_second_association() {
    let site = site();
    let names: Vec<String> = (0..127).map(|number| format!("1.2.840.10008.5.1.4.1.1.{}", 9000 + number)).collect();
    let mut asked = crate::site::storing("CT1", &[&[JPEG]]);
    for (name, id) in names.iter().zip((1..=127_u8).map(|half| 2 * half + 1)) {
        let mut context = asked.contexts[0].clone();
        context.id = id;
        context.abstract_syntax = uid(name);
        asked.contexts.push(context);
    }
    assert_eq!(asked.contexts.len(), 128);
    let mut peer = site.world.plain();
    peer.request(&asked);
    let (first, of_first) = site.archive_takes(&[JPEG, EXPLICIT]);
    let (second, of_second) = site.archive_takes(&[JPEG, EXPLICIT]);
    let (mut link, mut further, extras) =
        match of_first.contexts.iter().all(|context| context.transfer_syntaxes == [uid(JPEG)]) {
            true => (first, second, of_second),
            false => (second, first, of_first),
        };
    assert_eq!(extras.contexts.len(), 128);
    peer.accepted();
    let mut object = image(INSTANCE, 1);
    object.truncate(object.len() - 1024 - 12);
    object.extend_from_slice(&[0xe0, 0x7f, 0x10, 0, b'O', b'B', 0, 0, 0xff, 0xff, 0xff, 0xff]);
    object.extend_from_slice(&[0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0, 0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    peer.say(1, &store(1), Some(&object));
    let got = further.message();
    let sealed_on = extras.contexts.iter().find(|context| context.id == got.context).unwrap();
    assert_eq!(sealed_on.abstract_syntax, uid(crate::support::words::CT));
    further.say(got.context, &success(&got.command), None);
    let told = peer.message();
    assert_eq!((told.context, told.status()), (1, 0));
    peer.release();
    link.confirm_release();
    further.confirm_release();
    peer.released();
    assert_eq!(site.world.count("association-closed"), 1, "one record");
}
