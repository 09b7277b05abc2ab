//! However many answers come, little is kept of them.

use crate::kit::{HOUSE, STUDY, find, query, rule, study};
use crate::support::process::Process;
use crate::support::words::{FIND, ac, answer, rq};
use crate::support::world::Setup;
use dicomgate::dicom::pdu::Pdu;
use dicomgate::dicom::pdu::pdata::write_message;

const MIB: u64 = 1 << 20;

/// How much memory the gateway has had after so many answers about so many studies, every second of which may be seen.
fn memory_after(lines: &str, answers: u32, studies: u32) -> u64 {
    let rules = rule("referred", &format!("{HOUSE}; {lines}"));
    let gateway = Process::start(&Setup { rules, ..Setup::default() });
    let asked = rq("WS1", &[FIND]);
    let mut peer = gateway.plain();
    peer.request(&asked);
    let mut link = gateway.archive.accept();
    let Pdu::AssociateRq(proposed) = link.control() else { panic!("a request") };
    link.send(ac(&proposed).encode());
    peer.accepted();
    peer.say(1, &find(FIND), Some(&query("STUDY", &[(STUDY, "")])));
    let question = link.message();
    let pending = answer(&question.command, 0xff00).with_data_set().encode();
    let reader = std::thread::spawn(move || {
        let mut seen = 0;
        while peer.message().status() == 0xff00 {
            seen += 1;
        }
        seen
    });
    for number in 0..answers {
        let referring = if number % 2 == 0 { "House^Gregory" } else { "Cuddy^Lisa" };
        link.send(write_message(1, &pending, Some(&study(number % studies, "P1", referring)), 16_384));
    }
    link.say(1, &answer(&question.command, 0), None);
    assert_eq!(reader.join().unwrap(), answers / 2);
    gateway.most_memory()
}

/// Fewer fill what the gateway keeps anyway: buffers, and what its allocator does not give back.
const FEW: u32 = 5_000;
/// If it kept the answers, it would keep 10 MiB more.
const MANY: u32 = 50_000;

#[test]
fn fifty_thousand_answers_take_no_more_memory_than_five_thousand() {
    let (few, many) = (memory_after("", FEW, FEW), memory_after("", MANY, MANY));
    assert!(many < few + 6 * MIB, "{few} bytes after {FEW} answers, {many} after {MANY}");
}

#[test]
fn nor_do_they_where_each_is_charged_for() {
    // What was counted is remembered: the same studies each time.
    let budget = "budget = \"100000 studies/hour\"";
    let (few, many) = (memory_after(budget, FEW, 100), memory_after(budget, MANY, 100));
    assert!(many < few + 6 * MIB, "{few} bytes after {FEW} answers, {many} after {MANY}");
}
