use super::{COMMIT, CT, FIND, PATIENCE, VERIFICATION, target, title, uid};
use crate::dicom::dimse::{Command, Field, Status};
use crate::dicom::negotiation::Roles;
use crate::scu::{Answerer, Ask, Link, LinkFault, What};

#[tokio::test]
async fn the_answerer_takes_images_echoes_and_reports_and_tells_what_came() {
    let mut answerer = Answerer::listen("127.0.0.1:0".parse().unwrap(), None, PATIENCE).unwrap();
    let address = answerer.address().to_string();
    let report = Roles { scu: false, scp: true };
    let asks = [
        Ask::plain(uid(VERIFICATION)),
        Ask::plain(uid(CT)),
        Ask::plain(uid(FIND)),
        Ask::plain(uid(COMMIT)).with_roles(report),
        Ask::plain(uid("1.2.3.99")),
    ];
    let mut link = Link::open(&target(&address), &asks).await.unwrap();
    assert_eq!(link.accepted(&uid(FIND)), None);
    assert_eq!(link.accepted(&uid(COMMIT)).unwrap().roles, report);
    let store = Command::store_rq(5, &uid(CT), &uid("1.2.3")).moved_for(title("WS1"), 77);
    let mut event = Command::n_request(Field::EventReportRq, 6, &uid(COMMIT), &uid("1.2.840.10008.1.20.1.1"), true);
    event.event_type = Some(1);
    for (context, command, data) in [
        (1, Command::echo_rq(4, &uid(VERIFICATION)), None),
        (3, store.clone(), Some(&b"data"[..])),
        (7, event, Some(b"more")),
    ] {
        let answer = link.call(context, &command, data).await.unwrap();
        assert_eq!(answer.command.status, Some(Status::SUCCESS));
    }
    link.release().await.unwrap();

    let first = answerer.next().await.unwrap();
    assert!(matches!(first.what, What::Opened));
    assert_eq!((first.calling, first.called), (Some(title("GATE")), Some(title("PACS"))));
    assert!(first.from.ip().is_loopback());
    let mut fields = Vec::new();
    loop {
        let arrival = answerer.next().await.unwrap();
        assert_eq!(arrival.association, first.association);
        match arrival.what {
            What::Request(message, context) => {
                if message.command.field == Field::StoreRq {
                    assert_eq!((message.command, message.data.as_deref()), (store.clone(), Some(&b"data"[..])));
                    assert_eq!(context.class, uid(CT));
                } else {
                    fields.push(message.command.field);
                }
            }
            What::Ended(fault) => {
                assert!(matches!(fault, LinkFault::Released), "{fault}");
                break;
            }
            What::Opened => panic!("opened twice"),
        }
    }
    assert_eq!(fields, [Field::EchoRq, Field::EventReportRq]);
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_and_a_dropped_answerer_frees_it() {
    let answerer = Answerer::listen("127.0.0.1:0".parse().unwrap(), None, PATIENCE).unwrap();
    let address = answerer.address();
    let taken = Answerer::listen(address, None, PATIENCE).unwrap_err();
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    drop(answerer);
    let mut again = None;
    for _ in 0..1000 {
        again = Answerer::listen(address, None, PATIENCE).ok();
        if again.is_some() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(again.is_some());
}
