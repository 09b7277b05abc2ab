//! What sealing and opening cost beyond plain relaying, in CPU seconds of the gateway per GB: the same objects, stored in
//! clear and sealed, retrieved in clear and opened, in turns, through one gateway process over TLS; and beside it what
//! AES-256-GCM of the same bytes costs alone.
//! `cargo bench --bench vault_relay [-- REPEATS [slices|long]]`.

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

use dicomgate::dicom::AeTitle;
use house::{Caller, End, House, Thing, accepted, client, dial, spread};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use std::thread;
use support::words::{CT, object};
use support::world::Setup;

/// Objects that warm up each round, of the first of these sizes.
const WARM: usize = 12;
/// Objects of a round and the bytes of their pixels: slices, and one that is long.
const LOADS: [(usize, usize); 2] = [(400, 524_288), (1, 512 << 20)];
/// What to say for one of them alone.
const NAMES: [&str; 2] = ["slices", "long"];

const PEERS: &str = r#"
[[peer]]
ae_titles = ["CT2"]
certificate = "ct2.hospital.example"
[[peer]]
ae_titles = ["CT3"]
certificate = "ct3.hospital.example"
"#;

const RULES: &str = r#"
[[rule]]
name = "in clear"
who = ["peer:CT2"]
to = ["PACS"]
may = ["store", "get"]
[[rule]]
name = "through the vault"
who = ["peer:CT3"]
to = ["PACS"]
may = ["store", "get"]
seal = true
open = true
"#;

fn started() -> House {
    let setup = Setup {
        archive: "all_readers_pass_the_gateway = true\n".into(),
        policy: "[vault]\nkeys = \"state/keys\"\nescrow = [\"escrow.pem\"]\n".into(),
        peers: PEERS.into(),
        rules: RULES.into(),
        ..Setup::default()
    };
    let house = House::start_with(&setup, &[&["vault", "new-key"]], |folder| {
        let run = |program: &str, words: &[&str]| {
            let status = std::process::Command::new(program).args(words).current_dir(folder).status().unwrap();
            assert!(status.success(), "{program} {words:?}");
        };
        run("bash", &[concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vault/make-escrow"), "made"]);
        run("openssl", &["x509", "-inform", "DER", "-in", "made/rsa.cert.der", "-out", "escrow.pem"]);
        std::fs::remove_dir_all(folder.join("made")).unwrap();
    });
    let title = AeTitle::new("PACS").unwrap();
    support::proven::everything(house.archive.port()).keep(&house.state(), &title).unwrap();
    house
}

fn things(round: usize, load: (usize, usize)) -> Vec<Thing> {
    let sizes = std::iter::repeat_n(LOADS[0].1, WARM).chain(std::iter::repeat_n(load.1, load.0));
    let thing = |(place, pixels): (usize, usize)| {
        let instance = format!("1.2.3.4.{}.{round}.{place}", load.0);
        let data = object(CT, &instance, pixels);
        (instance, data.into())
    };
    sizes.enumerate().map(thing).collect()
}

fn from(calling: &str) -> (Caller<'_>, &'static str) {
    let name = if calling == "CT2" { "ct2" } else { "ct3" };
    (Caller { calling, called: "PACS", originator: None }, name)
}

/// A round of stores; what the archive has of them.
fn stores(house: &House, calling: &str, load: (usize, usize), things: &[Thing]) -> (f64, Vec<Thing>) {
    let (caller, name) = from(calling);
    let mut held = Vec::new();
    let cost = house.measured(load.0 * load.1, |begun| {
        thread::scope(|scope| {
            let sender = End::new(client(&house.certs(), name, dial(house.outside).unwrap()));
            scope.spawn(move || sender.send(caller, things, (WARM, || *begun = house.used())));
            held = End::new(accepted(&house.archive.listener)).keeping().serve();
        });
    });
    (cost, held)
}

/// A round of retrieving what an archive holds.
fn gets(house: &House, calling: &str, load: (usize, usize), held: &[Thing]) -> f64 {
    let (caller, name) = from(calling);
    house.measured(load.0 * load.1, |begun| {
        thread::scope(|scope| {
            let requester = End::new(client(&house.certs(), name, dial(house.outside).unwrap()));
            scope.spawn(move || {
                assert_eq!(requester.get(caller, (WARM, || *begun = house.used())), held.len());
            });
            End::new(accepted(&house.archive.listener)).hand_out(held);
        });
    })
}

/// CPU seconds per GB of the cipher alone, in segments of 1 MiB as the gateway makes them.
fn cipher() -> f64 {
    const SEGMENT: usize = 1 << 20;
    const SEGMENTS: usize = 256;
    let used = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        text.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    };
    let mut buffer = vec![0x5a; SEGMENT];
    let begun = used();
    for _ in 0..SEGMENTS {
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap());
        let nonce = Nonce::assume_unique_for_key([1; 12]);
        let _ = std::hint::black_box(key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut buffer).unwrap());
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (spent, bytes) = ((used() - begun) as f64, (SEGMENT * SEGMENTS) as f64);
    spent / bytes
}

fn main() {
    let repeats: usize = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(15);
    let named = std::env::args().any(|word| NAMES.contains(&word.as_str()));
    let house = started();
    let idle = house.most_memory();
    println!("CPU seconds of the gateway per GB, {repeats} repeats in turns: median (least to most)");
    let wanted = |name: &&str| std::env::args().any(|word| word == **name) || !named;
    for (load, _) in LOADS.into_iter().zip(NAMES).filter(|(_, name)| wanted(name)) {
        let mut rows: [Vec<f64>; 7] = std::array::from_fn(|_| Vec::new());
        let mut growth = 0.0;
        for repeat in 0..repeats {
            let plain = things(2 * repeat, load);
            let other = things(2 * repeat + 1, load);
            let (clear, sealed) = if repeat % 2 == 0 {
                let clear = stores(&house, "CT2", load, &plain);
                (clear, stores(&house, "CT3", load, &other))
            } else {
                let sealed = stores(&house, "CT3", load, &other);
                (stores(&house, "CT2", load, &plain), sealed)
            };
            let got = gets(&house, "CT2", load, &clear.1);
            let opened = gets(&house, "CT3", load, &sealed.1);
            let bytes = |all: &[Thing]| all.iter().skip(WARM).map(|(_, data)| data.len()).sum::<usize>();
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            let (long, short) = (bytes(&sealed.1) as f64, bytes(&clear.1) as f64);
            growth = long / short;
            let all = [clear.0, sealed.0, sealed.0 - clear.0, got, opened, opened - got, cipher()];
            for (row, value) in rows.iter_mut().zip(all) {
                row.push(value);
            }
        }
        println!("\n{} x {} bytes of pixels", load.0, load.1);
        let names =
            ["stored in clear", "sealed", "  more", "retrieved in clear", "opened", "  more", "AES-256-GCM alone"];
        for (name, row) in names.iter().zip(&rows) {
            println!("{name:<20} {}", spread(row));
        }
        println!(
            "sealed objects are {growth:.5} times as long; resident at most {} KiB more than idle",
            house.most_memory() - idle
        );
    }
}
