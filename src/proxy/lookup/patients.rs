//! The patients that `where_patient` lets somebody see, found with one question before a list is asked for.

use super::LookupFault;
use super::ask::Question;
use super::facts::{ISSUER, Patient};
use super::link::Lookups;
use crate::dicom::dataset::Level;
use crate::dicom::query::{PATIENT_ID, STUDY};
use crate::policy::Narrowing;
use crate::policy::narrow::Shown;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// How many answers are gone through for each patient that may be found: some archives pass over keys.
const ANSWERS_EACH: usize = 10;

/// For each patient of whom something is known, the permits whose `where_patient` they fulfil.
#[derive(Default)]
pub struct Patients {
    /// By Patient ID: the same one may be of several issuers.
    found: HashMap<String, Vec<(Patient, Shown)>>,
    /// What holds of all others.
    others: Shown,
}

impl Patients {
    /// The permits whose `where_patient` holds for the patient of an answer.
    pub fn shown(&self, patient: Option<&Patient>) -> Shown {
        let found = patient.and_then(|patient| self.found.get(patient.id.reveal()).map(|all| (patient, all)));
        let Some((patient, all)) = found else { return self.others };
        let same = all.iter().filter(|(known, _)| known == patient);
        same.fold(self.others, |shown, (_, permits)| shown.or(*permits))
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.found.values().map(Vec::len).sum()
    }

    /// Whether nobody was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    fn add(&mut self, patient: Patient, shown: Shown) {
        let all = self.found.entry(patient.id.reveal().clone()).or_default();
        match all.iter_mut().find(|(known, _)| *known == patient) {
            Some((_, permits)) => *permits = permits.or(shown),
            None => all.push((patient, shown)),
        }
    }
}

/// Says nothing of any of them.
impl std::fmt::Debug for Patients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Patients").field("found", &self.found.len()).finish_non_exhaustive()
    }
}

impl Lookups {
    /// The patients with a study that fulfils some permit's `where_patient`. From memory, or with one question.
    ///
    /// # Errors
    /// Nothing can be found out now, or they are more than `narrow_patients`.
    pub async fn patients(&self, narrowing: &Arc<Narrowing>) -> Result<Arc<Patients>, LookupFault> {
        let at = (self.archive, self.calling);
        let age = self.shared.snapshot().settings.limits.study_cache_age;
        if let Some(known) = self.shared.lookups.patients(at, narrowing, age, Instant::now()) {
            return Ok(known);
        }
        let mut question = Question::at(Level::Study).uids(STUDY, &[]).returns(&[PATIENT_ID, ISSUER]);
        for key in narrowing.sent_of_patient() {
            question = question.text(key.tag, key.vr, &key.text);
        }
        let question = question.returns(&narrowing.wanted_of_patient());
        let mut patients = Patients { found: HashMap::new(), others: narrowing.without_patient() };
        let most = self.most(|limits| limits.narrow_patients);
        let (mut come, mut kept) = (0_usize, 0_usize);
        self.ask(&question, false, &mut |answer| {
            come = come.saturating_add(1);
            let shown = narrowing.fits_patient(&answer);
            // What holds of everybody need not be kept for each.
            if shown != patients.others
                && let Some(patient) = Patient::of(&answer)
            {
                patients.add(patient, shown);
                kept = patients.found.len();
            }
            if kept > most || come > most.saturating_mul(ANSWERS_EACH) {
                return Err(LookupFault::TooMany("narrow_patients"));
            }
            Ok(())
        })
        .await?;
        let patients = Arc::new(patients);
        self.shared.lookups.learn_patients(at, narrowing, &patients, Instant::now());
        Ok(patients)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::Phi;

    #[test]
    fn the_same_id_of_another_issuer_or_of_none_is_another_patient() {
        let patient = |issuer: &str| Patient { id: Phi::new("4711".into()), issuer: Phi::new(issuer.into()) };
        let mut patients = Patients::default();
        patients.add(patient("H"), Shown::of(0));
        patients.add(patient("H"), Shown::of(2));
        let shown = |patients: &Patients, issuer: &str| patients.shown(Some(&patient(issuer)));
        assert_eq!(shown(&patients, "H"), Shown::of(0).or(Shown::of(2)));
        assert!(["K", ""].iter().all(|issuer| shown(&patients, issuer).is_nothing()));
        assert!(patients.shown(None).is_nothing());
        patients.add(patient(""), Shown::of(1));
        let now = [shown(&patients, ""), shown(&patients, "K")];
        assert_eq!(now, [Shown::of(1), Shown::NOTHING], "an issuer that nobody says is nobody else's");
    }
}
