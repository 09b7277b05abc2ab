//! An object begins that must be sealed.

use super::super::outstanding::{Outstanding, Purpose};
use super::super::refuse::transient;
use super::super::rewrite::{Rewrite, Transform};
use super::super::routes::Way;
use super::super::stage::{DataSet, Fate};
use super::super::wait::Woken;
use super::super::{Ending, Relay};
use super::resent::Known;
use super::{SealRun, Sealing};
use crate::config::vault::Unsealable;
use crate::dicom::dimse::{Field, Status};
use crate::dicom::negotiation::is_native;
use crate::dicom::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, Encoding, encoding_of};
use crate::dicom::{AeTitle, Uid};
use crate::gate::Permit;
use crate::proxy::shared::Shared;
use crate::proxy::snapshot::Snapshot;
use crate::proxy::vault::{Seals, VaultRoom};
use crate::state::{Mark, Repeats, SealMark, SealRow, StateFault};
use crate::transform::same::Same;
use crate::transform::seal::{Begun, Outcome, Seal, SealFault, SealOrder};
use crate::vault::KeyId;
use crate::vault::carrier::Carrier;
use crate::vault::family::{Family, Treatment};
use std::sync::Arc;

/// Where a sealed object goes.
struct Onto {
    leg: u8,
    context: u8,
    syntax: Uid,
}

/// Why nothing of a sealed object may go.
#[derive(Debug)]
pub(in super::super) enum NotBegun {
    /// The ledger cannot be told.
    Ledger(StateFault),
    /// The archive is not proven for what it turned out to be, or its key is gone; in words.
    Unproven(String),
}

/// Whether the archive is proven for what an object turned out to be.
fn carried(snapshot: &Snapshot, sealing: &Sealing, begun: &Begun) -> Result<(), String> {
    let (Treatment::Sealed(family), Some(room)) = (Family::of(&sealing.class), snapshot.vault.as_ref()) else {
        return Ok(());
    };
    let Some(archive) = snapshot.archive(&sealing.archive) else { return Ok(()) };
    room.carries(&archive.settings, family, begun)
}

/// Whether the gateway has the key of a seal now, whatever the association began with.
pub(super) fn holds(shared: &Shared, key: KeyId) -> Result<(), String> {
    match &shared.snapshot().vault {
        Some(room) => room.holds(key),
        None => Err("there is no [vault] any more that opens it".to_owned()),
    }
}

/// Whether an archive says success to an object and keeps the one before it, and the key of that one is gone.
fn keeps_what_is_lost(shared: &Shared, row: &SealRow) -> bool {
    let snapshot = shared.snapshot();
    let repeats = snapshot.vault.as_ref().map_or(Repeats::Unknown, |room| room.repeats(&row.archive));
    let first = row.current(repeats).filter(|first| repeats == Repeats::Kept && first.mark == Mark::Acknowledged);
    first.is_some_and(|first| holds(shared, first.key).is_err())
}

impl Relay {
    /// Whether an object that the caller begins to store may have to be sealed: what comes of it is kept until that is
    /// decided.
    pub(in super::super) fn may_have_to_be_sealed(&self, field: Field, class: &Uid) -> bool {
        field == Field::StoreRq
            && self.snapshot.vault.is_some()
            && self.errand.inward().is_none()
            && !matches!(Family::of(class), Treatment::Never(_))
            && self.snapshot.policy.may_seal(&self.principal, &self.called.to)
    }

    /// A store that must be sealed is permitted. `between_vaults`: the sender may have it sealed, and then it passes.
    pub(in super::super) fn begin_sealing(
        &mut self,
        data: &DataSet,
        permit: Permit,
        between_vaults: bool,
    ) -> Result<(), Ending> {
        self.begin_sealing_known(data, permit, between_vaults, Known::NotAsked)
    }

    /// The same, when it may be known whether the archive holds the instance already.
    pub(super) fn begin_sealing_known(
        &mut self,
        data: &DataSet,
        permit: Permit,
        between_vaults: bool,
        known: Known,
    ) -> Result<(), Ending> {
        let command = &data.command;
        let named = command.affected_sop_class.zip(command.affected_sop_instance);
        let (Some((class, instance)), Some(accepted)) = (named, self.contexts.get(data.context)) else {
            return Ok(());
        };
        let syntax = *accepted.transfer_syntax;
        let snapshot = Arc::clone(&self.snapshot);
        let archive = snapshot.archive(&self.called.title);
        let (Some(room), Some(vault), Some(archive)) = (&snapshot.vault, &snapshot.settings.vault, archive) else {
            return self.not_sealed(data, permit, transient(command.field), "there is no [vault] to seal it with");
        };
        let family = match Family::of(&class) {
            Treatment::Never(_) => return self.store_in_clear(data, permit, "never"),
            Treatment::Unsealable(family) if vault.unsealable == Unsealable::Refuse => {
                let words = format!("objects of the family \"{}\" cannot be sealed", family.name);
                return self.not_sealed(data, permit, Status::PROCESSING_FAILURE, &words);
            }
            Treatment::Unsealable(_) => return self.unsealed(data, permit, "unsealable"),
            Treatment::Sealed(family) => family,
        };
        let carrier = match room.seals(vault, &archive.settings, family) {
            Seals::Yes(carrier) => carrier,
            Seals::Unproven(words) => {
                tracing::warn!(archive = %self.called.to, %words, "an object that must be sealed is stored in clear");
                return self.unsealed(data, permit, "unproven");
            }
            Seals::No(words) => return self.not_sealed(data, permit, transient(command.field), &words),
        };
        let Some(onto) = self.onto(data.context, &class) else {
            let words = "the archive accepted no uncompressed presentation context for objects of this class";
            return self.not_sealed(data, permit, transient(command.field), words);
        };
        let (permit, resent) = match known {
            Known::NotAsked => match self.ask_whether_resent(data, permit) {
                None => return Ok(()),
                Some(permit) => (permit, None),
            },
            Known::New => (permit, None),
            Known::Sealed(row) => (permit, Some(row)),
        };
        let whole = resent.is_some() || self.shared.kept_whole.contains(&self.principal.name, &class);
        match self.new_seal(room, &class, &instance, syntax, &onto, carrier, between_vaults, whole) {
            Ok(seal) => {
                let title = archive.settings.ae_title;
                let walk = data.walk.as_ref().map(|walk| &walk.leading);
                let sealing = Sealing {
                    archive: title,
                    class,
                    instance,
                    study: walk.and_then(|leading| leading.study().copied()),
                    series: walk.and_then(|leading| leading.series().copied()),
                    syntax,
                    command: command.clone(),
                    resent,
                    same: None,
                    begun: None,
                    known: None,
                    doubtful: false,
                    plain: false,
                    gone: false,
                    sealed: None,
                    answer: None,
                };
                self.start_sealing(data, permit, sealing, &onto, seal)
            }
            Err(fault) => {
                let status = super::fail::status_of(&fault);
                self.not_sealed(data, permit, status, &fault.to_string())
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each is another kind of thing, and all go into one value")]
    fn new_seal(
        &self,
        room: &VaultRoom,
        class: &Uid,
        instance: &Uid,
        from: Uid,
        onto: &Onto,
        carrier: Carrier,
        between_vaults: bool,
        whole: bool,
    ) -> Result<Seal, SealFault> {
        Seal::new(SealOrder {
            context: Arc::clone(&room.context),
            sop_class: *class,
            sop_instance: *instance,
            from,
            to: encoding_of(&onto.syntax),
            carrier,
            options: Arc::clone(room.options(between_vaults)),
            whole,
        })
    }

    /// The context that sealed objects of a class go on: its own if that is native at the archive, else an extra one on
    /// the same leg, then on another, then any native one of the caller's. What is not native has explicit VRs, and keeps
    /// them where it can.
    fn onto(&self, context: u8, class: &Uid) -> Option<Onto> {
        let number = self.called.number;
        let here = |id: u8| {
            let known = self.contexts.called(number, id)?;
            let fits = known.abstract_syntax == class && known.roles.scu && is_native(known.transfer_syntax);
            fits.then_some(Onto { leg: number, context: id, syntax: *known.transfer_syntax })
        };
        let extra = || {
            let extras = self.contexts.extras(class);
            let fits = extras.filter(|extra| extra.roles.scu && is_native(&extra.transfer_syntax));
            let forgets = |syntax: &Uid| syntax.as_str() != EXPLICIT_VR_LITTLE_ENDIAN;
            let best = fits.min_by_key(|extra| (extra.leg != number, forgets(&extra.transfer_syntax)))?;
            Some(Onto { leg: best.leg, context: best.id, syntax: best.transfer_syntax })
        };
        let callers = || {
            let mut ids = self.contexts.iter().map(|(id, _)| id);
            ids.find_map(|id| here(id).filter(|_| self.routes.of(id) == Way::Leg(number)))
        };
        here(context).or_else(extra).or_else(callers)
    }

    /// It goes as it is although it was to be sealed, as one before it may have been.
    fn unsealed(&mut self, data: &DataSet, permit: Permit, why: &'static str) -> Result<(), Ending> {
        match self.ask_whether_sealed(data, permit, Some(why)) {
            Some(permit) => self.store_in_clear(data, permit, why),
            None => Ok(()),
        }
    }

    /// It goes as it is: `why` for the record.
    pub(super) fn store_in_clear(&mut self, data: &DataSet, permit: Permit, why: &'static str) -> Result<(), Ending> {
        if self.contexts.called(self.called.number, data.context).is_none() {
            let words = "the archive accepted no presentation context for it";
            return self.not_sealed(data, permit, transient(data.command.field), words);
        }
        self.up.lead = None;
        let purpose = Purpose::Clear(why);
        self.called.asked.push(Outstanding::new(data.context, &data.command, permit, purpose));
        // An archive that sends may have its command written anew.
        self.go_on_with(data.context, &data.command);
        self.up.fate = Fate::Forward;
        Ok(())
    }

    fn start_sealing(
        &mut self,
        data: &DataSet,
        permit: Permit,
        sealing: Sealing,
        onto: &Onto,
        seal: Seal,
    ) -> Result<(), Ending> {
        // What was released for the leg before goes there first.
        self.focus_up();
        self.hand_out_up();
        self.up_for = onto.leg;
        self.focus_up();
        let (compared, syntax) = (sealing.resent.is_some(), sealing.syntax);
        let mut asked = Outstanding::new(data.context, &data.command, permit, Purpose::Seal(Box::new(sealing)));
        asked.sent_on = onto.context;
        self.called.asked.push(asked);
        if !compared {
            return self.start_up(self.rewrite(Transform::Seal(Box::new(SealRun::new(seal)))));
        }
        let encoding = encoding_of(&syntax);
        let looks = (encoding != Encoding::Deflated).then(|| Same::new(encoding, self.walk_limits.depth));
        let mut rewrite = self.rewrite(Transform::Seal(Box::new(SealRun::comparing(seal, looks))));
        rewrite.wait_for_end();
        self.start_up(rewrite)
    }

    /// Once it is known what is sealed, the ledger is told; before that nothing goes.
    pub(in super::super) fn note_seal(&mut self) {
        let Some(rewrite) = self.up.rewrite.as_ref().filter(|rewrite| rewrite.is_headless()) else { return };
        let Transform::Seal(run) = rewrite.transform() else { return };
        // What passes is not compared, and is not kept for it.
        let waits = rewrite.waits_for_end() && !rewrite.is_over() && !run.passes();
        if self.up.wait.is_some() || waits {
            return;
        }
        if run.begun().is_some() && self.is_to_be_compared() {
            return self.compare();
        }
        let Some(rewrite) = &self.up.rewrite else { return };
        let Transform::Seal(run) = rewrite.transform() else { return };
        let (begun, passes, quiet) = (run.begun().cloned(), run.passes(), rewrite.is_quiet());
        let state = self.shared.state.clone();
        let snapshot = Arc::clone(&self.snapshot);
        // It may have waited long, to be compared.
        let held = begun.as_ref().map_or(Ok(()), |begun| holds(&self.shared, begun.key));
        let Some((asked, _)) = self.sealing() else { return };
        let Purpose::Seal(sealing) = &mut asked.purpose else { return };
        match begun {
            None if passes => {
                let (archive, instance) = (sealing.archive, sealing.instance);
                self.up.wait = Some(Box::pin(async move {
                    let told = state.seal_passes(archive, &instance).await;
                    Woken::SealBegun(told.map(|()| None).map_err(NotBegun::Ledger))
                }));
            }
            None if quiet => {}
            None => {
                sealing.plain = true;
                self.begin_sealed();
            }
            Some(begun) => {
                let size = (begun.rows, begun.columns, begun.frames);
                let mark = SealMark::new(begun.seal, begun.key, begun.transfer_syntax, size);
                let row = SealRow::new(sealing.archive, sealing.instance, begun.study, sealing.class, mark);
                let carried = held.and_then(|()| carried(&snapshot, sealing, &begun)).map_err(NotBegun::Unproven);
                sealing.begun = Some(begun);
                self.up.wait = Some(Box::pin(async move {
                    let told = match carried {
                        Ok(()) => state.seal_begin(&row).await.map(|row| Some(Box::new(row))).map_err(NotBegun::Ledger),
                        Err(unproven) => Err(unproven),
                    };
                    Woken::SealBegun(told)
                }));
            }
        }
    }

    /// The ledger knows, or cannot be asked.
    pub(in super::super) fn go_on_sealing(
        &mut self,
        noted: Result<Option<Box<SealRow>>, NotBegun>,
    ) -> Result<(), Ending> {
        match noted {
            Ok(known) => {
                let doubtful = known.as_deref().is_some_and(|row| keeps_what_is_lost(&self.shared, row));
                if let Some((asked, _)) = self.sealing()
                    && let Purpose::Seal(sealing) = &mut asked.purpose
                {
                    sealing.known = known;
                    sealing.doubtful = doubtful;
                }
                self.begin_sealed();
                self.pump_up()
            }
            Err(NotBegun::Unproven(words)) => self.refuse_sealed(Status::OUT_OF_RESOURCES, &words),
            Err(NotBegun::Ledger(fault)) => {
                tracing::error!(%fault, "a store is refused for now: the ledger of seals cannot be written");
                self.refuse_sealed(Status::OUT_OF_RESOURCES, "the ledger of seals cannot be written now")
            }
        }
    }

    fn begin_sealed(&mut self) {
        let Some((asked, sent_on)) = self.sealing() else { return };
        let Purpose::Seal(sealing) = &asked.purpose else { return };
        let command = sealing.command.clone();
        let longest = self.called.longest;
        if let Some(rewrite) = &mut self.up.rewrite {
            rewrite.begin(sent_on, &command, longest);
        }
    }

    /// All of what was made of an object has gone.
    pub(in super::super) fn sealed_has_gone(&mut self, rewrite: &Rewrite) {
        let Transform::Seal(run) = rewrite.transform() else { return };
        let outcome = run.outcome().cloned();
        let Some((asked, _)) = self.sealing() else { return };
        let Purpose::Seal(sealing) = &mut asked.purpose else { return };
        sealing.gone = true;
        if let Some(Outcome::Sealed(sealed)) = outcome {
            sealing.sealed = Some(sealed);
        }
    }

    /// Whether an archive of this title is one of ours.
    pub(in super::super) fn is_archive(&self, title: &AeTitle) -> bool {
        self.snapshot.archive(title).is_some_and(|archive| archive.settings.ae_title.as_str() == &*self.called.to)
    }
}
