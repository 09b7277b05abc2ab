//! Before anything is sealed: keys, and the proof that the archive gives back what it gets.

use crate::demo::client;
use crate::demo::command::{Ended, Words};
use crate::demo::hospital::{Hospital, SCANNER, WORKSTATION};
use crate::demo::journal::Journal;
use crate::demo::report::{Report, milliseconds};
use crate::demo::study::Study;
use crate::demo::tour::refusals::conclude;
use crate::demo::tour::{StepFault, associate, kinds, wrong};
use crate::dicom::AeTitle;
use crate::dicom::dimse::Status;
use crate::proxy::vault::prove::PATIENT_ID;
use std::io::Write;

/// What the command is told of the largest object that it stores, bytes; a hospital has it store its largest.
const LARGEST: &str = "1048576";

pub(super) async fn shows<W: Write>(
    report: &mut Report<W>,
    hospital: &Hospital,
    images: &Study,
    journal: &mut Journal,
) {
    match hospital.make_keys().await {
        Ok(commands) => {
            report.tick(
                "keys: a ring for the gateway; for escrow a certificate beside it, and the private key in a safe",
            );
            commands.iter().for_each(|command| report.detail(command));
        }
        Err(words) => report.cross(format_args!("the keys of the vault: {words}")),
    }
    journal.skip();
    let outcome = unproven(hospital, images).await;
    let told = journal.next(|record| record.event() == "not-sealed").await;
    conclude(
        report,
        "sealing is switched on (`[vault]`, `seal = true`), nothing is proven yet, and CT1 stores",
        outcome,
        told,
    );
    probe(report, hospital).await;
    let deleted = hospital.archive.store().delete_patient(PATIENT_ID).await;
    report.step(match deleted {
        Ok(0) => Err(format!("the archive has nothing of `{PATIENT_ID}`, under which the probe stores")),
        Ok(objects) => Ok(format!("the archive's own tools delete the {objects} objects that the probe left behind")),
        Err(fault) => Err(format!("what the probe left behind: {fault}")),
    });
    // It would look by itself within two seconds.
    hospital.gateway.reload().await;
}

/// Nothing is sealed for an archive of which nothing is proven, and what must be sealed is not stored otherwise.
async fn unproven(hospital: &Hospital, images: &Study) -> Result<String, StepFault> {
    hospital.switch_vault_on().await.map_err(wrong)?;
    let object = images.objects.first().ok_or_else(|| wrong("no image"))?;
    let (mut link, contexts, _) = associate(hospital, hospital.tls(SCANNER)?, SCANNER, kinds(images), false).await?;
    let outcome = client::store(&mut link, &contexts, object, 1).await?;
    link.release().await?;
    if outcome.status == Status::SUCCESS {
        return Err(wrong("answered success, though nothing is proven of the archive"));
    }
    Ok(format!("answered {} `{}`", outcome.status, outcome.comment.unwrap_or_default()))
}

async fn probe<W: Write>(report: &mut Report<W>, hospital: &Hospital) {
    match probed(hospital).await {
        Ok((command, ended)) => {
            report.tick(format_args!(
                "the archive is proven in {}: whatever is sealed comes back from it, by C-GET and by C-MOVE",
                milliseconds(ended.took)
            ));
            report.detail(command);
            let found = |line: &&str| line.starts_with("carrier \"") || line.starts_with("repeats:");
            ended.said.lines().filter(found).for_each(|line| report.detail(line));
        }
        Err(words) => report.cross(words),
    }
}

async fn probed(hospital: &Hospital) -> Result<(Words, Ended), String> {
    let port = crate::demo::hospital::free_port().map_err(|fault| fault.to_string())?;
    let here = format!("127.0.0.1:{port}");
    let title = AeTitle::new(WORKSTATION).map_err(|fault| fault.to_string())?;
    hospital.archive.set_destination(title, here.clone());
    let command = Words::new(&["vault", "probe", "--largest", LARGEST, "--destination", WORKSTATION, "--listen"]);
    let command = command.and(here).and("--config").and(hospital.configuration());
    let ended = command.done().await?;
    // It is content with C-GET where no delivery is heard, and with one carrier where the other does not come back whole.
    if ended.complained.contains("C-MOVE is not proven") || ended.said.contains("\n  they ") {
        return Err(format!("`{command}` has not proven all of it: {}{}", ended.complained, ended.said));
    }
    Ok((command, ended))
}
