//! Step 3, on the gateway: a result is checked, and kept below `vault/drills` of the state folder.

use super::note::{Noted, files, folder, write};
use super::result::{Found, Signed, is_name, read};
use super::{Report, Stopped};
use crate::cli::EXIT_CONFIGURATION;
use crate::config;
use crate::keys;
use crate::vault::escrow::Escrow;
use std::io;
use std::path::Path;

/// A result may lie this far ahead of our clock, in seconds: two machines, two clocks.
const AHEAD: i64 = 3600;

/// A drill that proved that escrow opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// When the objects were opened, seconds since 1970, by the clock of the machine with the escrow key.
    pub at: i64,
    /// How many objects.
    pub objects: usize,
    /// Whose key, for people ([`Escrow::describe`]).
    pub certificate: String,
}

/// The latest drill in which everything opened, for each of these certificates that one is known of. Every signature is
/// checked again, and whether it is about what was picked; what does not hold counts for nothing.
///
/// # Errors
/// The folder is there and cannot be read.
pub fn last(state: &Path, escrow: &[Escrow]) -> io::Result<Vec<Proven>> {
    let files = match files(state) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        files => files?,
    };
    let mut latest: Vec<Proven> = Vec::new();
    for file in files {
        let Ok(signed) = read::<Signed>(&file) else { continue };
        let Ok((found, signer)) = signed.check(escrow) else { continue };
        let picked = Noted::load(state, &found.drill).is_some_and(|noted| noted.fits(&found).is_ok());
        if !found.all() || !picked {
            continue;
        }
        let certificate = signer.describe().to_owned();
        let proven = Proven { at: found.opened.as_second(), objects: found.objects.len(), certificate };
        match latest.iter_mut().find(|other| other.certificate == proven.certificate) {
            Some(other) if other.at < proven.at => *other = proven,
            Some(_) => {}
            None => latest.push(proven),
        }
    }
    latest.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.certificate.cmp(&b.certificate)));
    Ok(latest)
}

/// Checks a result, and keeps it.
pub fn bring_back(file: &Path, config: &Path, now: jiff::Timestamp) -> Result<Report, Stopped> {
    let settings = config::load(config).map_err(|faults| Stopped::new(faults.to_string(), EXIT_CONFIGURATION))?;
    let Some(vault) = &settings.vault else {
        return Err(Stopped::new(format!("`{}` has no [vault]", config.display()), EXIT_CONFIGURATION));
    };
    let mut escrow = Vec::new();
    for path in &vault.escrow {
        escrow.push(keys::escrow::read(path).map_err(|fault| Stopped::new(fault.to_string(), EXIT_CONFIGURATION))?);
    }
    keep(file, &settings.gateway.state, &escrow, now)
}

pub(super) fn keep(file: &Path, state: &Path, escrow: &[Escrow], now: jiff::Timestamp) -> Result<Report, Stopped> {
    let signed: Signed = read(file).map_err(|fault| Stopped::at(file, &fault))?;
    let refused = |words: String| {
        let json = serde_json::json!({ "kept": false, "fault": words });
        Ok(Report { good: false, words: format!("NOT KEPT: {words}"), json })
    };
    let (found, signer) = match signed.check(escrow) {
        Ok(checked) => checked,
        Err(words) => return refused(words),
    };
    if let Err(words) = is_of_a_pick(&found, state, now) {
        return refused(words);
    }
    let mut name = found.drill.clone();
    for byte in signer.fingerprint().iter().take(4) {
        name.push_str(&format!("{byte:02x}"));
    }
    let path = folder(state).join(format!("{name}.json"));
    let text = serde_json::to_string_pretty(&signed).map_err(|fault| Stopped::at(&path, &fault))?;
    write(&path, text.as_bytes()).map_err(|fault| Stopped::at(&path, &fault))?;
    let (opened, of) = (found.opened(), found.objects.len());
    let words = match found.all() {
        true => {
            format!("escrow is proven: {opened} of {of} objects opened on {} by {}", found.opened, signer.describe())
        }
        false => format!(
            "ESCROW IS NOT PROVEN: {opened} of {of} objects opened on {} by {}",
            found.opened,
            signer.describe()
        ),
    };
    let json = serde_json::json!({
        "kept": true,
        "proven": found.all(),
        "opened": opened,
        "of": of,
        "at": found.opened,
        "certificate": signer.describe(),
    });
    Ok(Report { good: found.all(), words, json })
}

/// Whether it is about exactly what was picked here last from that archive; else says why not.
fn is_of_a_pick(found: &Found, state: &Path, now: jiff::Timestamp) -> Result<(), String> {
    if found.opened.as_second() > now.as_second().saturating_add(AHEAD) || !is_name(&found.drill) {
        return Err("it is dated in the future, or names no drill".to_owned());
    }
    let noted = Noted::load(state, &found.drill);
    let noted =
        noted.ok_or("nothing was picked here for this drill: pick again on this gateway, or with `--picked`")?;
    noted.fits(found)?;
    match noted.is_older(state) {
        Ok(false) => Ok(()),
        Ok(true) => Err("something was picked from this archive since: open what was picked last".to_owned()),
        Err(fault) => Err(format!("whether it was picked last cannot be said: {fault}")),
    }
}
