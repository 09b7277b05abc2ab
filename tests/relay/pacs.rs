//! A small archive that answers by itself what it holds, notes every question, and misbehaves where a test says so.

use crate::support::conn::{Archive, Conn, Message};
use crate::support::wait_until;
use crate::support::words::{CT, ac, uid};
use dicomgate::dicom::dataset::write::{DataSet, Flat};
use dicomgate::dicom::dimse::{Command, Counters, Field, Status, Tolerances};
use dicomgate::dicom::pdu::{AssociateRq, Pdu, pdata};
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::dicom::{AeTitle, Tag};
use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

pub const LEVEL: Tag = Tag(0x0008, 0x0052);
pub const PATIENT: Tag = Tag(0x0010, 0x0020);
pub const NAME: Tag = Tag(0x0010, 0x0010);
pub const REFERRER: Tag = Tag(0x0008, 0x0090);
pub const STUDY: Tag = Tag(0x0020, 0x000d);
pub const SERIES: Tag = Tag(0x0020, 0x000e);
pub const INSTANCE: Tag = Tag(0x0008, 0x0018);
const LEVELS: [(&str, Tag); 4] = [("PATIENT", PATIENT), ("STUDY", STUDY), ("SERIES", SERIES), ("IMAGE", INSTANCE)];

/// An image that it holds.
#[derive(Debug, Clone)]
pub struct Image {
    pub patient: String,
    pub referrer: String,
    pub study: String,
    pub series: String,
    pub instance: String,
}

/// Image `number` of a series, both named after their study.
pub fn image(patient: &str, referrer: &str, study: &str, series: u32, number: u32) -> Image {
    Image {
        patient: patient.into(),
        referrer: referrer.into(),
        study: study.into(),
        series: format!("{study}.{series}"),
        instance: format!("{study}.{series}.{number}"),
    }
}

impl Image {
    fn value(&self, tag: Tag) -> Option<&str> {
        Some(match tag {
            PATIENT => &self.patient,
            NAME => "Test^Eva",
            REFERRER => &self.referrer,
            STUDY => &self.study,
            SERIES => &self.series,
            INSTANCE => &self.instance,
            _ => return None,
        })
    }

    pub fn data_set(&self) -> DataSet {
        DataSet::new()
            .with_uid(Tag(0x0008, 0x0016), &uid(CT))
            .with_uid(INSTANCE, &uid(&self.instance))
            .with(Tag(0x0008, 0x0060), b"CS", "CT")
            .with(REFERRER, b"PN", &self.referrer)
            .with(NAME, b"PN", "Test^Eva")
            .with(PATIENT, b"LO", &self.patient)
            .with_uid(STUDY, &uid(&self.study))
            .with_uid(SERIES, &uid(&self.series))
            .with(Tag(0x7fe0, 0x0010), b"OW", vec![0x5a; 40_000])
    }
}

/// A question, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub field: Field,
    /// Its message id.
    pub message: u16,
    /// The title that it came from.
    pub calling: String,
    /// Which association, counted from 0.
    pub association: usize,
    /// Every key, by its text.
    pub keys: BTreeMap<Tag, String>,
    pub destination: Option<AeTitle>,
}

impl Asked {
    pub fn key(&self, tag: Tag) -> &str {
        self.keys.get(&tag).map_or("", String::as_str)
    }

    pub fn level(&self) -> &str {
        self.key(LEVEL)
    }
}

#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// Queries and retrieves go by the unique key of their level alone.
    pub ignores_parents: bool,
    /// Relational queries are negotiated.
    pub relational: bool,
    /// Every C-FIND ends so.
    pub refuses: Option<u16>,
    /// Further instances that each C-GET sends.
    pub strays: Vec<String>,
    /// A move ends when the test says so, and how.
    pub holds_moves: bool,
    /// Associations for lookups are closed instead of answered.
    pub away: bool,
}

pub struct Pacs {
    shared: Arc<Shared>,
}

struct Shared {
    images: Mutex<Vec<Image>>,
    asked: Mutex<Vec<Asked>>,
    ended: Mutex<Option<(u16, Vec<String>)>>,
    behaviour: Mutex<Behaviour>,
}

impl Pacs {
    /// Serves in the place of the test itself, until the process ends.
    pub fn serve(archive: &Archive, images: Vec<Image>) -> Self {
        let listener = archive.listener.try_clone().unwrap();
        listener.set_nonblocking(false).unwrap();
        let (asked, ended, behaviour) = Default::default();
        let shared = Arc::new(Shared { images: Mutex::new(images), asked, ended, behaviour });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &serving));
        Self { shared }
    }

    pub fn behaves(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shared.behaviour.lock().unwrap());
    }

    /// The move that is held ends: so many were delivered, and these were not.
    pub fn end_move(&self, completed: u16, failed: &[&str]) {
        let failed = failed.iter().map(|&uid| uid.to_owned()).collect();
        *self.shared.ended.lock().unwrap() = Some((completed, failed));
    }

    /// The retrieve that it was asked for, once it is.
    pub fn retrieve(&self) -> Asked {
        let mut found = None;
        wait_until("a retrieve", || {
            found = self.asked().into_iter().find(|asked| matches!(asked.field, Field::GetRq | Field::MoveRq));
            found.is_some()
        });
        found.unwrap()
    }

    /// What was asked since the last time.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.shared.asked.lock().unwrap())
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (association, tcp) in listener.incoming().enumerate() {
        let Ok(tcp) = tcp else { return };
        let shared = Arc::clone(shared);
        std::thread::spawn(move || associate(Conn::new(tcp), association, &shared));
    }
}

fn associate(mut link: Conn, association: usize, shared: &Shared) {
    let Some(first) = link.next() else { return };
    let Ok(Pdu::AssociateRq(rq)) = Pdu::decode(&first) else { return };
    let behaviour = shared.behaviour.lock().unwrap().clone();
    if behaviour.away && rq.user.implementation_class.is_some_and(|class| class.as_str().starts_with("2.25.")) {
        return;
    }
    let mut answer = ac(&rq);
    if behaviour.relational {
        answer.user.extended.clone_from(&rq.user.extended);
    }
    link.send(answer.encode());
    let calling = String::from_utf8_lossy(&rq.calling.0).trim().to_owned();
    let mut served = Served { link, rq: *rq, calling, association, shared };
    while served.serve().is_some() {}
}

struct Served<'a> {
    link: Conn,
    rq: AssociateRq,
    calling: String,
    association: usize,
    shared: &'a Shared,
}

impl Served<'_> {
    fn serve(&mut self) -> Option<()> {
        // A message begins with a P-DATA-TF; anything else ends the association.
        self.link.peeks_data().then_some(()).or_else(|| {
            if let Some(pdu) = self.link.next()
                && Pdu::decode(&pdu) == Ok(Pdu::ReleaseRq)
            {
                let _ = self.link.try_send(&Pdu::ReleaseRp.encode());
            }
            None
        })?;
        let message = self.link.message();
        let data = message.data.clone().unwrap_or_default();
        let encoding = self.encoding(message.context);
        let flat = Flat::read_with(&data, encoding, Default::default(), Tolerances::ALL).unwrap();
        let text = |value: &[u8]| String::from_utf8_lossy(value).trim_end_matches(['\0', ' ']).to_owned();
        let keys: BTreeMap<Tag, String> = flat.iter().map(|(tag, value)| (tag, text(value))).collect();
        let asked = Asked {
            field: message.command.field,
            message: message.command.message_id.unwrap(),
            calling: self.calling.clone(),
            association: self.association,
            keys,
            destination: message.command.move_destination,
        };
        self.shared.asked.lock().unwrap().push(asked.clone());
        match message.command.field {
            Field::FindRq => self.find(&message, &asked, encoding),
            Field::GetRq => self.get(&message, &asked, encoding),
            Field::MoveRq => {
                let sent = u16::try_from(self.found(&asked).len()).unwrap();
                let holds = self.shared.behaviour.lock().unwrap().holds_moves;
                let (completed, failed) = if holds { self.told() } else { (sent, Vec::new()) };
                self.conclude(&message, completed, &failed, encoding)
            }
            _ => self.say(message.context, &message.command.response(Status::SUCCESS).unwrap(), None),
        }
    }

    fn encoding(&self, _context: u8) -> Encoding {
        // The first that is proposed is accepted, and everybody here proposes it first.
        Encoding::ExplicitLe
    }

    fn say(&mut self, context: u8, command: &Command, data: Option<&[u8]>) -> Option<()> {
        let bytes = pdata::write_message(context, &command.encode(), data, self.rq.user.max_length);
        self.link.try_send(&bytes).ok()
    }

    /// The images that a question finds.
    fn found(&self, asked: &Asked) -> Vec<Image> {
        let place = LEVELS.iter().position(|(level, _)| *level == asked.level()).expect("a level");
        let behaviour = self.shared.behaviour.lock().unwrap().clone();
        let from = if behaviour.ignores_parents { place } else { 0 };
        let images = self.shared.images.lock().unwrap().clone();
        let fits = |image: &Image| {
            asked.keys.iter().all(|(tag, wanted)| {
                let unique = LEVELS.iter().position(|(_, unique)| unique == tag);
                let passed_over = unique.is_some_and(|at| at < from || at > place);
                let Some(value) = image.value(*tag).filter(|_| !passed_over && !wanted.is_empty()) else { return true };
                let fits = |one: &str| match one.strip_suffix('*') {
                    Some(begin) => value.starts_with(begin),
                    None => one == value,
                };
                wanted.split('\\').any(fits)
            })
        };
        images.into_iter().filter(fits).collect()
    }

    fn find(&mut self, message: &Message, asked: &Asked, encoding: Encoding) -> Option<()> {
        let behaviour = self.shared.behaviour.lock().unwrap().clone();
        if let Some(status) = behaviour.refuses {
            return self.say(message.context, &message.command.response(Status(status)).unwrap(), None);
        }
        let unique = LEVELS.iter().find(|(level, _)| *level == asked.level()).expect("a level").1;
        let mut seen = BTreeSet::new();
        for image in self.found(asked) {
            if !seen.insert(image.value(unique).unwrap().to_owned()) {
                continue;
            }
            let mut answer = DataSet::new().with(LEVEL, b"CS", asked.level());
            for tag in asked.keys.keys().filter(|tag| **tag != LEVEL) {
                let vr = match *tag {
                    STUDY | SERIES | INSTANCE => b"UI",
                    NAME | REFERRER => b"PN",
                    _ => b"LO",
                };
                answer = answer.with(*tag, vr, image.value(*tag).unwrap_or_default());
            }
            let pending = message.command.response(Status::PENDING).unwrap().with_data_set();
            self.say(message.context, &pending, Some(&answer.encode(encoding)))?;
        }
        self.say(message.context, &message.command.response(Status::SUCCESS).unwrap(), None)
    }

    fn get(&mut self, message: &Message, asked: &Asked, encoding: Encoding) -> Option<()> {
        let mut images = self.found(asked);
        let strays = self.shared.behaviour.lock().unwrap().strays.clone();
        let all = self.shared.images.lock().unwrap().clone();
        images.extend(all.into_iter().filter(|image| strays.contains(&image.instance)));
        let context = self.rq.contexts.iter().find(|context| context.abstract_syntax == uid(CT))?.id;
        let (mut completed, mut failed) = (0_u16, Vec::new());
        for (image, number) in images.iter().zip(1..) {
            let command = Command::store_rq(number, &uid(CT), &uid(&image.instance));
            self.say(context, &command, Some(&image.data_set().encode(Encoding::ExplicitLe)))?;
            let answer = self.link.message();
            if answer.command.status == Some(Status::SUCCESS) {
                completed += 1
            } else {
                failed.push(image.instance.clone())
            }
        }
        self.conclude(message, completed, &failed, encoding)
    }

    /// How a move ended, once the test says so.
    fn told(&self) -> (u16, Vec<String>) {
        let mut ended = None;
        wait_until("a move ends", || {
            ended = self.shared.ended.lock().unwrap().take();
            ended.is_some()
        });
        ended.unwrap()
    }

    fn conclude(&mut self, message: &Message, completed: u16, failed: &[String], encoding: Encoding) -> Option<()> {
        let status = if failed.is_empty() { Status::SUCCESS } else { Status::SUB_OPERATIONS_WARNING };
        let counters = Counters {
            completed: Some(completed),
            failed: Some(u16::try_from(failed.len()).unwrap()),
            warning: Some(0),
            remaining: None,
        };
        let answer = Command { counters, ..message.command.response(status).unwrap() };
        if failed.is_empty() {
            return self.say(message.context, &answer, None);
        }
        let list = DataSet::new().with(Tag(0x0008, 0x0058), b"UI", failed.join("\\")).encode(encoding);
        self.say(message.context, &answer.with_data_set(), Some(&list))
    }
}
