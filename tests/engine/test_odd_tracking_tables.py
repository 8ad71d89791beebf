"""Whatever is called `migrations`, each call that reads it comes to an end, with an answer or with an agentdb error."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, ask, caught, ids, make, outside

from agentdb import AgentDB
from agentdb.cli.group import agentdb as command
from agentdb.engine.history_row import Row
from agentdb.errors import AgentDBError, MigrationError

THREE = [make(1), make(2), make(3)]
#: Steps of SQLite's machine, in thousands, that each call has at the most: an endless view needs more whatever it is.
BOUND = 2_000
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
COLUMNS = (
    "id",
    "description",
    "applied_at",
    "execution_time",
    "checksum",
    "in_progress",
    "use_transaction",
    "foreign_keys",
    "backward_compatible",
    "app_version",
    "applied_after",
    "note",
    "up",
    "down",
)
NULLS = ", ".join([f"NULL AS {column}" for column in COLUMNS if column != "id"])
#: A column whose value is computed when it is read, and is 40 MB long.
HUGE = "GENERATED ALWAYS AS (hex(zeroblob(20000000))) VIRTUAL"

NOT_OURS = {
    "an endless view": f"CREATE VIEW migrations AS {ENDLESS} SELECT x AS id, {NULLS} FROM c",
    "an endless view without a row": f"CREATE VIEW migrations AS {ENDLESS} SELECT x AS id, {NULLS} FROM c WHERE x < 0",
    "an endless sum": f"CREATE VIEW migrations AS {ENDLESS} SELECT max(x) AS id, {NULLS} FROM c",
    "an endless sort": f"CREATE VIEW migrations AS {ENDLESS} SELECT x AS id, {NULLS} FROM c ORDER BY x DESC",
    "a table with an endless one": f"CREATE TABLE one (y); INSERT INTO one VALUES (1); "
    f"CREATE VIEW migrations AS {ENDLESS} SELECT y AS id, {NULLS} FROM one, c WHERE c.x < 0",
    "a view of an endless view": f"CREATE VIEW v AS {ENDLESS} SELECT x AS y FROM c; "
    f"CREATE VIEW migrations AS SELECT (SELECT max(y) FROM v) AS id, {NULLS} FROM v",
    "a view of nothing": f"CREATE VIEW migrations AS SELECT x AS id, {NULLS} FROM gone",
    "a full-text table": f"CREATE VIRTUAL TABLE migrations USING fts5({', '.join(COLUMNS)})",
    **{
        f"a huge {column}": "CREATE TABLE migrations ("
        + ", ".join([f"{name} {HUGE}" if name == column else name for name in COLUMNS])
        + "); "
        + (
            "INSERT INTO migrations (id) VALUES ('001')"
            if column != "id"
            else "INSERT INTO migrations (note) VALUES (1)"
        )
        for column in ("id", "checksum", "in_progress", "description", "note")
    },
}


def calls(db: Database, path: Path) -> dict[str, Callable[[], Any]]:
    """Everything that reads the tracking table."""
    migrator = db.migrator(THREE, backup=False)
    return {
        "status": migrator.get_migration_summary,
        "validate": migrator.validate_migrations,
        "dry run": lambda: migrator.migrate(dry_run=True),
        "dry run of a rollback": lambda: migrator.rollback(limit=3, dry_run=True),
        "baseline": lambda: migrator.baseline("002", reason="a test"),
        "accept": lambda: migrator.accept_checksum("001", reason="a test"),
        "applied": lambda: migrator.mark_applied("001", reason="a test"),
        "reverted": lambda: migrator.mark_reverted("001", reason="a test"),
        "initialize": migrator.initialize,
        "rollback": lambda: migrator.rollback(limit=3),
        "migrate": migrator.migrate,
        "open": lambda: AgentDB.open(path, backup=False).close(),
    }


def run(arguments: list[str], path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and output of a command that reads a database, with three small migrations."""
    folder = path.parent / "three"
    if not folder.exists():
        folder.mkdir()
        for migration in THREE:
            (folder / f"{migration.id}_x.up.sql").write_text(str(migration.up[0]))
    command_name, *options = arguments
    arguments = [command_name, "--migrations", str(folder), *options, str(path)]
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        command.main(arguments)
    return int(end.value.code or 0), capsys.readouterr().out


def bounded(db: Database) -> list[int]:
    """Have every statement of the client stopped at the bound; what is returned counts."""
    spent = [0]

    def spend() -> int:
        spent[0] += 1
        return int(spent[0] > BOUND)

    for connection in db.connections():
        connection.set_progress_handler(spend, 1000)
    return spent


@pytest.mark.parametrize("what", NOT_OURS)
def test_what_is_no_table_of_values_is_foreign_and_is_not_read(
    open_database: Callable[..., Database], path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with outside(path) as connection:
        connection.executescript(NOT_OURS[what])
    before = ask(path, "SELECT type, name, sql FROM sqlite_master")
    db = open_database()
    db.execute("SELECT 1")
    spent = bounded(db)
    for name, call in calls(db, path).items():
        error = caught(call)
        assert (type(error), error.code) == (MigrationError, "foreign_table"), name
        assert "table=" in error.remedy
    assert spent[0] < BOUND
    for arguments in (["status"], ["sql"], ["sql", "--down"], ["migrate", "--no-backup"], ["validate", "--database"]):
        code, out = run([arguments[0], "--json", *arguments[1:]], path, capsys)
        assert (code, json.loads(out)["error"]["code"]) == (1, "foreign_table")
    assert ask(path, "SELECT type, name, sql FROM sqlite_master") == before


@pytest.mark.parametrize(
    "definition",
    [
        "id TEXT PRIMARY KEY, class TEXT, {} ",
        'id TEXT PRIMARY KEY, "as" TEXT, {}',
        "id TEXT PRIMARY KEY /* as it was */, {}",
    ],
)
def test_a_table_of_values_is_ours_whatever_else_its_definition_says(db: Database, path: Path, definition: str) -> None:
    # `as` in a definition may be that of a generated column, so these are looked at more closely.
    rest = ", ".join([column for column in COLUMNS if column != "id"])
    with outside(path) as connection:
        connection.execute(f"CREATE TABLE migrations ({definition.format(rest)})")
    migrator = db.migrator(THREE)
    assert ids(migrator.migrate()) == ["001", "002", "003"]
    assert migrator.migrate() == []


@pytest.mark.parametrize("table", ["migrations", "tasks_migrations", "as", 'a "basic" one'])
def test_reading_our_own_table_is_one_select_whatever_its_name(db: Database, table: str) -> None:
    migrator = db.migrator(THREE, table=table)
    assert migrator.migrate(limit=1)
    with db.statements_sent() as sent:
        assert migrator.get_migration_summary().applied_migrations == 1
    assert len(sent) == 1


@pytest.mark.parametrize("number", ["\xb2", "\u0663", "9" * 5000, "-1", "1_0", ""])
def test_a_number_in_a_note_that_int_does_not_take_is_a_line_like_any_other(number: str) -> None:
    row = Row.noted("001", f"up: {number} statements done, {'0' * 16}", None, "up")
    assert row.statements_done("up") == 0
    assert row.own_note == row.note


def test_a_time_that_is_none_is_a_finding_and_is_not_printed(
    db: Database, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    migrator = db.migrator(THREE)
    migrator.migrate()
    with outside(path) as connection:
        connection.execute("UPDATE migrations SET execution_time = 9e999 WHERE id = '002'")
    validation = migrator.validate_migrations()
    assert validation.is_valid
    assert [(f.code, f.migration_id) for f in validation.warnings] == [("bad_value_in_table", "002")]
    _, out = run(["status", "--json"], path, capsys)
    document = json.loads(out, parse_constant=pytest.fail)
    assert [row["execution_time"] is None for row in document["applied"]] == [False, True, False]


def test_a_recorded_down_that_is_nested_too_deep_cannot_be_read(db: Database, path: Path) -> None:
    db.migrator(THREE).migrate()
    with outside(path) as connection:
        connection.execute("UPDATE migrations SET down = ?, up = down, checksum = 'x' WHERE id = '003'", ("[" * 3000,))
    assert caught(db.migrator(THREE).rollback_last).code == "no_down"


ODD_VALUES: list[Any] = [
    None,
    0,
    1,
    -1,
    2**63 - 1,
    1.5,
    float("inf"),
    float("-inf"),
    b"",
    b"\xff\xfe",
    b"001",
    "",
    "001",
    "1",
    "002",
    "\xb2",
    "9" * 5000,
    "up",
    "down",
    "Up",
    "manual",
    "x" * 100_000,
    "a\0b",
    "\U0001f642",
    THREE[0].checksum,
    "[" * 3000,
    "[" * 900 + "]" * 900,
    '{"a":' * 3000,
    json.dumps(["SELECT 1"]),
    json.dumps([{"agentdb": [[[]]]}]),
    json.dumps([1]),
    "NaN",
    "1e999",
    f"up: \xb2 statements done, {'0' * 16}",
    f"down: {'9' * 5000} statements done, {'0' * 16}",
    f"up: 1 statements done, {'0' * 16}",
    "2026-01-01 mark_reverted: x",
]


def write_odd_table(path: Path, draw: random.Random) -> None:
    """A tracking table that is not STRICT, with anything in its cells; invalid UTF-8 among it."""
    kinds = ("", "TEXT", "INTEGER", "REAL", "BLOB", "ANY")
    definition = ", ".join([f"{column} {draw.choice(kinds)}" for column in COLUMNS])
    with outside(path) as connection:
        connection.execute("BEGIN")
        connection.execute(f"CREATE TABLE migrations ({definition})")
        for number in range(draw.randrange(5)):
            row = {"id": f"00{number + 1}", "checksum": THREE[0].checksum, "use_transaction": 1, "foreign_keys": 1}
            for column in draw.sample(COLUMNS, draw.randrange(1, 5)):
                row[column] = draw.choice(ODD_VALUES)
            names, marks = ", ".join(row), ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO migrations ({names}) VALUES ({marks})", tuple(row.values()))
        if draw.random() < 0.2:
            column = draw.choice(COLUMNS)
            connection.execute(f"UPDATE migrations SET {column} = CAST(x'ff41' AS TEXT)")
        connection.execute("COMMIT")


@pytest.mark.parametrize("seed", range(200))
def test_only_agentdb_errors_come_of_odd_rows(seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "odd.db"
    write_odd_table(path, random.Random(seed))
    for arguments in (["status"], ["sql"], ["sql", "--down", "--limit", "9"], ["validate", "--database"]):
        code, out = run([arguments[0], "--json", *arguments[1:]], path, capsys)
        assert code in (0, 1, 2)
        json.loads(out, parse_constant=pytest.fail)
        run(arguments, path, capsys)
    with Database("sync", path) as db:
        db.execute("SELECT 1")
        spent = bounded(db)
        for call in calls(db, path).values():
            with suppress(AgentDBError):
                call()
        assert spent[0] < BOUND
