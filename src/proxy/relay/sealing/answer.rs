//! The archive has answered: the ledger is told, perhaps the object is read back, and only then the sender hears of it.

use super::super::outstanding::Purpose;
use super::super::stage::Fate;
use super::super::wait::Woken;
use super::super::{Ending, Relay};
use super::Sealing;
use super::begin::holds;
use crate::audit::vault::{STORED, VaultCause, VaultNote};
use crate::config::vault::Verify;
use crate::dicom::dimse::{Command, Status, StatusKind};
use crate::dicom::{AeTitle, Uid};
use crate::proxy::clock;
use crate::proxy::shared::Shared;
use crate::proxy::vault::alert::alert;
use crate::proxy::vault::reach;
use crate::proxy::vault::verify::{INDEXED, Place, ReadBack, VerifyFault};
use crate::state::{Repeats, SealEnd, Standing, StateFault};
use crate::vault::SealId;
use std::sync::Arc;
use tokio::time::Instant;

/// What has become known since the archive answered.
#[derive(Debug)]
pub(in super::super) struct Ended {
    /// The ledger was told.
    noted: Result<bool, StateFault>,
    /// It was read back.
    verified: Option<Result<(), VerifyFault>>,
}

/// What is to be read back.
struct Check {
    title: AeTitle,
    archive: AeTitle,
    place: Place,
    how: ReadBack,
}

impl Relay {
    /// The answer to an object that was sealed waits until the ledger knows of it. Whether it waits now.
    pub(in super::super) fn must_be_kept_in_ledger(&mut self, index: usize, command: &Command) -> bool {
        let Some(asked) = self.called.asked.get_mut(index) else { return false };
        let Purpose::Seal(sealing) = &mut asked.purpose else { return false };
        sealing.answer = Some(command.clone());
        let stored = command.status.is_some_and(|status| status.kind() != StatusKind::Failure);
        let Some(begun) = &sealing.begun else {
            let forgets = (stored && sealing.plain).then(|| self.shared.state.clone());
            let (archive, instance) = (sealing.archive, sealing.instance);
            let keeps_first = self.snapshot.vault.as_ref().is_some_and(|room| room.repeats(&archive) == Repeats::Kept);
            self.called.down.wait = Some(Box::pin(async move {
                // It has taken the place of what may have been sealed before: rightly, and so it is given out.
                let noted = match forgets.filter(|_| !keeps_first) {
                    Some(state) => state.seal_forget(archive, &instance).await.map(|_| true),
                    None => Ok(true),
                };
                Woken::SealEnded(Box::new(Ended { noted, verified: None }))
            }));
            return true;
        };
        let (archive, instance, seal, known) = (sealing.archive, sealing.instance, begun.seal, sealing.known.take());
        let check = stored.then(|| self.check(index)).flatten();
        let (state, shared) = (self.shared.state.clone(), Arc::clone(&self.shared));
        let on_behalf = self.visit.looking_up();
        self.called.down.wait = Some(Box::pin(async move {
            let end = if stored { SealEnd::Acknowledged } else { SealEnd::Refused };
            let noted = match &known {
                Some(known) => state.seal_end_of(known, seal, end).await,
                None => state.seal_end(archive, &instance, seal, end).await,
            };
            let verified = match check.filter(|_| noted.is_ok()) {
                Some(check) => Some(match (shared.gate.look_up(&on_behalf), check) {
                    (Ok(_permit), Some(check)) => verify(&shared, &check, seal).await,
                    // Nobody is told success of what was not read back.
                    (Err(_), _) => Err(VerifyFault::unasked("nothing can be recorded")),
                    (Ok(_), None) => Err(VerifyFault::unasked("it is no longer known how")),
                }),
                None => None,
            };
            if let Some(Ok(())) = &verified
                && let Err(fault) = state.seal_verified(archive, &instance, seal, clock::unix()).await
            {
                tracing::warn!(%archive, %fault, "that a seal was read back could not be noted");
            }
            Woken::SealEnded(Box::new(Ended { noted, verified }))
        }));
        true
    }

    /// What is to be read back of this one, if it is; `Some(None)`: it is to be, and cannot.
    fn check(&self, index: usize) -> Option<Option<Check>> {
        let Purpose::Seal(sealing) = &self.called.asked.get(index)?.purpose else { return None };
        let archive = self.snapshot.archive(&sealing.archive)?;
        let vault = self.snapshot.settings.vault.as_ref()?;
        let wanted = match archive.settings.vault.verify {
            _ if sealing.doubtful => true,
            Verify::None => false,
            Verify::All => true,
            Verify::Sample => sampled(sealing.begun.as_ref()?.seal, vault.verify_sample),
        };
        if !wanted {
            return None;
        }
        let (title, archive, place) = (self.title_seen(), sealing.archive, place_of(sealing));
        let how = reach::reading(&self.snapshot, &archive);
        Some(how.map(|how| Check { title, archive, place, how }))
    }

    /// The ledger knows, or not; the sender is answered.
    pub(in super::super) fn answer_sealed(&mut self, ended: &Ended) -> Result<(), Ending> {
        let waits = |purpose: &Purpose| matches!(purpose, Purpose::Seal(sealing) if sealing.answer.is_some());
        let Some(index) = self.called.asked.iter().position(|asked| waits(&asked.purpose)) else { return Ok(()) };
        let mut asked = self.called.asked.remove(index);
        let Purpose::Seal(sealing) = &mut asked.purpose else { return Ok(()) };
        let Some(answer) = sealing.answer.take() else { return Ok(()) };
        let stored = answer.status.is_some_and(|status| status.kind() != StatusKind::Failure);
        // Key and all may have gone while it was on its way: then it is told that it was not stored, and is sealed anew.
        let gone = sealing.begun.as_ref().filter(|_| stored).and_then(|begun| holds(&self.shared, begun.key).err());
        let answer = match (&ended.noted, &ended.verified) {
            (Err(fault), _) if stored => {
                tracing::error!(%fault, "an object was stored and the ledger of seals cannot say so: its sender is to send it again");
                self.not_told(sealing, &answer, "the ledger of seals cannot be written now")
            }
            (Ok(false), _) if stored => {
                tracing::error!(
                    "an object was stored whose seal the ledger no longer knows: its sender is to send it again"
                );
                self.not_told(sealing, &answer, "the ledger of seals does not know it any more")
            }
            (_, Some(Err(fault))) if fault.is_transient() => {
                self.not_told(sealing, &answer, &format!("could not be read back now: {fault}"))
            }
            (_, Some(Err(fault))) => self.not_kept(sealing, &answer, fault),
            _ if let Some(words) = gone => {
                tracing::error!("an object was stored that nobody can open any more: its sender is to send it again");
                self.not_told(sealing, &answer, &words)
            }
            _ => Command { data_set: false, ..answer },
        };
        if answer.status.is_some_and(|status| status.kind() != StatusKind::Failure)
            && let Some(sealed) = &sealing.sealed
        {
            let archive = sealing.archive;
            self.shared.metrics.sealed.with_label_values(&[archive.as_str()]).inc();
            self.shared.metrics.sealed_bytes.with_label_values(&[archive.as_str()]).inc_by(sealed.bytes);
        }
        let context = asked.context;
        self.settle_permit(asked, &answer)?;
        self.called.down.fate = Fate::Drop;
        self.answer_caller(context, &answer, None);
        Ok(())
    }

    /// The archive has it, and its sender cannot be told so yet: it is to send it again.
    fn not_told(&self, sealing: &Sealing, answer: &Command, words: &str) -> Command {
        let Sealing { command, syntax, study, .. } = sealing;
        let words = &format!("{STORED}{words}");
        let comment = self.cannot_seal(command, Some(syntax), study.as_ref(), words).comment();
        let refusal = command.refusal(Status::OUT_OF_RESOURCES, &comment);
        refusal.unwrap_or_else(|| Command { status: Some(Status::OUT_OF_RESOURCES), data_set: false, ..answer.clone() })
    }

    /// What came back is not what was stored: nothing is acknowledged, and somebody has to look.
    fn not_kept(&self, sealing: &Sealing, answer: &Command, fault: &VerifyFault) -> Command {
        let (archive, instance) = (sealing.archive, sealing.instance);
        let seal = sealing.begun.as_ref().map(|begun| begun.seal.to_string());
        let words = fault.to_string();
        let note = VaultNote {
            who: None,
            cause: VaultCause::NotKept,
            archive: archive.as_str(),
            instance: Some(instance.as_str()),
            study: sealing.study.as_ref().map(Uid::as_str),
            seal: seal.as_deref(),
            words: &words,
        };
        let refusal = alert(&self.shared, self.snapshot.generation, Some(&self.visit), note);
        // What is not there may still come, or is lost: sent again it is stored once more.
        let status = match fault {
            VerifyFault::Gone(_) => Status::OUT_OF_RESOURCES,
            _ => Status::PROCESSING_FAILURE,
        };
        let answer = Command { data_set: false, status: Some(status), ..answer.clone() };
        answer.with_comment(&refusal.comment())
    }
}

/// Whether a seal is among those that are read back: its id is random.
fn sampled(seal: SealId, one_in: u32) -> bool {
    let [a, b, c, d, ..] = seal.0;
    u32::from_be_bytes([a, b, c, d]).is_multiple_of(one_in.max(1))
}

pub(super) fn place_of(sealing: &Sealing) -> Place {
    let Sealing { class, instance, study, series, .. } = sealing;
    Place { class: *class, instance: *instance, study: *study, series: *series, patient: None }
}

/// Reads an object back, over associations of the gateway's own. Some archives acknowledge what they cannot find yet: that
/// nothing comes falsifies nothing, and is asked again for as long as a sender can wait. What comes otherwise settles it.
async fn verify(shared: &Shared, check: &Check, seal: SealId) -> Result<(), VerifyFault> {
    let patience = shared.snapshot().settings.limits.dimse / 2;
    let (since, mut pauses) = (Instant::now(), INDEXED.iter());
    loop {
        let verified = verify_once(shared, check, seal).await;
        match pauses.next().filter(|pause| since.elapsed() + **pause < patience) {
            // The place is another sender's meanwhile.
            Some(pause) if matches!(verified, Err(VerifyFault::Gone(_))) => tokio::time::sleep(*pause).await,
            _ => return verified,
        }
    }
}

/// The same, once.
async fn verify_once(shared: &Shared, check: &Check, seal: SealId) -> Result<(), VerifyFault> {
    let (mut reader, _room) = reach::reader_in_turn(shared, &check.archive, check.title, &[check.place.class]).await?;
    let verified = reader.read(&check.place, &check.how, Some(seal)).await;
    // It is over, whatever the other side says to that.
    let _ = reader.close().await;
    match verified {
        Err(VerifyFault::Other(other)) if is_newer(shared, check, seal, other).await => {
            Err(VerifyFault::unasked("it was stored anew meanwhile"))
        }
        verified => verified.map(drop),
    }
}

/// Whether the archive rightly holds a seal that came to it after this one had begun.
async fn is_newer(shared: &Shared, check: &Check, seal: SealId, other: SealId) -> bool {
    let repeats = shared.snapshot().vault.as_ref().map_or(Repeats::Unknown, |room| room.repeats(&check.archive));
    let Ok(Some(row)) = shared.state.seals(check.archive, &check.place.instance).await else { return false };
    let (Some(mine), Some(its)) = (row.seal(seal), row.seal(other)) else { return false };
    (its.begun > mine.begun || its.ended > mine.begun) && row.standing(other, repeats) == Standing::Valid
}
