//! Asks an archive for what it holds of the samples, in whatever form it still has them.

use super::judge::{Judge, Verdict};
use crate::dicom::Uid;
use crate::proxy::vault::verify::{LOSSLESS, Place, ReadBack, Reader, VerifyFault};
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
    pub reader: Option<Reader>,
}

impl Asking<'_> {
    /// One object as it is; if it does not come so, in whatever it has become.
    ///
    /// # Errors
    /// It does not come at all.
    pub async fn get(&mut self, place: &Place, how: &ReadBack) -> Result<Vec<Verdict>, VerifyFault> {
        let mut judge = Judge::new(how);
        let reader = match self.reader.take() {
            Some(reader) => Ok(reader),
            None => Reader::open(self.target, &self.classes).await,
        };
        let status = self.reader.insert(reader?).get(place, &mut judge).await;
        if !judge.verdicts.is_empty() {
            return Ok(judge.verdicts);
        }
        if status.is_err() {
            self.reader = None;
        }
        let compressed: Vec<[&str; 1]> = LOSSLESS.iter().chain(&LOSSY).map(|syntax| [*syntax]).collect();
        let lists: Vec<&[&str]> = compressed.iter().map(<[&str; 1]>::as_slice).collect();
        let mut reader = Reader::open_in(self.target, &[place.class], &lists).await?;
        let again = reader.get(place, &mut judge).await;
        let _ = reader.close().await;
        match (judge.verdicts.is_empty(), status, again) {
            (false, ..) => Ok(judge.verdicts),
            (true, Ok(status), _) => Err(VerifyFault::Gone(status)),
            (true, Err(fault), _) => Err(fault.into()),
        }
    }
}
