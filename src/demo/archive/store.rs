//! The files of the archive and what it knows of each.

use crate::demo::elements::{self, Set};
use crate::demo::object::Object;
use crate::dicom::transfer_syntax::encoding_of;
use crate::dicom::{Tag, Uid};
use bytes::Bytes;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::AsyncWriteExt;

/// SOP Instance UID.
pub const SOP_INSTANCE: Tag = Tag(0x0008, 0x0018);
/// Patient ID.
const PATIENT_ID: Tag = Tag(0x0010, 0x0020);

/// One stored object.
#[derive(Debug)]
pub struct Stored {
    /// SOP class.
    pub sop_class: Uid,
    /// SOP instance.
    pub sop_instance: Uid,
    /// How the data set is written.
    pub transfer_syntax: Uid,
    /// Its attributes up to the pixel data; only the instance UID where they could not be read.
    pub attributes: Set,
    file: PathBuf,
    /// Where the data set begins in the file, bytes.
    offset: usize,
}

impl Stored {
    /// Its file: what a copy of the disk has.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

/// The archive's objects, in the order in which they came.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    counter: AtomicU64,
    objects: Mutex<Vec<Arc<Stored>>>,
}

impl Store {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, counter: AtomicU64::new(0), objects: Mutex::default() }
    }

    /// Writes an object; one of the same instance UID is replaced, and its file goes. The file's name is a counter.
    ///
    /// # Errors
    /// What the system says.
    pub async fn put(&self, object: &Object) -> io::Result<()> {
        let number = self.counter.fetch_add(1, Ordering::Relaxed) + 1;
        let file = self.folder.join(format!("{number:06}.dcm"));
        let bytes = object.to_file();
        let offset = bytes.len() - object.data_set.len();
        let mut out = tokio::fs::File::create_new(&file).await?;
        out.write_all(&bytes).await?;
        out.flush().await?;
        let mut attributes = elements::read(&object.data_set, encoding_of(&object.transfer_syntax)).unwrap_or_default();
        attributes.text(SOP_INSTANCE, dicom_core::VR::UI, object.sop_instance.as_str());
        let stored = Arc::new(Stored {
            sop_class: object.sop_class,
            sop_instance: object.sop_instance,
            transfer_syntax: object.transfer_syntax,
            attributes,
            file,
            offset,
        });
        match self.enter(stored)? {
            Some(replaced) => tokio::fs::remove_file(&replaced.file).await,
            None => Ok(()),
        }
    }

    /// Enters an object in the index; the one that it replaces.
    fn enter(&self, stored: Arc<Stored>) -> io::Result<Option<Arc<Stored>>> {
        let mut objects = self.objects.lock().map_err(|_| io::Error::other("the index is broken"))?;
        match objects.iter_mut().find(|held| held.sop_instance == stored.sop_instance) {
            Some(held) => Ok(Some(std::mem::replace(held, stored))),
            None => {
                objects.push(stored);
                Ok(None)
            }
        }
    }

    /// Deletes what is there of a patient, as an archive's own tools do: no service of DICOM deletes. How many objects it was.
    ///
    /// # Errors
    /// What the system says; what it said it of is in the index no longer.
    pub async fn delete_patient(&self, patient_id: &str) -> io::Result<usize> {
        let gone: Vec<Arc<Stored>> = {
            let mut objects = self.objects.lock().map_err(|_| io::Error::other("the index is broken"))?;
            objects.extract_if(.., |held| held.attributes.plain(PATIENT_ID) == patient_id).collect()
        };
        for stored in &gone {
            tokio::fs::remove_file(&stored.file).await?;
        }
        Ok(gone.len())
    }

    /// Everything it holds now.
    pub fn all(&self) -> Vec<Arc<Stored>> {
        self.objects.lock().map(|objects| objects.clone()).unwrap_or_default()
    }

    /// Reads an object back from its file.
    ///
    /// # Errors
    /// What the system says, or a file shorter than its head.
    pub async fn read(&self, stored: &Stored) -> io::Result<Object> {
        let bytes = Bytes::from(tokio::fs::read(&stored.file).await?);
        if bytes.len() < stored.offset {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is cut off"));
        }
        Ok(Object {
            sop_class: stored.sop_class,
            sop_instance: stored.sop_instance,
            transfer_syntax: stored.transfer_syntax,
            data_set: bytes.slice(stored.offset..),
        })
    }
}
