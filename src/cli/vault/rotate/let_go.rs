//! Whether everything has let go of a key, so that it can be destroyed: what is sealed with it afterwards is lost for good.

use crate::cli::vault::ring::SealedBy;
use crate::keys::{End, Manifest};
use crate::policy::replay::number;
use crate::vault::KeyId;

/// A gateway has taken a new key after so many seconds, and the sender of what was on its way has its answer.
const LET_GO: i64 = 60;

/// A store that nobody has answered may be under way for so many seconds; later its gateway was ended in the middle of it.
const UNDER_WAY: i64 = 3600;

/// Why a key is not destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Held {
    /// It is too early, and time alone helps.
    Wait(String),
    /// The ledger speaks against it; people may know better (`--even-so`).
    Doubt(String),
}

/// Why a key should not be destroyed now, `now` seconds since 1970.
///
/// Whether a gateway runs is not asked: it may run on another machine, with a copy of the same ring.
pub(super) fn held_up(manifest: &Manifest, id: KeyId, sealed: Option<&SealedBy>, now: i64) -> Option<Held> {
    let entry = manifest.get(id)?;
    // What brought it back is ended again.
    if matches!(entry.end, Some((End::Destroyed, _))) {
        return None;
    }
    // The first that took its place: later ones change nothing for the key before it.
    let next = manifest.keys.iter().find(|entry| entry.id > id && entry.seals.is_some());
    let since = next.and_then(|next| Some((next.id, next.seals?.as_second())));
    if let Some((next, at)) = since
        && let Some(left) = left(at, now)
    {
        return Some(Held::Wait(format!(
            "it is too early to destroy key {id}: key {next} took its place {}, and until {LET_GO} seconds later a running gateway \
             may have something on its way that is sealed with key {id}, which nobody could ever open. It is the same where no \
             gateway seems to run: others may share the ring. Again in {left}",
            time(at)
        )));
    }
    let sealed = sealed?;
    if let Some(at) = sealed.under_way.filter(|at| *at > now.saturating_sub(UNDER_WAY)) {
        return Some(Held::Doubt(format!(
            "an object that is sealed with key {id} may be on its way to an archive: it was begun {}, and nobody has answered yet. \
             Again when that is over, which is believed after an hour at most; if its gateway was ended in the middle of it: --even-so",
            time(at)
        )));
    }
    let last = sealed.last?;
    let Some((next, at)) = since else {
        // One that was made for later, and that no gateway with this manifest can have sealed with.
        return entry.seals.is_none().then(|| {
            Held::Doubt(format!(
                "the ledger has a seal of key {id} from {}, and by this manifest it was never put to use: another gateway with \
                 this ring seals with it. If none does any more: --even-so",
                time(last)
            ))
        });
    };
    if last > at.saturating_add(LET_GO) {
        return Some(Held::Doubt(format!(
            "the ledger has a seal of key {id} from {}, after key {next} was there: does a gateway still seal with key {id}? See that \
             each has taken the newer one (`keys of the vault` in its audit log) and what `reload refused` says. If that seal was \
             only found by `vault reindex`, or the gateway has let go of the key since: --even-so",
            time(last)
        )));
    }
    let left = left(last, now).filter(|_| last > at)?;
    Some(Held::Wait(format!(
        "it is too early to destroy key {id}: the ledger has a seal of it from {}, since key {next} was there, and more may be on \
         their way until {LET_GO} seconds later. Again in {left}",
        time(last)
    )))
}

/// How long it is until what happened is [`LET_GO`] ago, if it is not.
fn left(at: i64, now: i64) -> Option<String> {
    let left = at.saturating_add(LET_GO).saturating_sub(now);
    let seconds = u64::try_from(left).ok().filter(|left| *left > 0)?;
    let clock = if at > now { " (that is in the future: are the clocks right?)" } else { "" };
    Some(format!("{} second{}{clock}", number(seconds), if seconds == 1 { "" } else { "s" }))
}

/// A point in time, for people.
fn time(at: i64) -> String {
    jiff::Timestamp::from_second(at).map(|at| at.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Entry;
    use jiff::Timestamp;

    const T: i64 = 1_800_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Keys from 1 on, put to use then, or not yet.
    fn manifest(seals: &[Option<i64>]) -> Manifest {
        let entry = |(id, seals): (u32, &Option<i64>)| Entry {
            id: KeyId(id),
            check: None,
            made: at(T - 100_000),
            seals: seals.map(at),
            end: None,
        };
        Manifest { keys: (1..).zip(seals).map(entry).collect() }
    }

    fn sealed(last: Option<i64>, under_way: Option<i64>) -> SealedBy {
        SealedBy { objects: 1, last: last.max(under_way), under_way }
    }

    fn waits(held: Option<Held>, left: &str) {
        let Some(Held::Wait(words)) = held else { panic!("{held:?}") };
        assert!(words.contains("too early") && words.ends_with(&format!("Again in {left}")), "{words}");
    }

    fn doubts(held: Option<Held>, said: &str) {
        let Some(Held::Doubt(words)) = held else { panic!("{held:?}") };
        assert!(words.contains(said) && words.contains("--even-so"), "{words}");
    }

    #[test]
    fn a_key_is_held_until_every_gateway_has_taken_the_one_after_it() {
        let two = manifest(&[Some(T - 9000), Some(T)]);
        let id = KeyId(1);
        // Whatever the ledger says, or if there is none.
        let before = sealed(Some(T - 5), None);
        for known in [None, Some(&SealedBy::default()), Some(&before)] {
            waits(held_up(&two, id, known, T), "60 seconds");
            waits(held_up(&two, id, known, T + 59), "1 second");
            assert_eq!(held_up(&two, id, known, T + 60), None);
        }
        waits(held_up(&two, id, None, T - 3600), "3,660 seconds (that is in the future: are the clocks right?)");
        // The one after it counts, not the newest of all; one that was made for later takes no place.
        assert_eq!(held_up(&manifest(&[Some(T - 9000), Some(T), Some(T + 55)]), id, None, T + 60), None);
        let used = manifest(&[Some(T - 9000), None, Some(T)]);
        waits(held_up(&used, id, None, T + 1), "59 seconds");
        // Of the newest it is said elsewhere that it cannot be.
        assert_eq!(held_up(&two, KeyId(2), Some(&before), T), None);
    }

    #[test]
    fn a_key_is_held_while_the_ledger_shows_that_it_is_sealed_with() {
        let two = manifest(&[Some(T - 9000), Some(T)]);
        let id = KeyId(1);
        // Before the gateway took the next one, and as early as 60 seconds later no more.
        let since = sealed(Some(T + 40), None);
        waits(held_up(&two, id, Some(&since), T + 70), "30 seconds");
        assert_eq!(held_up(&two, id, Some(&since), T + 100), None);
        // Long after.
        doubts(held_up(&two, id, Some(&sealed(Some(T + 61), None)), T + 9000), "still seal with key 1");
        // A long store that began before.
        let long = sealed(Some(T - 9), Some(T - 9));
        doubts(held_up(&two, id, Some(&long), T + 70), "may be on its way");
        doubts(held_up(&two, id, Some(&long), T - 9 + 3599), "may be on its way");
        assert_eq!(held_up(&two, id, Some(&long), T - 9 + 3600), None);
        // One that this manifest never put to use.
        let later = manifest(&[Some(T - 9000), None]);
        assert_eq!(held_up(&later, KeyId(2), Some(&SealedBy::default()), T), None);
        doubts(held_up(&later, KeyId(2), Some(&sealed(Some(T), None)), T + 9000), "never put to use");
    }

    #[test]
    fn what_was_destroyed_before_is_ended_again_at_once() {
        let mut two = manifest(&[Some(T - 9000), Some(T)]);
        two.keys[0].end = Some((End::Destroyed, at(T)));
        assert_eq!(held_up(&two, KeyId(1), Some(&sealed(Some(T), None)), T), None);
    }
}
