//! What an archive says to an object, to the same once more, and to the same with other contents.

use super::ground::{Ground, accepted};
use super::object::{FIRST, Image, LAST, Study};
use crate::cli::archive::report::{Found, Keeps, Stores};
use crate::dicom::dimse::{Command, Status};
use crate::dicom::{Uid, sop_class};
use crate::scu::{Accepted, Link, LinkFault};

/// Classes that a test study may be of, the more harmless first.
const CLASSES: [&str; 2] = [super::SECONDARY_CAPTURE, "1.2.840.10008.5.1.4.1.1.2"];

/// Stores a study of four images. The first is then stored once more, the second once more with other contents.
pub async fn store(ground: &Ground<'_>) -> (Found<Stores>, Option<Study>) {
    match try_store(ground).await {
        Ok(stored) => stored,
        Err(fault) => (Found::unknown(fault.to_string()), None),
    }
}

async fn try_store(ground: &Ground<'_>) -> Result<(Found<Stores>, Option<Study>), LinkFault> {
    let mut link = ground.open(ground.calling, &CLASSES).await?;
    let Some(context) = accepted(&link, &CLASSES) else {
        let _ = link.release().await;
        let names: Vec<&str> = CLASSES.iter().filter_map(|class| sop_class::find_text(class)).map(|c| c.name).collect();
        return Ok((Found::unknown(format!("it takes neither {}", names.join(" nor "))), None));
    };
    let Some(study) = Study::fresh(context.class) else {
        return Ok((Found::unknown("the system has no random numbers"), None));
    };
    let mut statuses = Vec::new();
    let [first, second, ..] = &study.images;
    let repeats = [(first, FIRST), (second, LAST)];
    for (number, (image, mark)) in (1..).zip(study.images.iter().map(|image| (image, FIRST)).chain(repeats)) {
        let status = one(&mut link, &context, &study, (image, mark), number).await?;
        statuses.push(status);
        if number == 1 && !status.is_done() {
            let _ = link.release().await;
            return Ok((Found::unknown(format!("it refuses the test object with {status}")), None));
        }
    }
    let _ = link.release().await;
    let (images, repeats) = statuses.split_at_checked(study.images.len()).unwrap_or_default();
    let text = |status: Option<&Status>| status.map(ToString::to_string).unwrap_or_default();
    let taken = images.iter().filter(|status| status.is_done()).count();
    let stores = Stores {
        taken: u32::try_from(taken).unwrap_or_default(),
        first: text(images.first()),
        equal: text(repeats.first()),
        changed: text(repeats.get(1)),
        keeps: Found::unknown("the changed object did not come back by C-GET or C-MOVE"),
    };
    Ok((Found::Known(stores), Some(study)))
}

async fn one(
    link: &mut Link,
    context: &Accepted,
    study: &Study,
    (image, mark): (&Image, &str),
    number: u16,
) -> Result<Status, LinkFault> {
    let data = study.data(image, mark, &context.syntax);
    let command = Command::store_rq(number, &context.class, &image.instance);
    let answer = link.call(context.id, &command, Some(&data)).await?;
    answer.command.status.ok_or_else(|| LinkFault::Malformed("a response without a status".into()))
}

/// Which of both contents an object that came back has; `None` if it is not the one that was stored twice.
pub fn keeps(study: &Study, instance: &Uid, mark: Option<&[u8]>) -> Option<Keeps> {
    let [_, second, ..] = &study.images;
    let mark = mark?.trim_ascii_end();
    match instance == &second.instance {
        true if mark == FIRST.as_bytes() => Some(Keeps::First),
        true if mark == LAST.as_bytes() => Some(Keeps::Last),
        _ => None,
    }
}
