//! The proof itself, step by step.

use super::asking::Asking;
use super::deliver::{self, Delivery};
use super::judge::Verdict;
use super::result::{Carried, Fate, ProbeResult, Trial, VERSION};
use super::sample::{self, PATIENT_ID, PATIENT_NAME, Sample, Shape};
use super::send::{Means, SendFault, store};
use super::stored::{Stored, repeats};
use crate::dicom::dimse::Status;
use crate::dicom::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};
use crate::dicom::{AeTitle, Phi, Uid, sop_class};
use crate::proxy::lookup::fresh_uid;
use crate::proxy::vault::verify::{Place, ReadBack};
use crate::proxy::vault::walk::{Listed, Study, Walker};
use crate::scu::{Accepted, Answerer, Ask, Link, LinkFault, Target};
use crate::transform::open::OpenOptions;
use crate::vault::carrier::Carrier;
use crate::vault::family::{Family, Fate as Treated, all as all_families};
use std::time::Duration;

/// So many contexts are asked for at once.
const CONTEXTS: usize = 120;

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
        let mut stored = self.store(samples).await?;
        let largest = self.store_largest(&families, &mut stored).await?;
        Ok(Left { stored, untaken, largest })
    }

    /// Looks what came of it.
    pub async fn look(&mut self, left: Left) -> ProbeResult {
        let Left { mut stored, untaken, largest } = left;
        (self.say)("what it holds of them");
        let found = self.find(&stored).await;
        (self.say)("retrieving them by C-GET");
        let get = self.retrieve(&mut stored, &found).await;
        let moved = self.deliver(&mut stored).await;
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
        ProbeResult {
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
        }
    }

    /// A class of every family that the archive takes, and the families of which it takes none.
    async fn families(&self) -> Result<(Vec<(&'static Family, Uid)>, Vec<Trial>), LinkFault> {
        let sealed: Vec<&'static Family> = all_families().filter(|family| family.fate == Treated::Sealed).collect();
        let classes: Vec<Uid> = sop_class::all()
            .filter(|class| sealed.iter().any(|family| family.has(class)))
            .filter_map(|class| Uid::new(class.uid).ok())
            .collect();
        let mut taken = Vec::new();
        for some in classes.chunks(CONTEXTS) {
            let asks: Vec<Ask> = some.iter().copied().map(Ask::plain).collect();
            let link = Link::open(&self.target, &asks).await?;
            taken.extend(link.all_accepted().map(|accepted| accepted.class));
            link.release().await?;
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

    /// An association for storing: each class in explicit and in implicit VR.
    async fn open(&self, classes: &[Uid]) -> Result<Link, LinkFault> {
        let syntaxes = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN];
        let asks: Vec<Ask> = classes
            .iter()
            .flat_map(|class| syntaxes.iter().filter_map(|text| Uid::new(text).ok()).map(|syntax| (*class, syntax)))
            .map(|(class, syntax)| Ask { class, syntaxes: vec![syntax], roles: None })
            .take(CONTEXTS)
            .collect();
        Link::open(&self.target, &asks).await
    }

    /// Stores every sample with each carrier, the same again, and once more under a fresh seal.
    async fn store(&mut self, samples: Vec<Sample>) -> Result<Vec<Stored>, ProvingFault> {
        let mut all = Vec::new();
        let mut classes: Vec<Uid> = samples.iter().map(|sample| sample.class).collect();
        classes.dedup();
        let mut link = self.open(&classes).await?;
        for (place, sample) in samples.into_iter().enumerate() {
            for carrier in carriers(sample.shape) {
                let sample = Sample { instance: fresh_uid().map_err(|_| ProvingFault::Random)?, ..sample.clone() };
                all.push(self.store_one(&mut link, sample, *carrier, place).await?);
            }
        }
        let _ = link.release().await;
        Ok(all)
    }

    async fn store_one(
        &self,
        link: &mut Link,
        sample: Sample,
        carrier: Carrier,
        place: usize,
    ) -> Result<Stored, ProvingFault> {
        let accepted: Vec<Accepted> = link.all_accepted().filter(|one| one.class == sample.class).collect();
        let Some(on) = accepted.get(place % accepted.len().max(1)).copied() else {
            let none = Uid::new(EXPLICIT_VR_LITTLE_ENDIAN).map_err(|_| ProvingFault::Random)?;
            return Ok(Stored::new(sample, carrier, none, 0, Err("it takes the class no longer".to_owned())));
        };
        let (bytes, sealed) = self.means.sealed(&sample, carrier, &on)?;
        let (fresh, again) = self.means.sealed(&sample, carrier, &on)?;
        let mut said: Vec<Result<Status, LinkFault>> = Vec::new();
        for bytes in [&bytes, &bytes, &fresh] {
            let status = store(link, &on, &sample, bytes).await;
            let over = status.is_err();
            said.push(status);
            if over {
                // It may have hung up on the object; the next ones get another association, with the same contexts.
                let mut classes: Vec<Uid> = link.asked().collect();
                classes.dedup();
                *link = self.open(&classes).await?;
            }
        }
        let mut said = said.into_iter();
        let first = said.next().map_or_else(|| Err(String::new()), |said| said.map_err(|fault| fault.to_string()));
        let mut stored = Stored::new(sample, carrier, on.syntax, bytes.len() as u64, first);
        stored.equal = said.next().and_then(Result::ok);
        stored.changed = said.next().and_then(Result::ok);
        (stored.first, stored.last) = (Some(sealed.begun.seal), Some(again.begun.seal));
        Ok(stored)
    }

    /// Stores one object of the largest size, of the first family with pixels.
    async fn store_largest(
        &mut self,
        families: &[(&'static Family, Uid)],
        stored: &mut Vec<Stored>,
    ) -> Result<u64, ProvingFault> {
        let large = families.iter().find(|(family, _)| sample::shapes(family).contains(&Shape::Native(16, 3)));
        let first = large
            .or_else(|| families.iter().find(|(family, _)| sample::shapes(family).contains(&Shape::Native(16, 1))));
        let (Some((family, class)), Some(one)) = (first, stored.first()) else { return Ok(0) };
        if self.largest == 0 {
            return Ok(0);
        }
        (self.say)(&format!("storing one of {} MiB", self.largest >> 20));
        let instance = fresh_uid().map_err(|_| ProvingFault::Random)?;
        let sample =
            Sample { family, class: *class, instance, shape: Shape::Native(16, 1), number: 9000, ..one.sample.clone() };
        let mut link = self.open(&[*class]).await?;
        let Some(on) = link.accepted(class) else { return Ok(0) };
        let sent = self.means.store_large(&mut link, &on, &sample, self.largest).await;
        let large = match sent {
            Ok((status, sealed, bytes)) => {
                let _ = link.release().await;
                let mut large = Stored::new(sample, Carrier::Pixels, on.syntax, bytes, Ok(status));
                (large.first, large.last) = (Some(sealed.begun.seal), Some(sealed.begun.seal));
                large
            }
            Err(SendFault::Link(fault)) => {
                Stored::new(sample, Carrier::Pixels, on.syntax, self.largest, Err(fault.to_string()))
            }
            Err(other) => return Err(other.into()),
        };
        let bytes = large.bytes;
        stored.push(large);
        Ok(bytes)
    }

    /// Where the archive says that its objects of the test patient are, each by its instance.
    async fn find(&self, stored: &[Stored]) -> Vec<Place> {
        let Ok(mut walker) = Walker::open(&self.target).await else { return Vec::new() };
        let mut studies: Vec<Study> = Vec::new();
        let mut accessions: Vec<&str> = stored.iter().map(|one| one.sample.accession.as_str()).collect();
        accessions.sort_unstable();
        accessions.dedup();
        for accession in accessions {
            for study in walker.studies("", "", accession).await.unwrap_or_default() {
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
            for series in walker.series(&study).await.unwrap_or_default() {
                for image in walker.images(&study, &series).await.unwrap_or_default() {
                    let class = image.class.or_else(|| stored.first().map(|one| one.sample.class));
                    let listed = Listed { image, study: study.clone(), series };
                    places.extend(class.map(|class| listed.place(class)));
                }
            }
        }
        walker.close().await;
        places
    }

    /// Whatever it is called.
    fn reading(&self) -> ReadBack {
        ReadBack { options: OpenOptions { minted: true, ..self.how.options }, ..self.how.clone() }
    }

    /// Retrieves everything by C-GET and judges it.
    async fn retrieve(&self, stored: &mut [Stored], found: &[Place]) -> Vec<Verdict> {
        let how = self.reading();
        let mut seen: Vec<Verdict> = Vec::new();
        let mut why = None;
        let mut classes: Vec<Uid> = stored.iter().map(|one| one.sample.class).collect();
        classes.sort_unstable();
        classes.dedup();
        let mut asking = Asking { target: &self.target, classes, line: None };
        for one in stored.iter().filter(|one| one.is_stored()) {
            let place = found.iter().find(|place| place.instance == one.sample.instance);
            let place = place.cloned().unwrap_or_else(|| one.place());
            match asking.get(&place, &how).await {
                Ok(verdicts) => seen.extend(verdicts),
                Err(fault) => why = Some(fault.to_string()),
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
            let missing = || Fate::Missing(why.clone().unwrap_or_else(|| "C-GET gave nothing".to_owned()));
            one.got = Some(match &one.status {
                Err(why) => Fate::Refused(why.clone()),
                Ok(status) if !status.is_done() => Fate::Refused(status.to_string()),
                Ok(_) => verdict.map_or_else(missing, |verdict| one.fate(verdict)),
            });
        }
        seen
    }

    /// Has everything delivered to each destination, and judges it.
    async fn deliver(&mut self, stored: &mut [Stored]) -> Vec<Verdict> {
        let how = self.reading();
        let mut all = Vec::new();
        let Ok(ear) = &mut self.ear else { return all };
        for destination in &self.destinations {
            (self.say)(&format!("retrieving them by C-MOVE to {destination}"));
            let delivery = Delivery { target: &self.target, destination: *destination, how: &how };
            let (verdicts, why) = deliver::deliver(&delivery, ear, stored).await;
            for one in stored.iter_mut().filter(|one| deliver::is_heard(one)) {
                let verdict = verdicts.iter().find(|verdict| verdict.instance == one.sample.instance);
                let missing = || Fate::Missing(why.clone().unwrap_or_else(|| "C-MOVE delivered nothing".to_owned()));
                let fate = verdict.map_or_else(missing, |verdict| one.fate(verdict));
                one.moved.push((destination.to_string(), fate));
            }
            all.extend(verdicts);
        }
        all
    }
}

/// What can carry the seal of an object.
const fn carriers(shape: Shape) -> &'static [Carrier] {
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
