//! C-GET, and C-MOVE with what it delivers: from where, under which titles, on whose behalf, and when.

use super::ground::{Ground, accepted, asks};
use super::object::{FIRST, Image, LAST, MARK, PATIENT_ID, Study};
use super::stores::keeps;
use crate::cli::archive::report::{Destination, Found, Get, Keeps, Moved, Originator};
use crate::dicom::dataset::write::{DataSet, Flat};
use crate::dicom::dimse::{Command, Field, Status};
use crate::dicom::negotiation::Roles;
use crate::dicom::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, encoding_of};
use crate::dicom::{AeTitle, Tag, sop_class};
use crate::scu::{Accepted, Answerer, Arrival, Link, LinkFault, Message, What};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long a final response may take.
const FINAL: Duration = Duration::from_secs(60);
/// How long nothing more must come after the final response until the deliveries are taken to be over.
const QUIET: Duration = Duration::from_secs(10);
/// Message id of the C-MOVE: one that nobody has by accident.
const MESSAGE: u16 = 0x4d47;

/// The classes of C-MOVE.
const CLASSES: [&str; 2] = [sop_class::STUDY_ROOT_MOVE, sop_class::PATIENT_ROOT_MOVE];

/// What an object that came back says about what the archive keeps.
pub type Kept = Option<Keeps>;

/// What is asked for: the study, or one image of it.
fn identifier(study: &Study, image: Option<&Image>, context: &Accepted) -> Vec<u8> {
    let level = if image.is_some() { "IMAGE" } else { "STUDY" };
    let set = DataSet::new().with(Tag(0x0008, 0x0052), b"CS", level).with_uid(Tag(0x0020, 0x000d), &study.uid);
    let set = match image {
        Some(image) => set.with_uid(Tag(0x0020, 0x000e), &image.series).with_uid(Tag(0x0008, 0x0018), &image.instance),
        None => set,
    };
    let patient_root = [sop_class::PATIENT_ROOT_GET, sop_class::PATIENT_ROOT_MOVE].contains(&context.class.as_str());
    let set = if patient_root { set.with(Tag(0x0010, 0x0020), b"LO", PATIENT_ID) } else { set };
    set.encode(encoding_of(&context.syntax))
}

/// Retrieves the study on the association that asks.
pub async fn get(ground: &Ground<'_>, study: &Study) -> (Found<Get>, Kept) {
    match try_get(ground, study).await {
        Ok(found) => found,
        Err(fault) => (Found::unknown(fault.to_string()), None),
    }
}

async fn try_get(ground: &Ground<'_>, study: &Study) -> Result<(Found<Get>, Kept), LinkFault> {
    let classes = [sop_class::STUDY_ROOT_GET, sop_class::PATIENT_ROOT_GET];
    let mut all = asks(&classes);
    let both = Roles { scu: true, scp: true };
    all.extend(asks(&[study.class.as_str()]).into_iter().map(|ask| ask.with_roles(both)));
    let mut link = Link::open(&ground.target(ground.calling), &all).await?;
    let Some(context) = accepted(&link, &classes) else {
        let _ = link.release().await;
        return Ok((Found::unknown("it does not offer C-GET"), None));
    };
    link.set_patience(FINAL);
    let command = Command::get_rq(MESSAGE, &context.class);
    link.send(context.id, &command, Some(&identifier(study, None, &context))).await?;
    let (mut came, mut kept) = (0, None);
    loop {
        let message = link.receive().await?;
        match (message.command.field, message.command.status) {
            (Field::StoreRq, _) => {
                came += 1;
                let syntax = link.all_accepted().find(|found| found.id == message.context);
                kept = kept.or(syntax.and_then(|context| look(study, &message, &context).1));
                if let Some(answer) = message.command.response(Status::SUCCESS) {
                    link.send(message.context, &answer, None).await?;
                }
            }
            (Field::GetRsp, Some(status)) if status.is_final() => {
                let _ = link.release().await;
                return Ok((Found::Known(Get { status: status.to_string(), came }), kept));
            }
            _ => {}
        }
    }
}

/// Whether a delivered object is the one that was stored, byte for byte, and which of two contents it has.
fn look(study: &Study, message: &Message, context: &Accepted) -> (Option<bool>, Kept) {
    let instance = message.command.affected_sop_instance;
    let (Some(instance), Some(data)) = (instance, &message.data) else { return (None, None) };
    let flat = Flat::read(data, encoding_of(&context.syntax)).ok();
    let kept = flat.and_then(|flat| keeps(study, &instance, flat.get(MARK)));
    let plain = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN].contains(&context.syntax.as_str());
    let unchanged = study.image(&instance).filter(|_| plain).map(|image| {
        let [first, last] = [FIRST, LAST].map(|mark| study.data(image, mark, &context.syntax));
        *data == first || *data == last
    });
    (unchanged, kept)
}

/// What has come of a C-MOVE so far.
#[derive(Default)]
struct Deliveries {
    instances: BTreeSet<String>,
    from: BTreeSet<std::net::IpAddr>,
    titles: BTreeSet<String>,
    associations: BTreeSet<u64>,
    open: BTreeSet<u64>,
    parallel: usize,
    missing: bool,
    wrong: Option<String>,
    times: Vec<Instant>,
    changed: Option<bool>,
    kept: Kept,
}

impl Deliveries {
    fn take(&mut self, arrival: &Arrival, study: &Study, asked_by: AeTitle) {
        match &arrival.what {
            What::Opened => {
                self.open.insert(arrival.association);
            }
            What::Ended(_) => {
                self.open.remove(&arrival.association);
            }
            What::Request(message, context) => {
                let instance = message.command.affected_sop_instance.filter(|uid| study.image(uid).is_some());
                let (Field::StoreRq, Some(instance)) = (message.command.field, instance) else { return };
                self.instances.insert(instance.to_string());
                self.from.insert(arrival.from.ip());
                self.titles.extend(arrival.calling.map(|title| title.to_string()));
                self.associations.insert(arrival.association);
                self.parallel = self.parallel.max(self.open.intersection(&self.associations).count());
                self.times.push(arrival.at);
                match (message.command.move_originator, message.command.move_originator_message) {
                    (Some(title), Some(MESSAGE)) if title == asked_by => {}
                    (None, _) | (_, None) => self.missing = true,
                    (Some(title), Some(MESSAGE)) => self.wrong = Some(format!("{title}, with the right message")),
                    (Some(title), Some(message)) => self.wrong = Some(format!("{title}, message {message}")),
                }
                let (unchanged, kept) = look(study, message, context);
                self.changed = match (self.changed, unchanged) {
                    (_, None) => self.changed,
                    (before, Some(unchanged)) => Some(before.unwrap_or(false) || !unchanged),
                };
                self.kept = self.kept.or(kept);
            }
        }
    }

    fn originator(&self) -> Found<Originator> {
        match (&self.wrong, self.missing) {
            _ if self.instances.is_empty() => Found::unknown("nothing was delivered"),
            (Some(said), _) => Found::Known(Originator::Wrong(said.clone())),
            (None, true) => Found::Known(Originator::Missing),
            (None, false) => Found::Known(Originator::Right),
        }
    }
}

/// What an archive is asked to send, to whom, and by whom.
#[derive(Clone, Copy)]
struct Order<'a> {
    study: &'a Study,
    image: Option<&'a Image>,
    calling: AeTitle,
    destination: AeTitle,
}

/// Has the study sent to the destination, asked for by this title.
pub async fn moved(ground: &mut Ground<'_>, study: &Study, calling: AeTitle) -> (Found<Moved>, Kept) {
    let Some(destination) = ground.destinations.first().copied() else {
        return (Found::unknown("no peer has an `address`, and no --destination was given"), None);
    };
    order(ground, Order { study, image: None, calling, destination }).await
}

/// Has one image sent to each further destination.
pub async fn further(ground: &mut Ground<'_>, study: &Study) -> Vec<Destination> {
    let [image, ..] = &study.images;
    let mut all = Vec::new();
    for destination in ground.destinations.iter().skip(1).copied().collect::<Vec<_>>() {
        let calling = ground.calling;
        let moved = match order(ground, Order { study, image: Some(image), calling, destination }).await.0 {
            Found::Known(moved) => Found::Known((moved.status, moved.came > 0)),
            Found::Unknown(why) => Found::Unknown(why),
        };
        all.push(Destination { title: destination.to_string(), moved });
    }
    all
}

async fn order(ground: &mut Ground<'_>, order: Order<'_>) -> (Found<Moved>, Kept) {
    let opened = ground.open(order.calling, &CLASSES).await;
    let ear = match &mut ground.ear {
        Ok(ear) => ear,
        Err(why) => return (Found::unknown(why.clone()), None),
    };
    ear.forget();
    let outcome = match opened {
        Ok(link) => try_order(link, ear, order).await,
        Err(fault) => Err(fault),
    };
    match outcome {
        Ok(found) => found,
        Err(fault) => (Found::unknown(fault.to_string()), None),
    }
}

async fn try_order(
    mut link: Link,
    ear: &mut Answerer,
    Order { study, image, calling, destination }: Order<'_>,
) -> Result<(Found<Moved>, Kept), LinkFault> {
    let Some(context) = accepted(&link, &CLASSES) else {
        let _ = link.release().await;
        return Ok((Found::unknown("it does not offer C-MOVE"), None));
    };
    link.set_patience(FINAL);
    let command = Command::move_rq(MESSAGE, &context.class, destination);
    link.send(context.id, &command, Some(&identifier(study, image, &context))).await?;
    let mut came = Deliveries::default();
    let status = loop {
        tokio::select! {
            biased;
            Some(arrival) = ear.next() => came.take(&arrival, study, calling),
            message = link.receive() => match message?.command.status {
                Some(status) if status.is_final() => break status,
                _ => {}
            },
        }
    };
    let over = Instant::now();
    let expected = if image.is_some() { 1 } else { study.images.len() };
    // Whoever says no delivers nothing; whoever says yes may still be about to.
    let waits = status != Status::MOVE_DESTINATION_UNKNOWN;
    while waits && came.instances.len() < expected {
        let Ok(Some(arrival)) = tokio::time::timeout(QUIET, ear.next()).await else { break };
        came.take(&arrival, study, calling);
    }
    let _ = link.release().await;
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let late: Vec<Duration> = came.times.iter().filter_map(|at| at.checked_duration_since(over)).collect();
    let lag = late.iter().max().copied().unwrap_or_default();
    let moved = Moved {
        destination: destination.to_string(),
        status: status.to_string(),
        expected: count(expected),
        came: count(came.instances.len()),
        from: came.from.iter().copied().collect(),
        calls_as: came.titles.iter().cloned().collect(),
        originator: came.originator(),
        associations: count(came.associations.len()),
        parallel: count(came.parallel),
        late: count(late.len()),
        lag: u64::try_from(lag.as_millis()).unwrap_or(u64::MAX),
        unchanged: match came.changed {
            Some(changed) => Found::Known(!changed),
            None => Found::unknown("nothing came in the encoding that it was stored in"),
        },
    };
    Ok((Found::Known(moved), came.kept))
}
