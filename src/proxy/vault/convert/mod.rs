//! Seals what an archive holds already, one instance at a time: retrieve, seal, store in its place, read back.
//!
//! It never loses: the sealed object lies in a file, durably, before the archive gets it, and stays there until what the
//! archive gives back opens to the last segment. What does not is restored from that file. Only for archives that replace an
//! object of the same instance.

#![expect(clippy::result_large_err, reason = "a round ends with it, once")]

mod held;
mod receive;
mod restore;

use super::prove::Means;
use super::verify::{Place, ReadBack, Reader, VerifyFault};
use crate::dicom::dimse::{Command, Status, StatusKind};
use crate::dicom::transfer_syntax::{self, EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};
use crate::dicom::{AeTitle, Uid};
use crate::scu::{Ask, Link, LinkFault, Target};
use crate::state::{Mark, SealEnd, SealMark, SealRow, State, StateFault};
use crate::vault::SealId;
use crate::vault::carrier::Carrier;
use crate::vault::family::{Family, Treatment};
use held::Held;
use receive::{Received, Receiving};
use std::io;
use std::path::PathBuf;

/// So often is an association tried anew before the round stops.
const TRIES: u32 = 3;

/// What sealing an archive's objects needs.
pub struct Converter<'a> {
    /// The archive.
    pub target: Target<'a>,
    /// Its title.
    pub archive: AeTitle,
    /// What is sealed with.
    pub means: Means,
    /// What is opened with.
    pub how: ReadBack,
    /// Where the seal stands.
    pub carrier: Carrier,
    /// The ledger.
    pub state: State,
    /// Where sealed objects wait until they are verified.
    pub folder: PathBuf,
}

/// What became of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It is sealed, and was read back.
    Sealed {
        /// Its seal.
        seal: SealId,
        /// Bytes of the sealed object.
        bytes: u64,
    },
    /// It was sealed before.
    Already,
    /// Its family is never sealed.
    Never(&'static str),
    /// There is nothing in it to be sealed.
    Nothing,
    /// It is as it was; why.
    Failed(String),
    /// The archive spoilt it, and has its original back; why.
    Restored(String),
}

/// Why no more is sealed.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// The archive cannot be asked.
    #[error(transparent)]
    Link(#[from] LinkFault),
    /// The ledger.
    #[error(transparent)]
    State(#[from] StateFault),
    /// The folder of what waits.
    #[error("`{path}`: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It gives back the original.
    #[error(
        "the archive said success to instance {0} and still gives back what it had: it does not replace, whatever its probe says"
    )]
    NotReplaced(Uid),
    /// What the archive has does not open, and it does not take the original back.
    #[error(
        "instance {instance} does not come back from the archive ({why}), and it does not take the original back ({again}); `{file}` holds it, sealed: `dicomgate vault open` opens it"
    )]
    Lost {
        /// Which.
        instance: Uid,
        /// What is wrong with what it gave back.
        why: String,
        /// Why restoring failed.
        again: String,
        /// Where it is.
        file: PathBuf,
    },
}

/// An instance whose seal was on its way when something ended; it may be stored or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InDoubt {
    /// Which.
    pub instance: Uid,
    /// Which seal.
    pub seal: SealId,
}

impl Converter<'_> {
    /// Seals one instance in the archive.
    ///
    /// # Errors
    /// No more can be sealed now. What was under way is found again by [`Converter::resume`].
    pub async fn convert(&self, place: &Place) -> Result<Done, Stop> {
        if let Treatment::Never(family) | Treatment::Unsealable(family) = Family::of(&place.class) {
            return Ok(Done::Never(family.name));
        }
        if self.is_sealed(place).await? {
            return Ok(Done::Already);
        }
        let (path, received) = self.retrieve(place).await?;
        let sealed = match received {
            Received::Sealed(sealed) => *sealed,
            other => {
                held::remove(&path);
                return Ok(match other {
                    Received::Already => Done::Already,
                    Received::Nothing => Done::Nothing,
                    Received::Fault(why) => Done::Failed(why),
                    Received::Sealed(_) | Received::None => Done::Failed("the archive did not give it out".to_owned()),
                });
            }
        };
        let begun = &sealed.begun;
        let held = Held::new(path, place, begun);
        held.keep()?;
        let shape = (begun.rows, begun.columns, begun.frames);
        let mark = SealMark::new(begun.seal, begun.key, begun.transfer_syntax, shape);
        self.state.seal_begin(&SealRow::new(self.archive, place.instance, begun.study, place.class, mark)).await?;
        self.store(&held).await
    }

    /// What an earlier round left under way: each is verified, or restored, or was never stored.
    ///
    /// # Errors
    /// No more can be done now.
    pub async fn resume(&self) -> Result<Vec<(InDoubt, Done)>, Stop> {
        let mut done = Vec::new();
        for held in Held::all(&self.folder)? {
            let outcome = self.judge(&held, false).await?;
            done.push((InDoubt { instance: held.place.instance, seal: held.seal }, outcome));
        }
        Ok(done)
    }

    /// Whether the ledger knows it as sealed. What is acknowledged and was never read back is read back now.
    async fn is_sealed(&self, place: &Place) -> Result<bool, Stop> {
        let Some(row) = self.state.seals(self.archive, &place.instance).await? else { return Ok(false) };
        let Some(seal) = row.seals.iter().rev().find(|seal| seal.mark == Mark::Acknowledged) else { return Ok(false) };
        if seal.verified.is_some() {
            return Ok(true);
        }
        match self.read_back(place, None).await {
            Ok(found) => Ok(self.verified(place, found).await?),
            Err(VerifyFault::Link(fault)) => Err(fault.into()),
            Err(_) => Ok(false),
        }
    }

    /// Retrieves an instance in the encoding that the archive has it in, and seals it into a file.
    async fn retrieve(&self, place: &Place) -> Result<(PathBuf, Received), Stop> {
        let path = held::path(&self.folder, &place.instance)?;
        for tried in 1.. {
            let mut receiving = Receiving::new(&self.means, &self.how, self.carrier, &path, place)?;
            match self.get(place, &mut receiving).await {
                Ok(()) => return Ok((path, receiving.done())),
                Err(VerifyFault::Link(fault)) if tried >= TRIES => return Err(fault.into()),
                Err(VerifyFault::Link(_)) => {}
                Err(fault) => return Ok((path, Received::Fault(fault.to_string()))),
            }
        }
        Ok((path, Received::None))
    }

    async fn get(&self, place: &Place, receiving: &mut Receiving<'_>) -> Result<(), VerifyFault> {
        // An archive that takes the first context that will do changes least with explicit VR.
        let others = transfer_syntax::all().filter(|syntax| *syntax != EXPLICIT_VR_LITTLE_ENDIAN);
        let syntaxes: Vec<[&str; 1]> =
            std::iter::once(EXPLICIT_VR_LITTLE_ENDIAN).chain(others).map(|syntax| [syntax]).collect();
        let lists: Vec<&[&str]> = syntaxes.iter().map(<[&str; 1]>::as_slice).collect();
        let mut reader = Reader::open_in(&self.target, &[place.class], &lists).await?;
        let got = reader.get(place, receiving).await;
        let _ = reader.close().await;
        got.map(drop).map_err(VerifyFault::from)
    }

    /// Stores what is held in the place of the original, and judges what comes back.
    async fn store(&self, held: &Held) -> Result<Done, Stop> {
        let ended = |end| self.state.seal_end(self.archive, &held.place.instance, held.seal, end);
        match self.send(held).await {
            Ok(status) if is_taken(status) => {
                ended(SealEnd::Acknowledged).await?;
                self.judge(held, true).await
            }
            Ok(status) => {
                ended(SealEnd::Refused).await?;
                held.forget();
                Ok(Done::Failed(format!("the archive refuses the sealed object with {status}")))
            }
            // It may be stored or not.
            Err(_) => {
                ended(SealEnd::Unknown).await?;
                self.judge(held, false).await
            }
        }
    }

    async fn send(&self, held: &Held) -> Result<Status, Stop> {
        let natives = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN].iter();
        let syntaxes: Vec<Uid> = natives.filter_map(|text| Uid::new(text).ok()).take(1).collect();
        let asks = [Ask { class: held.place.class, syntaxes, roles: None }];
        let mut link = Link::open(&self.target, &asks).await?;
        let Some(on) = link.accepted(&held.place.class) else {
            let _ = link.release().await;
            return Err(LinkFault::Malformed("it does not take objects of this class".into()).into());
        };
        link.begin(on.id, &Command::store_rq(1, &held.place.class, &held.place.instance)).await?;
        let mut chunks = held.read()?;
        while let Some(chunk) = chunks.next_chunk()? {
            link.data(on.id, &chunk).await?;
        }
        link.data_end(on.id).await?;
        let answer = link.receive().await?;
        let _ = link.release().await;
        Ok(answer.command.status.ok_or_else(|| LinkFault::Malformed("a response without a status".into()))?)
    }

    /// What the archive has now in the place of what is held. `acknowledged`: it said success.
    async fn judge(&self, held: &Held, acknowledged: bool) -> Result<Done, Stop> {
        let mut tried = 0;
        let why = loop {
            tried += 1;
            match self.read_back(&held.place, Some(held.seal)).await {
                Ok(found) => {
                    self.verified(&held.place, found).await?;
                    let bytes = held.length();
                    held.forget();
                    return Ok(Done::Sealed { seal: held.seal, bytes });
                }
                // Nothing is known: the file stays, and the next round asks again.
                Err(VerifyFault::Link(fault)) if tried >= TRIES => return Err(fault.into()),
                Err(VerifyFault::Link(_)) => {}
                Err(VerifyFault::Plain) if acknowledged => {
                    self.state.seal_end(self.archive, &held.place.instance, held.seal, SealEnd::Refused).await?;
                    held.forget();
                    return Err(Stop::NotReplaced(held.place.instance));
                }
                Err(VerifyFault::Plain) => {
                    self.state.seal_end(self.archive, &held.place.instance, held.seal, SealEnd::Refused).await?;
                    held.forget();
                    return Ok(Done::Failed("the association ended before it was stored; it is as it was".to_owned()));
                }
                Err(fault) => break fault.to_string(),
            }
        };
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

    async fn read_back(&self, place: &Place, seal: Option<SealId>) -> Result<SealId, VerifyFault> {
        let verified = super::verify::read_back(&self.target, place, &self.how, seal).await?;
        Ok(verified.inner.seal)
    }

    async fn verified(&self, place: &Place, seal: SealId) -> Result<bool, Stop> {
        let now = jiff::Timestamp::now().as_second();
        Ok(self.state.seal_verified(self.archive, &place.instance, seal, now).await?)
    }
}

fn is_taken(status: Status) -> bool {
    matches!(status.kind(), StatusKind::Success | StatusKind::Warning)
}
