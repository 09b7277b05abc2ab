//! From the identifier that came to the one that goes on.

use super::super::narrow::{Due, Granted, charge, named, without};
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
use crate::policy::model::Blown;
use crate::policy::narrow::Shown;
use crate::proxy::lookup::{LookupFault, ResolveFault, Resolved};
use crate::state::{State, StateFault};
use std::collections::HashSet;
use std::sync::Arc;

/// A retrieve that was resolved, or could not be.
#[derive(Debug)]
pub(in super::super) struct Resolving {
    retrieve: Retrieve,
    narrowing: Arc<Narrowing>,
    found: Result<Found, Refusal>,
}

/// What may be asked, and what showing it costs.
#[derive(Debug)]
struct Found {
    resolved: Resolved,
    /// The permits that show each study of it.
    shown: Vec<Shown>,
    granted: Granted,
}

/// Why nothing may be asked.
#[derive(Debug)]
enum Refusal {
    Resolve(ResolveFault),
    /// Budgets cannot be asked.
    State(StateFault),
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
            Err(fault) => return self.refuse_retrieve(data, permit, fault),
        };
        if retrieve.frames() && data.command.field == Field::MoveRq {
            let fault = RetrieveFault { tag: None, reason: "frames are retrieved by C-GET only" };
            return self.refuse_retrieve(data, permit, fault);
        }
        let (lookups, state, subject) = (self.lookups(), self.shared.state.clone(), self.subject());
        self.pending = Some(permit);
        self.up.wait = Some(Box::pin(async move {
            let found = match lookups.resolve(&retrieve, &narrowing).await {
                Ok(resolved) => charged(&state, &narrowing, &subject, resolved).await,
                Err(fault) => Err(Refusal::Resolve(fault)),
            };
            Woken::Resolved(Box::new(Resolving { retrieve, narrowing, found }))
        }));
        Ok(())
    }

    /// It is known what may be asked.
    pub(in super::super) fn go_on_with_retrieve(&mut self, data: &DataSet, resolving: Resolving) -> Result<(), Ending> {
        let Some(permit) = self.pending.take() else { return Ok(()) };
        let Resolving { retrieve, narrowing, found } = resolving;
        let Found { resolved, shown, granted } = match found {
            Ok(found) => found,
            Err(Refusal::Resolve(ResolveFault::Identifier(fault))) => {
                return self.refuse_retrieve(data, permit, fault);
            }
            Err(Refusal::Resolve(ResolveFault::Lookup(fault))) => return self.refuse_for_now(data, permit, &fault),
            Err(Refusal::State(fault)) => {
                tracing::warn!(%fault, peer = %self.principal.name, "a retrieve is refused: its budgets cannot be asked");
                let (status, words) = (transient(data.command.field), "the gateway cannot count this now");
                return self.refuse_permitted(data, permit, status, words);
            }
        };
        self.ask_resolved_canaries(&resolved.studies)?;
        if let Some(blown) = granted.blown {
            return self.refuse_blown(data, permit, &narrowing, blown);
        }
        let shown = shown.iter().zip(granted.spent.iter().chain(std::iter::repeat(&Shown::NOTHING)));
        let shown: Vec<Shown> = shown.map(|(shown, spent)| without(*shown, *spent)).collect();
        let carried = self.carries(&data.command);
        let leaves_whole = data.command.field == Field::MoveRq && !carried;
        if leaves_whole && shown.iter().any(|shown| !narrowing.hidden_in_objects(*shown).is_empty()) {
            let words = "something is hidden in its objects, and they would not pass the gateway";
            return self.refuse_permitted(data, permit, Status::NOT_AUTHORIZED, words);
        }
        let Some(accepted) = self.contexts.get(data.context) else { return Ok(()) };
        let encoding = encoding_of(accepted.transfer_syntax);
        let level = resolved.level.unwrap_or(retrieve.level());
        let Some(identifier) = retrieve.write(encoding, level, &resolved.keys) else {
            let fault = RetrieveFault { tag: Some(PATIENT_ID), reason: "cannot be asked anew" };
            return self.refuse_retrieve(data, permit, fault);
        };
        let confined = Confined { narrowing, resolved, shown, refused: HashSet::new() };
        if !carried {
            self.ask_anew(data, permit, retrieve.level(), identifier, confined);
            return Ok(());
        }
        match Scope::read(&identifier, encoding, self.walk_limits) {
            Ok(scope) => {
                let scope = scope.asked_at(retrieve.level());
                self.begin_move_of(data, permit, Some(Box::new(Anew { identifier, scope, confined })))
            }
            Err(fault) => self.refuse_permitted(data, permit, Status::DATA_SET_MISMATCH, &fault.to_string()),
        }
    }

    /// A C-GET, or a C-MOVE that the archive carries itself, goes on with another identifier.
    fn ask_anew(&mut self, data: &DataSet, permit: Permit, level: Level, identifier: Vec<u8>, confined: Confined) {
        let again = self.keep_for_again(&data.command, &identifier);
        self.called.asked.push(Outstanding::new(
            data.context,
            &data.command,
            permit,
            Purpose::Retrieve(Box::new(Retrieving { level: Some(level), confined: Some(confined), again })),
        ));
        self.say_whole(data.context, &data.command, &identifier);
    }

    /// The request that has just gone on is a retrieve, and rules may speak of what it asks: they will be asked again about
    /// each object of it.
    pub(in super::super) fn remember_level(&mut self, data: &DataSet, walk: &Walk) {
        let retrieves = matches!(data.command.field, Field::GetRq) && data.kept.is_some();
        let again = data.kept.as_deref().and_then(|kept| self.keep_for_again(&data.command, kept));
        if let Some(asked) = self.called.asked.last_mut().filter(|_| retrieves) {
            let level = walk.leading.level();
            asked.purpose = Purpose::Retrieve(Box::new(Retrieving { level, confined: None, again }));
        }
    }

    /// Nothing is asked on a guess: the caller comes again.
    fn refuse_for_now(&mut self, data: &DataSet, permit: Permit, fault: &LookupFault) -> Result<(), Ending> {
        tracing::warn!(archive = %self.called.to, peer = %self.principal.name, %fault, "a retrieve is refused for now");
        let status = match fault {
            LookupFault::Full => Status::OUT_OF_RESOURCES,
            _ => transient(data.command.field),
        };
        self.refuse_permitted(data, permit, status, "the gateway cannot find out what may be shown now")
    }

    /// No budget has room for all of it.
    fn refuse_blown(
        &mut self,
        data: &DataSet,
        permit: Permit,
        narrowing: &Narrowing,
        blown: Shown,
    ) -> Result<(), Ending> {
        let budgets = blown.places().filter_map(|place| narrowing.permits().get(place)?.budget.as_ref());
        let status = match budgets.map(|budget| budget.blown).all(|blown| blown == Blown::Refuse) {
            true => Status::OUT_OF_RESOURCES,
            false => Status::NOT_AUTHORIZED,
        };
        let (words, tripped) = self.blown(&permit, narrowing, blown);
        let Some(ending) = tripped else { return self.refuse_permitted(data, permit, status, &words) };
        // All of the request has come: it is answered before the association ends.
        self.refuse_permitted(data, permit, status, &words)?;
        if let Some(refused) = self.up.refusal.take() {
            self.answer_caller(refused.context, &refused.answer, None);
        }
        Err(ending)
    }

    /// An identifier that an archive might take in more than one way is taken in none.
    fn refuse_retrieve(&mut self, data: &DataSet, permit: Permit, fault: RetrieveFault) -> Result<(), Ending> {
        self.refuse_permitted(data, permit, Status::DATA_SET_MISMATCH, &fault.to_string())?;
        if let Some(refused) = &mut self.up.refusal {
            refused.answer.offending.extend(fault.tag);
        }
        Ok(())
    }
}

/// Charges for the studies of which something may be handed out, before they are asked for.
async fn charged(
    state: &State,
    narrowing: &Narrowing,
    subject: &Arc<str>,
    resolved: Resolved,
) -> Result<Found, Refusal> {
    let shown: Vec<Shown> = resolved.studies.iter().map(|facts| facts.shown(narrowing)).collect();
    let counted = narrowing.permits().iter().any(|permit| permit.budget.is_some());
    let due: Vec<Due> = resolved
        .studies
        .iter()
        .zip(&shown)
        .filter_map(|(facts, shown)| {
            let answer = facts.answers().first().filter(|_| counted)?;
            Some(Due::of(narrowing, *shown, answer, |unit, item| named(state, unit, item)))
        })
        .collect();
    let granted = charge(state, narrowing, subject, &due).await.map_err(Refusal::State)?;
    Ok(Found { resolved, shown, granted })
}
