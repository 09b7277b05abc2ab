//! An archive that gives sealed objects out only as it has compressed them, without losses: what is read back is asked for
//! so, decoded by the workers of the installed program, and opened.

use crate::site::{Wants, accepts, image, natives, setup, storing};
use crate::support::conn::{Archive, Conn};
use crate::support::process::Process;
use crate::support::proven;
use crate::support::rle::{RLE, recompressed};
use crate::support::words::{CT, EXPLICIT, INSTANCE, answer, store, success, uid};
use crate::support::world::records;
use dicomgate::dicom::AeTitle;
use dicomgate::dicom::dimse::Status;

/// A gateway in front of an archive of which something is proven.
fn gateway(archive: &str) -> Process {
    let process = Process::start(&setup(&Wants { archive, ..Wants::default() }));
    let state = process.dir.path().join("state");
    proven::everything(process.archive.port()).keep(&state, &AeTitle::new("PACS").unwrap()).unwrap();
    process
}

/// CT1's association, and the archive's.
fn modality(process: &Process) -> (Conn, Conn) {
    let mut peer = process.plain();
    peer.request(&storing("CT1", &[&natives()]));
    let (link, _) = accepts(&process.archive, &natives());
    peer.accepted();
    (peer, link)
}

/// The gateway asks for the instance natively, and hears that it could not be done.
fn is_asked_natively(archive: &Archive) {
    let (mut link, _) = accepts(archive, &natives());
    let request = link.message();
    link.say(request.context, &answer(&request.command, 0xa702), None);
    link.confirm_release();
}

/// It asks for it compressed, and gets this; or hears that it could not be done.
fn is_asked_compressed(archive: &Archive, object: Option<&[u8]>) {
    let (mut link, asked) = accepts(archive, &[EXPLICIT, RLE]);
    let request = link.message();
    let status = match object {
        Some(object) => {
            let compressed = |syntaxes: &[dicomgate::dicom::Uid]| syntaxes == [uid(RLE)];
            let context = asked.contexts.iter().find(|context| compressed(&context.transfer_syntaxes)).unwrap();
            assert_eq!(context.abstract_syntax, uid(CT));
            link.say(context.id, &store(7), Some(object));
            assert_eq!(link.message().status(), 0);
            0
        }
        None => 0xa702,
    };
    link.say(request.context, &answer(&request.command, status), None);
    link.confirm_release();
}

#[test]
fn it_is_read_back_before_its_sender_is_told() {
    let process = gateway("verify_after_store = \"all\"");
    let (mut peer, mut link) = modality(&process);
    peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
    let got = link.message();
    link.say(got.context, &success(&got.command), None);
    is_asked_natively(&process.archive);
    peer.nothing_yet();
    is_asked_compressed(&process.archive, Some(&recompressed(got.data.as_ref().unwrap())));
    assert_eq!(peer.message().status(), 0);
    // Something else is wrong with the archive just now: nobody is told that it has lost anything.
    peer.say(1, &store(2), Some(&image(INSTANCE, 64)));
    let got = link.message();
    link.say(got.context, &success(&got.command), None);
    is_asked_natively(&process.archive);
    is_asked_compressed(&process.archive, None);
    let told = peer.message();
    assert_eq!(told.status(), Status::OUT_OF_RESOURCES.0, "{}", told.comment());
    // Written before it is answered.
    let all = records(&process.dir.path().join("state/audit"));
    let record = all.iter().rfind(|record| record.event() == "not-sealed").unwrap();
    assert!(record.text("words").unwrap().contains("could not be read back now"), "{record:?}");
}

#[test]
fn what_is_sent_again_is_compared_with_it() {
    let process = gateway("resend = \"compare\"");
    let (mut peer, mut link) = modality(&process);
    peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
    let held = link.message();
    link.say(held.context, &success(&held.command), None);
    assert_eq!(peer.message().status(), 0);
    peer.say(1, &store(2), Some(&image(INSTANCE, 64)));
    is_asked_natively(&process.archive);
    is_asked_compressed(&process.archive, Some(&recompressed(held.data.as_ref().unwrap())));
    assert_eq!(peer.message().status(), 0);
    // Nothing was stored.
    peer.release();
    link.confirm_release();
    peer.released();
}
