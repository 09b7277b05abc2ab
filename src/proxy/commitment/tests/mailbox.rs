use super::super::mailbox::{Mailboxes, Undelivered};
use super::{CT, kept, title, uid};
use crate::dicom::dimse::Status;
use std::sync::Arc;
use tokio::sync::Notify;

fn mailboxes() -> Arc<Mailboxes> {
    Arc::new(Mailboxes::new(Arc::new(Notify::new())))
}

#[tokio::test]
async fn a_report_comes_to_the_association_that_asked() {
    let mailboxes = mailboxes();
    let peer = Arc::from("CT");
    let mut asked = mailboxes.open(&peer, title("CT1"));
    let mut newest = mailboxes.open(&peer, title("CT1"));
    asked.asked(uid("2.25.1"));
    let post = |transaction: &str| mailboxes.post(&peer, title("CT1"), &Arc::new(kept(transaction, &[CT]))).unwrap();
    let answer = post("2.25.1");
    asked.next().await.unwrap().answer(Ok(Status::SUCCESS));
    assert_eq!(answer.await, Ok(Ok(Status::SUCCESS)));
    let answer = post("2.25.2");
    newest.next().await.unwrap().answer(Err(Undelivered::Silent));
    assert_eq!(answer.await, Ok(Err(Undelivered::Silent)));
    // What asked has ended: the other one will do.
    drop(asked);
    let _answer = post("2.25.1");
    assert!(newest.next().await.unwrap().command(7).unwrap().message_id == Some(7));
}

#[tokio::test]
async fn a_mailbox_is_its_peers_and_titles_and_closes_with_its_association() {
    let mailboxes = mailboxes();
    let (ct, mr) = (Arc::from("CT"), Arc::from("MR"));
    let report = Arc::new(kept("2.25.1", &[CT]));
    let mailbox = mailboxes.open(&ct, title("CT1"));
    assert!(mailboxes.post(&mr, title("CT1"), &report).is_none());
    assert!(mailboxes.post(&ct, title("CT2"), &report).is_none());
    let answer = mailboxes.post(&ct, title("CT1"), &report).unwrap();
    drop(mailbox);
    assert!(answer.await.is_err(), "what lay in the mailbox comes back");
    assert!(mailboxes.post(&ct, title("CT1"), &report).is_none());
    assert_eq!(mailboxes.opened(), [(ct, title("CT1"))]);
    assert!(mailboxes.opened().is_empty());
}

#[tokio::test]
async fn a_mailbox_is_bounded() {
    let mailboxes = mailboxes();
    let peer = Arc::from("CT");
    let _full = mailboxes.open(&peer, title("CT1"));
    let report = Arc::new(kept("2.25.1", &[CT]));
    let posted: Vec<_> = (0..100).map_while(|_| mailboxes.post(&peer, title("CT1"), &report)).collect();
    assert_eq!(posted.len(), 4);
}
