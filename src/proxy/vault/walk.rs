//! What an archive says that it holds, study by study (PS3.4 C.6.2): for the gateway's own rounds, not for callers.
//!
//! Each is told once, whatever the archive does: some answer a question at the level of series once for every image.

use crate::dicom::dataset::write::{DataSet, Flat};
use crate::dicom::dimse::Status;
use crate::dicom::transfer_syntax::encoding_of;
use crate::dicom::{Phi, Tag, Uid, sop_class};
use crate::proxy::vault::verify::Place;
use crate::scu::{Accepted, Ask, Link, LinkFault, Target};
use std::collections::HashSet;

/// Classes of C-FIND, the preferred one first.
const FIND: [&str; 2] = [sop_class::STUDY_ROOT_FIND, sop_class::PATIENT_ROOT_FIND];
const LEVEL: Tag = Tag(0x0008, 0x0052);
const CLASS: Tag = Tag(0x0008, 0x0016);
const INSTANCE: Tag = Tag(0x0008, 0x0018);
const STUDY_DATE: Tag = Tag(0x0008, 0x0020);
const ACCESSION: Tag = Tag(0x0008, 0x0050);
const PATIENT_NAME: Tag = Tag(0x0010, 0x0010);
const PATIENT_ID: Tag = Tag(0x0010, 0x0020);
const BIRTH_DATE: Tag = Tag(0x0010, 0x0030);
const STUDY: Tag = Tag(0x0020, 0x000d);
const SERIES: Tag = Tag(0x0020, 0x000e);

/// The most answers to one question.
pub const MOST_ANSWERS: usize = 1_000_000;

/// A study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Study {
    /// Study Instance UID.
    pub uid: Uid,
    /// Patient ID.
    pub patient: Option<Phi<String>>,
}

/// What an archive says of a study that somebody may correct: whose it is, and the accession number. `None`: the archive
/// does not say it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts([Option<Phi<Vec<u8>>>; 4]);

/// An instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image {
    /// SOP Instance UID.
    pub instance: Uid,
    /// SOP Class UID, where the archive says it.
    pub class: Option<Uid>,
}

/// An instance, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which, and of which class, where the archive says that.
    pub image: Image,
    /// Its study.
    pub study: Study,
    /// Series Instance UID.
    pub series: Uid,
}

impl Listed {
    /// Where it is to be had as an object of this class.
    pub fn place(&self, class: Uid) -> Place {
        let Study { uid, patient } = self.study.clone();
        Place { class, instance: self.image.instance, study: Some(uid), series: Some(self.series), patient }
    }
}

/// Why it cannot be said.
#[derive(Debug, thiserror::Error)]
pub enum WalkFault {
    /// No association, or it ended.
    #[error(transparent)]
    Link(#[from] LinkFault),
    /// It offers no C-FIND.
    #[error("the archive offers no C-FIND in the study or patient root")]
    NotOffered,
    /// It refused a question.
    #[error("the archive refuses a query with {0}")]
    Refused(Status),
}

/// An association for questions.
#[derive(Debug)]
pub struct Walker {
    link: Link,
    find: Accepted,
    message: u16,
}

impl Walker {
    /// Asks for C-FIND.
    ///
    /// # Errors
    /// No association, or no C-FIND.
    pub async fn open(target: &Target<'_>) -> Result<Self, WalkFault> {
        let asks: Vec<Ask> = FIND.iter().filter_map(|class| Uid::new(class).ok()).map(Ask::plain).collect();
        let link = Link::open(target, &asks).await?;
        match FIND.iter().find_map(|class| Uid::new(class).ok().and_then(|class| link.accepted(&class))) {
            Some(find) => Ok(Self { link, find, message: 0 }),
            None => {
                let _ = link.release().await;
                Err(WalkFault::NotOffered)
            }
        }
    }

    /// The studies of these dates (`YYYYMMDD-YYYYMMDD`, empty: all), of this patient and accession number (empty: any).
    ///
    /// # Errors
    /// The archive does not say.
    pub async fn studies(&mut self, dates: &str, patient: &str, accession: &str) -> Result<Vec<Study>, WalkFault> {
        let set = DataSet::new()
            .with(LEVEL, b"CS", "STUDY")
            .with(STUDY_DATE, b"DA", dates)
            .with(ACCESSION, b"SH", accession)
            .with(PATIENT_ID, b"LO", patient)
            .with(STUDY, b"UI", "");
        let (mut studies, mut told): (Vec<Study>, HashSet<Uid>) = Default::default();
        self.ask(set, |answer| {
            let Some(uid) = uid(answer, STUDY).filter(|uid| told.insert(*uid)) else { return };
            let patient = answer.get(PATIENT_ID).map(|id| Phi::new(String::from_utf8_lossy(id).trim().to_owned()));
            studies.push(Study { uid, patient });
        })
        .await?;
        Ok(studies)
    }

    /// The series of a study.
    ///
    /// # Errors
    /// The archive does not say.
    pub async fn series(&mut self, study: &Study) -> Result<Vec<Uid>, WalkFault> {
        let set = self.below("SERIES", study).with(SERIES, b"UI", "");
        let (mut all, mut told): (Vec<Uid>, HashSet<Uid>) = Default::default();
        self.ask(set, |answer| all.extend(uid(answer, SERIES).filter(|uid| told.insert(*uid)))).await?;
        Ok(all)
    }

    /// The instances of a series.
    ///
    /// # Errors
    /// The archive does not say.
    pub async fn images(&mut self, study: &Study, series: &Uid) -> Result<Vec<Image>, WalkFault> {
        let set = self.below("IMAGE", study).with_uid(SERIES, series).with(INSTANCE, b"UI", "").with(CLASS, b"UI", "");
        let (mut all, mut told): (Vec<Image>, HashSet<Uid>) = Default::default();
        self.ask(set, |answer| {
            let Some(instance) = uid(answer, INSTANCE).filter(|uid| told.insert(*uid)) else { return };
            all.push(Image { instance, class: uid(answer, CLASS) });
        })
        .await?;
        Ok(all)
    }

    /// The instances of a study.
    ///
    /// # Errors
    /// The archive does not say.
    pub async fn listed(&mut self, study: &Study) -> Result<Vec<Listed>, WalkFault> {
        let mut all = Vec::new();
        for series in self.series(study).await? {
            let images = self.images(study, &series).await?;
            all.extend(images.into_iter().map(|image| Listed { image, study: study.clone(), series }));
        }
        Ok(all)
    }

    /// What is said of the study of an instance; `None`: the archive has neither of them, or not there.
    ///
    /// # Errors
    /// The archive does not say.
    pub async fn facts(&mut self, place: &Place) -> Result<Option<Facts>, WalkFault> {
        let Some(uid_of_study) = place.study else { return Ok(Some(Facts::default())) };
        let study = Study { uid: uid_of_study, patient: place.patient.clone() };
        if let Some(series) = &place.series {
            let set = self.below("IMAGE", &study).with_uid(SERIES, series).with_uid(INSTANCE, &place.instance);
            let mut there = false;
            self.ask(set, |answer| there |= uid(answer, INSTANCE) == Some(place.instance)).await?;
            if !there {
                return Ok(None);
            }
        }
        self.facts_of(&study).await
    }

    /// What is said of a study; `None`: the archive does not have it.
    ///
    /// # Errors
    /// The archive does not say.
    pub async fn facts_of(&mut self, study: &Study) -> Result<Option<Facts>, WalkFault> {
        let mut set = self.below("STUDY", study).with(ACCESSION, b"SH", "").with(PATIENT_NAME, b"PN", "");
        if self.find.class.as_str() != sop_class::PATIENT_ROOT_FIND {
            set = set.with(PATIENT_ID, b"LO", "");
        }
        let set = set.with(BIRTH_DATE, b"DA", "");
        let mut facts = None;
        self.ask(set, |answer| {
            if uid(answer, STUDY) == Some(study.uid) {
                let said = |tag| answer.get(tag).map(|value| Phi::new(value.trim_ascii().to_vec()));
                facts = Some(Facts([PATIENT_NAME, PATIENT_ID, BIRTH_DATE, ACCESSION].map(said)));
            }
        })
        .await?;
        Ok(facts)
    }

    /// Releases the association.
    pub async fn close(self) {
        // It is over, whatever the other side says to that.
        let _ = self.link.release().await;
    }

    fn below(&self, level: &str, study: &Study) -> DataSet {
        let set = DataSet::new().with(LEVEL, b"CS", level).with_uid(STUDY, &study.uid);
        match &study.patient {
            Some(patient) if self.find.class.as_str() == sop_class::PATIENT_ROOT_FIND => {
                set.with(PATIENT_ID, b"LO", patient.reveal())
            }
            _ => set,
        }
    }

    async fn ask(&mut self, set: DataSet, mut take: impl FnMut(&Flat) + Send) -> Result<(), WalkFault> {
        self.message = self.message.wrapping_add(1).max(1);
        let encoding = encoding_of(&self.find.syntax);
        let find = self.find;
        let identifier = set.encode(encoding);
        let mut each = |data: Vec<u8>| {
            if let Ok(flat) = Flat::read(&data, encoding) {
                take(&flat);
            }
        };
        match self.link.find(&find, self.message, &identifier, MOST_ANSWERS, &mut each).await? {
            Status::SUCCESS => Ok(()),
            status => Err(WalkFault::Refused(status)),
        }
    }
}

fn uid(answer: &Flat, tag: Tag) -> Option<Uid> {
    let value = answer.get(tag)?.trim_ascii_end();
    Uid::new(value).ok()
}
