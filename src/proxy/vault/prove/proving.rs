//! The proof itself, step by step.

use super::asking::Asking;
use super::deliver::{self, Delivery};
use super::judge::Verdict;
use super::patience::{MOST_UNASKED, Patience, proves_nothing};
use super::questions::Questions;
use super::result::{Carried, Fate, Late, ProbeResult, Trial, VERSION};
use super::sample::{self, PATIENT_ID, PATIENT_NAME, Sample, Shape};
use super::send::{Means, SendFault};
use super::stored::{Stored, repeats};
use crate::dicom::{AeTitle, Phi, Uid, sop_class};
use crate::proxy::lookup::fresh_uid;
use crate::proxy::vault::verify::{Place, ReadBack, VerifyFault};
use crate::proxy::vault::walk::{Listed, Study};
use crate::scu::{Answerer, Ask, LinkFault, Target};
use crate::transform::open::OpenOptions;
use crate::vault::carrier::Carrier;
use crate::vault::family::{Family, Fate as Treated, all as all_families};
use std::time::Duration;

/// So many contexts are asked for at once.
pub(super) const CONTEXTS: usize = 120;

/// What a proof needs.
pub struct Proving<'a> {
    /// The archive.
    pub target: Target<'a>,
    /// What is sealed with.
    pub means: Means,
    /// How what comes back is opened.
    pub how: ReadBack,
    /// How long what was stored is left alone.
    pub age: Duration,
    /// Bytes of pixels of the largest object; 0: none is stored.
    pub largest: u64,
    /// Titles that the archive is asked to deliver to.
    pub destinations: Vec<AeTitle>,
    /// Where deliveries come; or why nobody listens.
    pub ear: Result<Answerer, String>,
    /// The gateway's name.
    pub gateway: String,
    /// How long is waited before each further try of what says nothing: the archive is busy, or ends its association.
    pub patience: &'static [Duration],
    /// Told what is done now.
    pub say: Box<dyn FnMut(&str) + Send + Sync>,
}

/// Why nothing was found out.
#[derive(Debug, thiserror::Error)]
pub enum ProvingFault {
    /// It cannot be asked.
    #[error(transparent)]
    Link(#[from] LinkFault),
    /// Test objects cannot be made.
    #[error(transparent)]
    Send(#[from] SendFault),
    /// No random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// Nothing was said about what was sent, again and again.
    #[error("it could not be proven: sealed objects {0}")]
    Unasked(String),
    /// Nothing to prove.
    #[error("the archive takes no SOP class that could be sealed")]
    Nothing,
}

/// What was stored, to be asked for when it has been left alone.
#[derive(Debug)]
pub struct Left {
    stored: Vec<Stored>,
    untaken: Vec<Trial>,
    largest: u64,
    late: Option<Late>,
}

impl Proving<'_> {
    /// Finds out all of it.
    ///
    /// # Errors
    /// The archive cannot be asked at all.
    pub async fn prove(&mut self) -> Result<ProbeResult, ProvingFault> {
        let left = self.leave().await?;
        if !self.age.is_zero() {
            (self.say)(&format!("leaving it alone for {} s", self.age.as_secs()));
            tokio::time::sleep(self.age).await;
        }
        Ok(self.look(left).await)
    }

    /// Stores what is to come back.
    ///
    /// # Errors
    /// The archive cannot be asked at all.
    pub async fn leave(&mut self) -> Result<Left, ProvingFault> {
        (self.say)("which classes it takes");
        let (families, untaken) = self.families().await?;
        if families.is_empty() {
            return Err(ProvingFault::Nothing);
        }
        let samples = samples(&families)?;
        let objects: usize = samples.iter().map(|sample| carriers(sample.shape).len()).sum();
        (self.say)(&format!("storing {objects} sealed objects, each three times"));
        let patience = Patience::new(self.patience);
        let mut stored = self.store(samples, &patience).await?;
        let late = self.late(&stored, &patience).await;
        let largest = self.store_largest(&families, &mut stored, &patience).await?;
        Ok(Left { stored, untaken, largest, late })
    }

    /// Looks what came of it.
    pub async fn look(&mut self, left: Left) -> ProbeResult {
        let Left { mut stored, untaken, largest, late } = left;
        let patience = Patience::new(self.patience);
        (self.say)("what it holds of them");
        let found = self.find(&stored, &patience).await;
        (self.say)("retrieving them by C-GET");
        let get = self.retrieve(&mut stored, &found, &patience).await;
        let moved = self.deliver(&mut stored, &patience).await;
        let drift = |seen: &[Verdict]| {
            seen.iter().flat_map(|verdict| verdict.drift.clone()).collect::<std::collections::BTreeSet<String>>()
        };
        let mut coerces = drift(&get);
        coerces.extend(drift(&moved));
        let mints = get.iter().chain(&moved).any(|verdict| verdict.instance != verdict.called);
        let studies: std::collections::BTreeSet<String> =
            stored.iter().map(|one| one.sample.study.to_string()).collect();
        let kept = stored.iter().any(|one| one.status.is_ok());
        let mut trials: Vec<Trial> = stored.iter().map(Stored::trial).collect();
        trials.extend(untaken);
        let mut result = ProbeResult {
            version: VERSION,
            archive: self.target.called.to_string(),
            address: self.target.address.to_owned(),
            gateway: self.gateway.clone(),
            at: jiff::Timestamp::now(),
            aged: self.age.as_secs(),
            largest,
            repeats: repeats(&stored),
            mints,
            coerces: coerces.into_iter().collect(),
            reads_back: get.iter().any(|verdict| matches!(verdict.fate, Fate::Whole | Fate::Recompressed(_))),
            trials,
            left_behind: kept.then(|| {
                format!(
                    "patient {PATIENT_NAME} ({PATIENT_ID}), studies {}: nothing but its own tools can delete them",
                    studies.into_iter().collect::<Vec<_>>().join(" and ")
                )
            }),
            moved_at: None,
            late,
        };
        // What it has elsewhere, or never gave back, was not late.
        if result.mints || result.moves_elsewhere() || !result.reads_back {
            result.late = None;
        }
        result
    }

    /// A class of every family that the archive takes, and the families of which it takes none.
    async fn families(&self) -> Result<(Vec<(&'static Family, Uid)>, Vec<Trial>), LinkFault> {
        let sealed: Vec<&'static Family> = all_families().filter(|family| family.fate == Treated::Sealed).collect();
        let classes: Vec<Uid> = sop_class::all()
            .filter(|class| sealed.iter().any(|family| family.has(class)))
            .filter_map(|class| Uid::new(class.uid).ok())
            .collect();
        let patience = Patience::new(self.patience);
        let mut taken = Vec::new();
        for some in classes.chunks(CONTEXTS) {
            let asks: Vec<Ask> = some.iter().copied().map(Ask::plain).collect();
            let link = patience.open(&self.target, &asks, !taken.is_empty()).await?;
            taken.extend(link.all_accepted().map(|accepted| accepted.class));
            // It is over, whatever the other side says to that.
            let _ = link.release().await;
        }
        let (mut known, mut untaken) = (Vec::new(), Vec::new());
        for family in sealed {
            let class = taken.iter().find(|class| Family::sealing(class) == Some(family));
            match class {
                Some(class) => known.push((family, *class)),
                None => untaken.extend([Carried::Pixels, Carried::Attributes].map(|carrier| Trial {
                    family: family.name.to_owned(),
                    class: String::new(),
                    carrier,
                    sealed: String::new(),
                    stored: String::new(),
                    bytes: 0,
                    get: Some(Fate::NotTaken),
                    moved: Vec::new(),
                })),
            }
        }
        Ok((known, untaken))
    }

    /// Where the archive says that its objects of the test patient are, each by its instance.
    async fn find(&self, stored: &[Stored], patience: &Patience) -> Vec<Place> {
        let mut questions = Questions { target: &self.target, patience, walker: None };
        let mut studies: Vec<Study> = Vec::new();
        let mut accessions: Vec<&str> = stored.iter().map(|one| one.sample.accession.as_str()).collect();
        accessions.sort_unstable();
        accessions.dedup();
        for accession in accessions {
            for study in questions.studies(accession).await {
                if !studies.iter().any(|known| known.uid == study.uid) {
                    studies.push(study);
                }
            }
        }
        let patient = || Some(Phi::new(PATIENT_ID.to_owned()));
        for one in stored {
            if !studies.iter().any(|study| study.uid == one.sample.study) {
                studies.push(Study { uid: one.sample.study, patient: patient() });
            }
        }
        let mut places: Vec<Place> = Vec::new();
        for study in studies {
            for series in questions.series(&study).await {
                for image in questions.images(&study, &series).await {
                    let class = image.class.or_else(|| stored.first().map(|one| one.sample.class));
                    let listed = Listed { image, study: study.clone(), series };
                    places.extend(class.map(|class| listed.place(class)));
                }
            }
        }
        questions.close().await;
        places
    }

    /// Whatever it is called.
    pub(super) fn reading(&self) -> ReadBack {
        ReadBack { options: OpenOptions { minted: true, ..self.how.options }, ..self.how.clone() }
    }

    /// Retrieves everything by C-GET and judges it.
    async fn retrieve(&self, stored: &mut [Stored], found: &[Place], patience: &Patience) -> Vec<Verdict> {
        let how = self.reading();
        let mut seen: Vec<Verdict> = Vec::new();
        let mut why: Vec<(Uid, VerifyFault)> = Vec::new();
        let mut classes: Vec<Uid> = stored.iter().map(|one| one.sample.class).collect();
        classes.sort_unstable();
        classes.dedup();
        let mut asking = Asking { target: &self.target, classes, line: None, patience };
        let mut in_a_row = 0;
        for one in stored.iter().filter(|one| one.is_stored()) {
            let place = found.iter().find(|place| place.instance == one.sample.instance);
            let place = place.cloned().unwrap_or_else(|| one.place());
            if in_a_row >= MOST_UNASKED {
                why.push((one.sample.instance, VerifyFault::unasked("it could not be asked for others")));
                continue;
            }
            match asking.get(&place, &how).await {
                Ok(verdicts) => {
                    in_a_row = 0;
                    seen.extend(verdicts);
                }
                Err(fault) => {
                    in_a_row = if fault.is_transient() { in_a_row + 1 } else { 0 };
                    why.push((one.sample.instance, fault));
                }
            }
        }
        // What it calls otherwise than it was stored: some mint UIDs of their own.
        for place in found.iter().filter(|place| !stored.iter().any(|one| one.sample.instance == place.instance)) {
            if let Ok(verdicts) = asking.get(place, &how).await {
                seen.extend(verdicts);
            }
        }
        for one in stored {
            let verdict = seen.iter().find(|verdict| verdict.instance == one.sample.instance);
            one.seal = verdict.and_then(|verdict| verdict.seal);
            let missing = || match why.iter().find(|(instance, _)| *instance == one.sample.instance) {
                Some((_, fault)) if fault.is_transient() => Fate::Unasked(fault.to_string()),
                Some((_, fault)) => Fate::Missing(fault.to_string()),
                None => Fate::Missing("C-GET gave nothing".to_owned()),
            };
            let came = || verdict.map_or_else(missing, |verdict| one.fate(verdict));
            one.got = Some(one.refused().unwrap_or_else(came));
        }
        seen
    }

    /// Has everything delivered to each destination, and judges it.
    async fn deliver(&mut self, stored: &mut [Stored], patience: &Patience) -> Vec<Verdict> {
        let how = self.reading();
        let mut all = Vec::new();
        let Ok(ear) = &mut self.ear else { return all };
        for destination in &self.destinations {
            (self.say)(&format!("retrieving them by C-MOVE to {destination}"));
            let delivery = Delivery { target: &self.target, destination: *destination, how: &how, patience };
            let (verdicts, why) = deliver::deliver(&delivery, ear, stored).await;
            for one in stored.iter_mut().filter(|one| deliver::is_heard(one)) {
                let verdict = verdicts.iter().find(|verdict| verdict.instance == one.sample.instance);
                let missing = || match &why {
                    Some(fault) if proves_nothing(fault) => Fate::Unasked(fault.to_string()),
                    Some(fault) => Fate::Missing(fault.to_string()),
                    None => Fate::Missing("C-MOVE delivered nothing".to_owned()),
                };
                let fate = verdict.map_or_else(missing, |verdict| one.fate(verdict));
                one.moved.push((destination.to_string(), fate));
            }
            all.extend(verdicts);
        }
        all
    }
}

/// What can carry the seal of an object.
pub(super) const fn carriers(shape: Shape) -> &'static [Carrier] {
    match shape {
        Shape::Plain => &[Carrier::Attributes],
        Shape::Native(..) | Shape::Encapsulated => &[Carrier::Pixels, Carrier::Attributes],
    }
}

/// Samples of every family, in two studies of one patient.
fn samples(families: &[(&'static Family, Uid)]) -> Result<Vec<Sample>, ProvingFault> {
    let fresh = || fresh_uid().map_err(|_| ProvingFault::Random);
    let studies = [(fresh()?, fresh()?), (fresh()?, fresh()?)];
    let mut all = Vec::new();
    for (place, (family, class)) in families.iter().enumerate() {
        let (study, series) = *studies.get(place % 2).unwrap_or(&studies[0]);
        let digits: String = study.as_str().chars().rev().take(10).collect();
        for shape in sample::shapes(family) {
            all.push(Sample {
                family,
                class: *class,
                instance: fresh()?,
                study,
                series,
                accession: format!("DGP{digits}"),
                shape: *shape,
                number: u32::try_from(all.len() + 1).unwrap_or(u32::MAX),
            });
        }
    }
    Ok(all)
}
