//! Sealed objects on the disk until the archive's copy is verified: a DICOM file that `vault open` opens, and beside it
//! where it belongs.

use super::Stop;
use crate::dicom::Uid;
use crate::durable;
use crate::proxy::vault::verify::Place;
use crate::transform::seal::Begun;
use crate::vault::SealId;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// What is read of a file at a time, bytes.
const CHUNK: usize = 1 << 20;
/// No note is longer, bytes.
const LONGEST: u64 = 1 << 16;

/// One sealed object that waits.
#[derive(Debug)]
pub struct Held {
    path: PathBuf,
    /// Where it belongs.
    pub place: Place,
    /// Its seal.
    pub seal: SealId,
    /// Transfer syntax of the original.
    pub syntax: Uid,
}

#[derive(Serialize, Deserialize)]
struct Note {
    class: String,
    instance: String,
    study: Option<String>,
    series: Option<String>,
    seal: String,
    syntax: String,
}

/// Where the sealed object of an instance waits; the folder is made.
pub fn path(folder: &Path, instance: &Uid) -> Result<PathBuf, Stop> {
    make_folder(folder)?;
    let path = folder.join(format!("{instance}.dcm"));
    // What waits there is the only whole copy, perhaps: it is judged first, by the next round.
    match path.with_extension("json").try_exists() {
        Ok(false) => Ok(path),
        Ok(true) => Err(Stop::Waits(path)),
        Err(source) => Err(Stop::File { path, source }),
    }
}

/// Makes a folder, for its owner alone; its name survives a power cut.
fn make_folder(folder: &Path) -> Result<(), Stop> {
    let make = || {
        if folder.try_exists()? {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        sync(folder.parent().unwrap_or(Path::new(".")))
    };
    make().map_err(|source| Stop::File { path: folder.to_owned(), source })
}

/// What a folder names lies on the disk.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes what lies there, note and all.
pub fn remove(path: &Path) {
    for path in [path.with_extension("json"), path.to_owned(), path.with_extension("kept")] {
        // What is left is looked at again in the next round.
        let _ = fs::remove_file(path);
    }
}

impl Held {
    /// The object that was written to this path.
    pub fn new(path: PathBuf, place: &Place, begun: &Begun) -> Self {
        Self { path, place: place.clone(), seal: begun.seal, syntax: begun.transfer_syntax }
    }

    /// Writes the note, durably: from here on it is found again.
    pub fn keep(&self) -> Result<(), Stop> {
        let text = |uid: &Uid| uid.as_str().to_owned();
        let note = Note {
            class: text(&self.place.class),
            instance: text(&self.place.instance),
            study: self.place.study.as_ref().map(text),
            series: self.place.series.as_ref().map(text),
            seal: self.seal.to_string(),
            syntax: text(&self.syntax),
        };
        let path = self.path.with_extension("json");
        // The object's own name as well: it lies in the same folder.
        let write = || durable::replace(&path, serde_json::to_string(&note)?.as_bytes(), 0o600);
        write().map_err(|source| Stop::File { path: path.clone(), source })
    }

    /// Everything that waits in a folder. What has no note was never on its way to the archive, and goes; one that cannot be
    /// read may be all that is left of an image, and stays.
    pub fn all(folder: &Path) -> Result<Vec<Self>, Stop> {
        let fault = |source| Stop::File { path: folder.to_owned(), source };
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(other) => return Err(fault(other)),
        };
        let mut all = Vec::new();
        for entry in entries {
            let path = entry.map_err(fault)?.path();
            if path.extension().is_none_or(|extension| extension != "dcm") {
                continue;
            }
            let note = path.with_extension("json");
            let text = match File::open(&note) {
                Ok(file) => {
                    let mut text = String::new();
                    file.take(LONGEST).read_to_string(&mut text).map(|_| text)
                }
                Err(missing) if missing.kind() == io::ErrorKind::NotFound => {
                    remove(&path);
                    continue;
                }
                Err(other) => Err(other),
            };
            let held = text.and_then(|text| {
                Self::of_note(&path, &text).ok_or_else(|| io::Error::other("this is not what a round wrote"))
            });
            all.push(held.map_err(|source| Stop::File { path: note, source })?);
        }
        Ok(all)
    }

    fn of_note(path: &Path, text: &str) -> Option<Self> {
        let note: Note = serde_json::from_str(text).ok()?;
        let uid = |text: &str| Uid::new(text).ok();
        let place = Place {
            class: uid(&note.class)?,
            instance: uid(&note.instance)?,
            study: note.study.as_deref().and_then(uid),
            series: note.series.as_deref().and_then(uid),
            patient: None,
        };
        let seal = SealId(u128::from_str_radix(&note.seal, 16).ok()?.to_be_bytes());
        Some(Self { path: path.to_owned(), place, seal, syntax: uid(&note.syntax)? })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of its data set.
    pub fn length(&self) -> u64 {
        let whole = fs::metadata(&self.path).map_or(0, |found| found.len());
        whole.saturating_sub(super::receive::preamble(&self.place).len() as u64)
    }

    /// It is no longer needed.
    pub fn forget(&self) {
        remove(&self.path);
    }

    /// Lays it aside for somebody to look into, durably: it is never touched again. Gives the file.
    pub fn lay_aside(&self, folder: &Path) -> Result<PathBuf, Stop> {
        make_folder(folder)?;
        let path = folder.join(format!("{}-{}.dcm", self.place.instance, self.seal));
        let lay = || {
            fs::rename(&self.path, &path)?;
            sync(folder)?;
            sync(self.path.parent().unwrap_or(Path::new(".")))
        };
        lay().map_err(|source| Stop::File { path: path.clone(), source })?;
        remove(&self.path);
        Ok(path)
    }

    /// Its data set, from the beginning.
    pub fn read(&self) -> Result<Chunks, Stop> {
        let skip = super::receive::preamble(&self.place).len() as u64;
        let open = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(skip))?;
            Ok(file)
        };
        let file = open().map_err(|source| Stop::File { path: self.path.clone(), source })?;
        Ok(Chunks { file, path: self.path.clone() })
    }
}

/// A file, piece by piece.
pub struct Chunks {
    file: File,
    path: PathBuf,
}

impl Chunks {
    /// The next piece; `None`: it is over.
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, Stop> {
        let mut chunk = Vec::with_capacity(CHUNK);
        let read = io::Read::by_ref(&mut self.file).take(CHUNK as u64).read_to_end(&mut chunk);
        match read.map_err(|source| Stop::File { path: self.path.clone(), source })? {
            0 => Ok(None),
            _ => Ok(Some(chunk)),
        }
    }
}
