//! A small archive in memory: C-STORE, C-FIND, C-GET, and one habit.

use crate::dicom::dataset::write::{DataSet, Flat};
use crate::dicom::dimse::{Command, Field, Status};
use crate::dicom::pdu::{AnsweredContext, AssociateAc, AssociateRj, AssociateRq, ContextResult};
use crate::dicom::transfer_syntax::{
    EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, encoding_of, is_encapsulated,
};
use crate::dicom::{AeTitle, Tag, Uid};
use crate::net::Wire;
use crate::net::buffer::Pool;
use crate::scu::{Accepted, Asked, Link, LinkFault, Message, Target};
use crate::transform::recode::Recode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

pub const PATIENCE: Duration = Duration::from_secs(20);

/// An object as it is held.
#[derive(Debug, Clone)]
pub struct Held {
    pub class: Uid,
    pub instance: Uid,
    pub study: Uid,
    pub series: Uid,
    pub syntax: Uid,
    pub data: Vec<u8>,
    pub since: Instant,
}

/// What it does that others do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    None,
    /// Keeps what came first.
    Keeps,
    /// Refuses an instance that it has.
    Refuses,
    /// Refuses an instance that it has with other contents.
    Compares,
    /// Takes group 0400 out.
    Drops,
    /// Changes what is in Pixel Data.
    Lossy,
    /// Gives instances UIDs of its own.
    Mints,
    /// Writes the patient's name anew.
    Coerces,
    /// Puts all into one study.
    Merges,
    /// Takes, and forgets.
    Forgets,
    /// Has no room for a second object.
    Full,
    /// Gives nothing out for a while when it has got a second object.
    Tires,
    /// Ends its association after so many objects.
    Closes(usize),
    /// Bears one association at a time, and rejects others for now.
    Single,
    /// Finds nothing for a while after it has acknowledged it.
    Late(Duration),
}

pub type Faults = Arc<Mutex<Vec<Option<Status>>>>;

/// The archive.
#[derive(Debug)]
pub struct Archive {
    pub address: String,
    pub held: Arc<Mutex<Vec<Held>>>,
    /// It gives nothing out, and answers this.
    pub refuses: Arc<Mutex<Option<Status>>>,
    /// What it does with the next objects that it does not have, once it has a few; the last first: answers this, or hangs up.
    pub faults: Faults,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Archive {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Archive {
    pub async fn start(habit: Habit) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let held: Arc<Mutex<Vec<Held>>> = Arc::default();
        let refuses: Arc<Mutex<Option<Status>>> = Arc::default();
        let faults = Faults::default();
        let (shared, refused, failing) = (Arc::clone(&held), Arc::clone(&refuses), Arc::clone(&faults));
        let one = Arc::new(tokio::sync::Semaphore::new(1));
        let task = tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            loop {
                let (tcp, from) = listener.accept().await.unwrap();
                let (held, refuses) = (Arc::clone(&shared), Arc::clone(&refused));
                let (faults, one) = (Arc::clone(&failing), Arc::clone(&one));
                tasks.spawn(async move {
                    let wire = Wire::plain(tcp, from, Arc::new(Pool::new(64 << 10, 1)));
                    let asked = Asked::on(wire, PATIENCE).await.unwrap();
                    let place = one.try_acquire_owned();
                    if habit == Habit::Single && place.is_err() {
                        // Local limit exceeded, for now.
                        asked.reject(AssociateRj { result: 2, source: 3, reason: 2 }).await;
                        return LinkFault::Released;
                    }
                    let request = asked.request().clone();
                    let link = asked.accept(accept(&request)).await.unwrap().with_longest(64 << 20);
                    serve(link, &held, &refuses, &faults, habit).await
                });
            }
        });
        Self { address, held, refuses, faults, task }
    }

    pub fn target(&self) -> Target<'_> {
        let (calling, called) = (AeTitle::new("GATE").unwrap(), AeTitle::new("PACS").unwrap());
        Target {
            address: &self.address,
            bind: None,
            within: &[],
            tls: None,
            calling,
            called,
            connect: PATIENCE,
            answer: PATIENCE,
        }
    }
}

fn accept(request: &AssociateRq) -> AssociateAc {
    let contexts = request.contexts.iter().map(|proposed| {
        let native = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN];
        let syntax = proposed.transfer_syntaxes.iter().find(|syntax| native.contains(&syntax.as_str()));
        let syntax = syntax.or(proposed.transfer_syntaxes.first()).copied();
        AnsweredContext { id: proposed.id, result: ContextResult::Acceptance, transfer_syntax: syntax }
    });
    AssociateAc {
        protocol_version: 1,
        called: request.called,
        calling: request.calling,
        reserved: request.reserved,
        application_context: request.application_context,
        contexts: contexts.collect(),
        user: request.user.clone(),
    }
}

async fn serve(
    mut link: Link,
    held: &Mutex<Vec<Held>>,
    refuses: &Mutex<Option<Status>>,
    faults: &Faults,
    habit: Habit,
) -> LinkFault {
    let mut stores = 0;
    loop {
        let message = match link.receive().await {
            Ok(message) => message,
            Err(fault) => return fault,
        };
        let on = link.all_accepted().find(|one| one.id == message.context).unwrap();
        let refused = refuses.lock().unwrap().filter(|_| message.command.field == Field::GetRq);
        if let Some(answer) = refused.and_then(|status| message.command.response(status)) {
            if let Err(fault) = link.send(on.id, &answer, None).await {
                return fault;
            }
            continue;
        }
        let fault = match message.command.field {
            Field::StoreRq => {
                let held = held.lock().unwrap();
                let known = held.iter().any(|one| Some(&one.instance) == message.command.sop_instance());
                if held.len() > 4 && !known { faults.lock().unwrap().pop() } else { None }
            }
            _ => None,
        };
        let done = match message.command.field {
            Field::StoreRq if fault == Some(None) => return LinkFault::HungUp,
            Field::StoreRq if fault.is_some() => {
                let status = fault.flatten().unwrap();
                link.send(on.id, &message.command.response(status).unwrap(), None).await
            }
            Field::StoreRq => {
                stores += 1;
                if habit == Habit::Tires && !held.lock().unwrap().is_empty() {
                    *refuses.lock().unwrap() = Some(Status::OUT_OF_RESOURCES_SUB_OPERATIONS);
                }
                let status = take(held, &message, &on, habit);
                link.send(on.id, &message.command.response(status).unwrap(), None).await
            }
            Field::FindRq => find(&mut link, held, &message, &on).await,
            Field::GetRq => get(&mut link, held, &message, &on, habit).await,
            _ => link.send(on.id, &message.command.response(Status::SUCCESS).unwrap(), None).await,
        };
        if let Err(fault) = done {
            return fault;
        }
        if matches!(habit, Habit::Closes(most) if stores >= most) {
            return LinkFault::HungUp;
        }
    }
}

/// The value of a UID, wherever it stands.
pub fn uid_in(data: &[u8], tag: Tag) -> Option<Uid> {
    let mut head = tag.0.to_le_bytes().to_vec();
    head.extend_from_slice(&tag.1.to_le_bytes());
    let at = data.windows(4).position(|window| window == head)?;
    let length = match &data[at + 4..at + 6] {
        b"UI" => usize::from(u16::from_le_bytes([data[at + 6], data[at + 7]])),
        _ => usize::from(u16::from_le_bytes([data[at + 4], data[at + 5]])),
    };
    Uid::new(&data[at + 8..at + 8 + length]).ok()
}

fn replace(data: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    if let Some(at) = data.windows(from.len()).position(|window| window == from) {
        data[at..at + to.len()].copy_from_slice(to);
    }
}

fn take(held: &Mutex<Vec<Held>>, message: &Message, on: &Accepted, habit: Habit) -> Status {
    let mut data = message.data.clone().unwrap();
    let class = *message.command.sop_class().unwrap();
    let mut instance = *message.command.sop_instance().unwrap();
    let mut study = uid_in(&data, Tag(0x0020, 0x000d)).unwrap();
    let series = uid_in(&data, Tag(0x0020, 0x000e)).unwrap();
    match habit {
        Habit::Drops => {
            let at = data.windows(4).position(|window| window == [0x00, 0x04, 0x00, 0x05]);
            let end = data.windows(8).rposition(|window| window == [0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
            if let (Some(at), Some(end)) = (at, end) {
                data.drain(at..end + 8);
            }
        }
        Habit::Lossy => {
            // What it takes for pixels, and not what is too small to be worth it.
            let length = data.len();
            let sealed = data.windows(8).any(|window| window == b"DGSEAL1\n");
            if let Some(end) = data.get_mut(length * 9 / 10..).filter(|_| sealed) {
                end.iter_mut().take(64).for_each(|byte| *byte = byte.wrapping_add(1));
            }
        }
        Habit::Mints => {
            let mut other = instance.as_str().to_owned().into_bytes();
            other.reverse();
            let last = other.len() - 1;
            for (place, byte) in other.iter_mut().enumerate() {
                *byte = if place == 1 || place == last - 1 {
                    b'.'
                } else if *byte == b'.' {
                    b'5'
                } else {
                    *byte
                };
            }
            let other = Uid::new(other).unwrap();
            replace(&mut data, instance.as_bytes(), other.as_bytes());
            instance = other;
        }
        Habit::Coerces => replace(&mut data, b"DICOMGATE^PROBE", b"COERCED^PATIENT"),
        Habit::Merges => {
            let merged = format!("2.25.{}", "9".repeat(study.as_str().len() - 5));
            replace(&mut data, study.as_bytes(), merged.as_bytes());
            study = Uid::new(merged).unwrap();
        }
        Habit::Forgets => return Status::SUCCESS,
        Habit::None
        | Habit::Keeps
        | Habit::Refuses
        | Habit::Compares
        | Habit::Full
        | Habit::Tires
        | Habit::Closes(_)
        | Habit::Single
        | Habit::Late(_) => {}
    }
    let mut held = held.lock().unwrap();
    let fresh = Held { class, instance, study, series, syntax: on.syntax, data, since: Instant::now() };
    match (held.iter_mut().find(|one| one.instance == instance), habit) {
        (None, _) => held.push(fresh),
        (Some(_), Habit::Keeps) => {}
        (Some(_), Habit::Refuses) => return Status(0x0111),
        (Some(_), Habit::Full) => return Status(0xa700),
        (Some(known), Habit::Compares) if known.data != fresh.data => return Status(0xa900),
        (Some(known), _) => *known = fresh,
    }
    Status::SUCCESS
}

async fn find(link: &mut Link, held: &Mutex<Vec<Held>>, message: &Message, on: &Accepted) -> Result<(), LinkFault> {
    let encoding = encoding_of(&on.syntax);
    let keys = Flat::read(message.data.as_ref().unwrap(), encoding).unwrap();
    let level = String::from_utf8_lossy(keys.get(Tag(0x0008, 0x0052)).unwrap()).trim().to_owned();
    let wanted = |tag| keys.get(tag).and_then(|value| Uid::new(value.trim_ascii_end()).ok());
    let mut answers: Vec<DataSet> = Vec::new();
    for one in held.lock().unwrap().iter() {
        let fits = |tag, own| wanted(tag).is_none_or(|wanted: Uid| wanted == own);
        if !fits(Tag(0x0020, 0x000d), one.study) || !fits(Tag(0x0020, 0x000e), one.series) {
            continue;
        }
        let set = DataSet::new().with(Tag(0x0008, 0x0052), b"CS", &level).with_uid(Tag(0x0020, 0x000d), &one.study);
        let set = match level.as_str() {
            "STUDY" => set,
            "SERIES" => set.with_uid(Tag(0x0020, 0x000e), &one.series),
            _ => set
                .with_uid(Tag(0x0020, 0x000e), &one.series)
                .with_uid(Tag(0x0008, 0x0018), &one.instance)
                .with_uid(Tag(0x0008, 0x0016), &one.class),
        };
        if !answers.contains(&set) {
            answers.push(set);
        }
    }
    for answer in answers {
        let pending = message.command.response(Status(0xff00)).unwrap().with_data_set();
        link.send(on.id, &pending, Some(&answer.encode(encoding))).await?;
    }
    link.send(on.id, &message.command.response(Status::SUCCESS).unwrap(), None).await
}

async fn get(
    link: &mut Link,
    held: &Mutex<Vec<Held>>,
    message: &Message,
    on: &Accepted,
    habit: Habit,
) -> Result<(), LinkFault> {
    let keys = Flat::read(message.data.as_ref().unwrap(), encoding_of(&on.syntax)).unwrap();
    let wanted = |tag| keys.get(tag).and_then(|value| Uid::new(value.trim_ascii_end()).ok());
    let instance = wanted(Tag(0x0008, 0x0018));
    let found: Vec<Held> = {
        let held = held.lock().unwrap();
        let found = |one: &&Held| !matches!(habit, Habit::Late(late) if one.since.elapsed() < late);
        held.iter()
            .filter(|one| instance.is_none_or(|instance| instance == one.instance))
            .filter(found)
            .cloned()
            .collect()
    };
    let (mut number, mut failed) = (100, 0);
    for one in found {
        let same = |context: &Accepted| {
            context.class == one.class
                && (context.syntax == one.syntax || !is_encapsulated(&one.syntax) && !is_encapsulated(&context.syntax))
        };
        let exact = link.all_accepted().find(|context| context.class == one.class && context.syntax == one.syntax);
        let Some(context) = exact.or_else(|| link.all_accepted().find(same)) else {
            failed += 1;
            continue;
        };
        number += 1;
        let mut recode = Recode::new(encoding_of(&one.syntax), encoding_of(&context.syntax));
        let mut data = Vec::new();
        recode.push(&one.data, &mut data).unwrap();
        recode.finish(&mut data).unwrap();
        link.call(context.id, &Command::store_rq(number, &one.class, &one.instance), Some(&data)).await?;
    }
    let status = if failed > 0 { Status(0xa702) } else { Status::SUCCESS };
    link.send(on.id, &message.command.response(status).unwrap(), None).await
}

/// It has compressed this one, by its header: what stands in its fragment nobody decodes in these tests.
pub fn compress(held: &mut Held) {
    let at = held.data.windows(4).position(|window| window == [0xe0, 0x7f, 0x10, 0]).unwrap();
    let pixels = held.data.split_off(at + 12);
    held.data.truncate(at);
    held.data.extend_from_slice(&[0xe0, 0x7f, 0x10, 0, b'O', b'B', 0, 0, 0xff, 0xff, 0xff, 0xff]);
    for item in [&[][..], &pixels] {
        held.data.extend_from_slice(&[0xfe, 0xff, 0, 0xe0]);
        held.data.extend_from_slice(&u32::try_from(item.len()).unwrap().to_le_bytes());
        held.data.extend_from_slice(item);
    }
    held.data.extend_from_slice(&[0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    held.syntax = Uid::new("1.2.840.10008.1.2.5").unwrap();
}
