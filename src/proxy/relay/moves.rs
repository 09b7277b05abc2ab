//! A C-MOVE whose deliveries the gateway carries: its grant is made before the archive hears of it.

use super::outstanding::{Guarded, Moving, Outstanding, Purpose};
use super::refuse::transient;
use super::retrieve::Anew;
use super::stage::DataSet;
use super::wait::Woken;
use super::{Ending, Errand, Relay};
use crate::config::{Calling, Correlate, Serves};
use crate::dicom::AeTitle;
use crate::dicom::dimse::{Command, Counters, Status};
use crate::dicom::retrieve::Scope;
use crate::dicom::transfer_syntax::encoding_of;
use crate::gate::Permit;
use crate::policy::Receiver;
use crate::proxy::clock;
use crate::proxy::person;
use crate::proxy::way_back::{Held, MoveRefusal};
use crate::state::NewGrant;
use std::sync::Arc;

impl Relay {
    /// Whether the deliveries of a C-MOVE come back through this gateway: it listens for archives, and the destination
    /// is a peer. What goes from one archive to another inside is theirs.
    pub(super) fn carries(&self, command: &Command) -> bool {
        let inside = || self.snapshot.settings.listeners.iter().any(|listener| listener.serves == Serves::Archive);
        let outward = matches!(self.errand, Errand::Outward);
        outward && command.move_destination.as_ref().is_some_and(|title| self.is_of_a_peer(title)) && inside()
    }

    fn is_of_a_peer(&self, title: &AeTitle) -> bool {
        let policy = &self.snapshot.policy;
        match policy.receiver(title) {
            Some(Receiver::Peer(_)) => true,
            Some(Receiver::Archive(_)) => false,
            None => policy.model().peers.iter().any(|peer| peer.ae_titles.contains(title)),
        }
    }

    /// The gate permits: what is needed to recognise the deliveries goes into the state.
    pub(super) fn begin_move(&mut self, data: &DataSet, permit: Permit) -> Result<(), Ending> {
        self.begin_move_of(data, permit, None)
    }

    /// The same, `anew`: with another identifier than it came with.
    pub(super) fn begin_move_of(
        &mut self,
        data: &DataSet,
        permit: Permit,
        anew: Option<Box<Anew>>,
    ) -> Result<(), Ending> {
        let command = &data.command;
        let Some(destination) = command.move_destination else { return Ok(()) };
        if !matches!(self.snapshot.policy.receiver(&destination), Some(Receiver::Peer(_))) {
            let words = "the destination has no address at the gateway";
            return self.refuse_permitted(data, permit, Status::MOVE_DESTINATION_UNKNOWN, words);
        }
        let Some(accepted) = self.contexts.get(data.context) else { return Ok(()) };
        let context = (*accepted.abstract_syntax, *accepted.transfer_syntax);
        let identifier = data.kept.as_deref().unwrap_or_default();
        let scope = match &anew {
            Some(anew) => Ok(anew.scope.clone()),
            None => Scope::read(identifier, encoding_of(&context.1), self.walk_limits),
        };
        let scope = match scope {
            Ok(scope) => scope,
            Err(fault) => {
                return self.refuse_permitted(data, permit, Status::DATA_SET_MISMATCH, &fault.to_string());
            }
        };
        let Some(archive) = self.snapshot.archive(&self.called.title) else { return Ok(()) };
        let settings = &archive.settings;
        let correlate = settings.correlate;
        let new = NewGrant {
            archive: settings.ae_title,
            title: match settings.calling {
                Calling::Peer => self.principal.calling,
                Calling::Title(title) => title,
            },
            told: match correlate {
                Correlate::Destination => self.principal.calling,
                Correlate::Originator | Correlate::Serial => destination,
            },
            destination,
            requester: Arc::clone(&self.principal.name),
            requester_title: self.principal.calling,
            person: person::kept(self.principal.user.as_deref()),
            requester_message: command.message_id.unwrap_or_default(),
            message: None,
            context,
            scope: scope.encode(),
            association: self.visit.id().to_string(),
            lags: settings.deliveries_may_lag.is_some(),
            expires: 0,
        };
        let (grants, limits) = (Arc::clone(&self.shared.grants), self.snapshot.settings.limits.clone());
        self.pending = Some(permit);
        self.up.wait = Some(Box::pin(async move { Woken::Move(grants.make(new, correlate, &limits).await, anew) }));
        Ok(())
    }

    /// The grant is made, or cannot be.
    pub(super) fn go_on_with_move(
        &mut self,
        data: &DataSet,
        made: Result<Arc<Held>, MoveRefusal>,
        anew: Option<Box<Anew>>,
    ) -> Result<(), Ending> {
        let Some(permit) = self.pending.take() else { return Ok(()) };
        let held = match made {
            Ok(held) => held,
            Err(MoveRefusal::Busy) => {
                let words = "another move to this title did not end in time";
                return self.refuse_permitted(data, permit, transient(data.command.field), words);
            }
            Err(MoveRefusal::State(fault)) => {
                tracing::error!(%fault, "a C-MOVE is refused for now");
                let words = "the gateway cannot keep track of moves now";
                return self.refuse_permitted(data, permit, transient(data.command.field), words);
            }
        };
        let command = Command {
            message_id: Some(held.grant.message),
            move_destination: Some(held.grant.grant.told),
            ..data.command.clone()
        };
        let lag = self.lag();
        let grants = Arc::clone(&self.shared.grants);
        let (identifier, confined) = anew.map(|anew| (anew.identifier, Box::new(anew.confined))).unzip();
        self.called.asked.push(Outstanding {
            message: data.command.message_id.unwrap_or_default(),
            sent_as: held.grant.message,
            context: data.context,
            sent_on: data.context,
            field: data.command.field,
            permit,
            since: clock::unix(),
            bytes: data.bytes,
            answers: 0,
            withheld: 0,
            opened: None,
            purpose: Purpose::Move(Moving {
                held: Guarded::new(held, grants, lag),
                over: false,
                counted: Counters::default(),
                confined,
            }),
        });
        match identifier {
            Some(identifier) => self.say_whole(data.context, &command, &identifier),
            None => self.go_on_with(data.context, &command),
        }
        Ok(())
    }

    /// How long deliveries may come after the final answer.
    fn lag(&self) -> std::time::Duration {
        let archive = self.snapshot.archive(&self.called.title);
        let lag = archive.and_then(|archive| archive.settings.deliveries_may_lag).unwrap_or_default();
        lag.max(self.snapshot.settings.limits.grant_grace)
    }
}
