//! What an archive sends: each instance is tied to the C-MOVE that asked for it, or to a rule, and decided on.

use super::canary::carried;
use super::outstanding::{Outstanding, Purpose};
use super::refuse::transient;
use super::rewrite::Transform;
use super::stage::{DataSet, Fate, Walk};
use super::wait::Woken;
use super::{Ending, Inward, Relay};
use crate::audit::event::Delivery;
use crate::config::Correlate;
use crate::dicom::dimse::{Operation, Status};
use crate::dicom::retrieve::Belongs;
use crate::dicom::transfer_syntax::encoding_of;
use crate::dicom::{AeTitle, Tag, Uid};
use crate::gate::{Admission, Object, Outcome, Permit, Subject, Tripwire};
use crate::policy::Open as Right;
use crate::policy::{Decision, Known, Narrowing, Principal, Query, Request};
use crate::proxy::relay::decide::phi_of;
use crate::proxy::way_back::Held;
use crate::proxy::{clock, person};
use crate::state::StateFault;
use std::sync::Arc;

/// Under which grants an instance may be meant to come.
enum Meant {
    /// These, as far as they cover it.
    Grants(Vec<Arc<Held>>),
    /// The state must be asked.
    Ask,
}

impl Meant {
    /// Where this gateway knows of none, another one may.
    fn or_ask(self) -> Self {
        match self {
            Self::Grants(grants) if grants.is_empty() => Self::Ask,
            other => other,
        }
    }
}

/// The moves that an instance is delivered for, the first of which carries it; never empty.
pub(super) type Covering = Vec<Arc<Held>>;

/// Those whose C-MOVE the archive saw with this message id.
fn of_message(grants: Vec<Arc<Held>>, message: u16) -> Vec<Arc<Held>> {
    grants.into_iter().filter(|held| held.grant.message == message).collect()
}

impl Relay {
    /// An instance that an archive sends: what identifies it has come.
    pub(super) fn deliver(&mut self, data: &DataSet, walk: &Walk) -> Result<(), Ending> {
        let Some(inward) = self.errand.inward().cloned() else { return Ok(()) };
        match self.meant(&inward, data) {
            Meant::Grants(grants) => self.deliver_under(data, walk, &grants, true),
            Meant::Ask => {
                self.ask_for_grants(&inward, data);
                Ok(())
            }
        }
    }

    /// The state has been asked.
    pub(super) fn go_on_with_delivery(
        &mut self,
        data: &DataSet,
        found: Result<Vec<Arc<Held>>, StateFault>,
    ) -> Result<(), Ending> {
        let Some(walk) = &data.walk else { return Ok(()) };
        match found {
            Ok(grants) => self.deliver_under(data, walk, &grants, false),
            Err(fault) => {
                tracing::error!(%fault, "a delivery is refused for now");
                let Some(inward) = self.errand.inward().cloned() else { return Ok(()) };
                let words = "the gateway cannot keep track of moves now";
                self.refuse_delivery(data, walk, &inward, words, transient(data.command.field));
                Ok(())
            }
        }
    }

    fn meant(&self, inward: &Inward, data: &DataSet) -> Meant {
        let grants = &self.shared.grants;
        match self.correlation(inward) {
            Correlate::Originator => match (data.command.move_originator, data.command.move_originator_message) {
                (Some(title), Some(message)) => match grants.known_by_originator(inward.archive, title, message) {
                    Some(held) => Meant::Grants(vec![held]),
                    None if self.names_itself(inward, title) && !grants.is_shared() => {
                        let known = grants.known_by_told(inward.archive, inward.told);
                        Meant::Grants(of_message(known, message)).or_ask()
                    }
                    None => Meant::Ask,
                },
                _ => Meant::Grants(Vec::new()),
            },
            // Another gateway may have ended the one and made the other.
            Correlate::Destination | Correlate::Serial if grants.is_shared() => Meant::Ask,
            Correlate::Destination | Correlate::Serial => {
                Meant::Grants(grants.known_by_told(inward.archive, inward.told))
            }
        }
    }

    /// Some archives write their own title where that of the requester belongs, beside the right message id.
    fn names_itself(&self, inward: &Inward, title: AeTitle) -> bool {
        let archive = self.snapshot.archive(&inward.archive).map(|archive| &archive.settings);
        archive.is_some_and(|archive| archive.ae_title == title || archive.calls_as.contains(&title))
    }

    fn goes_to_an_archive(&self, inward: &Inward) -> bool {
        let name = inward.destination.as_deref().unwrap_or_default();
        self.snapshot.archives.iter().any(|archive| archive.settings.ae_title.as_str() == name)
    }

    fn correlation(&self, inward: &Inward) -> Correlate {
        self.snapshot.archive(&inward.archive).map(|archive| archive.settings.correlate).unwrap_or_default()
    }

    fn ask_for_grants(&mut self, inward: &Inward, data: &DataSet) {
        let grants = Arc::clone(&self.shared.grants);
        let most = usize::try_from(self.snapshot.settings.limits.move_instances).unwrap_or(usize::MAX);
        let (archive, told, correlate) = (inward.archive, inward.told, self.correlation(inward));
        let named = data.command.move_originator.zip(data.command.move_originator_message);
        let itself = named.is_some_and(|(title, _)| self.names_itself(inward, title));
        self.up.wait = Some(Box::pin(async move {
            Woken::Grants(match (correlate, named) {
                (Correlate::Originator, Some((title, message))) => {
                    match grants.by_originator(archive, title, message, most).await {
                        Ok(None) if itself => {
                            grants.expected(archive, told, most).await.map(|found| of_message(found, message))
                        }
                        found => found.map(|held| held.into_iter().collect()),
                    }
                }
                (Correlate::Originator, None) => Ok(Vec::new()),
                _ => grants.expected(archive, told, most).await,
            })
        }));
    }

    /// `fresh`: the state may know more grants than these.
    fn deliver_under(&mut self, data: &DataSet, walk: &Walk, grants: &[Arc<Held>], fresh: bool) -> Result<(), Ending> {
        let Some(inward) = self.errand.inward().cloned() else { return Ok(()) };
        let leading = &walk.leading;
        let object = Belongs {
            patient: leading.patient_id().map(|id| id.reveal().as_ref()),
            study: leading.study(),
            series: leading.series(),
            instance: leading.sop_instance(),
        };
        let covering: Vec<Arc<Held>> = grants
            .iter()
            .filter(|held| {
                // A title that stands for a requester leads to one destination at a time, and an association to one
                // for good: what belongs to a move that goes elsewhere does not go on here.
                let grant = &held.grant.grant;
                grant.told == inward.told && grant.destination == self.called.title && held.scope.covers(&object)
            })
            .cloned()
            .collect();
        if !covering.is_empty() {
            return self.deliver_for(data, walk, &inward, covering);
        }
        match self.correlation(&inward) {
            // A move from one archive to another is theirs alone: a rule must let it pass.
            Correlate::Originator if grants.is_empty() && self.goes_to_an_archive(&inward) => {
                self.deliver_unasked(data, walk, &inward)
            }
            Correlate::Originator if data.command.move_originator_message.is_some() => {
                let words = if grants.is_empty() {
                    "it names a C-MOVE that is not under way at this archive"
                } else {
                    "the instance is not what the C-MOVE that it names asked for"
                };
                note_refused(grants, walk.leading.sop_instance());
                self.refuse_unasked(data, walk, &inward, words);
                Ok(())
            }
            Correlate::Originator => self.deliver_unasked(data, walk, &inward),
            // Another gateway may have made a grant since.
            _ if fresh => {
                self.ask_for_grants(&inward, data);
                Ok(())
            }
            _ => self.deliver_unasked(data, walk, &inward),
        }
    }

    /// Every grant that covers the instance must still be permitted; the first carries it.
    fn deliver_for(
        &mut self,
        data: &DataSet,
        walk: &Walk,
        inward: &Inward,
        covering: Vec<Arc<Held>>,
    ) -> Result<(), Ending> {
        let Some(to) = inward.destination.clone() else { return Ok(()) };
        let mut permits: Vec<Permit> = Vec::with_capacity(1);
        let mut narrowed: Vec<(Arc<Held>, Arc<Narrowing>)> = Vec::new();
        // What is opened for one of those who asked is opened for all of them, so all must have the right to it.
        let mut right = Right::Opened;
        for held in &covering {
            let grant = &held.grant.grant;
            let user = match person::restored(&grant.person) {
                Ok(user) => user,
                Err(words) => {
                    self.refuse_delivery(data, walk, inward, words, Status::NOT_AUTHORIZED);
                    return Ok(());
                }
            };
            let requester = Principal {
                peer: u32::MAX,
                name: Arc::clone(&grant.requester),
                calling: grant.requester_title,
                from: self.principal.from,
                transport: self.principal.transport.clone(),
                user,
            };
            let request = Request {
                principal: &requester,
                to: grant.archive.as_str(),
                operation: Some(Operation::Move),
                sop_class: Some(&grant.context.0),
                transfer_syntax: Some(&grant.context.1),
                destination: Some(&grant.destination),
                modality: Known::Absent,
                query: Known::Is(Query { level: Some(held.scope.asked()), keys: &[] }),
                at: clock::moment(),
            };
            let delivery = Delivery {
                to: &to,
                requester: &grant.requester,
                association: &grant.association,
                message: grant.requester_message,
                user: requester.user.as_deref(),
            };
            let object = Object { delivery: Some(delivery), ..object_of(data, walk) };
            if let Some(name) = carried(&self.snapshot.policy, &walk.leading) {
                // Whoever asked for it may do nothing from here on, and that denies it below.
                self.trip_for(&Subject::of(&requester), &Tripwire::Canary(name));
            }
            // One record for one delivery: further grants are only asked.
            if !permits.is_empty() {
                let held_back = self.shared.gate.quarantine().of(&requester).is_some();
                if let Decision::Permit(permission) = self.snapshot.policy.decide(&request)
                    && !held_back
                {
                    narrowed.extend(permission.narrowing.map(|narrowing| (Arc::clone(held), narrowing)));
                    right = right.min(permission.open);
                    continue;
                }
                permits.clear();
            }
            match self.shared.gate.admit(self.basis(), &self.visit, &request, &object) {
                Admission::Permit(permit) => {
                    right = right.min(permit.open());
                    narrowed.extend(permit.narrowing().map(|narrowing| (Arc::clone(held), Arc::clone(narrowing))));
                    permits.push(permit);
                }
                other => {
                    self.not_admitted(data.context, &data.command, Operation::Move, other);
                    return Ok(());
                }
            }
        }
        let Some(permit) = permits.pop() else { return Ok(()) };
        if narrowed.is_empty() {
            return self.send_covered(data, permit, covering, right, Vec::new());
        }
        self.pending = Some(permit);
        self.judge_delivery(walk.leading.study(), covering, right, narrowed);
        Ok(())
    }

    /// Everything is permitted: the instance goes on, `hidden`: without these attributes, `right`: if it is sealed, as this
    /// says.
    pub(super) fn send_covered(
        &mut self,
        data: &DataSet,
        permit: Permit,
        covering: Covering,
        right: Right,
        hidden: Vec<Tag>,
    ) -> Result<(), Ending> {
        self.shared.metrics.permitted(Operation::Move, permit.observed());
        let Some(instance) = data.walk.as_ref().and_then(|walk| walk.leading.sop_instance().copied()) else {
            return Ok(());
        };
        let Some(accepted) = self.contexts.get(data.context) else { return Ok(()) };
        let encoding = encoding_of(accepted.transfer_syntax);
        let originator = covering.first().filter(|held| held.is_rewritten()).map(|held| held.originator());
        let mut command = data.command.clone();
        if let Some((title, message)) = originator.filter(|_| command.move_originator_message.is_some()) {
            command.move_originator = Some(title);
            command.move_originator_message = Some(message);
        }
        if let Some(room) = self.vault_to_ask() {
            return self.look_into_delivery(&room, data, command, permit, Some(covering), right, hidden);
        }
        let hide = match hidden.is_empty() {
            true => None,
            false => match self.hide(encoding, &hidden) {
                Ok(hide) => Some(hide),
                Err(fault) => {
                    let words = fault.to_string();
                    return self.not_delivered(data, permit, &covering, &words, Status::NOT_AUTHORIZED);
                }
            },
        };
        let deliveries = covering.iter().map(|held| held.begin(instance)).collect();
        self.send_delivery(data, permit, Purpose::Delivery(deliveries))?;
        if let Some(hide) = hide {
            return self.rewrite_up(data.context, &command, Transform::Hide(Box::new(hide)));
        }
        self.up.lead = None;
        self.go_on_with(data.context, &command);
        Ok(())
    }

    /// What was permitted is not handed out after all.
    pub(super) fn not_delivered(
        &mut self,
        data: &DataSet,
        permit: Permit,
        covering: &Covering,
        words: &str,
        status: Status,
    ) -> Result<(), Ending> {
        permit.close(Outcome { status: status.0, ..Outcome::default() }).map_err(|_| Ending::Unrecorded)?;
        note_refused(covering, data.command.sop_instance());
        let Some((walk, inward)) = data.walk.as_ref().zip(self.errand.inward().cloned()) else { return Ok(()) };
        self.refuse_delivery(data, walk, &inward, words, status);
        Ok(())
    }

    /// Nobody asked: a rule for the archive must let it send.
    fn deliver_unasked(&mut self, data: &DataSet, walk: &Walk, inward: &Inward) -> Result<(), Ending> {
        let Some(to) = inward.destination.clone() else { return Ok(()) };
        if self.called.title != inward.told {
            let words = "the title that was called leads where a move wants it, and no move asked for this";
            self.refuse_unasked(data, walk, inward, words);
            return Ok(());
        }
        let operation = if walk.leading.is_rejection() { Operation::Reject } else { Operation::Store };
        let Some(accepted) = self.contexts.get(data.context) else { return Ok(()) };
        let request = Request {
            principal: &self.principal,
            to: &to,
            operation: Some(operation),
            sop_class: Some(accepted.abstract_syntax),
            transfer_syntax: Some(accepted.transfer_syntax),
            destination: None,
            modality: walk.leading.modality().map_or(Known::Absent, Known::Is),
            query: Known::Unread,
            at: clock::moment(),
        };
        match self.shared.gate.admit(self.basis(), &self.visit, &request, &object_of(data, walk)) {
            Admission::Permit(permit) => {
                self.shared.metrics.permitted(operation, permit.observed());
                if permit.seal() && self.is_archive(&self.called.title) {
                    // What is sealed stays so between archives.
                    return self.begin_sealing(data, permit, true);
                }
                if let Some(room) = data.command.sop_class().and_then(|_| self.vault_to_ask()) {
                    let (command, right) = (data.command.clone(), permit.open());
                    return self.look_into_delivery(&room, data, command, permit, None, right, Vec::new());
                }
                self.up.lead = None;
                self.send_delivery(data, permit, Purpose::Plain)?;
                self.go_on_with(data.context, &data.command);
            }
            other => self.not_admitted(data.context, &data.command, operation, other),
        }
        Ok(())
    }

    fn refuse_unasked(&mut self, data: &DataSet, walk: &Walk, inward: &Inward, words: &str) {
        self.refuse_delivery(data, walk, inward, words, Status::NOT_AUTHORIZED);
    }

    /// Nothing that an archive sends is refused without a record: somebody will miss it.
    pub(super) fn refuse_delivery(
        &mut self,
        data: &DataSet,
        walk: &Walk,
        inward: &Inward,
        words: &str,
        status: Status,
    ) {
        let Some(accepted) = self.contexts.get(data.context) else { return };
        let request = Request {
            principal: &self.principal,
            to: inward.destination.as_deref().unwrap_or_default(),
            operation: Some(Operation::Store),
            sop_class: Some(accepted.abstract_syntax),
            transfer_syntax: Some(accepted.transfer_syntax),
            destination: Some(&inward.told),
            modality: walk.leading.modality().map_or(Known::Absent, Known::Is),
            query: Known::Unread,
            at: clock::moment(),
        };
        let object = object_of(data, walk);
        let refusal = self.shared.gate.refuse_delivery(self.basis(), &self.visit, &request, &object, words);
        self.shared.metrics.denied(Operation::Store);
        let incident = refusal.incident.map(tracing::field::display);
        tracing::warn!(archive = %inward.archive, told = %inward.told, incident, "a delivery is refused: {words}");
        self.refuse(data.context, &data.command, status, &refusal.comment());
    }

    fn send_delivery(&mut self, data: &DataSet, permit: Permit, purpose: Purpose) -> Result<(), Ending> {
        self.is_there()?;
        self.called.asked.push(Outstanding::new(data.context, &data.command, permit, purpose));
        self.up.fate = Fate::Forward;
        Ok(())
    }
}

/// What an archive sends for a move that may not hand it out is not counted to the requester.
pub(super) fn note_refused(grants: &[Arc<Held>], instance: Option<&Uid>) {
    if let Some(instance) = instance {
        grants.iter().for_each(|held| held.tally().refuse(*instance));
    }
}

pub(super) fn object_of<'a>(data: &DataSet, walk: &'a Walk) -> Object<'a> {
    Object {
        message: data.command.message_id.unwrap_or_default(),
        instance: walk.leading.sop_instance(),
        study: walk.leading.study(),
        level: None,
        patient_id: walk.leading.patient_id().and_then(|value| phi_of(Some(value))),
        patient_name: walk.leading.patient_name().and_then(|value| phi_of(Some(value))),
        delivery: None,
    }
}
