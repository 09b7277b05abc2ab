//! What came back, against what was stored.

use super::result::Fate;
use crate::dicom::dimse::{Command, Status};
use crate::dicom::transfer_syntax::{is_encapsulated, is_lossy};
use crate::dicom::{Phi, Uid};
use crate::proxy::vault::verify::{Opening, Place, ReadBack, VerifyFault};
use crate::scu::{Accepted, Receiver, Work};
use crate::transform::open::OpenFault;
use crate::vault::SealId;
use std::collections::BTreeSet;

/// So many bytes of an object are looked at for what it says of its pixels.
const LOOKED_AT: usize = 64 << 10;

/// What one object that came back is.
#[derive(Debug)]
pub struct Verdict {
    /// The instance that it was sealed as, where it opens; otherwise the one that it says it is.
    pub instance: Uid,
    /// The instance that the archive calls it.
    pub called: Uid,
    /// What became of it.
    pub fate: Fate,
    /// Its seal, where it opens.
    pub seal: Option<SealId>,
    /// Keywords of what stands otherwise around the seal.
    pub drift: Vec<String>,
}

/// Takes what comes back and judges it.
pub struct Judge<'a> {
    how: &'a ReadBack,
    current: Option<Current>,
    /// All that came so far.
    pub verdicts: Vec<Verdict>,
}

struct Current {
    called: Uid,
    syntax: Uid,
    opening: Option<Box<Opening>>,
    head: Vec<u8>,
}

impl<'a> Judge<'a> {
    /// Opens with this.
    pub const fn new(how: &'a ReadBack) -> Self {
        Self { how, current: None, verdicts: Vec::new() }
    }

    /// How many different objects came so far.
    pub fn objects(&self) -> usize {
        self.verdicts.iter().map(|verdict| verdict.called).collect::<BTreeSet<_>>().len()
    }

    /// A whole object that came otherwise.
    pub async fn judge(&mut self, context: &Accepted, command: &Command, data: &[u8]) {
        self.begin(context, command);
        self.data(data);
        if let Some(work) = self.work() {
            work.await;
        }
        self.end();
    }
}

impl Receiver for Judge<'_> {
    fn begin(&mut self, context: &Accepted, command: &Command) {
        let (Some(class), Some(called)) = (command.sop_class(), command.sop_instance()) else {
            return self.current = None;
        };
        let opens = !is_encapsulated(&context.syntax) || self.how.unpacking(&context.syntax).is_some();
        let opening = opens.then(|| {
            let place =
                Place { class: *class, instance: *called, study: None, series: None, patient: None::<Phi<String>> };
            let mut opening = Opening::new(self.how.clone(), place);
            opening.begin(context, command);
            Box::new(opening)
        });
        self.current = Some(Current { called: *called, syntax: context.syntax, opening, head: Vec::new() });
    }

    fn data(&mut self, bytes: &[u8]) {
        let Some(current) = &mut self.current else { return };
        let room = LOOKED_AT.saturating_sub(current.head.len()).min(bytes.len());
        current.head.extend_from_slice(bytes.get(..room).unwrap_or_default());
        if let Some(opening) = &mut current.opening {
            opening.data(bytes);
        }
    }

    fn work(&mut self) -> Option<Work<'_>> {
        self.current.as_mut()?.opening.as_mut()?.work()
    }

    fn end(&mut self) -> Status {
        let Some(Current { called, syntax, opening, head }) = self.current.take() else { return Status::SUCCESS };
        let lossy = says_lossy(&head);
        let verdict = |fate| Verdict { instance: called, called, fate, seal: None, drift: Vec::new() };
        let Some(mut opening) = opening else {
            let lossless = !is_lossy(&syntax) && !lossy;
            let fate = if lossless { Fate::Compressed(syntax.to_string()) } else { Fate::Lossy };
            self.verdicts.push(verdict(fate));
            return Status::SUCCESS;
        };
        opening.end();
        self.verdicts.push(match opening.outcome.take() {
            Some(Ok(verified)) => Verdict {
                instance: verified.inner.sop_instance,
                called,
                fate: if opening.unpacked { Fate::Recompressed(syntax.to_string()) } else { Fate::Whole },
                seal: Some(verified.inner.seal),
                drift: verified.opened.drift,
            },
            _ if lossy => verdict(Fate::Lossy),
            Some(Err(VerifyFault::Plain)) | None => verdict(Fate::Dropped),
            Some(Err(VerifyFault::Open(OpenFault::Seal(fault)))) => {
                verdict(Fate::Changed(format!("the seal does not open ({})", fault.cause())))
            }
            Some(Err(fault)) => verdict(Fate::Changed(fault.to_string())),
        });
        Status::SUCCESS
    }
}

/// Lossy Image Compression (0028,2110) is 01, in either encoding.
fn says_lossy(head: &[u8]) -> bool {
    const TAG: [u8; 4] = [0x28, 0x00, 0x10, 0x21];
    head.windows(10).any(|window| {
        window.starts_with(&TAG)
            && (window.get(4..) == Some(b"CS\x02\x0001") || window.get(4..) == Some(b"\x02\x00\x00\x0001"))
    })
}

#[cfg(test)]
mod tests {
    use super::says_lossy;

    #[test]
    fn lossy_is_found_in_both_encodings() {
        assert!(says_lossy(b"....\x28\x00\x10\x21CS\x02\x0001...."));
        assert!(says_lossy(b"..\x28\x00\x10\x21\x02\x00\x00\x0001"));
        assert!(!says_lossy(b"..\x28\x00\x10\x21CS\x02\x0000...."));
        assert!(!says_lossy(b"\x28\x00\x10\x21"));
    }
}
