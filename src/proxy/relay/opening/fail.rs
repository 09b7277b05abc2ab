//! An object does not go on: whoever may not have it, and what is not as it was sealed.

use super::super::outstanding::{Outstanding, Purpose};
use super::super::rewrite::{Transform, TransformFault};
use super::super::stage::Stage;
use super::super::wait::Woken;
use super::super::{End, Ending, Relay};
use super::{Opening, PipeFault, Whom};
use crate::audit::event::Delivery;
use crate::audit::vault::{VaultCause, VaultNote};
use crate::dicom::dataset::WalkFault;
use crate::dicom::dimse::{Operation, Status};
use crate::dicom::pdu::Abort;
use crate::gate::{Object, Outcome, Refusal};
use crate::policy::{Known, Request};
use crate::proxy::vault::alert::{alert, cause_of};
use crate::proxy::{clock, person};
use crate::state::Seen;
use crate::transform::open::{Found, OpenFault};
use std::sync::Arc;

/// Why an object does not go on.
#[derive(Debug)]
pub(in super::super) enum Stays {
    /// Whoever asked may not have it, or cannot: with this status.
    Kept(Status, String),
    /// Something is wrong with it.
    Alert(VaultCause, String),
}

impl Stays {
    pub(super) fn kept(status: Status, words: &str) -> Self {
        Self::Kept(status, words.to_owned())
    }
}

impl Relay {
    /// An object of which nothing has gone fails by itself: the archive is told so, and counts it.
    pub(super) fn keep_back(&mut self, from: End, stays: Stays) -> Result<(), Ending> {
        let Some(mut opening) = self.take_opening(from) else { return Ok(()) };
        let sealed = self.seal_of(from);
        let (status, refusal) = match &stays {
            Stays::Alert(cause, words) => {
                (Status::PROCESSING_FAILURE, self.alert(&opening, sealed.as_deref(), *cause, words))
            }
            Stays::Kept(status, words) => (*status, self.not_opened(&opening, words)),
        };
        self.drop_rewrite(from);
        let asked = self.take_asked_for(from, &opening);
        let (permit, purpose) = match (opening.permit.take(), asked) {
            (Some(permit), _) => (Some(permit), Purpose::Plain),
            (None, Some(Outstanding { permit, purpose, .. })) => (Some(permit), purpose),
            (None, None) => (None, Purpose::Plain),
        };
        if let Some(permit) = permit {
            self.shared.metrics.denied(permit.operation());
            let opened = sealed.is_some().then_some(false);
            let outcome = Outcome { status: status.0, opened, ..Outcome::default() };
            permit.close(outcome).map_err(|_| Ending::Unrecorded)?;
        }
        match (purpose, &opening.whom) {
            (Purpose::Delivery(deliveries), _) => deliveries.into_iter().for_each(|delivery| delivery.end(status.0)),
            // It was to be delivered, and that failed: whoever asked is told so.
            (_, Whom::Moves(covering)) => {
                covering.iter().for_each(|held| held.begin(opening.instance).end(status.0));
            }
            (_, Whom::Getting | Whom::Unasked) => {}
        }
        self.note_failed(from, &opening, status);
        let (context, command, comment) = (opening.context, &opening.command, refusal.comment());
        match from {
            End::Caller => self.refuse(context, command, status, &comment),
            End::Called => {
                self.refuse_called(context, command, status, &comment);
                if let Stage::Data(data) = &mut self.called.down.stage {
                    data.walk = None;
                }
            }
        }
        Ok(())
    }

    /// What was sent is no data set: it ends the association, unless a seal stands in it. That is told of as of any other
    /// seal that was changed, and fails by itself: message by message everything is still in order.
    pub(in super::super) fn unreadable(&mut self, from: End, fault: &WalkFault) -> Result<(), Ending> {
        let rewrite = match from {
            End::Caller => &self.up.rewrite,
            End::Called => &self.called.down.rewrite,
        };
        match rewrite.as_ref().map(|rewrite| rewrite.transform()) {
            Some(Transform::Open(pipe)) if pipe.looks_sealed() => {
                let cause = match fault {
                    WalkFault::Truncated => VaultCause::Truncated,
                    _ => VaultCause::Tampered,
                };
                let fault = TransformFault::Open(PipeFault::Open(OpenFault::Walk(*fault)));
                self.failed_for(from, &fault, Some(cause), fault.to_string())
            }
            _ => Err(Ending::walk(from, fault)),
        }
    }

    /// A fault on its way. Once something of it has gone nobody may complete it.
    pub(in super::super) fn opening_failed(&mut self, from: End, fault: &TransformFault) -> Result<(), Ending> {
        let (cause, words) = match fault {
            TransformFault::Open(PipeFault::Open(fault)) => (cause_of(fault), fault.to_string()),
            fault => (None, fault.to_string()),
        };
        self.failed_for(from, fault, cause, words)
    }

    fn failed_for(
        &mut self,
        from: End,
        fault: &TransformFault,
        cause: Option<VaultCause>,
        words: String,
    ) -> Result<(), Ending> {
        let direction = match from {
            End::Caller => &self.up,
            End::Called => &self.called.down,
        };
        if direction.rewrite.as_ref().is_some_and(|rewrite| rewrite.has_begun()) {
            if let (Some(cause), Some(opening)) = (cause, self.take_opening(from)) {
                let sealed = self.seal_of(from);
                let _ = self.alert(&opening, sealed.as_deref(), cause, &words);
            }
            return Err(Ending::malformed(from, "sealed object", words, Abort::NOT_SPECIFIED));
        }
        let stays = match (cause, fault) {
            (Some(cause), _) => Stays::Alert(cause, words),
            // The object is in order, and another time it may be decoded.
            (None, TransformFault::Decode(fault)) if fault.is_transient() => {
                Stays::Kept(Status::PROCESSING_FAILURE, words)
            }
            (None, TransformFault::Spool(_)) => Stays::Kept(Status::OUT_OF_RESOURCES, words),
            (None, _) => Stays::Kept(Status::CANNOT_UNDERSTAND, words),
        };
        self.keep_back(from, stays)
    }

    fn alert(&self, opening: &Opening, seal: Option<&str>, cause: VaultCause, words: &str) -> Refusal {
        let note = VaultNote {
            who: None,
            cause,
            archive: opening.archive.as_str(),
            instance: Some(opening.instance.as_str()),
            study: opening.study.as_ref().map(crate::dicom::Uid::as_str),
            seal,
            words,
        };
        alert(&self.shared, self.snapshot.generation, Some(&self.visit), note)
    }

    /// Records that whoever asked does not get it.
    fn not_opened(&self, opening: &Opening, words: &str) -> Refusal {
        let inward = self.errand.inward();
        let to = inward.and_then(|inward| inward.destination.as_deref()).unwrap_or(&self.called.to);
        let operation = match &opening.whom {
            Whom::Getting => Operation::Get,
            Whom::Moves(_) => Operation::Move,
            Whom::Unasked => Operation::Store,
        };
        let request = Request {
            principal: &self.principal,
            to: match opening.whom {
                Whom::Moves(_) => opening.archive.as_str(),
                Whom::Getting | Whom::Unasked => to,
            },
            operation: Some(operation),
            sop_class: Some(&opening.class),
            transfer_syntax: Some(&opening.syntax),
            destination: inward.map(|_| &self.called.title),
            modality: Known::Absent,
            query: Known::Unread,
            at: clock::moment(),
        };
        let grant = match &opening.whom {
            Whom::Moves(covering) => covering.first().map(|held| &held.grant.grant),
            Whom::Getting | Whom::Unasked => None,
        };
        let user = grant.and_then(|grant| person::restored(&grant.person).ok().flatten());
        let delivery = grant.map(|grant| Delivery {
            to,
            requester: &grant.requester,
            association: &grant.association,
            message: grant.requester_message,
            user: user.as_deref(),
        });
        let object = Object {
            message: opening.command.message_id.unwrap_or_default(),
            instance: Some(&opening.instance),
            study: opening.study.as_ref(),
            delivery,
            ..Object::default()
        };
        let refusal = self.shared.gate.refuse_opening(self.basis(), &self.visit, &request, &object, words);
        let (archive, incident) = (opening.archive, refusal.incident.map(tracing::field::display));
        tracing::warn!(%archive, peer = %self.principal.name, incident, "an object is not handed out: {words}");
        refusal
    }

    /// Where another gateway's requester waits for it, that gateway is told before the archive is.
    fn note_failed(&mut self, from: End, opening: &Opening, status: Status) {
        let Whom::Moves(covering) = &opening.whom else { return };
        let foreign: Vec<_> = covering.iter().filter(|held| held.foreign).map(|held| held.grant.id).collect();
        if foreign.is_empty() || from == End::Called {
            return;
        }
        let (grants, seen) = (Arc::clone(&self.shared.grants), Seen { instance: opening.instance, status: status.0 });
        self.up.wait = Some(Box::pin(async move {
            for id in foreign {
                if let Err(fault) = grants.note(id, seen.clone()).await {
                    return Woken::Noted(Err(fault));
                }
            }
            Woken::Noted(Ok(()))
        }));
    }

    /// The seal that was found, in its digits.
    fn seal_of(&self, from: End) -> Option<String> {
        let direction = match from {
            End::Caller => &self.up,
            End::Called => &self.called.down,
        };
        match direction.rewrite.as_ref()?.transform() {
            Transform::Open(pipe) => match pipe.found()? {
                Found::Sealed(inner) => Some(inner.seal.to_string()),
                Found::Plain => None,
            },
            Transform::Hide(_) | Transform::Seal(_) => None,
        }
    }

    fn take_opening(&mut self, from: End) -> Option<Opening> {
        let opening = match from {
            End::Caller => self.up.opening.take(),
            End::Called => self.called.down.opening.take(),
        };
        opening.map(|opening| *opening)
    }

    fn drop_rewrite(&mut self, from: End) {
        match from {
            End::Caller => self.up.rewrite = None,
            End::Called => self.called.down.rewrite = None,
        }
    }

    /// The request as which it was to go on, if that was decided already.
    fn take_asked_for(&mut self, from: End, opening: &Opening) -> Option<Outstanding> {
        if opening.permit.is_some() {
            return None;
        }
        let message = opening.command.message_id.unwrap_or_default();
        let asked = match from {
            End::Caller => &mut self.called.asked,
            End::Called => &mut self.called.asked_back,
        };
        let place = asked.iter().position(|asked| asked.message == message)?;
        Some(asked.remove(place))
    }
}
