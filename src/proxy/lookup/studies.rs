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
use crate::dicom::{Phi, Tag, Uid};
use crate::policy::Narrowing;
use crate::policy::narrow::Shown;
use dicom_core::VR;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Instant;

/// The most answers that an archive may give about one study: more often it has none.
const MOST_ANSWERS: usize = 16;

/// What is wanted of a study so that a narrowing can judge it.
#[derive(Debug, Clone)]
pub(super) struct Wanted<'n> {
    narrowing: &'n Narrowing,
    study: Arc<[Tag]>,
    of_patient: Arc<[Tag]>,
}

impl<'n> Wanted<'n> {
    /// By a narrowing.
    pub(super) fn by(narrowing: &'n Narrowing) -> Self {
        let sorted = |mut tags: Vec<Tag>| {
            tags.sort_unstable();
            tags.dedup();
            Arc::from(tags)
        };
        Self { narrowing, study: sorted(narrowing.wanted()), of_patient: sorted(narrowing.wanted_of_patient()) }
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

/// Studies of one Patient ID, answer by answer.
#[derive(Default)]
struct Gathered {
    /// The same ID of another issuer is another patient.
    patients: HashMap<Patient, Shown>,
    studies: HashMap<Uid, Vec<Record>>,
    /// In the order they came.
    order: Vec<Uid>,
    kept: usize,
    /// What would show the answers that were too many, and whose they are.
    beyond: HashMap<Patient, Shown>,
}

impl Gathered {
    fn add(&mut self, answer: Record, patient: Patient, narrowing: &Narrowing, most: usize) {
        let Some(study) = answer.uid(STUDY) else { return };
        let fits = narrowing.fits_patient(&answer);
        let permits = self.patients.entry(patient.clone()).or_default();
        *permits = permits.or(fits);
        if self.kept >= most {
            let beyond = self.beyond.entry(patient).or_default();
            *beyond = beyond.or(narrowing.shows(&answer, narrowing.all()));
            return;
        }
        self.kept += 1;
        match self.studies.entry(study) {
            Entry::Occupied(mut known) => known.get_mut().push(answer),
            Entry::Vacant(place) => {
                place.insert(vec![answer]);
                self.order.push(study);
            }
        }
    }

    /// Those that may be seen.
    fn visible(mut self, narrowing: &Narrowing) -> Result<Vec<Arc<StudyFacts>>, LookupFault> {
        let without = narrowing.without_patient();
        let of = |patient: &Patient| self.patients.get(patient).copied().unwrap_or_default().or(without);
        // Nobody is told of patients by a fault who may see nothing of them.
        if self.beyond.iter().any(|(patient, shown)| !shown.and(of(patient)).is_nothing()) {
            return Err(LookupFault::TooMany("lookup_answers"));
        }
        let mut visible = Vec::new();
        for study in &self.order {
            let facts = self.studies.remove(study).and_then(|answers| StudyFacts::of(*study, answers));
            let Some(facts) = facts else { continue };
            let patient = facts.patient().map_or(without, of);
            let facts = facts.with_studies_of_patient(patient);
            if !facts.shown(narrowing).is_nothing() {
                visible.push(Arc::new(facts));
            }
        }
        Ok(visible)
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
            of_patient: (!wanted.of_patient.is_empty()).then(|| Arc::new(narrowing.clone())),
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
        wanted: &Wanted<'_>,
        study: &Uid,
    ) -> Result<Option<Arc<StudyFacts>>, LookupFault> {
        let question = Question::at(Level::Study).uids(STUDY, &[*study]).returns(&wanted.returns());
        let (mut answers, mut often) = (Vec::new(), false);
        let mut strange = self.bound();
        self.ask(&question, false, &mut |answer| {
            // An archive that passes over the key answers with everything it has.
            if answer.uid(STUDY) != Some(*study) {
                return strange();
            }
            often |= answers.len() >= MOST_ANSWERS;
            if !often {
                answers.push(answer);
            }
            Ok(())
        })
        .await?;
        let facts = StudyFacts::of(*study, answers).filter(|_| !often);
        if wanted.of_patient.is_empty() {
            return Ok(facts.map(Arc::new));
        }
        // Each is held against the rules as it comes, however many there are: a patient with very many studies is not told
        // from one who is nowhere.
        let (patient, mut fit) = (facts.as_ref().and_then(StudyFacts::patient), wanted.narrowing.without_patient());
        self.answers_of(patient.map(|patient| &patient.id), wanted, &mut |answer, whose| {
            if Some(&whose) == patient {
                fit = fit.or(wanted.narrowing.fits_patient(&answer));
            }
        })
        .await?;
        Ok(facts.map(|facts| Arc::new(facts.with_studies_of_patient(fit))))
    }

    /// The permits that show a study; none where it is not there.
    ///
    /// # Errors
    /// Nothing can be found out now.
    pub async fn visible(&self, narrowing: &Narrowing, study: &Uid) -> Result<Shown, LookupFault> {
        Ok(self.study(narrowing, study).await?.map_or(Shown::NOTHING, |facts| facts.shown(narrowing)))
    }

    /// The studies under a Patient ID, whichever issuer's, that may be seen. Never from memory.
    ///
    /// # Errors
    /// Nothing can be found out now, or some may be seen, and they are more than `lookup_answers`.
    pub(super) async fn studies_of_patient(
        &self,
        narrowing: &Narrowing,
        id: &Phi<String>,
    ) -> Result<Vec<Arc<StudyFacts>>, LookupFault> {
        let most = self.most(|limits| limits.lookup_answers);
        let mut gathered = Gathered::default();
        let wanted = Wanted::by(narrowing);
        self.answers_of(Some(id), &wanted, &mut |answer, whose| gathered.add(answer, whose, narrowing, most)).await?;
        gathered.visible(narrowing)
    }

    /// Hands over what the archive answers about the studies under a Patient ID; it is asked for one that is nowhere, where
    /// there is none to ask for.
    async fn answers_of(
        &self,
        id: Option<&Phi<String>>,
        wanted: &Wanted<'_>,
        take: &mut (dyn FnMut(Record, Patient) + Send),
    ) -> Result<(), LookupFault> {
        let text = match id {
            Some(id) => id.reveal().clone(),
            None => fresh_patient()?,
        };
        let question =
            Question::at(Level::Study).text(PATIENT_ID, VR::LO, &text).uids(STUDY, &[]).returns(&wanted.returns());
        let mut strange = self.bound();
        self.ask(&question, false, &mut |answer| {
            // Wild cards in an ID are wild cards, and some archives pass over the case.
            match Patient::of(&answer).filter(|whose| Some(&whose.id) == id) {
                Some(whose) => take(answer, whose),
                None => strange()?,
            }
            Ok(())
        })
        .await
    }

    /// As many questions as a study costs that is not there.
    pub(super) async fn study_nowhere(&self, wanted: &Wanted<'_>) -> Result<(), LookupFault> {
        self.study_anew(wanted, &fresh_uid()?).await.map(drop)
    }
}
