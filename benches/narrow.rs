//! What narrowing costs, in CPU of the gateway for a query with 10,000 answers: relayed under a policy that narrows nobody,
//! relayed beside a rule that narrows others, narrowed (every second answer is shown, one attribute hidden), and
//! narrowed with everything shown. `cargo bench --bench narrow [-- REPEATS]` prints all and their ratios, paired, in turns.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    dead_code,
    reason = "a bench ends where its ground is not sound, and shares the support of the tests"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use dicomgate::dicom::Tag;
use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::dimse::Command;
use dicomgate::dicom::pdu::Pdu;
use dicomgate::dicom::pdu::pdata::write_message;
use dicomgate::dicom::transfer_syntax::Encoding;
use std::net::SocketAddr;
use std::thread;
use support::conn::{Archive, Conn};
use support::words::{FIND, ac, answer, rq, uid};
use support::world::{Setup, prepare, write_gateway};

const ANSWERS: u32 = 10_000;

/// Who asks.
const OPEN: &str = "WS1";
const HALF: &str = "WS2";
const ALL: &str = "WS3";

struct House {
    _dir: tempfile::TempDir,
    child: std::process::Child,
    plain: SocketAddr,
    archive: Archive,
}

impl House {
    fn new(narrows: bool) -> Self {
        let archive = Archive::new();
        let free = || SocketAddr::from(([127, 0, 0, 1], support::ports::free_port()));
        let (outside, plain) = (free(), free());
        let peer =
            |name: &str| format!("[[peer]]\nae_titles = [\"{name}\"]\ntls = \"off\"\nnetwork = [\"127.0.0.1/32\"]\n");
        let rule = |name: &str, more: &str| {
            format!("[[rule]]\nname = \"{name}\"\nwho = [\"peer:{name}\"]\nto = [\"PACS\"]\nmay = [\"find\"]\n{more}\n")
        };
        let mut rules = rule(OPEN, "");
        if narrows {
            let hide = "hide = [\"PatientBirthDate\"]";
            rules += &rule(HALF, &format!("where = {{ ReferringPhysicianName = \"HOUSE^GREGORY\" }}\n{hide}"));
            rules += &rule(
                ALL,
                &format!("where = {{ ReferringPhysicianName = [\"HOUSE^GREGORY\", \"CUDDY^LISA\"] }}\n{hide}"),
            );
        }
        let peers = [OPEN, HALF, ALL].map(peer).concat();
        let setup = Setup { peers, rules, ..Setup::default() };
        let dir = prepare(&setup);
        write_gateway(&dir, &setup, archive.port(), outside.port(), plain.port());
        let child = std::process::Command::new(env!("CARGO_BIN_EXE_dicomgate"))
            .args(["run", "--config"])
            .arg(dir.path().join("gateway.toml"))
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let address = socket2::SockAddr::from(plain);
        support::wait_until("the gateway listens", || {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            socket.connect(&address).is_ok()
        });
        Self { _dir: dir, child, plain, archive }
    }

    /// CPU nanoseconds that the gateway has used.
    fn used(&self) -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let spent = |task: std::fs::DirEntry| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap();
            text.split_whitespace().next().unwrap().parse::<u64>().unwrap()
        };
        tasks.map(|task| spent(task.unwrap())).sum()
    }

    /// An association of this caller, both ends.
    fn asking(&self, calling: &str) -> (Conn, Conn) {
        let mut peer = Conn::dial(self.plain);
        peer.request(&rq(calling, &[FIND]));
        let mut link = self.archive.accept();
        let Pdu::AssociateRq(asked) = link.control() else { panic!("a request") };
        link.send(ac(&asked).encode());
        peer.accepted();
        (peer, link)
    }

    /// One query: CPU milliseconds.
    fn round(&self, calling: &str, shown: u32) -> f64 {
        let (mut peer, mut link) = self.asking(calling);
        let before = self.used();
        peer.say(1, &Command::find_rq(7, &uid(FIND)), Some(&identifier()));
        let asked = link.message();
        let mut bytes = Vec::new();
        let pending = answer(&asked.command, 0xff00).with_data_set().encode();
        for number in 0..ANSWERS {
            bytes.extend(write_message(1, &pending, Some(&study(number)), 16_384));
        }
        bytes.extend(write_message(1, &answer(&asked.command, 0).encode(), None, 16_384));
        thread::scope(|scope| {
            scope.spawn(|| bytes.chunks(32 * 1024).for_each(|piece| link.send(piece)));
            let mut seen = 0;
            while peer.message().status() == 0xff00 {
                seen += 1;
            }
            assert_eq!(seen, shown);
        });
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let spent = (self.used() - before) as f64;
        spent / 1e6
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn identifier() -> Vec<u8> {
    values(0)
        .into_iter()
        .fold(DataSet::new(), |set, (tag, vr, value)| {
            let level = tag == Tag(0x0008, 0x0052);
            set.with(tag, vr, if level { value } else { String::new() })
        })
        .encode(Encoding::ExplicitLe)
}

fn study(number: u32) -> Vec<u8> {
    values(number)
        .into_iter()
        .fold(DataSet::new(), |set, (tag, vr, value)| set.with(tag, vr, value))
        .encode(Encoding::ExplicitLe)
}

/// As workstations ask and archives answer: 16 attributes.
fn values(number: u32) -> Vec<(Tag, &'static [u8; 2], String)> {
    let referring = if number.is_multiple_of(2) { "House^Gregory" } else { "Cuddy^Lisa" };
    vec![
        (Tag(0x0008, 0x0005), b"CS", "ISO_IR 100".into()),
        (Tag(0x0008, 0x0020), b"DA", "20260314".into()),
        (Tag(0x0008, 0x0030), b"TM", "101500".into()),
        (Tag(0x0008, 0x0050), b"SH", format!("A{number:08}")),
        (Tag(0x0008, 0x0052), b"CS", "STUDY".into()),
        (Tag(0x0008, 0x0061), b"CS", "CT\\SR".into()),
        (Tag(0x0008, 0x0090), b"PN", referring.into()),
        (Tag(0x0008, 0x1030), b"LO", "CT thorax with contrast".into()),
        (Tag(0x0010, 0x0010), b"PN", "Test^Eva Maria".into()),
        (Tag(0x0010, 0x0020), b"LO", format!("P{number:08}")),
        (Tag(0x0010, 0x0030), b"DA", "19700101".into()),
        (Tag(0x0010, 0x0040), b"CS", "F".into()),
        (Tag(0x0020, 0x000d), b"UI", format!("1.2.826.0.1.3680043.10.99.{number}")),
        (Tag(0x0020, 0x0010), b"SH", format!("{number}")),
        (Tag(0x0020, 0x1206), b"IS", "3".into()),
        (Tag(0x0020, 0x1208), b"IS", "812".into()),
    ]
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap()
}

fn spread(values: &[f64]) -> String {
    let (least, most) = values.iter().fold((f64::MAX, 0.0_f64), |(a, b), value| (a.min(*value), b.max(*value)));
    format!("{:.2} ({least:.2} to {most:.2})", median(values))
}

fn main() {
    let repeats: usize = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(15);
    let (bare, house) = (House::new(false), House::new(true));
    let rounds = [(&bare, OPEN, ANSWERS), (&house, OPEN, ANSWERS), (&house, HALF, ANSWERS / 2), (&house, ALL, ANSWERS)];
    let mut spent: [Vec<f64>; 4] = Default::default();
    for repeat in 0..=repeats {
        for turn in 0..4 {
            let place = (turn + repeat) % 4;
            let (house, calling, shown) = rounds[place];
            let milliseconds = house.round(calling, shown);
            // The first round warms up.
            if repeat > 0 {
                spent[place].push(milliseconds);
            }
        }
    }
    let names = ["relayed", "relayed, others narrowed", "narrowed, half shown", "narrowed, all shown"];
    println!(
        "CPU milliseconds of the gateway for {ANSWERS} answers, {repeats} repeats in turns: median (least to most)"
    );
    for (name, spent) in names.iter().zip(&spent) {
        println!("{name:28}{}", spread(spent));
    }
    for (name, of) in names.iter().zip(&spent).skip(1) {
        let ratios: Vec<f64> = of.iter().zip(&spent[0]).map(|(this, relayed)| this / relayed).collect();
        println!("{name:28}{} of relaying", spread(&ratios));
    }
}
