//! The state of the vault as an administrator sees it; and every image back without gateway and key ring.

use super::{bits, lacks};
use crate::demo::archive::Stored;
use crate::demo::command::Words;
use crate::demo::hospital::Hospital;
use crate::demo::object::Object;
use crate::demo::report::Report;
use crate::demo::study::Study;
use bytes::Bytes;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// How many objects the drill picks.
const PICKED: &str = "3";

pub(super) async fn shows<W: Write>(report: &mut Report<W>, hospital: &Hospital, images: &Study) {
    match restored(hospital, images).await {
        Ok((command, lacking)) => {
            report.tick(format_args!(
                "without gateway and key ring: the key from the safe opens {} of the archive's files, all equal to what \
                 the scanner sent, {}",
                images.objects.len(),
                bits(lacking)
            ));
            report.detail(command);
        }
        Err(words) => report.cross(format_args!("without gateway and key ring: {words}")),
    }
    match drilled(hospital).await {
        Ok(commands) => {
            report.tick(format_args!(
                "the drill, as once a year: {PICKED} objects picked at random, opened where the safe is, the result brought back"
            ));
            commands.iter().for_each(|command| report.detail(command));
        }
        Err(words) => report.cross(words),
    }
    status(report, hospital, images).await;
}

async fn status<W: Write>(report: &mut Report<W>, hospital: &Hospital, images: &Study) {
    let command = Words::new(&["vault", "status", "--config"]).and(hospital.configuration());
    let sealed = format!("{} sealed objects in the ledger", images.objects.len());
    match command.done().await {
        Ok(ended) if ended.said.contains(&sealed) => {
            report.tick("`dicomgate vault status` finds nothing wrong");
            report.detail(command);
            ended.said.lines().for_each(|line| report.detail(line));
        }
        Ok(ended) => report.cross(format_args!("`{command}` does not say `{sealed}`: {}", ended.said)),
        Err(words) => report.cross(words),
    }
}

async fn drilled(hospital: &Hospital) -> Result<[Words; 3], String> {
    let (folder, configuration) = (hospital.folder.path().join("drill"), hospital.configuration());
    let drill = |step: &str| Words::new(&["vault", "drill", step]);
    let pick = drill("--from").and(hospital.files()).and("--to").and(&folder).and("--count").and(PICKED);
    let open = drill("--open").and(&folder).and("--escrow-key").and(hospital.escrow_key());
    let keep = drill("--result").and(folder.join("result.json")).and("--config").and(&configuration);
    let commands = [pick.and("--config").and(&configuration), open, keep];
    for command in &commands {
        command.done().await?;
    }
    Ok(commands)
}

/// Opens the archive's files with the key from the safe, and holds what comes out against what was sent.
async fn restored(hospital: &Hospital, images: &Study) -> Result<(String, usize), String> {
    let out = hospital.folder.subfolder("restored").map_err(|fault| fault.to_string())?;
    let sealed = |stored: &&Arc<Stored>| images.objects.iter().any(|sent| sent.sop_instance == stored.sop_instance);
    let all = hospital.archive.store().all();
    let files: Vec<&Path> = all.iter().filter(sealed).map(|stored| stored.file()).collect();
    let open = Words::new(&["vault", "open", "--escrow-key"]).and(hospital.escrow_key()).and("--out").and(&out);
    let command = files.iter().fold(open.clone(), |command, file| command.and(file));
    command.done().await?;
    let mut lacking = 0;
    for sent in &images.objects {
        let path = out.join(format!("{}.dcm", sent.sop_instance));
        let file = fs::read(&path).map_err(|fault| format!("{}: {fault}", path.display()))?;
        let back = Object::from_file(&Bytes::from(file)).map_err(|fault| format!("{}: {fault}", path.display()))?;
        lacking += lacks(sent, &back).map_err(|fault| fault.to_string())?;
    }
    let every = files.len() == all.len();
    let typed = if every { open.and(hospital.files().join("*.dcm")).to_string() } else { format!("{open} ...") };
    Ok((typed, lacking))
}
