//! Whether an archive rightly holds a seal that was read back, when the instance may have been stored anew meanwhile.

use crate::state::ledger::Standing;
use crate::state::{Repeats, SealRow, State, StateFault};
use crate::vault::SealId;

/// What is to be thought of a seal that was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// The archive should hold it, or may.
    Rightly,
    /// It was right when the reading began; the archive has got another one since. The row as it is now.
    NoLonger(Box<SealRow>),
    /// It was not right before, nor is it now.
    Wrongly,
}

impl Held {
    /// Judges by the row as it was before the reading, and by what the ledger says now.
    ///
    /// # Errors
    /// The ledger cannot be asked.
    pub async fn judge(state: &State, before: &SealRow, seal: SealId, repeats: Repeats) -> Result<Self, StateFault> {
        let now = state.seals(before.archive, &before.instance).await?;
        Ok(Self::judge_by(before, now, seal, repeats))
    }

    fn judge_by(before: &SealRow, now: Option<SealRow>, seal: SealId, repeats: Repeats) -> Self {
        let was_right = before.standing(seal, repeats) == Standing::Valid;
        match now {
            // What is forgotten meanwhile was known well enough.
            None if was_right => Self::Rightly,
            None => Self::Wrongly,
            Some(now) if now.standing(seal, repeats) == Standing::Valid => Self::Rightly,
            Some(now) if was_right => Self::NoLonger(Box::new(now)),
            Some(_) => Self::Wrongly,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Held;
    use crate::dicom::AeTitle;
    use crate::state::ledger::{Mark, SealMark};
    use crate::state::{Repeats, SealRow};
    use crate::vault::{KeyId, SealId};

    /// Acknowledged seals with these numbers, one after the other.
    fn row(seals: &[u8]) -> SealRow {
        let syntax = "1.2.840.10008.1.2.1".parse().unwrap();
        let mark = |number: &u8| SealMark {
            mark: Mark::Acknowledged,
            begun: 2 * u32::from(*number),
            ended: 2 * u32::from(*number) + 1,
            ..SealMark::new(SealId([*number; 16]), KeyId(1), syntax, (1, 1, 1))
        };
        let class = "1.2.840.10008.5.1.4.1.1.2".parse().unwrap();
        let row = SealRow::new(AeTitle::new("PACS").unwrap(), "1.2.3".parse().unwrap(), None, class, mark(&1));
        SealRow { seals: seals.iter().map(mark).collect(), ..row }
    }

    #[test]
    fn what_was_stored_meanwhile_is_no_rollback_and_what_was_not_is_one() {
        let judge = |before: &[u8], now: &[u8], seal: u8| {
            Held::judge_by(&row(before), Some(row(now)), SealId([seal; 16]), Repeats::Replaced)
        };
        assert_eq!(judge(&[1], &[1], 1), Held::Rightly);
        assert_eq!(judge(&[1], &[1, 2], 2), Held::Rightly);
        assert_eq!(judge(&[1], &[1, 2], 1), Held::NoLonger(Box::new(row(&[1, 2]))));
        assert_eq!(judge(&[1, 2], &[1, 2], 1), Held::Wrongly);
        assert_eq!(judge(&[1, 2], &[1, 2, 3], 1), Held::Wrongly);
        assert_eq!(judge(&[1], &[1], 7), Held::Wrongly);
    }
}
