//! The workstation: C-FIND by name and by UID, then C-GET, compared with what the scanner sent.

use super::{StepFault, associate, kinds, wrong};
use crate::demo::client::{self, Contexts, STUDY_FIND, STUDY_GET};
use crate::demo::elements::Set;
use crate::demo::hospital::{Hospital, WORKSTATION};
use crate::demo::link::Link;
use crate::demo::object::Object;
use crate::demo::report::{Report, counted, milliseconds, volume};
use crate::demo::study::Study;
use crate::dicom::Tag;
use crate::dicom::dimse::Status;
use dicom_core::VR;
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Instant;

const STUDY: Tag = Tag(0x0020, 0x000d);
const NAME: Tag = Tag(0x0010, 0x0010);
const INSTANCES: Tag = Tag(0x0020, 0x1208);

/// A query at study level.
pub(super) fn query(keys: &[(Tag, VR, &str)]) -> Set {
    let mut set = Set::new();
    set.text(Tag(0x0008, 0x0052), VR::CS, "STUDY");
    for (tag, vr, text) in keys {
        set.text(*tag, *vr, text);
    }
    set
}

pub(super) async fn reads<W: Write>(report: &mut Report<W>, hospital: &Hospital, study: &Study) {
    report.step(find(hospital, study).await.map_err(|fault| format!("C-FIND: {fault}")));
    report.step(get(hospital, study).await.map_err(|fault| format!("C-GET: {fault}")));
}

async fn find(hospital: &Hospital, study: &Study) -> Result<String, StepFault> {
    let wanted = client::service(STUDY_FIND).into_iter().collect();
    let tls = hospital.tls(WORKSTATION)?;
    let (mut link, contexts, protection) = associate(hospital, tls, WORKSTATION, wanted, false).await?;
    let started = Instant::now();
    let everything = query(&[(STUDY, VR::UI, ""), (NAME, VR::PN, ""), (INSTANCES, VR::IS, "")]);
    let (found, outcome) = client::find(&mut link, &contexts, &everything).await?;
    let took = started.elapsed();
    if outcome.status != Status::SUCCESS {
        return Err(wrong(format!("status {}", outcome.status)));
    }
    let counts: BTreeMap<String, usize> =
        found.iter().map(|set| (set.plain(STUDY).to_owned(), set.plain(INSTANCES).parse().unwrap_or(0))).collect();
    if counts != study.studies {
        return Err(wrong(format!("{} studies instead of {}, or other counts", counts.len(), study.studies.len())));
    }
    nobody(&mut link, &contexts).await?;
    link.release().await?;
    let whose = counted(found.len(), "study", "studies");
    let objects = counted(study.objects.len(), "object", "objects");
    Ok(format!("C-FIND found {whose} of {objects} in {} ({protection})", milliseconds(took)))
}

/// A name that nobody has finds nothing: the answers above are matches and not merely everything.
async fn nobody(link: &mut Link, contexts: &Contexts) -> Result<(), StepFault> {
    let (found, outcome) = client::find(link, contexts, &query(&[(NAME, VR::PN, "No^Such^Person*")])).await?;
    if outcome.status != Status::SUCCESS || !found.is_empty() {
        return Err(wrong("a name that nobody has found something"));
    }
    Ok(())
}

async fn get(hospital: &Hospital, study: &Study) -> Result<String, StepFault> {
    let (got, volume) = fetch(hospital, study).await?;
    for object in &study.objects {
        if !got.contains(object) {
            return Err(wrong(format!("{} did not come back as it was", object.sop_instance)));
        }
    }
    Ok(format!("C-GET of {} objects: {volume}; all equal to what the scanner sent, bit for bit", got.len()))
}

/// Gets all of it; also how much in what time.
pub(super) async fn fetch(hospital: &Hospital, study: &Study) -> Result<(Vec<Object>, String), StepFault> {
    let mut wanted = kinds(study);
    wanted.extend(client::service(STUDY_GET));
    let tls = hospital.tls(WORKSTATION)?;
    let (mut link, contexts, _) = associate(hospital, tls, WORKSTATION, wanted, true).await?;
    let started = Instant::now();
    let mut got: Vec<Object> = Vec::new();
    for uid in study.studies.keys() {
        let (objects, outcome) = client::get(&mut link, &contexts, &query(&[(STUDY, VR::UI, uid)])).await?;
        if outcome.status != Status::SUCCESS {
            return Err(wrong(format!("status {} for study {uid}", outcome.status)));
        }
        got.extend(objects);
    }
    let took = started.elapsed();
    link.release().await?;
    if got.len() != study.objects.len() {
        return Err(wrong(format!("{} objects instead of {}", got.len(), study.objects.len())));
    }
    Ok((got, volume(study.bytes(), took)))
}
