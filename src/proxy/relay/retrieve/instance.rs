//! An object that the archive sends for a C-GET of which only part may be had: tied to a study that was resolved, decided
//! on, and only then passed on.

use super::super::delivery::object_of;
use super::super::outstanding::{Confined, Outstanding, Purpose};
use super::super::refuse::transient;
use super::super::rewrite::Transform;
use super::super::stage::{DataSet, Fate, Stage};
use super::super::{End, Ending, Relay, inspect};
use crate::dicom::Tag;
use crate::dicom::dimse::{Command, Field, Operation, Status};
use crate::dicom::transfer_syntax::encoding_of;
use crate::gate::{Admission, Outcome, Permit};
use crate::policy::narrow::Shown;
use crate::policy::{Known, Narrowing, Request};
use crate::proxy::clock;

/// Why an object is refused to an archive.
const NOT_ASKED: &str = "the instance belongs to no study that the C-GET may hand out";

impl Relay {
    /// What identifies the object has come.
    pub(in super::super) fn decide_on_instance(&mut self) -> Result<(), Ending> {
        let Stage::Data(mut data) = std::mem::replace(&mut self.called.down.stage, Stage::Between) else {
            return Ok(());
        };
        let outcome = self.decide_instance(&data);
        if self.called.down.fate == Fate::Drop {
            data.walk = None;
        }
        self.called.down.stage = Stage::Data(data);
        outcome
    }

    /// Decides on an object, and begins to pass it on.
    pub(in super::super) fn decide_instance(&mut self, data: &DataSet) -> Result<(), Ending> {
        let Some(walk) = &data.walk else { return Ok(()) };
        if let Some(words) = inspect::mismatch(&data.command, walk) {
            return self.mismatched(End::Called, data.context, &data.command, words);
        }
        let Some(accepted) = self.contexts.called(self.called.number, data.context) else { return Ok(()) };
        let encoding = encoding_of(accepted.transfer_syntax);
        let Some(getting) = self.getting() else { return Ok(()) };
        let request = Request {
            principal: &self.principal,
            to: &self.called.to,
            operation: Operation::of_command(accepted.abstract_syntax, data.command.field, false),
            sop_class: Some(accepted.abstract_syntax),
            transfer_syntax: Some(accepted.transfer_syntax),
            destination: None,
            modality: Known::Absent,
            query: getting.purpose.query(),
            at: clock::moment(),
        };
        let object = object_of(data, walk);
        let study = walk.leading.study();
        let known = getting.purpose.confined().zip(study).and_then(|(confined, study)| confined.resolved.study(study));
        if known.is_none() {
            let refusal = self.shared.gate.refuse_delivery(self.basis(), &self.visit, &request, &object, NOT_ASKED);
            let incident = refusal.incident.map(tracing::field::display);
            tracing::warn!(archive = %self.called.to, peer = %self.principal.name, incident, "{NOT_ASKED}");
            self.refuse_instance(data, &refusal.comment());
            return Ok(());
        }
        match self.shared.gate.admit(self.basis(), &self.visit, &request, &object) {
            Admission::Permit(permit) => {
                let shows = |confined: &Confined, narrowing: &Narrowing| {
                    study.map_or(Shown::NOTHING, |study| confined.shown(study, narrowing))
                };
                let hidden = match (permit.narrowing(), getting.purpose.confined()) {
                    (None, _) => Some(Vec::new()),
                    (Some(narrowing), Some(confined)) => {
                        let shown = shows(confined, narrowing);
                        (!shown.is_nothing()).then(|| narrowing.hidden_in_objects(shown))
                    }
                    (Some(_), None) => None,
                };
                self.pass_on(data, permit, encoding, hidden)
            }
            Admission::Denied(refusal) => {
                self.refuse_instance(data, &refusal.comment());
                Ok(())
            }
            Admission::Need(_) => {
                self.refuse_instance(data, "a rule hangs on what cannot be known");
                Ok(())
            }
            Admission::Unrecorded => {
                let status = transient(data.command.field);
                self.refuse_called(data.context, &data.command, status, "the gateway cannot record this now");
                Ok(())
            }
        }
    }

    /// `hidden`: what is taken out of it; `None`: it may not be seen any more.
    fn pass_on(
        &mut self,
        data: &DataSet,
        permit: Permit,
        encoding: crate::dicom::transfer_syntax::Encoding,
        hidden: Option<Vec<Tag>>,
    ) -> Result<(), Ending> {
        let room = data.command.sop_class().and_then(|_| self.vault_to_ask());
        let hidden = match (hidden, room) {
            (Some(hidden), Some(room)) => {
                self.shared.metrics.permitted(permit.operation(), permit.observed());
                return self.look_into_got(&room, data.context, &data.command, permit, data.walk.as_ref(), hidden);
            }
            (hidden, _) => hidden,
        };
        let hide = match hidden {
            None => Err("the study may not be seen any more".to_owned()),
            Some(hidden) if hidden.is_empty() => Ok(None),
            Some(hidden) => self.hide(encoding, &hidden).map(Some).map_err(|fault| fault.to_string()),
        };
        let hide = match hide {
            Ok(hide) => hide,
            Err(words) => {
                let outcome = Outcome { status: Status::NOT_AUTHORIZED.0, ..Outcome::default() };
                permit.close(outcome).map_err(|_| Ending::Unrecorded)?;
                self.refuse_instance(data, &words);
                return Ok(());
            }
        };
        self.shared.metrics.permitted(permit.operation(), permit.observed());
        self.called.asked_back.push(Outstanding::new(data.context, &data.command, permit, Purpose::Plain));
        match hide {
            None => {
                self.called.down.lead = None;
                self.called.down.fate = Fate::Forward;
                Ok(())
            }
            Some(hide) => self.rewrite_down(data.context, &data.command, Transform::Hide(Box::new(hide))),
        }
    }

    fn refuse_instance(&mut self, data: &DataSet, comment: &str) {
        self.shared.metrics.denied(Operation::Get);
        self.called.down.lead = None;
        self.refuse_called(data.context, &data.command, Status::NOT_AUTHORIZED, comment);
        // Neither counters nor lists of the answer speak of it to the caller.
        let most = usize::try_from(self.snapshot.settings.limits.move_instances).unwrap_or(usize::MAX);
        let instance = data.command.sop_instance().copied();
        let getting = self.called.asked.iter_mut().find(|asked| asked.field == Field::GetRq);
        if let Some(confined) = getting.and_then(|asked| asked.purpose.confined_mut())
            && confined.refused.len() < most
        {
            confined.refused.extend(instance);
        }
    }

    fn getting(&self) -> Option<&Outstanding> {
        self.called.asked.iter().find(|asked| asked.field == Field::GetRq)
    }

    /// An object of a C-GET that all of it was permitted of, and now only part is: whose it is was never looked up.
    pub(in super::super) fn take_instance(
        &mut self,
        context: u8,
        command: &Command,
        permit: Permit,
    ) -> Result<(), Ending> {
        let status = Status::NOT_AUTHORIZED;
        permit.close(Outcome { status: status.0, ..Outcome::default() }).map_err(|_| Ending::Unrecorded)?;
        self.refuse_called(context, command, status, "what may be seen has changed meanwhile");
        Ok(())
    }
}
