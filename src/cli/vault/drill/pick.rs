//! Step 1, beside the archive: some sealed objects, at random.

use super::note::{self, Noted};
use super::result::{PICKED, Picked, PickedObject, Sha256, read};
use super::{Report, Stopped};
use crate::audit::body;
use crate::cli::EXIT_CONFIGURATION;
use crate::config::{self, Settings};
use crate::dicom::AeTitle;
use crate::keys;
use crate::proxy::vault::prove::PATIENT_ID;
use crate::vault::offline::{OfflineFault, SealedFile};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Folders inside each other.
const DEEPEST: u32 = 32;
/// So many files are remembered for each that is to be picked: most of an archive's may be no sealed objects.
const CANDIDATES: usize = 100;
/// A larger file is not picked: it is read whole. 1 GiB.
const LARGEST: u64 = 1 << 30;

/// The gateway that is to remember what was picked.
pub struct Home {
    settings: Settings,
    archive: AeTitle,
}

impl Home {
    /// By its configuration. `None`: there is none here.
    pub fn load(file: &Path, archive: Option<AeTitle>) -> Result<Option<Self>, Stopped> {
        if matches!(file.try_exists(), Ok(false)) {
            return Ok(None);
        }
        let settings = config::load(file).map_err(|faults| Stopped::new(faults.to_string(), EXIT_CONFIGURATION))?;
        let all: Vec<AeTitle> = settings.archives.iter().map(|archive| archive.ae_title).collect();
        let archive = match (archive, all.as_slice()) {
            (Some(title), all) if all.contains(&title) => title,
            (None, [only]) => *only,
            (named, all) => {
                let titles: Vec<String> = all.iter().map(ToString::to_string).collect();
                let unknown = named.map(|title| format!("there is no archive `{title}`; ")).unwrap_or_default();
                let words = format!("{unknown}say which archive with --archive: {}", titles.join(", "));
                return Err(Stopped::new(words, 2));
            }
        };
        Ok(Some(Self { settings, archive }))
    }

    /// Whether the archive gives objects SOP Instance UIDs of its own (`rewrites = ["sop"]`).
    fn mints(&self) -> bool {
        self.settings.archives.iter().any(|archive| archive.ae_title == self.archive && archive.vault.rewrites_sop)
    }

    /// Remembers what was picked into a folder.
    fn note(&self, folder: &Path, picked: Picked) -> Result<String, Stopped> {
        let Some(vault) = &self.settings.vault else {
            return Err(Stopped::new("the configuration has no [vault]", EXIT_CONFIGURATION));
        };
        let (ring, _) = keys::load(vault).map_err(|fault| Stopped::new(fault.to_string(), EXIT_CONFIGURATION))?;
        let known = note::look(folder, &picked, &Arc::new(ring)).map_err(|words| Stopped::new(words, 1))?;
        let unopened = known.iter().filter(|known| known.opened.is_none()).count();
        let path = Noted { picked, known }.keep(&self.settings.gateway.state)?;
        let words = match unopened {
            0 => String::new(),
            _ => format!(
                "{unopened} of them do not open with the ring: what is in them is not compared, which instance it is is\n"
            ),
        };
        Ok(format!("{words}remembered in `{}`\n", path.display()))
    }
}

/// Remembers what was picked on a machine without a configuration.
pub fn take_note(folder: &Path, home: Option<Home>, now: jiff::Timestamp) -> Result<Report, Stopped> {
    let home = home.ok_or_else(|| Stopped::new("there is no configuration: --config FILE", EXIT_CONFIGURATION))?;
    let list = folder.join(PICKED);
    let picked: Picked = read(&list).map_err(|fault| Stopped::at(&list, &fault))?;
    let of_another = !picked.archive.is_empty() && picked.archive != home.archive.as_str();
    if of_another || picked.picked > now || Noted::load(&home.settings.gateway.state, &picked.drill).is_some() {
        return Err(Stopped::new("it was picked from another archive, in the future, or is remembered already", 1));
    }
    // From now on the list says which archive it is of.
    let minted = picked.minted || home.mints();
    let picked = Picked { archive: home.archive.to_string(), minted, ..picked };
    let text = serde_json::to_string_pretty(&picked).map_err(|fault| Stopped::at(&list, &fault))?;
    let json = serde_json::json!({ "drill": picked.drill, "picked": picked.objects.len() });
    let words = home.note(folder, picked)?;
    fs::write(&list, text).map_err(|fault| Stopped::at(&list, &fault))?;
    Ok(Report { good: true, words, json })
}

/// Picks.
pub fn pick(
    from: &Path,
    to: &Path,
    (count, minted): (u32, bool),
    home: Option<Home>,
    now: jiff::Timestamp,
) -> Result<Report, Stopped> {
    if !matches!(to.try_exists(), Ok(false)) {
        return Err(Stopped::at(to, &"it is there already: --to makes a new folder"));
    }
    let mut draw = Draw::default();
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let (mut candidates, mut seen) = (Vec::new(), 0_u64);
    walk(from, 0, &mut |path| {
        // A reservoir: every file is as likely as every other.
        seen += 1;
        if candidates.len() < count.saturating_mul(CANDIDATES) {
            candidates.push(path);
        } else {
            let place = usize::try_from(draw.below(seen)).unwrap_or(usize::MAX);
            if let Some(other) = candidates.get_mut(place) {
                *other = path;
            }
        }
    })
    .map_err(|fault| Stopped::at(from, &fault))?;
    let archive = home.as_ref().map(|home| home.archive.to_string()).unwrap_or_default();
    let minted = minted || home.as_ref().is_some_and(Home::mints);
    let mut picked = Picked { drill: draw.id(), picked: now, archive, minted, objects: Vec::new() };
    let (mut looked, mut damaged, mut probes) = (0_u64, 0_u64, 0_u64);
    while picked.objects.len() < count && !candidates.is_empty() {
        let place = draw.below(u64::try_from(candidates.len()).unwrap_or(u64::MAX));
        let path = candidates.swap_remove(usize::try_from(place).unwrap_or_default());
        looked += 1;
        let bytes = match sealed(&path) {
            Look::Sealed(bytes) => bytes,
            Look::Damaged => {
                damaged += 1;
                continue;
            }
            Look::Probe => {
                probes += 1;
                continue;
            }
            Look::Other => continue,
        };
        if picked.objects.is_empty() {
            // Where nothing is found, nothing is left behind.
            fs::create_dir(to).map_err(|fault| Stopped::at(to, &fault))?;
        }
        let file = format!("{:04}.dcm", picked.objects.len() + 1);
        fs::write(to.join(&file), &bytes).map_err(|fault| {
            // The folder was made here; half a pick is none, and the next try wants a new folder.
            let _ = fs::remove_dir_all(to);
            Stopped::at(to, &fault)
        })?;
        picked.objects.push(PickedObject { file, sha256: Sha256::of(&bytes) });
    }
    let got = picked.objects.len();
    let mut words = match got {
        0 => {
            format!("no sealed object was found below `{}` ({seen} files there, {looked} looked at)\n", from.display())
        }
        _ => format!(
            "{got} sealed objects picked at random into `{}` ({seen} files there, {looked} looked at)\n",
            to.display()
        ),
    };
    if got < count {
        words.push_str(&format!(
            "fewer than {count} were found: files of an archive that are no DICOM files cannot be picked\n"
        ));
    }
    if damaged > 0 {
        words.push_str(&format!(
            "{damaged} of the files looked at are DICOM files that are damaged: none of them was picked\n"
        ));
    }
    if probes > 0 {
        words.push_str(&format!("{probes} of the files looked at are the probe's own: none of them was picked\n"));
    }
    let json = serde_json::json!({ "drill": picked.drill, "picked": got, "files": seen, "looked_at": looked, "damaged": damaged, "probes": probes, "folder": to.display().to_string(), "remembered": home.is_some() });
    if got > 0 {
        words.push_str(&carried(to, picked, home.as_ref())?);
    }
    Ok(Report { good: got > 0, words, json })
}

/// Writes the list of what was picked, has the gateway remember it, and says what comes next.
fn carried(to: &Path, picked: Picked, home: Option<&Home>) -> Result<String, Stopped> {
    let text = serde_json::to_string_pretty(&picked).map_err(|fault| Stopped::at(to, &fault))?;
    let file = to.join(PICKED);
    fs::File::create_new(&file)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|fault| Stopped::at(&file, &fault))?;
    let shown = to.display();
    let remembered = match home {
        Some(home) => home.note(to, picked).map_err(|stopped| Stopped {
            words: format!(
                "{}\nwhat was picked is whole in `{shown}`, and not remembered: when that is mended, `dicomgate vault drill --picked {shown}` has it remembered",
                stopped.words
            ),
            ..stopped
        })?,
        None => format!(
            "next, on the gateway, which has to remember what was picked: dicomgate vault drill --picked {shown}\n"
        ),
    };
    Ok(format!(
        "{remembered}next, on the machine with the escrow key: dicomgate vault drill --open {shown} --escrow-key FILE\n"
    ))
}

/// What a file turned out to be.
enum Look {
    /// A sealed object: its bytes.
    Sealed(Vec<u8>),
    /// A DICOM file that cannot be read: what is sealed in it, if anything, is not proven.
    Damaged,
    /// A sealed object that a probe has left behind: that it opens proves nothing of anybody's images.
    Probe,
    /// Something else.
    Other,
}

fn sealed(path: &Path) -> Look {
    let about = fs::metadata(path).ok().filter(|about| about.len() <= LARGEST);
    let Some(bytes) = about.and_then(|_| fs::read(path).ok()) else { return Look::Other };
    match SealedFile::find(&bytes) {
        Ok(Some(sealed)) if sealed.patient_id.reveal() == PATIENT_ID.as_bytes() => Look::Probe,
        Ok(Some(_)) => Look::Sealed(bytes),
        Ok(None) | Err(OfflineFault::File(_)) => Look::Other,
        Err(_) => Look::Damaged,
    }
}

/// Every file below a folder; links are not followed.
fn walk(folder: &Path, depth: u32, found: &mut dyn FnMut(PathBuf)) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < DEEPEST {
            walk(&entry.path(), depth + 1, found)?;
        } else if kind.is_file() {
            found(entry.path());
        }
    }
    Ok(())
}

/// Chance, from the system.
#[derive(Default)]
struct Draw(Option<SystemRandom>);

impl Draw {
    fn fill(&mut self, bytes: &mut [u8]) {
        // Without random numbers it is the first files that are picked, which is no secret and no harm.
        let _ = self.0.get_or_insert_with(SystemRandom::new).fill(bytes);
    }

    fn below(&mut self, limit: u64) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes).checked_rem(limit).unwrap_or_default()
    }

    fn id(&mut self) -> String {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        body::hex(&bytes)
    }
}
