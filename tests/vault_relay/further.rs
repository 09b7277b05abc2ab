//! One more association with the destination of deliveries, for an object that fits nothing that it has accepted.

use crate::moved::{Moving, ROUTING, RULES, Sides, Under, moving_with, setup};
use crate::site::{JPEG, Sealed, chosen, context_of, encapsulated, image, recoded, seal_with};
use crate::support::conn::{Archive, Conn, Message};
use crate::support::ports::free_port;
use crate::support::process::Process;
use crate::support::wait_until;
use crate::support::words::{CT, EXPLICIT, answer, rq, success, title, uid};
use dicomgate::dicom::dimse::{Command, Status};
use dicomgate::dicom::pdu::{Abort, AssociateRj, AssociateRq, ContextResult, Pdu, ProposedContext};
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::state::SealEnd;
use dicomgate::vault::carrier::Carrier;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
/// Not decoded by anything here.
const JPEG_XL: &str = "1.2.840.10008.1.2.4.110";

fn everything(_: usize, _: &ProposedContext) -> Option<Option<&'static str>> {
    None
}

/// Of contexts that offer anything native, that.
fn native(_: usize, context: &ProposedContext) -> Option<Option<&'static str>> {
    (!context.transfer_syntaxes.contains(&uid(EXPLICIT))).then_some(None)
}

/// A destination that is asked once more.
struct Further {
    conn: Conn,
    proposed: AssociateRq,
}

impl Further {
    fn dialled(moving: &Moving) -> Self {
        Self::at(&moving.destination)
    }

    fn at(destination: &Archive) -> Self {
        let mut conn = destination.accept();
        let Pdu::AssociateRq(proposed) = conn.control() else { panic!("a request") };
        Self { conn, proposed: *proposed }
    }

    /// What it is asked for, of which all contexts are for CT images.
    fn asked(&self) -> Vec<Vec<&str>> {
        let contexts = self.proposed.contexts.iter();
        contexts.map(|context| context.transfer_syntaxes.iter().map(|syntax| syntax.as_str()).collect()).collect()
    }

    fn accepts(mut self, choose: fn(usize, &ProposedContext) -> Option<Option<&'static str>>) -> Self {
        self.conn.send(chosen(&self.proposed, choose).encode());
        self
    }

    fn arrives(&mut self, under: &mut Under) -> Message {
        let got = self.conn.message();
        self.conn.say(got.context, &success(&got.command), None);
        under.is_delivered(&got);
        got
    }
}

/// A sealed object that the ledger does not know of, and what was sealed.
fn unknown(moving: &Moving, instance: &str, syntax: &str, pixels: usize) -> (Sealed, Vec<u8>) {
    let object = match syntax {
        EXPLICIT => image(instance, pixels),
        BIG_ENDIAN => recoded(&image(instance, pixels), Encoding::ExplicitBe),
        _ => encapsulated(instance, pixels),
    };
    (moving.site.seal(instance, syntax, &object, Carrier::Pixels), object)
}

fn moving() -> Moving {
    moving_with(RULES, "")
}

/// A delivery for which the destination has accepted native contexts, and one more association for JPEG.
fn further(moving: &Moving) -> (Under, Further) {
    let mut under = moving.begins_with("WS1", "WS1", native);
    let (sealed, object) = unknown(moving, "1.6", JPEG, 100_000);
    under.sends("1.6", &sealed.bytes);
    let mut further = Further::dialled(moving).accepts(everything);
    assert!(further.arrives(&mut under).data.unwrap() == object);
    (under, further)
}

#[test]
fn an_object_that_fits_nothing_goes_on_one_more_association_bit_for_bit() {
    let moving = moving();
    let mut under = moving.begins_with("WS1", "WS1", everything);
    assert!(under.proposed.contexts.iter().all(|context| !context.transfer_syntaxes.contains(&uid(JPEG))));
    let (native, object) = unknown(&moving, "1.5", EXPLICIT, 100_000);
    assert!(under.delivers("1.5", &native.bytes).data.unwrap() == object);
    let (first, object) = unknown(&moving, "1.6", JPEG, 300_000);
    under.sends("1.6", &first.bytes);
    let further = Further::dialled(&moving);
    // What it needs, and nothing else: a native context is there already.
    assert_eq!(further.asked(), [[JPEG]]);
    let (asked, before) = (&further.proposed, &under.proposed);
    assert_eq!((asked.called, asked.calling), (before.called, before.calling));
    assert_eq!(asked.user.max_length, before.user.max_length);
    under.link.nothing_yet();
    let mut further = further.accepts(everything);
    assert!(further.arrives(&mut under).data.unwrap() == object);
    // Another one goes the same way, and a native one the way it went before.
    let (second, object) = unknown(&moving, "1.7", JPEG, 100_000);
    under.sends("1.7", &second.bytes);
    assert!(further.arrives(&mut under).data.unwrap() == object);
    under.delivers("1.5", &native.bytes);
    let plain = image("1.8", 70_000);
    assert!(under.delivers("1.8", &plain).data.unwrap() == plain);
    moving.destination.was_not_dialled();
    let done = under.ends(4, 0);
    let counters = done.command.counters;
    assert_eq!((done.status(), counters.completed, counters.failed), (0, Some(4), Some(0)));
    let records = moving.site.world.records();
    let opened: Vec<_> = records.iter().filter(|record| record.0.get("opened").is_some()).collect();
    assert_eq!(opened.len(), 4, "one record for each delivery");
    assert!(opened.iter().all(|record| record.0["opened"] == true && record.text("requester") == Some("WS1")));
    // The release goes to both, and waits for both.
    under.link.release();
    under.receiver.confirm_release();
    under.link.nothing_yet();
    further.conn.confirm_release();
    under.link.released();
}

#[test]
fn what_is_native_is_asked_for_in_its_own_encoding_where_no_other_is_taken() {
    let moving = moving();
    let compressed = moving.site.seal("1.6", JPEG, &encapsulated("1.6", 1000), Carrier::Pixels);
    moving.site.noted(&compressed, SealEnd::Acknowledged);
    let only = |_: usize, context: &ProposedContext| (context.transfer_syntaxes != [uid(JPEG)]).then_some(None);
    let mut under = moving.begins_with("WS1", "WS1", only);
    under.delivers("1.6", &compressed.bytes);
    // Explicit and Implicit VR Little Endian it has refused already.
    under.fails("1.5", &unknown(&moving, "1.5", EXPLICIT, 1000).0.bytes, Status::DATA_SET_MISMATCH);
    moving.destination.was_not_dialled();
    let (sealed, object) = unknown(&moving, "1.7", BIG_ENDIAN, 100_000);
    under.sends("1.7", &sealed.bytes);
    let further = Further::dialled(&moving);
    assert_eq!(further.asked(), [[BIG_ENDIAN]]);
    assert!(further.accepts(everything).arrives(&mut under).data.unwrap() == object);
}

#[test]
fn a_destination_that_takes_nothing_native_is_asked_for_what_comes() {
    let moving = moving();
    // It knows the class: as it is proposed, it takes nothing of it.
    let mut under = moving.begins_with("WS1", "WS1", |_, _| Some(None));
    let (sealed, object) = unknown(&moving, "1.6", JPEG, 100_000);
    under.sends("1.6", &sealed.bytes);
    let further = Further::dialled(&moving);
    assert_eq!(further.asked(), [[JPEG]]);
    let mut further = further.accepts(everything);
    assert!(further.arrives(&mut under).data.unwrap() == object);
    // What it has refused it is not asked for again, sealed or not.
    under.fails("1.5", &unknown(&moving, "1.5", EXPLICIT, 100_000).0.bytes, Status::DATA_SET_MISMATCH);
    let record = moving.site.world.record("not-opened");
    assert!(record.text("words").unwrap().contains("takes neither that nor anything"), "{record:?}");
    under.fails("1.8", &image("1.8", 300_000), Status::DATA_SET_MISMATCH);
    moving.destination.was_not_dialled();
    let counters = under.ends(1, 2).command.counters;
    assert_eq!((counters.completed, counters.failed), (Some(1), Some(2)));
}

#[test]
fn a_class_that_a_destination_does_not_know_is_refused_to_the_archive() {
    let moving = moving_with(&format!("{ROUTING}open = true\n"), "");
    let mut link = Conn::dial(moving.sides().inside);
    link.request(&AssociateRq { called: title("DR1"), ..rq("PACS", &[CT]) });
    let mut receiver = moving.destination.accept();
    let Pdu::AssociateRq(sent) = receiver.control() else { panic!("a request") };
    let mut answer = chosen(&sent, |_, _| Some(None));
    answer.contexts.iter_mut().for_each(|context| context.result = ContextResult::AbstractSyntaxNotSupported);
    receiver.send(answer.encode());
    let answered = link.accepted();
    assert!(answered.contexts.iter().all(|context| !context.result.accepted()), "{answered:?}");
}

#[test]
fn a_destination_that_takes_no_more_is_asked_once() {
    let moving = moving();
    let mut under = moving.begins_with("WS1", "WS1", native);
    let (sealed, _) = unknown(&moving, "1.6", JPEG_XL, 100_000);
    under.sends("1.6", &sealed.bytes);
    let mut further = Further::dialled(&moving).accepts(|_, _| Some(None));
    // Nothing can go on it: it is over before the object fails.
    further.conn.confirm_release();
    under.has_failed(Status::DATA_SET_MISMATCH);
    let record = moving.site.world.record("not-opened");
    assert!(record.text("words").unwrap().contains("which whoever receives it does not take: "), "{record:?}");
    under.fails("1.6", &sealed.bytes, Status::DATA_SET_MISMATCH);
    moving.destination.was_not_dialled();
    let (native, object) = unknown(&moving, "1.5", EXPLICIT, 100_000);
    assert!(under.delivers("1.5", &native.bytes).data.unwrap() == object);
    let counters = under.ends(1, 1).command.counters;
    assert_eq!((counters.completed, counters.failed), (Some(1), Some(1)));
}

#[test]
fn a_destination_that_has_refused_a_syntax_is_not_asked_for_it_again() {
    let moving = moving();
    let (sealed, _) = unknown(&moving, "1.6", JPEG_XL, 1000);
    moving.site.noted(&sealed, SealEnd::Acknowledged);
    let mut under = moving.begins_with("WS1", "WS1", native);
    assert!(under.proposed.contexts.iter().any(|context| context.transfer_syntaxes == [uid(JPEG_XL)]));
    under.fails("1.6", &sealed.bytes, Status::DATA_SET_MISMATCH);
    moving.destination.was_not_dialled();
}

#[test]
fn a_destination_without_one_more_association_is_left_in_peace() {
    // One that does not answer is one that talks to one at a time.
    for (answers, why) in [(true, "2/3/2"), (false, "did not answer in time")] {
        let moving = moving_with(RULES, "association_answer = \"1s\"");
        let mut under = moving.begins_with("WS1", "WS1", native);
        let (sealed, _) = unknown(&moving, "1.6", JPEG_XL, 100_000);
        under.sends("1.6", &sealed.bytes);
        let mut further = Further::dialled(&moving);
        if answers {
            let full = AssociateRj { result: 2, source: 3, reason: 2 };
            further.conn.send(Pdu::AssociateRj(full).encode());
        }
        under.has_failed(Status::DATA_SET_MISMATCH);
        let missed = moving.site.world.record("system-missed");
        assert_eq!(missed.text("cause"), Some("destination-away"), "{missed:?}");
        let record = moving.site.world.record("not-opened");
        assert!(record.text("words").unwrap().contains(why), "{record:?}");
        // Neither for this nor for anything else.
        let (other, _) = unknown(&moving, "1.7", "1.2.840.10008.1.2.4.112", 1000);
        under.fails("1.7", &other.bytes, Status::DATA_SET_MISMATCH);
        moving.destination.was_not_dialled();
        under.delivers("1.5", &unknown(&moving, "1.5", EXPLICIT, 100_000).0.bytes);
        assert_eq!(under.ends(1, 2).command.counters.failed, Some(2));
    }
}

#[test]
fn what_an_archive_sends_of_its_own_accord_gets_one_more_association_too() {
    let moving = moving_with(&format!("{ROUTING}open = true\n"), "");
    let (sealed, object) = unknown(&moving, "1.6", JPEG, 100_000);
    let (mut link, _receiver, _) = moving.sides().calls("DR1", native);
    link.say(1, &Command::store_rq(1, &uid(CT), &uid("1.6")), Some(&sealed.bytes));
    let mut further = Further::dialled(&moving).accepts(everything);
    let got = further.conn.message();
    assert!(got.data.unwrap() == object);
    // The status is that of the destination, whatever it is.
    further.conn.say(got.context, &answer(&got.command, 0xb007), None);
    assert_eq!(link.message().status(), 0xb007);
}

#[test]
fn the_limit_says_how_many() {
    for most in [0, 1] {
        let moving = moving_with(RULES, &format!("further_associations = {most}"));
        let (mut under, _further) = match most {
            0 => (moving.begins_with("WS1", "WS1", native), None),
            _ => {
                let (under, further) = further(&moving);
                (under, Some(further))
            }
        };
        let (sealed, _) = unknown(&moving, "1.7", JPEG_XL, 1000);
        under.fails("1.7", &sealed.bytes, Status::DATA_SET_MISMATCH);
        let record = moving.site.world.record("not-opened");
        assert!(record.text("words").unwrap().contains("`further_associations`"), "{record:?}");
        moving.destination.was_not_dialled();
    }
}

#[test]
fn nobody_completes_an_object_where_one_side_goes_in_the_middle() {
    let moving = moving_with(RULES, "open_whole = \"0B\"");
    for (round, goes) in ["destination", "destination aborts", "archive"].into_iter().enumerate() {
        let (mut under, mut further) = further(&moving);
        let (sealed, _) = unknown(&moving, "1.7", JPEG, 1_000_000);
        let message = under.written("1.7", &sealed.bytes);
        under.link.send(&message[..message.len() / 2]);
        further.conn.wait_for(further.conn.received.len() + 200_000);
        match goes {
            "destination" => further.conn.close_writing(),
            "destination aborts" => further.conn.send(Pdu::Abort(Abort::user()).encode()),
            _ => under.link.close_writing(),
        }
        for conn in [&mut under.link, &mut under.receiver, &mut further.conn] {
            let rest = conn.rest();
            let aborted = rest.len() >= 10 && rest[rest.len() - 10] == 7;
            assert!(aborted || goes == "destination aborts" && rest.len() < 500_000, "{goes}");
        }
        let counters = under.ends(1, 1).command.counters;
        assert_eq!((counters.completed, counters.failed), (Some(1), Some(1)), "{goes}");
        let records = moving.site.world.records();
        let aborted = records.iter().filter(|record| record.0.get("aborted") == Some(&true.into())).count();
        assert_eq!(aborted, round + 1, "{goes}");
    }
}

#[test]
fn an_idle_association_that_ends_does_not_disturb_what_goes_on_another() {
    let moving = moving_with(RULES, "open_whole = \"0B\"");
    let (mut under, mut further) = further(&moving);
    let (sealed, object) = unknown(&moving, "1.7", JPEG, 1_000_000);
    let message = under.written("1.7", &sealed.bytes);
    let (half, rest) = message.split_at(message.len() / 2);
    under.link.send(half);
    further.conn.wait_for(further.conn.received.len() + 200_000);
    under.receiver.send(Pdu::Abort(Abort::user()).encode());
    under.receiver.ended();
    under.link.send(rest);
    assert!(further.arrives(&mut under).data.unwrap() == object);
    assert_eq!(under.ends(2, 0).command.counters.completed, Some(2));
}

#[test]
fn what_waits_for_a_destination_fills_no_memory() {
    let destination = Archive::new();
    let inside = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let process = Process::start(&setup(RULES, "open_whole = \"0B\"", destination.port(), inside.port()));
    let sides = Sides { outside: process.address(), archive: &process.archive, inside, destination: &destination };
    let object = encapsulated("1.6", 64 << 20);
    let sealed = seal_with(&context_of(process.dir.path()), "1.6", JPEG, &object, Carrier::Pixels);
    let mut under = sides.begins("WS1", "WS1", native);
    let message = under.written("1.6", &sealed.bytes);
    let mut link = under.link.tcp.try_clone().unwrap();
    let sent = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            for piece in message.chunks(64 * 1024) {
                link.write_all(piece).unwrap();
                sent.fetch_add(piece.len(), Ordering::Release);
            }
        });
        // It does not answer at first, and then it does not read.
        let further = Further::at(&destination);
        is_held_up(&sent, message.len());
        let mut further = further.accepts(everything);
        is_held_up(&sent, message.len());
        assert!(further.arrives(&mut under).data.unwrap() == object);
        sender.join().unwrap();
    });
    let memory = process.most_memory();
    assert!(memory < 64 << 20, "{memory} bytes for an object of 64 MiB");
}

/// Nothing more is taken, and not all has been.
fn is_held_up(sent: &AtomicUsize, all: usize) {
    let (mut last, mut since) = (0, Instant::now());
    wait_until("the archive is held up", || {
        let now = sent.load(Ordering::Acquire);
        if now != last {
            (last, since) = (now, Instant::now());
        }
        now > 0 && since.elapsed() > Duration::from_millis(1500)
    });
    assert!(last < all, "all of it is in the gateway, and nobody has read it");
}

#[test]
fn one_of_several_associations_that_ends_idle_is_not_the_end_of_the_delivery() {
    let moving = moving();
    for ends in ["hangs up", "aborts", "releases"] {
        let end = |conn: &mut Conn| match ends {
            "hangs up" => conn.close_writing(),
            "aborts" => conn.send(Pdu::Abort(Abort::user()).encode()),
            _ => {
                conn.release();
                conn.released();
            }
        };
        let (mut under, mut first) = further(&moving);
        // The one for JPEG: the next JPEG is asked for anew.
        end(&mut first.conn);
        first.conn.ended();
        let (jpeg, object) = unknown(&moving, "1.6", JPEG, 100_000);
        under.sends("1.6", &jpeg.bytes);
        let mut second = Further::dialled(&moving).accepts(everything);
        assert!(second.arrives(&mut under).data.unwrap() == object);
        // And the very first one.
        end(&mut under.receiver);
        under.receiver.ended();
        under.sends("1.6", &jpeg.bytes);
        second.arrives(&mut under);
        let (explicit, object) = unknown(&moving, "1.5", EXPLICIT, 100_000);
        under.sends("1.5", &explicit.bytes);
        let third = Further::dialled(&moving);
        assert_eq!(third.asked()[0], [EXPLICIT]);
        let mut third = third.accepts(everything);
        assert!(third.arrives(&mut under).data.unwrap() == object);
        // The last one is the end.
        end(&mut second.conn);
        second.conn.ended();
        let counters = under.ends(2, 0).command.counters;
        assert_eq!((counters.completed, counters.failed), (Some(2), Some(0)));
        match ends {
            "releases" => {
                third.conn.release();
                under.link.confirm_release();
                third.conn.released();
            }
            _ => {
                end(&mut third.conn);
                under.link.aborted();
            }
        }
    }
}

#[test]
fn one_side_that_goes_while_the_destination_is_asked_ends_all_of_it() {
    let moving = moving();
    for goes in ["its first association", "archive"] {
        let mut under = moving.begins_with("WS1", "WS1", native);
        let message = under.written("1.6", &unknown(&moving, "1.6", JPEG, 500_000).0.bytes);
        under.link.send(&message[..message.len() - 1000]);
        let mut further = Further::dialled(&moving);
        if goes == "archive" {
            under.link.close_writing();
            further = further.accepts(everything);
            assert_eq!(further.conn.rest().iter().rev().nth(9), Some(&7), "an A-ABORT");
            under.receiver.aborted();
        } else {
            under.receiver.close_writing();
            under.link.aborted();
            further.conn.ended();
        }
        let counters = under.ends(0, 1).command.counters;
        assert_eq!((counters.completed, counters.failed), (Some(0), Some(1)), "{goes}");
    }
}
