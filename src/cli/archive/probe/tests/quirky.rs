//! An archive with habits that a test gives it.

use crate::dicom::dataset::write::{DataSet, Flat};
use crate::dicom::dimse::{Command, Counters, Field, Status};
use crate::dicom::pdu::{AnsweredContext, AssociateAc, AssociateRj, AssociateRq, ContextResult, UserItems};
use crate::dicom::transfer_syntax::encoding_of;
use crate::dicom::{AeTitle, Tag, Uid, sop_class};
use crate::net::buffer::Pool;
use crate::net::{Wire, listen};
use crate::scu::{Ask, Asked, Link, LinkFault, Message, Target};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);
const COMMIT_INSTANCE: &str = "1.2.840.10008.1.20.1.1";

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Commits {
    Same,
    New,
}

#[derive(Clone)]
pub struct Habits {
    /// Deliveries say who asked: rightly, or what else.
    pub originator: Option<Option<(&'static str, u16)>>,
    /// Under this title.
    pub delivers_as: &'static str,
    /// Only after the final response.
    pub late: bool,
    /// Each on an association of its own, all at once.
    pub spread: bool,
    pub commits: Commits,
    /// Titles that may call; empty: all.
    pub knows: &'static [&'static str],
    /// How many may call at once.
    pub most: usize,
    /// Keeps what came first.
    pub keeps_first: bool,
    /// Looks at the unique keys of a query alone.
    pub unique_keys_only: bool,
    /// Where the only destination is.
    pub destination: (AeTitle, Option<SocketAddr>),
}

struct Stored {
    class: Uid,
    syntax: Uid,
    data: Vec<u8>,
}

pub struct Quirky {
    habits: Habits,
    open: AtomicUsize,
    stored: Mutex<BTreeMap<Uid, Stored>>,
}

pub fn start(habits: Habits) -> SocketAddr {
    let listener = listen::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let archive = Arc::new(Quirky { habits, open: AtomicUsize::new(0), stored: Mutex::default() });
    tokio::spawn(async move {
        loop {
            let (tcp, from) = listen::accept(&listener).await;
            let archive = Arc::clone(&archive);
            let wire = Wire::plain(tcp, from, Arc::new(Pool::new(65_536, 1)));
            tokio::spawn(async move {
                if let Ok(asked) = Asked::on(wire, PATIENCE).await {
                    archive.serve(asked).await;
                }
            });
        }
    });
    address
}

impl Quirky {
    async fn serve(self: Arc<Self>, asked: Asked) {
        let calling: AeTitle = asked.request().calling.parse().unwrap();
        if !self.habits.knows.is_empty() && !self.habits.knows.contains(&calling.as_str()) {
            return asked.reject(AssociateRj { result: 1, source: 1, reason: 3 }).await;
        }
        if self.open.fetch_add(1, Ordering::SeqCst) >= self.habits.most {
            self.open.fetch_sub(1, Ordering::SeqCst);
            return asked.reject(AssociateRj { result: 2, source: 3, reason: 2 }).await;
        }
        let answer = accept(asked.request());
        if let Ok(mut link) = asked.accept(answer).await {
            while let Ok(message) = link.receive().await {
                if Arc::clone(&self).answer(&mut link, &message, calling).await.is_err() {
                    break;
                }
            }
        }
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    async fn answer(self: Arc<Self>, link: &mut Link, message: &Message, calling: AeTitle) -> Result<(), LinkFault> {
        let context = link.all_accepted().find(|context| context.id == message.context).unwrap();
        let encoding = encoding_of(&context.syntax);
        let done = message.command.response(Status::SUCCESS).unwrap();
        match message.command.field {
            Field::EchoRq => link.send(context.id, &done, None).await,
            Field::StoreRq => {
                let instance = message.command.affected_sop_instance.unwrap();
                let stored =
                    Stored { class: context.class, syntax: context.syntax, data: message.data.clone().unwrap() };
                let repeated = {
                    let mut all = self.stored.lock().unwrap();
                    let repeated = all.contains_key(&instance);
                    if !(repeated && self.habits.keeps_first) {
                        all.insert(instance, stored);
                    }
                    repeated
                };
                let status = if repeated { Status::DUPLICATE_SOP_INSTANCE } else { Status::SUCCESS };
                link.send(context.id, &message.command.response(status).unwrap(), None).await
            }
            Field::FindRq => {
                let asked = Flat::read(message.data.as_deref().unwrap(), encoding).unwrap();
                for answer in self.find(&asked) {
                    let pending = message.command.response(Status::PENDING).unwrap().with_data_set();
                    link.send(context.id, &pending, Some(&answer.encode(encoding))).await?;
                }
                link.send(context.id, &done, None).await
            }
            Field::MoveRq => {
                let number = message.command.message_id.unwrap();
                let Some(at) = self.habits.destination.1 else {
                    let unknown = message.command.response(Status::MOVE_DESTINATION_UNKNOWN).unwrap();
                    return link.send(context.id, &unknown, None).await;
                };
                if self.habits.late {
                    let archive = Arc::clone(&self);
                    let done = done.with_counters(Counters { completed: Some(4), ..Counters::NONE_BEGUN });
                    link.send(context.id, &done, None).await?;
                    // What is on its way has been taken when it answers the next message.
                    tokio::spawn(async move { archive.deliver(at, calling, number).await });
                    return Ok(());
                }
                self.deliver(at, calling, number).await;
                link.send(context.id, &done, None).await
            }
            Field::ActionRq => {
                link.send(context.id, &done, None).await?;
                let asked = Flat::read(message.data.as_deref().unwrap(), encoding).unwrap();
                let transaction = asked.get(Tag(0x0008, 0x1195)).unwrap().to_vec();
                self.report(link, calling, &transaction).await
            }
            _ => match message.command.response(Status::UNRECOGNIZED_OPERATION) {
                Some(no) => link.send(context.id, &no, None).await,
                None => Ok(()),
            },
        }
    }

    fn find(&self, asked: &Flat) -> Vec<DataSet> {
        let stored = self.stored.lock().unwrap();
        let unique = [Tag(0x0010, 0x0020), Tag(0x0020, 0x000d), Tag(0x0020, 0x000e), Tag(0x0008, 0x0018)];
        let fits = |object: &Flat| {
            asked.iter().filter(|(tag, value)| *tag != Tag(0x0008, 0x0052) && !value.is_empty()).all(|(tag, value)| {
                let looked_at = !self.habits.unique_keys_only || unique.contains(&tag);
                !looked_at || object.get(tag).is_none_or(|held| held == value)
            })
        };
        let objects = stored.values().map(|one| Flat::read(&one.data, encoding_of(&one.syntax)).unwrap());
        let answer = |object: Flat| {
            asked.iter().fold(DataSet::new(), |set, (tag, _)| {
                // Unique keys come back; the rest only from an archive that looks at them.
                let shown = !self.habits.unique_keys_only || unique.contains(&tag);
                set.with(tag, b"UN", if shown { object.get(tag).unwrap_or_default() } else { &[] })
            })
        };
        objects.filter(fits).map(answer).collect()
    }

    async fn deliver(self: Arc<Self>, at: SocketAddr, asked_by: AeTitle, number: u16) {
        let objects: Vec<(Uid, Uid, Uid, Vec<u8>)> = {
            let stored = self.stored.lock().unwrap();
            stored.iter().map(|(uid, one)| (*uid, one.class, one.syntax, one.data.clone())).collect()
        };
        let mut links = Vec::new();
        for (instance, class, syntax, data) in objects {
            if links.is_empty() || self.habits.spread {
                let ask = Ask { class, syntaxes: vec![syntax], roles: None };
                links.push(self.call(at, ask).await);
            }
            let command = Command::store_rq(1, &class, &instance);
            let command = match self.habits.originator {
                Some(None) => command.moved_for(asked_by, number),
                Some(Some((title, number))) => command.moved_for(AeTitle::new(title).unwrap(), number),
                None => command,
            };
            links.last_mut().unwrap().call(1, &command, Some(&data)).await.unwrap();
        }
        for link in links {
            link.release().await.unwrap();
        }
    }

    async fn call(&self, at: SocketAddr, ask: Ask) -> Link {
        let (address, calling) = (at.to_string(), AeTitle::new(self.habits.delivers_as).unwrap());
        let called = self.habits.destination.0;
        let (bind, tls, connect, answer) = (None, None, PATIENCE, PATIENCE);
        Link::open(&Target { address: &address, bind, within: &[], tls, calling, called, connect, answer }, &[ask])
            .await
            .unwrap()
    }

    async fn report(&self, link: &mut Link, asked_by: AeTitle, transaction: &[u8]) -> Result<(), LinkFault> {
        let class: Uid = sop_class::STORAGE_COMMITMENT_PUSH.parse().unwrap();
        let instance: Uid = COMMIT_INSTANCE.parse().unwrap();
        let mut command = Command::n_request(Field::EventReportRq, 9, &class, &instance, true);
        command.event_type = Some(1);
        let data =
            |syntax: &Uid| DataSet::new().with(Tag(0x0008, 0x1195), b"UI", transaction).encode(encoding_of(syntax));
        match (self.habits.commits, self.habits.destination.1) {
            (Commits::Same, _) => {
                let context = link.accepted(&class).unwrap();
                link.call(context.id, &command, Some(&data(&context.syntax))).await.map(drop)
            }
            (Commits::New, Some(at)) => {
                let mut out = self.call(at, Ask::plain(class)).await;
                let context = out.accepted(&class).unwrap();
                out.call(context.id, &command, Some(&data(&context.syntax))).await?;
                let _ = asked_by;
                out.release().await
            }
            _ => Ok(()),
        }
    }
}

fn accept(rq: &AssociateRq) -> AssociateAc {
    let contexts = rq.contexts.iter().map(|context| AnsweredContext {
        id: context.id,
        result: ContextResult::Acceptance,
        transfer_syntax: context.transfer_syntaxes.first().copied(),
    });
    AssociateAc {
        protocol_version: 1,
        called: rq.called,
        calling: rq.calling,
        reserved: rq.reserved,
        application_context: rq.application_context,
        contexts: contexts.collect(),
        user: UserItems { max_length: 16_384, roles: rq.user.roles.clone(), ..UserItems::default() },
    }
}
