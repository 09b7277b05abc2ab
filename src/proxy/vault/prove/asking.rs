//! Asks an archive for what it holds of the samples, in whatever form it still has them.

use super::judge::{Judge, Verdict};
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
}

impl Asking<'_> {
    /// One object as it is; if it does not come so, in whatever it has become.
    ///
    /// # Errors
    /// It does not come at all.
    pub async fn get(&mut self, place: &Place, how: &ReadBack) -> Result<Vec<Verdict>, VerifyFault> {
        let mut judge = Judge::new(how);
        let line = match self.line.take() {
            Some(line) => Ok(line),
            None => Line::native(self.target, &self.classes).await,
        };
        let status = self.line.insert(line?).get(place, &mut judge).await;
        if !judge.verdicts.is_empty() {
            return Ok(judge.verdicts);
        }
        if status.is_err() {
            self.line = None;
        }
        // Also what is not decoded here, to be told so.
        let compressed = LOSSLESS.into_iter().chain(LOSSY);
        let mut line = Line::in_each(self.target, place.class, compressed).await?;
        let again = line.get(place, &mut judge).await;
        let _ = line.close().await;
        match (judge.verdicts.is_empty(), status, again) {
            (false, ..) => Ok(judge.verdicts),
            (true, Ok(status), _) => Err(VerifyFault::Gone(status)),
            (true, Err(fault), _) => Err(fault.into()),
        }
    }
}
