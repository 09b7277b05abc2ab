use super::{CT, PATIENCE, VERIFICATION, acceptor, target, uid};
use crate::dicom::dimse::Command;
use crate::dicom::pdu::{Abort, AssociateRj, pdata};
use crate::scu::{Ask, Link, LinkFault, Target};
use std::time::Duration;

async fn echo(target: &Target<'_>) -> LinkFault {
    Link::open(target, &[Ask::plain(uid(VERIFICATION))]).await.unwrap_err()
}

#[tokio::test]
async fn a_rejection_is_told_in_words() {
    let (address, script) = acceptor(|mut archive| async move {
        archive.asked().await;
        archive.say(AssociateRj { result: 1, source: 1, reason: 3 }.encode()).await;
    })
    .await;
    let fault = echo(&target(&address)).await;
    assert!(matches!(fault, LinkFault::Rejected(_)));
    assert_eq!(fault.to_string(), "it rejected the association: calling title not recognised, for good (1/1/3)");
    script.await.unwrap();
}

#[tokio::test]
async fn whatever_comes_instead_of_an_answer_is_a_fault() {
    for (says, expected) in [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), "malformed"),
        (Abort::provider(2).encode(), "aborted"),
        (vec![6, 0, 0, 0, 0, 4, 0, 0, 0, 0], "malformed"),
        (vec![4, 0, 0, 0, 0, 6, 0, 0, 0, 2, 1, 3], "malformed"),
        (Vec::new(), "hung up"),
    ] {
        let (address, script) = acceptor(move |mut archive| async move {
            archive.asked().await;
            archive.say(says).await;
        })
        .await;
        let fault = echo(&target(&address)).await.to_string();
        assert!(fault.contains(expected), "{fault} is not {expected}");
        script.await.unwrap();
    }
}

#[tokio::test]
async fn nobody_there_and_nobody_who_answers_are_told_apart() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let impatient = Target { answer: Duration::from_millis(50), ..target(&address) };
    assert!(matches!(echo(&impatient).await, LinkFault::Silent));
    drop(listener);
    assert!(matches!(echo(&target(&address)).await, LinkFault::Away(_)));
}

#[tokio::test]
async fn an_association_that_ends_under_way_says_how() {
    for (says, expected) in [
        (Some(Abort::user().to_bytes().to_vec()), "aborted"),
        (None, "hung up"),
        // Half a message, then a release: no message.
        (
            Some(
                [
                    &pdata::write_message(1, &Command::store_rq(1, &uid(CT), &uid("1.2")).encode(), None, 0)[..],
                    &[5, 0, 0, 0, 0, 4, 0, 0, 0, 0],
                ]
                .concat(),
            ),
            "a release inside a message",
        ),
        // On a context that was not accepted.
        (Some(pdata::write_message(9, &Command::echo_rq(1, &uid(VERIFICATION)).encode(), None, 0)), "not accepted"),
    ] {
        let (address, script) = acceptor(move |mut archive| async move {
            archive.accept(0).await;
            if let Some(says) = says {
                archive.say(says).await;
            }
        })
        .await;
        let mut link = Link::open(&target(&address), &[Ask::plain(uid(VERIFICATION))]).await.unwrap();
        let fault = link.receive().await.unwrap_err().to_string();
        assert!(fault.contains(expected), "{fault} is not {expected}");
        script.await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_to_something_else_is_none() {
    let (address, script) = acceptor(|mut archive| async move {
        archive.accept(0).await;
        archive.pdu().await;
        let other = Command::echo_rq(8, &uid(VERIFICATION)).response(crate::dicom::dimse::Status::SUCCESS).unwrap();
        archive.say(pdata::write_message(1, &other.encode(), None, 0)).await;
        assert_eq!(archive.pdu().await[0], 7, "an A-ABORT");
    })
    .await;
    let mut link = Link::open(&target(&address), &[Ask::plain(uid(VERIFICATION))]).await.unwrap();
    let fault = link.call(1, &Command::echo_rq(7, &uid(VERIFICATION)), None).await.unwrap_err();
    assert!(matches!(fault, LinkFault::Malformed(_)));
    tokio::time::timeout(PATIENCE, script).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_cannot_be_asked_is_not_dialled() {
    let many = vec![Ask::plain(uid(CT)); 129];
    assert!(matches!(Link::open(&target("127.0.0.1:1"), &many).await, Err(LinkFault::Asks(129))));
    assert!(matches!(Link::open(&target("127.0.0.1:1"), &[]).await, Err(LinkFault::Asks(0))));
    for address in ["127.0.0.1", "127.0.0.1:", ":104", "[::1:104", "ct1:70000"] {
        assert!(matches!(echo(&target(address)).await, LinkFault::Address(_)), "{address}");
    }
}
