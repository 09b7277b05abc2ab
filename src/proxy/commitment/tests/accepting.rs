use super::{CT, KEEP, MR, World, asked, clock, event_report, kept, policy, reference, register, snapshot, title, uid};
use crate::dicom::commitment::{self, FAILURES_EXIST, NO_SUCH_INSTANCE, Report};
use crate::dicom::dimse::{Command, Field, Status};
use crate::dicom::transfer_syntax::Encoding;
use crate::proxy::commitment::RegisterFault;
use crate::state::{Database, Secret, State, StateFault, StateOptions};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

#[tokio::test]
async fn a_report_is_stored_before_it_is_answered() {
    let world = World::new(&policy(""), clock!()).await;
    world.ask("PACS", "2.25.1").await;
    let report = kept("2.25.1", &[CT, CT]);
    assert_eq!(world.report("PACS", &report).await, Status::SUCCESS);
    let waiting = world.waiting().await;
    let [(_, stored)] = waiting.as_slice() else { panic!("{waiting:?}") };
    assert_eq!((stored.event_type, stored.attempts), (1, 0));
    assert_eq!(stored.commitment.requester_title, title("CT1"));
    assert_eq!(commitment::read(&stored.data_set, Encoding::ExplicitLe, 1, 2), Ok(report));
    let [record] = world.records("accepted").try_into().unwrap();
    assert_eq!(record.text("peer"), Some("CT"));
    assert_eq!((record.number("committed"), record.number("withheld")), (Some(2), Some(0)));
}

#[tokio::test]
async fn what_the_requester_may_not_see_is_not_kept_for_it() {
    let world = World::new(&policy(""), clock!()).await;
    world.ask("PACS", "2.25.1").await;
    assert_eq!(world.report("PACS", &kept("2.25.1", &[CT, MR])).await, Status::SUCCESS);
    let stored = world.waiting().await.remove(0).1;
    assert_eq!(stored.event_type, FAILURES_EXIST);
    let told = commitment::read(&stored.data_set, Encoding::ExplicitLe, FAILURES_EXIST, 2).unwrap();
    assert_eq!(told.committed, [reference(CT, "1.2.0")]);
    assert_eq!(told.failed, [(reference(MR, "1.2.1"), NO_SUCH_INSTANCE)]);
    assert_eq!(world.records("accepted")[0].number("withheld"), Some(1));
}

#[tokio::test]
async fn a_report_for_nobody_or_from_another_archive_reaches_nobody() {
    let world = World::new(&policy(""), clock!()).await;
    world.ask("PACS", "2.25.1").await;
    let report = kept("2.25.1", &[CT]);
    assert_eq!(world.report("VNA", &report).await, Status(0x0115));
    assert_eq!(world.report_as("PACS", "MR1", &report).await, Status(0x0115));
    assert_eq!(world.report("PACS", &kept("2.25.2", &[CT])).await, Status(0x0115));
    assert!(world.waiting().await.is_empty());
    let refused = world.records("refused");
    assert_eq!(refused.len(), 3);
    assert!(refused.iter().all(|record| record.text("incident").is_some() && record.text("peer").is_none()));
    assert!(world.explained("refused").contains("whoever is called MR1"));
    // Each archive its own, though the numbers are the same.
    world.ask("VNA", "2.25.1").await;
    assert_eq!(world.report("VNA", &report).await, Status::SUCCESS);
    assert_eq!(world.waiting().await[0].1.commitment.key.archive, title("VNA"));
}

#[tokio::test]
async fn a_commitment_is_forgotten_after_its_time() {
    let world = World::new(&policy(""), clock!()).await;
    world.ask("PACS", "2.25.1").await;
    world.pass(30 * 86_400);
    assert_eq!(world.report("PACS", &kept("2.25.1", &[CT])).await, Status::SUCCESS);
    world.pass(1);
    assert_eq!(world.report("PACS", &kept("2.25.1", &[CT])).await, Status(0x0115));
}

#[tokio::test]
async fn a_repeated_report_takes_the_place_of_the_first() {
    let world = World::new(&policy(""), clock!()).await;
    world.ask("PACS", "2.25.1").await;
    let first = Report { committed: Vec::new(), failed: vec![(reference(CT, "1.2.0"), 0x0110)], ..kept("2.25.1", &[]) };
    assert_eq!(world.report("PACS", &first).await, Status::SUCCESS);
    assert_eq!(world.report("PACS", &kept("2.25.1", &[CT])).await, Status::SUCCESS);
    let waiting = world.waiting().await;
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].1.event_type, 1);
}

#[tokio::test]
async fn what_is_no_report_is_answered_as_the_standard_says() {
    let world = World::new(&policy(""), clock!()).await;
    world.ask("PACS", "2.25.1").await;
    let data = kept("2.25.1", &[CT]).encode(Encoding::ImplicitLe);
    let (class, instance) = (uid(commitment::SOP_CLASS), uid(commitment::SOP_INSTANCE));
    let of = |class, instance| Command {
        event_type: Some(1),
        ..Command::n_request(Field::EventReportRq, 1, class, instance, true)
    };
    for (command, data, status) in [
        (of(&uid(CT), &instance), &data[..], 0x0118),
        (of(&class, &uid("1.2.3")), &data[..], 0x0112),
        (event_report(3), &data[..], 0x0113),
        (event_report(2), &data[..], 0x0115),
        (event_report(1), &data[..data.len() - 2], 0x0115),
        (event_report(1), &[], 0x0115),
        (Command::echo_rq(1, &class), &data[..], 0x0211),
    ] {
        assert_eq!(world.arrive("PACS", "CT1", &command, data).await, Status(status), "{command:?}");
    }
    assert!(world.waiting().await.is_empty());
    assert_eq!(world.records("refused").len(), 7);
}

#[tokio::test]
async fn while_the_state_is_away_the_archive_is_to_try_again() {
    let mut world = World::new(&policy(""), clock!()).await;
    let key = world.folder.path().join("key");
    std::fs::write(&key, "00".repeat(32)).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    // Nobody listens there.
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let url = Secret::new(format!("postgres://gate@127.0.0.1:{port}/gate?sslmode=disable"));
    let options = StateOptions {
        database: Some(Database { url, ca: None, key }),
        ..StateOptions::new(world.folder.path(), Arc::new(|_| {}), world.clock.now)
    };
    world.state = State::open(options).await.unwrap();
    world.commitments = super::Commitments::new(world.state.clone(), world.clock.now);
    let fault = register(&world.commitments, asked("PACS", "CT", "2.25.1"), KEEP).await.unwrap_err();
    assert!(matches!(fault, RegisterFault::State(StateFault::Away(_))), "{fault:?}");
    assert_eq!(fault.status(), Status(0x0213));
    assert_eq!(world.report("PACS", &kept("2.25.1", &[CT])).await, Status::PROCESSING_FAILURE);
    assert_eq!(world.records("refused")[0].text("status"), Some("0110H"));
}

#[tokio::test]
async fn nobody_takes_over_the_transaction_of_another() {
    let world = World::new(&policy(""), clock!()).await;
    world.ask("PACS", "2.25.1").await;
    let stolen = register(&world.commitments, asked("PACS", "MR", "2.25.1"), KEEP).await;
    assert_eq!(stolen, Err(RegisterFault::Taken));
    assert_eq!(RegisterFault::Taken.status(), Status(0x0115));
    // Its own it may repeat, which begins the time anew.
    world.pass(86_400);
    world.ask("PACS", "2.25.1").await;
    world.pass(30 * 86_400);
    assert_eq!(world.report("PACS", &kept("2.25.1", &[CT])).await, Status::SUCCESS);
    assert_eq!(world.waiting().await[0].1.commitment.requester.as_ref(), "CT");
}

#[tokio::test]
async fn a_rule_with_hours_counts_when_the_request_was_made() {
    let world = World::new(&policy(""), clock!()).await;
    // The hour before the request of the fixed clock, long ago by that of the wall.
    let asked = jiff::Timestamp::from_second((world.clock.now)()).unwrap().to_zoned(jiff::tz::TimeZone::system());
    let minute =
        |minutes: i64| (asked.clone() + jiff::SignedDuration::from_mins(minutes)).strftime("%H:%M").to_string();
    let with_hours = format!("{}hours = \"{}-{}\"\n", policy(""), minute(-1), minute(2));
    world.shared.replace(snapshot(&with_hours, 2));
    world.ask("PACS", "2.25.1").await;
    // An archive with time at night.
    world.pass(7 * 3600);
    assert_eq!(world.report("PACS", &kept("2.25.1", &[CT])).await, Status::SUCCESS);
    assert_eq!(world.waiting().await[0].1.event_type, 1);
}
