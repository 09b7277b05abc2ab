//! Asks an archive for what it holds of the samples, in whatever form it still has them.

use super::judge::{Judge, Verdict};
use super::patience::{Patience, is_busy, may_pass};
use super::result::Fate;
use crate::dicom::Uid;
use crate::dicom::transfer_syntax::LOSSLESS;
use crate::proxy::vault::verify::{Line, Place, ReadBack, VerifyFault};
use crate::scu::Target;

/// Lossy transfer syntaxes, to hear what an archive has made of an object that it does not give out as it was.
const LOSSY: [&str; 5] = [
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.93",
];

/// One association for all questions, as long as it lasts.
pub struct Asking<'a> {
    /// The archive.
    pub target: &'a Target<'a>,
    /// Classes that are asked for.
    pub classes: Vec<Uid>,
    /// The association.
    pub line: Option<Line>,
    /// How often, and when, it is asked again.
    pub patience: &'a Patience,
}

impl Asking<'_> {
    /// One object as it is; if it does not come so, in whatever it has become. What says nothing about it is asked again.
    ///
    /// # Errors
    /// It does not come at all.
    pub async fn get(&mut self, place: &Place, how: &ReadBack) -> Result<Vec<Verdict>, VerifyFault> {
        for tried in 1.. {
            match self.once(place, how).await {
                Err(fault) if fault.is_transient() => {
                    self.line = None;
                    let busy = !matches!(fault, VerifyFault::Link(_));
                    if !self.patience.again(tried, busy).await {
                        return Err(fault);
                    }
                }
                said => return said,
            }
        }
        Err(VerifyFault::unasked("it was not asked"))
    }

    async fn once(&mut self, place: &Place, how: &ReadBack) -> Result<Vec<Verdict>, VerifyFault> {
        let mut judge = Judge::new(how);
        let line = match self.line.take() {
            Some(line) => Ok(line),
            None => self.open(None).await,
        };
        let status = self.line.insert(line?).get(place, &mut judge).await;
        if let Err(fault) = status {
            // The association broke: what came of the object may be half of it.
            self.line = None;
            return match whole(judge.verdicts) {
                verdicts if verdicts.is_empty() => Err(fault.into()),
                verdicts => Ok(verdicts),
            };
        }
        if !judge.verdicts.is_empty() {
            return Ok(judge.verdicts);
        }
        // Some bear one association alone.
        if let Some(line) = self.line.take() {
            let _ = line.close().await;
        }
        // Also what is not decoded here, to be told so.
        let mut line = self.open(Some(place.class)).await?;
        let again = line.get(place, &mut judge).await;
        let _ = line.close().await;
        match (judge.verdicts.is_empty(), status, again) {
            (false, ..) => Ok(judge.verdicts),
            (true, Ok(status), _) | (true, _, Ok(status)) if is_busy(status) => Err(VerifyFault::Failed(status)),
            (true, Ok(status), Ok(_)) => Err(VerifyFault::Gone(status)),
            (true, _, Err(fault)) | (true, Err(fault), _) => Err(fault.into()),
        }
    }

    /// An association, natively, or of one class in every compressed syntax.
    async fn open(&self, compressed: Option<Uid>) -> Result<Line, VerifyFault> {
        let mut waits = self.patience.waits();
        loop {
            let line = match compressed {
                Some(class) => Line::in_each(self.target, class, LOSSLESS.into_iter().chain(LOSSY)).await,
                None => Line::native(self.target, &self.classes).await,
            };
            match line {
                Err(VerifyFault::Link(fault)) if may_pass(&fault, false) => match waits.next() {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => return Err(fault.into()),
                },
                line => return line,
            }
        }
    }
}

/// What came whole, of an association that broke.
fn whole(verdicts: Vec<Verdict>) -> Vec<Verdict> {
    verdicts.into_iter().filter(|verdict| matches!(verdict.fate, Fate::Whole | Fate::Recompressed(_))).collect()
}
