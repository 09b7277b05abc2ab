//! An object begins that may be sealed.

use super::super::delivery::Covering;
use super::super::rewrite::Transform;
use super::super::stage::{DataSet, Stage, Walk};
use super::super::wait::Woken;
use super::super::{End, Ending, Relay};
use super::{Opening, Pipe, Whom};
use crate::config::vault::OpenHow;
use crate::dicom::dimse::{Command, Field};
use crate::dicom::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, encoding_of, is_encapsulated, is_lossy};
use crate::dicom::{Tag, Uid};
use crate::gate::Permit;
use crate::policy::Open as Right;
use crate::proxy::clock;
use crate::proxy::vault::VaultRoom;
use crate::transform::open::{Found, OpenOptions, OpenOrder};
use crate::vault::Unlock;
use crate::vault::family::{Family, Treatment};
use std::sync::Arc;
use std::time::Duration;

/// What nobody asked for was read at most so long before it comes, however long the association is open.
const UNASKED: Duration = Duration::from_secs(60);

impl Relay {
    /// The keys, where there is a vault: the ledger is asked about objects of every class, since one that is never sealed
    /// may come in the place of one that was. `None`: they go the way they always went.
    pub(in super::super) fn vault_to_ask(&self) -> Option<Arc<VaultRoom>> {
        self.snapshot.vault.clone()
    }

    /// An object of a C-GET, `hidden`: without these attributes.
    pub(in super::super) fn look_into_got(
        &mut self,
        room: &VaultRoom,
        context: u8,
        command: &Command,
        permit: Permit,
        walk: Option<&Walk>,
        hidden: Vec<Tag>,
    ) -> Result<(), Ending> {
        let right = match permit.open() {
            Right::Sealed if !self.snapshot.policy.shares_vault(&self.principal.name) => Right::No,
            right => right,
        };
        let archive = self.called.title;
        let Some(mut opening) = self.opening(archive, context, command, permit, Whom::Getting, right, hidden) else {
            return Ok(());
        };
        if let Some(walk) = walk {
            opening.read(walk);
        }
        self.look_into(End::Called, room, opening)
    }

    /// An object that an archive delivers, with this command: for these moves, or since a rule lets it send. `right`: what
    /// all who asked for it may have.
    #[expect(clippy::too_many_arguments, reason = "each is another kind of thing, and all go into one value")]
    pub(in super::super) fn look_into_delivery(
        &mut self,
        room: &VaultRoom,
        data: &DataSet,
        command: Command,
        permit: Permit,
        covering: Option<Covering>,
        right: Right,
        hidden: Vec<Tag>,
    ) -> Result<(), Ending> {
        let Some(inward) = self.errand.inward() else { return Ok(()) };
        let archive = inward.archive;
        let right = self.right_at_destination(&command, covering.as_ref(), right);
        let whom = covering.map_or(Whom::Unasked, Whom::Moves);
        let Some(mut opening) = self.opening(archive, data.context, &command, permit, whom, right, hidden) else {
            return Ok(());
        };
        if let Some(walk) = &data.walk {
            opening.read(walk);
        }
        self.look_into(End::Caller, room, opening)
    }

    /// What is opened for whoever asked goes to a destination that may have it opened itself, or is whoever asked.
    fn right_at_destination(&self, command: &Command, covering: Option<&Covering>, right: Right) -> Right {
        let Some(inward) = self.errand.inward() else { return Right::No };
        let to = inward.destination.as_deref().unwrap_or_default();
        let policy = &self.snapshot.policy;
        let opens = || match covering {
            // The rule that lets the archive send names the destination.
            None => true,
            Some(covering) => {
                covering.iter().all(|held| &*held.grant.grant.requester == to)
                    || policy.opens_for(to, inward.archive.as_str(), command.sop_class(), clock::moment())
            }
        };
        match right {
            Right::Opened if opens() => Right::Opened,
            // Whoever may have it opened may have it sealed, where that is of use.
            Right::Opened | Right::Sealed if policy.shares_vault(to) => Right::Sealed,
            Right::No | Right::Sealed | Right::Opened => Right::No,
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each is another kind of thing, and all go into one value")]
    fn opening(
        &self,
        archive: crate::dicom::AeTitle,
        context: u8,
        command: &Command,
        permit: Permit,
        whom: Whom,
        right: Right,
        hidden: Vec<Tag>,
    ) -> Option<Opening> {
        let accepted = match whom {
            Whom::Getting => self.contexts.called(self.called.number, context),
            Whom::Moves(_) | Whom::Unasked => self.contexts.get(context),
        }?;
        Some(Opening {
            archive,
            context,
            class: *accepted.abstract_syntax,
            syntax: *accepted.transfer_syntax,
            instance: *command.sop_instance()?,
            study: None,
            dated: None,
            command: command.clone(),
            permit: Some(permit),
            since: self.asked_for(&whom),
            whom,
            right,
            hidden,
            asked: false,
        })
    }

    /// When an archive was asked for what it sends, seconds since 1970.
    fn asked_for(&self, whom: &Whom) -> i64 {
        let since = match whom {
            Whom::Getting => {
                let gets = self.called.asked.iter().filter(|asked| asked.field == Field::GetRq);
                gets.map(|asked| asked.since).min()
            }
            Whom::Moves(covering) => covering.iter().map(|held| held.since).min(),
            // Nobody asked: it has read it since it opened the association, or a little before.
            Whom::Unasked => {
                let open = i64::try_from(self.visit.open_for().min(UNASKED).as_secs()).unwrap_or_default();
                Some(clock::unix() - open)
            }
        };
        since.unwrap_or_else(clock::unix)
    }

    /// Looks into it from its first byte, what has come of it included.
    fn look_into(&mut self, from: End, room: &VaultRoom, opening: Opening) -> Result<(), Ending> {
        let limits = &self.snapshot.settings.limits;
        let vault = self.snapshot.settings.vault.as_ref();
        let whole = vault.is_some_and(|vault| vault.open == OpenHow::Whole);
        let minted = self.snapshot.archive(&opening.archive).is_some_and(|archive| archive.settings.vault.rewrites_sop);
        let encoding = encoding_of(&opening.syntax);
        let order = OpenOrder {
            unlock: Unlock::Ring(Arc::clone(&room.ring)),
            from: encoding,
            sop_class: opening.class,
            sop_instance: opening.instance,
            options: OpenOptions {
                minted,
                whole: if whole { u64::MAX } else { limits.open_whole },
                header: u32::try_from(limits.seal_header).unwrap_or(u32::MAX),
                depth: self.walk_limits.depth,
                digest: false,
            },
        };
        let pipe = Pipe::new(encoding, order, self.walk_limits);
        let mut rewrite = self.rewrite(Transform::Open(Box::new(pipe)));
        // The archive may have compressed what carries a seal.
        if is_encapsulated(&opening.syntax)
            && !is_lossy(&opening.syntax)
            && !matches!(Family::of(&opening.class), Treatment::Never(_))
            && let Ok(decoding) = self.decoding(&opening.syntax, encoding)
        {
            rewrite.unpack(decoding);
        }
        match from {
            End::Caller => {
                self.up.opening = Some(Box::new(opening));
                self.start_up(rewrite)
            }
            End::Called => {
                self.called.down.opening = Some(Box::new(opening));
                self.start_down(rewrite)
            }
        }
    }

    /// More of it has been looked at: once it is known what it is, the ledger is asked.
    pub(in super::super) fn looked(&mut self, from: End) {
        let state = self.shared.state.clone();
        let direction = match from {
            End::Caller => &mut self.up,
            End::Called => &mut self.called.down,
        };
        let (Some(opening), Some(rewrite)) = (&mut direction.opening, &direction.rewrite) else { return };
        let Transform::Open(pipe) = rewrite.transform() else { return };
        let Some(found) = pipe.found().filter(|_| !opening.asked) else { return };
        opening.asked = true;
        if rewrite.is_unpacked()
            && let Ok(native) = Uid::new(EXPLICIT_VR_LITTLE_ENDIAN)
        {
            opening.syntax = native;
        }
        if let Stage::Data(data) = &direction.stage
            && let Some(walk) = &data.walk
        {
            opening.read(walk);
        }
        // Where an archive mints UIDs, the ledger has the one that was sealed.
        let instance = match found {
            Found::Plain => opening.instance,
            Found::Sealed(inner) => inner.sop_instance,
        };
        let archive = opening.archive;
        direction.wait = Some(Box::pin(async move { Woken::Ledger(Box::new(state.seals(archive, &instance).await)) }));
    }
}
