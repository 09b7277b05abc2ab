//! The tour: act, check, say. Every step compares what came with what had to come; one that differs fails the tour.

mod people;
mod record;
mod refusals;
mod scanner;
mod vault;
mod workstation;

use super::client::{self, Call, Contexts, Wanted};
use super::device::{self, DialFault, Target};
use super::elements::{self, Set};
use super::hospital::{ARCHIVE, Hospital};
use super::journal::Journal;
use super::link::{Link, LinkFault};
use super::object::Object;
use super::report::Report;
use super::study::Study;
use crate::dicom::transfer_syntax::encoding_of;
use crate::dicom::{AeTitle, Tag, Uid};
use dicom_core::VR;
use rustls::ClientConfig;
use std::io::Write;
use std::sync::Arc;

/// Shows everything; the incidents it caused.
pub async fn walk<W: Write>(report: &mut Report<W>, hospital: &Hospital, study: Study) -> Vec<String> {
    let mut journal = Journal::new(hospital.audit());
    report.chapter("The scanner CT1 stores, over mutual TLS");
    let study = scanner::stores(report, hospital, study, &mut journal).await;
    report.chapter("The workstation WS1 finds and retrieves");
    workstation::reads(report, hospital, &study).await;
    report.chapter("The vault: the archive is to hold no readable image");
    vault::show(report, hospital, &study, &mut journal).await;
    report.chapter("Refused");
    refusals::show(report, hospital, &study, &mut journal).await;
    report.chapter("A referring physician at WS1, with name and passcode");
    people::show(report, hospital, &mut journal).await;
    report.chapter("The record of all this");
    record::verifies(report, hospital).await;
    journal.into_incidents()
}

/// Why a step could not be made at all.
#[derive(Debug, thiserror::Error)]
enum StepFault {
    #[error(transparent)]
    Dial(#[from] DialFault),
    #[error(transparent)]
    Link(#[from] LinkFault),
    #[error("{0}")]
    Wrong(String),
}

fn wrong(words: impl Into<String>) -> StepFault {
    StepFault::Wrong(words.into())
}

/// An association of a device with the archive, through the gateway; also what protects it.
async fn associate(
    hospital: &Hospital,
    tls: Arc<ClientConfig>,
    calling: &str,
    wanted: Vec<Wanted>,
    receives: bool,
) -> Result<(Link, Contexts, String), StepFault> {
    let wire = device::secure(&hospital.target, tls).await?;
    let protection = device::protection(&wire);
    let (link, contexts) = client::associate(wire, call(calling, ARCHIVE)?, wanted, receives).await?;
    Ok((link, contexts, protection))
}

/// An association of a stranger with the archive itself.
async fn past_the_gateway(
    hospital: &Hospital,
    wanted: Vec<Wanted>,
    receives: bool,
) -> Result<(Link, Contexts), StepFault> {
    let target = Target { address: hospital.archive.address(), ..hospital.target.clone() };
    let wire = device::plain(&target).await?;
    Ok(client::associate(wire, call("ANYBODY", ARCHIVE)?, wanted, receives).await?)
}

fn call(calling: &str, called: &str) -> Result<Call, StepFault> {
    let title = |text: &str| AeTitle::new(text).map_err(|fault| wrong(fault.to_string()));
    Ok(Call { calling: title(calling)?, called: title(called)? })
}

/// The kinds of a study's objects.
fn kinds(study: &Study) -> Vec<Wanted> {
    client::storage_contexts(study.objects.iter().map(|object| (object.sop_class, object.transfer_syntax)))
}

/// A query for one image.
fn by_image(object: &Object) -> Result<Set, StepFault> {
    let header = elements::read(&object.data_set, encoding_of(&object.transfer_syntax));
    let header = header.map_err(|fault| wrong(fault.to_string()))?;
    let mut set = Set::new();
    set.text(Tag(0x0008, 0x0052), VR::CS, "IMAGE");
    for tag in [Tag(0x0020, 0x000d), Tag(0x0020, 0x000e), Tag(0x0008, 0x0018)] {
        set.text(tag, VR::UI, header.plain(tag));
    }
    Ok(set)
}

fn uid(text: &str) -> Result<Uid, StepFault> {
    Uid::new(text).map_err(|fault| wrong(fault.to_string()))
}
