"""The whole text of every error and finding of the engine and of the clients under it: what, where, and what next.

Read SNAPSHOTS from top to bottom as a reviewer of words. Each is really provoked, by the function of that name in
error_situations.py. `FILE` stands for the path of the database, `FOLDER` for that of its folder, `VERSION` for SQLite's.
With the snapshots of tests/engine (SNAPSHOT_FILES) they are all that the table of codes has, but for what SHOWN_ELSEWHERE
names.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from pathlib import Path

import pytest
from error_situations import POSIX_ONLY, SITUATIONS

from agentdb.errors import REMEDIES

HERE = Path(__file__).parent
SNAPSHOT_FILES = ("engine/test_messages.py", "engine/backup/test_backup_messages.py")

SNAPSHOTS = """
== a_date_that_is_bound
parameter 2 is a PosixPath in: SELECT ?, ?
Bind None, bool, int (64 bits), float (neither NaN nor infinite), str, or bytes; turn anything else into text or an integer yourself, so that it reads back as you expect. [not_bindable]

== a_number_that_does_not_fit
parameter 'size' is an integer that does not fit in 64 bits in: SELECT :size
Bind None, bool, int (64 bits), float (neither NaN nor infinite), str, or bytes; turn anything else into text or an integer yourself, so that it reads back as you expect. [not_bindable]

== a_statement_that_begins_a_transaction
BEGIN is no statement for a client: BEGIN
Use client.transaction() or @atomic; transactions are never opened or ended by a statement. [transaction_control]

== foreign_keys_switched_by_a_statement
this switches foreign keys: PRAGMA foreign_keys = OFF
Leave foreign keys on; they are enforced on every connection. In a migration use RebuildTable, or Migration(…, foreign_keys=False): inside a transaction SQLite ignores the PRAGMA. [foreign_keys_stay_on]

== an_unknown_scheme
'postgres://host/db' has an unknown scheme
Use a path, a file: URL or ':memory:'. [unsupported_url]

== options_in_the_url
'file:agents.db?mode=ro' carries options after '?'
Give options as arguments of create_client(); write ? and # in a file name as %3F and %23. [unsupported_url]

== a_server
'libsql://agents.example.com' names a libSQL server
Open a local file. This version of agentdb does not speak to libSQL servers. [remote_not_supported]

== a_closed_client
the client of FILE is closed
Open it again; a closed handle stays closed. [closed]

== a_transaction_that_has_ended
the transaction on FILE has ended
Begin another with client.transaction(). [closed]

== a_client_from_before_a_fork
the client of FILE was opened before a fork
Open a client of your own in the child process; a SQLite connection must not cross a fork. [forked]

== a_transaction_that_sqlite_took_back
the transaction on FILE was rolled back by the database
Run the whole transaction again; the database has already rolled it back. [transaction_lost]

== the_client_beside_its_transaction
the client of FILE was used beside the transaction that this thread or task has open on it
Inside the block, work through the transaction object; or end it first. [transaction_active]

== a_callback_that_uses_the_database
FILE was used from an event callback
Do not use the database from an event callback; note what you need and act after the call returns. [callback_active]

== no_folder
the folder FILE does not exist
Create the folder first, or correct the path. [folder_missing]

== no_folder_of_migrations
there is no folder FILE
Create the folder first, or correct the path. [folder_missing]

== no_file
there is no database at FILE
Check the path; a command that only reads does not create a database. [file_missing]

== a_directory
FOLDER is a directory
Name a file inside that folder. [is_a_directory]

== a_pipe
FILE is a device, a pipe or a socket, not a file
Check that the path can be opened by this user, then try again. [cannot_open]

== a_text_file
FILE is not a SQLite database: file is not a database in: PRAGMA synchronous=NORMAL
Point to a SQLite file. If this one should be one, restore it from a backup; it was not changed. [not_a_database]

== a_damaged_file
FILE is damaged: database disk image is malformed in: SELECT count(*) FROM t
Keep the file, and restore from a backup; `sqlite3 FILE .recover` may save what is left. [corrupt]

== a_client_that_only_reads
FILE was opened read-only
Open it for writing. [read_only]

== a_full_disk
the disk of FILE is full: database or disk is full in: INSERT INTO t VALUES (zeroblob(100000))
Free some space on that disk, then try again; nothing was changed. [disk_full]

== a_full_disk_in_a_migration
applying migration 001 (step 1) failed, statement 1 of 1: the disk of FILE is full: database or disk is full in: INSERT INTO notes VALUES (zeroblob(100000))
Free some space on that disk, then try again; nothing was changed. [disk_full]

== a_disk_that_fails
reading or writing FILE failed: disk I/O error in: INSERT INTO t VALUES (zeroblob(1000000))
Check that disk (dmesg, free space, network mount), then try again. [io_error]

== a_restore_without_a_place_for_its_lock
FILE could not be restored from FILE.kept: FILE.backups: File exists
Correct what the message names, then restore again; the database is as it was. [restore_failed]

== a_value_of_another_type
cannot store TEXT value in INTEGER column t.x in: INSERT INTO t VALUES ('one')
Correct the values, or the rows that they refer to. [constraint]

== a_value_that_is_missing
NOT NULL constraint failed: t.x in: INSERT INTO t VALUES (NULL)
Give this column a value. [not_null]

== a_value_that_a_check_refuses
CHECK constraint failed: small in: INSERT INTO t VALUES (9)
Give a value that the column's CHECK allows. [check]

== a_sqlite_that_lacks_something
this SQLite, VERSION, was built without the module fts9 in: CREATE VIRTUAL TABLE t USING fts9 (text)
Run a Python whose SQLite has it; those of python.org, uv and conda have FTS5 with trigrams. Where Python uses the system's SQLite, install a complete one. [module_missing]

== a_value_beyond_the_limit
string or blob too big in: SELECT zeroblob(2000000000)
Store less in one value; SQLite's limit is 1,000,000,000 bytes. [too_big]

== an_agent_that_is_not_there
there is no agent 'nobody'
Check the id. [not_found]

== a_file_of_another_name
in FOLDER: first.up.sql does not begin with a number and an underscore
Name files NNN_name.up.sql and NNN_name.down.sql, in UTF-8. [bad_migration_file]

== a_down_without_its_up
in FOLDER: 001_first.down.sql has no 001_first.up.sql beside it
Name files NNN_name.up.sql and NNN_name.down.sql, in UTF-8. [bad_migration_file]

== one_of_a_newer_build
migration 002 is of a newer build, and backward compatible
Nothing; update the application when you can. [newer_database]

== one_that_died_half_way
migration 002 was begun and not finished; the next start goes on with it
Call migrate(): it goes on behind what is done; only VACUUM and its like may run twice. If all of it is done already, mark_applied() or `agentdb repair mark-applied` says so. [interrupted_migration]

== an_up_that_fails
applying migration 002 (step 2) failed, statement 1 of 1: no such table: u in: INSERT INTO u VALUES (1)
Correct the up. [up_failed]

== a_down_that_fails
rolling back migration 002 (step 2) failed, statement 1 of 1: no such table: v in: DROP TABLE v; nothing was rolled back
Correct the down. [down_failed]

== a_down_that_forgets_something
the down of migration 001 (step 1) does not restore the schema: left over: table v
Let the down undo all that the up made. [down_incomplete]

== an_up_that_cannot_be_run_again
after its down, migration 001 (step 1) fails: applying migration 001 (step 1) failed, statement 1 of 1: table u already exists in: CREATE TABLE u (x)
Let down undo all that up made, so that up can run again with the same result. [not_repeatable]

== an_up_that_rows_do_not_bear
on a database at 001 with rows in it: applying migration 002 (step 2) failed, statement 1 of 1: Cannot add a column with non-constant default in: ALTER TABLE t ADD COLUMN at TEXT DEFAULT CURRENT_TIMESTAMP
Correct the up so that it also runs on tables that hold rows. [populated_up_failed]

== a_down_that_rows_do_not_bear
on a database at 002 with rows in it: rolling back migration 002 (step 2) failed, statement 1 of 2: NOT NULL constraint failed: t.x in: INSERT INTO t (x) SELECT NULL FROM t; nothing was rolled back
Correct the down so that it also runs on tables that hold rows. [populated_down_failed]

== a_rebuild_that_empties_the_children
on a database at 001 with rows in it: applying migration 002 (step 2) failed: it would lose rows or references: c 5 -> 1
Nothing was changed. A table that is rebuilt with foreign keys on empties the tables that refer to it: use RebuildTable. If the loss is meant, name it: Migration(…, allows_loss=("table",)). [data_loss]

== a_schema_that_hangs_on_rows
on a database at 001 with rows in it, the upgrade gives another schema than a new file has: changed: table u
Let the schema not depend on what the tables hold. [schema_differs]

== a_table_that_stays_empty
no row could be made for table odd at 001: no value was found that CHECK (substr(x, 3, 4) = 'q' || length(x) || 'zz') allows
Give rows for it: validate_migrations(…, fixtures={'TABLE': [{'column': value}]}). [not_filled]

== a_fixture_that_does_not_fit
a fixture of u is refused at 001: cannot store TEXT value in INTEGER column u.x in: INSERT INTO "u" ("x") VALUES (?)
Correct the rows of fixtures={'TABLE': [{'column': value}]}. [bad_fixture]

== a_fixture_for_nothing
there are fixtures for 'u', and no version has a table of that name
Correct the rows of fixtures={'TABLE': [{'column': value}]}. [bad_fixture]
"""

#: code -> the file that shows it. What the stores say of fields and rows names the field, the value or the id.
SHOWN_ELSEWHERE = {
    "development_build": "migrations/test_development_builds.py",
    "recorded_down_refused": "engine/test_recorded_statements.py",
    "not_allowed": "engine/test_recorded_statements.py",
    "changed_meanwhile": "engine/test_migrator_races.py",
    "empty_up": "engine/test_empty_ups.py",
    "wrong_migration_set": "engine/test_migration_sets.py",
    "tracking_table_changed": "engine/test_rollback_races.py",
    "target_passed": "engine/test_migrator_migrate.py",
    "view_broken": "engine/test_migrator_rollback.py",
    "not_for_a_script": "cli/test_sql_for_the_shell.py",
    "temporary_gone": "engine/test_left_on_the_connection.py",
    "no_effect_inside": "engine/test_left_on_the_connection.py",
    "temp_folder_full": "clients/test_client_remedies.py",
    "name_taken": "test_shared_files.py",
    "bad_value_in_table": "engine/test_odd_tracking_tables.py",
    "skipped_file": "engine/test_loader_folders.py",
    "interrupted": "clients/test_client_interrupts.py",
    "missing_value": "stores/test_bad_input.py",
    "wrong_type": "stores/test_bad_input.py",
    "not_text": "stores/test_bad_input.py",
    "too_large": "stores/test_bad_input.py",
    "too_small": "stores/test_bad_input.py",
    "naive_datetime": "stores/test_bad_input.py",
    "not_json": "stores/test_bad_input.py",
    "not_one_of": "stores/test_bad_input.py",
    "session_full": "stores/test_saving.py",
    "other_session": "stores/test_bad_input.py",
    "bad_cursor": "stores/test_bad_input.py",
    "bad_search": "stores/test_message_search.py",
    "session_deleted": "stores/test_message_store.py",
    "unreadable_row": "stores/test_unreadable_rows.py",
    "plan_outdated": "stores/test_compaction_store.py",
    "already_restored": "stores/test_compaction_store.py",
    "newer_event": "stores/test_compaction_store.py",
    "output_changed": "stores/test_compaction_store.py",
    "place_taken": "stores/test_transcript_and_context.py",
    "cycle": "stores/test_session_store.py",
    "in_use": "stores/test_agent_store.py",
    "default_agent": "stores/test_conversation_store.py",
    "recovery_needed": "clients/test_client_read_only_files.py",
    "file_replaced": "clients/test_client_replaced_files.py",
    "wal_unavailable": "clients/test_client_journal_modes.py",
    "on_connect_failed": "clients/test_client_on_connect.py",
}


def sections(text: str) -> dict[str, str]:
    return {
        name: body.strip() for name, body in re.findall(r"^== (\w+)\n(.*?)(?=^== |\Z)", text, re.MULTILINE | re.DOTALL)
    }


def normalised(text: str, path: Path) -> str:
    text = text.replace(str(path), "FILE").replace(str(path.parent), "FOLDER")
    return text.replace(sqlite3.sqlite_version, "VERSION")


def codes(text: str) -> set[str]:
    return set(re.findall(r"\[(\w+)\]$", text, re.MULTILINE))


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_message_is(name: str, tmp_path: Path) -> None:
    if sys.platform == "win32" and name in POSIX_ONLY:
        pytest.skip("cannot be provoked there")
    path = tmp_path / "agents.db"
    assert normalised(str(SITUATIONS[name](path)), path) == sections(SNAPSHOTS)[name]


def test_every_snapshot_has_its_situation_and_says_what_and_what_next() -> None:
    found = sections(SNAPSHOTS)
    assert list(found) == list(SITUATIONS)
    for text in found.values():
        what, _, next_step = text.partition("\n")
        assert what
        assert re.fullmatch(r"[A-Z].*[.`)] \[[a-z_]+\]", next_step), text


def test_every_code_is_in_a_snapshot_or_shown_by_the_file_that_is_named() -> None:
    shown = codes(SNAPSHOTS)
    for file in SNAPSHOT_FILES:
        shown |= codes((HERE / file).read_text(encoding="utf-8"))
    assert shown <= set(REMEDIES)
    assert set(REMEDIES) - shown == set(SHOWN_ELSEWHERE)
    for code, file in SHOWN_ELSEWHERE.items():
        assert f'"{code}"' in (HERE / file).read_text(encoding="utf-8"), f"{file} shows nothing of {code}"
