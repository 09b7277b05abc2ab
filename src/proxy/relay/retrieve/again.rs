//! A C-GET of which something sealed failed is asked once more, on an association that knows native encodings alone.
//!
//! Some archives do not look for the context that fits what they hold: they take the first of its class that was accepted,
//! and fail where that is compressed and what is sealed is native. Asked in the caller's contexts, such an archive gives out
//! what it holds compressed from before the gateway; asked natively, what is sealed. So whoever asks gets both: what has
//! come once is dropped the second time, and both answers are told as one.

use super::super::outstanding::{Outstanding, Purpose};
use super::super::refuse::Refused;
use super::super::stage::{DataSet, Fate};
use super::super::wait::Woken;
use super::super::{Ending, Relay};
use super::twice::{Again, Said};
use crate::dicom::dimse::{Command, Field, Status};
use crate::dicom::negotiation::Wanted;
use crate::dicom::negotiation::extras::ask_for_request;
use crate::dicom::pdu::{AssociateRq, pdata};
use crate::dicom::{AeTitle, Uid};
use crate::proxy::associate::further::{Asked, NotHad, ask_archive};
use crate::state::State;
use bytes::Bytes;
use std::sync::Arc;

/// So many instances that failed are looked up in the ledger.
const LOOKED_UP: usize = 1_000;

/// What an archive can be asked on one more association.
#[derive(Debug)]
pub struct Natively {
    /// The number of the leg that it was asked on first.
    leg: u8,
    /// As it was asked there, without contexts.
    asked: AssociateRq,
    wanted: Vec<Wanted>,
    /// The leg that it is asked on, once there is one.
    second: Option<u8>,
    /// So many more associations it was asked for.
    count: u32,
}

impl Natively {
    /// For an archive that was asked this on the leg with this number.
    pub fn new(leg: u8, asked: &AssociateRq, wanted: &[Wanted]) -> Self {
        let asked = AssociateRq { contexts: Vec::new(), ..asked.clone() };
        Self { leg, asked, wanted: wanted.to_vec(), second: None, count: 0 }
    }
}

/// Whether a C-GET is asked a second time, and on what.
pub(in super::super) struct Looked {
    context: u8,
    said: Said,
    second: Second,
}

enum Second {
    /// Nothing that failed is sealed.
    No,
    /// There is an association.
    There(u8),
    Dialled(Box<(AssociateRq, Result<Asked, NotHad>)>),
}

impl Relay {
    /// Whether retrieves that go to the system in focus may be asked a second time.
    pub(in super::super) fn may_be_asked_again(&self, field: Field) -> bool {
        field == Field::GetRq && self.natively().is_some()
    }

    fn natively(&self) -> Option<&Natively> {
        self.natively.iter().find(|one| one.leg == self.called.number)
    }

    /// What is kept of a C-GET that goes so to the system in focus.
    pub(super) fn keep_for_again(&self, command: &Command, identifier: &[u8]) -> Option<Box<Again>> {
        let keeps = self.may_be_asked_again(command.field);
        keeps.then(|| Box::new(Again::new(command.clone(), identifier.to_vec())))
    }

    /// The system in focus gives an answer that has to be looked at: it may be followed, or was preceded, by another.
    pub(super) fn is_one_of_two_answers(&self, command: &Command) -> bool {
        self.called.asked.iter().any(|asked| {
            Some(asked.sent_as) == command.responded_to
                && Some(command.field) == asked.field.response()
                && asked.purpose.again().is_some_and(|again| again.is_taken_whole(command))
        })
    }

    /// The archive sends an object that it has sent before: it is told that it is there, and nobody is sent it. Whether this
    /// is such.
    pub(in super::super) fn has_come_before(&mut self, context: u8, command: &Command) -> bool {
        let most = usize::try_from(self.snapshot.settings.limits.move_instances).unwrap_or(usize::MAX);
        let getting = self.called.asked.iter_mut().find(|asked| asked.field == Field::GetRq);
        let again = getting.and_then(|asked| asked.purpose.again_mut());
        let repeated = command.field == Field::StoreRq
            && again.zip(command.sop_instance()).is_some_and(|(again, instance)| again.comes(instance, most));
        if repeated && let Some(answer) = command.response(Status::SUCCESS) {
            self.called.down.fate = Fate::Drop;
            self.called.down.refusal = Some(Box::new(Refused { context, answer, dropped: 0 }));
        }
        repeated
    }

    /// The leg that a message of the caller on a context of this leg is for.
    pub(in super::super) fn asked_again_on(&self, number: u8) -> u8 {
        let Some(again) = self.again else { return number };
        let owes = |number: u8| self.all_called().any(|one| one.number == number && !one.asked_back.is_empty());
        if owes(number) && !owes(again) { number } else { again }
    }

    /// A C-CANCEL for a C-GET that has been answered once, and of which it is being found out whether it is asked again.
    pub(in super::super) fn cancel_between(&mut self, command: &Command) {
        let asked = self.called.asked.iter_mut().find(|asked| Some(asked.message) == command.responded_to);
        if let Some(again) = asked.and_then(|asked| asked.purpose.again_mut()) {
            again.cancel();
        }
    }

    /// Finds out whether what failed should be asked for natively, if that may be. Whether the answer waits for it.
    pub(super) fn looks_again(&mut self, index: usize, context: u8, said: &Said) -> bool {
        let most = self.snapshot.settings.limits.further_associations;
        let Some(natively) = self.natively() else { return false };
        let Some(accepted) = self.contexts.get(context) else { return false };
        let there = natively.second.filter(|second| self.contexts.called(*second, context) == Some(accepted));
        if there.is_none() && natively.count >= most {
            return false;
        }
        let proposed = ask_for_request(&natively.asked, context, accepted, natively.wanted.clone());
        let again = self.called.asked.get_mut(index).and_then(|asked| asked.purpose.again_mut());
        let Some(missing) = again.and_then(|again| again.missing(said)) else { return false };
        let (shared, snapshot, archive) = (Arc::clone(&self.shared), Arc::clone(&self.snapshot), self.called.title);
        let said = said.clone();
        self.called.down.wait = Some(Box::pin(async move {
            let second = match there {
                _ if !is_any_sealed(&shared.state, archive, &missing).await => Second::No,
                Some(number) => Second::There(number),
                None => {
                    let outcome = ask_archive(&shared, &snapshot, archive, &proposed, context).await;
                    Second::Dialled(Box::new((proposed, outcome)))
                }
            };
            Woken::Again(Box::new(Looked { context, said, second }))
        }));
        true
    }

    /// It is known whether the C-GET is asked a second time.
    pub(in super::super) fn go_on_again(&mut self, looked: Looked) -> Result<(), Ending> {
        let Looked { context, said, second } = looked;
        let number = match second {
            Second::No => None,
            Second::There(number) => Some(number),
            Second::Dialled(dialled) => {
                let (proposed, outcome) = *dialled;
                self.joined_again(&proposed, outcome)
            }
        };
        let between = |asked: &Outstanding| asked.purpose.again().is_some_and(Again::is_between);
        let Some(index) = self.called.asked.iter().position(between) else { return Ok(()) };
        let Some(number) = number else { return self.conclude_retrieve(index, context, said) };
        let again = self.called.asked.get_mut(index).and_then(|asked| asked.purpose.again_mut());
        if !again.is_some_and(|again| again.begin(&said)) {
            return self.conclude_retrieve(index, context, said);
        }
        tracing::debug!(archive = %self.called.to, association = %self.visit.id(), "a C-GET is asked once more, natively");
        let asked = self.called.asked.remove(index);
        let first = self.called.number;
        self.focus(number);
        let words = asked.purpose.again().map(|again| {
            let (command, longest) = (again.command.encode(), self.called.longest);
            Bytes::from(pdata::write_message(context, &command, Some(&again.identifier), longest))
        });
        self.called.asked.push(asked);
        if let Some(bytes) = words {
            self.called.forward(bytes);
        }
        self.again = Some(number);
        self.focus(first);
        Ok(())
    }

    /// One more association with the archive in focus, if it is to be had.
    fn joined_again(&mut self, proposed: &AssociateRq, outcome: Result<Asked, NotHad>) -> Option<u8> {
        let leg = self.called.number;
        let number = match outcome {
            Ok(Asked { side, ac }) => side.and_then(|side| self.add_leg(side, proposed, &ac)),
            Err(NotHad { cause, words }) => {
                let refusal = self.shared.gate.missed(&self.visit, &self.called.to, cause, &words);
                let incident = refusal.incident.map(tracing::field::display);
                let (association, archive) = (self.visit.id(), &self.called.to);
                tracing::warn!(%archive, %association, incident, %words, "what is sealed cannot be asked for natively");
                None
            }
        };
        if let Some(natively) = self.natively.iter_mut().find(|one| one.leg == leg) {
            natively.count = natively.count.saturating_add(1);
            natively.second = number;
        }
        number
    }

    /// Whether the system in focus is an association that C-GETs are asked on a second time.
    pub(in super::super) fn is_second(&self) -> bool {
        self.natively.iter().any(|one| one.second == Some(self.called.number))
    }

    /// An answer to a retrieve that is told as one, or as it came.
    pub(super) fn conclude_retrieve(&mut self, index: usize, context: u8, said: Said) -> Result<(), Ending> {
        let Some(asked) = self.called.asked.get(index) else { return Ok(()) };
        let Said { command, failed, as_it_came } = said;
        let (answer, list) = match (asked.purpose.confined(), as_it_came) {
            (None, Some(came)) => (command, Some(came)),
            (None, None) => (command, self.failed_data_set(context, &failed)),
            (Some(confined), _) => {
                let failed = super::named(confined, &failed);
                let answer = super::answer::told(&command, confined);
                (Command { data_set: !failed.is_empty(), ..answer }, self.failed_data_set(context, &failed))
            }
        };
        if answer.status.is_none_or(Status::is_final) {
            let asked = self.called.asked.remove(index);
            self.again = self.again.filter(|number| *number != self.called.number);
            self.settle_permit(asked, &answer)?;
        } else if let Some(asked) = self.called.asked.get_mut(index) {
            asked.answers = asked.answers.saturating_add(1);
        }
        let list = list.filter(|_| answer.data_set);
        self.answer_caller(context, &answer, list.as_deref());
        Ok(())
    }

    /// What an answer says, and says together with the first; `None`: nothing of it is told.
    pub(super) fn both_turns(&mut self, index: usize, data: &DataSet, failed: Vec<Uid>) -> Option<Said> {
        let asked = self.called.asked.get_mut(index)?;
        let said = Said { command: data.command.clone(), failed, as_it_came: data.kept.clone() };
        let said = match &asked.purpose {
            Purpose::Retrieve(retrieving) => match &retrieving.again {
                Some(again) => again.together(said),
                None => Some(said),
            },
            _ => Some(said),
        };
        if said.is_none() {
            asked.withheld = asked.withheld.saturating_add(1);
        }
        said
    }
}

/// Whether the ledger knows any of them, or cannot say. What an archive does not name may be sealed.
async fn is_any_sealed(state: &State, archive: AeTitle, instances: &[Uid]) -> bool {
    for instance in instances.iter().take(LOOKED_UP) {
        if !matches!(state.seals(archive, instance).await, Ok(None)) {
            return true;
        }
    }
    instances.is_empty()
}
