//! An instance that is delivered for a move: what may be seen of it now, by whoever asked.

use super::super::delivery::Covering;
use super::super::refuse::transient;
use super::super::stage::DataSet;
use super::super::wait::Woken;
use super::super::{Ending, Relay};
use crate::dicom::dimse::Status;
use crate::dicom::{Tag, Uid};
use crate::policy::{Narrowing, Open as Right};
use crate::proxy::lookup::LookupFault;
use crate::proxy::way_back::Held;
use std::sync::Arc;

/// What may be delivered of an instance.
#[derive(Debug)]
pub(in super::super) struct Judged {
    covering: Covering,
    /// What all who asked for it may have of what is sealed.
    right: Right,
    /// What is taken out of it; `None`: it may not be seen.
    hidden: Result<Option<Vec<Tag>>, LookupFault>,
}

impl Relay {
    /// Whether objects of this kind of message may go on changed.
    pub(in super::super) fn may_be_rewritten(&self, field: crate::dicom::dimse::Field) -> bool {
        let delivered = field == crate::dicom::dimse::Field::StoreRq && self.errand.inward().is_some();
        delivered && (self.snapshot.policy.narrows() || self.snapshot.vault.is_some())
    }

    /// Each of these moves may hand out part of what its archive has: whether the instance's study is of it must be known.
    pub(in super::super) fn judge_delivery(
        &mut self,
        study: Option<&Uid>,
        covering: Covering,
        right: Right,
        narrowed: Vec<(Arc<Held>, Arc<Narrowing>)>,
    ) {
        let mut asks = Vec::with_capacity(narrowed.len());
        for (held, narrowing) in narrowed {
            let grant = &held.grant.grant;
            asks.push((self.lookups_at(grant.archive, grant.title), narrowing));
        }
        let study = study.copied();
        self.up.wait = Some(Box::pin(async move {
            let hidden = async {
                let Some(study) = study else { return Ok(None) };
                let mut hidden: Vec<Tag> = Vec::new();
                for (lookups, narrowing) in asks {
                    let shown = lookups.visible(&narrowing, &study).await?;
                    if shown.is_nothing() {
                        return Ok(None);
                    }
                    // What is hidden from one of those who asked for it is hidden.
                    hidden.extend(narrowing.hidden_in_objects(shown));
                }
                hidden.sort_unstable();
                hidden.dedup();
                Ok(Some(hidden))
            };
            let hidden = hidden.await;
            Woken::Judged(Box::new(Judged { covering, right, hidden }))
        }));
    }

    /// What may be seen of the instance is known.
    pub(in super::super) fn go_on_with_judged(&mut self, data: &DataSet, judged: Judged) -> Result<(), Ending> {
        let Some(permit) = self.pending.take() else { return Ok(()) };
        let Judged { covering, right, hidden } = judged;
        let (status, words) = match hidden {
            Ok(Some(hidden)) => return self.send_covered(data, permit, covering, right, hidden),
            Ok(None) => (Status::NOT_AUTHORIZED, "whoever asked for it may not see its study".to_owned()),
            Err(fault) => (transient(data.command.field), format!("it cannot be looked up now: {fault}")),
        };
        self.not_delivered(data, permit, &covering, &words, status)
    }
}
