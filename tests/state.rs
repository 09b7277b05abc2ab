//! The state, on SQLite and on PostgreSQL: both pass the same cases. Then what only one of them can get wrong.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test ends where something is not as it must be"
)]

#[path = "state/budgets.rs"]
mod budgets;
#[path = "state/commitments.rs"]
mod commitments;
#[path = "state/grants.rs"]
mod grants;
#[path = "state/ledger.rs"]
mod ledger;
#[path = "state/lockouts.rs"]
mod lockouts;
#[path = "state/place.rs"]
mod place;
#[path = "state/postgres.rs"]
mod postgres;
#[path = "state/quarantines.rs"]
mod quarantines;
#[path = "state/server.rs"]
mod server;
#[path = "state/sqlite.rs"]
mod sqlite;
#[path = "state/tampered.rs"]
mod tampered;
#[path = "state/turns.rs"]
mod turns;
#[path = "state/versions.rs"]
mod versions;

use place::Place;

macro_rules! on_both {
    ($($room:ident :: $case:ident;)+) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $case() {
                crate::$room::$case(crate::Place::sqlite().await).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test]
            async fn $case() {
                crate::$room::$case(crate::Place::postgres().await).await;
            })+
        }
    };
}

on_both! {
    grants::comes_back_whole;
    grants::those_of_a_destination_come_oldest_first;
    grants::ids_that_are_given_may_be_the_same;
    grants::ids_are_unique_over_replicas;
    grants::restart_keeps_them;
    grants::expired_ones_are_absent;
    grants::the_last_free_ids_are_found_and_then_it_is_full;
    grants::with_60000_taken_it_is_quick;
    grants::ten_thousand_at_once;
    grants::deliveries_are_noted_once_each;
    turns::one_has_it;
    turns::an_expired_one_is_anybodys;
    turns::of_many_one_gets_it;
    turns::restart_keeps_it;
    commitments::found_by_their_whole_key;
    commitments::reports_come_back_whole_in_order_after_a_restart;
    commitments::two_replicas_never_have_the_same;
    commitments::a_report_is_tried_until_it_arrives;
    commitments::the_same_transaction_takes_its_place;
    commitments::a_report_that_is_changed_takes_nothing_elses_place;
    commitments::expired_reports_are_absent;
    commitments::there_are_only_so_many;
    budgets::different_ones_count_and_the_same_is_free;
    budgets::the_window_slides_by_the_time_of_each;
    budgets::a_restart_keeps_what_was_counted;
    budgets::thousands_are_counted_page_by_page;
    budgets::the_last_place_is_spent_once;
    budgets::nothing_of_patients_lies_there;
    budgets::a_changed_page_counts_as_absent_and_is_told_of;
    quarantines::held_until_released_whoever_asks;
    quarantines::a_changed_row_is_no_release_and_is_written_again;
    quarantines::uses_wait_until_somebody_has_looked;
    lockouts::each_failure_beyond_the_free_ones_doubles_the_time;
    lockouts::failures_at_once_are_all_counted;
    ledger::a_seal_is_in_doubt_until_the_archive_has_said_something;
    ledger::a_seal_from_elsewhere_may_be_there_once_one_passes;
    ledger::a_refused_seal_leaves_what_was_there;
    ledger::stores_of_one_instance_at_once_are_all_known;
    ledger::a_study_and_all_of_an_archive_are_listed;
    ledger::a_row_that_is_put_takes_the_place_of_what_was_known;
    ledger::a_changed_row_is_absent_and_told_of_and_written_anew;
    ledger::a_thousand_stores;
    versions::the_first_is_brought_up_to_date;
    versions::many_bring_it_up_to_date_at_once;
    versions::a_step_that_fails_changes_nothing;
    tampered::every_column_of_a_grant;
    tampered::every_column_of_a_report;
    tampered::commitments_deliveries_and_turns;
    tampered::a_row_under_another_key;
    tampered::another_key_reads_nothing;
    tampered::bad_reports_do_not_hide_good_ones;
    tampered::sweep_finds_what_nobody_asks_for;
    tampered::all_sweep_at_once;
    tampered::sweep_drops_what_has_expired_and_tells_of_what_was_made_to;
}
