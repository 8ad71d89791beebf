"""What to do next, in the words of the command line where the library's are those of a program."""

from __future__ import annotations

from agentdb.errors import REMEDIES

_HERE = {
    "backup_failed": "Nothing was changed. Free some space there, or allow this user to write there. --backup-dir FOLDER keeps "
    "backups in another folder; --no-backup makes none.",
    "backup_no_space": "Nothing was changed. Free some space there. --backup-dir FOLDER keeps backups in another folder; "
    "--no-backup makes none.",
    "busy": "Another process is writing. Try again, or wait longer with --busy-timeout.",
    "changed_meanwhile": "See what is applied now with `agentdb status`. Then decide again.",
    "wrong_migration_set": "Name the tracking table of these migrations with --table, or the migrations of this table with "
    "--migrations. If both are right, the texts and descriptions were edited: restore them.",
    "foreign_table": "This table belongs to another program. Name another one with --table.",
    "out_of_order": "Give the new migration a number above the newest applied one, or add --allow-out-of-order.",
    "unknown_migration": "Name the migrations that it was made with (--migrations, --table), or update to a build that has "
    "them. Or roll them back with `agentdb rollback`, which uses the recorded downs.",
    "interrupted_migration": "Run `agentdb migrate`: it continues after the statements that are done. If all of it is done "
    "already, record that with `agentdb repair mark-applied`.",
    "interrupted_rollback": "Complete it first with `agentdb rollback`. If it is rolled back already, record that with "
    "`agentdb repair mark-reverted`.",
    "begun_otherwise": "Run the build that began it; it continues there. Or complete it by hand, and record that with `agentdb "
    "repair mark-applied`. Or undo by hand what is done, and record that with `agentdb repair mark-reverted`.",
    "checksum_mismatch": "Restore the original text of the migration, and put the change into a new migration. If the new text "
    "is right, record it with `agentdb repair accept-checksum`.",
    "nothing_to_repair": "See what is applied with `agentdb status`.",
    "not_filled": "Give rows for it in a JSON file, with --fixtures FILE.",
    "bad_fixture": "Correct the rows in the file of --fixtures.",
}


def remedy(code: str, given: str | None = None) -> str:
    """For a code. `given`: that of the exception; one that was made for this very case is kept."""
    general = REMEDIES.get(code)
    if given is not None and given != general:
        return given
    return _HERE.get(code) or general or ""
