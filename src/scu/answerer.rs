//! The small acceptor behind `archive probe`: it takes what an archive delivers and says what came, from where.

use super::link::BUFFER;
use super::target::{Accepted, user_items};
use super::{Asked, LinkFault, Message};
use crate::dicom::dimse::{Field, Status};
use crate::dicom::negotiation::reject;
use crate::dicom::pdu::{AnsweredContext, AssociateAc, AssociateRq, ContextResult, ProposedContext};
use crate::dicom::sop_class::{self, Kind};
use crate::dicom::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};
use crate::dicom::{AeTitle, Uid};
use crate::net::buffer::Pool;
use crate::net::tls::Session;
use crate::net::{Wire, listen};
use rustls::ServerConfig;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

/// The most associations at a time; more wait in the listener's queue.
const MAX_ASSOCIATIONS: usize = 64;
/// Arrivals that may wait to be looked at; then the archive waits.
const WAITING: usize = 256;

/// A listening acceptor that says yes to everything: verification, storage of every class, reports of storage
/// commitment. It keeps nothing. It stops when dropped.
#[derive(Debug)]
pub struct Answerer {
    address: SocketAddr,
    arrivals: mpsc::Receiver<Arrival>,
    task: JoinHandle<()>,
}

/// Something that came.
#[derive(Debug)]
pub struct Arrival {
    /// Which association, counted from 1.
    pub association: u64,
    /// Where it comes from.
    pub from: SocketAddr,
    /// The calling title; `None` if it is none.
    pub calling: Option<AeTitle>,
    /// The called title; `None` if it is none.
    pub called: Option<AeTitle>,
    /// When.
    pub at: Instant,
    /// What came.
    pub what: What,
}

/// What came on an association.
#[derive(Debug)]
pub enum What {
    /// The association itself.
    Opened,
    /// A request, and the context it came on; it has been answered.
    Request(Box<Message>, Accepted),
    /// The end, orderly or not.
    Ended(LinkFault),
}

impl Answerer {
    /// Listens, in clear or with TLS. `patience`: how long an association may be silent.
    ///
    /// # Errors
    /// What the system says, such as an address in use.
    pub fn listen(address: SocketAddr, tls: Option<Arc<ServerConfig>>, patience: Duration) -> io::Result<Self> {
        let listener = listen::bind(address)?;
        let address = listener.local_addr()?;
        let (sender, arrivals) = mpsc::channel(WAITING);
        let pool = Arc::new(Pool::new(BUFFER, MAX_ASSOCIATIONS));
        let task = tokio::spawn(async move {
            let places = Arc::new(Semaphore::new(MAX_ASSOCIATIONS));
            let mut tasks = tokio::task::JoinSet::new();
            let mut association = 0;
            while let Ok(place) = Arc::clone(&places).acquire_owned().await {
                while tasks.try_join_next().is_some() {}
                let (tcp, from) = listen::accept(&listener).await;
                association += 1;
                let caller = Caller { association, from, tls: tls.clone(), patience, sender: sender.clone() };
                let pool = Arc::clone(&pool);
                tasks.spawn(async move {
                    caller.serve(tcp, pool).await;
                    drop(place);
                });
            }
        });
        Ok(Self { address, arrivals, task })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next arrival. Dropped while it waits, nothing is lost.
    pub async fn next(&mut self) -> Option<Arrival> {
        self.arrivals.recv().await
    }

    /// Forgets what has come so far.
    pub fn forget(&mut self) {
        while self.arrivals.try_recv().is_ok() {}
    }
}

impl Drop for Answerer {
    fn drop(&mut self) {
        // Its associations end with it: they are the task's.
        self.task.abort();
    }
}

struct Caller {
    association: u64,
    from: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    patience: Duration,
    sender: mpsc::Sender<Arrival>,
}

impl Caller {
    async fn serve(self, tcp: TcpStream, pool: Arc<Pool>) {
        let asked = match self.asked(tcp, pool).await {
            Ok(asked) => asked,
            Err(fault) => return self.say(None, What::Ended(fault)).await,
        };
        let request = asked.request().clone();
        if let Some(rj) = reject::by_user(&request) {
            asked.reject(rj).await;
            return self.say(Some(&request), What::Ended(LinkFault::Rejected(rj))).await;
        }
        self.say(Some(&request), What::Opened).await;
        let fault = self.answer(asked, &request).await;
        self.say(Some(&request), What::Ended(fault)).await;
    }

    async fn asked(&self, tcp: TcpStream, pool: Arc<Pool>) -> Result<Asked, LinkFault> {
        let mut wire = Wire::plain(tcp, self.from, pool);
        if let Some(tls) = &self.tls {
            let session = Session::server(Arc::clone(tls)).map_err(|fault| LinkFault::of_wire(fault.into()))?;
            wire = wire.with_tls(session);
            let handshake = tokio::time::timeout(self.patience, wire.handshake()).await;
            handshake.map_err(|_| LinkFault::Silent)?.map_err(LinkFault::of_wire)?;
        }
        Asked::on(wire, self.patience).await
    }

    /// Accepts and serves, to the end.
    async fn answer(&self, asked: Asked, request: &AssociateRq) -> LinkFault {
        let mut link = match asked.accept(accept(request)).await {
            Ok(link) => link,
            Err(fault) => return fault,
        };
        loop {
            let message = match link.receive().await {
                Ok(message) => message,
                Err(fault) => return fault,
            };
            let served = matches!(message.command.field, Field::EchoRq | Field::StoreRq | Field::EventReportRq);
            let status = if served { Status::SUCCESS } else { Status::UNRECOGNIZED_OPERATION };
            let Some(context) = link.all_accepted().find(|context| context.id == message.context) else { continue };
            let response = message.command.response(status);
            // First it is noted, then answered: whoever has the answer may ask what came.
            self.say(Some(request), What::Request(Box::new(message), context)).await;
            if let Some(response) = response
                && let Err(fault) = link.send(context.id, &response, None).await
            {
                return fault;
            }
        }
    }

    async fn say(&self, request: Option<&AssociateRq>, what: What) {
        let calling = request.and_then(|request| request.calling.parse().ok());
        let called = request.and_then(|request| request.called.parse().ok());
        let at = Instant::now();
        let arrival = Arrival { association: self.association, from: self.from, calling, called, at, what };
        // Nobody listens any more when the answerer is being dropped.
        let _ = self.sender.send(arrival).await;
    }
}

/// The answer: verification and commitment in plain little endian, storage in the first encoding offered.
fn accept(request: &AssociateRq) -> AssociateAc {
    let contexts = request.contexts.iter().map(|proposed| {
        let (result, syntax) = choose(proposed);
        let transfer_syntax = syntax.or(proposed.transfer_syntaxes.first().copied());
        AnsweredContext { id: proposed.id, result, transfer_syntax }
    });
    AssociateAc {
        protocol_version: 1,
        called: request.called,
        calling: request.calling,
        reserved: request.reserved,
        application_context: request.application_context,
        contexts: contexts.collect(),
        user: user_items(request.user.roles.clone()),
    }
}

fn choose(proposed: &ProposedContext) -> (ContextResult, Option<Uid>) {
    let plain = |syntax: &&Uid| [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN].contains(&syntax.as_str());
    let chosen = match sop_class::find(&proposed.abstract_syntax).map(|class| class.kind) {
        Some(Kind::Verification | Kind::Commit) => proposed.transfer_syntaxes.iter().find(plain),
        // A class that is not known is somebody's private kind of image, and is taken like one.
        Some(Kind::Storage) | None => proposed.transfer_syntaxes.first(),
        Some(_) => return (ContextResult::AbstractSyntaxNotSupported, None),
    };
    match chosen {
        Some(syntax) => (ContextResult::Acceptance, Some(*syntax)),
        None => (ContextResult::TransferSyntaxesNotSupported, None),
    }
}
