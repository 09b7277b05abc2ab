//! The vault: from here on the archive holds no readable image, and every image comes back. Nothing is said here that was not
//! looked for: in the archive's files, in what it sends, and in what the program's own commands find.

mod offline;
mod prove;
mod read;
#[cfg(test)]
mod tests;
mod thief;

use super::{StepFault, scanner, wrong};
use crate::demo::elements;
use crate::demo::hospital::Hospital;
use crate::demo::journal::Journal;
use crate::demo::picture::Picture;
use crate::demo::pieces::Pieces;
use crate::demo::report::Report;
use crate::demo::study::Study;
use crate::dicom::transfer_syntax::encoding_of;
use crate::vault::family::Family;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

pub(super) async fn show<W: Write>(report: &mut Report<W>, hospital: &Hospital, study: &Study, journal: &mut Journal) {
    report.text("what CT1 stores is sealed on its way in, and opened on its way out for whom a rule says so");
    let images = images(study);
    if images.objects.is_empty() {
        report.text("none of these files is an image that is sealed: docs/sealing.md has what is");
        return;
    }
    let pieces = Pieces::of(images.objects.iter());
    report.step(thief::finds_all(hospital, &pieces));
    prove::shows(report, hospital, &images, journal).await;
    scanner::stores_sealed(report, hospital, &images, journal).await;
    thief::finds_nothing(report, hospital, &pieces);
    read::shows(report, hospital, study, &images, journal).await;
    offline::shows(report, hospital, &images).await;
}

/// What of a study is shown here: what has pixels that are sealed.
fn images(study: &Study) -> Study {
    let sealed = |object: &&crate::demo::object::Object| {
        let pixels = elements::pixels(&object.data_set, encoding_of(&object.transfer_syntax));
        Family::sealing(&object.sop_class).is_some() && pixels.is_some()
    };
    let others: BTreeSet<_> =
        study.objects.iter().filter(|object| !sealed(object)).map(|object| object.sop_instance).collect();
    study.clone().without(&others)
}

/// Puts a picture into the folder of the demonstration.
fn hang(hospital: &Hospital, name: &str, picture: &Picture) -> Result<PathBuf, StepFault> {
    let folder = hospital.pictures();
    fs::create_dir_all(&folder).map_err(|fault| wrong(fault.to_string()))?;
    let path = folder.join(name);
    let png = picture.png().map_err(|fault| wrong(fault.to_string()))?;
    fs::write(&path, png).map_err(|fault| wrong(fault.to_string()))?;
    Ok(path)
}
