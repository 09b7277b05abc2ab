//! An archive's N-EVENT-REPORT: whose it is, what of it may be told, stored before it is answered.

use super::narrow::narrow;
use super::{Commitments, note};
use crate::audit::commitment::{CommitmentNote, Stage};
use crate::dicom::commitment::{self, ReportFault};
use crate::dicom::dimse::{Command, Field, Status};
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{AeTitle, Uid};
use crate::proxy::shared::Shared;
use crate::state::{CommitmentKey, Report, StateFault};

/// No such event type (PS3.7 10.1.1.1.8).
const NO_SUCH_EVENT_TYPE: Status = Status(0x0113);
/// An argument that is not valid.
const INVALID_ARGUMENT: Status = Status(0x0115);
/// No such SOP class.
const NO_SUCH_SOP_CLASS: Status = Status(0x0118);
/// Not now: something is full.
const RESOURCE_LIMITATION: Status = Status(0x0213);

/// An N-EVENT-REPORT-RQ as it came from an archive, whole.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The archive that it came from, identified, by its `ae_title`.
    pub archive: AeTitle,
    /// The requester's title as that archive knows it: the called title of an association that the archive opened, the
    /// calling title of one that the gateway opened to it.
    pub title: AeTitle,
    /// The command.
    pub command: &'a Command,
    /// Its data set; bounded by `commit_report_size`.
    pub data: &'a [u8],
    /// How the data set is written.
    pub encoding: Encoding,
}

/// Why a report is not taken.
struct No {
    status: Status,
    transaction: Option<Uid>,
    words: String,
}

impl No {
    fn new(status: Status, words: impl Into<String>) -> Self {
        Self { status, transaction: None, words: words.into() }
    }

    fn about(transaction: Uid, status: Status, words: impl Into<String>) -> Self {
        Self { transaction: Some(transaction), ..Self::new(status, words) }
    }
}

/// Takes a report: finds who asked, withholds what they may not see, stores it durably and wakes the courier. Returns
/// the status for the archive (PS3.7 10.1.1.1.8):
///
/// - 0000H: stored; it is the gateway's from here on.
/// - 0110H, 0213H: it could not be stored or recorded, and the archive is to try again.
/// - 0113H, 0115H, 0118H, 0112H: it is no report, or nobody has asked for it. An unknown transaction is 0115H and not
///   0112H: the SOP instance is the well-known one and does exist, it is the Transaction UID, an argument, that is
///   not valid.
pub async fn accept(shared: &Shared, commitments: &Commitments, arrival: Arrival<'_>) -> Status {
    match take(shared, commitments, &arrival).await {
        Ok(()) => {
            commitments.wake();
            Status::SUCCESS
        }
        Err(no) => {
            note::note(
                shared,
                CommitmentNote {
                    stage: Stage::Refused,
                    archive: arrival.archive.as_str(),
                    title: Some(arrival.title.as_str()),
                    transaction: no.transaction.as_ref().map(Uid::as_str),
                    status: Some(no.status.0),
                    words: Some(&no.words),
                    ..CommitmentNote::default()
                },
            );
            no.status
        }
    }
}

async fn take(shared: &Shared, commitments: &Commitments, arrival: &Arrival<'_>) -> Result<(), No> {
    let event_type = event_type(arrival.command)?;
    let mut report = commitment::read(arrival.data, arrival.encoding, event_type, commitment::MOST_REFERENCES)
        .map_err(|fault| No::new(INVALID_ARGUMENT, words_of(&fault)))?;
    let transaction = report.transaction;
    let key = CommitmentKey { archive: arrival.archive, transaction, title: arrival.title };
    let found = commitments.state.commitment(&key).await.map_err(|fault| away(transaction, &fault))?;
    let Some(known) = found else {
        let words = "nobody has asked this archive for it under that title, or too long ago";
        return Err(No::about(transaction, INVALID_ARGUMENT, words));
    };
    // A success that cannot be recorded is none; the archive tries again, and the new report takes the place.
    let unrecorded = || No::about(transaction, Status::PROCESSING_FAILURE, "it cannot be recorded");
    if !shared.gate.log().is_writable() {
        return Err(unrecorded());
    }
    let withheld = narrow(&shared.snapshot(), &known, &mut report);
    let stored = Report {
        commitment: known.clone(),
        event_type: report.event_type(),
        data_set: report.encode(Encoding::ExplicitLe),
        attempts: 0,
        due: (commitments.clock)(),
    };
    commitments.state.put_report(stored).await.map_err(|fault| away(transaction, &fault))?;
    let counts = Some(note::instances(&report, withheld));
    let accepted = CommitmentNote { instances: counts, status: Some(0), ..note::of(&known, Stage::Accepted) };
    if note::note(shared, accepted) { Ok(()) } else { Err(unrecorded()) }
}

/// (0000,1002), if the command is this service's at all.
fn event_type(command: &Command) -> Result<u16, No> {
    if command.field != Field::EventReportRq {
        return Err(No::new(Status::UNRECOGNIZED_OPERATION, "it is no N-EVENT-REPORT"));
    }
    if command.sop_class().is_none_or(|class| class.as_str() != commitment::SOP_CLASS) {
        return Err(No::new(NO_SUCH_SOP_CLASS, "its SOP class is not that of storage commitment"));
    }
    if command.sop_instance().is_none_or(|instance| instance.as_str() != commitment::SOP_INSTANCE) {
        return Err(No::new(
            Status::NO_SUCH_SOP_INSTANCE,
            "its SOP instance is not the well-known one of storage commitment",
        ));
    }
    match command.event_type {
        Some(event_type) if commitment::is_event_type(event_type) => Ok(event_type),
        _ => Err(No::new(NO_SUCH_EVENT_TYPE, "its event type is neither 1 nor 2")),
    }
}

fn away(transaction: Uid, fault: &StateFault) -> No {
    let status = match fault {
        StateFault::TooMany { .. } => RESOURCE_LIMITATION,
        _ => Status::PROCESSING_FAILURE,
    };
    No::about(transaction, status, fault.to_string())
}

fn words_of(fault: &ReportFault) -> String {
    format!("it cannot be read: {fault}")
}
