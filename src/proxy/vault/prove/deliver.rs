//! C-MOVE of the test studies to a destination, and what comes of it.

use super::judge::{Judge, Verdict};
use super::patience::{Patience, proves_nothing};
use super::sample::PATIENT_ID;
use super::stored::Stored;
use crate::dicom::dataset::write::DataSet;
use crate::dicom::dimse::{Command, Field};
use crate::dicom::transfer_syntax::encoding_of;
use crate::dicom::{AeTitle, Tag, Uid, sop_class};
use crate::proxy::vault::verify::ReadBack;
use crate::scu::{Accepted, Answerer, Ask, LONGEST_DATA_SET, Link, LinkFault, Target, What};
use std::time::Duration;

/// How long nothing more must come after the final response until the deliveries are taken to be over.
const QUIET: Duration = Duration::from_secs(5);
/// Longer objects cannot be heard: the answerer holds them whole.
const LONGEST: u64 = LONGEST_DATA_SET as u64;
/// Message id of the C-MOVE.
const MESSAGE: u16 = 0x4d48;
const CLASSES: [&str; 2] = [sop_class::STUDY_ROOT_MOVE, sop_class::PATIENT_ROOT_MOVE];

/// What is asked for.
pub(super) struct Delivery<'a> {
    pub target: &'a Target<'a>,
    pub destination: AeTitle,
    pub how: &'a ReadBack,
    pub patience: &'a Patience,
}

/// Whether an object is waited for: the archive has it, and it is short enough.
pub(super) fn is_heard(one: &Stored) -> bool {
    one.is_stored() && one.bytes < LONGEST
}

/// Has the archive deliver every small object that was stored; what came, and why it may not be all.
pub(super) async fn deliver(
    delivery: &Delivery<'_>,
    ear: &mut Answerer,
    stored: &[Stored],
) -> (Vec<Verdict>, Option<LinkFault>) {
    let mut judge = Judge::new(delivery.how);
    ear.forget();
    let mut studies: Vec<Uid> = stored.iter().map(|one| one.sample.study).collect();
    studies.sort_unstable();
    studies.dedup();
    let (mut link, mut awaited, mut why) = (None, 0, None);
    for study in studies {
        awaited += stored.iter().filter(|one| one.sample.study == study && is_heard(one)).count();
        for tried in 1.. {
            let Err(fault) = ask(delivery, &mut link, ear, &study, awaited, &mut judge).await else { break };
            link = None;
            if !proves_nothing(&fault) || !delivery.patience.again(tried, false).await {
                why = Some(fault);
                break;
            }
        }
    }
    if let Some((link, _)) = link {
        let _ = link.release().await;
    }
    (judge.verdicts, why)
}

/// One study, on the association that there is, or a new one.
async fn ask(
    delivery: &Delivery<'_>,
    kept: &mut Option<(Link, Accepted)>,
    ear: &mut Answerer,
    study: &Uid,
    awaited: usize,
    judge: &mut Judge<'_>,
) -> Result<(), LinkFault> {
    let (mut link, context) = match kept.take() {
        Some(open) => open,
        None => open(delivery).await?,
    };
    let command = Command::move_rq(MESSAGE, &context.class, delivery.destination);
    link.send(context.id, &command, Some(&identifier(study, &context))).await?;
    // Whether the association that delivers is over.
    let mut over = false;
    loop {
        tokio::select! {
            biased;
            Some(arrival) = ear.next() => over = take(arrival.what, judge).await,
            message = link.receive() => match message?.command.status {
                Some(status) if status.is_final() => break,
                _ => {}
            },
        }
    }
    // An archive may answer first and deliver then.
    while !(over && judge.objects() >= awaited) {
        let Ok(Some(arrival)) = tokio::time::timeout(QUIET, ear.next()).await else { break };
        over = take(arrival.what, judge).await;
    }
    *kept = Some((link, context));
    Ok(())
}

async fn open(delivery: &Delivery<'_>) -> Result<(Link, Accepted), LinkFault> {
    let asks: Vec<Ask> = CLASSES.iter().filter_map(|class| Uid::new(class).ok()).map(Ask::plain).collect();
    let link = delivery.patience.open(delivery.target, &asks, false).await?;
    let context = CLASSES.iter().find_map(|class| link.all_accepted().find(|one| one.class.as_str() == *class));
    match context {
        Some(context) => Ok((link, context)),
        None => {
            let _ = link.release().await;
            Err(LinkFault::NotOffered("it does not offer C-MOVE"))
        }
    }
}

/// Judges what came. Whether an association that delivers has ended with it.
async fn take(what: What, judge: &mut Judge<'_>) -> bool {
    match what {
        What::Request(message, context) if message.command.field == Field::StoreRq => {
            if let Some(data) = &message.data {
                judge.judge(&context, &message.command, data).await;
            }
            false
        }
        What::Ended(_) => true,
        _ => false,
    }
}

fn identifier(study: &Uid, context: &Accepted) -> Vec<u8> {
    let set = DataSet::new().with(Tag(0x0008, 0x0052), b"CS", "STUDY").with_uid(Tag(0x0020, 0x000d), study);
    let set = if context.class.as_str() == sop_class::PATIENT_ROOT_MOVE {
        set.with(Tag(0x0010, 0x0020), b"LO", PATIENT_ID)
    } else {
        set
    };
    set.encode(encoding_of(&context.syntax))
}
