//! Who is refused, and what the gateway said and recorded about it.

use super::workstation::query;
use super::{StepFault, associate, call, kinds, past_the_gateway, uid, wrong};
use crate::demo::client::{self, STUDY_FIND, STUDY_MOVE, VERIFICATION};
use crate::demo::device::{self, DialFault};
use crate::demo::hospital::{ARCHIVE, Hospital, SCANNER, WORKSTATION};
use crate::demo::journal::{Journal, Told};
use crate::demo::link::Link;
use crate::demo::report::{Report, counted};
use crate::demo::study::Study;
use crate::dicom::dimse::Status;
use crate::dicom::pdu::ContextResult;
use crate::dicom::{AeTitle, Tag};
use crate::net::Wire;
use crate::net::wire::WireFault;
use dicom_core::VR;
use rustls::ClientConfig;
use std::io::Write;
use std::sync::Arc;

/// A-ASSOCIATE-RJ, rejected permanently by the service user without a reason: the same ten bytes for everybody.
pub(super) const REJECTION: [u8; 10] = [3, 0, 0, 0, 0, 4, 0, 1, 1, 1];
/// More than any refusal needs, bytes.
const MOST: usize = 256;

pub(super) async fn show<W: Write>(report: &mut Report<W>, hospital: &Hospital, study: &Study, journal: &mut Journal) {
    let words = open_archive(hospital).await;
    report.step(words.map_err(|fault| format!("the archive asked directly: {fault}")));
    for (what, shows, calling, called) in [
        ("a guessed title of the archive", WORKSTATION, WORKSTATION, "ARCHIVE"),
        ("a guessed title of a device", WORKSTATION, "CT2", ARCHIVE),
        ("CT1's valid certificate under WS1's title", SCANNER, WORKSTATION, ARCHIVE),
    ] {
        journal.skip();
        let outcome = rejected(hospital, shows, calling, called).await;
        conclude(report, what, outcome, journal.refusal().await);
    }
    journal.skip();
    let outcome = unanswered(hospital, None).await;
    conclude(report, "a plain connection", outcome, journal.refusal().await);
    for (what, tls) in [
        ("TLS without a certificate", hospital.bare_tls()),
        ("a certificate in CT1's name from another CA", hospital.foreign_tls()),
    ] {
        journal.skip();
        let outcome = match tls {
            Ok(tls) => unanswered(hospital, Some(tls)).await,
            Err(fault) => Err(fault.into()),
        };
        conclude(report, what, outcome, journal.refusal().await);
    }
    journal.skip();
    let outcome = forbidden_query(hospital).await;
    let told = journal.next(|record| !record.list("removed").is_empty()).await;
    conclude(report, "the scanner CT1, which may store, asks to C-FIND", outcome, told);
    journal.skip();
    let outcome = forbidden_move(hospital, study).await;
    let told = journal.refusal().await;
    let outcome = outcome.and_then(|(words, comment)| same_incident(words, &comment, told.as_ref()));
    conclude(report, "WS1 asks to send the study elsewhere (C-MOVE to HOME)", outcome, told);
    journal.skip();
    let outcome = forbidden_store(hospital, study).await;
    let told = journal.next(|record| !record.list("removed").is_empty()).await;
    conclude(report, "the workstation WS1, which may read, asks to C-STORE", outcome, told);
    report.step(untouched(hospital, study));
}

/// A refusal passes if it was what it had to be and was recorded.
pub(super) fn conclude<W: Write>(
    report: &mut Report<W>,
    what: &str,
    outcome: Result<String, StepFault>,
    told: Option<Told>,
) {
    match (outcome, told) {
        (Ok(words), Some(told)) => {
            report.tick(format!("{what}: {words}"));
            for line in &told.because {
                report.detail(format!("policy: {line}"));
            }
            if let Some(incident) = &told.incident {
                report.detail(format!("incident {incident}"));
            }
        }
        (Ok(words), None) => report.cross(format!("{what}: {words}, but no record says so")),
        (Err(fault), _) => report.cross(format!("{what}: {fault}")),
    }
}

/// Why there is a gateway: the archive itself answers whoever reaches it.
async fn open_archive(hospital: &Hospital) -> Result<String, StepFault> {
    let wanted = client::service(STUDY_FIND).into_iter().collect();
    let (mut link, contexts) = past_the_gateway(hospital, wanted, false).await?;
    let (found, _) = client::find(&mut link, &contexts, &query(&[(Tag(0x0010, 0x0010), VR::PN, "")])).await?;
    link.release().await?;
    if found.is_empty() {
        return Err(wrong("it should have told"));
    }
    let studies = counted(found.len(), "study", "studies");
    Ok(format!("to compare: without a gateway the archive tells anybody who reaches it, {studies} for a stranger"))
}

/// An association request whose answer must be the rejection's ten bytes and the end.
async fn rejected(hospital: &Hospital, shows: &str, calling: &str, called: &str) -> Result<String, StepFault> {
    let wire = device::secure(&hospital.target, hospital.tls(shows)?).await?;
    // Whoever is rejected closes the connection; more than the rejection would be wrong.
    let heard = ask(wire, calling, called, REJECTION.len()).await?;
    if heard != REJECTION {
        return Err(wrong(format!("answered by {} bytes that are not the rejection", heard.len())));
    }
    Ok("rejected (1/1/1), ten bytes that tell nothing".to_owned())
}

async fn ask(wire: Wire, calling: &str, called: &str, most: usize) -> Result<Vec<u8>, StepFault> {
    let wanted = client::service(VERIFICATION).into_iter().collect();
    let request = client::request(call(calling, called)?, wanted, false).ok_or_else(|| wrong("no request"))?;
    Ok(device::raw(wire, request.encode(), most).await)
}

/// A caller who must not hear a single byte of DICOM.
async fn unanswered(hospital: &Hospital, tls: Option<Arc<ClientConfig>>) -> Result<String, StepFault> {
    let wire = match tls {
        None => device::plain(&hospital.target).await?,
        Some(tls) => match device::secure(&hospital.target, tls).await {
            Ok(wire) => wire,
            // In TLS 1.2 the handshake itself fails.
            Err(DialFault::Wire(WireFault::Tls(_))) => return Ok("refused in the handshake".to_owned()),
            Err(fault) => return Err(fault.into()),
        },
    };
    let encrypted = wire.tls().is_some();
    let heard = ask(wire, SCANNER, ARCHIVE, MOST).await?;
    match heard.as_slice() {
        [] => Ok("closed without an answer".to_owned()),
        // A TLS alert (RFC 8446 6) is all that a plain caller may hear: 21, version, length 2, level, description.
        [21, 3, _, 0, 2, _, _] if !encrypted => Ok("closed, with a TLS alert and not a byte of DICOM".to_owned()),
        other => Err(wrong(format!("{} bytes were answered", other.len()))),
    }
}

async fn forbidden_query(hospital: &Hospital) -> Result<String, StepFault> {
    let wanted = [VERIFICATION, STUDY_FIND].into_iter().filter_map(client::service).collect();
    let (link, contexts, _) = associate(hospital, hospital.tls(SCANNER)?, SCANNER, wanted, false).await?;
    let (echo, find) = (contexts.result(&uid(VERIFICATION)?), contexts.result(&uid(STUDY_FIND)?));
    link.release().await?;
    if (echo, find) != (Some(ContextResult::Acceptance), Some(ContextResult::UserRejection)) {
        return Err(wrong(format!("its presentation contexts were answered {echo:?} and {find:?}")));
    }
    Ok("its presentation context is taken away (1, user-rejection), C-ECHO stays".to_owned())
}

async fn forbidden_store(hospital: &Hospital, study: &Study) -> Result<String, StepFault> {
    let mut wanted = kinds(study);
    wanted.extend(client::service(VERIFICATION));
    let (link, contexts, _) = associate(hospital, hospital.tls(WORKSTATION)?, WORKSTATION, wanted, false).await?;
    let open = study.objects.iter().any(|object| contexts.id(&object.sop_class, None).is_some());
    link.release().await?;
    if open {
        return Err(wrong("a storage context was accepted"));
    }
    Ok("its presentation context is taken away (1, user-rejection)".to_owned())
}

async fn forbidden_move(hospital: &Hospital, study: &Study) -> Result<(String, String), StepFault> {
    let wanted = client::service(STUDY_MOVE).into_iter().collect();
    let tls = hospital.tls(WORKSTATION)?;
    let (mut link, contexts, _): (Link, _, _) = associate(hospital, tls, WORKSTATION, wanted, false).await?;
    let study = study.studies.keys().next().ok_or_else(|| wrong("no study"))?;
    let home = AeTitle::new("HOME").map_err(|fault| wrong(fault.to_string()))?;
    let keys = query(&[(Tag(0x0020, 0x000d), VR::UI, study)]);
    let outcome = client::move_to(&mut link, &contexts, &keys, home).await?;
    link.release().await?;
    if outcome.status != Status::NOT_AUTHORIZED {
        return Err(wrong(format!("answered {} instead of {}", outcome.status, Status::NOT_AUTHORIZED)));
    }
    let comment = outcome.comment.unwrap_or_default();
    Ok((format!("answered {} `{comment}`", outcome.status), comment))
}

/// The incident that the device was told is the one on record.
fn same_incident(words: String, comment: &str, told: Option<&Told>) -> Result<String, StepFault> {
    match told.and_then(|told| told.incident.as_deref()) {
        Some(incident) if comment.contains(incident) => Ok(words),
        Some(incident) => Err(wrong(format!("told `{comment}`, recorded {incident}"))),
        None => Ok(words),
    }
}

/// After all that the archive holds what it held.
fn untouched(hospital: &Hospital, study: &Study) -> Result<String, String> {
    let held = hospital.archive.store().all().len();
    if held == study.objects.len() {
        Ok("none of this reached the archive".to_owned())
    } else {
        Err(format!("the archive holds {held} objects instead of {}", study.objects.len()))
    }
}
