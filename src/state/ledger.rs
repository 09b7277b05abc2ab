//! The seal ledger: which seals of an instance an archive may hold.

use crate::dicom::{AeTitle, Uid};
use crate::vault::{KeyId, SealId};

/// So many seals of one instance are remembered.
pub const MOST_SEALS: usize = 8;
/// A seal whose fate is in doubt for so many seconds is over when a later one is acknowledged (an hour): no archive is
/// still busy with it then.
const DOUBT: i64 = 3600;

/// What an archive does when an instance that it holds is stored again with other contents, as the probe found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Repeats {
    /// It says success and holds the last.
    Replaced,
    /// It says success and holds the first.
    Kept,
    /// It refuses them, whatever is in them.
    Refused,
    /// It takes them if they are equal and refuses them if not.
    Compared,
    /// It was not found out.
    #[default]
    Unknown,
}

/// What is known of one seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It was on its way; whether the archive has it nobody said.
    InDoubt,
    /// The archive said success.
    Acknowledged,
}

/// What became of storing a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealEnd {
    /// The archive said success, or a warning.
    Acknowledged,
    /// The archive refused it.
    Refused,
    /// The archive did not say: the association ended, or the time was over. The seal stays in doubt.
    Unknown,
}

/// Whether a seal that an archive gives out may be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is one that the archive should hold, or may.
    Valid,
    /// The archive acknowledged a later one, and replaces: somebody put an older object back.
    RolledBack,
    /// No seal of this instance has this id, and none was forgotten.
    Unknown,
}

/// One seal of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealMark {
    /// Its id.
    pub id: SealId,
    /// The ring key that it was made with.
    pub key: KeyId,
    /// Transfer syntax of what is sealed.
    pub syntax: Uid,
    /// Rows (0028,0010) of what is sealed; 0: it is no image.
    pub rows: u16,
    /// Columns (0028,0011) of what is sealed; 0: it is no image.
    pub columns: u16,
    /// Frames of what is sealed; 1 for an image of one; 0: it is no image.
    pub frames: u32,
    /// What is known of it.
    pub mark: Mark,
    /// When it began, or was acknowledged: seconds since 1970. The state fills it in.
    pub at: i64,
    /// When it was last read back whole: seconds since 1970.
    pub verified: Option<i64>,
    /// Which change of its row it began with. The state fills it in.
    pub begun: u32,
    /// Which change of its row it was acknowledged with; 0: none. The state fills it in.
    pub ended: u32,
}

impl SealMark {
    /// A seal that is about to be stored.
    pub const fn new(id: SealId, key: KeyId, syntax: Uid, (rows, columns, frames): (u16, u16, u32)) -> Self {
        let (at, verified, begun, ended) = (0, None, 0, 0);
        Self { id, key, syntax, rows, columns, frames, mark: Mark::InDoubt, at, verified, begun, ended }
    }
}

/// What is known of one instance at one archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealRow {
    /// The archive.
    pub archive: AeTitle,
    /// SOP Instance UID.
    pub instance: Uid,
    /// Study Instance UID when it was sealed last; `None`: it had none.
    pub study: Option<Uid>,
    /// SOP Class UID.
    pub sop_class: Uid,
    /// Its seals in the order in which they began; at most [`MOST_SEALS`].
    pub seals: Vec<SealMark>,
    /// Acknowledged ones have been forgotten, between the first and the last.
    pub forgot: bool,
    /// When the last seal in doubt began that has been forgotten: seconds since 1970; 0: none.
    pub forgot_doubtful: i64,
    /// Changes of this row so far.
    pub changes: u32,
}

impl SealRow {
    /// An instance with one seal, as [`State::seal_begin`](crate::state::State::seal_begin) takes it.
    pub fn new(archive: AeTitle, instance: Uid, study: Option<Uid>, sop_class: Uid, seal: SealMark) -> Self {
        let (forgot, forgot_doubtful, changes) = (false, 0, 0);
        Self { archive, instance, study, sop_class, seals: vec![seal], forgot, forgot_doubtful, changes }
    }

    /// The seal that the archive most likely gives out: of an archive that keeps what came first the first acknowledged
    /// one, otherwise the last; where none is acknowledged the last in doubt.
    pub fn current(&self, repeats: Repeats) -> Option<&SealMark> {
        let acknowledged = || self.seals.iter().filter(|seal| seal.mark == Mark::Acknowledged);
        let one = match repeats {
            Repeats::Kept => acknowledged().min_by_key(|seal| seal.ended),
            _ => acknowledged().max_by_key(|seal| seal.ended),
        };
        one.or_else(|| self.seals.iter().max_by_key(|seal| seal.begun))
    }

    /// Whether nobody knows what became of the last seal: the archive may hold it, or the one before, or nothing.
    pub fn in_doubt(&self) -> bool {
        self.seals.iter().max_by_key(|seal| seal.begun).is_some_and(|seal| seal.mark == Mark::InDoubt)
    }

    /// Whether the archive has acknowledged one of the seals that are remembered.
    pub fn is_acknowledged(&self) -> bool {
        self.seals.iter().any(|seal| seal.mark == Mark::Acknowledged)
    }

    /// The same until this second (since 1970).
    pub fn was_acknowledged(&self, asked: i64) -> bool {
        self.seals.iter().any(|seal| seal.mark == Mark::Acknowledged && seal.at <= asked)
    }

    /// The seal with this id.
    pub fn seal(&self, id: SealId) -> Option<&SealMark> {
        self.seals.iter().find(|seal| seal.id == id)
    }

    /// Whether an archive that does this with repeats may rightly give out the seal with this id. Where the archive
    /// replaces, an acknowledged seal is over once one that began after it was acknowledged is acknowledged itself; of
    /// two that were on their way at once either may be what the archive holds.
    pub fn standing(&self, id: SealId, repeats: Repeats) -> Standing {
        self.standing_when(id, repeats, i64::MAX)
    }

    /// The same for an object that was asked for at this time (seconds since 1970): what was acknowledged in a later second
    /// takes nothing away, for the archive may have read it before. Within one second nobody can tell, and it does.
    pub fn standing_when(&self, id: SealId, repeats: Repeats, asked: i64) -> Standing {
        let Some(seal) = self.seal(id) else {
            let later = |seal: &SealMark| seal.mark == Mark::Acknowledged && seal.at > self.forgot_doubtful + DOUBT;
            let doubtful = self.forgot_doubtful != 0 && !(repeats == Repeats::Replaced && self.seals.iter().any(later));
            let acknowledged = self.forgot && repeats != Repeats::Replaced;
            return if doubtful || acknowledged { Standing::Valid } else { Standing::Unknown };
        };
        let supersedes = |later: &&SealMark| {
            later.mark == Mark::Acknowledged
                && later.at <= asked
                && match seal.mark {
                    Mark::Acknowledged => later.begun > seal.ended,
                    Mark::InDoubt => later.begun > seal.begun && later.at > seal.at.saturating_add(DOUBT),
                }
        };
        match repeats {
            Repeats::Replaced if self.seals.iter().find(supersedes).is_some() => Standing::RolledBack,
            _ => Standing::Valid,
        }
    }

    /// The number of the next change.
    pub(in crate::state) const fn change(&mut self) -> u32 {
        self.changes = self.changes.saturating_add(1);
        self.changes
    }

    /// Adds a seal; where there are too many, one goes that matters least: between the first acknowledged one and the
    /// last, or the one in doubt that began first. `false`: nothing may go, for all may still be on their way.
    pub(in crate::state) fn add(&mut self, seal: SealMark) -> bool {
        if self.seals.len() >= MOST_SEALS {
            let acknowledged: Vec<(usize, u32)> = self
                .seals
                .iter()
                .enumerate()
                .filter(|(_, seal)| seal.mark == Mark::Acknowledged)
                .map(|(place, seal)| (place, seal.ended))
                .collect();
            let first = acknowledged.iter().map(|(_, ended)| *ended).min();
            let last = acknowledged.iter().map(|(_, ended)| *ended).max();
            let between = acknowledged.iter().find(|(_, ended)| Some(*ended) != first && Some(*ended) != last);
            let over = |doubtful: &SealMark| doubtful.at.saturating_add(DOUBT) < seal.at;
            let doubtful = self.seals.iter().position(|known| known.mark == Mark::InDoubt && over(known));
            let Some(place) = between.map(|(place, _)| *place).or(doubtful) else { return false };
            let gone = self.seals.remove(place);
            match gone.mark {
                Mark::Acknowledged => self.forgot = true,
                Mark::InDoubt => self.forgot_doubtful = self.forgot_doubtful.max(gone.at),
            }
        }
        self.seals.push(seal);
        true
    }
}

/// Where the next page of a list of all rows begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealCursor(pub(in crate::state) Vec<u8>);

/// Some rows of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealPage {
    /// The rows.
    pub rows: Vec<SealRow>,
    /// Where the next page begins; `None`: there is none.
    pub next: Option<SealCursor>,
}

#[cfg(test)]
mod tests;
