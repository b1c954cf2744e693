//! The state on both databases: every case is a function over a [`harness::Bench`].
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "everything in here is a test")]

mod anchor;
mod audit;
mod certificates;
mod connectors;
mod folder;
mod harness;
mod history;
mod journal;
mod kill;
mod leases;
mod postgres;
mod records;
mod replaced;
mod sandbox;
mod tampering;
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
    audit::a_history_verifies,
    audit::each_tampering_is_named,
    audit::a_purge_verifies_and_covers_nothing_else,
    audit::writers_of_several_hosts_make_one_chain,
    audit::an_export_verifies_by_itself,
    tampering::any_change_of_any_row_is_named,
    anchor::an_end_that_was_cut_off_is_told_by_the_anchor,
    anchor::an_older_state_is_refused_until_it_is_accepted,
    anchor::a_lost_key_begins_a_new_chain_once_accepted,
    anchor::an_anchor_of_another_state_or_a_damaged_one_is_refused,
    replaced::a_database_replaced_underneath_takes_no_write,
    replaced::the_same_epoch_of_another_owner_proves_nothing,
    replaced::a_copy_is_whole_though_a_run_writes,
    kill::a_killed_process_leaves_all_or_nothing,
}

/// All cases in one process, because starting a server takes longer than all of them.
#[test]
fn every_case_on_postgres() {
    postgres::run_all(CASES);
}
