//! The SOP class of an instance, for archives that do not say it when they list images (dcmqrscp does not): it is retrieved
//! in whatever class it comes, and thrown away.
//!
//! Some archives take the first context of a class that was accepted, whatever its syntax, and of one context one syntax
//! alone: so each association asks for one encoding of each class, native ones first.

use super::verify::{Line, VerifyFault};
use super::walk::Listed;
use crate::dicom::Uid;
use crate::dicom::dimse::{Command, Status};
use crate::dicom::sop_class::{self, Kind};
use crate::dicom::transfer_syntax::{self, EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, is_encapsulated};
use crate::scu::{Accepted, Receiver, Target};

/// So many classes are asked for on one association.
const CLASSES: usize = 120;
/// Encodings of which archives hold most, in the order in which they are asked for; all others come behind.
const LIKELY: [&str; 8] = [
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.51",
];

/// All encodings that are not native, likely ones first.
pub fn compressed() -> Vec<&'static str> {
    let mut all: Vec<&str> = transfer_syntax::all()
        .filter(|syntax| Uid::new(*syntax).is_ok_and(|syntax| is_encapsulated(&syntax)))
        .collect();
    all.sort_by_key(|syntax| LIKELY.iter().position(|likely| likely == syntax).unwrap_or(LIKELY.len()));
    all
}

/// Finds it out; `None`: the archive does not give the instance out in any storage class of the standard, in any encoding.
///
/// # Errors
/// The archive cannot be asked, or offers no C-GET.
pub async fn class_of(target: &Target<'_>, listed: &Listed) -> Result<Option<Uid>, VerifyFault> {
    let storage = sop_class::all().filter(|class| class.kind == Kind::Storage);
    let classes: Vec<Uid> = storage.filter_map(|class| Uid::new(class.uid).ok()).collect();
    let natives = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN];
    for some in classes.chunks(CLASSES) {
        if let Some(class) = asked(target, listed, some, &natives).await? {
            return Ok(Some(class));
        }
    }
    for syntax in compressed() {
        for some in classes.chunks(CLASSES) {
            if let Some(class) = asked(target, listed, some, &[syntax]).await? {
                return Ok(Some(class));
            }
        }
    }
    Ok(None)
}

async fn asked(
    target: &Target<'_>,
    listed: &Listed,
    classes: &[Uid],
    syntaxes: &[&str],
) -> Result<Option<Uid>, VerifyFault> {
    let Some(place) = classes.first().map(|class| listed.place(*class)) else { return Ok(None) };
    let mut line = Line::open(target, classes, &[syntaxes]).await?;
    let mut found = Found { instance: listed.image.instance, class: None };
    let may_come = classes.iter().any(|class| line.takes(class));
    let got = if may_come { line.get(&place, &mut found).await } else { Ok(Status::SUCCESS) };
    let _ = line.close().await;
    match (found.class, got) {
        (None, Err(fault)) => Err(fault.into()),
        (found, _) => Ok(found),
    }
}

struct Found {
    instance: Uid,
    class: Option<Uid>,
}

impl Receiver for Found {
    fn begin(&mut self, _: &Accepted, command: &Command) {
        if command.sop_instance() == Some(&self.instance) {
            self.class = command.sop_class().copied();
        }
    }

    fn data(&mut self, _: &[u8]) {}

    fn end(&mut self) -> Status {
        Status::SUCCESS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likely_encodings_are_asked_for_first_and_none_is_left_out() {
        let all = compressed();
        assert_eq!(all[..LIKELY.len()], LIKELY);
        let known = transfer_syntax::all().filter(|syntax| is_encapsulated(&Uid::new(*syntax).unwrap()));
        assert_eq!(all.len(), known.count());
    }
}
