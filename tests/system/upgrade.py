"""An upgrade of ten migrations, each of several statements with a backfill, and what a database then must hold."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from agentdb import Migration, Migrator, create_client_sync

ROWS = 1500
STEPS = 10

#: Harmless where the data is there already, so that the same ten make a new file and upgrade one with data.
_BASE = (
    "CREATE TABLE IF NOT EXISTS base (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT",
    f"""INSERT OR IGNORE INTO base WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
        SELECT i, hex(randomblob(100)) FROM n""",
)


def _step(number: int) -> Migration:
    return Migration(
        id=f"{number:03d}",
        description=f"Step {number}",
        up=(
            *(_BASE if number == 1 else ()),
            f"CREATE TABLE part_{number} (id INTEGER PRIMARY KEY, base_id INTEGER NOT NULL REFERENCES base, text TEXT) STRICT",
            f"INSERT INTO part_{number} SELECT id, id, hex(randomblob(40)) FROM base",
            f"CREATE INDEX part_{number}_text ON part_{number} (text)",
            f"ALTER TABLE base ADD COLUMN extra_{number} INTEGER",
            f"UPDATE base SET extra_{number} = id * {number}",
            f"UPDATE part_{number} SET text = text || {number}",
        ),
        down=(
            f"DROP TABLE part_{number}",
            f"ALTER TABLE base DROP COLUMN extra_{number}",
        ),
    )


MIGRATIONS = tuple(_step(number) for number in range(1, STEPS + 1))


def create(path: Path, *, applied: int, journal_mode: str) -> None:
    """A database with data, as an earlier build left it: `applied` migrations in, closed, in this journal mode."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for sql in _BASE:
            connection.execute(sql)
    if applied:
        with create_client_sync(path) as client:
            Migrator(client, MIGRATIONS, backup=False).migrate(limit=applied)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (mode,) = connection.execute(f"PRAGMA journal_mode={journal_mode}").fetchone()
        assert mode == journal_mode.lower()


def applied_in(path: Path) -> int:
    """How many of the ten are in the database. Fails where one is there in part, or where the file is not sound."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if "base" in names:
            assert connection.execute("SELECT count(*) FROM base").fetchone() == (ROWS,)
        columns = {name for _, name, *_ in connection.execute("PRAGMA table_info(base)")}
        history: dict[str, str | None] = {}
        if "migrations" in names:
            history = dict(connection.execute("SELECT id, in_progress FROM migrations"))
        states = [_signs_of(connection, number, names, columns, history) for number in range(1, STEPS + 1)]
    for number, signs in enumerate(states, 1):
        assert len(set(signs.values())) == 1, f"migration {number} is there in part: {signs}"
    there = [signs["history"] for signs in states]
    assert there == sorted(there, reverse=True), f"not the first ones, but {there}"
    assert set(history) == {f"{number:03d}" for number in range(1, sum(there) + 1)}
    return sum(there)


def _signs_of(
    connection: sqlite3.Connection, number: int, names: set[str], columns: set[str], history: dict[str, str | None]
) -> dict[str, bool]:
    def all_rows(sql: str) -> bool:
        (found,) = connection.execute(sql).fetchone()
        assert found in (0, ROWS), f"{found} of {ROWS} rows: {sql}"
        return bool(found)

    table, column = f"part_{number}" in names, f"extra_{number}" in columns
    return {
        "table": table,
        "rows": table and all_rows(f"SELECT count(*) FROM part_{number}"),
        "rows updated": table
        and all_rows(f"SELECT count(*) FROM part_{number} WHERE text GLOB '*{number}' AND length(text) > 80"),
        "index": f"part_{number}_text" in names,
        "column": column,
        "column filled": column and all_rows(f"SELECT count(*) FROM base WHERE extra_{number} = id * {number}"),
        "history": f"{number:03d}" in history,
        "finished": f"{number:03d}" in history and history[f"{number:03d}"] is None,
    }
