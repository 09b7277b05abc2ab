//! C-FIND of the Patient and Study roots (PS3.4 C.4.1): group the objects by level, match, answer what was asked.

use super::negotiate::Accepted;
use super::serve::{Session, encoded, identifier};
use super::store::Stored;
use crate::demo::elements::{CHARACTER_SET, Set, Value};
use crate::demo::link::{LinkFault, Message};
use crate::dicom::dimse::{Field, Status};
use crate::dicom::matching::Extended;
use crate::dicom::{AeTitle, Tag};
use dicom_core::VR;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Query/Retrieve Level.
pub(super) const LEVEL: Tag = Tag(0x0008, 0x0052);
const RETRIEVE_AE_TITLE: Tag = Tag(0x0008, 0x0054);
const AVAILABILITY: Tag = Tag(0x0008, 0x0056);

/// The attribute that tells entities of a level apart, level by level from the top.
pub(super) const UNIQUE_KEYS: [(&str, Tag); 4] = [
    ("PATIENT", Tag(0x0010, 0x0020)),
    ("STUDY", Tag(0x0020, 0x000d)),
    ("SERIES", Tag(0x0020, 0x000e)),
    ("IMAGE", Tag(0x0008, 0x0018)),
];

/// Answers a C-FIND.
pub(super) async fn serve(session: &mut Session<'_>, message: &Message, context: &Accepted) -> Result<(), LinkFault> {
    let Ok(asked) = identifier(message, context) else {
        return session.respond(message, Status::CANNOT_UNDERSTAND).await;
    };
    let Some(answers) = answers(&asked, &session.shared.store.all(), session.shared.title) else {
        return session.respond(message, Status::DATA_SET_MISMATCH).await;
    };
    for answer in answers {
        if session.link.has_news().await? {
            let news = session.link.message().await?;
            if news.command.field != Field::CancelRq {
                return Err(LinkFault::Unexpected("a second operation before the first is answered"));
            }
            return session.respond(message, Status::CANCEL).await;
        }
        let Some(response) = message.command.response(Status::PENDING) else { return Ok(()) };
        session.link.send(message.context, &response.with_data_set(), Some(&encoded(&answer, context))).await?;
    }
    session.respond(message, Status::SUCCESS).await
}

/// The answers to a query; `None` if it has no level, or keys that cannot be matched.
pub(super) fn answers(asked: &Set, objects: &[Arc<Stored>], title: AeTitle) -> Option<Vec<Set>> {
    let level = asked.plain(LEVEL);
    let (_, unique) = UNIQUE_KEYS.into_iter().find(|(name, _)| *name == level)?;
    let keys = asked.as_identifier(Extended::default()).ok()?;
    let mut groups: BTreeMap<&str, Vec<&Stored>> = BTreeMap::new();
    for object in objects {
        groups.entry(object.attributes.plain(unique)).or_default().push(object);
    }
    let entities = groups.into_values().filter_map(|members| entity(&members, title));
    Some(entities.filter(|entity| keys.matches(&entity.as_attributes())).map(|entity| reply(asked, &entity)).collect())
}

/// What is known of a patient, study, series or image: its first object's attributes and what is counted.
fn entity(members: &[&Stored], title: AeTitle) -> Option<Set> {
    let mut entity = members.first()?.attributes.clone();
    let distinct = |tag: Tag| members.iter().map(|member| member.attributes.plain(tag)).collect::<BTreeSet<_>>();
    let joined = |values: BTreeSet<&str>| values.into_iter().collect::<Vec<_>>().join("\\");
    let studies = distinct(Tag(0x0020, 0x000d)).len().to_string();
    let series = distinct(Tag(0x0020, 0x000e)).len().to_string();
    let images = members.len().to_string();
    for (element, count) in [
        (0x1200, &studies),
        (0x1202, &series),
        (0x1204, &images),
        (0x1206, &series),
        (0x1208, &images),
        (0x1209, &images),
    ] {
        entity.text(Tag(0x0020, element), VR::IS, count);
    }
    entity.text(Tag(0x0008, 0x0061), VR::CS, &joined(distinct(Tag(0x0008, 0x0060))));
    entity.text(Tag(0x0008, 0x0062), VR::UI, &joined(distinct(Tag(0x0008, 0x0016))));
    entity.text(RETRIEVE_AE_TITLE, VR::AE, title.as_str());
    entity.text(AVAILABILITY, VR::CS, "ONLINE");
    Some(entity)
}

/// The attributes that were asked for, empty where there is nothing, and where to retrieve from.
fn reply(asked: &Set, entity: &Set) -> Set {
    let mut reply = Set::new();
    for key in asked.elements() {
        let held = entity.get(key.tag);
        let vr = held.map_or(key.vr, |held| held.vr);
        let value = held.map_or(Value::Bytes(Vec::new()), |held| held.value.clone());
        reply.put(key.tag, vr, value);
    }
    match entity.get(CHARACTER_SET) {
        Some(set) => reply.put(CHARACTER_SET, set.vr, set.value.clone()),
        None => reply.text(CHARACTER_SET, VR::CS, "ISO_IR 6"),
    }
    reply.text(LEVEL, VR::CS, asked.plain(LEVEL));
    for tag in [RETRIEVE_AE_TITLE, AVAILABILITY] {
        if let Some(element) = entity.get(tag) {
            reply.put(tag, element.vr, element.value.clone());
        }
    }
    reply
}
