"""The audit trail beside what else happens to a file: migrations of every kind, restore, raw DDL, older builds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from store_harness import Facade, new_file, opened
from test_audit_store import FAR, entries, told

from agentdb import AgentDB, Backfill, Migration, MigrationSet, Migrator, PythonStep, RebuildTable, backup, restore
from agentdb.errors import DatabaseTooNewError, InvalidArgumentError, NotFoundError
from agentdb.migrations import MIGRATIONS, migrations_up_to
from agentdb.operations import Steps, execute
from agentdb.stores.audit.replay import replay
from agentdb.stores.audit.values import native

NOTES = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, up INTEGER REFERENCES notes ON DELETE SET NULL)"
FIRST = Migration("001", "Notes", NOTES, "DROP TABLE notes")
ROWS = "INSERT INTO notes (id, text) VALUES (1, 'a'), (2, 'b'), (3, 'c')"
TRIGGERS = "SELECT name, tbl_name FROM sqlite_master WHERE name GLOB 'agentdb_audit_*'"


@pytest.fixture
def audited(path: str) -> Any:
    """A database with three notes, which are audited."""
    with opened(path, is_async=False) as db:
        migrate(db)
        db.audit.enable(["notes"])
        db.rows(ROWS)
        yield db


def migrate(db: Facade, *further: Migration) -> Migrator:
    migrator = Migrator(db.thing.client, [FIRST, *further], table="notes_migrations")
    migrator.migrate()
    return migrator


def change(*up: Any, down: Any = (), **options: Any) -> Migration:
    return Migration("002", "A change", up, down, **options)


def check(db: Facade, table: str = "notes") -> None:
    """The log leads to the rows, and the next write is in it."""
    assert [status.is_current for status in db.audit.status() if status.table_name == table] == [True]
    result = db.thing.client.execute(f"SELECT * FROM {table} ORDER BY id")
    rows = [dict(zip(result.columns, row, strict=True)) for row in result.tuples]
    assert [native(row) for _, row in sorted(replay(entries(db, table)).items())] == rows
    assert db.audit.table_at(table, FAR) == rows
    before = len(entries(db, table))
    db.rows(f"DELETE FROM {table} WHERE id = 3")
    assert [(entry.action, entry.row_key) for entry in entries(db, table)][before:] == [("delete", [3])]
    for leftover in ("audit_snapshot", "audit_replaced", "audit_actor"):
        assert db.rows(f"SELECT count(*) FROM {leftover}") == [(0,)]


# -- migrations


def test_a_backfill_is_an_entry_for_each_row(audited: Facade) -> None:
    up = ("ALTER TABLE notes ADD COLUMN words INTEGER", Backfill("notes", "words = id * 10", batch=2))
    migrate(audited, change(*up))
    assert [entry.after for entry in entries(audited)][-3:] == [{"words": 10}, {"words": 20}, {"words": 30}]
    assert [entry.actor for entry in entries(audited)][-3:] == [None] * 3
    check(audited)


def test_a_python_step_may_change_rows_and_tables(audited: Facade) -> None:
    def body() -> Steps[None]:
        yield from execute("UPDATE notes SET text = upper(text) WHERE id < 3")
        yield from execute("ALTER TABLE notes ADD COLUMN more TEXT DEFAULT 'x'")
        yield from execute("DELETE FROM notes WHERE id = 2")

    migrate(audited, change(PythonStep("body", body), allows_loss=("notes",)))
    assert told(audited)[3:] == [
        ("delete", [2], {"id": 2, "text": "b", "up": None}, None),
        ("update", [1], {"text": "a"}, {"text": "A", "more": "x"}),
        ("update", [3], {}, {"more": "x"}),
    ]
    check(audited)


def test_a_python_step_that_fails_leaves_triggers_and_log_as_they_were(audited: Facade) -> None:
    def body() -> Steps[None]:
        yield from execute("UPDATE notes SET text = 'z'")
        raise ZeroDivisionError

    before = audited.rows(TRIGGERS), told(audited)
    with pytest.raises(Exception, match="body"):
        migrate(audited, change(PythonStep("body", body)))
    assert (audited.rows(TRIGGERS), told(audited)) == before
    check(audited)


def test_a_rebuilt_table_has_entries_of_what_changed_alone(audited: Facade) -> None:
    rebuilt = NOTES.replace("text TEXT", "text TEXT NOT NULL CHECK (text <> '')")
    migrate(audited, change(RebuildTable("notes", rebuilt, {"text": "CASE id WHEN 2 THEN 'B' ELSE text END"})))
    assert told(audited)[3:] == [("update", [2], {"text": "b"}, {"text": "B"})]
    check(audited)


@pytest.mark.parametrize(
    "up",
    [
        ["ALTER TABLE notes RENAME TO papers"],
        ["ALTER TABLE notes RENAME TO sheets", "ALTER TABLE sheets RENAME TO papers"],
        [RebuildTable("notes", NOTES), "ALTER TABLE notes RENAME TO papers", "ALTER TABLE papers ADD COLUMN more"],
        ["ALTER TABLE notes RENAME TO papers", "CREATE TABLE notes (v)"],
    ],
    ids=["once", "twice", "rebuilt", "another takes its name"],
)
def test_a_renamed_table_is_audited_under_its_new_name(audited: Facade, up: list[Any]) -> None:
    migrate(audited, change(*up))
    assert replay(entries(audited, "notes")) == {}
    assert {tbl_name for _, tbl_name in audited.rows(TRIGGERS)} == {"papers"}
    assert [status.table_name for status in audited.audit.status()] == ["papers"]
    check(audited, "papers")


def test_a_table_and_the_one_that_it_was_are_both_audited(audited: Facade) -> None:
    again = NOTES.replace("REFERENCES notes ON DELETE SET NULL", "")
    migrate(audited, change("ALTER TABLE notes RENAME TO papers", again, "INSERT INTO notes SELECT * FROM papers"))
    assert [status.table_name for status in audited.audit.status()] == ["notes", "papers"]
    assert [(entry.action, entry.table_name) for entry in entries(audited)][3:] == [("insert", "papers")] * 3
    check(audited)
    check(audited, "papers")


def test_a_table_that_takes_the_name_of_another_audited_one_is_written_once(audited: Facade) -> None:
    audited.rows("CREATE TABLE papers (id INTEGER PRIMARY KEY, title TEXT)")
    audited.audit.enable(["papers"])
    audited.rows("INSERT INTO papers VALUES (1, 'x'), (9, 'y')")
    migrate(audited, change("DROP TABLE papers", "ALTER TABLE notes RENAME TO papers", allows_loss=("papers",)))
    of_papers = [(entry.action, entry.row_key[0]) for entry in entries(audited, "papers")][2:]
    assert of_papers == [("delete", 9), ("update", 1), ("insert", 2), ("insert", 3)]
    assert replay(entries(audited, "notes")) == {}
    check(audited, "papers")


def test_a_dropped_table_is_audited_no_longer_and_its_rows_are_deleted_in_the_log(audited: Facade) -> None:
    migrate(audited, change("DROP TABLE notes", allows_loss=("notes",)))
    assert [(entry.action, entry.row_key) for entry in entries(audited)][3:] == [("delete", [n]) for n in (1, 2, 3)]
    assert (audited.audit.status(), audited.rows(TRIGGERS)) == ([], [])


def test_a_migration_of_another_table_keeps_what_is_there(audited: Facade) -> None:
    before = audited.rows(TRIGGERS)
    migrate(audited, change("CREATE TABLE others (id INTEGER PRIMARY KEY)", "INSERT INTO others VALUES (1)"))
    assert audited.rows(TRIGGERS) == before
    check(audited)


# -- on, off, and raw DDL


def schema(db: Facade) -> list[Any]:
    return sorted(db.rows("SELECT type, name, tbl_name, sql FROM sqlite_master"), key=repr)


def test_disable_leaves_the_schema_as_it_was_before(db: Facade) -> None:
    before = schema(db)
    db.audit.enable()
    db.agents.create(id="a", name="1", model="m")
    db.rows("INSERT OR IGNORE INTO agents (id, name, model) VALUES ('a', 'n', 'm')")
    assert schema(db) != before
    assert db.audit.disable() == []
    assert schema(db) == before
    for table in ("audit_tables", "audit_actor", "audit_replaced", "audit_snapshot"):
        assert db.rows(f"SELECT count(*) FROM {table}") == [(0,)]
    count = len(entries(db))
    db.agents.update("a", name="2")
    assert len(entries(db)) == count


def test_to_enable_twice_is_to_enable_once(db: Facade) -> None:
    names = db.audit.enable(["agents", "AGENTS", "sessions"])
    db.agents.create(id="a", name="1", model="m")
    before = schema(db), told(db), [status.known_since for status in db.audit.status()]
    assert names == db.audit.enable(["sessions", "agents"]) == ["agents", "sessions"]
    assert (schema(db), told(db), [status.known_since for status in db.audit.status()]) == before


def test_a_table_that_raw_sql_changed_is_audited_rightly_once_it_is_enabled_again(audited: Facade) -> None:
    audited.rows("ALTER TABLE notes ADD COLUMN more TEXT DEFAULT 'x'")
    assert [status.is_current for status in audited.audit.status()] == [False]
    with pytest.raises(NotFoundError):
        audited.audit.table_at("notes", FAR)
    audited.audit.enable(["notes"])
    check(audited)


DDL = {
    "dropped": ["DROP TABLE notes"],
    "renamed": ["ALTER TABLE notes RENAME TO papers"],
    "made anew": ["DROP TABLE notes", "CREATE TABLE notes (id TEXT PRIMARY KEY)"],
    "not to be audited": ["DROP TABLE notes", "CREATE TABLE notes (v)"],
    "a view": ["DROP TABLE notes", "CREATE VIEW notes AS SELECT 1 AS id"],
}


@pytest.mark.parametrize("ddl", DDL)
def test_what_raw_sql_did_to_an_audited_table_stops_nothing(audited: Facade, ddl: str) -> None:
    audited.audit.enable(["agents"])
    for sql in DDL[ddl]:
        audited.rows(sql)
    assert [(status.table_name, status.is_current) for status in audited.audit.status()] == [
        ("agents", True),
        ("notes", False),
    ]

    def body() -> Steps[None]:
        yield from execute("SELECT 1")

    trigger = "CREATE TRIGGER late AFTER INSERT ON others BEGIN SELECT 1; END"
    others = Migration(
        "001", "Others", ("CREATE TABLE others (id INTEGER PRIMARY KEY)", trigger, PythonStep("body", body))
    )
    Migrator(audited.thing.client, [others], table="others_migrations").migrate()
    audited.audit.enable(["others"])
    assert audited.audit.disable(["others", "notes"]) == ["agents"]
    assert {tbl_name for _, tbl_name in audited.rows(TRIGGERS)} == {"agents"}
    assert audited.audit.disable() == []
    assert audited.rows(TRIGGERS) == []


def test_a_table_made_anew_by_raw_sql_is_enabled_again(audited: Facade) -> None:
    audited.rows("DROP TABLE notes")
    audited.rows(NOTES)
    audited.rows("INSERT INTO notes (id, text) VALUES (2, 'new'), (3, 'new')")
    with pytest.raises(NotFoundError):
        audited.audit.row_at("notes", 2, FAR)
    audited.audit.enable(["notes"])
    check(audited)


# -- restore


def test_a_restored_backup_has_its_log_and_its_triggers(path: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    with AgentDB.open(path) as db:
        db.audit.enable(["agents"])
        with db.transaction(actor="user:7") as tx:
            tx.agents.create(id="a", name="1", model="m")
        written = list(db.audit.since(datetime(2000, 1, 1, tzinfo=UTC)).items)
        backup(path, copy)
        db.agents.update("a", name="lost")
        db.audit.enable(["sessions"])
    restore(backup=copy, database=path)
    with opened(path, is_async=False) as found:
        assert entries(found) == written
        assert [(status.table_name, status.is_current) for status in found.audit.status()] == [("agents", True)]
        found.rows("UPDATE agents SET name = '2'")
        assert told(found)[1:] == [("update", ["a"], {"name": "1"}, {"name": "2"})]
        assert found.audit.row_at("agents", "a", written[0].changed_at)["name"] == "1"


def test_a_backup_without_an_audit_trail_ends_it(tmp_path: Path) -> None:
    path, copy = new_file(tmp_path), tmp_path / "copy.db"
    with AgentDB.open(path) as db:
        backup(path, copy)
        db.audit.enable()
    restore(backup=copy, database=path)
    with opened(path, is_async=False) as found:
        assert (found.audit.status(), found.rows(TRIGGERS), entries(found)) == ([], [], [])
        found.agents.create(id="a", name="1", model="m")


# -- builds that do not know what is audited


def test_an_older_build_of_the_host_writes_to_the_log_and_rolls_an_unknown_table_back(path: str) -> None:
    newer = MigrationSet(
        "host", [FIRST, Migration("002", "Extras", "CREATE TABLE extras (id PRIMARY KEY)", "DROP TABLE extras")]
    )
    with AgentDB.open(path, migrations=[newer]) as db:
        db.audit.enable(["notes", "extras"])
        db.client.execute("INSERT INTO extras VALUES ('x')")
    with opened(path, is_async=False) as db:
        older = Migrator(db.thing.client, [FIRST], table="host_migrations")
        with pytest.raises(DatabaseTooNewError):
            older.migrate()
        assert [status.is_current for status in db.audit.status()] == [True, True]
        db.rows(ROWS)
        older.rollback(target="001")
        older.migrate()
        assert [(entry.action, entry.row_key) for entry in entries(db, "extras")] == [
            ("insert", ["x"]),
            ("delete", ["x"]),
        ]
        assert [status.table_name for status in db.audit.status()] == ["notes"]
        check(db)


def test_an_older_build_rolls_the_audit_trail_back_and_leaves_no_trigger(path: str) -> None:
    (trail,) = [migration for migration in MIGRATIONS if migration.description == "Audit trail"]
    with opened(path, is_async=False) as db:
        db.audit.enable()
        before = migrations_up_to(f"{trail.number - 1:03}")
        older = Migrator(db.thing.client, before)
        with pytest.raises(DatabaseTooNewError):
            older.migrate()
        older.rollback(target=before[-1].id)
        assert db.rows(TRIGGERS) == []
        db.agents.create(id="a", name="1", model="m")
        Migrator(db.thing.client, MIGRATIONS).migrate()
        assert db.audit.status() == []
        db.audit.enable(["agents"])
        assert [entry.row_key for entry in entries(db)] == [["a"]]


def test_a_name_that_is_no_table_any_more_is_no_reason_to_refuse_others(audited: Facade) -> None:
    audited.rows("DROP TABLE notes")
    assert "agents" in audited.audit.enable()
    with pytest.raises((NotFoundError, InvalidArgumentError)):
        audited.audit.enable(["notes"])
    audited.agents.create(id="a", name="1", model="m")
    assert [entry.action for entry in entries(audited, "agents")] == ["insert"]
