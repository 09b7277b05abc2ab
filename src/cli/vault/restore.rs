//! One sealed file becomes the original file again: as a stream, so that an object of gigabytes needs no memory.

use crate::dicom::Uid;
use crate::dicom::dataset::part10::{Part10, Part10Fault};
use crate::dicom::transfer_syntax::{Encoding, encoding_of, is_encapsulated, name};
use crate::dicom::uid::UidFault;
use crate::scu::IMPLEMENTATION_CLASS;
use crate::transform::flow::{Flow, Piece};
use crate::transform::open::{As, Finished, Found, Inner, Open, OpenFault, OpenOptions, OpenOrder, Opened};
use crate::vault::Unlock;
use std::fs::{self, File};
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes read at once; the first read holds the file header.
const PIECE: usize = 256 * 1024;

/// The greatest `seal_header` that a gateway can have had, bytes.
const GREATEST_HEADER: u32 = 1 << 30;

/// Why a file is not opened.
#[derive(Debug, thiserror::Error)]
pub enum RestoreFault {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Read(io::Error),
    /// It is a folder.
    #[error("is a folder: name the files in it (`find DIR -type f -exec dicomgate vault open ... {{}} +`)")]
    Folder,
    /// The original cannot be written.
    #[error("`{path}` cannot be written: {source}")]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no DICOM file.
    #[error(transparent)]
    File(#[from] Part10Fault),
    /// There is no seal.
    #[error("is not sealed")]
    Plain,
    /// There may be a seal, but something has compressed the pixels around it.
    #[error(
        "is compressed ({0}): make it native without loss first (`gdcmconv --raw`, `dcmdjpeg`); if it is sealed, it opens then"
    )]
    Compressed(String),
    /// There may be a seal, but something has turned the bytes of the words around.
    #[error(
        "is in big endian byte order, in which a seal is not found: make it little endian first (`dcmconv +te`); if it is sealed, it opens then"
    )]
    Turned,
    /// It does not open.
    #[error("{0}")]
    Open(#[from] OpenFault),
    /// Our own class is no UID, which it is.
    #[error(transparent)]
    Uid(#[from] UidFault),
}

/// What was opened.
#[derive(Debug)]
pub struct Restored {
    /// SOP Instance UID.
    pub instance: Uid,
    /// SOP Class UID.
    pub sop_class: Uid,
    /// What the seal says.
    pub inner: Inner,
    /// How it went.
    pub opened: Opened,
    /// Where the original is; `None`: nowhere, it was only checked.
    pub to: Option<PathBuf>,
}

/// Opens a file. The original goes into this folder under its SOP Instance UID; nothing is overwritten, and what is not
/// whole is not left there.
pub fn restore(file: &Path, unlock: &Unlock, folder: Option<&Path>, minted: bool) -> Result<Restored, RestoreFault> {
    let mut source = File::open(file).map_err(RestoreFault::Read)?;
    if source.metadata().is_ok_and(|meta| meta.is_dir()) {
        return Err(RestoreFault::Folder);
    }
    let mut piece = Vec::with_capacity(PIECE);
    (&mut source).take(PIECE as u64).read_to_end(&mut piece).map_err(RestoreFault::Read)?;
    let head = Part10::split(&piece)?;
    let order = OpenOrder {
        unlock: unlock.clone(),
        from: encoding_of(&head.transfer_syntax),
        sop_class: head.sop_class,
        sop_instance: head.sop_instance,
        // Nothing waits for the end here: a file that does not come to its end is taken away.
        // Whatever limit it was sealed with is none here.
        options: OpenOptions { minted, whole: 0, header: GREATEST_HEADER, ..OpenOptions::default() },
    };
    let mut opening = Opening { open: Open::new(order), flow: Flow::default(), inner: None, target: Target::Nowhere };
    let (sop_class, instance) = (head.sop_class, head.sop_instance);
    let outcome = opening.run(&head, source, folder);
    let outcome = outcome.and_then(|opened| Ok((opened, opening.target.complete()?)));
    match (outcome, opening.inner) {
        (Ok((opened, to)), Some(inner)) => Ok(Restored { instance, sop_class, inner, opened, to }),
        (Ok(_), None) => Err(RestoreFault::Plain),
        (Err(RestoreFault::Plain), _) if is_encapsulated(&head.transfer_syntax) => {
            let syntax = name(&head.transfer_syntax).map_or_else(|| head.transfer_syntax.to_string(), str::to_owned);
            Err(RestoreFault::Compressed(syntax))
        }
        (Err(RestoreFault::Plain), _) if encoding_of(&head.transfer_syntax) == Encoding::ExplicitBe => {
            Err(RestoreFault::Turned)
        }
        (Err(fault), _) => Err(fault),
    }
}

struct Opening {
    open: Open,
    flow: Flow,
    inner: Option<Inner>,
    target: Target,
}

impl Opening {
    fn run(&mut self, head: &Part10<'_>, mut source: impl Read, folder: Option<&Path>) -> Result<Opened, RestoreFault> {
        let mut piece = head.data_set.to_vec();
        while !piece.is_empty() {
            self.open.push(&piece, &mut self.flow)?;
            self.decide(head, folder)?;
            self.target.take(&mut self.flow)?;
            piece.clear();
            (&mut source).take(PIECE as u64).read_to_end(&mut piece).map_err(RestoreFault::Read)?;
        }
        let mut finished = self.open.finish(&mut self.flow)?;
        if finished == Finished::Undecided {
            self.decide(head, folder)?;
            finished = self.open.finish(&mut self.flow)?;
        }
        self.target.take(&mut self.flow)?;
        match finished {
            Finished::Opened(opened) => Ok(opened),
            Finished::Passed | Finished::Undecided => Err(RestoreFault::Plain),
        }
    }

    /// Once it is known what it is: where it goes.
    fn decide(&mut self, head: &Part10<'_>, folder: Option<&Path>) -> Result<(), RestoreFault> {
        let inner = match self.open.found() {
            Some(Found::Sealed(inner)) if self.inner.is_none() => (**inner).clone(),
            Some(Found::Plain) => return Err(RestoreFault::Plain),
            _ => return Ok(()),
        };
        self.open.deliver(As::Own)?;
        if let Some(folder) = folder {
            let file = Part10 { transfer_syntax: inner.transfer_syntax, data_set: &[], ..*head };
            self.target = Target::create(folder, &head.sop_instance, &file.join(&Uid::new(IMPLEMENTATION_CLASS)?))?;
        }
        self.inner = Some(inner);
        Ok(())
    }
}

/// Where the original goes.
enum Target {
    Nowhere,
    File(Box<Partial>),
}

/// A file that has its name only once it is whole.
struct Partial {
    path: PathBuf,
    partial: PathBuf,
    file: File,
    /// What stands before what comes, once all of it is known ([`Piece::Keep`]).
    kept: Option<(PathBuf, File)>,
    whole: bool,
}

impl Target {
    fn create(folder: &Path, instance: &Uid, head: &[u8]) -> Result<Self, RestoreFault> {
        let path = folder.join(format!("{instance}.dcm"));
        let partial = folder.join(format!("{instance}.partial"));
        let failed = |source| RestoreFault::Write { path: path.clone(), source };
        if path.try_exists().map_err(failed)? {
            return Err(failed(io::Error::from(io::ErrorKind::AlreadyExists)));
        }
        let mut file = fresh(&partial).map_err(failed)?;
        let written = file.write_all(head);
        let target = Self::File(Box::new(Partial { path: path.clone(), partial, file, kept: None, whole: false }));
        written.map_err(failed)?;
        Ok(target)
    }

    fn take(&mut self, flow: &mut Flow) -> Result<(), RestoreFault> {
        while let Some(piece) = flow.next_piece() {
            if let Self::File(file) = self {
                file.write(&piece).map_err(|source| RestoreFault::Write { path: file.path.clone(), source })?;
            }
        }
        Ok(())
    }

    fn complete(&mut self) -> Result<Option<PathBuf>, RestoreFault> {
        let Self::File(file) = self else { return Ok(None) };
        let failed = |source| RestoreFault::Write { path: file.path.clone(), source };
        file.file.sync_all().map_err(failed)?;
        // Not over what somebody else put there meanwhile; but a stick may know no links.
        match fs::hard_link(&file.partial, &file.path) {
            Err(fault) if fault.kind() != io::ErrorKind::AlreadyExists => fs::rename(&file.partial, &file.path),
            linked => linked,
        }
        .map_err(failed)?;
        file.whole = true;
        Ok(Some(file.path.clone()))
    }
}

impl Partial {
    fn write(&mut self, piece: &Piece) -> io::Result<()> {
        match piece {
            Piece::Go(bytes) => self.file.write_all(bytes),
            Piece::Keep(bytes) => {
                if self.kept.is_none() {
                    let path = self.partial.with_extension("kept");
                    let file = fresh(&path)?;
                    self.kept = Some((path, file));
                }
                self.kept.as_mut().map_or(Ok(()), |(_, file)| file.write_all(bytes))
            }
            Piece::Kept => {
                let Some((path, mut kept)) = self.kept.take() else { return Ok(()) };
                kept.seek(SeekFrom::Start(0))?;
                io::copy(&mut kept, &mut self.file)?;
                fs::remove_file(path)
            }
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // What is not whole is nobody's image. Nothing better can be done about a fault here.
        let _ = fs::remove_file(&self.partial);
        if let Some((path, _)) = &self.kept {
            let _ = fs::remove_file(path);
        }
    }
}

/// A new file that only its owner reads: it holds a patient's image.
fn fresh(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().read(true).write(true).create_new(true).mode(0o600).open(path)
}
