//! Step 1, beside the archive: some sealed objects, at random.

use super::result::{PICKED, Picked, PickedObject, Sha256};
use super::{Report, Stopped};
use crate::audit::body;
use crate::vault::offline::SealedFile;
use ring::rand::{SecureRandom as _, SystemRandom};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Folders inside each other.
const DEEPEST: u32 = 32;
/// So many files are remembered for each that is to be picked: most of an archive's may be no sealed objects.
const CANDIDATES: usize = 100;
/// A larger file is not picked: it is read whole. 1 GiB.
const LARGEST: u64 = 1 << 30;

/// Picks.
pub fn pick(from: &Path, to: &Path, count: u32, now: jiff::Timestamp) -> Result<Report, Stopped> {
    fs::create_dir(to).map_err(|fault| Stopped::at(to, &fault))?;
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
    let mut picked = Picked { drill: draw.id(), picked: now, objects: Vec::new() };
    let mut looked = 0_u64;
    while picked.objects.len() < count && !candidates.is_empty() {
        let place = draw.below(u64::try_from(candidates.len()).unwrap_or(u64::MAX));
        let path = candidates.swap_remove(usize::try_from(place).unwrap_or_default());
        looked += 1;
        let Some(bytes) = sealed(&path) else { continue };
        let file = format!("{:04}.dcm", picked.objects.len() + 1);
        fs::write(to.join(&file), &bytes).map_err(|fault| Stopped::at(to, &fault))?;
        picked.objects.push(PickedObject { file, sha256: Sha256::of(&bytes) });
    }
    let text = serde_json::to_string_pretty(&picked).map_err(|fault| Stopped::at(to, &fault))?;
    let file = to.join(PICKED);
    fs::File::create_new(&file)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|fault| Stopped::at(&file, &fault))?;
    let got = picked.objects.len();
    let mut words = format!(
        "{got} sealed objects picked at random into `{}` ({seen} files there, {looked} looked at)\n",
        to.display()
    );
    if got < count {
        words.push_str(&format!(
            "fewer than {count} were found: files of an archive that are no DICOM files cannot be picked\n"
        ));
    }
    words.push_str(&format!(
        "next, on the machine with the escrow key: dicomgate vault drill --open {} --escrow-key FILE\n",
        to.display()
    ));
    let json = serde_json::json!({ "drill": picked.drill, "picked": got, "files": seen, "looked_at": looked, "folder": to.display().to_string() });
    Ok(Report { good: got > 0, words, json })
}

/// The bytes of a file, if it is a sealed object.
fn sealed(path: &Path) -> Option<Vec<u8>> {
    let bytes = fs::metadata(path).ok().filter(|about| about.len() <= LARGEST).and_then(|_| fs::read(path).ok())?;
    matches!(SealedFile::find(&bytes), Ok(Some(_))).then_some(bytes)
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
