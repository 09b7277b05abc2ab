use super::{COMMIT, CT, FIND, PATIENCE, VERIFICATION, ac, acceptor, target, uid};
use crate::dicom::dimse::{Command, Field, Status, Tolerances};
use crate::dicom::negotiation::Roles;
use crate::dicom::pdu::{ContextResult, pdata};
use crate::scu::{Ask, Link, LinkFault};
use std::time::Duration;

#[tokio::test]
async fn contexts_are_found_by_class_with_what_was_negotiated() {
    let (address, script) = acceptor(|mut archive| async move {
        let rq = archive.asked().await;
        assert_eq!(rq.called, super::title("PACS").into());
        assert_eq!(rq.contexts.iter().map(|context| context.id).collect::<Vec<_>>(), [1, 3, 5]);
        let mut ac = ac(&rq);
        ac.contexts[1].result = ContextResult::AbstractSyntaxNotSupported;
        archive.say(ac.encode()).await;
        archive.confirm_release().await;
    })
    .await;
    let both = Roles { scu: true, scp: true };
    let asks = [Ask::plain(uid(VERIFICATION)), Ask::plain(uid(FIND)), Ask::plain(uid(COMMIT)).with_roles(both)];
    let mut link = Link::open(&target(&address), &asks).await.unwrap();
    assert_eq!(link.accepted(&uid(FIND)), None);
    let verification = link.accepted(&uid(VERIFICATION)).unwrap();
    assert_eq!((verification.id, verification.roles), (1, Roles::DEFAULT));
    assert_eq!(verification.syntax.as_str(), "1.2.840.10008.1.2");
    assert_eq!(link.accepted(&uid(COMMIT)).unwrap().roles, both);
    let find = Command::find_rq(1, &uid(FIND));
    assert!(matches!(link.send(3, &find, Some(&[])).await, Err(LinkFault::Context(3))));
    link.release().await.unwrap();
    script.await.unwrap();
}

#[tokio::test]
async fn a_data_set_is_cut_to_what_the_other_side_takes() {
    let (address, script) = acceptor(|mut archive| async move {
        archive.accept(512).await;
        let mut data = Vec::new();
        loop {
            let pdu = archive.pdu().await;
            assert!(pdu.len() - 6 <= 512, "{}", pdu.len());
            if pdu[11] & 1 == 0 {
                data.extend_from_slice(&pdu[12..]);
            }
            if pdu[11] == 2 {
                break;
            }
        }
        assert_eq!(data, (0..10_001).map(|at| (at % 251) as u8).collect::<Vec<_>>());
        let stored = Command::store_rq(7, &uid(CT), &uid("1.2.3")).response(Status::SUCCESS).unwrap();
        archive.say(pdata::write_message(1, &stored.encode(), None, 0)).await;
        archive.confirm_release().await;
    })
    .await;
    let mut link = Link::open(&target(&address), &[Ask::plain(uid(CT))]).await.unwrap();
    let data: Vec<u8> = (0..10_001).map(|at| (at % 251) as u8).collect();
    let answer = link.call(1, &Command::store_rq(7, &uid(CT), &uid("1.2.3")), Some(&data)).await.unwrap();
    assert_eq!(answer.command.status, Some(Status::SUCCESS));
    link.release().await.unwrap();
    script.await.unwrap();
}

#[tokio::test]
async fn requests_of_the_other_side_come_out_and_are_answered() {
    let (address, script) = acceptor(|mut archive| async move {
        archive.accept(0).await;
        let instance = uid("1.2.840.10008.1.20.1.1");
        let mut report = Command::n_request(Field::EventReportRq, 9, &uid(COMMIT), &instance, true);
        report.event_type = Some(1);
        archive.say(pdata::write_message(1, &report.encode(), Some(b"12"), 0)).await;
        let pdu = archive.pdu().await;
        let answer = Command::decode(&pdu[12..], &Tolerances::STRICT).unwrap();
        assert_eq!((answer.field, answer.responded_to), (Field::EventReportRsp, Some(9)));
        // It has no more to say, and releases of its own.
        archive.say([5, 0, 0, 0, 0, 4, 0, 0, 0, 0]).await;
        assert_eq!(archive.pdu().await[0], 6);
    })
    .await;
    let both = Roles { scu: true, scp: true };
    let mut link = Link::open(&target(&address), &[Ask::plain(uid(COMMIT)).with_roles(both)]).await.unwrap();
    let report = link.receive().await.unwrap();
    assert_eq!((report.context, report.data.as_deref()), (1, Some(&b"12"[..])));
    let answer = report.command.response(Status::SUCCESS).unwrap();
    link.send(report.context, &answer, None).await.unwrap();
    assert!(matches!(link.receive().await, Err(LinkFault::Released)));
    script.await.unwrap();
}

#[tokio::test]
async fn a_receive_that_was_dropped_loses_nothing() {
    let (gone_on, go_on) = tokio::sync::oneshot::channel();
    let (address, script) = acceptor(|mut archive| async move {
        archive.accept(0).await;
        let echo = Command::echo_rq(3, &uid(VERIFICATION)).encode();
        let bytes = pdata::write_message(1, &echo, None, 32);
        let (begin, rest) = bytes.split_at(50);
        archive.say(begin).await;
        go_on.await.unwrap();
        archive.say(rest).await;
        archive.confirm_release().await;
    })
    .await;
    let mut link = Link::open(&target(&address), &[Ask::plain(uid(VERIFICATION))]).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(50), link.receive()).await.is_err());
    gone_on.send(()).unwrap();
    assert_eq!(link.receive().await.unwrap().command.message_id, Some(3));
    link.release().await.unwrap();
    script.await.unwrap();
}

#[tokio::test]
async fn a_data_set_over_the_limit_ends_the_association() {
    let (address, script) = acceptor(|mut archive| async move {
        archive.accept(0).await;
        let store = Command::store_rq(1, &uid(CT), &uid("1.2.3")).encode();
        archive.say(pdata::write_message(1, &store, Some(&[0; 1002]), 128)).await;
        assert_eq!(archive.pdu().await[0], 7, "an A-ABORT");
    })
    .await;
    let link = Link::open(&target(&address), &[Ask::plain(uid(CT))]).await.unwrap();
    let mut link = link.with_longest(1000);
    assert!(matches!(link.receive().await, Err(LinkFault::TooLong(1000))));
    tokio::time::timeout(PATIENCE, script).await.unwrap().unwrap();
}
