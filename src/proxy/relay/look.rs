//! Lookups on behalf of this association: one association of the gateway's own for each archive and title.

use super::Relay;
use crate::config::Calling;
use crate::dicom::AeTitle;
use crate::proxy::lookup::Lookups;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many associations for lookups are kept: deliveries of one archive may be for several requesters.
const KEPT: usize = 4;
/// How much longer than a lookup itself this association waits for it, so that it ends with an answer.
const SLACK: Duration = Duration::from_secs(5);

impl Relay {
    /// Lookups at the archive in focus, under the title by which it knows the caller.
    pub(super) fn lookups(&mut self) -> Arc<Lookups> {
        let (archive, title) = (self.called.title, self.title_seen());
        self.lookups_at(archive, title)
    }

    /// Lookups at an archive under a title.
    pub(super) fn lookups_at(&mut self, archive: AeTitle, title: AeTitle) -> Arc<Lookups> {
        if let Some(known) = self.looking.iter().find(|lookups| lookups.is_for(archive, title)) {
            return Arc::clone(known);
        }
        if self.looking.len() >= KEPT {
            let oldest = self.looking.remove(0);
            tokio::spawn(async move { oldest.release().await });
        }
        let shared = Arc::clone(&self.shared);
        let lookups = Arc::new(Lookups::new(shared, archive, title, self.visit.looking_up()));
        self.looking.push(Arc::clone(&lookups));
        lookups
    }

    /// The calling title that the system in focus sees.
    pub(super) fn title_seen(&self) -> AeTitle {
        match self.snapshot.archive(&self.called.title).map(|archive| archive.settings.calling) {
            Some(Calling::Title(title)) => title,
            _ => self.principal.calling,
        }
    }

    /// When an archive was last heard in a lookup, and so much more; `None` where none is under way.
    pub(super) fn heard_in_lookups(&self) -> Option<Instant> {
        self.looking.iter().map(|lookups| lookups.heard() + SLACK).max()
    }
}
