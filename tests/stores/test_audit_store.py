"""The audit trail, on a database of each world: what it writes, what it answers, and what it refuses."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from store_harness import Facade, new_file, opened

from agentdb import AgentDB, Migration, Migrator, RebuildTable
from agentdb.errors import AgentDBError, FieldError, InvalidArgumentError, NotFoundError
from agentdb.stores import AuditEntry
from agentdb.stores.audit.replay import replay
from agentdb.stores.audit.values import native

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
FAR = datetime(2100, 1, 1, tzinfo=UTC)


UPDATE_OR_REPLACE = "UPDATE OR REPLACE notes SET id = 'a', title = 'b' WHERE id = 'c'"


def entries(db: Facade, table: str | None = None) -> list[AuditEntry]:
    return list(db.audit.since(LONG_AGO, table=table, limit=1000).items)


def told(db: Facade, table: str | None = None) -> list[tuple[Any, ...]]:
    return [(entry.action, entry.row_key, entry.before, entry.after) for entry in entries(db, table)]


def move_to(db: Facade, at: datetime) -> None:
    """Give the entries that were written last this time, so that a test need not wait."""
    db.rows("UPDATE audit_log SET changed_at = ? WHERE changed_at < '2100'", at.isoformat()[:19] + ".000Z")


def test_off_there_is_no_trigger_and_no_entry(db: Facade) -> None:
    db.agents.create(id="a", name="Researcher", model="m")
    assert db.rows("SELECT count(*) FROM sqlite_master WHERE name GLOB 'agentdb_audit_*'") == [(0,)]
    assert entries(db) == []
    assert db.audit.status() == []


def test_each_kind_of_change_is_an_entry(stores: Facade) -> None:
    assert stores.audit.enable(["agents"]) == ["agents"]
    stores.agents.create(id="a", name="Researcher", model="m")
    stores.rows("UPDATE agents SET name = 'Writer', avatar = avatar WHERE id = 'a'")
    stores.rows("UPDATE agents SET name = name")
    stores.agents.delete("a")
    created, changed, deleted = told(stores)
    assert created[:2] == ("insert", ["a"])
    assert created[2] is None
    assert created[3] is not None
    assert created[3]["name"] == "Researcher"
    assert changed == ("update", ["a"], {"name": "Researcher"}, {"name": "Writer"})
    assert deleted[:2] == ("delete", ["a"])
    assert deleted[3] is None
    assert deleted[2] == {**created[3], "name": "Writer"}


def test_a_transaction_names_who_writes_and_a_savepoint_another(db: Facade) -> None:
    db.audit.enable(["agents"])
    with db.entered(db.thing.transaction(actor="user:7")) as tx:
        tx.agents.create(id="a", name="1", model="m")
        with tx.entered(tx.thing.transaction(actor="user:8")) as inner:
            inner.agents.update("a", name="2")
        with tx.entered(tx.thing.transaction()) as inner:
            inner.rows("UPDATE agents SET name = '3'")
        tx.agents.update("a", name="4")
        with pytest.raises(ZeroDivisionError), tx.entered(tx.thing.transaction(actor="user:9")):
            raise ZeroDivisionError
        tx.agents.update("a", name="5")
    db.agents.update("a", name="6")
    assert [entry.actor for entry in entries(db)] == ["user:7", "user:8", "user:7", "user:7", "user:7", None]
    assert db.rows("SELECT count(*) FROM audit_actor") == [(0,)]


def test_a_rolled_back_transaction_leaves_no_entry_and_no_actor(db: Facade) -> None:
    db.audit.enable(["agents"])
    with pytest.raises(ZeroDivisionError), db.entered(db.thing.transaction(actor="user:7")) as tx:
        tx.agents.create(id="a", name="1", model="m")
        raise ZeroDivisionError
    assert entries(db) == []
    db.agents.create(id="b", name="1", model="m")
    assert [entry.actor for entry in entries(db)] == [None]


@pytest.mark.parametrize(("actor", "code"), [(7, "wrong_type"), ("", "missing_value"), ("a\ud800", "not_text")])
def test_an_actor_that_is_no_text_is_refused_before_the_transaction(db: Facade, actor: Any, code: str) -> None:
    with pytest.raises(FieldError) as caught:
        db.thing.transaction(actor=actor)
    assert caught.value.code == code
    db.agents.create(id="a", name="1", model="m")


def test_an_actor_without_its_table_leaves_no_transaction_open(db: Facade) -> None:
    db.rows("DROP TABLE audit_actor")
    with pytest.raises(AgentDBError, match="audit_actor"), db.entered(db.thing.transaction(actor="user:7")):
        pass
    db.agents.create(id="a", name="1", model="m")


def test_cascades_and_triggers_of_the_schema_are_entries_too(db: Facade) -> None:
    db.audit.enable()
    db.agents.create(id="a", name="1", model="m")
    db.sessions.create(id="s", main_agent_id="a")
    db.messages.append("s", role="user", content="hello", token_count=5)
    (counted,) = [entry for entry in entries(db, "sessions") if entry.action == "update"]
    assert counted.after is not None
    assert counted.after["message_count"] == 1
    db.rows("DELETE FROM agents")
    assert [entry.action for entry in entries(db, "messages")] == ["insert", "delete"]
    for table in db.rows("SELECT table_name FROM audit_tables"):
        assert replay(entries(db, *table)) == {}


def test_what_a_replace_deletes_is_an_entry(db: Facade) -> None:
    db.rows("CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT COLLATE NOCASE UNIQUE)")
    db.audit.enable(["notes"])
    db.rows("INSERT INTO notes VALUES (1, 'tides'), (2, 'winds')")
    db.rows("INSERT OR REPLACE INTO notes VALUES (1, 'WINDS')")
    assert told(db)[2:] == [
        ("delete", [1], {"id": 1, "title": "tides"}, None),
        ("delete", [2], {"id": 2, "title": "winds"}, None),
        ("insert", [1], None, {"id": 1, "title": "WINDS"}),
    ]
    db.rows("INSERT INTO notes VALUES (5, 'sun')")
    db.rows("INSERT OR IGNORE INTO notes VALUES (5, 'moon')")
    db.rows("UPDATE OR REPLACE notes SET title = 'sun' WHERE id = 1")
    assert told(db)[6:] == [
        ("delete", [5], {"id": 5, "title": "sun"}, None),
        ("update", [1], {"title": "WINDS"}, {"title": "sun"}),
    ]
    db.rows("INSERT INTO notes VALUES (6, 'rain')")  # what an INSERT has put aside goes with the next one
    assert told(db)[8:] == [("insert", [6], None, {"id": 6, "title": "rain"})]
    assert db.rows("SELECT count(*) FROM audit_replaced") == [(0,)]


def test_what_a_replace_deletes_is_an_entry_where_another_trigger_wrote_to_the_table_before(db: Facade) -> None:
    db.rows("CREATE TABLE notes (id TEXT PRIMARY KEY, title TEXT UNIQUE, slot INTEGER)")
    db.rows(
        "CREATE TRIGGER slot_is_freed BEFORE INSERT ON notes WHEN NEW.slot > 0 "
        "BEGIN UPDATE notes SET slot = NULL WHERE slot = NEW.slot; END"
    )
    db.rows(
        "CREATE TRIGGER twin_is_made BEFORE INSERT ON notes WHEN NEW.slot < 0 "
        "BEGIN INSERT INTO notes VALUES ('twin', NEW.title, NULL); END"
    )
    db.audit.enable(["notes"])
    db.rows("INSERT INTO notes VALUES ('a', 'tides', 1)")
    db.rows("INSERT OR REPLACE INTO notes VALUES ('b', 'tides', 1)")
    assert told(db)[1:] == [
        ("update", ["a"], {"slot": 1}, {"slot": None}),
        ("delete", ["a"], {"id": "a", "title": "tides", "slot": None}, None),
        ("insert", ["b"], None, {"id": "b", "title": "tides", "slot": 1}),
    ]
    db.rows("INSERT OR REPLACE INTO notes VALUES ('c', 'winds', -1)")
    assert [(entry.action, entry.row_key) for entry in entries(db)][4:] == [
        ("insert", ["twin"]),
        ("delete", ["twin"]),
        ("insert", ["c"]),
    ]
    assert [name for (name,) in db.rows("SELECT id FROM notes ORDER BY id")] == ["b", "c"]


@pytest.mark.parametrize("statement", ["INSERT OR REPLACE INTO notes VALUES ('a', 'b', NULL)", UPDATE_OR_REPLACE])
def test_what_a_replace_deletes_is_an_entry_where_a_reference_is_set_to_null(db: Facade, statement: str) -> None:
    db.rows("CREATE TABLE notes (id TEXT PRIMARY KEY, title TEXT UNIQUE, up TEXT REFERENCES notes ON DELETE SET NULL)")
    db.audit.enable(["notes"])
    db.rows("INSERT INTO notes VALUES ('a', 'a', NULL), ('b', 'b', 'a'), ('c', 'c', 'a'), ('d', 'd', 'b')")
    db.rows(statement)
    assert replay(entries(db)) == {
        json.dumps([row[0]]): dict(zip(("id", "title", "up"), row, strict=True))
        for row in db.rows("SELECT * FROM notes")
    }
    left = ["c", "d"] if statement.startswith("INSERT") else ["d"]
    deleted = [entry.row_key[0] for entry in entries(db) if entry.action == "delete"]
    assert sorted(deleted + left) == ["a", "b", "c", "d"]


def test_a_key_that_changes_is_a_deletion_and_an_insertion(db: Facade) -> None:
    db.rows("CREATE TABLE pairs (a TEXT, b INTEGER, v, PRIMARY KEY (a, b)) WITHOUT ROWID")
    db.audit.enable(["pairs"])
    db.rows("INSERT INTO pairs VALUES ('x', 1, 0)")
    db.rows("UPDATE pairs SET b = 2")
    assert told(db)[1:] == [
        ("delete", ["x", 1], {"a": "x", "b": 1, "v": 0}, None),
        ("insert", ["x", 2], None, {"a": "x", "b": 2, "v": 0}),
    ]
    assert [entry.action for entry in db.audit.history("pairs", ("x", 2)).items] == ["insert"]
    assert [entry.action for entry in db.audit.history("pairs", ["x", 1]).items] == ["delete", "insert"]


VALUES = [
    (None, None),
    (2**63 - 1, 2**63 - 1),
    (1.0, 1.0),
    (0.1 + 0.2, 0.1 + 0.2),
    (1.4523142177899403e308, 1.4523142177899403e308),
    (5e-324, 5e-324),
    (b"", {"$blob": ""}),
    (b"\x00\xff", {"$blob": "00FF"}),
    ('a\0b\n\x1f"\\', 'a\0b\n\x1f"\\'),
    ('{"$blob": "00"}', '{"$blob": "00"}'),
    ("é😀", "é😀"),
]


@pytest.mark.parametrize(("value", "shown"), VALUES, ids=map(str, range(len(VALUES))))
def test_a_value_is_written_so_that_it_reads_back_as_it_was(db: Facade, value: Any, shown: Any) -> None:
    db.rows("CREATE TABLE any (id INTEGER PRIMARY KEY, v, kind AS (typeof(v)))")
    db.audit.enable(["any"])
    db.rows("INSERT INTO any (v) VALUES (?)", value)
    (entry,) = entries(db)
    assert entry.after is not None
    assert repr(entry.after["v"]) == repr(shown)
    assert json.loads(json.dumps(entry.to_dict()))["after"]["v"] == shown
    assert repr(native(entry.after)["v"]) == repr(value)
    assert entry.after["kind"] == db.rows("SELECT kind FROM any")[0][0]
    assert repr(db.audit.row_at("any", 1, FAR)["v"]) == repr(value)


def test_infinities_are_written_with_a_tag(db: Facade) -> None:
    db.rows("CREATE TABLE reals (id INTEGER PRIMARY KEY, v REAL)")
    db.audit.enable(["reals"])
    db.rows("INSERT INTO reals (v) VALUES (9e999), (-9e999)")
    assert [entry.after and entry.after["v"] for entry in entries(db)] == [
        {"$real": "Infinity"},
        {"$real": "-Infinity"},
    ]
    assert [row["v"] for row in db.audit.table_at("reals", FAR)] == [float("inf"), -float("inf")]


def test_json_in_a_text_column_stays_a_text_and_a_change_of_case_or_type_is_a_change(db: Facade) -> None:
    db.rows("CREATE TABLE strict (id TEXT PRIMARY KEY, body TEXT COLLATE NOCASE, any ANY) STRICT")
    db.audit.enable(["strict"])
    db.rows("INSERT INTO strict VALUES ('k', json('[1]'), json('{}'))")
    db.rows("UPDATE strict SET body = 'x', any = 1")
    db.rows("UPDATE strict SET body = 'X', any = 1.0")
    assert [entry.after for entry in entries(db)] == [
        {"id": "k", "body": "[1]", "any": "{}"},
        {"body": "x", "any": 1},
        {"body": "X", "any": 1.0},
    ]


def test_a_generated_column_is_written_as_what_it_holds_whatever_its_type_says(db: Facade) -> None:
    db.rows(
        "CREATE TABLE strict (id TEXT PRIMARY KEY, n INTEGER, more INTEGER AS (n + 1), bytes TEXT AS (CAST(n AS BLOB))) STRICT"
    )
    db.audit.enable(["strict"])
    db.rows("INSERT INTO strict (id, n) VALUES ('k', 9223372036854775807)")
    db.rows("UPDATE strict SET n = 1")
    added, changed = entries(db)
    assert native(added.after or {}) == {"id": "k", "n": 2**63 - 1, "more": 2.0**63, "bytes": b"9223372036854775807"}
    assert repr(changed.after) == repr({"n": 1, "more": 2, "bytes": {"$blob": "31"}})


@pytest.mark.parametrize("key", ["plain", 'quote"back\\slash', "a\0b", "tab\t", "é😀", b"\x00\xff", 7, -(2**63)])
def test_a_row_is_found_by_any_key(db: Facade, key: Any) -> None:
    db.rows("CREATE TABLE keyed (k PRIMARY KEY, v)")
    db.audit.enable(["keyed"])
    db.rows("INSERT INTO keyed VALUES (?, 1)", key)
    db.rows("UPDATE keyed SET v = 2")
    assert [entry.action for entry in db.audit.history("keyed", key).items] == ["update", "insert"]
    assert db.audit.row_at("keyed", key, FAR) == {"k": key, "v": 2}


def test_rows_with_null_in_their_key_are_told_apart(db: Facade) -> None:
    db.rows("CREATE TABLE loose (k TEXT PRIMARY KEY, v)")
    db.audit.enable(["loose"])
    db.rows("INSERT INTO loose VALUES (NULL, 1), (NULL, 2)")
    db.rows("UPDATE loose SET v = 3 WHERE v = 2")
    assert [row["v"] for row in replay(entries(db)).values()] == [1, 3]
    assert [entry.row_key for entry in entries(db)][:2] == [[None, {"$rowid": 1}], [None, {"$rowid": 2}]]


def test_rows_and_tables_are_told_as_they_were(db: Facade) -> None:
    db.rows("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
    db.rows("INSERT INTO notes VALUES (1, 'from before')")
    db.audit.enable(["notes"])
    times = [FAR + timedelta(seconds=step) for step in range(4)]
    for at, sql in zip(
        times[1:],
        ("INSERT INTO notes VALUES (2, 'b')", "UPDATE notes SET text = 'c'", "DELETE FROM notes WHERE id = 1"),
        strict=True,
    ):
        move_to(db, at - timedelta(seconds=1))
        db.rows(sql)
    move_to(db, times[3])
    assert [db.audit.row_at("notes", 1, at) for at in times] == [
        {"id": 1, "text": "from before"},
        {"id": 1, "text": "from before"},
        {"id": 1, "text": "c"},
        None,
    ]
    assert [[row["text"] for row in db.audit.table_at("notes", at)] for at in times] == [
        ["from before"],
        ["from before", "b"],
        ["c", "c"],
        ["c"],
    ]
    assert db.audit.row_at("notes", 99, times[2]) is None


def test_pruned_entries_are_gone_and_later_times_are_known_still(db: Facade) -> None:
    db.rows("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
    db.audit.enable(["notes"])
    db.rows("INSERT INTO notes VALUES (1, 'a')")
    move_to(db, FAR)
    db.rows("UPDATE notes SET text = 'b'")
    move_to(db, FAR + timedelta(seconds=2))
    assert db.audit.prune(FAR + timedelta(seconds=1)) == 1
    assert db.audit.row_at("notes", 1, FAR + timedelta(seconds=1)) == {"id": 1, "text": "a"}
    with pytest.raises(NotFoundError) as caught:
        db.audit.row_at("notes", 1, FAR)
    assert caught.value.code == "not_audited"
    assert db.audit.status()[0].known_since == FAR + timedelta(seconds=1)


def test_existing_rows_are_entries_unless_they_are_left_out(db: Facade) -> None:
    db.agents.create(id="a", name="1", model="m")
    db.audit.enable(["agents"], existing=False)
    assert entries(db) == []
    assert db.audit.row_at("agents", "a", FAR)["name"] == "1"
    db.audit.disable(["agents"])
    db.audit.enable(["agents"])
    assert [entry.action for entry in entries(db)] == ["insert"]
    assert db.audit.enable(["AGENTS"]) == ["agents"]
    assert len(entries(db)) == 1


def test_rows_that_went_while_it_was_off_are_deleted_in_the_log(db: Facade) -> None:
    db.audit.enable(["agents"])
    for id in ("a", "b"):
        db.agents.create(id=id, name="1", model="m")
    assert db.audit.disable() == []
    db.agents.delete("a")
    db.agents.update("b", name="2")
    assert len(entries(db)) == 2
    db.audit.enable(["agents"])
    assert [(entry.action, entry.row_key) for entry in entries(db)][2:] == [("delete", ["a"]), ("insert", ["b"])]
    assert [row["name"] for row in replay(entries(db)).values()] == ["2"]


def test_everything_means_every_table_that_can_be_audited(db: Facade) -> None:
    db.rows("CREATE TABLE keyless (v)")
    db.rows("CREATE VIRTUAL TABLE searched USING fts5 (v)")
    names = db.audit.enable()
    assert {"agents", "sessions", "messages", "session_logs"} <= set(names)
    assert not [name for name in names if name.startswith(("audit_", "messages_fts", "searched")) or name == "keyless"]
    assert not {"migrations", "replace_guard"} & set(names)


@pytest.mark.parametrize(
    ("create", "name"),
    [
        ("CREATE TABLE found (v)", "found"),
        ("CREATE VIEW found AS SELECT 1", "found"),
        ("CREATE VIRTUAL TABLE found USING fts5 (v)", "found"),
        ("CREATE VIRTUAL TABLE found USING fts5 (v)", "found_data"),
        ("CREATE TABLE found (id PRIMARY KEY, up REFERENCES found ON UPDATE CASCADE)", "found"),
        ("CREATE TABLE found (rowid PRIMARY KEY, oid, _rowid_)", "found"),
        ("SELECT 1", "audit_log"),
        ("SELECT 1", "migrations"),
        ("SELECT 1", "sqlite_sequence"),
    ],
)
def test_what_cannot_be_audited_is_refused(db: Facade, create: str, name: str) -> None:
    db.rows(create)
    with pytest.raises(InvalidArgumentError) as caught:
        db.audit.enable(["agents", name])
    assert caught.value.code == "not_auditable"
    assert db.audit.status() == []


@pytest.mark.parametrize("tables", ["agents", [7], [""], {"agents"}, 5])
def test_tables_that_are_no_names_are_refused(db: Facade, tables: Any) -> None:
    for call in (db.audit.enable, db.audit.disable):
        with pytest.raises(FieldError):
            call(tables)


@pytest.mark.parametrize("key", [None, 1.5, (), (None,), "a\ud800", 2**63, {"a": 1}, ("a", "b")])
def test_keys_that_cannot_be_are_refused(db: Facade, key: Any) -> None:
    db.audit.enable(["agents"])
    with pytest.raises(FieldError):
        db.audit.row_at("agents", key, FAR)


def test_missing_tables_and_times_without_a_zone_are_refused(db: Facade) -> None:
    for call in (db.audit.enable, db.audit.disable):
        with pytest.raises(NotFoundError):
            call(["nothing"])
    for wrong in (lambda: db.audit.since(datetime(2024, 1, 1)), lambda: db.audit.prune("2024")):
        with pytest.raises(FieldError):
            wrong()


def test_pages_of_the_log_follow_each_other(db: Facade) -> None:
    db.audit.enable(["agents"])
    db.agents.create(id="a", name="0", model="m")
    for number in range(1, 6):
        db.agents.update("a", name=str(number))
    found: list[int] = []
    cursor = None
    while True:
        page = db.audit.since(LONG_AGO, limit=2, cursor=cursor)
        found += [entry.id for entry in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert found == [entry.id for entry in entries(db)]
    first = db.audit.history("agents", "a", limit=4)
    rest = db.audit.history("agents", "a", limit=4, cursor=first.next_cursor)
    assert [entry.id for entry in (*first.items, *rest.items)] == sorted(found, reverse=True)


# -- migrations


def migrated(db: AgentDB, number: int, up: Any, down: Any = (), **options: Any) -> Migrator:
    migrator = Migrator(db.client, [Migration("001", "Notes", NOTES, "DROP TABLE notes")], table="notes_migrations")
    if number > 1:
        migrator.add_migration(Migration(f"{number:03}", "A change", up, down, **options))
    migrator.migrate()
    return migrator


NOTES = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)"


def test_a_migration_and_its_rollback_are_entries_of_what_they_change(path: str) -> None:
    with opened(path, is_async=False) as db:
        migrated(db.thing, 1, ())
        db.audit.enable(["notes"])
        db.rows("INSERT INTO notes VALUES (1, 'a')")
        up = [
            "ALTER TABLE notes ADD COLUMN stars INTEGER DEFAULT 3",
            RebuildTable("notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, stars INTEGER, more TEXT)"),
            "UPDATE notes SET text = 'b'",
        ]
        migrator = migrated(db.thing, 2, up, "ALTER TABLE notes DROP COLUMN stars", allows_loss=())
        assert told(db)[1:] == [("update", [1], {"text": "a"}, {"text": "b", "stars": 3, "more": None})]
        db.rows("UPDATE notes SET stars = 5")
        assert told(db)[2:] == [("update", [1], {"stars": 3}, {"stars": 5})]
        migrator.rollback_last()
        assert told(db)[3:] == [("update", [1], {"stars": 5}, {})]
        db.rows("UPDATE notes SET more = 'x'")
        assert told(db)[4:] == [("update", [1], {"more": None}, {"more": "x"})]
        assert db.audit.status()[0].is_current
        assert db.rows("SELECT count(*) FROM audit_snapshot") == [(0,)]
        migrator.rollback_last()
        assert [entry.action for entry in entries(db)][5:] == ["delete"]
        assert db.audit.status() == []
        assert db.rows("SELECT count(*) FROM sqlite_master WHERE name GLOB 'agentdb_audit_*'") == [(0,)]


def test_a_migration_outside_a_transaction_keeps_the_audit_true(path: str) -> None:
    with opened(path, is_async=False) as db:
        migrated(db.thing, 1, ())
        db.audit.enable(["notes"])
        db.rows("INSERT INTO notes VALUES (1, 'a')")
        migrated(db.thing, 2, ["ALTER TABLE notes RENAME TO papers", "VACUUM"], use_transaction=False)
        assert [(entry.table_name, entry.action) for entry in entries(db)][1:] == [
            ("notes", "delete"),
            ("papers", "insert"),
        ]
        db.rows("UPDATE papers SET text = 'b'")
        assert len(entries(db, "papers")) == 2
        assert [status.table_name for status in db.audit.status()] == ["papers"]


def test_a_migration_that_fails_leaves_triggers_and_log_as_they_were(path: str) -> None:
    with opened(path, is_async=False) as db:
        migrated(db.thing, 1, ())
        db.audit.enable(["notes"])
        db.rows("INSERT INTO notes VALUES (1, 'a')")
        with pytest.raises(AgentDBError):
            migrated(db.thing, 2, ["ALTER TABLE notes ADD COLUMN stars", "INSERT INTO nowhere VALUES (1)"])
        assert db.audit.status()[0].is_current
        assert len(entries(db)) == 1


def test_the_audit_trail_itself_can_be_rolled_back_and_made_again(path: str) -> None:
    with opened(path, is_async=False) as db:
        db.audit.enable()
        number = next(m for m in reversed(db.thing.migrator.migrations) if m.description == "Audit trail").number
        db.thing.migrator.rollback(target=f"{number - 1:03}")
        db.agents.create(id="a", name="1", model="m")
        db.thing.migrator.migrate()
        assert db.audit.status() == []
        db.audit.enable(["agents"])
        assert len(entries(db)) == 1


# -- processes


WRITERS, ROUNDS = 8, 8


def write(path: str, name: str) -> None:
    """Write notes in this name. Half of the writers also switch the audit of other tables on and off."""
    with AgentDB.open(path) as db:
        for number in range(ROUNDS):
            with db.transaction(actor=name) as tx:
                tx.execute("INSERT INTO notes (text) VALUES (?)", (f"{name} {number}",))
                tx.execute("UPDATE notes SET text = text || '!' WHERE id = (SELECT max(id) FROM notes)")
                tx.execute("INSERT OR REPLACE INTO latest VALUES (1, ?)", (f"{name} {number}",))
            if name in "0246":
                db.audit.enable(["agents", "notes"])
                with suppress(NotFoundError):  # another writer was first
                    db.audit.disable(["latest"])
                db.audit.enable(["latest"])


def test_eight_processes_write_one_log(tmp_path: Path) -> None:
    path = new_file(tmp_path)
    with opened(path, is_async=False) as db:
        db.rows("CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT)")
        db.rows("CREATE TABLE latest (id INTEGER PRIMARY KEY, text TEXT)")
        db.audit.enable(["notes", "latest"])
        context = multiprocessing.get_context("spawn")
        writers = [context.Process(target=write, args=(path, str(number))) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(60)
            assert writer.exitcode == 0
        assert [status.is_current for status in db.audit.status()] == [True] * 3
        (latest,) = replay(entries(db, "latest")).values()
        assert [tuple(latest.values())] == db.rows("SELECT id, text FROM latest")
        found = entries(db, "notes")
        assert len(found) == 2 * WRITERS * ROUNDS
        for entry in found:
            if entry.action == "insert":
                assert entry.after is not None
                assert entry.actor == entry.after["text"].split()[0]
        rows = {row["id"]: row["text"] for row in replay(found).values()}
        with closing(sqlite3.connect(path)) as raw:
            assert rows == dict(raw.execute("SELECT id, text FROM notes"))
