//! The result of a proof: `state/vault/probe-TITLE.json`, signed with the key of [`super::signing`].

use super::signing;
use crate::audit::checkpoint::Signer;
use crate::dicom::{AeTitle, Uid};
use crate::durable;
use crate::state::Repeats;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The form of the file.
pub const VERSION: u32 = 2;
/// What a signature over a result begins with: no other signature of the key fits.
const PURPOSE: &str = "dicomgate vault probe 1";
/// No result is longer, bytes.
const LONGEST: u64 = 1 << 20;

/// Where the seal of a trial stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carried {
    /// In Pixel Data.
    Pixels,
    /// In Encrypted Attributes Sequence (0400,0500).
    Attributes,
}

impl std::fmt::Display for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pixels => "pixels",
            Self::Attributes => "attributes",
        })
    }
}

/// What became of a sealed object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It came back, and opened to the last byte.
    Whole,
    /// It came back losslessly compressed, in this transfer syntax, and opened to the last byte once it was decoded.
    Recompressed(String),
    /// It came back losslessly compressed, in this transfer syntax, which is not decoded here.
    Compressed(String),
    /// Its pixels came back compressed with loss.
    Lossy,
    /// It came back without its seal.
    Dropped,
    /// It came back otherwise changed; in words.
    Changed(String),
    /// The archive refused it; the status.
    Refused(String),
    /// The archive does not take its SOP class.
    NotTaken,
    /// It was acknowledged, and did not come back; in words.
    Missing(String),
    /// The archive could not be asked, also when it was tried again; in words.
    Unasked(String),
}

/// When an object came back that was asked for as soon as it was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Late {
    /// After so many seconds.
    After(u64),
    /// Not within so many seconds.
    Over(u64),
}

/// One sealed object, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Family of the SOP class (docs/sealing.md).
    pub family: String,
    /// SOP class.
    pub class: String,
    /// Where the seal stood.
    pub carrier: Carried,
    /// Transfer syntax of what was sealed.
    pub sealed: String,
    /// Transfer syntax that it was stored in.
    pub stored: String,
    /// Bytes of the object as it was stored.
    pub bytes: u64,
    /// What became of it by C-GET.
    pub get: Option<Fate>,
    /// What became of it by C-MOVE, for each destination that was asked for.
    pub moved: Vec<(String, Fate)>,
}

/// What an archive does to sealed objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeResult {
    /// [`VERSION`].
    pub version: u32,
    /// The archive's title.
    pub archive: String,
    /// Where it was.
    pub address: String,
    /// Which gateway proved it.
    pub gateway: String,
    /// When.
    pub at: jiff::Timestamp,
    /// How long what was stored was left alone, seconds.
    pub aged: u64,
    /// The largest sealed object that was stored, bytes.
    pub largest: u64,
    /// What it does with repeats.
    pub repeats: Repeats,
    /// It gives objects SOP Instance UIDs of its own.
    pub mints: bool,
    /// Keywords of the attributes that came back otherwise than they were stored, beside the seal.
    pub coerces: Vec<String>,
    /// Whether what was sealed can be read back by C-GET.
    pub reads_back: bool,
    /// Every object that was stored.
    pub trials: Vec<Trial>,
    /// What it now holds that nobody needs, in words.
    pub left_behind: Option<String>,
    /// When C-MOVE was proven, where that was not now: a gateway that runs cannot hear deliveries for a proof of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_at: Option<jiff::Timestamp>,
    /// It does not give objects back as soon as it has acknowledged them; `None`: it does, or that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<Late>,
}

/// Why there is no result that counts.
#[derive(Debug, thiserror::Error)]
pub enum ProveFault {
    /// The file cannot be read or written.
    #[error("`{path}`: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Nobody of this gateway wrote this.
    #[error("`{0}` was not written by this gateway, or has been changed since: run `dicomgate vault probe` again")]
    Unsigned(PathBuf),
    /// The signing key; what is wrong with it.
    #[error("the signing key `{0}` {1}")]
    Key(PathBuf, &'static str),
}

#[derive(Serialize, Deserialize)]
struct Signed {
    result: ProbeResult,
    public_key: String,
    signature: String,
}

/// An archive in the name of a file. A title may have characters that a file name should not: those are written as `%` and
/// two hexadecimal digits, so that no two titles have one name.
pub fn file_name(archive: &AeTitle) -> String {
    let mut name = String::new();
    for byte in archive.as_str().bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => name.push(char::from(byte)),
            other => name.push_str(&format!("%{other:02X}")),
        }
    }
    name
}

/// Where the result of an archive is.
pub fn path(state: &Path, archive: &AeTitle) -> PathBuf {
    state.join("vault").join(format!("probe-{}.json", file_name(archive)))
}

impl ProbeResult {
    /// The result of an archive; `None`: it was never proven.
    ///
    /// # Errors
    /// There is one, but none that counts.
    pub fn load(state: &Path, archive: &AeTitle) -> Result<Option<Self>, ProveFault> {
        let path = path(state, archive);
        let fault = |source| ProveFault::File { path: path.clone(), source };
        let mut text = String::new();
        match File::open(&path) {
            Ok(file) => file.take(LONGEST).read_to_string(&mut text).map_err(fault)?,
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(other) => return Err(fault(other)),
        };
        let Some(signer) = signing::load(state)? else { return Err(ProveFault::Unsigned(path)) };
        match serde_json::from_str::<Signed>(&text) {
            Ok(signed) if signed.counts(&signer, archive) => Ok(Some(signed.result)),
            _ => Err(ProveFault::Unsigned(path)),
        }
    }

    /// Signs it and writes it in place of an older one, durably.
    ///
    /// # Errors
    /// The signing key is damaged or cannot be made, or the file cannot be written.
    pub fn keep(&self, state: &Path, archive: &AeTitle) -> Result<PathBuf, ProveFault> {
        let signer = signing::load_or_make(state)?;
        let signed = Signed {
            result: self.clone(),
            public_key: hex(signer.public_key()),
            signature: hex(&signer.sign(PURPOSE, &self.statement())),
        };
        let path = path(state, archive);
        let write = || {
            DirBuilder::new().recursive(true).mode(0o700).create(durable::folder_of(&path))?;
            durable::replace(&path, serde_json::to_string_pretty(&signed)?.as_bytes(), 0o600)
        };
        write().map_err(|source| ProveFault::File { path: path.clone(), source })?;
        Ok(path)
    }

    /// Whether a result could be kept: for whoever is about to find one out, which takes long and leaves objects behind.
    ///
    /// # Errors
    /// As of [`ProbeResult::keep`].
    pub fn can_be_kept(state: &Path, archive: &AeTitle) -> Result<(), ProveFault> {
        signing::load_or_make(state)?;
        let path = path(state, archive);
        let trial = path.with_extension("json.try");
        let write = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&trial)?;
            file.write_all(&[b' '; 4096])?;
            file.sync_all()?;
            fs::remove_file(&trial)
        };
        write().map_err(|source| ProveFault::File { path, source })
    }

    /// What is signed: the same for the same result.
    fn statement(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether it is about the archive as it is configured now.
    pub fn is_of(&self, address: &str) -> bool {
        self.address == address
    }

    /// How long ago it was made.
    pub fn age(&self, now: jiff::Timestamp) -> Duration {
        now.duration_since(self.at).try_into().unwrap_or_default()
    }

    /// The transfer syntaxes into which it compresses sealed objects (`family`: of that one alone) that it does not give out
    /// natively.
    pub fn compresses(&self, family: Option<&str>) -> Vec<Uid> {
        let like = self.trials.iter().filter(|trial| family.is_none_or(|family| trial.family == family));
        let mut syntaxes: Vec<Uid> = like
            .filter_map(|trial| match &trial.get {
                Some(Fate::Recompressed(syntax)) => Uid::new(syntax).ok(),
                _ => None,
            })
            .collect();
        syntaxes.sort_unstable();
        syntaxes.dedup();
        syntaxes
    }

    /// From when on it is to be made again.
    pub fn due(&self, every: Duration) -> jiff::Timestamp {
        self.at.checked_add(every).unwrap_or(jiff::Timestamp::MAX)
    }

    /// What it does not say of C-MOVE is as an earlier one found it.
    pub fn take_moves(&mut self, earlier: &Self) {
        for trial in &mut self.trials {
            let like = |old: &&Trial| {
                (&old.family, old.carrier, &old.sealed) == (&trial.family, trial.carrier, &trial.sealed)
                    && !old.moved.is_empty()
            };
            if let Some(old) = earlier.trials.iter().find(like).filter(|_| trial.moved.is_empty()) {
                trial.moved.clone_from(&old.moved);
                self.moved_at = earlier.moved_at.or(Some(earlier.at));
            }
        }
    }

    /// Families and carriers that an earlier result proves and this one does not, each with why.
    pub fn lost(&self, earlier: &Self) -> Vec<String> {
        let mut tried: Vec<(&str, Carried)> =
            earlier.trials.iter().map(|trial| (trial.family.as_str(), trial.carrier)).collect();
        tried.sort_unstable();
        tried.dedup();
        let proven = tried.into_iter().filter(|(family, carrier)| earlier.proves(family, *carrier).is_ok());
        proven
            .filter_map(|(family, carrier)| {
                let why = self.proves(family, carrier).err()?;
                Some(format!("\"{family}\" as {carrier}: {why}"))
            })
            .collect()
    }

    /// Whether it has objects in other studies or series than they were stored in: they cannot be asked for there.
    pub fn moves_elsewhere(&self) -> bool {
        self.coerces.iter().any(|keyword| keyword == "StudyInstanceUID" || keyword == "SeriesInstanceUID")
    }

    /// Whether what was just stored can be asked for as it was stored, and comes in time.
    pub fn finds_again(&self) -> bool {
        self.reads_back && !self.mints && !self.moves_elsewhere() && !matches!(self.late, Some(Late::Over(_)))
    }

    /// What is to be kept in place of an earlier result. What that one proves and this one could not find out stays as it was,
    /// and then this one counts as no younger: it is due again. `None`: nothing else is lost, and the earlier one stays.
    #[must_use]
    pub fn in_place_of(mut self, earlier: &Self) -> Option<Self> {
        let unasked = self.unasked(earlier);
        if unasked.is_empty() {
            return Some(self);
        }
        let is_unasked = |trial: &Trial| unasked.iter().any(|(family, carrier)| trial.is_of(family, *carrier));
        self.trials.retain(|trial| !is_unasked(trial));
        self.trials.extend(earlier.trials.iter().filter(|trial| is_unasked(trial)).cloned());
        self.reads_back |= earlier.reads_back;
        self.at = earlier.at;
        (!self.lost(earlier).is_empty()).then_some(self)
    }

    /// Families and carriers that an earlier result proves, and of which this one could not find out.
    pub fn unasked(&self, earlier: &Self) -> Vec<(String, Carried)> {
        let mut unasked: Vec<(String, Carried)> = self
            .trials
            .iter()
            .filter(|trial| trial.fates().any(|fate| matches!(fate, Fate::Unasked(_))))
            .filter(|trial| earlier.proves(&trial.family, trial.carrier).is_ok())
            .map(|trial| (trial.family.clone(), trial.carrier))
            .collect();
        unasked.sort_unstable();
        unasked.dedup();
        // What is known to be lost is lost, whatever else was not found out.
        unasked.retain(|(family, carrier)| {
            let mut like = self.trials.iter().filter(|trial| trial.is_of(family, *carrier)).flat_map(Trial::fates);
            like.all(|fate| fate.is_good() || matches!(fate, Fate::NotTaken | Fate::Unasked(_)))
        });
        unasked
    }

    /// Why something could not be found out.
    pub fn why_unasked(&self) -> Option<&str> {
        self.trials.iter().flat_map(Trial::fates).find_map(|fate| match fate {
            Fate::Unasked(why) => Some(why.as_str()),
            _ => None,
        })
    }

    /// Whether objects of this family were stored with this carrier at all.
    pub fn tried(&self, family: &str, carrier: Carried) -> bool {
        self.trials.iter().any(|trial| trial.family == family && trial.carrier == carrier)
    }

    /// Whether objects of this family may be sealed with this carrier: some came back whole each way that was tried, and
    /// none came back otherwise.
    ///
    /// # Errors
    /// Why not, in words for a log line and a comment.
    pub fn proves(&self, family: &str, carrier: Carried) -> Result<(), String> {
        let mut proven = false;
        // Of a family that has no class in the standard nothing can be tried: it takes all others to be proven.
        let known = self.trials.iter().any(|trial| trial.family == family);
        let like = |trial: &&Trial| trial.carrier == carrier && (!known || trial.family == family);
        for trial in self.trials.iter().filter(like) {
            for fate in trial.fates() {
                match fate {
                    good if good.is_good() => proven = true,
                    Fate::NotTaken => {}
                    other => return Err(format!("the probe found that sealed objects {}", other.words())),
                }
            }
        }
        let words = "the probe has not seen a sealed object of this kind come back".to_owned();
        if proven { Ok(()) } else { Err(words) }
    }
}

impl Signed {
    fn counts(&self, signer: &Signer, archive: &AeTitle) -> bool {
        let Some(signature) = unhex(&self.signature) else { return false };
        self.public_key == hex(signer.public_key())
            && self.result.version == VERSION
            && self.result.archive == archive.as_str()
            && signer.signed(PURPOSE, &self.result.statement(), &signature)
    }
}

impl Trial {
    fn is_of(&self, family: &str, carrier: Carried) -> bool {
        self.family == family && self.carrier == carrier
    }

    fn fates(&self) -> impl Iterator<Item = &Fate> {
        self.get.iter().chain(self.moved.iter().map(|(_, fate)| fate))
    }
}

impl Fate {
    const fn is_good(&self) -> bool {
        matches!(self, Self::Whole | Self::Recompressed(_))
    }

    /// What became of it, as the end of a sentence about sealed objects.
    pub fn words(&self) -> String {
        match self {
            Self::Whole => "come back whole".to_owned(),
            Self::Recompressed(syntax) => format!("come back losslessly compressed ({syntax}), and open once decoded"),
            Self::Compressed(syntax) => {
                format!("come back losslessly compressed ({syntax}), which is not decoded here")
            }
            Self::Lossy => "come back compressed with loss".to_owned(),
            Self::Dropped => "come back without their seal".to_owned(),
            Self::Changed(how) => format!("come back changed: {how}"),
            Self::Refused(status) => format!("are refused with {status}"),
            Self::NotTaken => "are of a class that the archive does not take".to_owned(),
            Self::Missing(why) => format!("are acknowledged and do not come back: {why}"),
            Self::Unasked(why) => format!("cannot be asked for now, also when it is tried again: {why}"),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests;
