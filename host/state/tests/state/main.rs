//! The state on both databases: every case is a function over a [`harness::Bench`].
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "everything in here is a test")]

mod certificates;
mod connectors;
mod folder;
mod harness;
mod journal;
mod kill;
mod leases;
mod postgres;
mod records;
mod sandbox;
mod virtual_worlds;
mod writer;

use harness::{Bench, Case};

macro_rules! cases {
    ($($module:ident::$case:ident,)+) => {
        /// Each case by itself on SQLite.
        mod sqlite {
            $(
                #[test]
                fn $case() {
                    super::harness::on_sqlite(|bench| Box::pin(super::$module::$case(bench)));
                }
            )+
        }

        const CASES: &[(&str, Case)] = &[
            $((stringify!($case), |bench: &Bench| Box::pin($module::$case(bench))),)+
        ];
    };
}

cases! {
    connectors::a_connector_lives_its_life,
    connectors::names_are_unique_and_sane,
    connectors::an_unknown_name_gets_the_near_miss,
    certificates::a_certificate_is_prepared_activated_and_retired,
    certificates::recording_a_certificate_again_changes_nothing,
    records::scheduler_settings_have_defaults_and_last,
    records::a_sync_run_is_in_progress_until_it_ends,
    records::a_sync_run_is_seen_though_the_clock_was_set_back,
    records::a_sync_run_whose_process_is_gone_was_stopped,
    records::events_are_counted_and_filtered,
    records::evidence_is_filtered,
    records::runs_keep_their_sources,
    records::a_run_whose_process_is_gone_was_interrupted,
    records::a_run_has_one_tenant,
    records::text_with_nul_is_refused,
    leases::pauses_nest_and_exclude_other_runs,
    leases::a_lease_ends_with_its_deadline_on_the_boot_clock,
    leases::a_lease_is_void_when_its_owner_is_gone,
    leases::a_lease_is_void_after_another_boot,
    leases::a_pause_never_touches_the_settings,
    journal::records_come_back_as_they_were_committed,
    journal::records_out_of_order_are_refused_whole,
    journal::done_steps_are_ours,
    journal::what_was_intended_is_found_by_its_marker,
    writer::a_second_writer_is_told_who_is_first,
    writer::a_writer_that_lost_its_epoch_writes_nothing,
    writer::readers_see_the_old_state_while_a_run_writes,
    writer::a_change_dropped_in_the_middle_leaves_nothing,
    writer::a_newer_version_is_refused_and_not_touched,
    writer::opening_at_the_same_time_makes_one_schema,
    writer::a_session_that_was_ended_is_replaced,
    sandbox::a_reset_forgets_the_sandbox_and_nothing_else,
    kill::a_killed_process_leaves_all_or_nothing,
}

/// All cases in one process, because starting a server takes longer than all of them.
#[test]
fn every_case_on_postgres() {
    postgres::run_all(CASES);
}
