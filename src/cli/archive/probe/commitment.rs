//! Storage commitment: does the archive take the request, and where does its report come (PS3.4 annex J).

use super::ground::Ground;
use super::object::Study;
use crate::cli::archive::report::{Commitment, Found, Reported};
use crate::cli::fresh;
use crate::dicom::dataset::write::{DataSet, Flat};
use crate::dicom::dimse::{Command, Field, Status};
use crate::dicom::transfer_syntax::encoding_of;
use crate::dicom::{Tag, Uid, sop_class};
use crate::scu::{Accepted, Link, LinkFault, Message, What};
use std::time::Duration;

/// How long a report is waited for on the association that asked, and then elsewhere.
const REPORT: Duration = Duration::from_secs(10);

/// The well-known instance (PS3.4 J.3.5).
const INSTANCE: &str = "1.2.840.10008.1.20.1.1";
const TRANSACTION: Tag = Tag(0x0008, 0x1195);

/// Asks for commitment of one image, and waits for the report on both ways that it may come.
pub async fn commitment(ground: &mut Ground<'_>, study: &Study) -> Found<Commitment> {
    match try_commitment(ground, study).await {
        Ok(found) => found,
        Err(fault) => Found::unknown(fault.to_string()),
    }
}

async fn try_commitment(ground: &mut Ground<'_>, study: &Study) -> Result<Found<Commitment>, LinkFault> {
    let mut link = ground.open(ground.calling, &[sop_class::STORAGE_COMMITMENT_PUSH]).await?;
    let Some(context) = link.all_accepted().next() else {
        let _ = link.release().await;
        return Ok(Found::unknown("it does not offer storage commitment"));
    };
    let (Some(transaction), Ok(instance)) = (fresh::uid(), Uid::new(INSTANCE)) else {
        return Ok(Found::unknown("the system has no random numbers"));
    };
    if let Ok(ear) = &mut ground.ear {
        ear.forget();
    }
    let [image, ..] = &study.images;
    let reference =
        DataSet::new().with_uid(Tag(0x0008, 0x1150), &study.class).with_uid(Tag(0x0008, 0x1155), &image.instance);
    let request = DataSet::new().with_uid(TRANSACTION, &transaction).with_items(Tag(0x0008, 0x1199), vec![reference]);
    let mut command = Command::n_request(Field::ActionRq, 1, &context.class, &instance, true);
    command.action_type = Some(1);
    link.send(context.id, &command, Some(&request.encode(encoding_of(&context.syntax)))).await?;
    let (status, early) = answered(&mut link, &context, &transaction).await?;
    let known = |report| Ok(Found::Known(Commitment { status: status.to_string(), report }));
    if status != Status::SUCCESS {
        let _ = link.release().await;
        return known(Reported::Nowhere);
    }
    if early {
        let _ = link.release().await;
        return known(Reported::Same);
    }
    link.set_patience(REPORT);
    let report = tokio::select! {
        same = on_same(&mut link, &context, &transaction) => same.then_some(Reported::Same),
        true = on_new(ground, &transaction) => Some(Reported::New),
    };
    // Some only call back once they have been let go.
    let _ = link.release().await;
    match report {
        Some(report) => known(report),
        None if on_new(ground, &transaction).await => known(Reported::New),
        None => match &ground.ear {
            Ok(_) => known(Reported::Nowhere),
            Err(why) => Ok(Found::unknown(format!("no report came on the association that asked, and {why}"))),
        },
    }
}

/// The status of the N-ACTION, and whether the report came even before it.
async fn answered(link: &mut Link, context: &Accepted, transaction: &Uid) -> Result<(Status, bool), LinkFault> {
    let mut early = false;
    loop {
        let message = link.receive().await?;
        match (message.command.field, message.command.status) {
            (Field::ActionRsp, Some(status)) => return Ok((status, early)),
            _ => early |= confirm(link, &message, context, transaction).await,
        }
    }
}

async fn on_same(link: &mut Link, context: &Accepted, transaction: &Uid) -> bool {
    while let Ok(message) = link.receive().await {
        if confirm(link, &message, context, transaction).await {
            return true;
        }
    }
    false
}

/// Answers a report on the association that asked; whether it is the one waited for.
async fn confirm(link: &mut Link, message: &Message, context: &Accepted, transaction: &Uid) -> bool {
    if message.command.field != Field::EventReportRq {
        return false;
    }
    if let Some(answer) = message.command.response(Status::SUCCESS) {
        // That it came is what was asked.
        let _ = link.send(message.context, &answer, None).await;
    }
    is_report(message, context, transaction)
}

async fn on_new(ground: &mut Ground<'_>, transaction: &Uid) -> bool {
    let Ok(ear) = &mut ground.ear else { return false };
    let report = async {
        while let Some(arrival) = ear.next().await {
            if let What::Request(message, context) = &arrival.what
                && message.command.field == Field::EventReportRq
                && is_report(message, context, transaction)
            {
                return true;
            }
        }
        false
    };
    tokio::time::timeout(REPORT, report).await.unwrap_or(false)
}

fn is_report(message: &Message, context: &Accepted, transaction: &Uid) -> bool {
    let flat = message.data.as_deref().and_then(|data| Flat::read(data, encoding_of(&context.syntax)).ok());
    let named = flat.as_ref().and_then(|flat| flat.get(TRANSACTION));
    named.and_then(|named| Uid::new(named).ok()).is_some_and(|named| named == *transaction)
}
