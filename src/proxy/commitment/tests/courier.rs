use super::requester::{Manner, Requester};
use super::{CT, MR, PATIENCE, World, clock, kept, policy, reference, title, uid};
use crate::dicom::commitment::{self, FAILURES_EXIST, NO_SUCH_INSTANCE, Report};
use crate::dicom::dimse::Status;
use crate::dicom::pdu::Role;
use crate::proxy::commitment::{Mailbox, Undelivered};
use std::sync::Arc;

fn at(requester: &Requester, more: &str) -> String {
    policy(&format!("address = \"{}\"\n{more}", requester.address))
}

async fn next(mailbox: &mut Mailbox) -> crate::proxy::commitment::Delivery {
    tokio::time::timeout(PATIENCE, mailbox.next()).await.expect("nothing came").unwrap()
}

#[tokio::test]
async fn a_report_goes_to_the_requesters_address_as_from_the_archive() {
    let mut requester = Requester::listen(Manner::default()).await;
    let mut world = World::new(&at(&requester, ""), clock!()).await;
    world.start();
    world.ask("PACS", "2.25.1").await;
    let report = Report { failed: vec![(reference(CT, "1.2.9"), 0x0213)], ..kept("2.25.1", &[CT, MR]) };
    assert_eq!(world.report("PACS", &report).await, Status::SUCCESS);
    let told = requester.told().await;
    assert_eq!(told.request.called.parse().unwrap(), title("CT1"));
    assert_eq!(told.request.calling.parse().unwrap(), title("HOSPITAL"), "the title by which peers know the archive");
    assert_eq!(told.request.user.roles, [Role { sop_class: uid(commitment::SOP_CLASS), scu: false, scp: true }]);
    assert_eq!(told.command.event_type, Some(FAILURES_EXIST));
    assert_eq!(told.command.affected_sop_instance, Some(uid(commitment::SOP_INSTANCE)));
    assert_eq!(told.report.committed, [reference(CT, "1.2.0")]);
    let failed = [(reference(CT, "1.2.9"), 0x0213), (reference(MR, "1.2.1"), NO_SUCH_INSTANCE)];
    assert_eq!(told.report.failed, failed);
    world.tried(0, 0).await;
    let [delivered] = world.records("delivered").try_into().unwrap();
    assert_eq!((delivered.text("over"), delivered.text("status")), (Some("new"), Some("0000H")));
    world.stop().await;
    assert!(requester.has_heard_nothing());
}

#[tokio::test]
async fn an_open_association_is_used_before_a_new_one() {
    let mut requester = Requester::listen(Manner::default()).await;
    let mut world = World::new(&at(&requester, ""), clock!()).await;
    world.start();
    let mut mailbox = world.commitments.mailboxes().open(&Arc::from("CT"), title("CT1"));
    world.ask("PACS", "2.25.1").await;
    world.report("PACS", &kept("2.25.1", &[CT])).await;
    let delivery = next(&mut mailbox).await;
    assert_eq!(delivery.command(3).unwrap().event_type, Some(1));
    delivery.answer(Ok(Status::SUCCESS));
    world.tried(0, 0).await;
    assert!(requester.has_heard_nothing());
    assert_eq!(world.records("delivered")[0].text("over"), Some("same"));
    // An association that ends with the report in its mailbox: a new one.
    world.ask("PACS", "2.25.2").await;
    world.report("PACS", &kept("2.25.2", &[CT])).await;
    let delivery = next(&mut mailbox).await;
    drop((delivery, mailbox));
    assert_eq!(requester.told().await.report.transaction, uid("2.25.2"));
    world.tried(0, 0).await;
}

#[tokio::test]
async fn new_means_a_new_association_even_if_one_is_open() {
    let mut requester = Requester::listen(Manner::default()).await;
    let mut world = World::new(&at(&requester, "commit_report = \"new\""), clock!()).await;
    world.start();
    let mut mailbox = world.commitments.mailboxes().open(&Arc::from("CT"), title("CT1"));
    world.ask("PACS", "2.25.1").await;
    world.report("PACS", &kept("2.25.1", &[CT])).await;
    requester.told().await;
    world.tried(0, 0).await;
    assert!(tokio::time::timeout(std::time::Duration::ZERO, mailbox.next()).await.is_err());
}

#[tokio::test]
async fn same_waits_until_an_association_opens() {
    let mut requester = Requester::listen(Manner::default()).await;
    let mut world = World::new(&at(&requester, "commit_report = \"same\""), clock!()).await;
    world.start();
    for transaction in ["2.25.1", "2.25.2"] {
        world.ask("PACS", transaction).await;
        world.report("PACS", &kept(transaction, &[CT])).await;
    }
    world.tried(2, 1).await;
    // No clock moves: it is the association that makes them due.
    let mut mailbox = world.commitments.mailboxes().open(&Arc::from("CT"), title("CT1"));
    next(&mut mailbox).await.answer(Ok(Status::SUCCESS));
    next(&mut mailbox).await.answer(Ok(Status::SUCCESS));
    world.tried(0, 0).await;
    assert!(requester.has_heard_nothing());
}

#[tokio::test]
async fn an_association_that_does_not_deliver_is_tried_again_later() {
    let mut world = World::new(&policy("commit_report = \"same\""), clock!()).await;
    world.start();
    let mut mailbox = world.commitments.mailboxes().open(&Arc::from("CT"), title("CT1"));
    world.ask("PACS", "2.25.1").await;
    world.report("PACS", &kept("2.25.1", &[CT])).await;
    next(&mut mailbox).await.answer(Err(Undelivered::Silent));
    world.tried(1, 1).await;
    world.pass(60);
    next(&mut mailbox).await.answer(Ok(Status::PROCESSING_FAILURE));
    world.tried(1, 2).await;
    world.pass(119);
    world.pass(1);
    next(&mut mailbox).await.answer(Ok(Status::SUCCESS));
    world.tried(0, 0).await;
    assert_eq!(world.records("delivered")[0].number("attempts"), Some(3));
}

#[tokio::test]
async fn a_requester_that_answers_with_a_failure_is_asked_again() {
    let manner = Manner::default();
    manner.answers.lock().unwrap().extend([0x0110, 0x0107]);
    let mut requester = Requester::listen(manner).await;
    let mut world = World::new(&at(&requester, ""), clock!()).await;
    world.start();
    world.ask("PACS", "2.25.1").await;
    world.report("PACS", &kept("2.25.1", &[CT])).await;
    for (attempts, wait) in [(1, 60), (2, 120)] {
        requester.told().await;
        world.tried(1, attempts).await;
        world.pass(wait);
    }
    requester.told().await;
    world.tried(0, 0).await;
    assert_eq!(world.records("delivered").len(), 1);
}

#[tokio::test]
async fn ten_thousand_references_pass() {
    let mut requester = Requester::listen(Manner::default()).await;
    let mut world = World::new(&at(&requester, ""), clock!()).await;
    world.start();
    world.ask("PACS", "2.25.1").await;
    let report = kept("2.25.1", &[CT; 10_000]);
    assert_eq!(world.report("PACS", &report).await, Status::SUCCESS);
    assert_eq!(requester.told().await.report, report);
    world.tried(0, 0).await;
}

#[tokio::test]
async fn several_reports_share_an_association_and_one_that_takes_but_one_gets_several() {
    for (hangs_up, associations) in [(false, vec![1, 1, 1]), (true, vec![1, 2, 3])] {
        let mut requester = Requester::listen(Manner { hangs_up, ..Manner::default() }).await;
        let mut world = World::new(&at(&requester, ""), clock!()).await;
        for transaction in ["2.25.1", "2.25.2", "2.25.3"] {
            world.ask("PACS", transaction).await;
            world.report("PACS", &kept(transaction, &[CT])).await;
        }
        world.start();
        let mut used = Vec::new();
        for _ in 0..3 {
            used.push(requester.told().await.association);
        }
        assert_eq!(used, associations);
        world.tried(0, 0).await;
    }
}

#[tokio::test]
async fn nobody_is_told_who_does_not_want_to_be() {
    for (manner, words) in [
        (Manner { refuses: true, ..Manner::default() }, "does not accept Storage Commitment"),
        (Manner { roles: Some((true, false)), ..Manner::default() }, "does not let the gateway be SCP"),
    ] {
        let mut requester = Requester::listen(manner).await;
        let mut world = World::new(&at(&requester, ""), clock!()).await;
        world.start();
        world.ask("PACS", "2.25.1").await;
        world.report("PACS", &kept("2.25.1", &[CT])).await;
        world.tried(1, 1).await;
        assert!(requester.has_heard_nothing());
        world.pass(30 * 86_400 - 100);
        world.tried(0, 0).await;
        let explained = world.explained("undeliverable");
        assert!(explained.contains(words), "{explained}");
    }
}

#[tokio::test]
async fn a_requester_that_is_to_be_called_over_tls_is_never_called_without() {
    let mut requester = Requester::listen(Manner::default()).await;
    let plain = at(&requester, "");
    // A peer that does TLS, in a gateway that has none.
    let world_policy = plain.replace("tls = \"off\"\n", "certificate = \"ct1.example\"\n");
    let mut world = World::new(&plain, clock!()).await;
    world.shared.replace(super::snapshot(&world_policy, 2));
    world.start();
    world.ask("PACS", "2.25.1").await;
    world.report("PACS", &kept("2.25.1", &[CT])).await;
    world.tried(1, 1).await;
    assert!(requester.has_heard_nothing());
}
