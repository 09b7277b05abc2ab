//! Questions that need no object: what the archive says of itself, what it takes, how much of it at once.

use super::ground::{Ground, accepted, asks};
use crate::cli::archive::report::{Capacity, Found, Hello, Offer};
use crate::cli::fresh;
use crate::dicom::dimse::Command;
use crate::dicom::{Uid, sop_class, transfer_syntax};
use crate::scu::{Ask, Link, LinkFault, proposal};
use std::time::Duration;

/// How many associations are tried at once.
const ASSOCIATIONS: u32 = 32;
/// How long the associations of earlier questions are given to be forgotten: some count them a second longer.
const SETTLE: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 3 });
/// How often, and after which pause each time, an archive is asked that was full.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_secs(1);
/// How many operations at once are asked for.
const WINDOW: (u16, u16) = (8, 8);

/// Classes that an archive may take, in plain little endian.
const CLASSES: [&str; 20] = [
    sop_class::VERIFICATION,
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.4",
    "1.2.840.10008.5.1.4.1.1.6.1",
    "1.2.840.10008.5.1.4.1.1.1.1",
    super::SECONDARY_CAPTURE,
    "1.2.840.10008.5.1.4.1.1.88.33",
    sop_class::KEY_OBJECT_SELECTION,
    "1.2.840.10008.5.1.4.1.1.104.1",
    sop_class::PATIENT_ROOT_FIND,
    sop_class::STUDY_ROOT_FIND,
    sop_class::PATIENT_ROOT_MOVE,
    sop_class::STUDY_ROOT_MOVE,
    sop_class::PATIENT_ROOT_GET,
    sop_class::STUDY_ROOT_GET,
    sop_class::STORAGE_COMMITMENT_PUSH,
    sop_class::MODALITY_WORKLIST,
    "1.2.840.10008.3.1.2.3.3",
    "1.2.840.10008.5.1.4.33",
];

/// Encodings that CT images are offered in, one by one.
const SYNTAXES: [&str; 6] = [
    transfer_syntax::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.202",
];

/// The first association: what the archive says of itself and takes, and a C-ECHO.
///
/// # Errors
/// There is no association: nothing else can be asked.
pub async fn hello(ground: &Ground<'_>) -> Result<(Hello, Found<String>, Vec<Offer>), LinkFault> {
    let mut all = asks(&CLASSES);
    let compressed = SYNTAXES.iter().filter_map(|syntax| Uid::new(syntax).ok());
    if let Ok(ct) = Uid::new("1.2.840.10008.5.1.4.1.1.2") {
        all.extend(compressed.map(|syntax| Ask { class: ct, syntaxes: vec![syntax], roles: None }));
    }
    let mut link = Link::open(&ground.target(ground.calling), &all).await?;
    let user = &link.answer().user;
    let hello = Hello {
        max_pdu: user.max_length,
        implementation: user.implementation_class.map(|class| class.to_string()),
        version: user.implementation_version.as_ref().map(ToString::to_string),
    };
    let offers = (0..).zip(&all).map(|(index, ask)| {
        let found = link.all_accepted().find(|accepted| usize::from(accepted.id) == index * 2 + 1);
        let class = sop_class::name(&ask.class).unwrap_or(ask.class.as_str()).to_owned();
        let name = match ask.syntaxes.as_slice() {
            [only] => format!("{class} in {}", transfer_syntax::name(only).unwrap_or(only.as_str())),
            _ => class,
        };
        Offer { class: ask.class.to_string(), name, syntax: found.map(|accepted| accepted.syntax.to_string()) }
    });
    let offers = offers.collect();
    let echo = match accepted(&link, &[sop_class::VERIFICATION]) {
        None => Found::unknown("it does not take the verification class"),
        Some(context) => match link.call(context.id, &Command::echo_rq(1, &context.class), None).await {
            Ok(answer) => Found::Known(answer.command.status.map(|status| status.to_string()).unwrap_or_default()),
            Err(fault) => Found::unknown(fault.to_string()),
        },
    };
    let _ = link.release().await;
    Ok((hello, echo, offers))
}

/// How many operations at once it agrees to. Asked for on an association of its own: some hang up when they are.
pub async fn window(ground: &Ground<'_>) -> Found<(u16, u16)> {
    let target = ground.target(ground.calling);
    let opened = match proposal(&target, &asks(&[sop_class::VERIFICATION, sop_class::STUDY_ROOT_FIND])) {
        Ok(mut request) => {
            request.user.async_window = Some(WINDOW);
            Link::request(&target, &request).await
        }
        Err(fault) => Err(fault),
    };
    match opened {
        Ok(link) => {
            // To say nothing is to agree to one (PS3.7 D.3.3.3.2).
            let window = link.answer().user.async_window.unwrap_or((1, 1));
            let _ = link.release().await;
            Found::Known(window)
        }
        Err(fault) => Found::unknown(format!("asked for {} at once, {fault}", WINDOW.0)),
    }
}

/// Whether it takes an association of a title that it cannot know.
pub async fn takes_strangers(ground: &Ground<'_>) -> Found<bool> {
    let Some(stranger) = fresh::title() else { return Found::unknown("the system has no random numbers") };
    match ground.open(stranger, &[sop_class::VERIFICATION, sop_class::STUDY_ROOT_FIND]).await {
        Ok(link) => {
            let _ = link.release().await;
            Found::Known(true)
        }
        Err(LinkFault::Rejected(rj)) if rj.result == 1 => Found::Known(false),
        // Some close the connection on whom they do not know; so does one that is busy.
        Err(fault) => Found::unknown(fault.to_string()),
    }
}

/// Opens associations until one is refused, and then ends them all.
pub async fn associations(ground: &Ground<'_>) -> Found<Capacity> {
    tokio::time::sleep(SETTLE).await;
    let mut links = Vec::new();
    let mut refused = None;
    for _ in 0..ASSOCIATIONS {
        match ground.open(ground.calling, &[sop_class::VERIFICATION]).await {
            Ok(link) => links.push(link),
            Err(fault) => {
                refused = Some(fault.to_string());
                break;
            }
        }
    }
    let taken = u32::try_from(links.len()).unwrap_or(u32::MAX);
    for link in links {
        let _ = link.release().await;
    }
    if refused.is_some() {
        recovered(ground).await;
    }
    match refused {
        Some(why) if taken == 0 => Found::unknown(why),
        refused => Found::Known(Capacity { taken, refused }),
    }
}

/// Waits until it takes associations again: some notice only after a while that others have gone.
async fn recovered(ground: &Ground<'_>) {
    for _ in 0..TRIES {
        if let Ok(link) = ground.open(ground.calling, &[sop_class::VERIFICATION]).await {
            let _ = link.release().await;
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
