from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agentdb.migrations import MIGRATIONS

#: Everything that could be quoted or divided wrongly.
NASTY = '''
from agentdb import Migration

MIGRATIONS = (
    Migration("1", "it's \\"quoted\\";\\n.quit\\nand -- divided", (
        """CREATE TABLE notes ( -- a comment; with a semicolon
          id INTEGER PRIMARY KEY, text TEXT DEFAULT 'it''s; "so"' -- and one at the end
        )""",
        "INSERT INTO notes (text) VALUES ('zwei\\nZeilen'), ('日本語 \\U0001f600'), ('\\u2028') -- a last word",
        """CREATE TRIGGER touch AFTER INSERT ON notes BEGIN
          UPDATE notes SET text = text || ';' WHERE id = new.id;
          SELECT CASE WHEN 1 THEN 2 END;
        END;""",
    ), ("DROP TRIGGER touch;", "DROP TABLE notes /* ; */")),
    Migration("2", "Über :id", "CREATE TABLE \\"we;ird\\" (a TEXT CHECK (a <> ':id'))", 'DROP TABLE "we;ird"'),
    Migration("3", "compact", ("VACUUM", "CREATE INDEX by_text ON notes (text)"), "DROP INDEX by_text",
              use_transaction=False),
)
'''


def by_shell(path: Path, script: str) -> None:
    shell = shutil.which("sqlite3")
    if shell is None:
        pytest.skip("the sqlite3 shell is not installed")
    done = subprocess.run([shell, "-bail", str(path)], input=script.encode(), capture_output=True, check=False)
    if done.returncode:
        raise sqlite3.Error(done.stderr.decode())
    assert done.stdout == done.stderr == b""


def by_executescript(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


Feed = Callable[[Path, str], None]


@pytest.fixture(params=[by_shell, by_executescript])
def feed(request: pytest.FixtureRequest) -> Feed:
    """feed(path, script): runs a script on a database, one way or another."""
    runner: Feed = request.param
    return runner


@pytest.fixture
def nasty(place: Path) -> str:
    """The name of a module of migrations that are hard to write down."""
    (place / "nasty_7.py").write_text(NASTY, encoding="utf-8")
    return "nasty_7"


@pytest.fixture
def state(query: Any) -> Callable[[object, str], list[Any]]:
    """state(path, table): schema, history but for the times, and rows."""

    def read(path: object, table: str = "migrations") -> list[Any]:
        names = [name for (name,) in query(path, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        columns = [row[1] for row in query(path, f'PRAGMA table_info("{table}")')]
        kept = ", ".join(
            column for column in columns if column not in ("applied_at", "execution_time", "schema_fingerprint")
        )
        return [
            query(path, "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"),
            query(path, f'SELECT {kept}, typeof(applied_at) FROM "{table}" ORDER BY id'),
            *(query(path, f'SELECT * FROM "{name}"') for name in names if name.replace('"', '""') != table),
        ]

    return read


def test_the_script_leaves_what_migrate_leaves(cli: Any, place: Path, nasty: str, feed: Feed, state: Any) -> None:
    cli("migrate", "migrated.db", "--migrations", nasty)
    feed(place / "fed.db", cli("sql", "fed.db", "--migrations", nasty).stdout)
    assert state("fed.db") == state("migrated.db")
    document = cli.json("status", "fed.db", "--migrations", nasty, "--check")
    assert (document["errors"], document["warnings"]) == ([], [])
    assert document["applied"][0]["applied_at"].endswith("Z")
    assert cli("migrate", "fed.db", "--migrations", nasty).stdout.startswith("Nothing to apply")


def test_the_rollback_script_leaves_what_rollback_leaves(
    cli: Any, place: Path, nasty: str, feed: Feed, state: Any
) -> None:
    for database in ("rolled.db", "fed.db"):
        cli("migrate", database, "--migrations", nasty)
    for extent in ((), ("--target", "1"), ("--limit", 1)):
        cli("rollback", "rolled.db", "--migrations", nasty, "--yes", *extent)
        feed(place / "fed.db", cli("sql", "fed.db", "--migrations", nasty, "--down", *extent).stdout)
        assert state("fed.db") == state("rolled.db")
    assert state("fed.db")[1] == []


def test_the_built_in_schema_as_a_script(cli: Any, place: Path, feed: Feed, state: Any) -> None:
    cli("migrate", "migrated.db")
    feed(place / "fed.db", cli("sql", "--all").stdout)
    assert state("fed.db") == state("migrated.db")
    cli("status", "fed.db", "--check")
    feed(place / "fed.db", cli("sql", "--all", "--down", "--limit", len(MIGRATIONS)).stdout)
    assert cli.json("status", "fed.db")["applied"] == []


def test_only_what_is_pending_is_in_the_script(cli: Any, place: Path, notes: Path, feed: Feed) -> None:
    cli("migrate", "n.db", "--migrations", notes, "--limit", 1)
    document = cli.json("sql", "n.db", "--migrations", notes, "--limit", 1)
    assert (document["database"], document["direction"], document["migrations"]) == ("n.db", "up", ["002"])
    assert document["script"] == cli("sql", "n.db", "--migrations", notes, "--target", "002").stdout
    feed(place / "n.db", document["script"])
    assert cli.json("status", "n.db", "--migrations", notes)["current_version"] == "002"
    assert cli.json("sql", "n.db", "--migrations", notes, "--down")["migrations"] == ["002"]


def test_a_database_that_does_not_exist_has_everything_pending(cli: Any, place: Path, notes: Path) -> None:
    document = cli.json("sql", "n.db", "--migrations", notes)
    assert document["migrations"] == ["001", "002", "003"]
    assert cli.error("sql", "n.db", "--migrations", notes, "--down")["code"] == "file_missing"
    assert not (place / "n.db").exists()


def test_nothing_pending_is_a_script_that_does_nothing(cli: Any, place: Path, feed: Feed, contents: Any) -> None:
    cli("migrate")
    script = cli("sql").stdout
    assert script == "-- agentdb migrate, agents.db: 0 migrations\n"
    before = contents(place)
    feed(place / "agents.db", script)
    assert contents(place) == before


def test_all_looks_at_no_database(cli: Any, place: Path, notes: Path) -> None:
    (place / "agents.db").write_bytes(b"Dear Sir or Madam, " * 100)
    assert cli.json("sql", "--all", "--migrations", notes)["database"] is None
    assert cli.json("sql", "--all", env={"AGENTDB_URL": "libsql://host"})["migrations"] == [
        migration.id for migration in MIGRATIONS
    ]
    assert cli.error("sql", "agents.db", "--all", code=2)["code"] == "usage"


@pytest.mark.parametrize("direction", [(), ("--down",)])
def test_a_script_that_is_fed_twice_changes_nothing_the_second_time(
    cli: Any, place: Path, write: Any, feed: Feed, state: Any, direction: tuple[str, ...]
) -> None:
    folder = write(
        "money",
        m001_money=("CREATE TABLE money (cents);\nINSERT INTO money VALUES (100);",),
        m002_double=("UPDATE money SET cents = cents * 2;", "UPDATE money SET cents = cents / 2;"),
    )
    cli("migrate", "m.db", "--migrations", folder, "--limit", 2 if direction else 1)
    script = cli("sql", "m.db", "--migrations", folder, *direction).stdout
    feed(place / "m.db", script)
    once = state("m.db")
    with pytest.raises(sqlite3.Error, match=r"constraint failed: migrations\.id"):
        feed(place / "m.db", script)
    assert state("m.db") == once


def test_a_script_that_fails_half_way_leaves_no_half_migration(
    cli: Any, place: Path, write: Any, feed: Feed, tables: Any
) -> None:
    folder = write("broken", m001_bad=("CREATE TABLE half (a);\nINSERT INTO nowhere VALUES (1);",))
    script = cli("sql", "b.db", "--migrations", folder).stdout
    with pytest.raises(sqlite3.Error, match="no such table"):
        feed(place / "b.db", script)
    assert tables("b.db") == []


def test_one_that_began_and_did_not_end_is_written_down_again(
    cli: Any, place: Path, nasty: str, feed: Feed, state: Any, query: Any
) -> None:
    for database in ("migrated.db", "fed.db"):
        cli("migrate", database, "--migrations", nasty)
        query(database, "DROP INDEX by_text")
        query(database, "UPDATE migrations SET in_progress = 'up', id = '003' WHERE id = '3'")
    cli("migrate", "migrated.db", "--migrations", nasty)
    feed(place / "fed.db", cli("sql", "fed.db", "--migrations", nasty).stdout)
    assert state("fed.db") == state("migrated.db")


def test_no_transaction_writes_the_script_of_a_run_without(
    cli: Any, place: Path, notes: Path, feed: Feed, state: Any
) -> None:
    cli("migrate", "migrated.db", "--migrations", notes, "--no-transaction")
    script = cli("sql", "fed.db", "--migrations", notes, "--no-transaction").stdout
    feed(place / "fed.db", script)
    assert state("fed.db") == state("migrated.db")
    assert script.index("COMMIT;\n") < script.index("\nCREATE TABLE notes")


def test_another_table_is_named_in_the_script(cli: Any, place: Path, notes: Path, feed: Feed, state: Any) -> None:
    table = 'my "own"; :id'
    cli("migrate", "migrated.db", "--migrations", notes, "--table", table)
    feed(place / "fed.db", cli("sql", "fed.db", "--migrations", notes, "--table", table).stdout)
    quoted = table.replace('"', '""')
    assert state("fed.db", quoted) == state("migrated.db", quoted)
    feed(place / "fed.db", cli("sql", "fed.db", "--migrations", notes, "--table", table, "--down").stdout)
    assert cli.json("status", "fed.db", "--migrations", notes, "--table", table)["current_version"] == "002"


def test_what_migrate_would_refuse_is_refused(cli: Any, write: Any, notes: Path) -> None:
    cli("migrate", "n.db", "--migrations", notes, "--limit", 2)
    write("notes", m001_notes=("CREATE TABLE notes (edited);", "DROP TABLE notes;"))
    assert cli.error("sql", "n.db", "--migrations", notes)["code"] == "checksum_mismatch"
    assert cli.json("sql", "n.db", "--migrations", notes, "--no-checksums")["migrations"] == ["003"]
    assert cli.error("sql", "n.db", "--migrations", notes, "--target", "9", code=2)["code"] == "invalid_argument"


def test_foreign_keys_are_enforced_in_a_script_as_in_a_migration(
    cli: Any, place: Path, write: Any, feed: Feed, state: Any
) -> None:
    folder = write(
        "families",
        m001_families=(
            "CREATE TABLE parents (id PRIMARY KEY);\n"
            "CREATE TABLE children (parent REFERENCES parents (id) ON DELETE CASCADE);\n"
            "INSERT INTO parents VALUES (1);\nINSERT INTO children VALUES (1);",
        ),
        m002_alone=("-- agentdb: allows_loss=parents, children\nDELETE FROM parents;",),
    )
    cli("migrate", "migrated.db", "--migrations", folder)
    feed(place / "fed.db", cli("sql", "fed.db", "--migrations", folder).stdout)
    assert state("fed.db") == state("migrated.db")
    assert state("fed.db")[2:] == [[], []]


REBUILD = """
from agentdb import Migration, RebuildTable

MIGRATIONS = (
    Migration("001", "family", (
        "CREATE TABLE parents (id INTEGER PRIMARY KEY AUTOINCREMENT, name)",
        "CREATE TABLE children (parent REFERENCES parents ON DELETE CASCADE)",
        "CREATE INDEX by_name ON parents (name)",
        "CREATE VIEW names AS SELECT name FROM parents",
        "INSERT INTO parents VALUES (1, 'a'), (5, 'b')",
        "INSERT INTO children VALUES (1), (5), (5)",
    )),
    Migration(
        "002",
        "rebuilt",
        ("ALTER TABLE parents ADD COLUMN age", RebuildTable("parents", "CREATE TABLE parents (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, age DEFAULT 3)", {"age": "id + 1 -- years"})),
        RebuildTable("parents", "CREATE TABLE parents (id INTEGER PRIMARY KEY AUTOINCREMENT, name)"),
    ),
)
"""


@pytest.mark.parametrize("extent", [(), ("--all",)], ids=["of a database", "of all"])
def test_a_rebuild_is_written_down_as_the_statements_that_it_comes_to(
    cli: Any, place: Path, feed: Feed, state: Any, query: Any, extent: tuple[str, ...]
) -> None:
    (place / "rebuilt_7.py").write_text(REBUILD, encoding="utf-8")
    cli("migrate", "migrated.db", "--migrations", "rebuilt_7")
    if extent:
        feed(place / "fed.db", cli("sql", "--all", "--migrations", "rebuilt_7").stdout)
    else:
        cli("migrate", "fed.db", "--migrations", "rebuilt_7", "--limit", 1)
        feed(place / "fed.db", cli("sql", "fed.db", "--migrations", "rebuilt_7").stdout)
    assert state("fed.db") == state("migrated.db")
    assert query("fed.db", "SELECT * FROM parents") == [(1, "a", 2), (5, "b", 6)]
    assert query("fed.db", "SELECT count(*) FROM children") == [(3,)]
    assert "would apply 002 (rebuilt)" in cli(
        "rollback", "fed.db", "--migrations", "rebuilt_7", "--dry-run"
    ).stdout.replace("roll back", "apply")
    script = cli("sql", *(extent or ("fed.db",)), "--down", "--migrations", "rebuilt_7").stdout
    feed(place / "fed.db", script)
    cli("rollback", "migrated.db", "--migrations", "rebuilt_7", "--yes")
    assert state("fed.db") == state("migrated.db")
    assert query("fed.db", "SELECT count(*) FROM children") == [(3,)]


BEGUN = """
from agentdb import Migration
UP = ("CREATE TABLE a (x)", "INSERT INTO a VALUES (1)", "CREATE TABLE b (x)", "VACUUM", "INSERT INTO b VALUES (2)")
DOWN = ("DELETE FROM a", "DROP TABLE b", "DROP TABLE a")
MIGRATIONS = (Migration("1", "long", UP, DOWN, use_transaction=False),)
"""


def test_a_script_goes_on_behind_what_is_done_and_a_command_behind_what_a_script_has_done(
    cli: Any, place: Path, query: Any
) -> None:
    (place / "begun_8.py").write_text(BEGUN, encoding="utf-8")
    up = cli("sql", "a.db", "--migrations", "begun_8").stdout
    with closing(sqlite3.connect("a.db", isolation_level=None)) as connection, pytest.raises(sqlite3.OperationalError):
        connection.executescript(up.replace("VACUUM;", "DROP TABLE nowhere;"))  # it dies at its fourth statement
    assert query("a.db", "SELECT id, in_progress FROM migrations") == [("1", "up")]
    rest = cli("sql", "a.db", "--migrations", "begun_8").stdout
    assert "CREATE TABLE b" not in rest.split("COMMIT;", 1)[1]
    by_executescript(Path("a.db"), rest)
    assert query("a.db", "SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)") == [(1, 1)]
    assert query("a.db", "SELECT in_progress, note FROM migrations") == [(None, None)]
    down = cli("sql", "a.db", "--down", "--migrations", "begun_8").stdout
    with closing(sqlite3.connect("a.db", isolation_level=None)) as connection, pytest.raises(sqlite3.OperationalError):
        connection.executescript(down.replace("DROP TABLE a;", "DROP TABLE nowhere;"))
    rest = cli("sql", "a.db", "--down", "--migrations", "begun_8").stdout
    assert "DROP TABLE b" not in rest
    assert cli("rollback", "a.db", "--migrations", "begun_8", "--yes").exit_code == 0
    assert query("a.db", "SELECT name FROM sqlite_master WHERE type = 'table'") == [("migrations",)]


def test_a_script_for_a_row_with_a_note_takes_it_back_once(cli: Any, place: Path, query: Any) -> None:
    (place / "begun_9.py").write_text(BEGUN, encoding="utf-8")
    cli("migrate", "a.db", "--migrations", "begun_9")
    for action in ("mark-reverted", "mark-applied"):
        assert cli("repair", action, "1", "a.db", "--migrations", "begun_9", "--reason", "r").exit_code == 0
    down = cli("sql", "a.db", "--down", "--migrations", "begun_9").stdout
    by_executescript(Path("a.db"), down)
    ((note,),) = query("a.db", "SELECT note FROM migrations")
    assert "strftime" not in note
    assert note.endswith("mark_reverted: rolled back")
    with pytest.raises(sqlite3.IntegrityError):
        by_executescript(Path("a.db"), down)
