//! Seals an object as it comes from the archive, into a file. No value that is sealed lies on the disk in clear.

use super::{Means, Stop};
use crate::dicom::Uid;
use crate::dicom::dataset::part10::Part10;
use crate::dicom::dimse::{Command, Status};
use crate::dicom::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, Encoding};
use crate::proxy::vault::decode::{Came, DecodeFault, Unpacking};
use crate::proxy::vault::verify::{Place, ReadBack};
use crate::scu::{Accepted, IMPLEMENTATION_CLASS, Receiver, Work};
use crate::transform::flow::{Flow, Piece};
use crate::transform::seal::{Outcome, Seal, SealFault, SealOrder, Sealed};
use crate::vault::carrier::Carrier;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

/// What came.
#[derive(Debug)]
pub enum Received {
    /// It is sealed, and lies in the file.
    Sealed(Box<Sealed>),
    /// It was sealed already.
    Already,
    /// There is nothing to seal in it.
    Nothing,
    /// It cannot be sealed; why.
    Fault(String),
    /// It cannot be written.
    Disk(io::Error),
    /// Nothing came.
    None,
}

/// Takes one object.
pub struct Receiving<'a> {
    means: &'a Means,
    carrier: Carrier,
    place: &'a Place,
    how: &'a ReadBack,
    /// It comes compressed, and may be what carries a seal.
    unpacking: Option<Box<Unpacking>>,
    seal: Option<Seal>,
    flow: Flow,
    file: File,
    /// What is kept until its place comes.
    kept: File,
    done: Received,
}

/// What stands before the data set in the file: it makes a DICOM file of it (PS3.10 7.1).
pub fn preamble(place: &Place) -> Vec<u8> {
    let (Ok(syntax), Ok(ours)) = (Uid::new(EXPLICIT_VR_LITTLE_ENDIAN), Uid::new(IMPLEMENTATION_CLASS)) else {
        return Vec::new();
    };
    Part10 { sop_class: place.class, sop_instance: place.instance, transfer_syntax: syntax, data_set: &[] }.join(&ours)
}

impl<'a> Receiving<'a> {
    /// Into this file.
    pub fn new(
        means: &'a Means,
        how: &'a ReadBack,
        carrier: Carrier,
        path: &Path,
        place: &'a Place,
    ) -> Result<Self, Stop> {
        let open = |path: &Path| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(true).mode(0o600);
            options.open(path).map_err(|source| Stop::File { path: path.to_owned(), source })
        };
        let (file, kept) = (open(path)?, open(&path.with_extension("kept"))?);
        // Without a name it is gone with this process.
        let _ = std::fs::remove_file(path.with_extension("kept"));
        let (unpacking, seal, flow, done) = (None, None, Flow::default(), Received::None);
        Ok(Self { means, carrier, place, how, unpacking, seal, flow, file, kept, done })
    }

    /// What came of it.
    pub fn done(self) -> Received {
        self.done
    }

    fn write(&mut self) -> io::Result<()> {
        while let Some(piece) = self.flow.next_piece() {
            match piece {
                Piece::Go(bytes) => self.file.write_all(&bytes)?,
                Piece::Keep(bytes) => self.kept.write_all(&bytes)?,
                Piece::Kept => {
                    self.kept.seek(SeekFrom::Start(0))?;
                    io::copy(&mut self.kept, &mut self.file)?;
                    self.kept.set_len(0)?;
                    self.kept.seek(SeekFrom::Start(0))?;
                }
            }
        }
        Ok(())
    }

    fn fault(&mut self, fault: &SealFault) {
        self.seal = None;
        self.done = match fault {
            SealFault::Already => Received::Already,
            other => Received::Fault(other.to_string()),
        };
    }

    fn begin_seal(&mut self, from: Uid) -> Result<Seal, SealFault> {
        Seal::new(SealOrder {
            context: Arc::clone(&self.means.context),
            sop_class: self.place.class,
            sop_instance: self.place.instance,
            from,
            to: Encoding::ExplicitLe,
            carrier: self.carrier,
            options: Arc::clone(&self.means.options),
            // There is a file to keep it in: nothing behind the pixels is too long.
            whole: true,
        })
    }

    fn seals(&mut self, bytes: &[u8]) {
        let Some(seal) = &mut self.seal else { return };
        match seal.push(bytes, &mut self.flow) {
            Ok(()) => {
                let written = self.write();
                self.wrote(written);
            }
            Err(fault) => self.fault(&fault),
        }
    }

    /// It is known whether the archive has compressed what carries a seal.
    fn came(&mut self, came: Result<Came, DecodeFault>) {
        match came {
            Ok(Came::Nothing) => {}
            Ok(Came::Plain(bytes)) => {
                self.unpacking = None;
                self.seals(&bytes);
            }
            // Sealing what is sealed would hide the original for ever: it waits until that can be ruled out.
            Ok(Came::Unknown(_, fault)) => {
                (self.unpacking, self.seal) = (None, None);
                self.done = Received::Fault(format!("whether it is sealed cannot be found out now: {fault}"));
            }
            Ok(Came::Decoded(_)) | Err(_) => {
                (self.unpacking, self.seal) = (None, None);
                self.done = Received::Already;
            }
        }
    }

    fn wrote(&mut self, written: io::Result<()>) {
        if let Err(fault) = written {
            self.seal = None;
            self.done = Received::Disk(fault);
        }
    }
}

impl Receiver for Receiving<'_> {
    fn begin(&mut self, context: &Accepted, command: &Command) {
        let same = command.sop_class() == Some(&self.place.class)
            && command.sop_instance() == Some(&self.place.instance)
            && matches!(self.done, Received::None);
        if !same {
            self.seal = None;
            self.done = Received::Fault("the archive gave back another instance".to_owned());
            return;
        }
        match self.begin_seal(context.syntax) {
            Ok(seal) => {
                self.seal = Some(seal);
                self.unpacking = self.how.unpacking(&context.syntax).map(Box::new);
                let written = self.file.write_all(&preamble(self.place));
                self.wrote(written);
            }
            Err(fault) => self.fault(&fault),
        }
    }

    fn data(&mut self, bytes: &[u8]) {
        match self.unpacking.as_mut().filter(|_| self.seal.is_some()) {
            Some(unpacking) => unpacking.push(bytes),
            None => self.seals(bytes),
        }
    }

    fn work(&mut self) -> Option<Work<'_>> {
        self.unpacking.as_ref().filter(|unpacking| unpacking.has_work())?;
        Some(Box::pin(async move {
            while let Some(unpacking) = self.unpacking.as_mut().filter(|unpacking| unpacking.has_work()) {
                let came = unpacking.step().await;
                self.came(came);
            }
        }))
    }

    fn end(&mut self) -> Status {
        if let Some(mut unpacking) = self.unpacking.take() {
            self.came(unpacking.finish());
        }
        let Some(mut seal) = self.seal.take() else { return Status::SUCCESS };
        // Only what came to its end counts.
        match seal.finish(&mut self.flow) {
            Ok(outcome) => {
                self.done = match outcome {
                    Outcome::Sealed(sealed) => Received::Sealed(Box::new(sealed)),
                    // It stays where it is: nothing of it is written.
                    Outcome::Nothing => {
                        self.done = Received::Nothing;
                        return Status::SUCCESS;
                    }
                    Outcome::Already => Received::Already,
                };
                let written = self.write().and_then(|()| self.file.sync_all());
                self.wrote(written);
            }
            Err(fault) => self.fault(&fault),
        }
        Status::SUCCESS
    }
}
