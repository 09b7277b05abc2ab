use super::*;
use proptest::prelude::*;
use std::time::Instant;

fn uid(number: usize) -> Uid {
    Uid::new(format!("1.2.{number}")).unwrap()
}

fn tally(statuses: &[u16]) -> Tally {
    let now = Instant::now();
    let mut tally = Tally::new(1000, now);
    for (number, status) in statuses.iter().enumerate() {
        tally.begin(now);
        tally.end(uid(number), *status, now);
    }
    tally
}

fn claim(status: u16, completed: u16, failed: u16, warning: u16) -> Claim {
    let counters =
        Counters { remaining: None, completed: Some(completed), failed: Some(failed), warning: Some(warning) };
    Claim { status: Status(status), counters, failed: Vec::new() }
}

fn told(conclusion: &Conclusion) -> (u16, Option<u16>, Option<u16>, Option<u16>) {
    let Counters { completed, failed, warning, .. } = conclusion.counters;
    (conclusion.status.0, completed, failed, warning)
}

#[test]
fn what_both_say_stands() {
    let done = claim(0, 3, 0, 0).conclude(&tally(&[0, 0, 0]));
    assert_eq!(told(&done), (0, Some(3), Some(0), Some(0)));
    let warned = claim(0xb000, 2, 0, 1).conclude(&tally(&[0, 0, 0xb000]));
    assert_eq!(told(&warned), (0xb000, Some(2), Some(0), Some(1)));
    let mut part = claim(0xb000, 2, 1, 0);
    part.failed = vec![uid(2)];
    let part = part.conclude(&tally(&[0, 0, 0xa700]));
    assert_eq!(told(&part), (0xb000, Some(2), Some(1), Some(0)));
    assert_eq!(part.failed, [uid(2)]);
}

#[test]
fn an_archive_that_takes_failures_for_success_is_corrected() {
    let part = claim(0, 3, 0, 0).conclude(&tally(&[0, 0xa700, 0]));
    assert_eq!(told(&part), (0xb000, Some(2), Some(1), Some(0)));
    assert_eq!(part.failed, [uid(1)]);
    let none = claim(0, 2, 0, 0).conclude(&tally(&[0xa700, 0xa700]));
    assert_eq!(told(&none), (0xa702, Some(0), Some(2), Some(0)));
}

#[test]
fn what_did_not_come_this_way_was_not_delivered() {
    let claim = claim(0, 5, 0, 0);
    let tally = tally(&[0, 0]);
    assert!(!claim.is_seen(&tally));
    let conclusion = claim.conclude(&tally);
    assert_eq!(told(&conclusion), (0xb000, Some(2), Some(3), Some(0)));
    assert_eq!(conclusion.unseen, 3);
}

#[test]
fn a_repeat_that_succeeds_undoes_the_failure() {
    let now = Instant::now();
    let mut tally = tally(&[0xa700]);
    tally.begin(now);
    tally.end(uid(0), 0, now);
    let conclusion = claim(0, 1, 0, 0).conclude(&tally);
    assert_eq!(told(&conclusion), (0, Some(1), Some(0), Some(0)));
    assert!(conclusion.failed.is_empty());
}

#[test]
fn a_repeat_stands_for_no_other_instance() {
    let now = Instant::now();
    let mut tally = tally(&[0xa700, 0]);
    tally.begin(now);
    tally.end(uid(0), 0, now);
    let claim = claim(0, 3, 0, 0);
    assert!(!claim.is_seen(&tally));
    assert_eq!(told(&claim.conclude(&tally)), (0xb000, Some(2), Some(1), Some(0)));
}

#[test]
fn counters_that_are_left_out_are_those_of_the_last_pending_answer() {
    let silent = Claim { status: Status::SUCCESS, counters: Counters::default(), failed: Vec::new() };
    assert_eq!(told(&silent.clone().conclude(&tally(&[0, 0, 0xa700]))), (0xb000, Some(2), Some(1), Some(0)));
    let pending = Counters { remaining: Some(2), completed: Some(1), failed: Some(0), warning: Some(0) };
    let claim = silent.counted_before(pending);
    assert!(!claim.is_seen(&tally(&[0])));
    assert_eq!(told(&claim.conclude(&tally(&[0, 0, 0]))), (0, Some(3), Some(0), Some(0)));
    assert_eq!(told(&claim.conclude(&tally(&[0]))), (0xb000, Some(1), Some(2), Some(0)));
    assert_eq!(super::tests::claim(0, 1, 0, 0).counted_before(pending).counters.completed, Some(1));
}

#[test]
fn failures_and_cancellations_keep_their_status() {
    for status in [0xa701, 0xa801, 0xa900, 0xc001, 0x0124, 0xfe00] {
        let conclusion = claim(status, 1, 0, 0).conclude(&tally(&[0]));
        assert_eq!(told(&conclusion), (status, Some(1), Some(0), Some(0)));
    }
    let mut cancelled = claim(0xfe00, 1, 0, 0);
    cancelled.counters.remaining = Some(7);
    assert_eq!(cancelled.conclude(&tally(&[0])).counters.remaining, Some(7));
}

#[test]
fn the_destinations_word_counts_for_what_it_was_sent() {
    let strict = claim(0xb000, 4, 1, 0).conclude(&tally(&[0, 0, 0, 0, 0xb000]));
    assert_eq!(told(&strict), (0xb000, Some(4), Some(0), Some(1)));
    let unread = claim(0xb000, 4, 1, 0).conclude(&tally(&[0, 0, 0, 0]));
    assert_eq!(told(&unread), (0xb000, Some(4), Some(1), Some(0)));
    let silent = Claim { status: Status(0xc000), counters: Counters::default(), failed: Vec::new() };
    assert_eq!(told(&silent.conclude(&tally(&[0, 0x0110]))), (0xc000, Some(1), Some(1), Some(0)));
}

#[test]
fn nothing_to_move_is_a_success() {
    let conclusion = claim(0, 0, 0, 0).conclude(&tally(&[]));
    assert_eq!(told(&conclusion), (0, Some(0), Some(0), Some(0)));
    let silent = Claim { status: Status::SUCCESS, counters: Counters::default(), failed: Vec::new() };
    assert_eq!(told(&silent.conclude(&tally(&[]))), (0, Some(0), Some(0), Some(0)));
}

proptest! {
    /// Whatever the archive claims: nothing is told to be done that was not seen to arrive.
    #[test]
    fn never_more_than_was_seen(
        statuses in proptest::collection::vec(prop_oneof![Just(0_u16), Just(0xb000), Just(0xa700), Just(0x0110)], 0..20),
        completed in 0_u16..20, failed in 0_u16..20, warning in 0_u16..20,
        status in prop_oneof![Just(0_u16), Just(0xb000)],
    ) {
        let claim = claim(status, completed, failed, warning);
        let conclusion = claim.conclude(&tally(&statuses));
        let arrived = statuses.iter().filter(|status| matches!(**status, 0 | 0xb000)).count();
        let (_, done, lost, warned) = told(&conclusion);
        let (done, lost, warned) = (u64::from(done.unwrap()), u64::from(lost.unwrap()), u64::from(warned.unwrap()));
        prop_assert!(done + warned <= u64::try_from(arrived).unwrap().max(claim.made().saturating_sub(conclusion.unseen)));
        prop_assert!(conclusion.status != Status::SUCCESS || lost == 0);
        prop_assert!(conclusion.unseen == 0 || lost >= conclusion.unseen.min(claim.total()));
        prop_assert!(done + lost + warned >= claim.total());
    }
}
