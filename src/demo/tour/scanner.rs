//! The scanner: C-ECHO, then a whole study by C-STORE.

use super::{StepFault, associate, kinds, wrong};
use crate::demo::client::{self, VERIFICATION};
use crate::demo::hospital::{Hospital, SCANNER};
use crate::demo::journal::Journal;
use crate::demo::report::{Report, milliseconds, volume};
use crate::demo::study::Study;
use crate::dicom::Uid;
use crate::dicom::dimse::Status;
use std::io::Write;
use std::time::Instant;

/// The most refused objects that are listed.
const LISTED: usize = 10;

/// An object that did not get through.
struct Refused {
    instance: Uid,
    words: String,
    /// The gateway recorded that it is malformed or differs from its command: with somebody's own files that is an outcome and no fault.
    malformed: bool,
}

/// Stores the study; what of it the later steps may expect.
pub(super) async fn stores<W: Write>(
    report: &mut Report<W>,
    hospital: &Hospital,
    study: Study,
    journal: &mut Journal,
) -> Study {
    report.step(echo(hospital).await.map_err(|fault| format!("C-ECHO: {fault}")));
    let (outcome, refused) = match store_all(hospital, &study, journal).await {
        Ok((words, refused)) => {
            let fine = refused.iter().all(|one| study.own_files && one.malformed);
            (if fine { Ok(words) } else { Err(words) }, refused)
        }
        Err(fault) => (Err(format!("C-STORE: {fault}")), Vec::new()),
    };
    report.step(outcome);
    for one in refused.iter().take(LISTED) {
        report.detail(format_args!("{}: {}", one.instance, one.words));
    }
    let malformed = refused.iter().filter(|one| study.own_files && one.malformed).map(|one| one.instance).collect();
    let study = study.without(&malformed);
    report.step(compare(hospital, &study).await.map_err(|fault| format!("in the archive's files: {fault}")));
    study
}

/// Stores what it stored before once more, now that it is sealed on its way in.
pub(super) async fn stores_sealed<W: Write>(
    report: &mut Report<W>,
    hospital: &Hospital,
    images: &Study,
    journal: &mut Journal,
) {
    match store_all(hospital, images, journal).await {
        Ok((words, refused)) => {
            let words =
                format!("CT1 stores the study again: {words}; sealed, and read back before CT1 hears of success");
            report.step(if refused.is_empty() { Ok(words) } else { Err(words) });
            for one in refused.iter().take(LISTED) {
                report.detail(format_args!("{}: {}", one.instance, one.words));
            }
        }
        Err(fault) => report.cross(format_args!("CT1 stores the study again: {fault}")),
    }
}

async fn echo(hospital: &Hospital) -> Result<String, StepFault> {
    let wanted = client::service(VERIFICATION).into_iter().collect();
    let (mut link, contexts, protection) = associate(hospital, hospital.tls(SCANNER)?, SCANNER, wanted, false).await?;
    let started = Instant::now();
    let outcome = client::echo(&mut link, &contexts).await?;
    let took = started.elapsed();
    link.release().await?;
    if outcome.status != Status::SUCCESS {
        return Err(wrong(format!("status {}", outcome.status)));
    }
    Ok(format!("C-ECHO answered in {} ({protection})", milliseconds(took)))
}

/// Stores everything; also what was not stored and why. An association that breaks is made again.
async fn store_all(
    hospital: &Hospital,
    study: &Study,
    journal: &mut Journal,
) -> Result<(String, Vec<Refused>), StepFault> {
    let started = Instant::now();
    let mut refused: Vec<Refused> = Vec::new();
    journal.skip();
    let mut open = None;
    for (number, object) in (1..=u16::MAX).cycle().zip(&study.objects) {
        let (mut link, contexts) = match open.take() {
            Some(open) => open,
            None => {
                let (link, contexts, _) =
                    associate(hospital, hospital.tls(SCANNER)?, SCANNER, kinds(study), false).await?;
                (link, contexts)
            }
        };
        match client::store(&mut link, &contexts, object, number).await {
            Ok(outcome) if outcome.status == Status::SUCCESS => open = Some((link, contexts)),
            Ok(outcome) => {
                let words = format!("status {} {}", outcome.status, outcome.comment.unwrap_or_default());
                refused.push(Refused { instance: object.sop_instance, words, malformed: false });
                open = Some((link, contexts));
            }
            Err(fault) => {
                let told = journal.next(|record| matches!(record.event(), "malformed" | "mismatch")).await;
                let malformed = told.is_some();
                let words = told.map_or_else(|| fault.to_string(), |told| told.because.join("; "));
                refused.push(Refused { instance: object.sop_instance, words, malformed });
            }
        }
    }
    if let Some((link, _)) = open {
        link.release().await?;
    }
    let took = started.elapsed();
    let stored = study.objects.len() - refused.len();
    let of = if refused.is_empty() { String::new() } else { format!(" of {}", study.objects.len()) };
    Ok((format!("C-STORE of {stored}{of} objects: {}", volume(study.bytes(), took)), refused))
}

/// What the archive's files hold is what the scanner sent.
async fn compare(hospital: &Hospital, study: &Study) -> Result<String, StepFault> {
    let held = hospital.archive.store().all();
    for object in &study.objects {
        let Some(stored) = held.iter().find(|stored| stored.sop_instance == object.sop_instance) else {
            return Err(wrong(format!("{} is missing", object.sop_instance)));
        };
        let kept = hospital.archive.store().read(stored).await.map_err(|fault| wrong(fault.to_string()))?;
        if kept != *object {
            return Err(wrong(format!("{} differs", object.sop_instance)));
        }
    }
    if held.len() != study.objects.len() {
        return Err(wrong(format!("{} objects instead of {}", held.len(), study.objects.len())));
    }
    Ok(format!("the archive's {} files hold what was sent, bit for bit", held.len()))
}
