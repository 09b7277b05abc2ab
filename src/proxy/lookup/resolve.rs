//! A retrieve as it may be asked: what may be seen of it under its own name; where nothing may be, names that are nowhere,
//! so that the archive's own answer for what is not there comes back.

use super::LookupFault;
use super::facts::StudyFacts;
use super::fresh::{fresh_patient, fresh_uid};
use super::link::Lookups;
use super::studies::Wanted;
use crate::dicom::dataset::Level;
use crate::dicom::query::{PATIENT_ID, SERIES, STUDY};
use crate::dicom::retrieve::{Keys, Retrieve, RetrieveFault, Root};
use crate::dicom::{Phi, Tag, Uid};
use crate::policy::Narrowing;
use std::collections::HashSet;
use std::sync::Arc;

/// A retrieve as it may be asked.
#[derive(Debug, Default)]
pub struct Resolved {
    /// The level to ask at; not the caller's own where they asked for a patient.
    pub level: Option<Level>,
    /// The keys to ask with.
    pub keys: Keys,
    /// The studies of which something may be handed out.
    pub studies: Vec<Arc<StudyFacts>>,
    /// Which fresh UID stands for which that was asked for.
    pub replaced: Vec<(Uid, Uid)>,
}

/// Why a retrieve cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveFault {
    /// Not now.
    #[error(transparent)]
    Lookup(#[from] LookupFault),
    /// Its identifier is none that can be resolved: A900.
    #[error(transparent)]
    Identifier(RetrieveFault),
}

impl ResolveFault {
    const fn identifier(tag: Tag, reason: &'static str) -> Self {
        Self::Identifier(RetrieveFault { tag: Some(tag), reason })
    }
}

/// Something that was found and may be seen, with what it lies in.
struct Found {
    facts: Arc<StudyFacts>,
    series: Option<Uid>,
}

impl Resolved {
    /// What is known of a study of which something may be handed out.
    pub fn study(&self, study: &Uid) -> Option<&Arc<StudyFacts>> {
        self.studies.iter().find(|facts| facts.study() == study)
    }

    /// The UID that was asked for where this one stands.
    pub fn asked_for(&self, uid: &Uid) -> Uid {
        self.replaced.iter().find(|(fresh, _)| fresh == uid).map_or(*uid, |(_, asked)| *asked)
    }

    /// Itself where it may be seen, else a fresh one.
    fn shown_or_fresh(&mut self, uid: &Uid, shown: bool) -> Result<Uid, LookupFault> {
        if shown {
            return Ok(*uid);
        }
        let fresh = fresh_uid()?;
        self.replaced.push((fresh, *uid));
        Ok(fresh)
    }

    /// Of a list only what may be seen is asked for; without any, what is nowhere. Some archives refuse a whole list for
    /// one UID that they do not have.
    fn leave_out_what_is_nowhere(&mut self) {
        let Self { keys, replaced, .. } = self;
        let nowhere = |uid: &Uid| replaced.iter().any(|(fresh, _)| fresh == uid);
        for list in [&mut keys.studies, &mut keys.series, &mut keys.instances] {
            if list.iter().all(nowhere) {
                list.truncate(1);
            } else {
                list.retain(|uid| !nowhere(uid));
            }
        }
    }

    fn add(&mut self, facts: &Arc<StudyFacts>) {
        if self.study(facts.study()).is_none() {
            self.studies.push(Arc::clone(facts));
        }
    }

    /// Patient Root names the patient, as far as the caller or the archive does.
    fn name_patient(&mut self, root: Root) -> Result<(), ResolveFault> {
        if !matches!(root, Root::Patient | Root::PatientStudyOnly) {
            return Ok(());
        }
        let mut patients = self.studies.iter().map(|facts| facts.patient().map(|patient| patient.id.clone()));
        let id = match patients.next() {
            Some(first) if patients.all(|other| other == first) => first,
            Some(_) => {
                return Err(ResolveFault::identifier(PATIENT_ID, "has to be said for studies of several patients"));
            }
            None => Some(Phi::new(fresh_patient()?)),
        };
        self.keys.patient = id;
        Ok(())
    }
}

impl Lookups {
    /// What of a retrieve may be asked. The number of questions to the archive depends on what is asked for, not on
    /// whether it is there or may be seen.
    ///
    /// # Errors
    /// It cannot be found out now, or the identifier is none that can be resolved.
    pub async fn resolve(&self, retrieve: &Retrieve, narrowing: &Narrowing) -> Result<Resolved, ResolveFault> {
        let mut resolved = match (retrieve.root(), retrieve.level()) {
            (Root::Composite, _) => {
                let mut resolved = self.resolve_instances(retrieve, narrowing).await?;
                resolved.leave_out_what_is_nowhere();
                return Ok(resolved);
            }
            (_, Level::Patient) => self.resolve_patient(retrieve, narrowing).await?,
            (_, Level::Study) => self.resolve_studies(retrieve, narrowing).await?,
            (_, level) => {
                let keys = retrieve.keys();
                let named = !keys.studies.is_empty() && (level == Level::Series || !keys.series.is_empty());
                if named {
                    self.resolve_below(retrieve, narrowing).await?
                } else {
                    self.resolve_relational(retrieve, narrowing).await?
                }
            }
        };
        resolved.name_patient(retrieve.root())?;
        resolved.leave_out_what_is_nowhere();
        Ok(resolved)
    }

    /// Of a study that is named: what may be seen, if it is the named patient's.
    async fn named(
        &self,
        retrieve: &Retrieve,
        narrowing: &Narrowing,
        study: &Uid,
    ) -> Result<Option<Arc<StudyFacts>>, LookupFault> {
        let facts = self.study(narrowing, study).await?;
        Ok(facts.filter(|facts| may(retrieve, narrowing, facts)))
    }

    async fn resolve_patient(&self, retrieve: &Retrieve, narrowing: &Narrowing) -> Result<Resolved, ResolveFault> {
        let id = retrieve.keys().patient.clone().unwrap_or_default();
        let mut resolved = Resolved { level: Some(Level::Study), ..Resolved::default() };
        for facts in self.studies_of_patient(narrowing, &id).await? {
            resolved.keys.studies.push(*facts.study());
            resolved.add(&facts);
        }
        if resolved.keys.studies.is_empty() {
            resolved.keys.studies.push(fresh_uid()?);
        }
        Ok(resolved)
    }

    async fn resolve_studies(&self, retrieve: &Retrieve, narrowing: &Narrowing) -> Result<Resolved, ResolveFault> {
        let mut resolved = Resolved { level: Some(Level::Study), ..Resolved::default() };
        for study in &retrieve.keys().studies {
            let facts = self.named(retrieve, narrowing, study).await?;
            if let Some(facts) = &facts {
                resolved.add(facts);
            }
            let asked = resolved.shown_or_fresh(study, facts.is_some())?;
            resolved.keys.studies.push(asked);
        }
        Ok(resolved)
    }

    /// Series of a study that is named, or instances of a series that is named.
    async fn resolve_below(&self, retrieve: &Retrieve, narrowing: &Narrowing) -> Result<Resolved, ResolveFault> {
        let keys = retrieve.keys();
        let study = one(&keys.studies, STUDY)?;
        let facts = self.named(retrieve, narrowing, study).await?;
        let mut resolved = Resolved { level: Some(retrieve.level()), ..Resolved::default() };
        if let Some(facts) = &facts {
            resolved.add(facts);
        }
        let asked = resolved.shown_or_fresh(study, facts.is_some())?;
        resolved.keys.studies.push(asked);
        if retrieve.level() == Level::Series {
            let there = self.series(&asked, &keys.series).await?;
            for series in &keys.series {
                let asked = resolved.shown_or_fresh(series, there.contains(series))?;
                resolved.keys.series.push(asked);
            }
            return Ok(resolved);
        }
        let series = one(&keys.series, SERIES)?;
        let there = self.instances(&asked, series, &keys.instances).await?;
        // A series of which nothing is asked for that it has may be another study's.
        let asked = resolved.shown_or_fresh(series, !there.is_empty())?;
        resolved.keys.series.push(asked);
        for instance in &keys.instances {
            let asked = resolved.shown_or_fresh(instance, there.contains(instance))?;
            resolved.keys.instances.push(asked);
        }
        Ok(resolved)
    }

    /// Series or instances alone. The archive is asked anew about each, so that what is remembered of a study does not
    /// tell that it is there.
    async fn resolve_relational(&self, retrieve: &Retrieve, narrowing: &Narrowing) -> Result<Resolved, ResolveFault> {
        let (wanted, keys) = (Wanted::by(narrowing), retrieve.keys());
        let level = retrieve.level();
        let mut resolved = Resolved { level: Some(level), ..Resolved::default() };
        let list = if level == Level::Series { &keys.series } else { &keys.instances };
        let mut shown = HashSet::new();
        let mut series = HashSet::new();
        for uid in list {
            let found = self.found(retrieve, narrowing, &wanted, uid).await?;
            if let Some(found) = found {
                resolved.add(&found.facts);
                shown.insert(*uid);
                series.extend(found.series);
            }
        }
        let study = match resolved.studies.as_slice() {
            [] => fresh_uid()?,
            [only] => *only.study(),
            _ => return Err(ResolveFault::identifier(STUDY, "has to be said for objects of several studies")),
        };
        resolved.keys.studies.push(study);
        if level == Level::Image {
            let mut all = series.into_iter();
            let first = all.next().map_or_else(fresh_uid, Ok)?;
            if all.next().is_some() {
                return Err(ResolveFault::identifier(SERIES, "has to be said for objects of several series"));
            }
            resolved.keys.series.push(first);
        }
        for uid in list {
            let asked = resolved.shown_or_fresh(uid, shown.contains(uid))?;
            if level == Level::Series { &mut resolved.keys.series } else { &mut resolved.keys.instances }.push(asked);
        }
        Ok(resolved)
    }

    /// Instances by their UIDs alone (annexes Y and Z).
    async fn resolve_instances(&self, retrieve: &Retrieve, narrowing: &Narrowing) -> Result<Resolved, ResolveFault> {
        let wanted = Wanted::by(narrowing);
        let mut resolved = Resolved { level: Some(Level::Image), ..Resolved::default() };
        for instance in &retrieve.keys().instances {
            let found = self.found(retrieve, narrowing, &wanted, instance).await?;
            if let Some(found) = &found {
                resolved.add(&found.facts);
            }
            let asked = resolved.shown_or_fresh(instance, found.is_some())?;
            resolved.keys.instances.push(asked);
        }
        Ok(resolved)
    }

    /// A series or instance that may be seen, by its UID alone.
    async fn found(
        &self,
        retrieve: &Retrieve,
        narrowing: &Narrowing,
        wanted: &Wanted<'_>,
        uid: &Uid,
    ) -> Result<Option<Found>, ResolveFault> {
        let keys = retrieve.keys();
        let place = match retrieve.level() {
            Level::Series => self.study_of(uid).await.map(|study| study.map(|study| (study, None))),
            _ => self.place_of(uid).await.map(|place| place.map(|place| (place.study, Some(place.series)))),
        };
        let place = place.map_err(|fault| match fault {
            LookupFault::NotRelational => {
                ResolveFault::identifier(STUDY, "has to be said: the archive looks nothing up without it")
            }
            fault => fault.into(),
        })?;
        let among = |list: &[Uid], uid: &Uid| list.is_empty() || list.contains(uid);
        let place = place.filter(|(study, series)| {
            among(&keys.studies, study) && series.as_ref().is_none_or(|series| among(&keys.series, series))
        });
        let Some((study, series)) = place else {
            self.study_nowhere(wanted).await?;
            return Ok(None);
        };
        let facts = self.study_anew(wanted, &study).await?;
        Ok(facts.filter(|facts| may(retrieve, narrowing, facts)).map(|facts| Found { facts, series }))
    }
}

/// Whether something of a study may be handed out: a permit shows it, and it is the patient's that is named.
fn may(retrieve: &Retrieve, narrowing: &Narrowing, facts: &StudyFacts) -> bool {
    let named = retrieve.keys().patient.as_ref();
    let theirs = named.is_none_or(|named| facts.patient().is_some_and(|patient| patient.id == *named));
    theirs && !facts.shown(narrowing).is_nothing()
}

fn one(list: &[Uid], tag: Tag) -> Result<&Uid, ResolveFault> {
    match list {
        [only] => Ok(only),
        _ => Err(ResolveFault::identifier(tag, "has to be one UID above the level of the retrieve")),
    }
}
