//! A link against an acceptor that the test plays byte by byte, against the answerer, and over TLS.

mod answerer;
mod faults;
mod messages;
mod tls;

use super::Target;
use crate::dicom::pdu::{AnsweredContext, AssociateAc, AssociateRq, ContextResult, Pdu, ProposedContext};
use crate::dicom::{AeTitle, Uid};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const VERIFICATION: &str = "1.2.840.10008.1.1";
const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";
const COMMIT: &str = "1.2.840.10008.1.20.1";
const PATIENCE: Duration = Duration::from_secs(10);

fn uid(text: &str) -> Uid {
    Uid::new(text).unwrap()
}

fn title(text: &str) -> AeTitle {
    AeTitle::new(text).unwrap()
}

fn target(address: &str) -> Target<'_> {
    let (calling, called) = (title("GATE"), title("PACS"));
    Target { address, bind: None, within: &[], tls: None, calling, called, connect: PATIENCE, answer: PATIENCE }
}

/// The other end of a connection: whole PDUs in, bytes out.
struct Script(TcpStream);

impl Script {
    async fn pdu(&mut self) -> Vec<u8> {
        let mut pdu = vec![0; 6];
        self.0.read_exact(&mut pdu).await.unwrap();
        let length = u32::from_be_bytes([pdu[2], pdu[3], pdu[4], pdu[5]]) as usize;
        pdu.resize(6 + length, 0);
        self.0.read_exact(&mut pdu[6..]).await.unwrap();
        pdu
    }

    async fn asked(&mut self) -> AssociateRq {
        AssociateRq::decode(&self.pdu().await).unwrap()
    }

    async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Accepts everything that is asked, and takes at most so many bytes at a time.
    async fn accept(&mut self, max_length: u32) {
        let rq = self.asked().await;
        let mut ac = ac(&rq);
        ac.user.max_length = max_length;
        self.say(ac.encode()).await;
    }

    async fn confirm_release(&mut self) {
        assert_eq!(self.pdu().await, Pdu::ReleaseRq.encode());
        self.say(Pdu::ReleaseRp.encode()).await;
    }
}

fn ac(rq: &AssociateRq) -> AssociateAc {
    let accept = |context: &ProposedContext| AnsweredContext {
        id: context.id,
        result: ContextResult::Acceptance,
        transfer_syntax: context.transfer_syntaxes.last().copied(),
    };
    AssociateAc {
        protocol_version: 1,
        called: rq.called,
        calling: rq.calling,
        reserved: rq.reserved,
        application_context: rq.application_context,
        contexts: rq.contexts.iter().map(accept).collect(),
        user: rq.user.clone(),
    }
}

/// A listener whose first caller is served by `script`; its address.
async fn acceptor<F, Playing>(script: F) -> (String, JoinHandle<()>)
where
    F: FnOnce(Script) -> Playing + Send + 'static,
    Playing: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let task = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        script(Script(tcp)).await;
    });
    (address, task)
}
