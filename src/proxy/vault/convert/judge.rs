//! What an archive has in the place of what is held, and what follows from that.

use super::held::Held;
use super::{Converter, Done, Said, Stop};
use crate::dicom::dimse::Status;
use crate::proxy::vault::verify::{VerifyFault, is_plain};
use crate::proxy::vault::walk::WalkFault;
use crate::state::{Repeats, SealEnd, Standing};
use crate::vault::SealId;

/// What the archive gives back.
enum Found {
    /// The sealed object, whole.
    Sealed,
    /// A whole object with another seal.
    Other(SealId),
    /// Something that is not sealed.
    Plain,
    /// Nothing.
    Gone(Status),
    /// Something that does not open.
    Spoilt(String),
    /// It cannot be said now.
    Unread(VerifyFault),
}

impl Converter<'_> {
    /// Settles what is held by what the archive gives back. The file goes only if the archive was seen to have the sealed
    /// object, or the original, or a later one.
    pub(super) async fn judge(&self, held: &Held, said: Said) -> Result<Done, Stop> {
        // An archive may say success before it has sorted an object in, or still be busy with one whose association ended.
        let (mut pauses, mut longer) = (self.patience.iter().take(3), self.patience.iter());
        let found = loop {
            let found = self.find(held).await?;
            let again = match (&found, &said) {
                (Found::Unread(_), _) => self.pause(&mut longer).await,
                (Found::Plain | Found::Gone(_), Said::Success | Said::Nothing) => self.pause(&mut pauses).await,
                _ => None,
            };
            if again.is_none() {
                break found;
            }
        };
        match found {
            Found::Sealed => {
                self.verified(&held.place, held.seal).await?;
                let bytes = held.length();
                held.forget();
                Ok(Done::Sealed { seal: held.seal, bytes })
            }
            Found::Other(seal) => self.other(held, seal).await,
            Found::Plain => self.plain(held, said).await,
            Found::Gone(status) => {
                let there = match self.ask_facts(&held.place).await {
                    Ok(Some(_)) => "lists it",
                    Ok(None) => "does not list it any more either",
                    Err(WalkFault::Link(fault)) => return Err(fault.into()),
                    Err(_) => "does not say whether it has it",
                };
                self.lay_aside(held, format!("the archive does not give it back ({status}), and {there}"))
            }
            Found::Spoilt(why) => self.give_back(held, why).await,
            Found::Unread(fault) => Err(Stop::Unread {
                instance: held.place.instance,
                why: fault.to_string(),
                file: held.path().to_owned(),
            }),
        }
    }

    /// It is not sealed: it is as it was, or somebody stored something else in its place.
    async fn plain(&self, held: &Held, said: Said) -> Result<Done, Stop> {
        if !self.is_back(held).await? {
            let why = "the archive gives it back unsealed and other than it was when it was sealed".to_owned();
            return self.lay_aside(held, why);
        }
        let words = match said {
            // It may yet replace it, and spoil it: the seal stays in doubt, and what is held waits until this is looked at again.
            Said::Success => return Err(Stop::NotReplaced(held.place.instance)),
            Said::Nothing => "the association ended before it was stored; it is as it was".to_owned(),
            Said::No(words) => {
                self.state.seal_end(self.archive, &held.place.instance, held.seal, SealEnd::Refused).await?;
                words
            }
        };
        held.forget();
        Ok(Done::Failed(words))
    }

    /// It carries another seal, and opens whole.
    async fn other(&self, held: &Held, seal: SealId) -> Result<Done, Stop> {
        let known = self.state.seals(self.archive, &held.place.instance).await?;
        let valid = known.is_some_and(|row| row.standing(seal, Repeats::Replaced) == Standing::Valid);
        if valid {
            // Somebody stored it through the gateway meanwhile.
            held.forget();
            return Ok(Done::Already);
        }
        self.lay_aside(held, format!("the archive gives it back with a seal that the ledger does not know ({seal})"))
    }

    pub(super) fn lay_aside(&self, held: &Held, why: String) -> Result<Done, Stop> {
        let file = held.lay_aside(&self.aside)?;
        Ok(Done::Kept { why, file })
    }

    async fn give_back(&self, held: &Held, why: String) -> Result<Done, Stop> {
        match self.restore(held).await {
            Ok(()) => {
                self.state.seal_end(self.archive, &held.place.instance, held.seal, SealEnd::Refused).await?;
                held.forget();
                Ok(Done::Restored(why))
            }
            Err(again) => Err(Stop::Lost {
                instance: held.place.instance,
                why,
                again: again.to_string(),
                file: held.path().to_owned(),
            }),
        }
    }

    async fn find(&self, held: &Held) -> Result<Found, Stop> {
        Ok(match self.read_back(&held.place, Some(held.seal)).await? {
            Ok(_) => Found::Sealed,
            Err(VerifyFault::Other(seal)) => Found::Other(seal),
            Err(VerifyFault::Plain) => Found::Plain,
            // An original that is compressed does not come in a native context.
            Err(fault @ (VerifyFault::Gone(_) | VerifyFault::Failed(_))) => {
                match (fault, is_plain(&self.target, &held.place, &self.how).await) {
                    (_, Ok(())) => Found::Plain,
                    (_, Err(VerifyFault::Link(fault))) => return Err(fault.into()),
                    (VerifyFault::Gone(status), Err(again)) if !again.is_transient() => Found::Gone(status),
                    (fault, Err(_)) => Found::Unread(fault),
                }
            }
            Err(fault) if fault.is_transient() => Found::Unread(fault),
            Err(fault) => Found::Spoilt(fault.to_string()),
        })
    }
}
