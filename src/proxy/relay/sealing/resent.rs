//! An object is sent again (`resend = "compare"`): what the archive holds of it is read back, opened and compared while the
//! new one waits, sealed, in the spool. Equal: its sender is told success, and nothing is stored. Anything else: it is
//! stored as if nobody had looked.

use super::super::outstanding::Purpose;
use super::super::refuse::Refused;
use super::super::rewrite::{Transform, TransformFault};
use super::super::stage::{DataSet, Fate};
use super::super::wait::Woken;
use super::super::{Ending, Relay};
use super::Sealing;
use super::answer::place_of;
use super::begin::holds;
use crate::audit::vault::VaultNote;
use crate::config::vault::Resend;
use crate::dicom::dimse::Status;
use crate::dicom::{AeTitle, Uid};
use crate::gate::{Permit, SealedAs};
use crate::proxy::clock;
use crate::proxy::shared::Shared;
use crate::proxy::vault::alert::{alert, cause_of_reading};
use crate::proxy::vault::held::Held;
use crate::proxy::vault::reach;
use crate::proxy::vault::verify::{Place, ReadBack, Verified, VerifyFault};
use crate::state::{Repeats, SealRow, StateFault};
use crate::vault::KeyId;
use std::sync::Arc;

/// What is known of an instance that is to be sealed.
pub(super) enum Known {
    /// Nobody has asked yet.
    NotAsked,
    /// It is none that the archive holds, as far as is known, or nobody wants to know.
    New,
    /// The archive acknowledged seals of it.
    Sealed(Box<SealRow>),
}

/// What came of comparing.
#[derive(Debug)]
pub(in super::super) enum Compared {
    /// The archive holds it as it was sent.
    Same(SealedAs),
    /// It holds something else of it, in words.
    Differs(&'static str),
    /// What it holds cannot be compared.
    Unread(VerifyFault),
}

/// The new object, as far as it is compared.
struct New {
    syntax: Uid,
    whose: [u8; 16],
    same: Option<[u8; 32]>,
}

impl Relay {
    /// Whether what an archive holds is to be looked at first. If so, the ledger is asked whether it holds anything.
    pub(super) fn ask_whether_resent(&mut self, data: &DataSet, permit: Permit) -> Option<Permit> {
        let archive = self.snapshot.archive(&self.called.title).map(|archive| archive.settings.vault.resend);
        let wanted = archive == Some(Resend::Compare);
        let instance = data.command.affected_sop_instance.filter(|_| wanted);
        let Some(instance) = instance.filter(|instance| !self.shared.not_compared.contains(&self.called.to, instance))
        else {
            return Some(permit);
        };
        let (state, archive) = (self.shared.state.clone(), self.called.title);
        self.pending = Some(permit);
        self.up.wait = Some(Box::pin(async move { Woken::Resent(Box::new(state.seals(archive, &instance).await)) }));
        None
    }

    /// The ledger knows of it, or not.
    pub(in super::super) fn go_on_with_resent(
        &mut self,
        data: &DataSet,
        row: Result<Option<SealRow>, StateFault>,
    ) -> Result<(), Ending> {
        let Some(permit) = self.pending.take() else { return Ok(()) };
        let known = match row {
            Ok(Some(row)) if row.is_acknowledged() => Known::Sealed(Box::new(row)),
            // A ledger that is away refuses the store when its seal begins.
            Ok(_) | Err(_) => Known::New,
        };
        let between_vaults = self.snapshot.policy.shares_vault(&self.principal.name);
        self.begin_sealing_known(data, permit, between_vaults, known)
    }

    /// All of an object has come that is to be compared: what the archive holds is read back.
    pub(super) fn compare(&mut self) {
        let calling = self.title_seen();
        let on_behalf = self.visit.looking_up();
        let (shared, snapshot) = (Arc::clone(&self.shared), Arc::clone(&self.snapshot));
        let Some(rewrite) = &self.up.rewrite else { return };
        let Transform::Seal(run) = rewrite.transform() else { return };
        let (begun, same) = (run.begun().cloned(), run.same());
        let Some((asked, _)) = self.sealing() else { return };
        let Purpose::Seal(sealing) = &mut asked.purpose else { return };
        let (Some(begun), Some(row)) = (begun, sealing.resent.take()) else { return };
        let new = New { syntax: begun.transfer_syntax, whose: begun.whose, same };
        let (archive, place) = (sealing.archive, place_of(sealing));
        let repeats = snapshot.vault.as_ref().map_or(Repeats::Unknown, |room| room.repeats(&archive));
        // Its sender waits, and is to be answered by the archive if this one takes too long.
        let patience = snapshot.settings.limits.dimse / 2;
        self.up.wait = Some(Box::pin(async move {
            let Some(how) = reach::reading(&snapshot, &archive) else {
                return Woken::Compared(Box::new(Compared::Unread(VerifyFault::NotOffered)));
            };
            let how = ReadBack { compare: true, ..how };
            let read = async {
                let Ok(_permit) = shared.gate.look_up(&on_behalf) else {
                    return Err(VerifyFault::unasked("nothing can be recorded"));
                };
                read(&shared, archive, calling, &place, &how).await
            };
            let read = match tokio::time::timeout(patience, read).await {
                Ok(read) => read,
                Err(_) => Err(VerifyFault::unasked("it takes too long")),
            };
            let compared = match read {
                Ok(verified) => match Held::judge(&shared.state, &row, verified.inner.seal, repeats).await {
                    Ok(Held::Rightly) => judge(&new, &verified),
                    Ok(Held::NoLonger(_)) => Compared::Differs("another took its place meanwhile"),
                    Ok(Held::Wrongly) => Compared::Unread(VerifyFault::Other(verified.inner.seal)),
                    Err(fault) => Compared::Unread(VerifyFault::unasked(&fault.to_string())),
                },
                Err(fault) => Compared::Unread(fault),
            };
            if let Compared::Same(held) = &compared {
                let seal = crate::vault::SealId(held.seal);
                if let Err(fault) = shared.state.seal_verified(archive, &place.instance, seal, clock::unix()).await {
                    tracing::warn!(%archive, %fault, "that a seal was read back could not be noted");
                }
            }
            Woken::Compared(Box::new(compared))
        }));
    }

    /// It is known whether the archive holds it.
    pub(in super::super) fn go_on_compared(&mut self, data: &DataSet, compared: Compared) -> Result<(), Ending> {
        match compared {
            Compared::Same(held) => match holds(&self.shared, KeyId(held.key)) {
                Ok(()) => return self.answer_same(data, held),
                Err(_) => {
                    tracing::info!(archive = %self.called.to, "an object that was sent again is stored: the key of what is there has gone");
                }
            },
            Compared::Differs(what) => {
                tracing::info!(archive = %self.called.to, "an object that was sent again is stored: {what}");
            }
            Compared::Unread(fault) => {
                tracing::info!(archive = %self.called.to, "an object that was sent again is stored, since what is there cannot be compared: {fault}");
                self.tell_of(&fault);
            }
        }
        self.note_seal();
        self.pump_up()
    }

    /// The archive holds it: its sender need not store it, and is told so once that is recorded.
    fn answer_same(&mut self, data: &DataSet, held: SealedAs) -> Result<(), Ending> {
        let Some(mut asked) = self.take_sealing() else { return Ok(()) };
        self.up.rewrite = None;
        self.up.fate = Fate::Drop;
        if let Purpose::Seal(sealing) = &mut asked.purpose {
            sealing.same = Some(held);
        }
        asked.bytes = data.bytes;
        let context = asked.context;
        let Some(answer) = data.command.response(Status::SUCCESS) else { return Ok(()) };
        self.settle_permit(asked, &answer)?;
        self.up.refusal = Some(Box::new(Refused { context, answer, dropped: 0 }));
        Ok(())
    }

    /// Something is wrong with what the archive holds: it is replaced, if the archive replaces, and told of in any case.
    fn tell_of(&mut self, fault: &VerifyFault) {
        // That it is gone from an archive is nothing to be alarmed about: it may have been deleted there.
        let cause = cause_of_reading(fault).filter(|_| !matches!(fault, VerifyFault::Gone(_)));
        let (shared, snapshot) = (Arc::clone(&self.shared), Arc::clone(&self.snapshot));
        let Some((asked, _)) = self.sealing() else { return };
        let (Purpose::Seal(sealing), Some(cause)) = (&asked.purpose, cause) else { return };
        let (archive, instance, study) = (sealing.archive, sealing.instance, sealing.study);
        let words = format!("found when it was sent again: {fault}");
        let note = VaultNote {
            who: None,
            cause,
            archive: archive.as_str(),
            instance: Some(instance.as_str()),
            study: study.as_ref().map(Uid::as_str),
            seal: None,
            words: &words,
        };
        // The sender is answered by the archive.
        let _told = alert(&shared, snapshot.generation, Some(&self.visit), note);
    }

    /// There is no room to keep an object until it is compared: the next time it is stored without.
    pub(super) fn compare_no_more(&self, sealing: &Sealing, fault: &TransformFault) {
        if matches!(fault, TransformFault::Spool(_)) && sealing.resent.is_some() {
            self.shared.not_compared.remember(&self.called.to, sealing.instance);
        }
    }
}

async fn read(
    shared: &Shared,
    archive: AeTitle,
    calling: AeTitle,
    place: &Place,
    how: &ReadBack,
) -> Result<Verified, VerifyFault> {
    let (mut reader, _room) = reach::reader_in_turn(shared, &archive, calling, &[place.class]).await?;
    let verified = reader.read(place, how, None).await;
    // It is over, whatever the other side says to that.
    let _ = reader.close().await;
    verified
}

/// Whether what was opened, to its last segment, is what was sent. That it is of the same class and instance was looked at
/// when it was opened.
fn judge(new: &New, held: &Verified) -> Compared {
    let inner = &held.inner;
    if inner.transfer_syntax != new.syntax {
        return Compared::Differs("it came in another transfer syntax");
    }
    if inner.whose != new.whose {
        return Compared::Differs("its sender says that it belongs to another patient, study or order");
    }
    match (new.same, held.same) {
        (Some(new), Some(held)) if new == held => {}
        (Some(_), Some(_)) => return Compared::Differs("it is not the same"),
        _ => return Compared::Differs("it cannot be compared"),
    }
    // What the archive holds of it, as far as it is known here.
    let (seal, key) = (inner.seal, inner.key.map_or(0, |key| key.0));
    Compared::Same(SealedAs { seal: seal.0, key, segments: held.opened.segments, bytes: held.opened.bytes, same: true })
}
