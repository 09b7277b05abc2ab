//! Studies by their UIDs and by their patients.

use super::ask::Question;
use super::cache::Key;
use super::facts::{ISSUER, Patient, StudyFacts};
use super::fresh::fresh_patient;
use super::link::Lookups;
use super::{LookupFault, fresh_uid};
use crate::dicom::dataset::Level;
use crate::dicom::dataset::record::Record;
use crate::dicom::query::{PATIENT_ID, STUDY};
use crate::dicom::{Tag, Uid};
use crate::policy::Narrowing;
use crate::policy::narrow::Shown;
use dicom_core::VR;
use std::sync::Arc;
use std::time::Instant;

/// What is wanted of a study so that a narrowing can judge it.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    study: Arc<[Tag]>,
    of_patient: Arc<[Tag]>,
}

impl Wanted {
    /// By a narrowing.
    pub(super) fn by(narrowing: &Narrowing) -> Self {
        let sorted = |mut tags: Vec<Tag>| {
            tags.sort_unstable();
            tags.dedup();
            Arc::from(tags)
        };
        Self { study: sorted(narrowing.wanted()), of_patient: sorted(narrowing.wanted_of_patient()) }
    }

    /// Everything, whichever of the two it is wanted of.
    fn returns(&self) -> Vec<Tag> {
        let mut all: Vec<Tag> = [PATIENT_ID, ISSUER].into_iter().collect();
        all.extend(self.study.iter().chain(self.of_patient.iter()));
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl Lookups {
    /// What a narrowing wants to know of a study; `None` where it is not there. From memory, or from the archive: then with
    /// as many questions whether it is there or not.
    ///
    /// # Errors
    /// Nothing can be found out now.
    pub async fn study(&self, narrowing: &Narrowing, study: &Uid) -> Result<Option<Arc<StudyFacts>>, LookupFault> {
        let wanted = Wanted::by(narrowing);
        let key = Key {
            archive: self.archive,
            calling: self.calling,
            study: *study,
            wanted: Arc::clone(&wanted.study),
            of_patient: Arc::clone(&wanted.of_patient),
        };
        let age = self.shared.snapshot().settings.limits.study_cache_age;
        if let Some(known) = self.shared.lookups.study(&key, age, Instant::now()) {
            return Ok(known);
        }
        let known = self.study_anew(&wanted, study).await?;
        let most = self.most(|limits| limits.study_cache);
        self.shared.lookups.learn(key, &known, most, Instant::now());
        Ok(known)
    }

    /// The same from the archive, whatever is remembered, and not to be remembered.
    pub(super) async fn study_anew(
        &self,
        wanted: &Wanted,
        study: &Uid,
    ) -> Result<Option<Arc<StudyFacts>>, LookupFault> {
        let question = Question::at(Level::Study).uids(STUDY, &[*study]).returns(&wanted.returns());
        let mut answers = Vec::new();
        let most = self.most(|limits| limits.lookup_answers);
        let mut come = 0_usize;
        self.ask(&question, false, &mut |answer| {
            come = come.saturating_add(1);
            // An archive that passes over the key answers with everything it has.
            if answer.uid(STUDY) == Some(*study) {
                answers.push(answer);
            }
            if come > most { Err(LookupFault::TooMany("lookup_answers")) } else { Ok(()) }
        })
        .await?;
        let facts = StudyFacts::of(*study, answers);
        if wanted.of_patient.is_empty() {
            return Ok(facts.map(Arc::new));
        }
        let of_patient = self.answers_of(facts.as_ref().and_then(StudyFacts::patient), wanted).await?;
        Ok(facts.map(|facts| Arc::new(facts.with_studies_of_patient(of_patient))))
    }

    /// The permits that show a study; none where it is not there.
    ///
    /// # Errors
    /// Nothing can be found out now.
    pub async fn visible(&self, narrowing: &Narrowing, study: &Uid) -> Result<Shown, LookupFault> {
        Ok(self.study(narrowing, study).await?.map_or(Shown::NOTHING, |facts| facts.shown(narrowing)))
    }

    /// The studies of a patient, with what a narrowing wants to know of them. Never from memory.
    ///
    /// # Errors
    /// Nothing can be found out now, or they are more than `lookup_answers`.
    pub async fn studies_of_patient(
        &self,
        narrowing: &Narrowing,
        patient: &Patient,
    ) -> Result<Vec<Arc<StudyFacts>>, LookupFault> {
        let wanted = Wanted::by(narrowing);
        let answers = self.answers_of(Some(patient), &wanted).await?;
        let mut studies: Vec<(Uid, Vec<Record>)> = Vec::new();
        for answer in &answers {
            let Some(study) = answer.uid(STUDY) else { continue };
            match studies.iter_mut().find(|(known, _)| *known == study) {
                Some((_, known)) => known.push(answer.clone()),
                None => studies.push((study, vec![answer.clone()])),
            }
        }
        let facts = studies.into_iter().filter_map(|(study, of_study)| StudyFacts::of(study, of_study));
        let of_patient = if wanted.of_patient.is_empty() { Vec::new() } else { answers };
        Ok(facts.map(|facts| Arc::new(facts.with_studies_of_patient(of_patient.clone()))).collect())
    }

    /// What the archive answers about the studies of a patient; of one who is nowhere, where there is none to ask for.
    async fn answers_of(&self, patient: Option<&Patient>, wanted: &Wanted) -> Result<Vec<Record>, LookupFault> {
        let id = match patient {
            Some(patient) => patient.id.reveal().clone(),
            None => fresh_patient()?,
        };
        let question =
            Question::at(Level::Study).text(PATIENT_ID, VR::LO, &id).uids(STUDY, &[]).returns(&wanted.returns());
        let most = self.most(|limits| limits.lookup_answers);
        let (mut answers, mut come) = (Vec::new(), 0_usize);
        self.ask(&question, false, &mut |answer| {
            come = come.saturating_add(1);
            // Wild cards in an ID are wild cards, and some archives pass over the case.
            if patient.is_some_and(|patient| Patient::of(&answer).is_some_and(|whose| whose.is(patient))) {
                answers.push(answer);
            }
            if come > most { Err(LookupFault::TooMany("lookup_answers")) } else { Ok(()) }
        })
        .await?;
        Ok(answers)
    }

    /// As many questions as a study costs that is not there.
    pub(super) async fn study_nowhere(&self, wanted: &Wanted) -> Result<(), LookupFault> {
        self.study_anew(wanted, &fresh_uid()?).await.map(drop)
    }
}
