//! An instance that is delivered for a move: what may be seen of it now, by whoever asked.

use super::super::delivery::{Covering, note_refused};
use super::super::refuse::transient;
use super::super::rewrite::Transform;
use super::super::stage::DataSet;
use super::super::wait::Woken;
use super::super::{Ending, Relay};
use crate::dicom::dimse::Status;
use crate::dicom::transfer_syntax::encoding_of;
use crate::dicom::{Tag, Uid};
use crate::gate::Outcome;
use crate::policy::Narrowing;
use crate::proxy::lookup::LookupFault;
use crate::proxy::way_back::Held;
use std::sync::Arc;

/// What may be delivered of an instance.
#[derive(Debug)]
pub(in super::super) struct Judged {
    covering: Covering,
    /// What is taken out of it; `None`: it may not be seen.
    hidden: Result<Option<Vec<Tag>>, LookupFault>,
}

impl Relay {
    /// Whether objects of this kind of message may go on changed.
    pub(in super::super) fn may_be_rewritten(&self, field: crate::dicom::dimse::Field) -> bool {
        field == crate::dicom::dimse::Field::StoreRq && self.errand.inward().is_some() && self.snapshot.policy.narrows()
    }

    /// Each of these moves may hand out part of what its archive has: whether the instance's study is of it must be known.
    pub(in super::super) fn judge_delivery(
        &mut self,
        study: Option<&Uid>,
        covering: Covering,
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
            Woken::Judged(Box::new(Judged { covering, hidden }))
        }));
    }

    /// What may be seen of the instance is known.
    pub(in super::super) fn go_on_with_judged(&mut self, data: &DataSet, judged: Judged) -> Result<(), Ending> {
        let Some(permit) = self.pending.take() else { return Ok(()) };
        let syntax = self.contexts.get(data.context).map(|accepted| *accepted.transfer_syntax);
        let Judged { covering, hidden } = judged;
        let (status, words) = match (hidden, syntax) {
            (Ok(Some(hidden)), _) if hidden.is_empty() => {
                return self.send_covered(data, permit, covering, None);
            }
            (Ok(Some(hidden)), Some(syntax)) => match self.hide(encoding_of(&syntax), &hidden) {
                Ok(hide) => {
                    let transform = Transform::Hide(Box::new(hide));
                    return self.send_covered(data, permit, covering, Some(transform));
                }
                Err(fault) => (Status::NOT_AUTHORIZED, fault.to_string()),
            },
            (Ok(_), _) => (Status::NOT_AUTHORIZED, "whoever asked for it may not see its study".to_owned()),
            (Err(fault), _) => (transient(data.command.field), format!("it cannot be looked up now: {fault}")),
        };
        permit.close(Outcome { status: status.0, ..Outcome::default() }).map_err(|_| Ending::Unrecorded)?;
        note_refused(&covering, data.command.sop_instance());
        let Some((walk, inward)) = data.walk.as_ref().zip(self.errand.inward().cloned()) else { return Ok(()) };
        self.refuse_delivery(data, walk, &inward, &words, status);
        Ok(())
    }
}
