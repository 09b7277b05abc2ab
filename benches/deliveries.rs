//! What a delivery costs beside a store, in CPU seconds of the gateway per GB: the same objects, the same loads, TLS on
//! the outer side of both; deliveries under a C-MOVE that is under way, with its message id restored in each command.
//! `cargo bench --bench deliveries [-- REPEATS]` prints both and their ratio, paired, in turns, one gateway process.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    dead_code,
    reason = "a bench ends where its ground is not sound, and shares the support of the tests"
)]

#[path = "house/mod.rs"]
mod house;
#[path = "../tests/support/mod.rs"]
mod support;

use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::dimse::Command;
use dicomgate::dicom::pdu::Pdu;
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::dicom::{AeTitle, Tag};
use house::{Caller, End, House, Thing, accepted, client, dial, server, spread};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use support::conn::Conn;
use support::words::{CT, MOVE, ac, object, rq, uid};
use support::world::Setup;

/// Objects a round; the first dozen warms up.
const OBJECTS: u16 = 400;
const WARM: u16 = 12;
const PIXELS: usize = 524_288;

struct Site {
    house: House,
    inside: SocketAddr,
    destination: TcpListener,
    things: Vec<Thing>,
}

impl Site {
    fn new() -> Self {
        let destination = TcpListener::bind("127.0.0.1:0").unwrap();
        let inside = SocketAddr::from(([127, 0, 0, 1], support::ports::free_port()));
        let peers = format!(
            "[[peer]]\nae_titles = [\"CT2\"]\ncertificate = \"ct2.hospital.example\"\n\
             [[peer]]\nae_titles = [\"WS1\"]\ntls = \"off\"\nnetwork = [\"127.0.0.1/32\"]\n\
             [[peer]]\nae_titles = [\"CT3\"]\ncertificate = \"ct3.hospital.example\"\naddress = \"{}\"\n",
            destination.local_addr().unwrap()
        );
        let rules = "[[rule]]\nname = \"stores\"\nwho = [\"peer:CT2\"]\nto = [\"PACS\"]\nmay = [\"store\"]\n\
             [[rule]]\nname = \"moves\"\nwho = [\"peer:WS1\"]\nto = [\"PACS\"]\nmay = [\"move\"]\ndestinations = [\"CT3\"]\n";
        let listen = format!(
            "[[listen]]\nname = \"inside\"\naddress = \"{inside}\"\ntls = \"off\"\nserves = \"archive\"\n\
             network = [\"127.0.0.0/8\"]\n"
        );
        let setup = Setup { archive: listen, peers, rules: rules.into(), ..Setup::default() };
        let house = House::start(&setup);
        let thing = |message: u16| {
            let instance = format!("1.2.3.4.5.{message}");
            let data = object(CT, &instance, PIXELS);
            (instance, data.into())
        };
        Self { house, inside, destination, things: (1..=OBJECTS + WARM).map(thing).collect() }
    }

    fn measured(&self, round: impl FnOnce(&mut u64)) -> f64 {
        self.house.measured(usize::from(OBJECTS) * PIXELS, round)
    }

    fn stores(&self) -> f64 {
        let house = &self.house;
        self.measured(|begun| {
            thread::scope(|scope| {
                let sender = End::new(client(&house.certs(), "ct2", dial(house.outside).unwrap()));
                let from = Caller { calling: "CT2", called: "PACS", originator: None };
                scope.spawn(move || sender.send(from, &self.things, (WARM.into(), || *begun = house.used())));
                End::new(accepted(&house.archive.listener)).serve();
            });
        })
    }

    fn deliveries(&self, message: u16) -> f64 {
        let house = &self.house;
        self.measured(|begun| {
            thread::scope(|scope| {
                let sender = End::new(dial(self.inside).unwrap());
                let from = Caller { calling: "PACS", called: "CT3", originator: Some(("WS1", message)) };
                scope.spawn(move || sender.send(from, &self.things, (WARM.into(), || *begun = house.used())));
                End::new(server(&house.certs(), accepted(&self.destination))).serve();
            });
        })
    }
}

/// A C-MOVE under way: the requester's and the archive's end, and the message id that the archive sees.
fn under_way(house: &House) -> (Conn, Conn, u16) {
    let mut requester = Conn::dial(house.plain);
    requester.request(&rq("WS1", &[MOVE]));
    let mut archive = house.archive.accept();
    let Pdu::AssociateRq(asked) = archive.control() else { panic!("a request") };
    archive.send(ac(&asked).encode());
    requester.accepted();
    let study = DataSet::new()
        .with(Tag(0x0008, 0x0052), b"CS", "STUDY")
        .with_uid(Tag(0x0020, 0x000d), &uid("1.2.3.4"))
        .encode(Encoding::ExplicitLe);
    requester.say(1, &Command::move_rq(7, &uid(MOVE), AeTitle::new("CT3").unwrap()), Some(&study));
    let seen = archive.message().command.message_id.unwrap();
    (requester, archive, seen)
}

fn main() {
    let repeats: usize = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(15);
    let site = Site::new();
    let (_requester, _archive, message) = under_way(&site.house);
    let (mut stored, mut delivered, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for repeat in 0..repeats {
        let (store, delivery) = if repeat % 2 == 0 {
            let store = site.stores();
            (store, site.deliveries(message))
        } else {
            let delivery = site.deliveries(message);
            (site.stores(), delivery)
        };
        stored.push(store);
        delivered.push(delivery);
        ratios.push(delivery / store);
    }
    println!("CPU seconds of the gateway per GB, {OBJECTS} objects of {PIXELS} bytes, {repeats} repeats in turns");
    println!("store     {}", spread(&stored));
    println!("delivery  {}", spread(&delivered));
    println!("ratio     {}", spread(&ratios));
}
