//! Stores the samples. An association that ends, or an archive that is busy, says nothing about a sample: it is sent again.

use super::patience::{MOST_UNASKED, Patience, TRIES, is_busy, proves_nothing};
use super::proving::{CONTEXTS, Proving, ProvingFault, carriers};
use super::result::Late;
use super::sample::{self, Sample, Shape};
use super::send::{SendFault, store};
use super::stored::Stored;
use crate::dicom::Uid;
use crate::dicom::dimse::Status;
use crate::dicom::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};
use crate::proxy::lookup::fresh_uid;
use crate::proxy::vault::verify::{INDEXED, VerifyFault, read_back};
use crate::scu::{Accepted, Ask, Link, LinkFault};
use crate::vault::carrier::Carrier;
use crate::vault::family::Family;
use std::time::Instant;

/// Where samples are stored.
struct Storing<'a> {
    patience: &'a Patience,
    classes: Vec<Uid>,
    /// `None`: the next one takes a new association.
    link: Option<Link>,
}

/// What was said of one object.
struct Said {
    status: Result<Status, LinkFault>,
    /// It was sent before, and nobody knows what became of that.
    repeated: bool,
}

impl Said {
    fn is_unasked(&self) -> bool {
        match &self.status {
            Ok(status) => is_busy(*status),
            Err(fault) => proves_nothing(fault),
        }
    }

    /// What was said about the object itself.
    fn of_the_object(&self) -> Option<Status> {
        self.status.as_ref().ok().copied().filter(|_| !self.is_unasked())
    }
}

impl Proving<'_> {
    /// An association for storing: each class in explicit and in implicit VR.
    async fn open(&self, classes: &[Uid], patience: &Patience) -> Result<Link, LinkFault> {
        let syntaxes = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN];
        let asks: Vec<Ask> = classes
            .iter()
            .flat_map(|class| syntaxes.iter().filter_map(|text| Uid::new(text).ok()).map(|syntax| (*class, syntax)))
            .map(|(class, syntax)| Ask { class, syntaxes: vec![syntax], roles: None })
            .take(CONTEXTS)
            .collect();
        patience.open(&self.target, &asks, true).await
    }

    /// Stores every sample with each carrier, the same again, and once more under a fresh seal.
    pub(super) async fn store(
        &mut self,
        samples: Vec<Sample>,
        patience: &Patience,
    ) -> Result<Vec<Stored>, ProvingFault> {
        let mut all: Vec<Stored> = Vec::new();
        let mut classes: Vec<Uid> = samples.iter().map(|sample| sample.class).collect();
        classes.dedup();
        let mut storing = Storing { patience, classes, link: None };
        let mut in_a_row = 0;
        for (place, sample) in samples.into_iter().enumerate() {
            for carrier in carriers(sample.shape) {
                let mut tried = 1;
                let stored = loop {
                    let sample = Sample { instance: fresh_uid().map_err(|_| ProvingFault::Random)?, ..sample.clone() };
                    let (stored, doubtful) = self.store_one(&mut storing, sample, *carrier, place).await?;
                    // What it refuses it may have stored when its association ended: another instance tells.
                    if !doubtful || tried >= TRIES {
                        break stored;
                    }
                    tried += 1;
                };
                in_a_row = if stored.unasked { in_a_row + 1 } else { 0 };
                if in_a_row >= MOST_UNASKED {
                    let why = stored.refused().map_or_else(String::new, |fate| fate.words());
                    return Err(ProvingFault::Unasked(why));
                }
                all.push(stored);
            }
        }
        if let Some(link) = storing.link {
            let _ = link.release().await;
        }
        Ok(all)
    }

    /// One sample, and whether it is doubtful that it was refused for its own sake.
    async fn store_one(
        &self,
        storing: &mut Storing<'_>,
        sample: Sample,
        carrier: Carrier,
        place: usize,
    ) -> Result<(Stored, bool), ProvingFault> {
        let Some(on) = self.context(storing, &sample, place).await? else {
            let none = Uid::new(EXPLICIT_VR_LITTLE_ENDIAN).map_err(|_| ProvingFault::Random)?;
            return Ok((Stored::new(sample, carrier, none, 0, Err("it takes the class no longer".to_owned())), false));
        };
        let (bytes, sealed) = self.means.sealed(&sample, carrier, &on)?;
        let (fresh, again) = self.means.sealed(&sample, carrier, &on)?;
        let first = self.send(storing, &sample, place, &on, &bytes).await?;
        let doubtful = first.repeated && first.of_the_object().is_some_and(|status| !status.is_done());
        let unasked = first.is_unasked();
        let status = first.status.map_err(|fault| fault.to_string());
        let mut stored = Stored::new(sample, carrier, on.syntax, bytes.len() as u64, status);
        stored.unasked = unasked;
        (stored.first, stored.last) = (Some(sealed.begun.seal), Some(again.begun.seal));
        if stored.is_stored() {
            stored.equal = self.send(storing, &stored.sample, place, &on, &bytes).await?.of_the_object();
            stored.changed = self.send(storing, &stored.sample, place, &on, &fresh).await?.of_the_object();
        }
        Ok((stored, doubtful))
    }

    /// The context for a sample: each second one in implicit VR.
    async fn context(
        &self,
        storing: &mut Storing<'_>,
        sample: &Sample,
        place: usize,
    ) -> Result<Option<Accepted>, LinkFault> {
        let link = match storing.link.take() {
            Some(link) => link,
            None => self.open(&storing.classes, storing.patience).await?,
        };
        let accepted: Vec<Accepted> = link.all_accepted().filter(|one| one.class == sample.class).collect();
        storing.link = Some(link);
        Ok(accepted.get(place % accepted.len().max(1)).copied())
    }

    /// Sends the same until something is said of it, a bounded number of times.
    async fn send(
        &self,
        storing: &mut Storing<'_>,
        sample: &Sample,
        place: usize,
        first: &Accepted,
        bytes: &[u8],
    ) -> Result<Said, LinkFault> {
        let mut repeated = false;
        for tried in 1.. {
            // As it was sealed for: another association may have other contexts.
            let on = self.context(storing, sample, place).await?.filter(|on| on.syntax == first.syntax);
            let status = match (storing.link.take(), on) {
                (Some(mut link), Some(on)) => {
                    let status = store(&mut link, &on, sample, bytes).await;
                    // A busy one is asked on another association.
                    let ended = match &status {
                        Ok(status) if is_busy(*status) => {
                            let _ = link.release().await;
                            None
                        }
                        Ok(_) => Some(link),
                        Err(_) => None,
                    };
                    storing.link = ended;
                    status
                }
                (link, _) => {
                    drop(link);
                    Err(LinkFault::Context(first.id))
                }
            };
            let said = Said { status, repeated };
            if !said.is_unasked() || !storing.patience.again(tried, said.status.is_ok()).await {
                return Ok(said);
            }
            repeated |= said.status.is_err();
        }
        Err(LinkFault::HungUp)
    }

    /// Whether what was stored last comes back as soon as it was acknowledged, as `verify_after_store` needs it.
    pub(super) async fn late(&self, stored: &[Stored], patience: &Patience) -> Option<Late> {
        let last = stored.iter().rev().find(|one| one.is_stored())?;
        let (how, place) = (self.reading(), last.place());
        let since = Instant::now();
        let (mut pauses, mut waits, mut gone) = (INDEXED.iter(), patience.waits(), false);
        loop {
            match read_back(&self.target, &place, &how, None).await {
                Err(VerifyFault::Gone(_)) => {
                    gone = true;
                    match pauses.next() {
                        Some(pause) => tokio::time::sleep(*pause).await,
                        None => return Some(Late::Over(since.elapsed().as_secs())),
                    }
                }
                // An archive with one association, perhaps.
                Err(VerifyFault::Link(fault)) if proves_nothing(&fault) => tokio::time::sleep(waits.next()?).await,
                Ok(_) if gone => return Some(Late::After(since.elapsed().as_secs().max(1))),
                _ => return None,
            }
        }
    }

    /// Stores one object of the largest size, of the first family with pixels.
    pub(super) async fn store_largest(
        &mut self,
        families: &[(&'static Family, Uid)],
        stored: &mut Vec<Stored>,
        patience: &Patience,
    ) -> Result<u64, ProvingFault> {
        let large = families.iter().find(|(family, _)| sample::shapes(family).contains(&Shape::Native(16, 3)));
        let first = large
            .or_else(|| families.iter().find(|(family, _)| sample::shapes(family).contains(&Shape::Native(16, 1))));
        let (Some((family, class)), Some(one)) = (first, stored.first()) else { return Ok(0) };
        if self.largest == 0 {
            return Ok(0);
        }
        (self.say)(&format!("storing one of {} MiB", self.largest >> 20));
        let template =
            Sample { family, class: *class, shape: Shape::Native(16, 1), number: 9000, ..one.sample.clone() };
        for tried in 1.. {
            // Each try is another instance: nobody knows what became of the one before.
            let sample = Sample { instance: fresh_uid().map_err(|_| ProvingFault::Random)?, ..template.clone() };
            let mut link = self.open(&[*class], patience).await?;
            let Some(on) = link.accepted(class) else { return Ok(0) };
            let sent = self.means.store_large(&mut link, &on, &sample, self.largest).await;
            let (large, busy) = match sent {
                Ok((status, sealed, bytes)) => {
                    let _ = link.release().await;
                    let mut large = Stored::new(sample, Carrier::Pixels, on.syntax, bytes, Ok(status));
                    (large.first, large.last) = (Some(sealed.begun.seal), Some(sealed.begun.seal));
                    (large, true)
                }
                Err(SendFault::Link(fault)) => {
                    let unasked = proves_nothing(&fault);
                    let status = Err(fault.to_string());
                    let mut large = Stored::new(sample, Carrier::Pixels, on.syntax, self.largest, status);
                    large.unasked = unasked;
                    (large, false)
                }
                Err(other) => return Err(other.into()),
            };
            if !large.unasked || !patience.again(tried, busy).await {
                let bytes = large.bytes;
                stored.push(large);
                return Ok(bytes);
            }
        }
        Ok(0)
    }
}
