//! Reports for requesters that are not there.

use super::requester::{Manner, Requester};
use super::{CT, World, clock, kept, policy, snapshot, uid};
use crate::dicom::dimse::Status;

/// An address where nobody listens yet.
async fn free() -> std::net::SocketAddr {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn a_modality_that_is_off_for_an_hour_has_its_report_afterwards() {
    let address = free().await;
    let mut world = World::new(&policy(&format!("address = \"{address}\"")), clock!()).await;
    world.start();
    world.ask("PACS", "2.25.1").await;
    assert_eq!(world.report("PACS", &kept("2.25.1", &[CT])).await, Status::SUCCESS, "whatever the requester does");
    // 60 s, 120 s, 240 s, ... from one attempt to the next.
    for attempt in 1..=6 {
        world.tried(1, attempt).await;
        let due = world.waiting().await[0].1.due;
        assert_eq!(due - (world.clock.now)(), 60 << (attempt - 1));
        world.pass(60 << (attempt - 1));
    }
    world.tried(1, 7).await;
    assert_eq!(world.waiting().await[0].1.due - (world.clock.now)(), 3600, "not rarer than once an hour");
    let mut requester = Requester::listen_at(address, Manner::default()).await;
    assert!(requester.has_heard_nothing());
    world.pass(3600);
    assert_eq!(requester.told().await.report.transaction, uid("2.25.1"));
    world.tried(0, 0).await;
    assert_eq!(world.records("delivered")[0].number("attempts"), Some(8));
}

#[tokio::test]
async fn a_restart_loses_nothing() {
    let address = free().await;
    let mut world = World::new(&policy(&format!("address = \"{address}\"")), clock!()).await;
    world.start();
    for transaction in ["2.25.1", "2.25.2"] {
        world.ask("PACS", transaction).await;
    }
    world.report("PACS", &kept("2.25.1", &[CT])).await;
    world.tried(1, 1).await;
    world.restart().await;
    let mut requester = Requester::listen_at(address, Manner::default()).await;
    // The one that had been stored, and one that the archive gives only now.
    world.pass(60);
    assert_eq!(requester.told().await.report.transaction, uid("2.25.1"));
    assert_eq!(world.report("PACS", &kept("2.25.2", &[CT])).await, Status::SUCCESS);
    assert_eq!(requester.told().await.report.transaction, uid("2.25.2"));
    world.tried(0, 0).await;
}

#[tokio::test]
async fn what_is_under_way_at_a_stop_is_given_back_at_once() {
    // It accepts the connection and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let mut world = World::new(&policy(&format!("address = \"{address}\"")), clock!()).await;
    world.start();
    world.ask("PACS", "2.25.1").await;
    world.report("PACS", &kept("2.25.1", &[CT])).await;
    let _held = silent.accept().await.unwrap();
    world.stop().await;
    let now = (world.clock.now)();
    assert_eq!(world.state.due_reports(now, 8, now + 1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_nobody_took_in_its_time_is_given_up_and_said_so() {
    let mut world = World::new(&policy(&format!("address = \"{}\"", free().await)), clock!()).await;
    world.start();
    world.ask("PACS", "2.25.1").await;
    world.report("PACS", &kept("2.25.1", &[CT])).await;
    world.tried(1, 1).await;
    world.pass(30 * 86_400 - 100);
    world.tried(0, 0).await;
    let [record] = world.records("undeliverable").try_into().unwrap();
    assert!(record.text("incident").is_some());
    let words = record.text("words").unwrap();
    assert!(words.contains("commit_keep") && words.contains("cannot be reached"), "{words}");
}

#[tokio::test]
async fn a_peer_that_is_no_more_has_its_reports_dropped_and_said_so() {
    let mut world = World::new(&policy(&format!("address = \"{}\"", free().await)), clock!()).await;
    world.start();
    world.ask("PACS", "2.25.1").await;
    world.report("PACS", &kept("2.25.1", &[CT])).await;
    world.tried(1, 1).await;
    world.shared.replace(snapshot(&policy("").replace("name = \"CT\"", "name = \"CT-new\""), 2));
    world.pass(60);
    world.tried(0, 0).await;
    assert!(world.explained("undeliverable").contains("no longer has a peer of that name"));
}

#[tokio::test]
async fn a_right_taken_away_in_the_meantime_is_taken_away() {
    let address = free().await;
    let with = policy(&format!("address = \"{address}\""));
    let mut world = World::new(&with, clock!()).await;
    world.start();
    world.ask("PACS", "2.25.1").await;
    world.report("PACS", &kept("2.25.1", &[CT])).await;
    world.tried(1, 1).await;
    world.shared.replace(snapshot(&with.replace(CT, super::MR), 2));
    let mut requester = Requester::listen_at(address, Manner::default()).await;
    world.pass(60);
    let told = requester.told().await;
    assert!(told.report.committed.is_empty());
    assert_eq!(told.report.failed.len(), 1);
    world.tried(0, 0).await;
}

#[tokio::test]
async fn one_that_does_not_answer_keeps_nobody_else_waiting() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut requester = Requester::listen(Manner::default()).await;
    let peers = format!(
        "address = \"{}\"\n[[peer]]\nae_titles = [\"MR1\"]\nname = \"MR\"\ntls = \"off\"\nnetwork = [\"127.0.0.0/8\"]\ngroups = [\"m\"]\n\
         address = \"{}\"\n",
        silent.local_addr().unwrap(),
        requester.address
    );
    let mut world = World::new(&policy(&peers), clock!()).await;
    world.start();
    for number in 1..=20 {
        let transaction = format!("2.25.{number}");
        world.ask("PACS", &transaction).await;
        world.report("PACS", &kept(&transaction, &[CT])).await;
    }
    let _held = silent.accept().await.unwrap();
    let asked = super::Asked {
        person: String::new(),
        title: super::title("MR1"),
        requester_title: super::title("MR1"),
        ..super::asked("PACS", "MR", "2.25.99")
    };
    super::register(&world.commitments, asked, super::KEEP).await.unwrap();
    world.report_as("PACS", "MR1", &kept("2.25.99", &[CT])).await;
    assert_eq!(requester.told().await.report.transaction, uid("2.25.99"));
    world.stop().await;
}

#[tokio::test]
async fn a_killed_gateway_holds_nothing_back_for_long() {
    let mut requester = Requester::listen(Manner::default()).await;
    let mut world = World::new(&policy(&format!("address = \"{}\"", requester.address)), clock!()).await;
    world.ask("PACS", "2.25.1").await;
    world.report("PACS", &kept("2.25.1", &[CT])).await;
    // Taken, as by a courier that is killed before it has called anybody.
    let now = (world.clock.now)();
    assert_eq!(world.state.due_reports(now, 8, now + 20).await.unwrap().len(), 1);
    world.start();
    world.pass(21);
    assert_eq!(requester.told().await.report.transaction, uid("2.25.1"));
    world.tried(0, 0).await;
}

#[tokio::test]
async fn what_is_in_hand_is_not_taken_twice_when_its_lease_is_over() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let mut world = World::new(&policy(&format!("address = \"{address}\"")), clock!()).await;
    world.start();
    world.ask("PACS", "2.25.1").await;
    world.report("PACS", &kept("2.25.1", &[CT])).await;
    let first = silent.accept().await.unwrap();
    // Too short a moment can only hide a fault, never make one.
    let nobody_calls =
        async || tokio::time::timeout(std::time::Duration::from_millis(150), silent.accept()).await.is_err();
    for _ in 0..3 {
        world.pass(21);
        assert!(nobody_calls().await);
    }
    drop(first);
    world.tried(1, 1).await;
    assert!(nobody_calls().await, "a second copy of it was tried");
    world.stop().await;
}
