//! One peer that receives: is it there, is it the one expected, does it answer.

use super::wiring::{Finding, Ground, STEP};
use crate::cli::dial;
use crate::dicom::Uid;
use crate::dicom::dimse::{Command, Status};
use crate::dicom::sop_class::VERIFICATION;
use crate::scu::{Ask, Link, LinkFault, Target};

/// A class that nearly everybody who receives takes; for those that take no C-ECHO.
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";

/// Dials the peer at this index as the gateway will when it delivers.
pub async fn prove(ground: &Ground, index: usize) -> Vec<Finding> {
    let settings = &ground.settings;
    let (Some(peer), Some(archive)) = (settings.policy.peers.get(index), settings.archives.first()) else {
        return Vec::new();
    };
    let (Some(address), Some(called)) = (&peer.address, peer.ae_titles.first()) else { return Vec::new() };
    let about = format!("peer {} at {address}", peer.name);
    let fault = |message: String, hint: &str| {
        Finding::fault(&about, ground.places.peer(settings, index, peer, message).with_hint(hint))
    };
    let tls = match dial::peer_tls(settings, peer, ground.material.as_ref()) {
        Ok(tls) => tls,
        Err(words) => {
            let hint =
                "write the `certificate` that it shows when it is dialled, or `tls = \"off\"` with its `network`";
            return vec![fault(format!("peer `{}` cannot be dialled over TLS: {words}", peer.name), hint)];
        }
    };
    let secure = if tls.is_some() { "TLS with the certificate expected" } else { "no TLS" };
    // The title by which peers know the archive.
    let calling = archive.answers_to.first().copied().unwrap_or(archive.ae_title);
    let within = if peer.plain { &*peer.networks } else { &[] };
    let target = Target { address, bind: None, within, tls, calling, called: *called, connect: STEP, answer: STEP };
    match echo(&target).await {
        Ok(words) => vec![Finding::fine(&about, format!("{secure}, {words}"))],
        Err(wrong) => {
            let hint = match &wrong {
                LinkFault::Rejected(_) => {
                    format!("in its own configuration, let `{calling}` call it as `{called}`, or correct `ae_titles`")
                }
                LinkFault::Away(_) | LinkFault::Address(_) => {
                    "is `address` right, is the device on, does a firewall stand between?".to_owned()
                }
                LinkFault::Tls(_) => {
                    "correct `certificate` here or the certificate there; docs/certificates.md".to_owned()
                }
                _ if target.tls.is_some() => {
                    "does this port speak TLS? if the device cannot, write `tls = \"off\"` and its `network`".to_owned()
                }
                _ => "does this port speak DICOM, and without TLS?".to_owned(),
            };
            vec![fault(format!("peer `{}` at {address}: {wrong}", peer.name), &hint)]
        }
    }
}

/// C-ECHO, or, from a system that takes none, at least an association.
async fn echo(target: &Target<'_>) -> Result<&'static str, LinkFault> {
    let classes = [VERIFICATION, SECONDARY_CAPTURE].iter().filter_map(|class| Uid::new(class).ok());
    let asks: Vec<Ask> = classes.map(Ask::plain).collect();
    let mut link = Link::open(target, &asks).await?;
    let verification = link.all_accepted().find(|accepted| accepted.class.as_str() == VERIFICATION);
    let words = match verification {
        Some(context) => {
            let answer = link.call(context.id, &Command::echo_rq(1, &context.class), None).await?;
            if answer.command.status == Some(Status::SUCCESS) { "answers C-ECHO" } else { "answers, but C-ECHO fails" }
        }
        None => "answers, and takes no C-ECHO",
    };
    // It has answered; whether it says goodbye changes nothing.
    let _ = link.release().await;
    Ok(words)
}
