//! From the identifier that came to the one that goes on.

use super::super::outstanding::{Confined, Outstanding, Purpose, Retrieving};
use super::super::refuse::transient;
use super::super::stage::{DataSet, Walk};
use super::super::wait::Woken;
use super::super::{Ending, Relay};
use crate::dicom::dataset::Level;
use crate::dicom::dataset::record::RecordLimits;
use crate::dicom::dimse::{Field, Status};
use crate::dicom::query::PATIENT_ID;
use crate::dicom::retrieve::{Retrieve, RetrieveFault, Root, Scope};
use crate::dicom::transfer_syntax::encoding_of;
use crate::gate::Permit;
use crate::policy::Narrowing;
use crate::policy::narrow::Shown;
use crate::proxy::lookup::{LookupFault, ResolveFault, Resolved};
use std::collections::HashSet;
use std::sync::Arc;

/// A retrieve that was resolved, or could not be.
#[derive(Debug)]
pub(in super::super) struct Resolving {
    retrieve: Retrieve,
    narrowing: Arc<Narrowing>,
    resolved: Result<Resolved, ResolveFault>,
}

/// What goes on in the place of what came.
#[derive(Debug)]
pub(in super::super) struct Anew {
    /// The identifier.
    pub identifier: Vec<u8>,
    /// What it asks for, with the level that the caller asked at.
    pub scope: Scope,
    /// The part that may be handed out.
    pub confined: Confined,
}

impl Relay {
    /// A retrieve goes on so that only what may be seen is handed out.
    pub(in super::super) fn begin_retrieve(
        &mut self,
        data: &DataSet,
        permit: Permit,
        narrowing: Arc<Narrowing>,
    ) -> Result<(), Ending> {
        let Some(accepted) = self.contexts.get(data.context) else { return Ok(()) };
        let encoding = encoding_of(accepted.transfer_syntax);
        let Some(root) = Root::of(accepted.abstract_syntax) else {
            return self.cannot_narrow(data.context, &data.command, permit);
        };
        let identifier = data.kept.as_deref().unwrap_or_default();
        let retrieve = match Retrieve::read(identifier, root, encoding, RecordLimits::default()) {
            Ok(retrieve) => retrieve,
            Err(fault) => return self.refuse_identifier(data, permit, fault),
        };
        if retrieve.frames() && data.command.field == Field::MoveRq {
            let fault = RetrieveFault { tag: None, reason: "frames are retrieved by C-GET only" };
            return self.refuse_identifier(data, permit, fault);
        }
        let lookups = self.lookups();
        self.pending = Some(permit);
        self.up.wait = Some(Box::pin(async move {
            let resolved = lookups.resolve(&retrieve, &narrowing).await;
            Woken::Resolved(Box::new(Resolving { retrieve, narrowing, resolved }))
        }));
        Ok(())
    }

    /// It is known what may be asked.
    pub(in super::super) fn go_on_with_retrieve(&mut self, data: &DataSet, resolving: Resolving) -> Result<(), Ending> {
        let Some(permit) = self.pending.take() else { return Ok(()) };
        let Resolving { retrieve, narrowing, resolved } = resolving;
        let resolved = match resolved {
            Ok(resolved) => resolved,
            Err(ResolveFault::Identifier(fault)) => return self.refuse_identifier(data, permit, fault),
            Err(ResolveFault::Lookup(fault)) => return self.refuse_for_now(data, permit, &fault),
        };
        let Some(accepted) = self.contexts.get(data.context) else { return Ok(()) };
        let encoding = encoding_of(accepted.transfer_syntax);
        let level = resolved.level.unwrap_or(retrieve.level());
        let Some(identifier) = retrieve.write(encoding, level, &resolved.keys) else {
            let fault = RetrieveFault { tag: Some(PATIENT_ID), reason: "cannot be asked anew" };
            return self.refuse_identifier(data, permit, fault);
        };
        let scope = match Scope::read(&identifier, encoding, self.walk_limits) {
            Ok(scope) => scope.asked_at(retrieve.level()),
            Err(fault) => {
                let (status, words) = (Status::DATA_SET_MISMATCH, fault.to_string());
                return self.refuse_permitted(data, permit, status, &words);
            }
        };
        let shown: Vec<Shown> = resolved.studies.iter().map(|facts| facts.shown(&narrowing)).collect();
        let confined = Confined { narrowing, resolved, shown, refused: HashSet::new() };
        let anew = Anew { identifier, scope, confined };
        if self.carries(&data.command) {
            return self.begin_move_of(data, permit, Some(Box::new(anew)));
        }
        self.ask_anew(data, permit, retrieve.level(), anew);
        Ok(())
    }

    /// A C-GET, or a C-MOVE that the archive carries itself, goes on with another identifier.
    fn ask_anew(&mut self, data: &DataSet, permit: Permit, level: Level, anew: Anew) {
        let Anew { identifier, confined, .. } = anew;
        let message = data.command.message_id.unwrap_or_default();
        self.called.asked.push(Outstanding {
            message,
            sent_as: message,
            context: data.context,
            field: data.command.field,
            permit,
            bytes: 0,
            answers: 0,
            withheld: 0,
            purpose: Purpose::Retrieve(Box::new(Retrieving { level: Some(level), confined: Some(confined) })),
        });
        self.say_whole(data.context, &data.command, &identifier);
    }

    /// The request that has just gone on is a retrieve, and rules may speak of what it asks: they will be asked again about
    /// each object of it.
    pub(in super::super) fn remember_level(&mut self, data: &DataSet, walk: &Walk) {
        let retrieves = matches!(data.command.field, Field::GetRq) && data.kept.is_some();
        if let Some(asked) = self.called.asked.last_mut().filter(|_| retrieves) {
            asked.purpose = Purpose::Retrieve(Box::new(Retrieving { level: walk.leading.level(), confined: None }));
        }
    }

    /// Nothing is asked on a guess: the caller comes again.
    fn refuse_for_now(&mut self, data: &DataSet, permit: Permit, fault: &LookupFault) -> Result<(), Ending> {
        tracing::warn!(archive = %self.called.to, peer = %self.principal.name, %fault, "a retrieve is refused for now");
        let status = match fault {
            LookupFault::Full => Status::OUT_OF_RESOURCES,
            _ => transient(data.command.field),
        };
        self.refuse_permitted(data, permit, status, &format!("what may be seen cannot be found out now: {fault}"))
    }

    /// An identifier that an archive might take in more than one way is taken in none.
    fn refuse_identifier(&mut self, data: &DataSet, permit: Permit, fault: RetrieveFault) -> Result<(), Ending> {
        let words = match fault.tag {
            Some(tag) => format!("{tag} {}", fault.reason),
            None => fault.reason.to_owned(),
        };
        self.refuse_permitted(data, permit, Status::DATA_SET_MISMATCH, &words)?;
        if let Some(refused) = &mut self.up.refusal {
            refused.answer.offending.extend(fault.tag);
        }
        Ok(())
    }
}
