use super::{DOUBT, MOST_SEALS, Mark, Repeats, SealMark, SealRow, Standing};
use crate::dicom::{AeTitle, Uid};
use crate::vault::{KeyId, SealId};

fn seal(id: u8) -> SealMark {
    SealMark::new(SealId([id; 16]), KeyId(1), Uid::new("1.2.840.10008.1.2").unwrap(), (512, 512, 1))
}

/// Seals with when each began and was acknowledged (0: in doubt), as numbers of changes, and the time of that.
fn row(seals: &[(u8, u32, u32, i64)]) -> SealRow {
    let uid = Uid::new("1.2.3").unwrap();
    let mut row = SealRow::new(AeTitle::new("PACS").unwrap(), uid, None, uid, seal(0));
    row.seals.clear();
    for (id, begun, ended, at) in seals {
        let mark = if *ended == 0 { Mark::InDoubt } else { Mark::Acknowledged };
        row.add(SealMark { begun: *begun, ended: *ended, at: *at, mark, ..seal(*id) });
    }
    row
}

fn standing(row: &SealRow, id: u8, repeats: Repeats) -> Standing {
    row.standing(SealId([id; 16]), repeats)
}

#[test]
fn where_the_archive_replaces_a_later_seal_supersedes_one_that_was_acknowledged_before_it_began() {
    let row = row(&[(1, 1, 2, 100), (2, 3, 4, 200)]);
    assert_eq!(standing(&row, 1, Repeats::Replaced), Standing::RolledBack);
    assert_eq!(standing(&row, 2, Repeats::Replaced), Standing::Valid);
    assert_eq!(standing(&row, 3, Repeats::Replaced), Standing::Unknown);
    for repeats in [Repeats::Kept, Repeats::Refused, Repeats::Compared, Repeats::Unknown] {
        assert_eq!(standing(&row, 1, repeats), Standing::Valid, "{repeats:?}");
        assert_eq!(standing(&row, 2, repeats), Standing::Valid, "{repeats:?}");
        assert_eq!(standing(&row, 3, repeats), Standing::Unknown, "{repeats:?}");
    }
    assert_eq!(row.current(Repeats::Replaced).unwrap().id, SealId([2; 16]));
    assert_eq!(row.current(Repeats::Kept).unwrap().id, SealId([1; 16]));
}

#[test]
fn of_two_at_once_either_may_be_what_the_archive_holds() {
    let row = row(&[(1, 1, 3, 100), (2, 2, 4, 100)]);
    assert_eq!(standing(&row, 1, Repeats::Replaced), Standing::Valid);
    assert_eq!(standing(&row, 2, Repeats::Replaced), Standing::Valid);
}

#[test]
fn a_repeat_in_doubt_supersedes_nothing_and_is_over_an_hour_before_a_later_success() {
    let doubtful = row(&[(1, 1, 2, 100), (2, 3, 0, 200)]);
    assert_eq!(standing(&doubtful, 1, Repeats::Replaced), Standing::Valid);
    assert_eq!(standing(&doubtful, 2, Repeats::Replaced), Standing::Valid);
    for (at, expected) in [(3800, Standing::Valid), (3801, Standing::RolledBack)] {
        let later = row(&[(1, 1, 2, 100), (2, 3, 0, 200), (3, 4, 5, at)]);
        assert_eq!(standing(&later, 1, Repeats::Replaced), Standing::RolledBack);
        assert_eq!(standing(&later, 2, Repeats::Replaced), expected, "{at}");
    }
}

#[test]
fn of_too_many_those_between_the_first_and_the_last_go_and_are_not_held_against_anybody() {
    let many: Vec<_> = (0..20_u8).map(|id| (id, u32::from(id) * 2 + 1, u32::from(id) * 2 + 2, 100)).collect();
    let row = row(&many);
    assert_eq!(row.seals.len(), MOST_SEALS);
    let ids: Vec<u8> = row.seals.iter().map(|seal| seal.id.0[0]).collect();
    assert_eq!((ids[0], ids[MOST_SEALS - 1]), (0, 19));
    assert!(row.forgot);
    let gone = (1..19).find(|id| !ids.contains(id)).unwrap();
    assert_eq!(standing(&row, gone, Repeats::Replaced), Standing::Unknown, "later ones were acknowledged");
    assert_eq!(standing(&row, gone, Repeats::Kept), Standing::Valid);
    assert_eq!(standing(&row, gone, Repeats::Unknown), Standing::Valid);
}

#[test]
fn seals_in_doubt_that_were_forgotten_may_still_be_what_the_archive_holds() {
    let hours = |count: i64| 2 * DOUBT * count;
    let many: Vec<_> = (0..12_u8).map(|id| (id, u32::from(id) + 1, 0, hours(id.into()))).collect();
    let mut forgetful = row(&many);
    assert_eq!((forgetful.seals.len(), forgetful.forgot_doubtful), (MOST_SEALS, hours(3)));
    assert_eq!(standing(&forgetful, 0, Repeats::Replaced), Standing::Valid);
    assert!(forgetful.add(SealMark { begun: 40, ended: 41, at: hours(20), mark: Mark::Acknowledged, ..seal(77) }));
    assert_eq!(standing(&forgetful, 0, Repeats::Replaced), Standing::Unknown);
    assert_eq!(standing(&forgetful, 0, Repeats::Unknown), Standing::Valid);
    assert_eq!(standing(&forgetful, 77, Repeats::Replaced), Standing::Valid);
    // The one that was acknowledged stays, however many in doubt come.
    for id in 100..120 {
        assert!(forgetful.add(SealMark { begun: 50 + u32::from(id), at: hours(id.into()), ..seal(id) }));
    }
    assert_eq!(standing(&forgetful, 77, Repeats::Replaced), Standing::Valid);
}

#[test]
fn one_that_may_still_be_on_its_way_is_not_forgotten() {
    let many: Vec<_> = (0..8_u8).map(|id| (id, u32::from(id) + 1, 0, 100 + i64::from(id))).collect();
    let mut full = row(&many);
    assert_eq!(full.seals.len(), MOST_SEALS);
    let before = full.clone();
    assert!(!full.add(SealMark { begun: 20, at: 200, ..seal(9) }), "all of them may still be stored");
    assert_eq!(full, before);
    assert!(full.add(SealMark { begun: 20, at: 200 + DOUBT, ..seal(9) }), "the first has had an hour");
    assert!(full.seal(SealId([0; 16])).is_none() && full.forgot_doubtful == 100);
}
