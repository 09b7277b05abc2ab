//! Seals samples and stores them.

use super::sample::{Sample, noise};
use crate::dicom::Uid;
use crate::dicom::dimse::{Command, Status};
use crate::dicom::transfer_syntax::encoding_of;
use crate::scu::{Accepted, Link, LinkFault};
use crate::transform::flow::{Flow, Line};
use crate::transform::seal::{Outcome, Seal, SealFault, SealOptions, SealOrder, Sealed};
use crate::vault::SealContext;
use crate::vault::carrier::Carrier;
use std::sync::Arc;

/// Bytes of pixels that are made at a time.
const CHUNK: usize = 1 << 20;

/// Why a sample was not stored.
#[derive(Debug, thiserror::Error)]
pub enum SendFault {
    /// The association.
    #[error(transparent)]
    Link(#[from] LinkFault),
    /// Sealing.
    #[error("a test object cannot be sealed: {0}")]
    Seal(#[from] SealFault),
    /// There was nothing to seal in it.
    #[error("nothing in a test object of the family \"{0}\" was sealed")]
    Nothing(&'static str),
}

/// What is sealed with.
#[derive(Debug, Clone)]
pub struct Means {
    /// Keys, escrow, random numbers.
    pub context: Arc<SealContext>,
    /// Limits.
    pub options: Arc<SealOptions>,
}

impl Means {
    fn seal(&self, sample: &Sample, carrier: Carrier, on: &Accepted) -> Result<Seal, SendFault> {
        let from = Uid::new(sample.syntax()).map_err(|_| SealFault::Target)?;
        Ok(Seal::new(SealOrder {
            context: Arc::clone(&self.context),
            sop_class: sample.class,
            sop_instance: sample.instance,
            from,
            to: encoding_of(&on.syntax),
            carrier,
            options: Arc::clone(&self.options),
            whole: false,
        })?)
    }

    /// A small sample, sealed, in memory.
    ///
    /// # Errors
    /// It cannot be sealed.
    pub fn sealed(&self, sample: &Sample, carrier: Carrier, on: &Accepted) -> Result<(Vec<u8>, Sealed), SendFault> {
        let mut seal = self.seal(sample, carrier, on)?;
        let (head, pixels) = sample.data(None);
        let (mut flow, mut line) = (Flow::default(), Line::default());
        seal.push(&head, &mut flow)?;
        seal.push(&noise(usize::try_from(pixels).unwrap_or(0), sample.number), &mut flow)?;
        let outcome = seal.finish(&mut flow)?;
        let bytes = line.take(&mut flow).concat();
        match outcome {
            Outcome::Sealed(sealed) => Ok((bytes, sealed)),
            Outcome::Nothing | Outcome::Already => Err(SendFault::Nothing(sample.family.name)),
        }
    }

    /// A sample with so many bytes of pixels, sealed as it goes.
    ///
    /// # Errors
    /// It cannot be sealed, or the association is over.
    pub async fn store_large(
        &self,
        link: &mut Link,
        on: &Accepted,
        sample: &Sample,
        pixels: u64,
    ) -> Result<(Status, Sealed, u64), SendFault> {
        let mut seal = self.seal(sample, Carrier::Pixels, on)?;
        let (head, mut rest) = sample.data(Some(pixels));
        let (mut flow, mut line, mut sent) = (Flow::default(), Line::default(), 0);
        link.begin(on.id, &Command::store_rq(1, &sample.class, &sample.instance)).await?;
        seal.push(&head, &mut flow)?;
        let chunk = noise(CHUNK, sample.number);
        while rest > 0 {
            let here = usize::try_from(rest).unwrap_or(CHUNK).min(CHUNK);
            seal.push(chunk.get(..here).unwrap_or_default(), &mut flow)?;
            rest = rest.saturating_sub(here as u64);
            for piece in line.take(&mut flow) {
                sent += piece.len() as u64;
                link.data(on.id, &piece).await?;
            }
        }
        let outcome = seal.finish(&mut flow)?;
        for piece in line.take(&mut flow) {
            sent += piece.len() as u64;
            link.data(on.id, &piece).await?;
        }
        link.data_end(on.id).await?;
        let answer = link.receive().await?;
        let status = answer.command.status.ok_or_else(|| LinkFault::Malformed("a response without a status".into()))?;
        match outcome {
            Outcome::Sealed(sealed) => Ok((status, sealed, sent)),
            Outcome::Nothing | Outcome::Already => Err(SendFault::Nothing(sample.family.name)),
        }
    }
}

/// Stores bytes as they are.
///
/// # Errors
/// The association is over.
pub async fn store(link: &mut Link, on: &Accepted, sample: &Sample, bytes: &[u8]) -> Result<Status, LinkFault> {
    let command = Command::store_rq(1, &sample.class, &sample.instance);
    let answer = link.call(on.id, &command, Some(bytes)).await?;
    answer.command.status.ok_or_else(|| LinkFault::Malformed("a response without a status".into()))
}
