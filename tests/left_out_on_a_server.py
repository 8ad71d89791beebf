"""The tests of stores and of the migrator that do not run on a server, each with its reason."""

from __future__ import annotations

import pytest

#: reason -> the files, or file::test, that it is about.
GROUPS: dict[str, tuple[str, ...]] = {
    "it is about the bytes, the locks, the rights or the connections of a file": (
        "test_migrator_quiet.py",
        "test_transfer.py::test_an_export_is_of_one_moment_and_delays_no_writer",
        "test_erasure.py::test_a_row_of_the_host_that_forbids_it_keeps_all",
        "test_erasure.py::test_a_tree_loses_its_root_and_forks_stay_unless_they_are_asked_for",
        "test_host_functions.py",
        "test_left_on_the_connection.py",
        "test_backfill.py::test_a_read_only_look_at_one_that_is_under_way_says_so",
        "test_loss_guard.py::test_what_only_creates_adds_renames_and_inserts_is_not_counted",
        "test_python_step.py::test_a_build_without_the_migration_says_so_before_it_rolls_anything_back",
        "test_python_step.py::test_the_client_is_not_for_a_body",
        "test_rebuild.py::test_a_dry_run_shows_what_would_run_also_on_a_table_that_is_not_there_yet",
        "test_rebuild.py::test_what_does_not_fit_changes_nothing",
        "test_migrator_libsql_clients.py::test_a_closed_client_of_theirs_is_a_closed_error",
        "test_migrator_libsql_clients.py::test_everything_works_on_their_client",
        "test_migrator_libsql_clients.py::test_a_transaction_of_theirs_is_refused",
        "test_migrator_migrate.py::test_a_read_only_client_can_ask_but_not_migrate",
        "test_migrator_migrate.py::test_the_row_records_all_that_a_later_or_earlier_build_needs",
        "test_migrator_migrate.py::test_where_commit_fails_the_migration_is_rolled_back",
        "test_migrator_migrate.py::test_where_rollback_itself_fails_the_caller_sees_the_original_error",
        "test_odd_tracking_tables.py::test_reading_our_own_table_is_one_select_whatever_its_name",
        "test_repair.py::test_a_reason_is_given",
        "test_two_versions.py::test_with_nothing_newer_a_start_reads_no_more_than_before",
        "test_accepted_texts.py::test_the_next_release_reaches_both_kinds_of_machines",
    ),
    "agentdb makes no backup of a server": (
        "test_backup.py",
        "test_backup_messages.py",
        "test_damaged_databases.py",
        "test_restore.py",
        "test_rollback_races.py",
        "test_python_step.py::test_a_backup_stands_before_it_as_before_any_other",
        "test_clock.py::test_the_backups_that_are_kept_are_those_of_the_last_upgrades",
        "test_migrator_rollback.py::test_a_backup_is_made_before_a_rollback_and_holds_what_goes",
        "test_migrator_events.py::test_events_of_a_rollback_come_in_order",
        "test_migrator_events.py::test_all_but_the_statements_are_told_outside_the_write_lock",
    ),
    "the server refuses VACUUM, ANALYZE, TEMP tables, or the PRAGMA (application_id, journal_mode, ignore_check_constraints, writable_schema)": (
        "test_loss_guard.py::test_a_temporary_table_does_not_stand_in_for_the_one_of_its_name",
        "test_python_step.py::test_what_a_step_leaves_on_the_connection_ends_with_it",
        "test_rebuild.py::test_a_check_may_name_the_table",
        "test_rebuild.py::test_a_search_index_that_this_build_cannot_read_is_looked_at_as_far_as_it_goes",
        "test_rebuild.py::test_only_the_table_is_another",
        "test_rebuild.py::test_so_does_what_another_build_of_sqlite_has_sampled",
        "test_rebuild.py::test_what_analyze_has_found_out_stays_where_the_index_does",
        "test_migrator_libsql_clients.py::test_their_client_stays_open_and_nothing_of_ours_does",
        "test_migrator_outside_transaction.py::test_a_rollback_that_died_goes_on_where_it_stopped",
        "test_migrator_outside_transaction.py::test_an_interrupted_rollback_stops_migrate_until_it_is_finished",
        "test_migrator_outside_transaction.py::test_an_older_build_knows_from_the_row_that_the_down_runs_outside_a_transaction",
        "test_migrator_outside_transaction.py::test_the_same_migration_inside_a_transaction_is_refused_by_sqlite_and_leaves_nothing",
        "test_migrator_outside_transaction.py::test_two_that_are_at_it_together_do_each_statement_once",
        "test_migrator_outside_transaction.py::test_use_transaction_true_for_the_call_does_not_force_vacuum_into_one",
        "test_migrator_outside_transaction.py::test_vacuum_runs_outside_a_transaction",
        "test_migrator_tracking_table.py::test_in_progress_is_up_down_or_nothing",
        "test_two_versions.py::test_a_new_file_is_marked_inside_the_first_migration",
        "test_two_versions.py::test_also_where_the_tracking_table_was_there_and_outside_a_transaction",
        "test_two_versions.py::test_another_applications_file_is_refused_and_untouched",
        "test_two_versions.py::test_without_the_argument_nobody_looks",
    ),
    "a server lets a writer wait by itself, up to five seconds, and then takes the lock away from the one before": (
        "test_migration_scripts.py::test_a_lock_that_is_not_to_be_had_is_busy_and_nothing_is_lost",
        "test_migrator_migrate.py::test_a_lock_that_is_given_back_in_time_is_no_error",
        "test_migrator_migrate.py::test_a_lock_that_is_met_on_the_way_leaves_the_earlier_ones_in_results",
        "test_migrator_migrate.py::test_another_writer_is_waited_for_up_to_the_busy_timeout",
        "test_migrator_rollback.py::test_a_lock_that_is_met_at_the_beginning_changes_nothing",
        "test_migrator_rollback.py::test_another_writer_is_waited_for_up_to_the_busy_timeout",
    ),
    "the server says it in other words, or with a coarser code": (
        "test_messages.py",
        "test_python_step.py::test_a_statement_that_no_migration_may_have_is_refused",
        "test_migrator_migrate.py::test_a_failing_statement_takes_its_migration_back_whole_and_keeps_the_earlier_ones",
        "test_migrator_migrate.py::test_a_failure_keeps_the_code_of_its_cause",
    ),
    "a server takes values of up to 5,000,000 bytes, and sends neither an infinite number nor a text that is no UTF-8": (
        "test_odd_tracking_tables.py::test_a_time_that_is_none_is_a_finding_and_is_not_printed",
        "test_odd_tracking_tables.py::test_what_is_no_table_of_values_is_foreign_and_is_not_read",
        "test_message_store.py::test_hard_contents_are_stored_faithfully_found_and_removed",
        "test_transfer.py::test_a_place_that_cannot_be_written_keeps_nothing",
        "test_memory_store.py::test_a_content_can_be_nested_deep_and_be_ten_megabytes",
    ),
}
LEFT_OUT = {one: why for why, names in GROUPS.items() for one in names}


def why_left_out(item: pytest.Item) -> str | None:
    """The reason; None where a test runs on a server, too."""
    file = item.path.name
    name = getattr(item, "originalname", None) or item.name
    if file in LEFT_OUT:
        return LEFT_OUT[file]
    if f"{file}::{name}" in LEFT_OUT:
        return LEFT_OUT[f"{file}::{name}"]
    function = getattr(item, "function", None)
    if (
        item.path.parts[-2] == "stores"
        and function is not None
        and "path" in function.__code__.co_varnames[: function.__code__.co_argcount]
    ):
        return "it looks into the file itself"
    return None
