//! The audit chain: it verifies as it is, and one changed letter shows.

use crate::audit::keys;
use crate::audit::verify::{self, Expectations, Report as Verdict};
use crate::demo::hospital::Hospital;
use crate::demo::report::Report;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// How often and how long a checkpoint over the last record is waited for; one comes every second.
const ATTEMPTS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn verifies<W: Write>(report: &mut Report<W>, hospital: &Hospital) {
    report.step(whole(hospital).await);
    report.step(edited(hospital));
}

async fn whole(hospital: &Hospital) -> Result<String, String> {
    let mut words = String::new();
    for _ in 0..ATTEMPTS {
        let verdict = verify(hospital, &hospital.audit())?;
        if let Some(fault) = verdict.faults.first() {
            return Err(format!("the audit chain does not verify: {fault}"));
        }
        // The last checkpoint is a record too, and proves all before itself.
        if verdict.is_proven() && verdict.tail() <= 1 {
            let (records, proven) = (verdict.records, verdict.proven_to());
            return Ok(format!(
                "the audit chain verifies: {records} records, linked and signed, {proven} proven by the auditor's seed"
            ));
        }
        words = format!("{} of {} records are proven", verdict.proven_to(), verdict.last.sequence);
        tokio::time::sleep(PAUSE).await;
    }
    Err(words)
}

fn verify(hospital: &Hospital, folder: &Path) -> Result<Verdict, String> {
    let seed = hospital.seed.as_ref().and_then(|seed| seed.reveal().parse().ok());
    // Read before the log: what the ratchet file remembers must be found in it.
    let ratchet = keys::ratchet_state(&hospital.state()).map_err(|fault| fault.to_string())?;
    let expected = Expectations { seed, ratchet: Some(ratchet), ..Expectations::default() };
    verify::verify(folder, expected, || keys::ratchet_state(&hospital.state()).ok()).map_err(|fault| fault.to_string())
}

/// A copy of the log in which one letter differs does not verify.
fn edited(hospital: &Hospital) -> Result<String, String> {
    let copy = hospital.folder.subfolder("edited").map_err(|fault| fault.to_string())?;
    let mut changed = None;
    for entry in fs::read_dir(hospital.audit()).map_err(|fault| fault.to_string())? {
        let entry = entry.map_err(|fault| fault.to_string())?;
        let mut bytes = fs::read(entry.path()).map_err(|fault| fault.to_string())?;
        // Whoever stole a title wants the record to name another device.
        let at = bytes.windows(5).position(|window| window == b"\"CT2\"");
        if let Some(letter) = at.and_then(|at| bytes.get_mut(at + 3)) {
            *letter = b'9';
            changed = Some(());
        }
        fs::write(copy.join(entry.file_name()), bytes).map_err(|fault| fault.to_string())?;
    }
    changed.ok_or("the record of the guessed title was not found")?;
    let verdict = verify(hospital, &copy)?;
    match verdict.faults.first() {
        Some(fault) => Ok(format!("a copy in which one letter was changed (CT2 to CT9) does not: {fault}")),
        None => Err("a copy in which one letter was changed verifies".to_owned()),
    }
}
