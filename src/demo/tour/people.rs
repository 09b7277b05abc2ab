//! Who sits at the workstation: a referring physician sees the studies that she referred, and nothing tells her of others.

use super::refusals::{REJECTION, conclude};
use super::workstation::query;
use super::{StepFault, associate, call, uid, wrong};
use crate::config;
use crate::demo::client::{self, Contexts, Outcome, STUDY_FIND, STUDY_GET, Wanted};
use crate::demo::device;
use crate::demo::hospital::{ARCHIVE, CANARY, Hospital, PASSCODE, PHYSICIAN, REFERRER, SCANNER, WORKSTATION};
use crate::demo::journal::Journal;
use crate::demo::link::{Link, LinkFault};
use crate::demo::object::Object;
use crate::demo::phantom::{self, Whose};
use crate::demo::report::{Report, counted};
use crate::dicom::Tag;
use crate::dicom::dimse::Status;
use crate::dicom::pdu::{AssociateRq, UserIdentity};
use crate::proxy::state_options;
use crate::state::State;
use dicom_core::VR;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

const STUDY: Tag = Tag(0x0020, 0x000d);
const PATIENT_ID: Tag = Tag(0x0010, 0x0020);
const BIRTH_DATE: Tag = Tag(0x0010, 0x0030);
/// A study that no archive has.
const ABSENT: &str = "2.25.27182818284590452353602874713526";
/// What the record says of a wrong passcode.
const WRONG_PASSCODE: &str = "wrong passcode of a local account";

/// How often and how long somebody released is waited for: gateways look every second.
const ATTEMPTS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

const HERS: Whose<'static> =
    Whose { number: 0, patient: "Small^Sam", patient_id: "P-0002", birth_date: "20110503", physician: PHYSICIAN };
const OTHER: Whose<'static> =
    Whose { number: 1, patient: "Tall^Tina", patient_id: "P-0003", birth_date: "19680921", physician: "Referrer^Rosa" };

/// Two studies of one image each.
struct Two {
    hers: Object,
    other: Object,
}

pub(super) async fn show<W: Write>(report: &mut Report<W>, hospital: &Hospital, journal: &mut Journal) {
    let two = phantom::single(&HERS).zip(phantom::single(&OTHER));
    let Some((hers, other)) = two else { return report.cross("no studies to show") };
    let two = Two { hers, other };
    report.step(store(hospital, &two).await.map_err(|fault| format!("C-STORE: {fault}")));
    report.step(find(hospital).await.map_err(|fault| format!("C-FIND by {REFERRER}: {fault}")));
    report.step(get(hospital, &two).await.map_err(|fault| format!("C-GET by {REFERRER}: {fault}")));
    journal.skip();
    let outcome = guessed(hospital).await;
    let told = journal.refusal().await.filter(|told| told.because.iter().any(|line| line.contains(WRONG_PASSCODE)));
    conclude(report, "a wrong passcode", outcome, told);
    journal.skip();
    let outcome = canary(hospital).await;
    let told = journal.next(|record| record.event() == "quarantined").await;
    conclude(report, &format!("{REFERRER} asks for {CANARY}, whom nobody has a reason to know"), outcome, told);
    report.step(released(hospital).await.map_err(|fault| format!("released: {fault}")));
}

/// The scanner brings both, like any study.
async fn store(hospital: &Hospital, two: &Two) -> Result<String, StepFault> {
    let (mut link, contexts, _) = associate(hospital, hospital.tls(SCANNER)?, SCANNER, kinds(two), false).await?;
    for (object, number) in [(&two.hers, 1), (&two.other, 2)] {
        let outcome = client::store(&mut link, &contexts, object, number).await?;
        if outcome.status != Status::SUCCESS {
            return Err(wrong(format!("status {}", outcome.status)));
        }
    }
    link.release().await?;
    Ok(format!("CT1 stores two more studies: of {}, referred by {PHYSICIAN}, and of {}", HERS.patient, OTHER.patient))
}

fn kinds(two: &Two) -> Vec<Wanted> {
    client::storage_contexts(
        [&two.hers, &two.other].map(|object| (object.sop_class, object.transfer_syntax)).into_iter(),
    )
}

/// A request of the workstation that says who sits there (PS3.7 D.3.3.7, type 2).
fn request(passcode: &str, wanted: Vec<Wanted>, receives: bool) -> Result<AssociateRq, StepFault> {
    let request = client::request(call(WORKSTATION, ARCHIVE)?, wanted, receives);
    let mut request = request.ok_or_else(|| wrong("no request could be made"))?;
    request.user.identity = Some(UserIdentity {
        kind: 2,
        positive_response: false,
        primary: REFERRER.as_bytes().to_vec(),
        secondary: passcode.as_bytes().to_vec(),
    });
    Ok(request)
}

async fn log_in(hospital: &Hospital, wanted: Vec<Wanted>, receives: bool) -> Result<(Link, Contexts), StepFault> {
    let wire = device::secure(&hospital.target, hospital.tls(WORKSTATION)?).await?;
    Ok(client::open(wire, request(PASSCODE, wanted, receives)?).await?)
}

/// What the workstation finds by itself, and what with her at it.
async fn find(hospital: &Hospital) -> Result<String, StepFault> {
    let wanted: Vec<Wanted> = client::service(STUDY_FIND).into_iter().collect();
    let keys = query(&[(STUDY, VR::UI, ""), (PATIENT_ID, VR::LO, ""), (BIRTH_DATE, VR::DA, "")]);
    let tls = hospital.tls(WORKSTATION)?;
    let (mut link, contexts, _) = associate(hospital, tls, WORKSTATION, wanted.clone(), false).await?;
    let (all, outcome) = client::find(&mut link, &contexts, &keys).await?;
    link.release().await?;
    let of = |whose: &Whose<'_>| all.iter().find(|set| set.plain(PATIENT_ID) == whose.patient_id);
    let (Some(hers), Some(other)) = (of(&HERS), of(&OTHER)) else {
        return Err(wrong(format!("without a person WS1 does not find both studies: status {}", outcome.status)));
    };
    if hers.plain(BIRTH_DATE) != HERS.birth_date {
        return Err(wrong("the archive does not tell the birth date to WS1 alone"));
    }
    let (mut link, contexts) = log_in(hospital, wanted, false).await?;
    let (seen, outcome) = client::find(&mut link, &contexts, &keys).await?;
    let by_uid = query(&[(STUDY, VR::UI, other.plain(STUDY))]);
    let (by_uid, by_uid_outcome) = client::find(&mut link, &contexts, &by_uid).await?;
    link.release().await?;
    if (outcome.status, by_uid_outcome.status) != (Status::SUCCESS, Status::SUCCESS) {
        return Err(wrong(format!("status {} and {}", outcome.status, by_uid_outcome.status)));
    }
    let [only] = seen.as_slice() else {
        return Err(wrong(format!("{} studies instead of her own alone", seen.len())));
    };
    if only.plain(STUDY) != hers.plain(STUDY) || !by_uid.is_empty() {
        return Err(wrong("she sees a study that is not hers"));
    }
    if only.bytes(BIRTH_DATE) != Some(&[]) {
        return Err(wrong("the birth date does not come back empty"));
    }
    let all = counted(all.len(), "study", "studies");
    Ok(format!(
        "{REFERRER} finds 1 study, her patient's, where WS1 by itself finds {all}; the birth date comes back empty"
    ))
}

/// Hers comes whole but for what is hidden; another's comes like one that does not exist.
async fn get(hospital: &Hospital, two: &Two) -> Result<String, StepFault> {
    let mut wanted = kinds(two);
    wanted.extend(client::service(STUDY_GET));
    let (mut link, contexts) = log_in(hospital, wanted, true).await?;
    let (hers, outcome) = client::get(&mut link, &contexts, &by_study(&study_of(&two.hers)?)).await?;
    let hidden = client::get(&mut link, &contexts, &by_study(&study_of(&two.other)?)).await?;
    let absent = client::get(&mut link, &contexts, &by_study(ABSENT)).await?;
    link.release().await?;
    let shown = phantom::single(&Whose { birth_date: "", ..HERS }).ok_or_else(|| wrong("nothing to compare"))?;
    if outcome.status != Status::SUCCESS || hers != [shown] {
        return Err(wrong(format!("status {}, {} objects, or not as they should be", outcome.status, hers.len())));
    }
    let told = |(objects, outcome): &(Vec<Object>, Outcome)| (objects.len(), outcome.status, outcome.comment.clone());
    let (hidden, absent) = (told(&hidden), told(&absent));
    if hidden != absent || hidden.0 != 0 {
        return Err(wrong(format!("the other study is answered {hidden:?}, one that does not exist {absent:?}")));
    }
    Ok(format!(
        "C-GET brings her study, the birth date emptied and all else bit for bit; the other study is answered {} without an \
         object, like one that does not exist",
        hidden.1
    ))
}

fn by_study(study: &str) -> crate::demo::elements::Set {
    query(&[(STUDY, VR::UI, study)])
}

fn study_of(object: &Object) -> Result<String, StepFault> {
    let encoding = crate::dicom::transfer_syntax::encoding_of(&object.transfer_syntax);
    let set = crate::demo::elements::read(&object.data_set, encoding).map_err(|fault| wrong(fault.to_string()))?;
    Ok(uid(set.plain(STUDY))?.to_string())
}

async fn guessed(hospital: &Hospital) -> Result<String, StepFault> {
    rejected(hospital, "eight-tame-geese").await?;
    Ok("rejected (1/1/1), the ten bytes that every stranger gets".to_owned())
}

async fn rejected(hospital: &Hospital, passcode: &str) -> Result<(), StepFault> {
    let wire = device::secure(&hospital.target, hospital.tls(WORKSTATION)?).await?;
    let request = request(passcode, client::service(STUDY_FIND).into_iter().collect(), false)?;
    let heard = device::raw(wire, request.encode(), REJECTION.len()).await;
    if heard != REJECTION {
        return Err(wrong(format!("answered by {} bytes that are not the rejection", heard.len())));
    }
    Ok(())
}

/// Whoever names the canary is cut off, and stays out with the right passcode too; the workstation goes on.
async fn canary(hospital: &Hospital) -> Result<String, StepFault> {
    let wanted: Vec<Wanted> = client::service(STUDY_FIND).into_iter().collect();
    let (mut link, contexts) = log_in(hospital, wanted.clone(), false).await?;
    match client::find(&mut link, &contexts, &query(&[(PATIENT_ID, VR::LO, CANARY)])).await {
        Err(LinkFault::Aborted(_)) => {}
        Err(fault) => return Err(fault.into()),
        Ok((_, outcome)) => return Err(wrong(format!("answered {} instead of an abort", outcome.status))),
    }
    rejected(hospital, PASSCODE).await?;
    let (link, ..) = associate(hospital, hospital.tls(WORKSTATION)?, WORKSTATION, wanted, false).await?;
    link.release().await?;
    Ok("aborted, and rejected like a stranger from then on; WS1 without her goes on".to_owned())
}

/// What `dicomgate quarantine release` does, beside the running gateway.
async fn released(hospital: &Hospital) -> Result<String, StepFault> {
    let settings = config::load(&hospital.configuration()).map_err(|faults| wrong(faults.to_string()))?;
    let state =
        State::open(state_options(&settings, Arc::new(drop))).await.map_err(|fault| wrong(fault.to_string()))?;
    let held = state.release(&format!("user:{REFERRER}"), "demo", "shown").await;
    if held.map_err(|fault| wrong(fault.to_string()))?.is_none() {
        return Err(wrong("she was not in quarantine"));
    }
    for _ in 0..ATTEMPTS {
        match log_in(hospital, client::service(STUDY_FIND).into_iter().collect(), false).await {
            Ok((link, _)) => {
                link.release().await?;
                return Ok(format!("`dicomgate quarantine release user:{REFERRER}` lets her in again"));
            }
            Err(StepFault::Link(LinkFault::Rejected(_))) => tokio::time::sleep(PAUSE).await,
            Err(fault) => return Err(fault),
        }
    }
    Err(wrong("she is not let in again"))
}
