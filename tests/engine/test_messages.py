"""What people read when a migration is wrong, in both worlds. The texts are in tests/error_table.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, caught, hand_made_row, make, outside
from error_table import expected

from agentdb import AsyncMigrator, Migration, Migrator, RebuildTable
from agentdb.database import APPLICATION_ID
from agentdb.errors import AgentDBError

TABLE = "CREATE TABLE notes (text)"
NOTES = Migration("001", "notes", TABLE, "DROP TABLE notes")
TAGS = Migration("002", "tags", "CREATE TABLE tags (name)", "DROP TABLE tags")
STARS = Migration("003", "stars", "ALTER TABLE notes ADD COLUMN stars", "ALTER TABLE notes DROP COLUMN stars")
ALL = [NOTES, TAGS, STARS]

Situation = Callable[[Database], Any]
SITUATIONS: list[Situation] = []


def situation(function: Situation) -> Situation:
    """Registers a situation, whose text is in error_table.py."""
    SITUATIONS.append(function)
    return function


# -- migrations that can never be run


@situation
def an_id_that_is_no_number(db: Database) -> Any:
    return caught(Migration, "1a", "d", TABLE)


@situation
def no_description(db: Database) -> Any:
    return caught(Migration, "001", "", TABLE)


@situation
def no_statement_at_all(db: Database) -> Any:
    return caught(Migration, "001", "d", ...)


@situation
def only_a_comment(db: Database) -> Any:
    return caught(Migration, "001", "d", [TABLE, "-- later"])


@situation
def two_statements_in_one(db: Database) -> Any:
    return caught(Migration, "001", "d", TABLE, "DROP TABLE a;\nDROP TABLE b")


@situation
def transaction_control(db: Database) -> Any:
    return caught(Migration, "001", "d", "commit")


@situation
def foreign_keys_off(db: Database) -> Any:
    return caught(Migration, "001", "d", "PRAGMA foreign_keys = OFF")


@situation
def a_migration_that_was_begun_otherwise(db: Database) -> Any:
    first = Migration("001", "d", ["CREATE TABLE t (x)", "DROP TABLE nowhere"], use_transaction=False)
    caught(db.migrator([first]).migrate)
    other = Migration("001", "d", ["CREATE TABLE u (x)", "CREATE TABLE t (x)"], use_transaction=False)
    return caught(db.migrator([other]).migrate)


@situation
def a_switch_of_the_connection(db: Database) -> Any:
    return caught(Migration, "001", "d", ["CREATE TABLE t (x)", "PRAGMA ignore_check_constraints = ON"])


@situation
def bytes_for_sql(db: Database) -> Any:
    return caught(Migration, "001", "d", [b"SELECT 1"])


@situation
def one_number_twice(db: Database) -> Any:
    return caught(db.migrator, [NOTES, Migration("1", "stars", "SELECT 1")])


# -- calls that cannot be right


@situation
def a_limit_of_zero(db: Database) -> Any:
    return caught(db.migrator(ALL).migrate, limit=0)


@situation
def a_target_that_is_no_id(db: Database) -> Any:
    return caught(db.migrator(ALL).migrate, target="newest")


@situation
def an_unknown_target(db: Database) -> Any:
    return caught(db.migrator(ALL).migrate, target="009")


@situation
def a_target_that_is_not_applied(db: Database) -> Any:
    db.migrator(ALL).migrate(limit=2)
    return caught(db.migrator(ALL).rollback, target="003")


@situation
def a_rollback_of_nobody_knows_what(db: Database) -> Any:
    return caught(db.migrator(ALL).rollback)


@situation
def a_table_name_that_cannot_be(db: Database) -> Any:
    return caught(db.migrator, ALL, table="sqlite_x")


@situation
def a_name_for_migrations(db: Database) -> Any:
    return caught(db.migrator, "my.module")


@situation
def the_wrong_world(db: Database) -> Any:
    error = caught(Migrator if db.is_async else AsyncMigrator, db.client)
    own, other = ("Migrator", "an async client") if db.is_async else ("AsyncMigrator", "a sync client")
    return str(error).replace(f"{own} was given {other}", "KIND was given a client of the other world")


@situation
def a_path_for_a_client(db: Database) -> Any:
    return caught(Migrator, "agents.db")


# -- a database and a build that do not fit


@situation
def an_edited_migration(db: Database) -> Any:
    db.migrator(ALL).migrate()
    return caught(db.migrator([Migration("001", "notes", "CREATE TABLE notes (text, more)"), TAGS, STARS]).migrate)


@situation
def an_older_build(db: Database) -> Any:
    db.migrator(ALL).migrate()
    return caught(db.migrator([NOTES]).migrate)


@situation
def a_late_migration(db: Database) -> Any:
    db.migrator([NOTES, STARS]).migrate()
    return caught(db.migrator(ALL).migrate)


@situation
def one_number_twice_in_the_table(db: Database) -> Any:
    db.migrator([NOTES]).migrate()
    hand_made_row(db.path, 1)
    return caught(db.migrator(ALL).migrate)


@situation
def an_id_in_the_table_that_is_none(db: Database) -> Any:
    db.migrator([NOTES]).migrate()
    hand_made_row(db.path, "initial")
    return caught(db.migrator(ALL).migrate)


@situation
def somebody_elses_table(db: Database) -> Any:
    with outside(db.path) as other:
        other.execute("CREATE TABLE migrations (version TEXT)")
    return caught(db.migrator(ALL).migrate)


@situation
def a_missing_down(db: Database) -> Any:
    registered = [Migration("001", "notes", TABLE), TAGS]
    db.migrator(registered).migrate()
    return caught(db.migrator(registered).rollback, limit=2)


@situation
def a_recorded_down_that_cannot_be_read(db: Database) -> Any:
    db.migrator(ALL[:2]).migrate()
    db.execute("UPDATE migrations SET down = 'DROP TABLE tags' WHERE id = '002'")
    return caught(db.migrator([NOTES]).rollback_last)


@situation
def an_interrupted_rollback(db: Database) -> Any:
    bad = Migration("001", "notes", TABLE, ["DROP TABLE notes", "VACUUM INTO '/no/folder'"], use_transaction=False)
    db.migrator([bad]).migrate()
    caught(db.migrator([bad]).rollback_last)
    return caught(db.migrator([bad]).migrate)


# -- migrations that meet the rows of users


@situation
def rows_of_users_that_are_not_unique(db: Database) -> Any:
    first = Migration("001", "notes", "CREATE TABLE notes (id INTEGER)")
    db.migrator([first]).migrate()
    db.execute("INSERT INTO notes VALUES (1), (1)")
    index = Migration("002", "one name each", "CREATE UNIQUE INDEX one_each ON notes (id)")
    return caught(db.migrator([first, index], backup=False).migrate)


@situation
def rows_of_users_that_do_not_keep_a_rule(db: Database) -> Any:
    first = Migration("001", "notes", "CREATE TABLE notes (id INTEGER)")
    db.migrator([first]).migrate()
    db.execute("INSERT INTO notes VALUES (NULL)")
    texts = Migration("002", "texts", ["CREATE TABLE texts (text NOT NULL)", "INSERT INTO texts SELECT id FROM notes"])
    return caught(db.migrator([first, texts], backup=False).migrate)


@situation
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


@situation
def a_rebuild_by_hand(db: Database) -> Any:
    up = (
        "CREATE TABLE new (id INTEGER PRIMARY KEY, name)",
        "INSERT INTO new (id) SELECT id FROM parents",
        "DROP TABLE parents",
        "ALTER TABLE new RENAME TO parents",
    )
    return caught(db.migrator([FAMILY, Migration("002", "by hand", up)], backup=False).migrate)


@situation
def a_reference_that_would_dangle(db: Database) -> Any:
    second = Migration("002", "renumber", "UPDATE parents SET id = id + 10", foreign_keys=False)
    return caught(db.migrator([FAMILY, second], backup=False).migrate)


@situation
def a_host_that_holds_rows(db: Database) -> Any:
    migrator = db.migrator([FAMILY])
    migrator.migrate()
    return caught(migrator.rollback_last)


@situation
def a_rebuild_of_nothing(db: Database) -> Any:
    return caught(db.migrator([Migration("001", "rebuild", RebuildTable("notes", TABLE))]).migrate)


@situation
def a_form_of_a_newer_build(db: Database) -> Any:
    db.migrator(ALL[:2]).migrate()
    db.execute('UPDATE migrations SET down = \'[{"agentdb": "split_table", "version": 1}]\' WHERE id = \'002\'')
    return caught(db.migrator([NOTES]).rollback_last)


@situation
def a_file_of_another_application(db: Database) -> Any:
    db.execute("PRAGMA application_id = 7")
    return caught(db.migrator(ALL, application_id=APPLICATION_ID).migrate)


# -- repairs


@situation
def nothing_to_repair(db: Database) -> Any:
    db.migrator(ALL).migrate()
    return caught(db.migrator(ALL).mark_applied, "001", reason="why not")


@situation
def no_reason(db: Database) -> Any:
    return caught(db.migrator(ALL).baseline, "001", reason=" ")


@situation
def a_migration_outside_a_transaction_that_fails_again(db: Database) -> Any:
    up = ["CREATE TABLE IF NOT EXISTS tags (name)", "DELETE FROM nowhere"]
    migrator = db.migrator([NOTES, Migration("002", "outside", up, use_transaction=False)], backup=False)
    caught(migrator.migrate)
    return caught(migrator.migrate)


# -- migrations that fail


@situation
def a_statement_that_fails(db: Database) -> Any:
    up = ["CREATE TABLE tags (name)", "INSERT INTO nowhere\n  SELECT text FROM notes"]
    return caught(db.migrator([NOTES, Migration("002", "tags", up)]).migrate)


@situation
def a_constraint_that_fails(db: Database) -> Any:
    up = ["CREATE TABLE tags (name UNIQUE)", "INSERT INTO tags VALUES ('a'), ('a')"]
    return caught(db.migrator([NOTES, Migration("002", "tags", up)]).migrate)


@situation
def a_constraint_that_fails_at_commit(db: Database) -> Any:
    up = [
        "CREATE TABLE notes (id INTEGER PRIMARY KEY)",
        "CREATE TABLE tags (note REFERENCES notes DEFERRABLE INITIALLY DEFERRED)",
        "INSERT INTO tags VALUES (1)",
    ]
    return caught(db.migrator([Migration("001", "notes", up)]).migrate)


@situation
def a_down_that_fails(db: Database) -> Any:
    bad = Migration("001", "notes", TABLE, "DROP TABLE note")
    db.migrator([bad]).migrate()
    return caught(db.migrator([bad]).rollback_last)


@situation
def another_writer(db: Database) -> Any:
    db.migrator([NOTES]).migrate()
    with outside(db.path) as other:
        other.execute("BEGIN IMMEDIATE")
        return caught(db.migrator(ALL).migrate)


@pytest.mark.parametrize("function", SITUATIONS, ids=lambda function: function.__name__)
def test_the_message_is(function: Situation, open_database: Callable[..., Database], path: Path) -> None:
    error = function(open_database(busy_timeout=0.05))
    assert str(error).replace(str(path), "FILE") == expected(function)
    if isinstance(error, AgentDBError):
        assert str(error) == f"{error.message}\n{error.remedy} [{error.code}]"


#: What validation says of all that is wrong at once.
FINDINGS = """
migration 002 (tags) is applied and unknown to this build [unknown_migration]
the SQL of migration 001 (notes) is not what was applied (recorded v1:0ff036cb9c7b…, here v1:8481c2b067a9…) [checksum_mismatch]
there is no migration between 001 and 3 [gap]
there is no migration between 3 and 005 [gap]
migration 3 was applied as 'stars' and is now 'ratings' [changed_description]
the down of migration 3 (ratings) is not the recorded one [changed_down]
the row of migration 5 was put in by hand [manual_row]
"""


def test_validation_reports_all_that_is_wrong(db: Database) -> None:
    db.migrator(ALL).migrate()
    hand_made_row(db.path, 5)
    registered = [
        Migration("001", "notes", "SELECT 1"),
        Migration("3", "ratings", STARS.up),
        make("005", up="SELECT 1"),
    ]
    result = db.migrator(registered).validate_migrations()
    assert [str(finding) for finding in (*result.errors, *result.warnings)] == FINDINGS.strip().splitlines()
