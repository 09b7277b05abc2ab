//! Whoever steals the archive's disk, and whoever asks the archive past the gateway.

use super::hang;
use crate::demo::client;
use crate::demo::elements;
use crate::demo::hospital::Hospital;
use crate::demo::object::Object;
use crate::demo::picture::Picture;
use crate::demo::pieces::{PIECE, Pieces};
use crate::demo::report::{Report, counted};
use crate::demo::tour::{StepFault, by_image, past_the_gateway, wrong};
use crate::dicom::Tag;
use crate::dicom::transfer_syntax::encoding_of;
use crate::policy::replay::number;
use crate::vault::banner;
use std::io::Write;

/// That what is looked for below is there without a vault, and found.
pub(super) fn finds_all(hospital: &Hospital, pieces: &Pieces<'_>) -> Result<String, String> {
    let (found, files) = pieces.found(&hospital.files()).map_err(|fault| format!("the archive's files: {fault}"))?;
    let all = pieces.count();
    if found == 0 || found != all {
        return Err(format!("of {all} pieces of the pixels {found} stand in the archive's files, which are in clear"));
    }
    Ok(format!(
        "to compare: without a vault a stolen disk shows it all, {} of {} pieces of the pixels ({PIECE} bytes each) in {}",
        number(all as u64),
        number(all as u64),
        counted(files, "file", "files")
    ))
}

/// No piece of an image is in any file.
pub(super) fn finds_nothing<W: Write>(report: &mut Report<W>, hospital: &Hospital, pieces: &Pieces<'_>) {
    let all = pieces.count();
    match pieces.found(&hospital.files()) {
        Ok((0, files)) => {
            report.tick(format_args!(
                "a stolen disk shows no image: 0 of {} pieces of the pixels in the archive's {}",
                number(all as u64),
                counted(files, "file", "files")
            ));
            report.detail("names and dates stand there, so that the archive can search: docs/sealing.md");
        }
        Ok((found, _)) => {
            report.cross(format_args!("{found} of {all} pieces of the pixels are in the archive's files"))
        }
        Err(fault) => report.cross(format_args!("the archive's files: {fault}")),
    }
}

/// What the archive itself hands out, to whoever reaches it: the banner.
pub(super) async fn asks_past_the_gateway<W: Write>(report: &mut Report<W>, hospital: &Hospital, sent: &Object) {
    match banner(hospital, sent).await {
        Ok(archived) => {
            report.tick(
                "to a stranger past the gateway the archive shows `SEALED: open through the gateway. Not for diagnosis.` \
                 and noise",
            );
            for (name, object) in [("as-sent.png", sent), ("as-archived.png", &archived)] {
                // Colour and compressed images of somebody's own files are not drawn here.
                match Picture::of(object).map(|picture| hang(hospital, name, &picture)) {
                    Some(Ok(path)) => report.detail(path.display()),
                    Some(Err(fault)) => report.cross(format_args!("{name}: {fault}")),
                    None => {}
                }
            }
            if !hospital.lasts {
                report.detail("(--keep leaves the pictures behind)");
            }
        }
        Err(fault) => report.cross(format_args!("the archive asked past the gateway: {fault}")),
    }
}

async fn banner(hospital: &Hospital, sent: &Object) -> Result<Object, StepFault> {
    let wanted = [client::service(sent.sop_class.as_str()), client::service(client::STUDY_GET)];
    let wanted = wanted.into_iter().flatten().collect();
    let (mut link, contexts) = past_the_gateway(hospital, wanted, true).await?;
    let (mut got, outcome) = client::get(&mut link, &contexts, &by_image(sent)?).await?;
    link.release().await?;
    let archived = got.pop().ok_or_else(|| wrong(format!("status {}, and nothing came", outcome.status)))?;
    let encoding = encoding_of(&archived.transfer_syntax);
    let header = elements::read(&archived.data_set, encoding).map_err(|fault| wrong(fault.to_string()))?;
    let short = |element: u16| {
        let bytes = header.bytes(Tag(0x0028, element)).and_then(<[u8]>::first_chunk).copied();
        bytes.map(u16::from_le_bytes).unwrap_or_default()
    };
    let (columns, bits, samples) = (short(0x0011), short(0x0100), short(0x0002));
    let narrow = |number: u16| u8::try_from(number).unwrap_or_default();
    let says = banner::rows(columns, narrow(bits), narrow(samples));
    let pixels = elements::pixels(&archived.data_set, encoding).unwrap_or_default();
    if says.is_empty() || !pixels.starts_with(&says) {
        return Err(wrong("its image does not begin with the banner"));
    }
    Ok(archived)
}
