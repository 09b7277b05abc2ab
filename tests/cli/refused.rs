//! Callers that are refused, one by one and in a flood, and what `why` and `audit` say about them afterwards.

use crate::house::{House, Running, eventually, exchange, free_ports};
use serde_json::Value;
use std::net::SocketAddr;

/// Garbage instead of an association request.
const GARBAGE: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
/// A-ASSOCIATE-RJ 1/1/1.
const REJECTED: [u8; 10] = [3, 0, 0, 0, 0, 4, 0, 1, 1, 1];

/// A house with a TLS listener and a plain one.
fn house(limits: &str) -> House {
    let house = House::new();
    house.certify();
    let [outside, plain, admin] = free_ports();
    house.edit("config/gateway.toml", "0.0.0.0:2762", &format!("127.0.0.1:{outside}"));
    house.edit("config/gateway.toml", "# address = \"127.0.0.1:9464\"", &format!("address = \"127.0.0.1:{admin}\""));
    house.edit(
        "config/gateway.toml",
        "[policy]",
        &format!(
            "[[listen]]\nname = \"plain\"\naddress = \"127.0.0.1:{plain}\"\ntls = \"off\"\nnetwork = [\"127.0.0.0/8\"]\n\n[policy]"
        ),
    );
    house.edit("config/gateway.toml", "[limits]", &format!("[limits]\n{limits}"));
    house
}

/// An association request for a verification, under this title.
fn request(calling: &str) -> Vec<u8> {
    use dicomgate::demo::client::{Call, VERIFICATION, request, service};
    use dicomgate::dicom::AeTitle;
    let title = |text| AeTitle::new(text).unwrap();
    let call = Call { calling: title(calling), called: title("PACS") };
    request(call, service(VERIFICATION).into_iter().collect(), false).unwrap().encode()
}

fn records(house: &House) -> Vec<Value> {
    let shown = house.run(&["audit", "show", "--format", "json"]).ends(0).out;
    shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn refusals(house: &House) -> usize {
    records(house).iter().filter(|record| record["incident"].is_string()).count()
}

#[test]
fn why_finds_a_refusal_by_incident_by_title_and_by_address() {
    let house = house("");
    let running = house.start(2);
    let (outside, plain): (SocketAddr, SocketAddr) = (running.address("outside"), running.address("plain"));
    exchange(outside, GARBAGE);
    exchange(plain, GARBAGE);
    let rejected = exchange(plain, &request("STRANGER"));
    assert_eq!(rejected, REJECTED, "the same for whoever is not known");
    eventually("three refusals are recorded", || refusals(&house) == 3);
    running.wait(|lines| lines.iter().filter(|line| line.contains("refused")).count() == 3);

    let by_address = house.run(&["why", "--from", "127.0.0.1"]).ends(0).out;
    for words in ["connection refused (tls)", "connection refused (malformed)", "association rejected (identity)"] {
        assert!(by_address.contains(words), "{words} is missing in\n{by_address}");
    }
    house.run(&["why", "--from", "192.0.2.1"]).ends(1);
    let by_title = house.run(&["why", "--peer", "STRANGER", "--last", "10m"]).ends(0).out;
    assert!(by_title.contains("somebody calling as STRANGER"), "{by_title}");
    house.run(&["why", "--peer", "CT1"]).ends(1);

    // The incident that the log shows is the one that is explained.
    let said = running.said();
    let line = said.iter().find(|line| line.contains("association refused")).unwrap();
    let incident = line.split_whitespace().find_map(|word| word.strip_prefix("incident=")).unwrap();
    let explained = house.run(&["why", incident]).ends(0).out;
    assert!(explained.contains(incident) && explained.contains("STRANGER"), "{explained}");
    assert!(!explained.contains("(tls)"), "only that one: {explained}");
    let json = house.run(&["why", incident, "--format", "json"]).ends(0).json();
    assert_eq!(json["record"]["calling"], "STRANGER");
    house.run(&["why", "0000-0000"]).ends(1);
    let seed = running.seed();
    running.stop();

    let proven = house.run(&["audit", "verify", "--seed", &seed, "--format", "json"]).ends(0).json();
    assert_eq!((&proven["proven"], &proven["by"]), (&true.into(), &"signature and seed".into()));
    house.run(&["audit", "verify"]).ends(0);
    let other = "0".repeat(64);
    house.run(&["audit", "verify", "--seed", &other]).ends(1);
    let shown = house.run(&["audit", "show", "--from", "127.0.0.1"]).ends(0).out;
    assert_eq!(shown.lines().count(), 3, "{shown}");
    assert_eq!(house.run(&["audit", "show", "--peer", "STRANGER"]).ends(0).out.lines().count(), 1);

    let folder = house.path("state/audit");
    let file = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let file = file.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl")).min().unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("STRANGER", "FRIENDLY")).unwrap();
    assert!(house.run(&["audit", "verify"]).ends(1).out.contains("THE LOG IS NOT PROVEN"));
}

/// Sends this many connections of strangers.
fn flood(running: &Running, count: usize) {
    let plain = running.address("plain");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..count / 4).for_each(|_| drop(exchange(plain, GARBAGE))));
        }
    });
}

#[test]
fn a_flood_fills_neither_the_log_nor_the_records_and_nothing_is_forgotten() {
    const FLOOD: usize = 400;
    let house = house("refusals_recorded = 1\nrefusals_burst = 5\n");
    let running = house.start(2);
    flood(&running, FLOOD);
    let total = || -> u64 {
        let records = records(&house);
        let of = |record: &Value| match record["event"].as_str().unwrap() {
            "connection-refused" => 1,
            "refusals-summed" => record["refused"].as_u64().unwrap(),
            _ => 0,
        };
        records.iter().map(of).sum()
    };
    eventually("every refusal is recorded or counted", || total() == u64::try_from(FLOOD).unwrap());
    let said = running.stop();
    let records = records(&house);
    let one_by_one = records.iter().filter(|record| record["event"] == "connection-refused").count();
    let sums: Vec<&Value> = records.iter().filter(|record| record["event"] == "refusals-summed").collect();
    assert!(one_by_one < FLOOD / 2, "{one_by_one} of {FLOOD} were recorded one by one");
    assert!(!sums.is_empty() && sums.len() < FLOOD / 4, "{}", sums.len());
    for sum in &sums {
        assert_eq!(sum["by"][0]["from"], "127.0.0.1");
        assert_eq!(sum["by"][0]["listener"], "plain");
        assert_eq!(sum["by"][0]["cause"], "malformed");
    }
    let lines = said.iter().filter(|line| line.contains("connection refused")).count();
    assert_eq!(lines, one_by_one, "a line in the log for each record of its own, and for no other");
    let why = house.run(&["why", "--from", "127.0.0.1"]).ends(0).out;
    assert!(why.contains("from 127.0.0.1 at plain (malformed)"), "{why}");
    assert_eq!(house.run(&["why", "--from", "192.0.2.1"]).code, 1, "nobody came from there");
    house.run(&["audit", "verify"]).ends(0);
}
