//! What an archive says that it holds, asked anew for each study: an association that waits while objects are retrieved is
//! ended by many archives.

use crate::dicom::Uid;
use crate::proxy::vault::convert::PATIENCE;
use crate::proxy::vault::verify::Place;
use crate::proxy::vault::walk::{Facts, Study, WalkFault, Walker};
use crate::scu::Target;

/// The studies of these dates.
pub async fn studies(target: &Target<'_>, dates: &str) -> Result<Vec<Study>, WalkFault> {
    patiently(async || {
        let mut walker = Walker::open(target).await?;
        let studies = walker.studies(dates, "", "").await;
        walker.close().await;
        studies
    })
    .await
}

/// What an archive says of a study (`None`: it is gone), and where its objects are; their class, if it says that.
pub async fn images(
    target: &Target<'_>,
    study: &Study,
) -> Result<(Option<Facts>, Vec<(Place, Option<Uid>)>), WalkFault> {
    patiently(async || {
        let mut walker = Walker::open(target).await?;
        let found = list(&mut walker, study).await;
        walker.close().await;
        found
    })
    .await
}

/// Asks again when an association fails: archives are restarted at night.
async fn patiently<T>(mut ask: impl AsyncFnMut() -> Result<T, WalkFault>) -> Result<T, WalkFault> {
    for pause in PATIENCE {
        match ask().await {
            Err(WalkFault::Link(_)) => tokio::time::sleep(*pause).await,
            other => return other,
        }
    }
    ask().await
}

async fn list(walker: &mut Walker, study: &Study) -> Result<(Option<Facts>, Vec<(Place, Option<Uid>)>), WalkFault> {
    let facts = walker.facts_of(study).await?;
    let mut places = Vec::new();
    for series in walker.series(study).await? {
        for image in walker.images(study, &series).await? {
            let place = Place {
                class: image.class.unwrap_or(image.instance),
                instance: image.instance,
                study: Some(study.uid),
                series: Some(series),
                patient: study.patient.clone(),
            };
            places.push((place, image.class));
        }
    }
    Ok((facts, places))
}
