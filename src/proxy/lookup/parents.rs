//! Whether series and instances belong where a request says, or where they belong.

use super::LookupFault;
use super::ask::Question;
use super::link::Lookups;
use crate::dicom::Uid;
use crate::dicom::dataset::Level;
use crate::dicom::query::{INSTANCE, SERIES, STUDY};
use std::collections::HashSet;

/// Where an instance belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its study.
    pub study: Uid,
    /// Its series.
    pub series: Uid,
    /// Its own UID.
    pub instance: Uid,
}

impl Lookups {
    /// Which of these series the study has, by the archive's own word. One question.
    ///
    /// # Errors
    /// Nothing can be found out now, or the study has more series than `lookup_answers`.
    pub async fn series(&self, study: &Uid, series: &[Uid]) -> Result<HashSet<Uid>, LookupFault> {
        let question = Question::at(Level::Series).uids(STUDY, &[*study]).uids(SERIES, one_or_all(series));
        let wanted: HashSet<&Uid> = series.iter().collect();
        let mut found = HashSet::new();
        let mut bound = self.bound();
        self.ask(&question, false, &mut |answer| {
            let uid = answer.uid(SERIES).filter(|uid| wanted.contains(uid));
            found.extend(uid.filter(|_| answer.uid(STUDY) == Some(*study)));
            bound()
        })
        .await?;
        Ok(found)
    }

    /// Which of these instances the series has, by the archive's own word. One question.
    ///
    /// # Errors
    /// Nothing can be found out now, or the series has more instances than `lookup_answers`.
    pub async fn instances(&self, study: &Uid, series: &Uid, instances: &[Uid]) -> Result<HashSet<Uid>, LookupFault> {
        let question = Question::at(Level::Image)
            .uids(STUDY, &[*study])
            .uids(SERIES, &[*series])
            .uids(INSTANCE, one_or_all(instances));
        let wanted: HashSet<&Uid> = instances.iter().collect();
        let mut found = HashSet::new();
        let mut bound = self.bound();
        self.ask(&question, false, &mut |answer| {
            let uid = answer.uid(INSTANCE).filter(|uid| wanted.contains(uid));
            let there = answer.uid(STUDY) == Some(*study) && answer.uid(SERIES) == Some(*series);
            found.extend(uid.filter(|_| there));
            bound()
        })
        .await?;
        Ok(found)
    }

    /// The study that a series belongs to; `None` where it is not there, or in several. One question, relational.
    ///
    /// # Errors
    /// Nothing can be found out now, or the archive takes no relational queries.
    pub async fn study_of(&self, series: &Uid) -> Result<Option<Uid>, LookupFault> {
        let question = Question::at(Level::Series).uids(STUDY, &[]).uids(SERIES, &[*series]);
        let (mut found, mut bound) = (Vec::new(), self.bound());
        self.ask(&question, true, &mut |answer| {
            if answer.uid(SERIES) == Some(*series) {
                found.extend(answer.uid(STUDY));
            }
            bound()
        })
        .await?;
        Ok(only(&found))
    }

    /// Where an instance belongs; `None` where it is not there, or in several series. One question, relational.
    ///
    /// # Errors
    /// Nothing can be found out now, or the archive takes no relational queries.
    pub async fn place_of(&self, instance: &Uid) -> Result<Option<Place>, LookupFault> {
        let question = Question::at(Level::Image).uids(STUDY, &[]).uids(SERIES, &[]).uids(INSTANCE, &[*instance]);
        let (mut found, mut bound) = (Vec::new(), self.bound());
        self.ask(&question, true, &mut |answer| {
            if answer.uid(INSTANCE) == Some(*instance)
                && let Some((study, series)) = answer.uid(STUDY).zip(answer.uid(SERIES))
            {
                found.push(Place { study, series, instance: *instance });
            }
            bound()
        })
        .await?;
        Ok(only(&found))
    }

    /// Counts answers.
    pub(super) fn bound(&self) -> impl FnMut() -> Result<(), LookupFault> + Send + use<> {
        let mut left = self.most(|limits| limits.lookup_answers);
        move || {
            left = left.checked_sub(1).ok_or(LookupFault::TooMany("lookup_answers"))?;
            Ok(())
        }
    }
}

/// One UID is asked for; of several the archive is asked for all it has, since some take no lists.
fn one_or_all(uids: &[Uid]) -> &[Uid] {
    if uids.len() == 1 { uids } else { &[] }
}

/// What all of them are; `None` where they differ, or are none.
fn only<T: Copy + PartialEq>(found: &[T]) -> Option<T> {
    let (first, others) = found.split_first()?;
    others.iter().all(|other| other == first).then_some(*first)
}
