"""Backfill: an UPDATE in batches; where it stands is recorded with each, so each row is changed once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, ask, caught, ids, make, outside
from hypothesis import given, settings
from hypothesis import strategies as st

from agentdb import Backfill, Migration, Migrator, PythonStep, RebuildTable, create_client_sync
from agentdb.engine.backfill.position import Position
from agentdb.errors import DataLossError, InvalidMigrationError, MigrationError
from agentdb.operations import Steps, execute

#: Numbers from 1 to :n.
NUMBERS = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {}) "


def schema(
    rows: int = 25, table: str = "CREATE TABLE notes (id INTEGER PRIMARY KEY, n INTEGER, lang TEXT)"
) -> Migration:
    return Migration(
        "001",
        "notes",
        (table, NUMBERS.format(rows) + "INSERT INTO notes (id, n) SELECT n * 3, n FROM c"),
        "DROP TABLE notes",
    )


def counting(batch: int = 10, *more: Any, **options: Any) -> Migration:
    return Migration("002", "count", (Backfill("notes", "n = n + 1", batch=batch), *more), "SELECT 1", **options)


def progress(events: list[Any]) -> list[tuple[int, int]]:
    return [(event.rows, event.of) for event in events if type(event).__name__ == "StatementProgress"]


def stopping(at: int, act: Callable[[], None]) -> Callable[[Any], None]:
    """An event callback that acts once so many rows are done."""

    def on_event(event: Any) -> None:
        if type(event).__name__ == "StatementProgress" and event.rows == at:
            act()

    return on_event


def test_all_rows_that_it_is_about_are_changed_once(db: Database, path: Path) -> None:
    events: list[Any] = []
    fill = Backfill("notes", "lang = 'en', n = n + 100", "n % 2", batch=10)
    migrator = db.migrator([schema(), Migration("002", "fill", fill, "SELECT 1")], on_event=events.append)
    assert migrator.migrate(dry_run=True)[1].statements == (str(fill),)
    results = migrator.migrate()
    assert results[1].statements == (str(fill),)
    assert "UPDATE" in str(fill)
    assert progress(events) == [(10, 25), (20, 25)]
    wanted = [(n + 100, "en") if n % 2 else (n, None) for n in range(1, 26)]
    assert ask(path, "SELECT n, lang FROM notes ORDER BY id") == wanted
    row = ask(path, "SELECT up, use_transaction, in_progress, note FROM migrations WHERE id = '002'")[0]
    assert json.loads(row[0]) == [
        {"agentdb": "backfill", "set": "lang = 'en', n = n + 100", "table": "notes", "version": 1, "where": "n % 2"}
    ]
    assert row[1:] == (0, None, None)
    assert migrator.migrate() == []
    assert ids([db.migrator([schema()]).rollback_last()]) == ["002"]  # by a build that never had it


def test_the_checksum_is_of_table_set_and_where_and_not_of_the_batch() -> None:
    def checksum(*args: Any, **options: Any) -> str:
        return Migration("1", "m", Backfill(*args, **options)).checksum

    one = checksum("t", "a = 1", "b")
    assert one == checksum("t", "a = 1 \r\n", "b", batch=7)
    assert len({one, checksum("u", "a = 1", "b"), checksum("t", "a = 2", "b"), checksum("t", "a = 1", "c")}) == 4


TABLES = {
    "rowid": ("CREATE TABLE t (n INTEGER, v INTEGER)", "INSERT INTO t (rowid, n, v) VALUES (?1, ?1, 0)", "integers"),
    "alias": ("CREATE TABLE t (n INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO t VALUES (?1, 0)", "integers"),
    "desc": ("CREATE TABLE t (n INTEGER PRIMARY KEY DESC, v INTEGER)", "INSERT INTO t VALUES (?1, 0)", "integers"),
    "named rowid": (
        "CREATE TABLE t (rowid TEXT, oid TEXT, n UNIQUE, v)",
        "INSERT INTO t (n, v) VALUES (?1, 0)",
        "values",
    ),
    "text key": (
        "CREATE TABLE t (n TEXT PRIMARY KEY, v INTEGER) STRICT, WITHOUT ROWID",
        "INSERT INTO t VALUES (?1, 0)",
        "texts",
    ),
    "any key": ("CREATE TABLE t (n PRIMARY KEY, v) WITHOUT ROWID", "INSERT INTO t VALUES (?1, 0)", "values"),
    "any key, backwards": (
        "CREATE TABLE t (n, v, PRIMARY KEY (n DESC)) WITHOUT ROWID",
        "INSERT INTO t VALUES (?1, 0)",
        "values",
    ),
    "two, mixed": (
        "CREATE TABLE t (a, n, v, PRIMARY KEY (a, n DESC)) WITHOUT ROWID",
        "INSERT INTO t VALUES (typeof(?1), ?1, 0)",
        "values",
    ),
    "folded": (
        "CREATE TABLE t (n COLLATE NOCASE, v, PRIMARY KEY (n COLLATE BINARY)) WITHOUT ROWID",
        "INSERT INTO t VALUES (?1, 0)",
        "texts",
    ),
    "composite": (
        'CREATE TABLE t (v, n, "a b" TEXT, PRIMARY KEY ("a b", n)) WITHOUT ROWID',
        "INSERT INTO t VALUES (0, ?1, CAST(?1 % 3 AS TEXT))",
        "integers",
    ),
}
TEXTS = st.text(st.characters(codec="utf-8"), max_size=3)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
KEYS: dict[str, st.SearchStrategy[Any]] = {
    "integers": INTEGERS,
    "texts": TEXTS,
    "values": INTEGERS | TEXTS | st.binary(max_size=3) | st.floats(allow_nan=False),
}


@pytest.mark.parametrize("kind", TABLES)
@given(data=st.data(), batch=st.integers(1, 7), stops=st.lists(st.integers(0, 30), max_size=3))
@settings(max_examples=15, deadline=None)
def test_whatever_the_key_is_and_wherever_it_is_interrupted_each_row_is_changed_once(
    kind: str, data: st.DataObject, batch: int, stops: list[int]
) -> None:
    create, insert, keys = TABLES[kind]
    # What SQLite takes for one key is one: 1 and 1.0.
    rows = data.draw(
        st.lists(KEYS[keys], max_size=30, unique_by=lambda key: key if isinstance(key, (str, bytes)) else float(key))
    )
    migration = Migration("2", "fill", Backfill("T", "v = v + 1", batch=batch))
    with create_client_sync(":memory:") as client:
        ((connection,),) = ([client._idle[0]._sqlite],)
        Migrator(client, [Migration("1", "t", create)]).migrate()
        for key in rows:
            connection.execute(insert, (key,))
        for stop in stops:

            def interrupt(event: Any, stop: int = stop) -> None:
                if type(event).__name__ == "StatementProgress" and event.rows >= stop:
                    raise KeyboardInterrupt

            try:
                Migrator(client, [Migration("1", "t", create), migration], on_event=interrupt).migrate()
            except KeyboardInterrupt:
                pass
        Migrator(client, [Migration("1", "t", create), migration]).migrate()
        assert client.execute("SELECT count(*), sum(v = 1) FROM t").tuples == [(len(rows), len(rows) or None)]


@given(
    key=st.lists(KEYS["values"], min_size=1, max_size=3),
    is_begun=st.booleans(),
    rows=st.integers(0, 2**60),
    table=st.text(st.characters(codec="utf-8"), min_size=1),
)
def test_a_position_is_read_as_it_was_written_and_is_one_line(
    key: list[Any], is_begun: bool, rows: int, table: str
) -> None:
    position = Position(table, tuple(key), tuple(key) if is_begun else None, rows)
    written = position.written()
    assert written.isascii()
    assert "\n" not in written
    read = Position.read(written)
    assert read == position
    assert read is not None
    assert [type(value) for value in read.last] == [type(value) for value in key]


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"table": 1, "last": [1], "at": null, "rows": 0}',
             '{"table": "t", "last": [1], "at": [1, 2], "rows": 0}', '{"table": "t", "last": [], "at": null, "rows": 0}',
             '{"table": "t", "last": [null], "at": null, "rows": 0}', "[" * 100_000,
             '{"table": "t", "last": [{"bytes": "x"}], "at": null, "rows": 0}'],
)  # fmt: skip
def test_a_position_that_somebody_has_altered_is_none(text: str) -> None:
    assert Position.read(text) is None


# -- interrupted


def test_what_fails_half_way_goes_on_behind_the_rows_that_are_done(db: Database, path: Path) -> None:
    table = "CREATE TABLE notes (id INTEGER PRIMARY KEY, n INTEGER CHECK (n <> 19), lang TEXT)"
    first = schema(18, table)
    migrator = db.migrator([first, counting(5)])
    error = caught(migrator.migrate)
    assert isinstance(error, MigrationError)
    assert (error.code, error.statement_number) == ("check", 1)
    assert "15 rows, and the next start continues here" in error.remedy
    assert "Nothing was changed" not in error.remedy
    assert ask(path, "SELECT sum(n) FROM notes WHERE id <= 45") == [(sum(range(2, 17)),)]
    assert ask(path, "SELECT in_progress FROM migrations WHERE id = '002'") == [("up",)]
    assert caught(migrator.migrate).code == "check"  # and has not forgotten the rows
    # The next release corrects it: what is done stays as it is.
    corrected = Migration("002", "count", Backfill("notes", "n = iif(n = 18, 0, n + 1)", batch=4))
    assert ids(db.migrator([first, corrected]).migrate()) == ["002"]
    assert ask(path, "SELECT sum(n) FROM notes") == [(sum(range(2, 19)),)]


def test_what_fails_in_its_first_batch_has_done_nothing_and_leaves_no_row(db: Database, path: Path) -> None:
    migrator = db.migrator([schema(), Migration("002", "m", Backfill("notes", "nowhere = 1"))])
    error = caught(migrator.migrate)
    assert (error.code, "no such column" in error.message) == ("statement_failed", True)
    assert "stay done" not in error.remedy
    assert ask(path, "SELECT id FROM migrations") == [("001",)]


@pytest.mark.parametrize(
    "edited",
    [
        Migration("002", "m", Backfill("other", "n = n + 1")),
        Migration("002", "m", "UPDATE notes SET n = n + 1", use_transaction=False),
        Migration("002", "m", "UPDATE notes SET n = n + 1"),
        Migration("002", "m", ()),
        Migration("002", "m", ("SELECT 1", Backfill("notes", "n = n + 1"))),
    ],
)
def test_a_half_done_one_is_not_taken_for_another(db: Database, path: Path, edited: Migration) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        db.migrator([schema(), counting()], on_event=stopping(10, stop)).migrate()
    before = ask(path, "SELECT * FROM notes")
    assert caught(db.migrator([schema(), edited]).migrate).code == "begun_otherwise"
    assert ask(path, "SELECT * FROM notes") == before
    assert ids(db.migrator([schema(), counting()]).migrate()) == ["002"]


def test_a_position_that_is_no_key_of_the_table_is_refused(db: Database, path: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        db.migrator([schema(), counting()], on_event=stopping(10, stop)).migrate()
    db.execute("UPDATE migrations SET note = replace(note, '[30]', '[30, 1]'), up = '' WHERE id = '002'")
    db.execute("UPDATE migrations SET note = replace(note, '[75]', '[75, 1]') WHERE id = '002'")
    assert caught(db.migrator([schema(), counting()]).migrate).code == "begun_otherwise"


def test_the_other_statements_of_its_migration_are_done_once_too(db: Database, path: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    up = ("INSERT INTO notes (n) VALUES (1000)", Backfill("notes", "n = n + 1", batch=10), "UPDATE notes SET n = n * 2")
    second = Migration("002", "m", up)
    with pytest.raises(KeyboardInterrupt):
        db.migrator([schema(), second], on_event=stopping(20, stop)).migrate()
    db.migrator([schema(), second]).migrate()
    assert ask(path, "SELECT sum(n), count(*) FROM notes") == [(2 * (sum(range(2, 27)) + 1001), 26)]


def test_a_rollback_of_a_half_done_one_runs_its_down(db: Database, path: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    second = Migration(
        "002",
        "m",
        ("ALTER TABLE notes ADD COLUMN more", Backfill("notes", "more = n", batch=5)),
        "ALTER TABLE notes DROP COLUMN more",
    )
    with pytest.raises(KeyboardInterrupt):
        db.migrator([schema(), second], on_event=stopping(10, stop)).migrate()
    assert ids([db.migrator([schema()]).rollback_last()]) == ["002"]
    assert ask(path, "SELECT id FROM migrations") == [("001",)]
    db.migrator([schema(), second]).migrate()
    assert ask(path, "SELECT count(*) FROM notes WHERE more = n") == [(25,)]


# -- others at the same time


def test_rows_that_others_insert_behind_the_end_stay_and_ahead_of_the_walk_are_changed(
    db: Database, path: Path
) -> None:
    def insert() -> None:
        with outside(path) as other:
            other.execute("INSERT INTO notes (id, n) VALUES (1, 500), (32, 500), (1000, 500)")

    db.migrator([schema(), counting()], on_event=stopping(10, insert)).migrate()
    assert ask(path, "SELECT id, n FROM notes WHERE n >= 500") == [(1, 500), (32, 501), (1000, 500)]


def test_nobody_waits_for_more_than_one_batch(db: Database, path: Path) -> None:
    seen = []

    def write() -> None:
        with outside(path) as other:  # with a timeout of 0: it fails where the lock is held
            other.execute("UPDATE notes SET lang = 'x' WHERE id = 3")
            seen.append(other.execute("SELECT count(*) FROM notes WHERE n <> id / 3").fetchall())

    db.migrator([schema(), counting()], on_event=stopping(10, write)).migrate()
    assert seen == [[(10,)]]


def test_two_that_run_at_the_same_time_share_the_rows(db: Database, path: Path) -> None:
    done = []

    def other() -> None:
        with create_client_sync(path) as client:
            second = Migrator(client, [schema(), counting(3)], on_event=lambda event: done.append(event))
            second.migrate()

    results = db.migrator([schema(), counting()], on_event=stopping(10, other)).migrate()
    assert ids(results) == ["001"]  # the other one has come to the end of the second
    assert progress(done)[0] == (13, 25)
    assert ask(path, "SELECT sum(n) FROM notes") == [(sum(range(2, 27)),)]
    assert ask(path, "SELECT in_progress FROM migrations") == [(None,), (None,)]


def test_one_that_is_taken_from_it_meanwhile_is_left(db: Database, path: Path) -> None:
    def take() -> None:
        with create_client_sync(path) as client:
            Migrator(client, [schema(), counting()]).mark_applied("002", reason="test")

    assert ids(db.migrator([schema(), counting()], on_event=stopping(10, take)).migrate()) == ["001"]
    assert ask(path, "SELECT count(*) FROM notes WHERE n <> id / 3") == [(10,)]


def test_the_wal_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "wal.db"
    wal = path.with_name(path.name + "-wal")
    sizes = []
    rows = "CREATE TABLE notes (id INTEGER PRIMARY KEY, n INTEGER, lang TEXT)"
    with create_client_sync(path) as client:
        Migrator(client, [schema(8_000, rows)]).migrate()
        client.execute("UPDATE notes SET lang = hex(zeroblob(500))")  # about 8 MB
        client.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        fill = Migration("002", "m", Backfill("notes", "lang = replace(lang, '0', '1')", batch=500))
        Migrator(
            client, [schema(8_000, rows), fill], backup=False, on_event=lambda event: sizes.append(wal.stat().st_size)
        ).migrate()
    assert path.stat().st_size > 8_000_000
    assert max(sizes) < 6_000_000


# -- guards


def test_a_where_that_set_leaves_true_ends(db: Database, path: Path) -> None:
    db.migrator([schema(), Migration("002", "m", Backfill("notes", "n = n", "n > 0", batch=1))]).migrate()
    assert ask(path, "SELECT sum(n) FROM notes") == [(sum(range(1, 26)),)]


def test_a_trigger_that_inserts_ahead_of_it_does_not_keep_it_going(db: Database, path: Path) -> None:
    first = Migration(
        "001",
        "m",
        (*schema(5).up, "CREATE TRIGGER more AFTER UPDATE ON notes BEGIN INSERT INTO notes (n) VALUES (0); END"),
    )
    db.migrator([first, counting(2)]).migrate()
    assert ask(path, "SELECT n FROM notes ORDER BY id") == [(2,), (3,), (4,), (5,), (6,), *[(0,)] * 5]


def test_references_that_it_would_lose_stay(db: Database, path: Path) -> None:
    up = (
        *schema(12).up,
        "CREATE TABLE tags (note INTEGER REFERENCES notes, second INTEGER REFERENCES notes)",
        "INSERT INTO tags SELECT id, iif(id > 24, id, NULL) FROM notes",
    )
    first = Migration("001", "m", up)
    error = caught(db.migrator([first, Migration("002", "m", Backfill("tags", "second = NULL", batch=5))]).migrate)
    assert isinstance(error, DataLossError)
    assert error.tables == {"tags.second": (2, 0)}
    assert "5 rows" in error.remedy  # nothing was to lose in those
    assert ask(path, "SELECT count(second) FROM tags") == [(4,)]
    for allowed in ("TAGS", "tags.*", "tags.second"):
        meant = Migration("002", "m", Backfill("tags", "second = NULL", batch=5), allows_loss=(allowed,))
        with create_client_sync(":memory:") as client:
            Migrator(client, [first, meant]).migrate()
    db.migrator([first, meant]).migrate()
    assert ask(path, "SELECT count(second), count(note) FROM tags") == [(0, 12)]


@pytest.mark.parametrize(
    "more",
    [
        "CREATE TRIGGER t AFTER UPDATE ON notes BEGIN DELETE FROM kept; END",
        "CREATE TABLE children (of TEXT REFERENCES parents (name) ON UPDATE SET NULL)",
    ],
)
def test_rows_of_other_tables_that_its_first_batch_would_take_stay(db: Database, path: Path, more: str) -> None:
    up = ["CREATE TABLE kept (x)", "INSERT INTO kept VALUES (1)", "CREATE TABLE parents (id INTEGER PRIMARY KEY, name TEXT UNIQUE)",
          "INSERT INTO parents VALUES (1, 'a')", *schema().up, more]  # fmt: skip
    fill = Backfill("notes", "n = 1")
    if "children" in more:
        up.append("INSERT INTO children VALUES ('a')")
        fill = Backfill("parents", "name = 'b'")
    error = caught(db.migrator([Migration("001", "m", up), Migration("002", "m", fill)]).migrate)
    assert isinstance(error, DataLossError)
    assert ask(path, "SELECT count(*) FROM kept") == [(1,)]
    assert ask(path, "SELECT id FROM migrations") == [("001",)]


@pytest.mark.parametrize(
    ("create", "fill", "says"),
    [
        ("CREATE TABLE t (x)", Backfill("nowhere", "x = 1"), "no such table"),
        ("CREATE VIEW t AS SELECT 1 AS x", Backfill("t", "x = 1"), "it is a view"),
        ("CREATE VIRTUAL TABLE t USING fts5 (x)", Backfill("t", "x = 1"), "it is a virtual table"),
        ("CREATE VIRTUAL TABLE t USING fts5 (x)", Backfill("t_content", "c0 = 1"), "it is a shadow table"),
        ("CREATE TABLE t (rowid, _rowid_, oid)", Backfill("t", "oid = 1"), "all the names of its rowid"),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY)", Backfill("t", "ID = 1"), "it sets id"),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY)", Backfill("t", "_rowid_ = 1"), "it sets _rowid_"),
        ("CREATE TABLE t (x)", Backfill("t", "rowid = 1"), "it sets rowid"),
        ("CREATE TABLE t (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID", Backfill("t", "(a, b) = (1, 2)"), "it sets a, b"),
        ("CREATE TABLE t (x)", Backfill("MIGRATIONS", "description = ''"), "tracking table"),
    ],
)
def test_what_is_no_table_for_it_is_told_before_the_first_batch(
    db: Database, path: Path, create: str, fill: Backfill, says: str
) -> None:
    error = caught(db.migrator([Migration("001", "m", create), Migration("002", "m", fill)]).migrate)
    assert isinstance(error, MigrationError)
    assert (error.code, says in error.message) == ("backfill_refused", True)
    assert ask(path, "SELECT id FROM migrations") == [("001",)]


@pytest.mark.parametrize(
    "fill",
    [Backfill("notes", "missing = 1"), Backfill("notes", "n = 1", "missing"), Backfill("notes", "n = no_function(n)")],
)
def test_a_wrong_column_is_found_without_a_row(db: Database, fill: Backfill) -> None:
    first = Migration("001", "m", schema().up[:1])
    assert caught(db.migrator([first, Migration("002", "m", fill)]).migrate).code == "statement_failed"


# -- how it is written


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("", "a = 1"), "the name of the table"),
        ((None, "a = 1"), "the name of the table"),
        (("a\0", "a = 1"), "the name of the table"),
        (("\ud800", "a = 1"), "the name of the table"),
        (("SQLITE_sequence", "a = 1"), "SQLite itself"),
        (("t", None), "set is a NoneType"),
        (("t", ""), "set is empty"),
        (("t", "-- a"), "set is empty"),
        (("t", "a"), "column = expression"),
        (("t", "a = 1,"), "column = expression"),
        (("t", ", a = 1"), "column = expression"),
        (("t", "a + 1"), "column = expression"),
        (("t", "1 = a"), "column = expression"),
        (("t", "a.b = 1"), "column = expression"),
        (("t", "a = 1 WHERE b"), "set has WHERE"),
        (("t", "a = o.b from o"), "set has FROM"),
        (("t", "a = 1 RETURNING a"), "set has RETURNING"),
        (("t", "a = 1; DROP TABLE t"), "set has a `;`"),
        (("t", "a = ?"), "the parameter ?"),
        (("t", "a = :b"), "the parameter :b"),
        (("t", "a = @b"), "the parameter @b"),
        (("t", "a = (1"), "parentheses"),
        (("t", "a = 1)"), "parentheses"),
        (("t", "a = 'b"), "inside a quote"),
        (("t", "a = 'b''"), "inside a quote"),
        (("t", "a = [b"), "inside a quote"),
        (("t", "a = 1 /* b"), "inside a quote or a comment"),
        (("t", "a = '\ud800'"), "a lone surrogate"),
        (("t", "a = '\0'"), "a NUL"),
        (("t", "a = 1", "1) OR (1"), "parentheses"),
        (("t", "a = 1", ""), "where is empty"),
        (("t", "a = 1", None), "where is a NoneType"),
        (("t", "a = 1", "b = 1;"), "where has a `;`"),
    ],
)  # fmt: skip
def test_what_is_no_update_is_refused_when_it_is_made(arguments: tuple[Any, ...], says: str) -> None:
    error = caught(Backfill, *arguments)
    assert isinstance(error, InvalidMigrationError)
    assert says in error.message


@pytest.mark.parametrize("batch", [0, -1, True, 1.5, "1", None, 1_000_001])
def test_a_batch_is_a_number_of_rows(batch: Any) -> None:
    assert "batch is" in caught(Backfill, "t", "a = 1", batch=batch).message


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a = 1", {"a"}),
        ('A = 1, "b c" = a = 2, [d] = (SELECT x FROM y WHERE z = 1 ORDER BY z LIMIT 1)', {"a", "b c", "d"}),
        ("(a, b) = (1, 2), c = f(1, 2)", {"a", "b", "c"}),
        ("a = b IS NOT DISTINCT FROM c, d = CASE WHEN e = 1 THEN 2 END -- last", {"a", "d"}),
        ("a = 'WHERE; ? ('", {"a"}),
    ],
)
def test_the_columns_that_it_sets_are_known(text: str, columns: set[str]) -> None:
    assert Backfill("t", text).assigned == columns


def test_comments_and_an_or_stay_inside_their_place(db: Database, path: Path) -> None:
    fill = Backfill("notes", "lang = 'x' -- every; one", "n = 1 OR n = 25 -- these", batch=5)
    db.migrator([schema(), Migration("002", "m", fill)]).migrate()
    assert ask(path, "SELECT n FROM notes WHERE lang = 'x'") == [(1,), (25,)]


def nothing() -> Steps[None]:
    yield from execute("SELECT 1")


FILL = Backfill("notes", "n = 1")
REBUILD = RebuildTable("notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY)")


@pytest.mark.parametrize(
    ("up", "down", "options", "says"),
    [
        ((FILL, REBUILD), (), {}, "a RebuildTable, which runs inside one"),
        (FILL, REBUILD, {}, "a RebuildTable"),
        ((PythonStep("a", nothing), FILL), (), {}, "a PythonStep"),
        (FILL, (), {"foreign_keys": False}, "without foreign keys"),
        ("SELECT 1", FILL, {}, "the down of migration 1 has a Backfill"),
    ],
)
def test_what_does_not_go_together_is_refused(up: Any, down: Any, options: dict[str, Any], says: str) -> None:
    error = caught(Migration, "1", "m", up, down, **options)
    assert isinstance(error, InvalidMigrationError)
    assert says in error.message


def test_it_goes_with_what_runs_outside_a_transaction() -> None:
    migration = Migration("1", "m", (FILL, "VACUUM"), use_transaction=False)
    assert migration.use_transaction is False
    assert Migration("1", "m", FILL).use_transaction is False


def test_a_recorded_down_with_one_is_refused(db: Database, path: Path) -> None:
    db.migrator([make(1)]).migrate()
    db.execute("UPDATE migrations SET down = ?", json.dumps([FILL.form]))
    assert caught(db.migrator([]).rollback_last).code == "recorded_down_refused"
    for damage in ({"version": 2}, {"version": True}, {"set": 1}, {"more": 1}):
        db.execute("UPDATE migrations SET down = ?", json.dumps([{**FILL.form, **damage}]))
        assert caught(db.migrator([]).rollback_last).code == "unknown_form"


def test_a_read_only_look_at_one_that_is_under_way_says_so(db: Database, path: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        db.migrator([schema(), counting()], on_event=stopping(10, stop)).migrate()
    migrator = db.migrator([schema(), counting()])
    assert [finding.code for finding in migrator.validate_migrations().warnings] == ["interrupted_migration"]
    assert migrator.get_migration_summary().pending_migration_ids == ("002",)
    migrator.mark_applied("002", reason="by hand")
    with outside(path) as connection:
        ((note,),) = connection.execute("SELECT note FROM migrations WHERE id = '002'").fetchall()
    assert "at {" not in note
