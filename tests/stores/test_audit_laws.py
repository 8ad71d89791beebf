"""Whatever is written, and by whatever statement, the log leads to the rows, and back to those of every moment."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from store_harness import new_file

from agentdb import AgentDB, Migration, Migrator, RebuildTable
from agentdb.errors import AgentDBError
from agentdb.stores.audit.replay import replay
from agentdb.stores.audit.values import native

START = datetime(2100, 1, 1, tzinfo=UTC)
TABLES = ("children", "pairs", "parents", "strict")
SCHEMA = """
CREATE TABLE parents (
  id TEXT PRIMARY KEY, name TEXT COLLATE NOCASE UNIQUE ON CONFLICT REPLACE, slot INTEGER, mail TEXT, written INTEGER DEFAULT 0
);
CREATE UNIQUE INDEX parents_slot ON parents (slot) WHERE slot > 0;
CREATE UNIQUE INDEX parents_mail ON parents (lower(mail) DESC);
CREATE TABLE children (
  id INTEGER PRIMARY KEY, parent TEXT REFERENCES parents ON DELETE CASCADE ON UPDATE CASCADE, note,
  kind GENERATED ALWAYS AS (typeof(note)) VIRTUAL
);
CREATE TABLE pairs (a, b INTEGER, v REAL, "odd ""name'" BLOB, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE strict (id TEXT PRIMARY KEY, n INTEGER UNIQUE, body TEXT, any ANY) STRICT;
CREATE TRIGGER children_written AFTER INSERT ON children BEGIN
  UPDATE parents SET written = written + 1 WHERE id = NEW.parent;
  UPDATE children SET note = 'seen' WHERE id = NEW.id AND note IS NULL;
END;
CREATE TRIGGER parents_slot_is_freed BEFORE INSERT ON parents WHEN NEW.slot > 1 BEGIN
  UPDATE parents SET slot = NULL WHERE slot = NEW.slot;
END
"""
NAMES = ["'a'", "'A'", "'b'", "'c' || char(0) || 'd'", "'line' || char(10)", "'é😀\"\\'", "NULL"]
NUMBERS = ["0", "1", "2", "3", "-1", "9223372036854775807", "-9223372036854775807 - 1", "NULL"]
VALUES = [*NAMES, *NUMBERS, "1.0", "0.1 + 0.2", "1e300", "1e-320", "9e999", "-9e999", "x'00ff'", "x''", "json('[1]')"]
CONFLICT = st.sampled_from(["", "OR REPLACE", "OR IGNORE", "OR FAIL"])
name, number, value = st.sampled_from(NAMES), st.sampled_from(NUMBERS), st.sampled_from(VALUES)
INSERTS = {
    "parents": ("id, name, slot, mail", (name, name, number, name)),
    "children": ("id, parent, note", (number, name, value)),
    "pairs": ('a, b, v, "odd ""name\'"', (value, number, value, value)),
    "strict": ("id, n, body, any", (name, number, st.one_of(name, st.just("json('{}')")), value)),
}
STATEMENTS = st.one_of(
    *[
        st.tuples(CONFLICT, *values).map(
            lambda v, t=table, c=columns: f"INSERT {v[0]} INTO {t} ({c}) VALUES ({', '.join(v[1:])})"
        )
        for table, (columns, values) in INSERTS.items()
    ],
    st.tuples(CONFLICT, name, name).map(lambda v: f"UPDATE {v[0]} parents SET id = {v[1]} WHERE id = {v[2]}"),
    st.tuples(CONFLICT, number).map(lambda v: f"UPDATE {v[0]} parents SET slot = {v[1]}"),
    st.tuples(CONFLICT, name, name).map(lambda v: f"UPDATE {v[0]} parents SET name = {v[1]}, mail = {v[2]}"),
    st.tuples(CONFLICT, number).map(lambda v: f"UPDATE {v[0]} children SET id = id + {v[1]}"),
    st.tuples(CONFLICT, value).map(lambda v: f"UPDATE {v[0]} children SET note = {v[1]}"),
    st.tuples(CONFLICT, number, value).map(lambda v: f"UPDATE {v[0]} pairs SET b = {v[1]}, v = {v[2]}"),
    st.tuples(CONFLICT, number).map(lambda v: f"UPDATE {v[0]} strict SET n = {v[1]}, body = json('[2]')"),
    st.tuples(name, number).map(
        lambda v: f"INSERT INTO strict (id, n) VALUES ({v[0]}, {v[1]}) ON CONFLICT DO UPDATE SET id = 'up', any = 1.0"
    ),
    st.tuples(name, name).map(
        lambda v: f"INSERT INTO parents (id, name) VALUES ({v[0]}, {v[1]}) ON CONFLICT (id) DO UPDATE SET mail = id"
    ),
    CONFLICT.map(lambda c: f"INSERT {c} INTO strict (id, n, body) SELECT name, slot, mail FROM parents"),
    st.sampled_from([f"DELETE FROM {table}" for table in TABLES]),
    name.map(lambda v: f"DELETE FROM parents WHERE id IS {v}"),
    number.map(lambda v: f"DELETE FROM children WHERE id IS {v}"),
)
MIGRATIONS: list[list[Any]] = [
    ["ALTER TABLE children ADD COLUMN added TEXT DEFAULT 'x'", "UPDATE children SET added = note"],
    ["ALTER TABLE children RENAME COLUMN note TO remark"],
    ["ALTER TABLE pairs DROP COLUMN v", "DELETE FROM parents WHERE slot = 1"],
    ["ALTER TABLE strict ADD COLUMN doubled INTEGER AS (n + 1) VIRTUAL"],
    [
        RebuildTable(
            "parents",
            "CREATE TABLE parents (id TEXT PRIMARY KEY, name TEXT NOT NULL, slot INTEGER, mail TEXT, more REAL, written)",
            {"name": "coalesce(name, '?')", "more": "slot * 0.5"},
        )
    ],
    ["CREATE TRIGGER strict_late AFTER INSERT ON strict BEGIN UPDATE strict SET body = 'late' WHERE id = NEW.id; END"],
    ["CREATE UNIQUE INDEX children_note ON children (parent, note) WHERE id < 0"],
    ["DROP INDEX parents_mail"],
]
STEPS = st.lists(
    st.one_of(
        STATEMENTS,
        STATEMENTS,
        STATEMENTS,
        STATEMENTS,
        st.lists(STATEMENTS, min_size=1, max_size=4).map(lambda found: ("undone", found)),
        st.integers(0, len(MIGRATIONS) - 1).map(lambda number: ("migration", number)),
    ),
    min_size=4,
    max_size=14,
)


def recursive(connection: Any) -> None:
    connection.execute("PRAGMA recursive_triggers = ON")


@cache
def template() -> tuple[TemporaryDirectory[str], str]:
    """A file with the tables, all of them audited: made once, and copied for each example."""
    folder = TemporaryDirectory()
    path = new_file(Path(folder.name))
    with AgentDB.open(path) as db:
        for statement in SCHEMA.replace("END;", "END\0").replace(";\nCREATE", "\0\nCREATE").split("\0"):
            db.client.execute(statement)
        assert db.audit.enable(TABLES) == list(TABLES)
    return folder, path


@contextmanager
def audited(*, is_recursive: bool) -> Iterator[AgentDB]:
    folder, path = template()
    with TemporaryDirectory(dir=folder.name) as own:
        copy = shutil.copyfile(path, Path(own) / "a.db")
        with AgentDB.open(copy, synchronous="OFF", on_connect=recursive if is_recursive else None) as db:
            yield db


def shown(rows: list[dict[str, Any]]) -> list[str]:
    """Rows in one order, with 1, 1.0 and '1' told from each other."""
    return sorted(repr(sorted(row.items())) for row in rows)


def contents(db: AgentDB) -> dict[str, list[str]]:
    found = {}
    for table in TABLES:
        result = db.client.execute(f"SELECT * FROM {table}")
        found[table] = shown([dict(zip(result.columns, row, strict=True)) for row in result.tuples])
    return found


def replayed(db: AgentDB) -> dict[str, list[str]]:
    found = {}
    for table in TABLES:
        entries, cursor = [], None
        while True:
            page = db.audit.since(datetime(2000, 1, 1, tzinfo=UTC), table=table, limit=10_000, cursor=cursor)
            entries += page.items
            if (cursor := page.next_cursor) is None:
                break
        found[table] = shown([native(row) for row in replay(entries).values()])
    return found


class Undone(Exception):
    pass


def take(db: AgentDB, step: Any, applied: dict[int, Migration]) -> None:
    """One step; what the database refuses has done nothing."""
    try:
        if isinstance(step, str):
            db.client.execute(step)
        elif step[0] == "migration":
            if step[1] in applied:
                return
            found = {**applied, step[1]: Migration(f"{step[1] + 1:03}", "A change", MIGRATIONS[step[1]])}
            migrator = Migrator(
                db.client, found.values(), table="host_migrations", allow_out_of_order=True, backup=False
            )
            migrator.migrate()
            applied.update(found)
        else:
            with db.transaction() as tx:
                for statement in step[1]:
                    try:
                        tx.execute(statement)
                    except AgentDBError:
                        pass
                raise Undone
    except (AgentDBError, Undone):
        pass


#: A trigger that fires before an INSERT updates the row that the INSERT is about to replace.
UPDATED_BEFORE_IT_IS_REPLACED = [
    "INSERT INTO parents (id, name, slot, mail) VALUES ('a', 'a', 2, 'a')",
    "INSERT INTO children (id, parent, note) VALUES (0, 'a', 'a')",
    "INSERT OR REPLACE INTO parents (id, name, slot, mail) VALUES ('A', 'a', 2, 'a')",
]


@settings(max_examples=60)
@given(steps=STEPS, is_recursive=st.booleans())
@example(steps=UPDATED_BEFORE_IT_IS_REPLACED, is_recursive=False)
def test_the_log_leads_to_the_rows_and_back(steps: list[Any], is_recursive: bool) -> None:
    check(steps, is_recursive)


@pytest.mark.soak
@settings(max_examples=1000)
@given(steps=STEPS, is_recursive=st.booleans())
def test_the_log_leads_to_the_rows_and_back_in_many_rounds(steps: list[Any], is_recursive: bool) -> None:
    check(steps, is_recursive)


def check(steps: list[Any], is_recursive: bool) -> None:
    with audited(is_recursive=is_recursive) as db:
        seen = [(START, contents(db))]
        applied: dict[int, Migration] = {}
        for number, step in enumerate(steps, 1):
            at = START + timedelta(seconds=number)
            take(db, step, applied)
            db.client.execute(
                "UPDATE audit_log SET changed_at = ? WHERE changed_at < '2100'", (at.isoformat()[:19] + ".000Z",)
            )
            seen.append((at, contents(db)))
            assert replayed(db) == seen[-1][1], step
        for at, rows in seen:
            assert {table: shown(db.audit.table_at(table, at)) for table in TABLES} == rows
