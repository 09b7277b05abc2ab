//! Seals what an archive holds already, one instance at a time: retrieve, seal, store in its place, read back.
//!
//! It never loses: the sealed object lies in a file, durably, and has opened from there, before the archive gets its first
//! byte. It stays there until what the archive gives back opens to the last segment, or is the original. What does not is
//! restored from that file. Only for archives that replace an object of the same instance.

#![expect(clippy::result_large_err, reason = "a round ends with it, once")]

mod held;
mod judge;
mod receive;
mod restore;
mod stop;
mod store;

pub use stop::Stop;

use super::classify::compressed;
use super::prove::Means;
use super::verify::{Line, Place, ReadBack, VerifyFault, is_plain};
use super::walk::{Facts, Listed, WalkFault, Walker};
use crate::dicom::{AeTitle, Uid};
use crate::scu::Target;
use crate::state::{Mark, SealEnd, SealMark, SealRow, Standing, State};
use crate::transform::seal::Begun;
use crate::vault::carrier::Carrier;
use crate::vault::family::{Family, Treatment};
use crate::vault::{KeyId, SealId};
use held::Held;
use receive::{Received, Receiving};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// After a fault of an association it is tried again after so many seconds each, before the round stops: archives are
/// restarted at night.
pub const PATIENCE: &[Duration] = &[
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(30),
];

/// Why an instance fails that did not come; perhaps it is of another class.
const NOT_GIVEN: &str = "the archive did not give it out";
/// Why an instance is left that came in no class.
const UNNAMED: &str = "the archive does not say its SOP class, and gives it out in no storage class of the standard";

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
    /// Where those lie that somebody has to look into.
    pub aside: PathBuf,
    /// Waits between tries ([`PATIENCE`]).
    pub patience: &'static [Duration],
    /// Whether the archive was proven to give back such an object as this seal is carried; else why not.
    pub proven: Proven<'a>,
    /// Whether the key of a seal is still there; else why nothing must be stored with it.
    pub holds: Holds<'a>,
}

/// Says whether what is about to be stored was proven, by its class and how it is carried.
pub type Proven<'a> = Box<dyn Fn(&Uid, &Begun) -> Result<(), String> + Send + Sync + 'a>;

/// Says whether a key is still there, by the manifest that lies there now: a round goes on for days.
pub type Holds<'a> = Box<dyn Fn(KeyId) -> Result<(), String> + Send + Sync + 'a>;

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
    /// The archive has neither it nor the original any more, or another one; what it held lies in a file.
    Kept {
        /// Why.
        why: String,
        /// Where it lies, sealed.
        file: PathBuf,
    },
}

/// An instance whose seal was on its way when something ended; it may be stored or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InDoubt {
    /// Which.
    pub instance: Uid,
    /// Study Instance UID.
    pub study: Option<Uid>,
    /// SOP Class UID.
    pub class: Uid,
    /// Which seal.
    pub seal: SealId,
}

/// What the archive said to a sealed object.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Success,
    /// That it does not take it; in words.
    No(String),
    /// Nothing: the association ended, or nobody remembers.
    Nothing,
}

impl Converter<'_> {
    /// Seals one instance in the archive. `listed`: what the archive said of its study when it was listed; what says
    /// otherwise right before storing was corrected meanwhile, and is left for the next round.
    ///
    /// # Errors
    /// No more can be sealed now. What was under way is found again by [`Converter::resume`].
    pub async fn convert(&self, place: &Place, listed: &Facts) -> Result<Done, Stop> {
        self.convert_as(place, listed, true).await
    }

    /// `is_known`: its class is; where it is a guess, what does not come at once is of another one.
    async fn convert_as(&self, place: &Place, listed: &Facts, is_known: bool) -> Result<Done, Stop> {
        if let Treatment::Never(family) | Treatment::Unsealable(family) = Family::of(&place.class) {
            return Ok(Done::Never(family.name));
        }
        let known = self.state.seals(self.archive, &place.instance).await?;
        if let Some(done) = self.is_sealed(place, known.as_ref()).await? {
            return Ok(done);
        }
        let path = held::path(&self.folder, &place.instance)?;
        let sealed = match self.retrieve(place, &path, is_known).await? {
            Received::Sealed(sealed) => *sealed,
            other => {
                held::remove(&path);
                return match other {
                    Received::Already => self.recognised(place, known.as_ref()).await,
                    Received::Nothing => Ok(Done::Nothing),
                    Received::Fault(why) => Ok(Done::Failed(why)),
                    Received::Disk(source) => Err(Stop::File { path, source }),
                    Received::Sealed(_) | Received::None => Ok(Done::Failed(NOT_GIVEN.to_owned())),
                };
            }
        };
        let begun = &sealed.begun;
        let held = Held::new(path, place, begun);
        if let Err(why) = (self.proven)(&place.class, begun) {
            held.forget();
            return Ok(Done::Failed(why));
        }
        // What does not open from the disk now would not later either, and the original is still there.
        if let Err(fault) = self.digest(&held) {
            held.forget();
            return Ok(Done::Failed(format!("what was sealed does not open again: {fault}")));
        }
        if let Some(why) = self.changed(place, listed).await? {
            held.forget();
            return Ok(Done::Failed(why));
        }
        held.keep()?;
        let shape = (begun.rows, begun.columns, begun.frames);
        let mark = SealMark::new(begun.seal, begun.key, begun.transfer_syntax, shape);
        self.state.seal_begin(&SealRow::new(self.archive, place.instance, begun.study, place.class, mark)).await?;
        // Not before the ledger knows: whoever destroys the key from now on sees in it that something is on its way.
        if let Err(why) = (self.holds)(begun.key) {
            self.state.seal_end(self.archive, &place.instance, held.seal, SealEnd::Refused).await?;
            held.forget();
            return Err(Stop::Key(why));
        }
        if self.stored_anew(&held, known.as_ref()).await? {
            self.state.seal_end(self.archive, &place.instance, held.seal, SealEnd::Refused).await?;
            held.forget();
            return Ok(Done::Failed("it was stored anew through the gateway meanwhile".to_owned()));
        }
        self.store(&held).await
    }

    /// Seals one instance of which the archive did not say the class, if it can be found out; else why not. `guess`: what
    /// others of its series are. Gives the class as well.
    ///
    /// # Errors
    /// As of [`Converter::convert`].
    pub async fn convert_unnamed(
        &self,
        listed: &Listed,
        guess: Option<Uid>,
        facts: &Facts,
    ) -> Result<Result<(Uid, Done), String>, Stop> {
        if let Some(class) = guess {
            let done = self.convert_as(&listed.place(class), facts, false).await?;
            if done != Done::Failed(NOT_GIVEN.to_owned()) {
                return Ok(Ok((class, done)));
            }
        }
        let mut pauses = self.patience.iter();
        loop {
            match super::classify::class_of(&self.target, listed).await {
                Ok(Some(class)) => {
                    return Ok(Ok((class, self.convert(&listed.place(class), facts).await?)));
                }
                Ok(None) => return Ok(Err(UNNAMED.to_owned())),
                Err(VerifyFault::Link(fault)) => {
                    if self.pause(&mut pauses).await.is_none() {
                        // One object that the archive cannot give out must not end every round.
                        return match self.is_there().await {
                            true => Ok(Err(format!("its SOP class cannot be found out: {fault}"))),
                            false => Err(fault.into()),
                        };
                    }
                }
                Err(fault) => return Ok(Err(format!("its SOP class cannot be found out: {fault}"))),
            }
        }
    }

    /// What an earlier round left under way: each is verified, or restored, or was never stored.
    ///
    /// # Errors
    /// No more can be done now. One that can be neither verified nor restored does not keep the others waiting; one that
    /// still cannot be read back is laid aside, or no round would ever come to its end.
    pub async fn resume(&self, mut each: impl FnMut(InDoubt, Done)) -> Result<(), Stop> {
        let mut lost = None;
        for held in Held::all(&self.folder)? {
            let done = match self.judge(&held, Said::Nothing).await {
                Err(Stop::Unread { why, .. }) => self.lay_aside(&held, why),
                done => done,
            };
            match done {
                Ok(done) => each(
                    InDoubt {
                        instance: held.place.instance,
                        study: held.place.study,
                        class: held.place.class,
                        seal: held.seal,
                    },
                    done,
                ),
                Err(stop @ Stop::Lost { .. }) => lost = Some(stop),
                Err(stop) => return Err(stop),
            }
        }
        lost.map_or(Ok(()), Err)
    }

    /// What the ledger knows of it, if it is sealed. What is acknowledged and was never read back is read back now; where the
    /// archive has something else, that is for people to look into: sealing it would make it look right.
    async fn is_sealed(&self, place: &Place, known: Option<&SealRow>) -> Result<Option<Done>, Stop> {
        let acknowledged = known.and_then(|row| row.seals.iter().rev().find(|seal| seal.mark == Mark::Acknowledged));
        let Some(seal) = acknowledged else { return Ok(None) };
        if seal.verified.is_some() {
            return Ok(Some(Done::Already));
        }
        self.recognised(place, known).await.map(Some)
    }

    /// It carries a seal, or should: whether it opens, and is one that may be there.
    async fn recognised(&self, place: &Place, known: Option<&SealRow>) -> Result<Done, Stop> {
        let read = match self.read_back(place, None).await? {
            // A compressed original comes in no encoding that a seal can be in.
            Err(VerifyFault::Failed(_)) if is_plain(&self.target, place, &self.how).await.is_ok() => {
                Err(VerifyFault::Plain)
            }
            read => read,
        };
        let seal = match read {
            Ok(seal) => seal,
            Err(VerifyFault::Plain | VerifyFault::Gone(_)) => {
                return Ok(Done::Failed(
                    "the ledger knows it as sealed, and the archive gives it back otherwise: find out who stored it past the gateway".to_owned(),
                ));
            }
            Err(fault) => return Ok(Done::Failed(fault.to_string())),
        };
        let repeats = crate::state::Repeats::Replaced;
        match known.map(|row| row.standing(seal, repeats)) {
            None | Some(Standing::Valid) => {
                self.verified(place, seal).await?;
                Ok(Done::Already)
            }
            Some(_) => Ok(Done::Failed("it carries a seal that is not the one stored last".to_owned())),
        }
    }

    /// Whether somebody corrected, moved or deleted it since its study was listed; in words.
    async fn changed(&self, place: &Place, listed: &Facts) -> Result<Option<String>, Stop> {
        let mut pauses = self.patience.iter();
        loop {
            match self.ask_facts(place).await {
                Ok(Some(now)) if now == *listed => return Ok(None),
                Ok(Some(_)) => {
                    return Ok(Some(
                        "its study was corrected meanwhile; the next round takes it as it is then".to_owned(),
                    ));
                }
                Ok(None) => return Ok(Some("it is not there any more: deleted, or moved to another study".to_owned())),
                Err(WalkFault::Link(fault)) => self.pause(&mut pauses).await.ok_or(fault)?,
                Err(fault) => return Ok(Some(format!("whether it is still as it was cannot be asked: {fault}"))),
            }
        }
    }

    async fn ask_facts(&self, place: &Place) -> Result<Option<Facts>, WalkFault> {
        let mut walker = Walker::open(&self.target).await?;
        let facts = walker.facts(place).await;
        walker.close().await;
        facts
    }

    /// Whether the ledger knows seals of it that it did not know before.
    async fn stored_anew(&self, held: &Held, before: Option<&SealRow>) -> Result<bool, Stop> {
        let now = self.state.seals(self.archive, &held.place.instance).await?;
        let ids = |row: Option<&SealRow>| {
            let all =
                row.map(|row| row.seals.iter().map(|seal| seal.id).filter(|id| *id != held.seal).collect::<Vec<_>>());
            all.unwrap_or_default()
        };
        let before = ids(before);
        Ok(ids(now.as_ref()).iter().any(|id| !before.contains(id)))
    }

    /// Retrieves an instance in the encoding that the archive has it in, and seals it into a file.
    async fn retrieve(&self, place: &Place, path: &Path, is_known: bool) -> Result<Received, Stop> {
        let mut pauses = self.patience.iter();
        loop {
            let mut receiving = Receiving::new(&self.means, &self.how, self.carrier, path, place)?;
            let got = match Line::any(&self.target, place.class).await {
                Ok(line) => self.get(line, place, &mut receiving).await,
                Err(fault) => Err(fault),
            };
            match got {
                Ok(()) => match receiving.done() {
                    Received::None if is_known => return self.retrieve_compressed(place, path).await,
                    received => return Ok(received),
                },
                Err(VerifyFault::Link(fault)) => {
                    if self.pause(&mut pauses).await.is_none() {
                        // One object that the archive cannot give out must not end every round.
                        return if self.is_there().await {
                            Ok(Received::Fault(fault.to_string()))
                        } else {
                            Err(fault.into())
                        };
                    }
                }
                Err(fault) => return Ok(Received::Fault(fault.to_string())),
            }
        }
    }

    /// The same, from an archive that gave nothing: some take the first context of a class, whatever its syntax, and send
    /// nothing if it is another one. So each compressed encoding is asked for by itself.
    async fn retrieve_compressed(&self, place: &Place, path: &Path) -> Result<Received, Stop> {
        for syntax in compressed() {
            let mut receiving = Receiving::new(&self.means, &self.how, self.carrier, path, place)?;
            let came = match Line::open(&self.target, &[place.class], &[&[syntax]]).await {
                Ok(line) if line.takes(&place.class) => self.get(line, place, &mut receiving).await,
                Ok(line) => {
                    let _ = line.close().await;
                    continue;
                }
                Err(fault) => Err(fault),
            };
            match (came, receiving.done()) {
                (Ok(()), Received::None) => {}
                (Ok(()), received) => return Ok(received),
                (Err(fault), _) => return Ok(Received::Fault(fault.to_string())),
            }
        }
        Ok(Received::None)
    }

    async fn get(&self, mut line: Line, place: &Place, receiving: &mut Receiving<'_>) -> Result<(), VerifyFault> {
        let got = line.get(place, receiving).await;
        let _ = line.close().await;
        got.map(drop).map_err(VerifyFault::from)
    }

    /// Reads back and opens what the archive has, whatever seal it carries.
    ///
    /// # Errors
    /// The archive cannot be asked now.
    async fn read_back(&self, place: &Place, seal: Option<SealId>) -> Result<Result<SealId, VerifyFault>, Stop> {
        let mut pauses = self.patience.iter();
        loop {
            let read = super::verify::read_back(&self.target, place, &self.how, seal).await;
            match read.map(|verified| verified.inner.seal) {
                Err(VerifyFault::Link(fault)) => {
                    if self.pause(&mut pauses).await.is_none() {
                        return if self.is_there().await {
                            Ok(Err(VerifyFault::Link(fault)))
                        } else {
                            Err(fault.into())
                        };
                    }
                }
                Err(VerifyFault::NotOffered) => return Err(Stop::NotOffered(place.instance)),
                other => return Ok(other),
            }
        }
    }

    async fn verified(&self, place: &Place, seal: SealId) -> Result<bool, Stop> {
        let now = jiff::Timestamp::now().as_second();
        Ok(self.state.seal_verified(self.archive, &place.instance, seal, now).await?)
    }

    /// Waits before the next try; `None`: there is none.
    async fn pause(&self, pauses: &mut (impl Iterator<Item = &'static Duration> + Send)) -> Option<()> {
        tokio::time::sleep(*pauses.next()?).await;
        Some(())
    }

    /// Whether the archive answers at all.
    async fn is_there(&self) -> bool {
        match Walker::open(&self.target).await {
            Ok(walker) => {
                walker.close().await;
                true
            }
            Err(fault) => !matches!(fault, WalkFault::Link(_)),
        }
    }
}
