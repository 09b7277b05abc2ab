//! Who reads what is sealed: whoever may have it opened gets what was sent, whoever may not gets nothing.

use super::{bits, lacks, thief};
use crate::demo::client::{self, STUDY_FIND, STUDY_GET};
use crate::demo::command::Words;
use crate::demo::hospital::{DESK, Hospital};
use crate::demo::journal::{Journal, Told};
use crate::demo::object::Object;
use crate::demo::picture::Picture;
use crate::demo::report::{Report, counted};
use crate::demo::study::Study;
use crate::demo::tour::refusals::conclude;
use crate::demo::tour::{StepFault, associate, by_image, workstation, wrong};
use crate::dicom::dimse::{Status, StatusKind};
use std::io::Write;

pub(super) async fn shows<W: Write>(
    report: &mut Report<W>,
    hospital: &Hospital,
    study: &Study,
    images: &Study,
    journal: &mut Journal,
) {
    let Some(image) = shown(images) else { return };
    thief::asks_past_the_gateway(report, hospital, image).await;
    report.step(match opened(hospital, study).await {
        Ok(words) => Ok(format!("WS1, for whom a rule opens: {words}")),
        Err(fault) => Err(format!("WS1, for whom a rule opens: {fault}")),
    });
    journal.skip();
    let outcome = unopened(hospital, image).await;
    let told = journal.next(|record| record.event() == "not-opened").await;
    conclude(report, "the front desk DESK1, which may find, and for which no rule opens", outcome, told.clone());
    why(report, hospital, told).await;
}

/// One that can be drawn, from the middle of the study; any other where none can.
fn shown(images: &Study) -> Option<&Object> {
    let (before, behind) = images.objects.split_at_checked(images.objects.len() / 2)?;
    let drawn = behind.iter().chain(before).find(|object| Picture::of(object).is_some());
    drawn.or(images.objects.first())
}

/// It gets all that was sent.
async fn opened(hospital: &Hospital, study: &Study) -> Result<String, StepFault> {
    let (got, volume) = workstation::fetch(hospital, study).await?;
    let mut lacking = 0;
    for sent in &study.objects {
        let back = got.iter().find(|back| back.sop_instance == sent.sop_instance);
        lacking += lacks(sent, back.ok_or_else(|| wrong(format!("{} is missing", sent.sop_instance)))?)?;
    }
    Ok(format!("C-GET of {} objects: {volume}; all equal to what the scanner sent, {}", got.len(), bits(lacking)))
}

/// It finds the study, and gets no image of it: neither the picture nor the banner in its place.
pub(super) async fn unopened(hospital: &Hospital, image: &Object) -> Result<String, StepFault> {
    let mut wanted = client::storage_contexts([(image.sop_class, image.transfer_syntax)].into_iter());
    wanted.extend([STUDY_FIND, STUDY_GET].into_iter().filter_map(client::service));
    let (mut link, contexts, _) = associate(hospital, hospital.tls(DESK)?, DESK, wanted, true).await?;
    let keys = by_image(image)?;
    let (found, outcome) = client::find(&mut link, &contexts, &keys).await?;
    if outcome.status != Status::SUCCESS || found.len() != 1 {
        return Err(wrong(format!("C-FIND: status {}, {} images", outcome.status, found.len())));
    }
    let (got, outcome) = client::get(&mut link, &contexts, &keys).await?;
    link.release().await?;
    if !got.is_empty() {
        return Err(wrong(format!("C-GET: {} came", counted(got.len(), "object", "objects"))));
    }
    if !matches!(outcome.status.kind(), StatusKind::Failure | StatusKind::Warning) {
        return Err(wrong(format!("C-GET: status {}, though nothing came", outcome.status)));
    }
    Ok(format!("C-FIND finds the image, C-GET ends with {} and brings nothing, not even the banner", outcome.status))
}

/// The incident, asked for as an administrator does.
async fn why<W: Write>(report: &mut Report<W>, hospital: &Hospital, told: Option<Told>) {
    let Some(incident) = told.and_then(|told| told.incident) else {
        return report.cross("the refusal has no incident id that could be asked for");
    };
    let command = Words::new(&["why", &incident, "--state"]).and(hospital.state());
    match command.done().await {
        Ok(ended) if ended.said.contains(DESK) && ended.said.contains(&incident) => {
            report.tick("`dicomgate why` says in words what that was");
            report.detail(command);
            ended.said.lines().for_each(|line| report.detail(line));
        }
        Ok(ended) => report.cross(format_args!("`{command}` says something else: {}", ended.said)),
        Err(words) => report.cross(words),
    }
}
