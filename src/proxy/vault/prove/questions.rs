//! Questions by C-FIND, on as many associations as the archive makes of them.

use super::patience::{Patience, may_pass};
use crate::dicom::Uid;
use crate::proxy::vault::walk::{Image, Study, WalkFault, Walker};
use crate::scu::Target;

/// Asks, and asks again what an association that ended left open.
pub(super) struct Questions<'a> {
    pub target: &'a Target<'a>,
    pub patience: &'a Patience,
    /// The association, as long as it lasts.
    pub walker: Option<Walker>,
}

impl Questions<'_> {
    /// The studies of an accession number.
    pub async fn studies(&mut self, accession: &str) -> Vec<Study> {
        for tried in 1.. {
            let Some(mut walker) = self.walker().await else { break };
            let said = walker.studies("", "", accession).await;
            if let Some(found) = self.settle(walker, said, tried).await {
                return found;
            }
        }
        Vec::new()
    }

    /// The series of a study.
    pub async fn series(&mut self, study: &Study) -> Vec<Uid> {
        for tried in 1.. {
            let Some(mut walker) = self.walker().await else { break };
            let said = walker.series(study).await;
            if let Some(found) = self.settle(walker, said, tried).await {
                return found;
            }
        }
        Vec::new()
    }

    /// The images of a series.
    pub async fn images(&mut self, study: &Study, series: &Uid) -> Vec<Image> {
        for tried in 1.. {
            let Some(mut walker) = self.walker().await else { break };
            let said = walker.images(study, series).await;
            if let Some(found) = self.settle(walker, said, tried).await {
                return found;
            }
        }
        Vec::new()
    }

    /// Releases the association.
    pub async fn close(self) {
        if let Some(walker) = self.walker {
            walker.close().await;
        }
    }

    /// What was found, or nothing where nothing will be; `None`: it is asked again.
    async fn settle<T>(&mut self, walker: Walker, said: Result<Vec<T>, WalkFault>, tried: usize) -> Option<Vec<T>> {
        match said {
            Err(WalkFault::Link(_)) => {
                drop(walker);
                (!self.patience.again(tried, false).await).then(Vec::new)
            }
            said => {
                self.walker = Some(walker);
                Some(said.unwrap_or_default())
            }
        }
    }

    async fn walker(&mut self) -> Option<Walker> {
        if let Some(walker) = self.walker.take() {
            return Some(walker);
        }
        let mut pauses = self.patience.waits();
        loop {
            match Walker::open(self.target).await {
                Ok(walker) => return Some(walker),
                Err(WalkFault::Link(fault)) if may_pass(&fault, false) => tokio::time::sleep(pauses.next()?).await,
                Err(_) => return None,
            }
        }
    }
}
