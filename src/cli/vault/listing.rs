//! What an archive says that it holds, asked anew for each study: an association that waits while objects are retrieved is
//! ended by many archives.

use super::dates::Dates;
use crate::proxy::vault::convert::PATIENCE;
use crate::proxy::vault::walk::{Facts, Listed, Study, WalkFault, Walker};
use crate::scu::Target;

/// The studies of these days; `None`: of all.
pub async fn studies(target: &Target<'_>, dates: Option<Dates>) -> Result<Vec<Study>, WalkFault> {
    patiently(async || {
        let mut walker = Walker::open(target).await?;
        let studies = walker.studies(&dates.unwrap_or_default().to_string(), "", "").await;
        walker.close().await;
        studies
    })
    .await
}

/// What an archive says of a study (`None`: it is gone), and its objects.
pub async fn images(target: &Target<'_>, study: &Study) -> Result<(Option<Facts>, Vec<Listed>), WalkFault> {
    patiently(async || {
        let mut walker = Walker::open(target).await?;
        let facts = walker.facts_of(study).await;
        let listed = walker.listed(study).await;
        walker.close().await;
        Ok((facts?, listed?))
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
