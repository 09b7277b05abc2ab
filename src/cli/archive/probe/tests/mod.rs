//! The questionnaire against archives of known habits, and what follows from the answers.

mod quirky;
mod settings;

use super::{Probe, ask};
use crate::cli::archive::report::{Found, Keeps, Key, Originator, Report, Reported};
use crate::cli::check::Format;
use crate::config::{self, Settings};
use crate::dicom::AeTitle;
use quirky::{Commits, Habits};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

fn title(text: &str) -> AeTitle {
    AeTitle::new(text).unwrap()
}

/// A port that nobody has.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// An archive as one would wish it.
fn good(inside: SocketAddr) -> Habits {
    Habits {
        originator: Some(None),
        delivers_as: "PACS",
        late: false,
        spread: false,
        commits: Commits::New,
        knows: &[],
        most: 1000,
        keeps_first: false,
        unique_keys_only: false,
        destination: (title("WS1"), Some(inside)),
    }
}

fn settings(folder: &Path, archive: SocketAddr, inside: SocketAddr) -> Settings {
    let gateway = format!(
        "[gateway]\nname = \"gate-1\"\nstate = \"state\"\n[[listen]]\nname = \"plain\"\naddress = \"127.0.0.1:0\"\n\
         tls = \"off\"\n[[listen]]\nname = \"inside\"\naddress = \"{inside}\"\ntls = \"off\"\nserves = \"archive\"\n\
         network = [\"127.0.0.1/32\"]\n[[archive]]\nae_title = \"PACS\"\naddress = \"{archive}\"\n[policy]\n\
         file = \"policy.toml\"\n[admin]\naddress = \"off\"\n"
    );
    let policy = "[[peer]]\nae_titles = [\"WS1\"]\ntls = \"off\"\nnetwork = [\"127.0.0.1/32\"]\naddress = \"127.0.0.1:9\"\n\
         groups = [\"w\"]\n[[rule]]\nname = \"read\"\nwho = [\"group:w\"]\nto = [\"PACS\"]\nmay = [\"find\", \"move\"]\n\
         destinations = [\"self\"]\n";
    std::fs::write(folder.join("gateway.toml"), gateway).unwrap();
    std::fs::write(folder.join("policy.toml"), policy).unwrap();
    config::load(&folder.join("gateway.toml")).unwrap_or_else(|faults| panic!("{faults}"))
}

fn arguments(store: bool) -> Probe {
    Probe {
        title: title("PACS"),
        config: "gateway.toml".into(),
        store,
        destination: Vec::new(),
        listen: None,
        calling: None,
        format: Format::Text,
    }
}

async fn probed(habits: impl FnOnce(SocketAddr) -> Habits, store: bool) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let inside = free();
    let archive = quirky::start(habits(inside));
    let settings = settings(folder.path(), archive, inside);
    ask(&arguments(store), &settings, &settings.archives[0]).await.unwrap_or_else(|failed| panic!("{failed:?}"))
}

fn key<'a>(report: &'a Report, level: &str, name: &str) -> &'a Key {
    let keys = report.keys.known().unwrap();
    keys.iter().find(|key| key.level == level && key.name == name).unwrap()
}

#[tokio::test]
async fn an_archive_as_one_would_wish_it() {
    let report = probed(good, true).await;
    assert!(report.stored && report.left_behind.as_ref().unwrap().contains("DICOMGATE-PROBE"));
    assert_eq!(report.echo, Found::Known("0000H".into()));
    assert_eq!(report.hello.known().unwrap().max_pdu, 16_384);
    assert_eq!(report.takes_strangers, Found::Known(true));
    let stores = report.stores.known().unwrap();
    assert_eq!((stores.first.as_str(), stores.equal.as_str(), stores.taken), ("0000H", "0111H", 4));
    assert_eq!(stores.keeps, Found::Known(Keeps::Last));
    for (moved, what) in [(&report.moved, "known"), (&report.moved_for_stranger, "strange")] {
        let moved = moved.known().unwrap();
        assert_eq!((moved.came, moved.expected, moved.late), (4, 4, 0), "{what}");
        assert_eq!((moved.associations, moved.parallel), (1, 1), "{what}");
        assert_eq!(moved.originator, Found::Known(Originator::Right), "{what}");
        assert_eq!(moved.calls_as, ["PACS"]);
        assert_eq!(moved.unchanged, Found::Known(true));
    }
    assert_eq!(report.commitment.known().unwrap().report, Reported::New);
    assert_eq!(report.associations.known().unwrap().refused, None);
    assert_eq!(key(&report, "STUDY", "AccessionNumber").matched, Found::Known(true));
    assert_eq!(key(&report, "STUDY", "AccessionNumber").returned, Found::Known(true));
}

#[tokio::test]
async fn what_an_archive_does_its_own_way_is_seen() {
    let habits = |inside| Habits {
        originator: None,
        delivers_as: "PACS_STORE",
        late: true,
        spread: true,
        commits: Commits::Same,
        knows: &["WS1"],
        keeps_first: true,
        unique_keys_only: true,
        ..good(inside)
    };
    let report = probed(habits, true).await;
    assert_eq!(report.takes_strangers, Found::Known(false));
    assert!(report.moved_for_stranger.known().is_none());
    assert_eq!(report.stores.known().unwrap().keeps, Found::Known(Keeps::First));
    let moved = report.moved.known().unwrap();
    assert_eq!(moved.originator, Found::Known(Originator::Missing));
    assert_eq!(moved.calls_as, ["PACS_STORE"]);
    assert_eq!((moved.came, moved.late, moved.associations, moved.parallel), (4, 4, 4, 4));
    assert_eq!(report.commitment.known().unwrap().report, Reported::Same);
    assert_eq!(key(&report, "STUDY", "StudyInstanceUID").matched, Found::Known(true));
    let accession = key(&report, "STUDY", "AccessionNumber");
    assert_eq!((&accession.matched, &accession.returned), (&Found::Known(false), &Found::Known(false)));
}

#[tokio::test]
async fn somebody_else_named_as_originator_is_not_the_right_one() {
    let report = probed(|inside| Habits { originator: Some(Some(("OTHER", 7))), ..good(inside) }, true).await;
    let moved = report.moved.known().unwrap();
    assert_eq!(moved.originator, Found::Known(Originator::Wrong("OTHER, message 7".into())));
}

#[tokio::test]
async fn a_destination_that_it_does_not_know_leaves_deliveries_unknown() {
    let habits = |inside| Habits { destination: (title("WS1"), None), commits: Commits::Same, ..good(inside) };
    let report = probed(habits, true).await;
    let moved = report.moved.known().unwrap();
    assert_eq!((moved.status.as_str(), moved.came), ("A801H", 0));
    assert!(moved.originator.known().is_none() && moved.unchanged.known().is_none());
    assert!(report.moved_for_stranger.known().is_none());
}

#[tokio::test]
async fn the_number_of_associations_is_what_it_takes_before_it_refuses() {
    let report = probed(|inside| Habits { most: 5, ..good(inside) }, false).await;
    let capacity = report.associations.known().unwrap();
    assert_eq!(capacity.taken, 5);
    assert!(capacity.refused.as_ref().unwrap().contains("2/3/2"), "{capacity:?}");
}

#[tokio::test]
async fn without_leave_to_store_nothing_is_stored_and_the_rest_is_unknown() {
    let report = probed(good, false).await;
    assert!(!report.stored && report.left_behind.is_none());
    for unknown in [report.moved.known().is_none(), report.keys.known().is_none(), report.get.known().is_none()] {
        assert!(unknown);
    }
    assert!(report.offers.iter().any(|offer| offer.name == "CT Image Storage" && offer.syntax.is_some()));
}

#[tokio::test]
async fn a_port_that_is_taken_stops_it_before_anything_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let inside = taken.local_addr().unwrap();
    // Nobody answers there: that it does not come to asking is what this shows.
    let settings = settings(folder.path(), free(), inside);
    let failed = ask(&arguments(true), &settings, &settings.archives[0]).await.unwrap_err();
    assert!(failed.0.contains("is taken") && failed.0.contains("--listen"), "{}", failed.0);
    assert_eq!(failed.1, 1);
}
