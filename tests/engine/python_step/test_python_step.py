"""PythonStep: a body that asks, inside the transaction and the guards of its migration; recorded by name and version."""

from __future__ import annotations

import asyncio
import functools
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, applied_ids, ask, caught, ids, make, outside

from agentdb import AgentDB, Migration, MigrationSet, PythonStep, RebuildTable, create_client_sync, load_migrations
from agentdb.errors import DataLossError, DependentRowsError, InvalidMigrationError, MigrationError
from agentdb.operations import Steps, atomically, batch, emit, execute

SCHEMA = Migration(
    "001",
    "people",
    (
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
        "CREATE TABLE pets (owner INTEGER REFERENCES people ON DELETE CASCADE, name TEXT)",
        "INSERT INTO people (name) VALUES ('Ada Lovelace'), ('Grace Hopper')",
        "INSERT INTO pets VALUES (1, 'Rex'), (2, 'Tom')",
    ),
    ("DROP TABLE pets", "DROP TABLE people"),
)


def split_names() -> Steps[None]:
    rows = (yield from execute("SELECT id, name FROM people ORDER BY id")).tuples
    for id, name in rows:
        first, _, last = name.partition(" ")
        yield from execute("UPDATE people SET first = ?, last = ? WHERE id = ?", (first, last, id))


def join_names() -> Steps[None]:
    rows = (yield from execute("SELECT id, first, last FROM people")).tuples
    yield from batch([("UPDATE people SET name = ? WHERE id = ?", (f"{a} {b}", id)) for id, a, b in rows])


SPLIT, JOIN = PythonStep("split_names", split_names), PythonStep("join_names", join_names, version=2)
SECOND = Migration(
    "002",
    "first and last names",
    ("ALTER TABLE people ADD COLUMN first TEXT", "ALTER TABLE people ADD COLUMN last TEXT", SPLIT),
    (JOIN, "ALTER TABLE people DROP COLUMN first", "ALTER TABLE people DROP COLUMN last"),
)
STEP = "-- Python step 'split_names', version 1"


def snapshot(path: Path | str) -> list[str]:
    if str(path).startswith("http:"):
        schema = ask(path, "SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2")
        return [
            repr(schema),
            *[repr(ask(path, f'SELECT * FROM "{name}"')) for kind, name, _ in schema if kind == "table"],
        ]
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def with_body(body: Any, **more: Any) -> Migration:
    """A migration whose only item runs this body, behind one that has changed something."""
    return Migration("002", "a step", ("CREATE TABLE extra (x)", PythonStep("work", body)), "DROP TABLE extra", **more)


def test_it_runs_up_and_down_and_is_shown_by_its_name(db: Database, path: Path) -> None:
    events: list[Any] = []
    migrator = db.migrator([SCHEMA, SECOND], on_event=events.append)
    assert migrator.migrate(dry_run=True)[1].statements == (*SECOND.up[:2], STEP)
    results = migrator.migrate()
    assert results[1].statements == (*SECOND.up[:2], STEP)
    assert ask(path, "SELECT first, last FROM people") == [("Ada", "Lovelace"), ("Grace", "Hopper")]
    done = [event.number for event in events if type(event).__name__ == "StatementDone" and event.migration is SECOND]
    assert done == [1, 2, 3]
    recorded = ask(path, "SELECT up, down FROM migrations WHERE id = '002'")[0]
    assert json.loads(recorded[0])[2] == {"agentdb": "python_step", "name": "split_names", "version": 1}
    assert json.loads(recorded[1])[0] == {"agentdb": "python_step", "name": "join_names", "version": 2}
    db.execute("UPDATE people SET last = 'Byron' WHERE id = 1")
    assert ids(migrator.rollback(limit=1)) == ["002"]
    assert ask(path, "SELECT * FROM people") == [(1, "Ada Byron"), (2, "Grace Hopper")]
    assert migrator.validate_migrations().is_valid
    assert ids(migrator.migrate()) == ["002"]


def test_the_checksum_is_of_the_name_and_the_version_and_not_of_the_body() -> None:
    def checksum(step: PythonStep) -> str:
        return Migration("1", "m", step).checksum

    assert checksum(SPLIT) == checksum(PythonStep("split_names", join_names))
    assert checksum(SPLIT) != checksum(PythonStep("split_names", split_names, 2))
    assert checksum(SPLIT) != checksum(PythonStep("split", split_names))
    assert (
        checksum(SPLIT)
        == "v1:"
        + __import__("hashlib")
        .sha256(b'{"id":"1","up":[{"agentdb":"python_step","name":"split_names","version":1}]}')
        .hexdigest()
    )
    assert SPLIT == PythonStep("split_names", join_names) != PythonStep("split_names", split_names, 2)


def test_a_build_without_the_migration_says_so_before_it_rolls_anything_back(db: Database, path: Path) -> None:
    third = make(3)
    db.migrator([SCHEMA, SECOND, third]).migrate()
    before = snapshot(path)
    older = db.migrator([SCHEMA])
    for call in (
        functools.partial(older.rollback, target="001"),
        functools.partial(older.rollback, limit=2, dry_run=True),
    ):
        error = caught(call)
        assert isinstance(error, MigrationError)
        assert (error.code, error.migration_id) == ("python_step_missing", "002")
        assert "'join_names', version 2" in error.message
        assert "version of the application" in error.remedy
    assert snapshot(path) == before
    assert not path.with_name(f"{path.name}.backups").exists() or not list(
        path.with_name(f"{path.name}.backups").glob("*rollback*")
    )
    assert ids(older.rollback(limit=1)) == ["003"]  # the recorded down of which is text


def test_a_step_of_the_up_alone_needs_no_body_to_be_rolled_back(db: Database, path: Path) -> None:
    second = Migration("002", "names", SECOND.up, SECOND.down[1:])
    db.migrator([SCHEMA, second]).migrate()
    assert ids([db.migrator([SCHEMA]).rollback_last()]) == ["002"]
    assert applied_ids(path) == ["001"]


def test_a_corrected_migration_that_accepts_the_recorded_one_has_the_step_for_it(db: Database, path: Path) -> None:
    db.migrator([SCHEMA, SECOND]).migrate()
    corrected = Migration(
        "002", SECOND.description, (*SECOND.up[:2], SPLIT, "SELECT 1"), SECOND.down, accepts=(SECOND.checksum,)
    )
    migrator = db.migrator([SCHEMA, corrected])
    assert migrator.migrate() == []
    assert ids([migrator.rollback_last()]) == ["002"]
    assert ask(path, "SELECT name FROM people WHERE id = 1") == [("Ada Lovelace",)]
    # Another migration of that number is another one, whatever its steps are called.
    db.migrator([SCHEMA, SECOND]).migrate()
    other = Migration("002", "other", "SELECT 1", SECOND.down)
    assert caught(db.migrator([SCHEMA, other]).rollback_last).code == "python_step_missing"


@pytest.mark.parametrize(
    "form",
    [
        {**SPLIT.form, "name": ""},
        {**SPLIT.form, "name": 1},
        {**SPLIT.form, "version": True},
        {**SPLIT.form, "version": 0},
        {**SPLIT.form, "more": 1},
        {"agentdb": ["python_step"], "name": "a", "version": 1},
    ],
)
def test_a_form_that_is_none_of_this_build_is_told(db: Database, form: dict[str, Any]) -> None:
    db.migrator([SCHEMA, make(2)]).migrate()
    db.execute("UPDATE migrations SET down = ? WHERE id = '002'", json.dumps([form]))
    assert caught(db.migrator([SCHEMA]).rollback_last).code == "unknown_form"


# -- guards


def test_rows_that_a_step_would_lose_are_kept(db: Database, path: Path) -> None:
    def careless() -> Steps[None]:
        yield from execute("DELETE FROM people WHERE id = 1")

    db.migrator([SCHEMA]).migrate()
    before = snapshot(path)
    error = caught(db.migrator([SCHEMA, with_body(careless)]).migrate)
    assert isinstance(error, DataLossError)
    assert set(error.tables) == {"people", "pets", "pets.owner"} or set(error.tables) == {"people", "pets"}
    assert snapshot(path) == before
    meant = with_body(careless, allows_loss=("people", "pets"))
    assert ids(db.migrator([SCHEMA, meant]).migrate()) == ["002"]


def test_a_step_may_drop_a_table_by_name_and_rename_one_with_its_rows(db: Database, path: Path) -> None:
    def move() -> Steps[None]:
        yield from execute("ALTER TABLE pets RENAME TO animals")
        yield from execute("CREATE TABLE scratch AS SELECT * FROM animals")
        yield from execute("DROP TABLE scratch")

    db.migrator([SCHEMA, with_body(move)]).migrate()
    assert ask(path, "SELECT count(*) FROM animals") == [(2,)]


def test_references_that_a_step_leaves_dangling_roll_it_back(db: Database, path: Path) -> None:
    def careless() -> Steps[None]:
        yield from execute("UPDATE pets SET owner = 99 WHERE name = 'Rex'")

    db.migrator([SCHEMA]).migrate()
    before = snapshot(path)
    assert caught(db.migrator([SCHEMA, with_body(careless)]).migrate).code == "foreign_key"
    without = caught(db.migrator([SCHEMA, with_body(careless, foreign_keys=False)]).migrate)
    assert without.code == "dangling_references"
    assert snapshot(path) == before


def test_a_rebuild_and_a_step_go_together(db: Database, path: Path) -> None:
    def shout() -> Steps[None]:
        yield from execute("UPDATE people SET name = upper(name)")

    rebuild = RebuildTable(
        "people", "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL CHECK (name <> ''))"
    )
    db.migrator([SCHEMA, Migration("002", "both", (PythonStep("shout", shout), rebuild))]).migrate()
    assert ask(path, "SELECT name FROM people") == [("ADA LOVELACE",), ("GRACE HOPPER",)]
    assert ask(path, "SELECT count(*) FROM pets") == [(2,)]


def test_a_step_of_a_down_may_delete_what_the_down_is_about_and_nothing_else(db: Database, path: Path) -> None:
    def clear() -> Steps[None]:
        yield from execute("DELETE FROM extra")

    def careless() -> Steps[None]:
        yield from execute("UPDATE people SET name = 'x'")
        yield from execute("DELETE FROM extra")
        yield from execute("DROP TABLE people")

    up = ("CREATE TABLE extra (x)", "INSERT INTO extra VALUES (1)")
    good = Migration("002", "m", up, (PythonStep("clear", clear), "DROP TABLE extra"))
    migrator = db.migrator([SCHEMA, good])
    migrator.migrate()
    assert ids([migrator.rollback_last()]) == ["002"]
    bad = Migration("002", "m", up, PythonStep("careless", careless))
    migrator = db.migrator([SCHEMA, bad])
    migrator.migrate()
    before = snapshot(path)
    error = caught(migrator.rollback_last)
    assert isinstance(error, DependentRowsError)
    assert error.tables == {"pets": (2, 0)}
    assert "(Python step 'careless', version 1)" in error.message
    assert snapshot(path) == before


def test_a_step_may_see_to_the_rows_that_refer_before_the_down_drops_their_table(db: Database, path: Path) -> None:
    def release() -> Steps[None]:
        yield from execute("UPDATE hosts SET person = NULL")

    extra = Migration(
        "002", "m", "CREATE TABLE extra (id INTEGER PRIMARY KEY)", (PythonStep("release", release), "DROP TABLE extra")
    )
    migrator = db.migrator([SCHEMA, extra])
    migrator.migrate()
    db.execute("CREATE TABLE hosts (person INTEGER REFERENCES extra)")
    db.execute("INSERT INTO extra VALUES (1)")
    db.execute("INSERT INTO hosts VALUES (1)")
    assert ids([migrator.rollback_last()]) == ["002"]
    assert ask(path, "SELECT * FROM hosts") == [(None,)]


def test_a_step_of_a_down_cannot_change_the_tracking_table(db: Database, path: Path) -> None:
    def forge() -> Steps[None]:
        yield from execute("UPDATE migrations SET description = 'x' WHERE id = '001'")

    migrator = db.migrator([SCHEMA, Migration("002", "m", "CREATE TABLE extra (x)", PythonStep("forge", forge))])
    migrator.migrate()
    before = snapshot(path)
    assert caught(migrator.rollback_last).code == "tracking_table_changed"
    assert snapshot(path) == before


def test_what_a_step_leaves_on_the_connection_ends_with_it(db: Database, path: Path) -> None:
    def scratch() -> Steps[None]:
        yield from execute("CREATE TEMP TABLE people (x)")
        yield from execute("INSERT INTO temp.people VALUES ('mine')")
        yield from execute("PRAGMA cache_size = 17")

    db.migrator([SCHEMA, with_body(scratch)]).migrate()
    assert db.execute("SELECT count(*) FROM people") == [(2,)]
    assert db.execute("PRAGMA cache_size") != [(17,)]


# -- bodies that are wrong


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("BEGIN", "control_statement"),
        ("COMMIT", "control_statement"),
        ("SAVEPOINT a", "control_statement"),
        ("PRAGMA foreign_keys = OFF", "foreign_keys_stay_on"),
        ("PRAGMA writable_schema = ON", "session_pragma"),
        ("PRAGMA journal_mode = DELETE", "no_effect_inside"),
        ("SELECT 1; SELECT 2", "many_statements"),
        ("-- nothing", "no_statement"),
        ("SELECT '\0'", "invalid_migration"),
        ("VACUUM", "statement_failed"),
        ("SELECT * FROM nowhere", "statement_failed"),
    ],
)
@pytest.mark.parametrize("in_a_batch", [False, True])
def test_a_statement_that_no_migration_may_have_is_refused(
    db: Database, path: Path, sql: str, code: str, in_a_batch: bool
) -> None:
    def body() -> Steps[None]:
        if in_a_batch:
            yield from batch(["SELECT 1", sql])
        else:
            yield from execute(sql)

    db.migrator([SCHEMA]).migrate()
    before = snapshot(path)
    error = caught(db.migrator([SCHEMA, with_body(body)]).migrate)
    assert isinstance(error, MigrationError)
    assert error.code == code
    assert "statement 2 of 2 (Python step 'work', version 1)" in error.message
    assert error.statement == sql
    assert snapshot(path) == before


def test_what_is_refused_the_body_cannot_catch_and_what_the_database_says_it_can(db: Database, path: Path) -> None:
    def stubborn() -> Steps[None]:
        try:
            yield from execute("COMMIT")
        except Exception:
            pass

    def careful() -> Steps[None]:
        try:
            yield from execute("INSERT INTO people VALUES (1, 'again')")
        except Exception as error:
            yield from execute("INSERT INTO extra VALUES (?)", (getattr(error, "code", None),))

    assert caught(db.migrator([SCHEMA, with_body(stubborn)]).migrate).code == "control_statement"
    db.migrator([SCHEMA, with_body(careful)]).migrate()
    assert ask(path, "SELECT x FROM extra") == [("unique",)]


def yields_text() -> Any:
    yield "SELECT 1"


def yields_none() -> Any:
    yield


def commits() -> Steps[None]:
    yield from atomically(execute("SELECT 1"))


def emits() -> Steps[None]:
    yield from emit("event")


def raises() -> Steps[None]:
    yield from execute("INSERT INTO extra VALUES (1)")
    raise ValueError("no such luck")


def stops() -> Steps[None]:
    yield from execute("SELECT 1")
    raise StopIteration


def wants_more(more: int) -> Steps[None]:
    yield from execute(f"SELECT {more}")


def binds_a_set() -> Steps[None]:
    yield from execute("SELECT ?", ({1},))  # type: ignore[list-item]


def makes_a_bad_batch() -> Steps[None]:
    yield from batch(f"SELECT {1 // (1 - n)}" for n in range(2))


def text_for_a_batch() -> Steps[None]:
    yield from batch("SELECT 1")


def catches_its_end() -> Steps[None]:
    try:
        yield from execute("SELECT * FROM nowhere")
    finally:
        yield from execute("SELECT * FROM nowhere")


class Body:
    def __call__(self) -> Steps[None]:
        yield from execute("INSERT INTO extra VALUES (4)")

    def method(self) -> Steps[None]:
        yield from execute("INSERT INTO extra VALUES (4)")


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        (yields_text, "python_step_refused", "it yielded a str, which is not a statement"),
        (yields_none, "python_step_refused", "it yielded None"),
        (commits, "python_step_refused", "it yielded a Begin"),
        (emits, "python_step_refused", "it yielded a Emit"),
        (raises, "python_step_failed", "it raised ValueError: no such luck"),
        (stops, "python_step_failed", "it raised RuntimeError"),
        (wants_more, "python_step_failed", "it raised TypeError"),
        (binds_a_set, "not_bindable", "set"),
        (makes_a_bad_batch, "python_step_failed", "it raised ZeroDivisionError"),
        (text_for_a_batch, "invalid_argument", "a batch is an iterable"),
        (catches_its_end, "statement_failed", "nowhere"),
        (dict, "python_step_refused", "its body gave a dict, not steps"),
    ],
    ids=lambda value: getattr(value, "__name__", "") or None,
)
def test_a_wrong_body_is_named_and_its_migration_rolled_back_whole(
    db: Database, path: Path, body: Any, code: str, says: str
) -> None:
    db.migrator([SCHEMA]).migrate()
    before = snapshot(path)
    error = caught(db.migrator([SCHEMA, with_body(body)]).migrate)
    assert isinstance(error, MigrationError)
    assert (error.code, error.migration_id, error.statement_number) == (code, "002", 2)
    assert "002 (a step) failed, statement 2 of 2 (Python step 'work', version 1): " in error.message
    assert says in error.message
    assert error.remedy
    assert snapshot(path) == before


def test_the_client_is_not_for_a_body(db: Database, path: Path) -> None:
    db.migrator([SCHEMA]).migrate()

    def beside() -> Steps[None]:
        yield from execute("INSERT INTO extra VALUES (1)")
        if db.is_async:
            waiting = db.client.execute("INSERT INTO extra VALUES (2)")
            try:
                asyncio.run(waiting)
            finally:
                waiting.close()
        else:
            db.client.execute("INSERT INTO extra VALUES (2)")

    def another() -> Steps[None]:
        yield from execute("INSERT INTO extra VALUES (1)")
        with create_client_sync(path, busy_timeout=0.05) as client:
            client.execute("INSERT INTO pets VALUES (1, 'x')")

    def foreign() -> Steps[None]:
        yield from execute("INSERT INTO extra VALUES (1)")
        with outside(path) as other:
            other.execute("INSERT INTO pets VALUES (1, 'x')")

    before = snapshot(path)
    for body, code in (
        (beside, "python_step_failed" if db.is_async else "python_step_refused"),
        (another, "python_step_refused"),
        (foreign, "python_step_failed"),
    ):
        error = caught(db.migrator([SCHEMA, with_body(body)]).migrate)
        assert (error.code, "Python step 'work'" in error.message) == (code, True)
        assert snapshot(path) == before
    assert db.execute("SELECT count(*) FROM pets") == [(2,)]


async def coroutine() -> None: ...


async def async_generator() -> Any:
    yield 1


def no_generator() -> Any:
    return None


@pytest.mark.parametrize(
    "body",
    [
        None,
        "SELECT 1",
        split_names(),
        no_generator,
        lambda: split_names(),
        coroutine,
        async_generator,
        functools.partial(no_generator),
    ],
    ids=lambda body: type(body).__name__,
)
def test_what_cannot_be_a_body_is_refused_when_it_is_made(body: Any) -> None:
    error = caught(PythonStep, "work", body)
    assert isinstance(error, InvalidMigrationError)
    assert "'work'" in error.message
    assert "generator function" in error.remedy


@pytest.mark.parametrize(
    "body", [Body(), Body().method, functools.partial(wants_more, 4)], ids=["object", "method", "partial"]
)
def test_whatever_gives_steps_is_a_body(db: Database, body: Callable[[], Steps[None]]) -> None:
    assert ids(db.migrator([SCHEMA, with_body(body)]).migrate()) == ["001", "002"]


@pytest.mark.parametrize("name", ["", " ", " a", "a\n", "a\0b", "\ud800", None, 1])
def test_a_name_is_text(name: Any) -> None:
    assert isinstance(caught(PythonStep, name, split_names), InvalidMigrationError)


@pytest.mark.parametrize("version", [0, -1, True, 1.0, "1", None, 2**53])
def test_a_version_is_a_number(version: Any) -> None:
    assert isinstance(caught(PythonStep, "work", split_names, version), InvalidMigrationError)


def test_two_steps_of_a_migration_have_two_names() -> None:
    error = caught(Migration, "1", "m", PythonStep("a", split_names), PythonStep("a", join_names, 2))
    assert "two Python steps 'a'" in error.message
    assert isinstance(error, InvalidMigrationError)


def test_it_needs_a_transaction(db: Database, path: Path) -> None:
    error = caught(Migration, "1", "m", SPLIT, use_transaction=False)
    assert "needs a transaction" in error.message
    assert "Backfill" in error.remedy
    # As without foreign keys, use_transaction=False of migrate() does not reach it.
    db.migrator([SCHEMA, SECOND]).migrate(use_transaction=False)
    assert ask(path, "SELECT use_transaction FROM migrations WHERE id = '002'") == [(1,)]
    broken = db.migrator([SCHEMA, SECOND, Migration("003", "m", ("CREATE TABLE extra (x)", PythonStep("r", raises)))])
    assert caught(broken.migrate, use_transaction=False).code == "python_step_failed"
    assert applied_ids(path) == ["001", "002"]


def test_a_cancellation_reaches_no_body(path: Path) -> None:
    from agentdb import AsyncMigrator, create_client

    began = asyncio.Event()
    caught_by_body: list[BaseException] = []

    def slow() -> Steps[None]:
        began.set()
        while True:
            try:
                yield from execute(
                    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000000) SELECT max(n) FROM c"
                )
            except BaseException as error:
                caught_by_body.append(error)
                raise

    async def main() -> None:
        async with create_client(path) as client:
            task = asyncio.create_task(AsyncMigrator(client, [SCHEMA, with_body(slow)]).migrate())
            await began.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    with closing(sqlite3.connect(path, timeout=10)) as connection:  # a thread may be closing the client's last one
        assert connection.execute("SELECT id FROM migrations").fetchall() == [("001",)]
    assert [type(error) for error in caught_by_body] == [GeneratorExit]


# -- where else it counts


def test_a_folder_may_hold_a_module_with_a_step(tmp_path: Path, db: Database, path: Path) -> None:
    folder = tmp_path / "steps"
    folder.mkdir()
    (folder / "001_notes.up.sql").write_text("CREATE TABLE notes (text); INSERT INTO notes VALUES ('a')")
    (folder / "m002_shout.py").write_text(
        "from agentdb import Migration, PythonStep\nfrom agentdb.operations import execute\n"
        "def shout():\n    yield from execute('UPDATE notes SET text = upper(text)')\n"
        "MIGRATION = Migration('002', 'shout', PythonStep('shout', shout))\n"
    )
    db.migrator(load_migrations(folder)).migrate()
    assert ask(path, "SELECT text FROM notes") == [("A",)]


def test_a_start_of_several_sets_runs_it_and_says_how_far_it_came(tmp_path: Path) -> None:
    host = MigrationSet("notes", [make(1), Migration("002", "bad", PythonStep("work", stops))])
    with pytest.raises(MigrationError) as raised:
        AgentDB.open(tmp_path / "a.db", migrations=[host])
    assert raised.value.code == "python_step_failed"
    assert "its tracking table is 'notes_migrations'" in raised.value.message
    good = MigrationSet("notes", [make(1), Migration("002", "good", PythonStep("work", Body().method), "SELECT 1")])
    (tmp_path / "a.db").rename(tmp_path / "kept.db")
    with AgentDB.open(
        tmp_path / "b.db", migrations=[MigrationSet("extra", [Migration("1", "m", "CREATE TABLE extra (x)")]), good]
    ):
        pass
    assert applied_ids(tmp_path / "b.db", "notes_migrations") == ["001", "002"]


def test_a_backup_stands_before_it_as_before_any_other(db: Database, path: Path) -> None:
    db.migrator([SCHEMA]).migrate()
    error = caught(db.migrator([SCHEMA, with_body(raises)]).migrate)
    assert isinstance(error, MigrationError)
    assert error.backup is not None
    assert ask(error.backup, "SELECT count(*) FROM people") == [(2,)]


def test_a_rollback_of_a_range_is_tried_with_its_steps_before_the_first_one(db: Database, path: Path) -> None:
    def fails() -> Steps[None]:
        yield from execute("SELECT * FROM nowhere")

    second = Migration("002", "m", "CREATE TABLE extra (x)", (PythonStep("fails", fails), "DROP TABLE extra"))
    migrator = db.migrator([SCHEMA, second, make(3, use_transaction=False)])
    migrator.migrate()
    before = snapshot(path)
    error = caught(migrator.rollback, target="001")
    assert (error.code, "Python step 'fails'" in error.message) == ("statement_failed", True)
    assert snapshot(path) == before
