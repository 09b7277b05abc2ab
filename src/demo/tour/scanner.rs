//! The scanner: C-ECHO, then a whole study by C-STORE.

use super::{StepFault, associate, kinds, wrong};
use crate::demo::client::{self, VERIFICATION};
use crate::demo::hospital::{Hospital, SCANNER};
use crate::demo::report::{Report, milliseconds, volume};
use crate::demo::study::Study;
use crate::dicom::dimse::Status;
use std::io::Write;
use std::time::Instant;

/// The most refused objects that are listed.
const LISTED: usize = 10;

pub(super) async fn stores<W: Write>(report: &mut Report<W>, hospital: &Hospital, study: &Study) {
    report.step(echo(hospital).await.map_err(|fault| format!("C-ECHO: {fault}")));
    let (outcome, refused) = match store_all(hospital, study).await {
        Ok((words, refused)) => (if refused.is_empty() { Ok(words) } else { Err(words) }, refused),
        Err(fault) => (Err(format!("C-STORE: {fault}")), Vec::new()),
    };
    report.step(outcome);
    for words in refused.iter().take(LISTED) {
        report.detail(words);
    }
    report.step(compare(hospital, study).await.map_err(|fault| format!("in the archive's files: {fault}")));
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
async fn store_all(hospital: &Hospital, study: &Study) -> Result<(String, Vec<String>), StepFault> {
    let started = Instant::now();
    let mut refused = Vec::new();
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
                let comment = outcome.comment.unwrap_or_default();
                refused.push(format!("{}: status {} {comment}", object.sop_instance, outcome.status));
                open = Some((link, contexts));
            }
            Err(fault) => refused.push(format!("{}: {fault}", object.sop_instance)),
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
