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
use crate::demo::object::Object;
use crate::demo::picture::Picture;
use crate::demo::pieces::Pieces;
use crate::demo::report::{Report, counted};
use crate::demo::study::Study;
use crate::dicom::transfer_syntax::encoding_of;
use crate::vault::family::Family;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

pub(super) async fn show<W: Write>(report: &mut Report<W>, hospital: &Hospital, study: &Study, journal: &mut Journal) {
    let images = images(study);
    if images.objects.is_empty() {
        report.text("none of these files is an image that is sealed: docs/sealing.md says what is");
        return;
    }
    report.text("what CT1 stores is sealed on its way in, and opened on its way out for whom a rule says so");
    let pieces = Pieces::of(images.objects.iter());
    let searched = pieces.count() > 0;
    if searched {
        report.step(thief::finds_all(hospital, &pieces));
    } else {
        report.text(
            "these pixels are too plain to be told from chance, so the archive's files are not searched for them",
        );
    }
    prove::shows(report, hospital, &images, journal).await;
    scanner::stores_sealed(report, hospital, &images, journal).await;
    if searched {
        thief::finds_nothing(report, hospital, &pieces);
    }
    read::shows(report, hospital, study, &images, journal).await;
    offline::shows(report, hospital, &images).await;
}

/// What of a study is shown here: what has pixels that are sealed.
fn images(study: &Study) -> Study {
    let sealed = |object: &&Object| {
        let pixels = elements::pixels(&object.data_set, encoding_of(&object.transfer_syntax));
        Family::sealing(&object.sop_class).is_some() && pixels.is_some()
    };
    let others: BTreeSet<_> =
        study.objects.iter().filter(|object| !sealed(object)).map(|object| object.sop_instance).collect();
    study.clone().without(&others)
}

/// What came back, against what was sent: 0, or 1 where it is the same but for group lengths. These are retired, and do not come
/// back of what is sealed (docs/sealing.md).
fn lacks(sent: &Object, back: &Object) -> Result<usize, StepFault> {
    if sent == back {
        return Ok(0);
    }
    let encoding = encoding_of(&sent.transfer_syntax);
    let read = |object: &Object| elements::read(&object.data_set, encoding).ok();
    let header = |object: &Object| read(object).map(|header| header.without_group_lengths());
    let pixels = |object| elements::pixels(object, encoding).map(<[u8]>::to_vec);
    let had = read(sent).is_some_and(|header| header.without_group_lengths() != header);
    let same = sent.transfer_syntax == back.transfer_syntax
        && header(sent) == header(back)
        && pixels(&sent.data_set) == pixels(&back.data_set);
    if had && same { Ok(1) } else { Err(wrong(format!("{} did not come back as it was", sent.sop_instance))) }
}

/// How equal all of it is.
fn bits(lacking: usize) -> String {
    match lacking {
        0 => "bit for bit".to_owned(),
        some => format!("bit for bit, {} without retired group lengths", counted(some, "object", "objects")),
    }
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
