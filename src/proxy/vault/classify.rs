//! The SOP class of an instance, for archives that do not say it when they list images (dcmqrscp does not): it is retrieved
//! in whatever class it comes, and thrown away.

use super::verify::{Line, VerifyFault};
use super::walk::Listed;
use crate::dicom::Uid;
use crate::dicom::dimse::{Command, Status};
use crate::dicom::sop_class::{self, Kind};
use crate::dicom::transfer_syntax::{self, EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, is_encapsulated};
use crate::scu::{Accepted, Receiver, Target};

/// So many classes are asked for on one association.
const CLASSES: usize = 60;

/// Finds it out; `None`: the archive does not give the instance out in any storage class of the standard.
///
/// # Errors
/// The archive cannot be asked, or offers no C-GET.
pub async fn class_of(target: &Target<'_>, listed: &Listed) -> Result<Option<Uid>, VerifyFault> {
    let storage = sop_class::all().filter(|class| class.kind == Kind::Storage);
    let classes: Vec<Uid> = storage.filter_map(|class| Uid::new(class.uid).ok()).collect();
    // In the order in which they are likely: an archive that cannot decompress takes the first that it can store.
    let compressed: Vec<&str> = transfer_syntax::all()
        .filter(|syntax| Uid::new(*syntax).is_ok_and(|syntax| is_encapsulated(&syntax)))
        .collect();
    let natives = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN];
    for some in classes.chunks(CLASSES) {
        let Some(place) = some.first().map(|class| listed.place(*class)) else { continue };
        let mut line = Line::open(target, some, &[&natives, &compressed]).await?;
        let mut found = Found { instance: listed.image.instance, class: None };
        let got = line.get(&place, &mut found).await;
        let _ = line.close().await;
        match (found.class, got) {
            (Some(class), _) => return Ok(Some(class)),
            (None, Err(fault)) => return Err(fault.into()),
            (None, Ok(_)) => {}
        }
    }
    Ok(None)
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
