//! A requester that takes reports on associations, and answers as the test wants.

use super::{PATIENCE, uid};
use crate::dicom::commitment::{self, Report};
use crate::dicom::dimse::{Command, Status, Tolerances};
use crate::dicom::pdu::{AnsweredContext, AssociateAc, AssociateRq, ContextResult, Pdu, Role, pdata};
use crate::dicom::transfer_syntax::encoding_of;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// What came.
#[derive(Debug)]
pub struct Told {
    pub association: u64,
    pub request: AssociateRq,
    pub command: Command,
    pub report: Report,
}

/// Listens until dropped.
pub struct Requester {
    pub address: SocketAddr,
    told: mpsc::Receiver<Told>,
    task: JoinHandle<()>,
}

/// How it behaves.
#[derive(Clone, Default)]
pub struct Manner {
    /// Its answers; 0000H when there are no more.
    pub answers: Arc<Mutex<VecDeque<u16>>>,
    /// Its 54H.
    pub roles: Option<(bool, bool)>,
    /// It hangs up after each report.
    pub hangs_up: bool,
    /// It accepts no context.
    pub refuses: bool,
}

impl Requester {
    pub async fn listen(manner: Manner) -> Self {
        Self::listen_at("127.0.0.1:0".parse().unwrap(), manner).await
    }

    pub async fn listen_at(address: SocketAddr, manner: Manner) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, told) = mpsc::channel(64);
        let task = tokio::spawn(async move {
            for association in 1.. {
                let (tcp, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(tcp, association, manner.clone(), sender.clone()));
            }
        });
        Self { address, told, task }
    }

    pub async fn told(&mut self) -> Told {
        tokio::time::timeout(PATIENCE, self.told.recv()).await.expect("nothing came").unwrap()
    }

    pub fn has_heard_nothing(&mut self) -> bool {
        self.told.try_recv().is_err()
    }
}

impl Drop for Requester {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut tcp: TcpStream, association: u64, manner: Manner, told: mpsc::Sender<Told>) -> Option<()> {
    let request = AssociateRq::decode(&pdu(&mut tcp).await?).unwrap();
    let answer = answer(&request, &manner);
    let syntax = answer.contexts[0].transfer_syntax.unwrap();
    tcp.write_all(&answer.encode()).await.ok()?;
    let (mut command, mut data) = (Vec::new(), Vec::new());
    loop {
        let pdu = pdu(&mut tcp).await?;
        if pdu[0] != 4 {
            if pdu == Pdu::ReleaseRq.encode() {
                tcp.write_all(&Pdu::ReleaseRp.encode()).await.ok()?;
            }
            return None;
        }
        let mut rest = &pdu[6..];
        while let [a, b, c, d, context, control, ..] = *rest {
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            let target = if control & 1 == 1 { &mut command } else { &mut data };
            target.extend_from_slice(&rest[6..4 + length]);
            rest = &rest[4 + length..];
            if control != 2 {
                continue;
            }
            let asked = Command::decode(&command, &Tolerances::STRICT).unwrap();
            let event_type = asked.event_type.unwrap();
            let most = commitment::MOST_REFERENCES;
            let report = commitment::read(&data, encoding_of(&syntax), event_type, most).unwrap();
            (command, data) = (Vec::new(), Vec::new());
            let status = manner.answers.lock().unwrap().pop_front().unwrap_or(0);
            let response = asked.response(Status(status)).unwrap().encode();
            told.send(Told { association, request: request.clone(), command: asked, report }).await.ok()?;
            tcp.write_all(&pdata::write_message(context, &response, None, 0)).await.ok()?;
            if manner.hangs_up {
                return None;
            }
        }
    }
}

fn answer(request: &AssociateRq, manner: &Manner) -> AssociateAc {
    let result = if manner.refuses { ContextResult::UserRejection } else { ContextResult::Acceptance };
    let contexts = request.contexts.iter().map(|context| AnsweredContext {
        id: context.id,
        result,
        transfer_syntax: context.transfer_syntaxes.last().copied(),
    });
    let mut user = request.user.clone();
    let role = |(scu, scp)| Role { sop_class: uid(commitment::SOP_CLASS), scu, scp };
    user.roles = manner.roles.map(role).into_iter().collect();
    AssociateAc {
        protocol_version: 1,
        called: request.called,
        calling: request.calling,
        reserved: request.reserved,
        application_context: request.application_context,
        contexts: contexts.collect(),
        user,
    }
}

async fn pdu(tcp: &mut TcpStream) -> Option<Vec<u8>> {
    let mut pdu = vec![0; 6];
    tcp.read_exact(&mut pdu).await.ok()?;
    let length = u32::from_be_bytes([pdu[2], pdu[3], pdu[4], pdu[5]]) as usize;
    pdu.resize(6 + length, 0);
    tcp.read_exact(&mut pdu[6..]).await.ok()?;
    Some(pdu)
}
