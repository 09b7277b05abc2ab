//! A disk that is full: nothing new is let in unrecorded, nothing is a success, and work goes on when there is room.

use crate::support::conn::{Archive, Conn};
use crate::support::process::Process;
use crate::support::wait_until;
use crate::support::words::{CT, INSTANCE, VERIFICATION, ac, object, rq, store, success};
use crate::support::world::{Setup, records};
use dicomgate::dicom::pdu::Pdu;

/// Asks; both ends if the archive was asked too, else the rejection.
fn ask(gateway: &Process) -> Result<(Conn, Conn), Vec<u8>> {
    let mut peer = gateway.plain();
    peer.request(&rq("CT1", &[VERIFICATION, CT]));
    let mut link = None;
    wait_until("an answer or a call to the archive", || {
        link = accept(&gateway.archive);
        link.is_some() || peer.tcp.set_nonblocking(true).is_ok() && peer.tcp.peek(&mut [0]).is_ok()
    });
    peer.tcp.set_nonblocking(false).unwrap();
    let Some(mut link) = link else { return Err(peer.pdu()) };
    let Pdu::AssociateRq(asked) = link.control() else { panic!("a request") };
    link.send(ac(&asked).encode());
    peer.accepted();
    Ok((peer, link))
}

fn accept(archive: &Archive) -> Option<Conn> {
    let (tcp, _) = archive.listener.accept().ok()?;
    tcp.set_nonblocking(false).unwrap();
    Some(Conn::new(tcp))
}

#[test]
fn what_cannot_be_recorded_is_refused_for_now_and_goes_on_later() {
    let gateway = Process::start(&Setup::default());
    let (mut first, mut first_link) = ask(&gateway).unwrap();
    let (mut second, mut second_link) = ask(&gateway).unwrap();
    first.say(3, &store(1), Some(&object(CT, INSTANCE, 1000)));
    let asked = first_link.message();
    gateway.let_files_grow_to("1");
    // The archive has it, but nobody could prove that: no success reaches the sender.
    first_link.say(3, &success(&asked.command), None);
    assert_eq!(first.aborted(), (2, 0));
    assert_eq!(first_link.aborted(), (2, 0));
    // An association that is open is told to come again, and stays.
    second.say(3, &store(2), Some(&object(CT, INSTANCE, 1000)));
    assert_eq!(second.message().status(), 0xa700);
    second.say(1, &crate::support::words::echo(3), None);
    assert_eq!(second.message().status(), 0x0110);
    second_link.nothing_yet();
    // A new one likewise.
    assert_eq!(ask(&gateway).err(), Some(vec![3, 0, 0, 0, 0, 4, 0, 2, 3, 1]));
    gateway.archive.was_not_dialled();

    gateway.let_files_grow_to("unlimited");
    let mut again = None;
    wait_until("there is room again", || {
        again = ask(&gateway).ok();
        again.is_some()
    });
    let mut message = 3;
    wait_until("the open association stores again", || {
        message += 1;
        second.say(3, &store(message), Some(&object(CT, INSTANCE, 1000)));
        let asked = second_link.message();
        second_link.say(3, &success(&asked.command), None);
        second.message().status() == 0
    });
    let records = records(&gateway.dir.path().join("state/audit"));
    assert!(records.iter().any(|record| record.event() == "resumed"), "{records:?}");
}
