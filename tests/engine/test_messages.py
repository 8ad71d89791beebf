"""What people read when something is wrong: each message says what, where, and what to do next.

Read this file from top to bottom as a reviewer of words. `FILE` stands for the path of the database.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, caught, hand_made_row, make, outside

from agentdb import AsyncMigrator, Migration, Migrator, RebuildTable
from agentdb.database import APPLICATION_ID
from agentdb.errors import REMEDIES, AgentDBError

TABLE = "CREATE TABLE notes (text)"
NOTES = Migration("001", "notes", TABLE, "DROP TABLE notes")
TAGS = Migration("002", "tags", "CREATE TABLE tags (name)", "DROP TABLE tags")
STARS = Migration("003", "stars", "ALTER TABLE notes ADD COLUMN stars", "ALTER TABLE notes DROP COLUMN stars")
ALL = [NOTES, TAGS, STARS]

Situation = Callable[[Database], Any]
SITUATIONS: list[Any] = []


def situation(expected: str) -> Callable[[Situation], Situation]:
    """Registers a situation with the text that a person gets."""

    def register(function: Situation) -> Situation:
        SITUATIONS.append(pytest.param(function, expected.strip(), id=function.__name__))
        return function

    return register


# -- migrations that can never be run


@situation("""
'1a' is no migration id
Use digits, as in '001'. [invalid_id]
""")
def an_id_that_is_no_number(db: Database) -> Any:
    return caught(Migration, "1a", "d", TABLE)


@situation("""
migration 001 needs a description in plain text, not ''
Correct the migration. [invalid_migration]
""")
def no_description(db: Database) -> Any:
    return caught(Migration, "001", "", TABLE)


@situation("""
the up of migration 001 is not written yet
Write at least one statement, or delete the entry. [no_statement]
""")
def no_statement_at_all(db: Database) -> Any:
    return caught(Migration, "001", "d", ...)


@situation("""
statement 2 of the up of migration 001 holds no statement: -- later
Write at least one statement, or delete the entry. [no_statement]
""")
def only_a_comment(db: Database) -> Any:
    return caught(Migration, "001", "d", [TABLE, "-- later"])


@situation("""
statement 1 of the down of migration 001 holds 2 statements: DROP TABLE a; DROP TABLE b
Pass one statement per call; agentdb.sql.lexer.split() takes a script apart. [many_statements]
""")
def two_statements_in_one(db: Database) -> Any:
    return caught(Migration, "001", "d", TABLE, "DROP TABLE a;\nDROP TABLE b")


@situation("""
statement 1 of the up of migration 001 is COMMIT: commit
Delete it: each migration runs in a transaction as it is, so BEGIN and COMMIT around it are not needed. One that cannot run in one says use_transaction=False. [control_statement]
""")
def transaction_control(db: Database) -> Any:
    return caught(Migration, "001", "d", "commit")


@situation("""
statement 1 of the up of migration 001 switches foreign keys: PRAGMA foreign_keys = OFF
Leave foreign keys on; they are enforced on every connection. In a migration use RebuildTable, or Migration(…, foreign_keys=False): inside a transaction SQLite ignores the PRAGMA. [foreign_keys_stay_on]
""")
def foreign_keys_off(db: Database) -> Any:
    return caught(Migration, "001", "d", "PRAGMA foreign_keys = OFF")


@situation("""
applying migration 001 (d) failed: migration 001 was begun with other statements, and 1 of those are done
Run the build that began it, which goes on where it stopped. Or finish it by hand and say so with mark_applied() or `agentdb repair mark-applied`; or undo by hand what is done, and then mark_reverted(). [begun_otherwise]
""")
def a_migration_that_was_begun_otherwise(db: Database) -> Any:
    first = Migration("001", "d", ["CREATE TABLE t (x)", "DROP TABLE nowhere"], use_transaction=False)
    caught(db.migrator([first]).migrate)
    other = Migration("001", "d", ["CREATE TABLE u (x)", "CREATE TABLE t (x)"], use_transaction=False)
    return caught(db.migrator([other]).migrate)


@situation("""
statement 2 of the up of migration 001 sets ignore_check_constraints, which would stay set: PRAGMA ignore_check_constraints = ON
Leave it out: it switches the connection, which the application goes on with, not the database. Where a table must change under its rows, RebuildTable needs none of these. [session_pragma]
""")
def a_switch_of_the_connection(db: Database) -> Any:
    return caught(Migration, "001", "d", ["CREATE TABLE t (x)", "PRAGMA ignore_check_constraints = ON"])


@situation("""
statement 1 of the up of migration 001 is a bytes, not SQL
Correct the migration. [invalid_migration]
""")
def bytes_for_sql(db: Database) -> Any:
    return caught(Migration, "001", "d", [b"SELECT 1"])


@situation("""
migration 1 (stars) has the number of 001 (notes)
Give each migration a number of its own; ids are compared as numbers, so '1' is '001'. [duplicate_id]
""")
def one_number_twice(db: Database) -> Any:
    return caught(db.migrator, [NOTES, Migration("1", "stars", "SELECT 1")])


# -- calls that cannot be right


@situation("""
limit is 0; it is a number from 1 on, or None for no limit
Pass a value that the documentation of this call allows. [invalid_argument]
""")
def a_limit_of_zero(db: Database) -> Any:
    return caught(db.migrator(ALL).migrate, limit=0)


@situation("""
target is 'newest'; it is the id of a migration
Pass a value that the documentation of this call allows. [invalid_argument]
""")
def a_target_that_is_no_id(db: Database) -> Any:
    return caught(db.migrator(ALL).migrate, target="newest")


@situation("""
target '009' is not registered; there are 001, 002, 003
Pass a value that the documentation of this call allows. [invalid_argument]
""")
def an_unknown_target(db: Database) -> Any:
    return caught(db.migrator(ALL).migrate, target="009")


@situation("""
target '003' is not applied; there are 001, 002
Pass a value that the documentation of this call allows. [invalid_argument]
""")
def a_target_that_is_not_applied(db: Database) -> Any:
    db.migrator(ALL).migrate(limit=2)
    return caught(db.migrator(ALL).rollback, target="003")


@situation("""
rollback() needs a limit or a target
Pass a value that the documentation of this call allows. [invalid_argument]
""")
def a_rollback_of_nobody_knows_what(db: Database) -> Any:
    return caught(db.migrator(ALL).rollback)


@situation("""
'sqlite_x' cannot be the name of the tracking table
Pass a value that the documentation of this call allows. [invalid_argument]
""")
def a_table_name_that_cannot_be(db: Database) -> Any:
    return caught(db.migrator, ALL, table="sqlite_x")


@situation("""
'my.module' is no iterable of Migration, and no module with MIGRATIONS
Pass migrations.MIGRATIONS, a list, or load_migrations(folder); one by one with add_migration(). [invalid_argument]
""")
def a_name_for_migrations(db: Database) -> Any:
    return caught(db.migrator, "my.module")


@situation("""
KIND was given a client of the other world
Use Migrator with create_client_sync() and AsyncMigrator with create_client(). [wrong_world]
""")
def the_wrong_world(db: Database) -> Any:
    error = caught(Migrator if db.is_async else AsyncMigrator, db.client)
    own, other = ("Migrator", "an async client") if db.is_async else ("AsyncMigrator", "a sync client")
    return str(error).replace(f"{own} was given {other}", "KIND was given a client of the other world")


@situation("""
str is not a client
Pass a client of agentdb.create_client() or create_client_sync(), or a file: client of libsql-client. [foreign_client]
""")
def a_path_for_a_client(db: Database) -> Any:
    return caught(Migrator, "agents.db")


# -- a database and a build that do not fit


@situation("""
the SQL of migration 001 (notes) is not what was applied (recorded v1:0ff036cb9c7b…, here v1:851f8169d425…); nothing was run
Restore the migration's original text, and put the change into a new migration. If the text is right as it is, accept_checksum() or `agentdb repair accept-checksum` says so. [checksum_mismatch]
""")
def an_edited_migration(db: Database) -> Any:
    db.migrator(ALL).migrate()
    return caught(db.migrator([Migration("001", "notes", "CREATE TABLE notes (text, more)"), TAGS, STARS]).migrate)


@situation("""
migration 002 (tags) is applied and unknown to this build; migration 003 (stars) is applied and unknown to this build; this build ends at 001; nothing was run
Update the application to a build that has them, or roll them back with rollback(target=…) or `agentdb rollback --target ID`, which work from the recorded downs. [unknown_migration]
""")
def an_older_build(db: Database) -> Any:
    db.migrator(ALL).migrate()
    return caught(db.migrator([NOTES]).migrate)


@situation("""
migration 002 (tags) is pending below the newest applied one; nothing was run
Give the new migration a number above the newest applied one, or pass allow_out_of_order=True. [out_of_order]
""")
def a_late_migration(db: Database) -> Any:
    db.migrator([NOTES, STARS]).migrate()
    return caught(db.migrator(ALL).migrate)


@situation("""
the tracking table holds '001' and '1'; nothing was run
Delete the row that is wrong from the tracking table; ids are compared as numbers. [duplicate_in_table]
""")
def one_number_twice_in_the_table(db: Database) -> Any:
    db.migrator([NOTES]).migrate()
    hand_made_row(db.path, 1)
    return caught(db.migrator(ALL).migrate)


@situation("""
the tracking table holds the id 'initial'; nothing was run
Delete or correct that row of the tracking table; ids are digits. [bad_id_in_table]
""")
def an_id_in_the_table_that_is_none(db: Database) -> Any:
    db.migrator([NOTES]).migrate()
    hand_made_row(db.path, "initial")
    return caught(db.migrator(ALL).migrate)


@situation("""
the table 'migrations' is not a tracking table of agentdb: it has no column id
This table belongs to something else: pass table='another_name' to AgentDB.open() or Migrator. [foreign_table]
""")
def somebody_elses_table(db: Database) -> Any:
    with outside(db.path) as other:
        other.execute("CREATE TABLE migrations (version TEXT)")
    return caught(db.migrator(ALL).migrate)


@situation("""
there is no down for 001 (notes); nothing was rolled back
Write a down for it, or roll back to a target above it. [no_down]
""")
def a_missing_down(db: Database) -> Any:
    registered = [Migration("001", "notes", TABLE), TAGS]
    db.migrator(registered).migrate()
    return caught(db.migrator(registered).rollback, limit=2)


@situation("""
the recorded statements of migration 002 cannot be read
Run a build that has this migration, or correct the row in the tracking table. [no_down]
""")
def a_recorded_down_that_cannot_be_read(db: Database) -> Any:
    db.migrator(ALL[:2]).migrate()
    db.execute("UPDATE migrations SET down = 'DROP TABLE tags' WHERE id = '002'")
    return caught(db.migrator([NOTES]).rollback_last)


@situation("""
rolling back migration 001 was begun and not finished; nothing was run
Finish it first: call rollback_last(), or `agentdb rollback`. If it is rolled back already, mark_reverted() or `agentdb repair mark-reverted` says so. [interrupted_rollback]
""")
def an_interrupted_rollback(db: Database) -> Any:
    bad = Migration("001", "notes", TABLE, ["DROP TABLE notes", "VACUUM INTO '/no/folder'"], use_transaction=False)
    db.migrator([bad]).migrate()
    caught(db.migrator([bad]).rollback_last)
    return caught(db.migrator([bad]).migrate)


# -- migrations that meet the rows of users


@situation("""
applying migration 002 (one name each) failed, statement 1 of 1: UNIQUE constraint failed: notes.id in: CREATE UNIQUE INDEX one_each ON notes (id)
Users have rows that are not unique. Merge or delete the duplicates in the migration, before it creates the index; or create it without UNIQUE. [unique]
""")
def rows_of_users_that_are_not_unique(db: Database) -> Any:
    first = Migration("001", "notes", "CREATE TABLE notes (id INTEGER)")
    db.migrator([first]).migrate()
    db.execute("INSERT INTO notes VALUES (1), (1)")
    index = Migration("002", "one name each", "CREATE UNIQUE INDEX one_each ON notes (id)")
    return caught(db.migrator([first, index], backup=False).migrate)


@situation("""
applying migration 002 (texts) failed, statement 2 of 2: NOT NULL constraint failed: texts.text in: INSERT INTO texts SELECT id FROM notes
Users have rows that do not keep this rule. Change them in the migration, before this statement. [not_null]
""")
def rows_of_users_that_do_not_keep_a_rule(db: Database) -> Any:
    first = Migration("001", "notes", "CREATE TABLE notes (id INTEGER)")
    db.migrator([first]).migrate()
    db.execute("INSERT INTO notes VALUES (NULL)")
    texts = Migration("002", "texts", ["CREATE TABLE texts (text NOT NULL)", "INSERT INTO texts SELECT id FROM notes"])
    return caught(db.migrator([first, texts], backup=False).migrate)


@situation("""
applying migration 002 (rebuilt) failed, statement 3 of 3: error in view listed: no such table: main.notes in: ALTER TABLE fresh RENAME TO notes
A view or a trigger names the table while it is gone. Rebuild it with RebuildTable, which keeps both; or drop them before, and create them again behind. [statement_failed]
""")
def a_rebuild_by_hand_under_a_view(db: Database) -> Any:
    first = Migration("001", "notes", ["CREATE TABLE notes (id INTEGER)", "CREATE VIEW listed AS SELECT id FROM notes"])
    db.migrator([first]).migrate()
    by_hand = ["CREATE TABLE fresh (id TEXT)", "DROP TABLE notes", "ALTER TABLE fresh RENAME TO notes"]
    return caught(db.migrator([first, Migration("002", "rebuilt", by_hand)], backup=False).migrate)


# -- migrations that would lose something


FAMILY = Migration(
    "001",
    "family",
    (
        "CREATE TABLE parents (id INTEGER PRIMARY KEY)",
        "CREATE TABLE children (parent REFERENCES parents ON DELETE CASCADE)",
        "CREATE TABLE friends (parent REFERENCES parents ON DELETE SET NULL)",
        "INSERT INTO parents VALUES (1), (2)",
        "INSERT INTO children VALUES (1), (1), (2)",
        "INSERT INTO friends VALUES (2)",
    ),
    ("DROP TABLE parents",),
)


@situation("""
applying migration 002 (by hand) failed: it would lose rows or references: children 3 -> 0, friends.parent 1 -> 0
Nothing was changed. A table that is rebuilt with foreign keys on empties the tables that refer to it: use RebuildTable. If the loss is meant, name it: Migration(…, allows_loss=("table",)). [data_loss]
""")
def a_rebuild_by_hand(db: Database) -> Any:
    up = (
        "CREATE TABLE new (id INTEGER PRIMARY KEY, name)",
        "INSERT INTO new (id) SELECT id FROM parents",
        "DROP TABLE parents",
        "ALTER TABLE new RENAME TO parents",
    )
    return caught(db.migrator([FAMILY, Migration("002", "by hand", up)], backup=False).migrate)


@situation("""
applying migration 002 (renumber) failed: it would leave references that point to nothing: children -> parents (parent), friends -> parents (parent)
Nothing was changed. Move or delete the rows that refer, in the migration, before what they refer to goes. [dangling_references]
""")
def a_reference_that_would_dangle(db: Database) -> Any:
    second = Migration("002", "renumber", "UPDATE parents SET id = id + 10", foreign_keys=False)
    return caught(db.migrator([FAMILY, second], backup=False).migrate)


@situation("""
rolling back migration 001 (family) failed: it would drop parents, and other tables hold rows under that: children (3), friends (1); nothing was rolled back
Nothing was changed. Roll back first what made those tables, with the migrator that they belong to; or delete the rows. [dependent_rows]
""")
def a_host_that_holds_rows(db: Database) -> Any:
    migrator = db.migrator([FAMILY])
    migrator.migrate()
    return caught(migrator.rollback_last)


@situation("""
applying migration 001 (rebuild) failed, statement 1 of 1: the table notes cannot be rebuilt: there is no such table
Nothing was changed. Correct the RebuildTable, or what stands before it. [rebuild_refused]
""")
def a_rebuild_of_nothing(db: Database) -> Any:
    return caught(db.migrator([Migration("001", "rebuild", RebuildTable("notes", TABLE))]).migrate)


@situation("""
migration 002 was recorded in a form that this build does not know ('split_table', version 1)
Nothing was run. Take it back with the build that applied it, or with a newer one. [unknown_form]
""")
def a_form_of_a_newer_build(db: Database) -> Any:
    db.migrator(ALL[:2]).migrate()
    db.execute('UPDATE migrations SET down = \'[{"agentdb": "split_table", "version": 1}]\' WHERE id = \'002\'')
    return caught(db.migrator([NOTES]).rollback_last)


@situation("""
the file belongs to another application: its application_id is 0x7, not 0x61676462
Nothing was changed. Name another file; or, if this one is meant, pass its application_id, or None. [other_application]
""")
def a_file_of_another_application(db: Database) -> Any:
    db.execute("PRAGMA application_id = 7")
    return caught(db.migrator(ALL, application_id=APPLICATION_ID).migrate)


# -- repairs


@situation("""
migration 001 (notes) is applied already
Look at what is applied, with `agentdb status` or get_migration_summary(). [nothing_to_repair]
""")
def nothing_to_repair(db: Database) -> Any:
    db.migrator(ALL).migrate()
    return caught(db.migrator(ALL).mark_applied, "001", reason="why not")


@situation("""
reason is ' '; say in plain text why this is right: it is recorded
Pass a value that the documentation of this call allows. [invalid_argument]
""")
def no_reason(db: Database) -> Any:
    return caught(db.migrator(ALL).baseline, "001", reason=" ")


@situation("""
applying migration 002 (outside) failed, statement 2 of 2: no such table: nowhere in: DELETE FROM nowhere
Correct the statement. It ran outside a transaction: the statements before it stay done, and the next start goes on here. It was begun once before and did not end, so some of it may be there. If all of it is, mark_applied('002', reason=…) or `agentdb repair mark-applied 002` says so; if you have taken it back by hand, mark_reverted() or `agentdb repair mark-reverted`. [statement_failed]
""")
def a_migration_outside_a_transaction_that_fails_again(db: Database) -> Any:
    up = ["CREATE TABLE IF NOT EXISTS tags (name)", "DELETE FROM nowhere"]
    migrator = db.migrator([NOTES, Migration("002", "outside", up, use_transaction=False)], backup=False)
    caught(migrator.migrate)
    return caught(migrator.migrate)


# -- migrations that fail


@situation("""
applying migration 002 (tags) failed, statement 2 of 2: no such table: nowhere in: INSERT INTO nowhere SELECT text FROM notes
Correct the statement. [statement_failed]
""")
def a_statement_that_fails(db: Database) -> Any:
    up = ["CREATE TABLE tags (name)", "INSERT INTO nowhere\n  SELECT text FROM notes"]
    return caught(db.migrator([NOTES, Migration("002", "tags", up)]).migrate)


@situation("""
applying migration 002 (tags) failed, statement 2 of 2: UNIQUE constraint failed: tags.name in: INSERT INTO tags VALUES ('a'), ('a')
Use another value; one row already has this one. [unique]
""")
def a_constraint_that_fails(db: Database) -> Any:
    up = ["CREATE TABLE tags (name UNIQUE)", "INSERT INTO tags VALUES ('a'), ('a')"]
    return caught(db.migrator([NOTES, Migration("002", "tags", up)]).migrate)


@situation("""
applying migration 001 (notes) failed: FOREIGN KEY constraint failed in: COMMIT
Create the row that is referred to first, or remove the rows that refer to this one. [foreign_key]
""")
def a_constraint_that_fails_at_commit(db: Database) -> Any:
    up = [
        "CREATE TABLE notes (id INTEGER PRIMARY KEY)",
        "CREATE TABLE tags (note REFERENCES notes DEFERRABLE INITIALLY DEFERRED)",
        "INSERT INTO tags VALUES (1)",
    ]
    return caught(db.migrator([Migration("001", "notes", up)]).migrate)


@situation("""
rolling back migration 001 (notes) failed, statement 1 of 1: no such table: note in: DROP TABLE note; nothing was rolled back
Correct the statement. [statement_failed]
""")
def a_down_that_fails(db: Database) -> Any:
    bad = Migration("001", "notes", TABLE, "DROP TABLE note")
    db.migrator([bad]).migrate()
    return caught(db.migrator([bad]).rollback_last)


@situation("""
FILE is locked by another writer in: BEGIN IMMEDIATE
Another process or thread is writing. Try again, or open with a longer busy_timeout. [busy]
""")
def another_writer(db: Database) -> Any:
    db.migrator([NOTES]).migrate()
    with outside(db.path) as other:
        other.execute("BEGIN IMMEDIATE")
        return caught(db.migrator(ALL).migrate)


# -- what validation says


@situation("""
migration 002 (tags) is applied and unknown to this build [unknown_migration]
the SQL of migration 001 (notes) is not what was applied (recorded v1:0ff036cb9c7b…, here v1:8481c2b067a9…) [checksum_mismatch]
there is no migration between 001 and 3 [gap]
there is no migration between 3 and 005 [gap]
migration 3 was applied as 'stars' and is now 'ratings' [changed_description]
the down of migration 3 (ratings) is not the recorded one [changed_down]
the row of migration 5 was put in by hand [manual_row]
""")
def findings(db: Database) -> Any:
    db.migrator(ALL).migrate()
    hand_made_row(db.path, 5)
    registered = [
        Migration("001", "notes", "SELECT 1"),
        Migration("3", "ratings", STARS.up),
        make("005", up="SELECT 1"),
    ]
    result = db.migrator(registered).validate_migrations()
    return "\n".join(str(finding) for finding in (*result.errors, *result.warnings))


@pytest.mark.parametrize(("function", "expected"), SITUATIONS)
def test_the_message_is(function: Situation, expected: str, open_database: Callable[..., Database], path: Path) -> None:
    text = function(open_database(busy_timeout=0.05))
    assert str(text).replace(str(path), "FILE") == expected


@pytest.mark.parametrize(("function", "expected"), SITUATIONS)
def test_the_remedy_and_the_code_are_for_programs_too(
    function: Situation, expected: str, open_database: Callable[..., Database]
) -> None:
    error = function(open_database(busy_timeout=0.05))
    if isinstance(error, AgentDBError):
        assert error.code in REMEDIES
        assert str(error) == f"{error.message}\n{error.remedy} [{error.code}]"
        assert error.remedy.endswith((".", ")"))


def test_every_code_has_a_remedy_that_is_a_sentence() -> None:
    for code, remedy in REMEDIES.items():
        assert code.isidentifier()
        assert code.islower()
        assert remedy[0].isupper() or remedy[0] == "`"
        assert remedy.endswith(".")
