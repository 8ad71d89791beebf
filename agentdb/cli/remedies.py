"""What to do next, in the words of the command line where the library's are those of a program."""

from __future__ import annotations

from agentdb.errors import REMEDIES

_HERE = {
    "backup_failed": "Nothing was changed. Make room or give the right to write there, or keep backups in another place with "
    "--backup-dir FOLDER; --no-backup makes none.",
    "backup_no_space": "Free some space there, or keep backups in another place with --backup-dir FOLDER; --no-backup makes "
    "none.",
    "busy": "Another process is writing. Try again, or wait longer with --busy-timeout.",
    "wrong_migration_set": "Name the table of these migrations with --table, or the migrations of this table with --migrations. "
    "If it is the right one, their texts and descriptions were edited: restore them.",
    "foreign_table": "This table belongs to something else: name another with --table.",
    "out_of_order": "Give the new migration a number above the newest applied one, or add --allow-out-of-order.",
    "unknown_migration": "Name the migrations that it was made with (--migrations, --table), update to a build that has them, "
    "or roll them back with `agentdb rollback`, which works from the recorded downs.",
    "interrupted_migration": "Run `agentdb migrate`, which goes on behind what is done. If all of it is done "
    "already, `agentdb repair mark-applied` says so.",
    "interrupted_rollback": "Finish it first: run `agentdb rollback`. If it is rolled back already, "
    "`agentdb repair mark-reverted` says so.",
    "checksum_mismatch": "Restore the migration's original text, and put the change into a new migration. If the text is right "
    "as it is, `agentdb repair accept-checksum` says so.",
    "nothing_to_repair": "Look at what is applied, with `agentdb status`.",
}


def remedy(code: str, given: str | None = None) -> str:
    """For a code. `given`: that of the exception; one that was made for this very case is kept."""
    general = REMEDIES.get(code)
    if given is not None and given != general:
        return given
    return _HERE.get(code) or general or ""
