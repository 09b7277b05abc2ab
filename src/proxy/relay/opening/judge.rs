//! What becomes of an object that has been looked into: the ledger, the rights and the seal itself have each a say.

use crate::audit::vault::VaultCause;
use crate::config::vault::IdentityDrift;
use crate::policy::Open as Right;
use crate::state::ledger::{Repeats, SealRow, Standing};
use crate::transform::open::Found;

/// What becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// No seal: it goes on as it is.
    Pass,
    /// It goes on opened.
    Open,
    /// It goes on sealed, to who shares the vault.
    Hand,
    /// Whoever asked may not have it.
    Refuse(&'static str),
    /// It cannot be handed out.
    Cannot(&'static str),
    /// It cannot be handed out now.
    Later(&'static str),
    /// Something is wrong with it.
    Alert(VaultCause, String),
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What it is.
    pub found: &'a Found,
    /// What the ledger knows of the instance.
    pub row: Option<&'a SealRow>,
    /// What its archive does with repeats.
    pub repeats: Repeats,
    /// When it was asked for, seconds since 1970: what its archive has been given since, it need not know of.
    pub asked: i64,
    /// What whoever receives it may have.
    pub right: Right,
    /// What an identity means that is not what was sealed.
    pub drift: IdentityDrift,
    /// It must have been sealed: it is of a family that is sealed, and younger than `sealed_since`.
    pub younger: bool,
    /// It came with a compressed image.
    pub compressed: Option<Compressed>,
    /// It goes where nothing is stored that is not sealed.
    pub must_be_sealed: bool,
}

/// How an image came that is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compressed {
    /// With losses, as far as anybody knows.
    Lossy,
    /// Without.
    Lossless,
    /// Without, and no worker could tell whether it carries a seal.
    Undecoded,
}

/// Judges. What is wrong comes before what is permitted: whoever asks, it is told of.
pub fn judge(question: &Question<'_>) -> Verdict {
    match question.found {
        Found::Plain => plain(question),
        Found::Sealed(inner) => {
            match question.row.map(|row| row.standing_when(inner.seal, question.repeats, question.asked)) {
                // The ledger is never needed to open.
                None | Some(Standing::Valid) => {}
                Some(Standing::RolledBack) => {
                    let words = format!("seal {} was replaced by a later one, and came back", inner.seal);
                    return Verdict::Alert(VaultCause::RolledBack, words);
                }
                Some(Standing::Unknown) => {
                    let words = format!("the ledger knows other seals of this object, and not {}", inner.seal);
                    return Verdict::Alert(VaultCause::RolledBack, words);
                }
            }
            if question.drift == IdentityDrift::Refuse && !inner.drift.is_empty() {
                let words = format!("it differs from what was sealed in {}", inner.drift.join(", "));
                return Verdict::Alert(VaultCause::Drift, words);
            }
            match question.right {
                Right::Opened => Verdict::Open,
                Right::Sealed => Verdict::Hand,
                Right::No => Verdict::Refuse("it is sealed, and nothing lets whoever asked have it opened"),
            }
        }
    }
}

/// An object without a seal.
fn plain(question: &Question<'_>) -> Verdict {
    // What nobody could decode is handed out if nothing says that it may be sealed: it may be all there is of an image.
    let may_be_sealed = question.row.is_some() || question.younger || question.must_be_sealed;
    if question.compressed == Some(Compressed::Undecoded) && may_be_sealed {
        return Verdict::Later("it may be sealed, and the archive returns it compressed: no worker decodes it now");
    }
    // A seal in doubt may never have come there, and what was there before it is still right; so it is while it is read.
    let acknowledged = |row: &SealRow| row.forgot || row.was_acknowledged(question.asked);
    if question.row.is_some_and(acknowledged) {
        // What carries the seal may be in it, but for what was lost.
        match question.compressed {
            Some(Compressed::Lossy) => {
                let words =
                    "the ledger knows it as sealed, and the archive returns it compressed with losses".to_owned();
                return Verdict::Alert(VaultCause::Lossy, words);
            }
            Some(Compressed::Lossless | Compressed::Undecoded) => {
                return Verdict::Cannot(
                    "the archive returns what carries the seal compressed, and it cannot be decoded here",
                );
            }
            None => {}
        }
        let words = "the ledger knows it as sealed, and it is not".to_owned();
        return Verdict::Alert(VaultCause::Forged, words);
    }
    if question.younger && question.row.is_none() {
        let words = "it is younger than `sealed_since`, and neither sealed nor known".to_owned();
        return Verdict::Alert(VaultCause::Forged, words);
    }
    if question.must_be_sealed {
        return Verdict::Cannot(
            "everything that is stored there must be sealed, and it is not: `vault seal-archive` first",
        );
    }
    Verdict::Pass
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::AeTitle;
    use crate::state::ledger::Mark;
    use crate::state::ledger::SealMark;
    use crate::transform::open::Inner;
    use crate::vault::{KeyId, SealId};

    fn sealed(id: u8, drift: &[&'static str]) -> Found {
        Found::Sealed(Box::new(Inner {
            seal: SealId([id; 16]),
            key: Some(KeyId(1)),
            sop_instance: "1.2.3".parse().unwrap(),
            study: None,
            transfer_syntax: "1.2.840.10008.1.2.1".parse().unwrap(),
            whose: [0; 16],
            rows: 1,
            columns: 1,
            frames: 1,
            drift: drift.to_vec(),
        }))
    }

    /// Seals of one instance, in the order in which they were stored one after the other.
    fn row(seals: &[(u8, Mark)]) -> SealRow {
        let syntax = "1.2.840.10008.1.2.1".parse().unwrap();
        let marks = seals.iter().zip(0_u32..).map(|(&(id, mark), place)| {
            let acknowledged = mark == Mark::Acknowledged;
            let (begun, ended) = (2 * place + 1, if acknowledged { 2 * place + 2 } else { 0 });
            let at = i64::from(place) * 100_000;
            SealMark { mark, begun, ended, at, ..SealMark::new(SealId([id; 16]), KeyId(1), syntax, (1, 1, 1)) }
        });
        let marks: Vec<SealMark> = marks.collect();
        let (archive, instance) = (AeTitle::new("PACS").unwrap(), "1.2.3".parse().unwrap());
        let class = "1.2.840.10008.5.1.4.1.1.2".parse().unwrap();
        SealRow { seals: marks.clone(), ..SealRow::new(archive, instance, None, class, marks[0].clone()) }
    }

    /// Asked for after everything that a ledger of these tests knows.
    const NOW: i64 = i64::MAX;

    const REPEATS: [Repeats; 5] =
        [Repeats::Replaced, Repeats::Kept, Repeats::Refused, Repeats::Compared, Repeats::Unknown];

    fn ask(found: &Found, row: Option<&SealRow>, repeats: Repeats) -> Verdict {
        let (right, drift, younger) = (Right::Opened, IdentityDrift::Record, false);
        judge(&Question {
            found,
            row,
            repeats,
            asked: NOW,
            right,
            drift,
            younger,
            compressed: None,
            must_be_sealed: false,
        })
    }

    fn cause(verdict: &Verdict) -> Option<VaultCause> {
        match verdict {
            Verdict::Alert(cause, _) => Some(*cause),
            _ => None,
        }
    }

    #[test]
    fn what_took_its_place_while_it_was_read_makes_it_no_forgery() {
        let row = row(&[(1, Mark::Acknowledged), (2, Mark::Acknowledged)]);
        let stored = row.seals[1].at;
        let asked = |found: &Found, row: &SealRow, asked| {
            let (right, drift, younger) = (Right::Opened, IdentityDrift::Record, false);
            let (repeats, row) = (Repeats::Replaced, Some(row));
            judge(&Question {
                found,
                row,
                repeats,
                asked,
                right,
                drift,
                younger,
                compressed: None,
                must_be_sealed: false,
            })
        };
        for (second, verdict) in
            [(stored + 1, Some(VaultCause::RolledBack)), (stored, Some(VaultCause::RolledBack)), (stored - 1, None)]
        {
            assert_eq!(cause(&asked(&sealed(1, &[]), &row, second)), verdict, "{second}");
        }
        // What was stored in clear before the gateway, and is sealed while it is read.
        let first = SealRow { seals: vec![row.seals[1].clone()], ..row };
        assert_eq!(asked(&Found::Plain, &first, stored - 1), Verdict::Pass);
        assert_eq!(cause(&asked(&Found::Plain, &first, stored)), Some(VaultCause::Forged));
        // A seal that nobody knows is none of these.
        assert_eq!(cause(&asked(&sealed(9, &[]), &first, stored - 1)), Some(VaultCause::RolledBack));
    }

    #[test]
    fn rights_say_what_becomes_of_a_seal_that_is_in_order() {
        let row = row(&[(1, Mark::Acknowledged)]);
        for (row, right, expected) in [
            (Some(&row), Right::Opened, Verdict::Open),
            (None, Right::Opened, Verdict::Open),
            (Some(&row), Right::Sealed, Verdict::Hand),
        ] {
            let (repeats, drift, younger) = (Repeats::Unknown, IdentityDrift::Record, true);
            let found = sealed(1, &["AccessionNumber"]);
            assert_eq!(
                judge(&Question {
                    found: &found,
                    row,
                    repeats,
                    asked: NOW,
                    right,
                    drift,
                    younger,
                    compressed: None,
                    must_be_sealed: false
                }),
                expected
            );
            let refused = judge(&Question {
                found: &found,
                row,
                repeats,
                asked: NOW,
                right: Right::No,
                drift,
                younger,
                compressed: None,
                must_be_sealed: false,
            });
            assert!(matches!(refused, Verdict::Refuse(_)));
            let drifted = Question {
                found: &found,
                row,
                asked: NOW,
                repeats,
                right,
                drift: IdentityDrift::Refuse,
                younger,
                compressed: None,
                must_be_sealed: false,
            };
            assert_eq!(cause(&judge(&drifted)), Some(VaultCause::Drift));
            let same = Question { found: &sealed(1, &[]), ..drifted };
            assert_eq!(judge(&same), expected);
        }
    }

    #[test]
    fn an_older_seal_is_told_of_where_the_archive_replaces() {
        let row = row(&[(1, Mark::Acknowledged), (2, Mark::Acknowledged)]);
        assert_eq!(cause(&ask(&sealed(1, &[]), Some(&row), Repeats::Replaced)), Some(VaultCause::RolledBack));
        for repeats in REPEATS {
            assert_eq!(ask(&sealed(2, &[]), Some(&row), repeats), Verdict::Open);
            assert_eq!(
                cause(&ask(&sealed(9, &[]), Some(&row), repeats)),
                Some(VaultCause::RolledBack),
                "no seal of it"
            );
        }
        assert_eq!(ask(&sealed(1, &[]), Some(&row), Repeats::Kept), Verdict::Open);
        assert_eq!(ask(&sealed(1, &[]), Some(&row), Repeats::Unknown), Verdict::Open);
    }

    #[test]
    fn a_plain_object_is_forged_where_the_ledger_has_a_seal_of_it() {
        for repeats in REPEATS {
            let known = row(&[(1, Mark::InDoubt), (2, Mark::Acknowledged)]);
            assert_eq!(cause(&ask(&Found::Plain, Some(&known), repeats)), Some(VaultCause::Forged));
            assert_eq!(ask(&Found::Plain, Some(&row(&[(1, Mark::InDoubt)])), repeats), Verdict::Pass);
            assert_eq!(ask(&Found::Plain, None, repeats), Verdict::Pass);
        }
        let known = row(&[(1, Mark::Acknowledged)]);
        let (repeats, right, drift) = (Repeats::Unknown, Right::Opened, IdentityDrift::Record);
        let question = |row, compressed| Question {
            found: &Found::Plain,
            row,
            asked: NOW,
            repeats,
            right,
            drift,
            younger: false,
            compressed: Some(compressed),
            must_be_sealed: false,
        };
        let compressed = |compressed| judge(&question(Some(&known), compressed));
        assert_eq!(cause(&compressed(Compressed::Lossy)), Some(VaultCause::Lossy));
        assert!(matches!(compressed(Compressed::Lossless), Verdict::Cannot(_)), "nobody did anything wrong");
        assert!(matches!(compressed(Compressed::Undecoded), Verdict::Later(_)), "nor is anything known of it");
        let doubtful = row(&[(1, Mark::InDoubt)]);
        let undecoded = question(Some(&doubtful), Compressed::Undecoded);
        assert!(matches!(judge(&undecoded), Verdict::Later(_)), "it may be what is sealed");
        assert!(matches!(judge(&Question { row: None, younger: true, ..undecoded }), Verdict::Later(_)));
        assert_eq!(judge(&Question { row: None, ..undecoded }), Verdict::Pass, "nothing says that it is sealed");
        let (repeats, right, drift) = (Repeats::Unknown, Right::No, IdentityDrift::Record);
        let young = Question {
            found: &Found::Plain,
            row: None,
            asked: NOW,
            repeats,
            right,
            drift,
            younger: true,
            compressed: None,
            must_be_sealed: false,
        };
        assert_eq!(cause(&judge(&young)), Some(VaultCause::Forged));
        let doubtful = row(&[(1, Mark::InDoubt)]);
        assert_eq!(judge(&Question { row: Some(&doubtful), ..young }), Verdict::Pass, "it may have been there before");
    }
}
