//! The objects of a demonstration: the phantom, or the files of a folder.

use super::elements;
use super::object::Object;
use super::phantom;
use crate::dicom::transfer_syntax::encoding_of;
use crate::dicom::{Tag, Uid};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The most files that are looked at.
pub const MAX_FILES: usize = 10_000;
/// The longest file that is read, bytes.
pub const MAX_FILE: u64 = 1 << 30;
/// The most that is held in memory, bytes.
pub const MAX_TOTAL: u64 = 4 << 30;
/// The most kinds (SOP class and transfer syntax): one presentation context each.
pub const MAX_KINDS: usize = 120;
/// How deep folders are followed.
pub const MAX_DEPTH: usize = 16;

const STUDY: Tag = Tag(0x0020, 0x000d);

/// What is shown.
#[derive(Debug, Clone, Default)]
pub struct Study {
    /// The objects, one for each instance UID.
    pub objects: Vec<Object>,
    /// Files that are not shown, and why.
    pub left_out: Vec<(PathBuf, String)>,
    /// How many objects each Study Instance UID has.
    pub studies: BTreeMap<String, usize>,
    /// Whether these are somebody's own files, of which the gateway may refuse some as malformed.
    pub own_files: bool,
    /// Study Instance UID by instance.
    belongs: BTreeMap<Uid, String>,
}

impl Study {
    /// The computed phantom.
    pub fn phantom() -> Self {
        let mut study = Self::default();
        let mut kinds = BTreeSet::new();
        for object in phantom::study() {
            study.take(PathBuf::new(), object, &mut kinds);
        }
        study
    }

    /// The files of a folder, recursively; symbolic links are not followed.
    ///
    /// # Errors
    /// A folder that cannot be read, or one without a single object.
    pub fn from_folder(folder: &Path) -> Result<Self, String> {
        let mut study = Self { own_files: true, ..Self::default() };
        let mut files = Vec::new();
        collect(folder, 0, &mut files).map_err(|fault| format!("`{}`: {fault}", folder.display()))?;
        files.sort();
        let mut kinds = BTreeSet::new();
        let mut total = 0_u64;
        for path in files {
            match read(&path, &mut total) {
                Ok(object) => study.take(path, object, &mut kinds),
                Err(words) => study.left_out.push((path, words)),
            }
        }
        if study.objects.is_empty() {
            return Err(format!("`{}` has no DICOM file that can be shown", folder.display()));
        }
        Ok(study)
    }

    /// How long all data sets are together, bytes.
    pub fn bytes(&self) -> u64 {
        self.objects.iter().map(|object| object.data_set.len() as u64).sum()
    }

    /// The same without some objects.
    #[must_use]
    pub fn without(mut self, refused: &BTreeSet<Uid>) -> Self {
        self.objects.retain(|object| !refused.contains(&object.sop_instance));
        self.belongs.retain(|instance, _| !refused.contains(instance));
        self.studies.clear();
        for study in self.belongs.values() {
            *self.studies.entry(study.clone()).or_default() += 1;
        }
        self
    }

    fn take(&mut self, path: PathBuf, object: Object, kinds: &mut BTreeSet<(String, String)>) {
        let kind = (object.sop_class.to_string(), object.transfer_syntax.to_string());
        if kinds.len() >= MAX_KINDS && !kinds.contains(&kind) {
            return self.left_out.push((path, format!("more than {MAX_KINDS} kinds of objects")));
        }
        if self.objects.iter().any(|held| held.sop_instance == object.sop_instance) {
            return self.left_out.push((path, "an instance UID that another file has too".to_owned()));
        }
        let Ok(header) = elements::read(&object.data_set, encoding_of(&object.transfer_syntax)) else {
            return self.left_out.push((path, "its data set cannot be read".to_owned()));
        };
        let study = header.plain(STUDY);
        if study.is_empty() {
            return self.left_out.push((path, "no Study Instance UID, so nobody could ask for it".to_owned()));
        }
        self.belongs.insert(object.sop_instance, study.to_owned());
        *self.studies.entry(study.to_owned()).or_default() += 1;
        kinds.insert(kind);
        self.objects.push(object);
    }
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < MAX_DEPTH {
            collect(&entry.path(), depth + 1, files)?;
        } else if kind.is_file() && files.len() < MAX_FILES {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn read(path: &Path, total: &mut u64) -> Result<Object, String> {
    let file = fs::File::open(path).map_err(|fault| fault.to_string())?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|fault| fault.to_string())?;
    let length = bytes.len() as u64;
    if length > MAX_FILE || *total + length > MAX_TOTAL {
        return Err("too much to hold in memory".to_owned());
    }
    let object = Object::from_file(&Bytes::from(bytes)).map_err(|fault| fault.to_string())?;
    *total += length;
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_its_objects_and_says_what_it_leaves_out() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        let phantom = Study::phantom();
        fs::write(inner.join("1"), phantom.objects[0].to_file()).unwrap();
        fs::write(folder.path().join("2.dcm"), phantom.objects[1].to_file()).unwrap();
        fs::write(folder.path().join("twice.dcm"), phantom.objects[1].to_file()).unwrap();
        fs::write(folder.path().join("readme.txt"), "no image").unwrap();
        let study = Study::from_folder(folder.path()).unwrap();
        assert_eq!(study.objects.len(), 2);
        assert!(phantom.objects[..2].iter().all(|object| study.objects.contains(object)));
        assert_eq!(study.left_out.len(), 2);
        assert_eq!(study.studies.values().sum::<usize>(), 2);
        assert!(Study::from_folder(&folder.path().join("none")).is_err());

        let first = study.objects[0].sop_instance;
        let rest = study.without(&[first].into());
        assert_eq!((rest.objects.len(), rest.studies.values().sum::<usize>()), (1, 1));
        assert_ne!(rest.objects[0].sop_instance, first);
    }
}
