"""The ways in which other engines and programs have lost data or locked people out, one test each.

Every test does it twice: first as the naive program does, or with agentdb's guard switched off, and the damage is there;
then with the guard, and it is refused or does not happen. KINDS is the whole list, with the test of each.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from engine_harness import applied_ids, ask, caught, ids, make, outside, tables
from guard_harness import migrate, run_unguarded

import agentdb
from agentdb import AgentDB, Migration, Migrator, RebuildTable, create_client_sync, validate_migrations
from agentdb.engine.events import StatementDone
from agentdb.engine.loader import load_migrations
from agentdb.errors import DatabaseTooNewError, DataLossError, IntegrityError
from agentdb.stores import NewMessage

TESTS = Path(__file__).parents[1]

#: What bites -> the tests that show it with and without the guard.
KINDS: dict[str, list[str]] = {
    # SQLite
    "foreign keys are switched inside a transaction, where that does nothing": [
        "engine/guards/test_loss_guard.py::test_foreign_keys_are_not_switched_by_a_statement_for_inside_a_transaction_nothing_happens",
        "clients/test_client_foreign_keys_off.py::test_where_the_switch_is_ignored_nothing_is_begun",
    ],
    "a rebuild empties the children, and foreign_key_check sees nothing": [
        "engine/guards/test_loss_guard.py::test_what_would_be_lost_is_refused_and_nothing_is_changed",
        "engine/guards/test_loss_guard.py::test_without_the_guard_the_same_statements_lose_it",
        "test_putting_foreign_keys_off_until_the_commit_does_not_save_the_children",
    ],
    "a rebuild loses indexes, triggers, views, STRICT and the sequence of ids": [
        "engine/rebuild/test_rebuild.py::test_by_hand_all_of_that_is_lost",
        "engine/rebuild/test_rebuild.py::test_only_the_table_is_another",
        "test_an_id_is_used_again_after_a_rebuild_by_hand",
    ],
    "renaming the old table first repoints the children to it": [
        "test_renaming_the_old_table_first_takes_the_children_with_it"
    ],
    "executescript commits the open transaction": ["test_a_script_that_fails_half_way_leaves_half_of_itself"],
    "ADD COLUMN with a default that only an empty table bears": ["test_a_default_that_only_an_empty_table_bears"],
    "two notations of time in one column": ["test_two_notations_of_time_in_one_column_have_no_order"],
    "the first switch to WAL does not wait": ["test_the_first_switch_to_wal_does_not_wait_for_a_lock"],
    "concurrent peers fail at first open and first migration": [
        "test_starting_at_once_everybody_applies_the_same_migration",
        "system/test_starts.py::test_sixteen_processes_that_start_at_once_apply_each_migration_once",
    ],
    "a copy of the file misses the -wal": ["test_a_copy_of_the_file_misses_what_is_in_the_wal"],
    "restoring over a live -wal plays old frames back": [
        "engine/backup/test_restore.py::test_a_plain_copy_over_the_file_is_what_this_protects_from",
        "engine/backup/test_restore.py::test_what_a_crash_left_in_the_wal_is_neither_lost_nor_played_back",
    ],
    "a lock row survives a kill": ["test_a_lock_that_is_a_row_survives_a_kill"],
    "a kill in the middle leaves half": [
        "test_a_kill_in_the_middle_leaves_half_without_a_transaction",
        "system/test_crashes.py::test_no_kill_leaves_a_migration_half_applied",
    ],
    "a long backfill shows no progress": ["test_a_backfill_tells_how_far_it_is"],
    "a -wal that has grown stays so": ["test_a_wal_that_has_grown_stays_so_without_a_limit"],
    "hyphens and quotes break a search": ["test_hyphens_and_quotes_break_a_search"],
    "unicode61 does not find CJK": ["test_the_usual_tokenizer_does_not_find_cjk"],
    "the tokenizer may be missing": [
        "test_a_tokenizer_that_is_missing_leaves_half_a_schema",
        "migrations/test_search_index.py::test_a_module_that_this_sqlite_lacks_is_named_with_a_remedy_and_nothing_is_left",
    ],
    "ties of times skip rows in pages": ["test_ties_of_times_skip_rows_in_pages"],
    # versions and checksums
    "raw bytes are hashed": ["test_a_hash_of_raw_bytes_stops_the_application_after_a_checkout_elsewhere"],
    "a newline stops the deploy, with no command to repair it": [
        "test_a_hash_of_raw_bytes_stops_the_application_after_a_checkout_elsewhere",
        "engine/test_repair.py::test_an_edited_text_is_accepted_with_its_down",
    ],
    "pending is what is newer than the newest applied": ["test_what_came_late_is_skipped_for_ever"],
    "ids are sorted as text": ["test_ids_as_text_run_10_before_9"],
    "an older build on a newer database": ["test_an_older_build_wipes_a_newer_database"],
    "a database shared with an older build that could bear it": [
        "engine/test_two_versions.py::test_an_older_build_opens_what_is_all_backward_compatible_with_a_warning",
        "engine/test_two_versions.py::test_it_refuses_what_is_not",
    ],
    "one number with two meanings": ["test_one_number_of_two_release_channels_hides_a_migration"],
    "fix it and force the version": ["test_a_version_that_is_dirty_waits_for_a_hand_that_is_not_there"],
    "a checksum that is stored and never compared": [
        "test_an_edited_migration_is_not_seen_unless_checksums_are_compared"
    ],
    "a dry run that returns nothing": [
        "engine/test_migrator_quiet.py::test_a_dry_run_returns_one_preview_for_each_that_would_run"
    ],
    "a failure in a list that nobody looks at": ["test_a_failure_in_a_list_is_overlooked"],
}


def test_every_kind_has_a_test_that_exists() -> None:
    own = set()
    for names in KINDS.values():
        for name in names:
            file, _, function = name.rpartition("::")
            if not file:
                own.add(name)
            source = (TESTS / file if file else Path(__file__)).read_text(encoding="utf-8")
            assert re.search(rf"^ *def {function}\(", source, re.MULTILINE), name
    assert own == {name for name in globals() if name.startswith("test_")} - {"test_every_kind_has_a_test_that_exists"}


FAMILY = Migration(
    "001",
    "family",
    (
        "CREATE TABLE parents (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)",
        "CREATE TABLE children (id INTEGER PRIMARY KEY, parent REFERENCES parents ON DELETE CASCADE)",
        "INSERT INTO parents VALUES (1, 'a'), (2, 'b'), (9, 'gone')",
        "DELETE FROM parents WHERE id = 9",
        "INSERT INTO children VALUES (10, 1), (11, 2)",
    ),
    ("DROP TABLE children", "DROP TABLE parents"),
)
NEW_TABLE = "CREATE TABLE parents (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL)"
BY_HAND = (
    NEW_TABLE.replace("TABLE parents", "TABLE parents_new"),
    "INSERT INTO parents_new SELECT * FROM parents",
    "DROP TABLE parents",
    "ALTER TABLE parents_new RENAME TO parents",
)


@pytest.fixture
def family(path: Path) -> Path:
    migrate(path, FAMILY)
    return path


@pytest.fixture
def twin(path: Path) -> Path:
    """A second file, for what is done without the guard."""
    return path.with_name("naive.db")


# -- rebuilds


def test_putting_foreign_keys_off_until_the_commit_does_not_save_the_children(family: Path, twin: Path) -> None:
    deferred = ("PRAGMA defer_foreign_keys=ON", *BY_HAND)
    shutil.copyfile(family, twin)
    with create_client_sync(twin) as client:
        run_unguarded(client, deferred)
    assert ask(twin, "SELECT count(*) FROM children") == [(0,)]
    assert ask(twin, "PRAGMA foreign_key_check") == []

    error = caught(migrate, family, FAMILY, Migration("002", "rebuild", deferred), backup=False)
    assert isinstance(error, DataLossError)
    assert error.tables == {"children": (2, 0)}
    migrate(family, FAMILY, Migration("002", "rebuild", RebuildTable("parents", NEW_TABLE)), backup=False)
    assert ask(family, "SELECT count(*) FROM children") == [(2,)]


def test_an_id_is_used_again_after_a_rebuild_by_hand(family: Path, twin: Path) -> None:
    shutil.copyfile(family, twin)
    insert = "INSERT INTO parents (name) VALUES ('next') RETURNING id"
    with outside(twin) as connection:
        for sql in BY_HAND:
            connection.execute(sql)
        assert connection.execute(insert).fetchone() == (3,), "9 was given to somebody once, and will be again"
    migrate(family, FAMILY, Migration("002", "rebuild", RebuildTable("parents", NEW_TABLE)), backup=False)
    assert ask(family, insert) == [(10,)]


def test_renaming_the_old_table_first_takes_the_children_with_it(family: Path, twin: Path) -> None:
    renamed_first = (
        "ALTER TABLE parents RENAME TO parents_old",
        NEW_TABLE,
        "INSERT INTO parents SELECT * FROM parents_old",
        "DROP TABLE parents_old",
    )
    shutil.copyfile(family, twin)
    with outside(twin) as connection:  # foreign keys are off here
        for sql in renamed_first:
            connection.execute(sql)
        assert connection.execute("SELECT \"table\" FROM pragma_foreign_key_list('children')").fetchone() == (
            "parents_old",
        )
        connection.execute("PRAGMA foreign_keys=ON")
        with pytest.raises(sqlite3.OperationalError, match=r"no such table: main\.parents_old"):
            connection.execute("INSERT INTO children VALUES (12, 1)")

    error = caught(
        migrate, family, FAMILY, Migration("002", "rebuild", renamed_first, foreign_keys=False), backup=False
    )
    assert error.code == "dangling_references"
    migrate(family, FAMILY, Migration("002", "rebuild", RebuildTable("parents", NEW_TABLE)), backup=False)
    with create_client_sync(family) as client:
        client.execute("INSERT INTO children VALUES (12, 1)")
    assert ask(family, "SELECT \"table\" FROM pragma_foreign_key_list('children')") == [("parents",)]


# -- one migration, whole or not at all


def test_a_script_that_fails_half_way_leaves_half_of_itself(path: Path, twin: Path, tmp_path: Path) -> None:
    script = "CREATE TABLE a (x);\nINSERT INTO a VALUES (1);\nINSERT INTO nowhere VALUES (1);\n"
    with outside(twin) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            connection.executescript(script)
        assert not connection.in_transaction, "it was committed before the first statement: nothing to roll back"
    assert tables(twin) == {"a"}

    (tmp_path / "001_script.up.sql").write_text(script)
    error = caught(migrate, path, *load_migrations(tmp_path))
    assert getattr(error, "statement_number", None) == 3
    assert tables(path) == set()


#: A program that applies two statements and is killed after the first.
KILLED = """
import os, signal, sys
from agentdb import Migration, Migrator, create_client_sync
from agentdb.engine.events import StatementDone
def die(event):
    if isinstance(event, StatementDone) and event.migration.id == "002":
        os.kill(os.getpid(), signal.SIGKILL)
first = Migration("001", "first", "CREATE TABLE first (x)")
second = Migration("002", "second", ["CREATE TABLE half (x)", "CREATE TABLE other_half (x)"])
with create_client_sync(sys.argv[1]) as client:
    Migrator(client, [first, second], backup=False, on_event=die).migrate(use_transaction=sys.argv[2] == "guarded")
"""


def killed(path: Path, how: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), how], cwd=TESTS.parent, capture_output=True, timeout=60, check=False
    )
    assert done.returncode < 0, done.stderr.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="no such kill there")
def test_a_kill_in_the_middle_leaves_half_without_a_transaction(path: Path, twin: Path) -> None:
    killed(twin, "unguarded")
    assert tables(twin) == {"first", "half"}
    killed(path, "guarded")
    assert tables(path) == {"first"}
    assert applied_ids(path) == ["001"]


#: A program that takes a lock as many engines do, or agentdb's, and is killed.
LOCKED = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for sql in sys.argv[2:]:
    connection.execute(sql)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such kill there")
def test_a_lock_that_is_a_row_survives_a_kill(path: Path, twin: Path) -> None:
    command = [sys.executable, "-c", LOCKED]
    take = "INSERT INTO lock VALUES (1)"
    subprocess.run([*command, str(twin), "CREATE TABLE lock (id INTEGER PRIMARY KEY)", take], timeout=60, check=False)
    with outside(twin) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(take)  # whoever waits for this row to go waits for ever

    migrate(path, make(1))
    locking = ("BEGIN IMMEDIATE", "UPDATE migrations SET id = id")
    subprocess.run([*command, str(path), *locking], timeout=60, check=False)
    assert ids(migrate(path, make(1), make(2), backup=False)) == ["002"]


def test_starting_at_once_everybody_applies_the_same_migration(path: Path, twin: Path) -> None:
    """Two starts, each of which reads what is applied before the other writes."""
    with outside(twin) as one, outside(twin) as other:
        one.execute("CREATE TABLE applied (id)")
        applied = [connection.execute("SELECT id FROM applied").fetchall() for connection in (one, other)]
        assert applied == [[], []]
        one.execute("CREATE TABLE t1 (x)")
        one.execute("INSERT INTO applied VALUES ('001')")
        with pytest.raises(sqlite3.OperationalError, match="already exists"):
            other.execute("CREATE TABLE t1 (x)")

    barrier = threading.Barrier(4)
    answers: list[Any] = []

    def start() -> None:
        with create_client_sync(path) as client:
            barrier.wait()
            answers.append(ids(Migrator(client, [make(1), make(2)]).migrate()))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 4
    assert sorted(id for answer in answers for id in answer) == ["001", "002"]


# -- the file


@contextmanager
def a_writer_that_leaves_after(seconds: float, path: Path) -> Iterator[None]:
    """Another program writes in the journal mode that a file has at first, and is done in a moment."""
    with outside(path) as connection:
        connection.execute("CREATE TABLE t (v)")
        connection.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(seconds, connection.execute, ["COMMIT"])
        timer.start()
        try:
            yield
        finally:
            timer.join()


def test_the_first_switch_to_wal_does_not_wait_for_a_lock(path: Path, twin: Path) -> None:
    with a_writer_that_leaves_after(0.3, twin), closing(sqlite3.connect(twin, timeout=5)) as naive:
        began = time.monotonic()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            naive.execute("PRAGMA journal_mode=WAL")
        assert time.monotonic() - began < 0.25, "it was to wait for five seconds"
    with a_writer_that_leaves_after(0.3, path):
        assert ids(migrate(path, make(1))) == ["001"]
    assert ask(path, "PRAGMA journal_mode") == [("wal",)]


def test_a_copy_of_the_file_misses_what_is_in_the_wal(path: Path, twin: Path, tmp_path: Path) -> None:
    with create_client_sync(path) as client:
        Migrator(client, [make(1)]).migrate()
        client.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        client.execute("INSERT INTO t1 VALUES ('new')")
        shutil.copyfile(path, twin)
        whole = agentdb.backup(path, tmp_path / "whole.db")
    assert ask(twin, "SELECT x FROM t1") == []
    assert ask(whole, "SELECT x FROM t1") == [("new",)]


def test_a_wal_that_has_grown_stays_so_without_a_limit(path: Path, twin: Path) -> None:
    def size_of_wal(place: Path, **settings: Any) -> int:
        with create_client_sync(place, **settings) as client:
            Migrator(client, [Migration("001", "t", "CREATE TABLE t (x)")]).migrate()
            numbers = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < 4000) "
            client.execute(f"{numbers}INSERT INTO t SELECT zeroblob(1000) FROM n")
            for _ in range(2):
                client.execute("INSERT INTO t VALUES (1)")
            return Path(f"{place}-wal").stat().st_size

    assert size_of_wal(twin, journal_size_limit=-1) > 4_000_000
    assert size_of_wal(path, journal_size_limit=100_000) <= 100_000


def test_a_backfill_tells_how_far_it_is(path: Path) -> None:
    """In one statement nobody hears of it before its end; in portions each is told, though all is one transaction."""
    fill = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < 1000) INSERT INTO t1 SELECT x FROM n"
    portions = [f"UPDATE t1 SET x = -x WHERE x BETWEEN {at + 1} AND {at + 250}" for at in range(0, 1000, 250)]

    def told(up: Any, place: Path) -> list[tuple[int, int]]:
        migrate(place, make(1, up=["CREATE TABLE t1 (x)", fill]))
        events: list[Any] = []
        migrate(place, make(1, up=["CREATE TABLE t1 (x)", fill]), make(2, up=up), on_event=events.append, backup=False)
        return [(event.number, event.total) for event in events if isinstance(event, StatementDone)]

    assert told("UPDATE t1 SET x = -x", path) == [(1, 1)]
    assert told(portions, path.with_name("portions.db")) == [(1, 4), (2, 4), (3, 4), (4, 4)]


# -- what a populated database does not bear


def test_a_default_that_only_an_empty_table_bears(path: Path) -> None:
    first = make(1, down="DROP TABLE t1")
    second = make(
        2,
        up="ALTER TABLE t1 ADD COLUMN at TEXT DEFAULT CURRENT_TIMESTAMP",
        down="ALTER TABLE t1 DROP COLUMN at",
    )
    # What a developer tries: a new file, up and down. Nothing is wrong.
    with create_client_sync(":memory:") as client:
        developer = Migrator(client, [first, second])
        assert len(developer.migrate()) == 2
        developer.rollback_last()
    # What happens at a user's, if nobody proves it with rows.
    migrate(path, first)
    with create_client_sync(path) as client:
        client.execute("INSERT INTO t1 VALUES (1)")
    assert caught(migrate, path, first, second, backup=False).code == "statement_failed"
    assert ask(path, "SELECT * FROM t1") == [(1,)]
    # What the proof says before.
    assert [finding.code for finding in validate_migrations([first, second]).errors] == ["populated_up_failed"]


def test_two_notations_of_time_in_one_column_have_no_order(path: Path, twin: Path) -> None:
    earlier, later = "2025-03-01T08:00:00.000Z", "2025-03-01 20:00:00"  # the second as CURRENT_TIMESTAMP writes
    with outside(twin) as connection:
        connection.execute("CREATE TABLE sessions (created_at TEXT)")
        connection.executemany("INSERT INTO sessions VALUES (?)", [(earlier,), (later,)])
        newest = connection.execute("SELECT created_at FROM sessions ORDER BY created_at DESC").fetchone()
    assert newest == (earlier,)

    with AgentDB.open(path) as db:
        agent = db.agents.create(name="n", model="m")
        with pytest.raises(IntegrityError) as refused:
            db.client.execute("UPDATE agents SET created_at = ? WHERE id = ?", (later, agent.id))
        assert refused.value.code == "check"
        db.client.execute("UPDATE agents SET created_at = ? WHERE id = ?", (earlier, agent.id))


# -- searching and paging


@pytest.fixture
def db(path: Path) -> Iterator[AgentDB]:
    with AgentDB.open(path) as opened:
        opened.sessions.create(id="s", main_agent_id=opened.agents.create(name="n", model="m").id)
        yield opened


def index(tokenizer: str, *texts: str) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE VIRTUAL TABLE found USING fts5 (text, tokenize = '{tokenizer}')")
    connection.executemany("INSERT INTO found VALUES (?)", [(text,) for text in texts])
    return connection


@pytest.mark.parametrize("words", ["state-of-the-art", 'say "stop', "it's"])
def test_hyphens_and_quotes_break_a_search(db: AgentDB, words: str) -> None:
    text = 'it\'s state-of-the-art to say "stop"'
    with closing(index("unicode61", text)) as naive, pytest.raises(sqlite3.OperationalError):
        naive.execute("SELECT * FROM found WHERE found MATCH ?", (words,)).fetchall()
    db.messages.append("s", role="user", content=text)
    assert [hit.message.content for hit in db.messages.search(words)] == [text]


def test_the_usual_tokenizer_does_not_find_cjk(db: AgentDB) -> None:
    text = "今天我们写数据库"
    with closing(index("unicode61", text)) as naive:
        assert naive.execute("SELECT * FROM found WHERE found MATCH '数据库'").fetchall() == []
    db.messages.append("s", role="user", content=text)
    for words in ("数据库", "数据"):
        assert [hit.message.content for hit in db.messages.search(words)] == [text]


def test_a_tokenizer_that_is_missing_leaves_half_a_schema(path: Path, twin: Path) -> None:
    """As trigram is, in the SQLite of an older system; here one that no SQLite has."""
    schema = ("CREATE TABLE notes (text)", "CREATE VIRTUAL TABLE found USING fts5 (text, tokenize = 'quadgram')")
    with outside(twin) as naive, pytest.raises(sqlite3.OperationalError):
        for sql in schema:
            naive.execute(sql)
    assert tables(twin) == {"notes"}
    error = caught(migrate, path, Migration("001", "notes", schema))
    assert error.code == "module_missing"
    assert "FTS5" in error.remedy
    assert tables(path) == set()


def test_ties_of_times_skip_rows_in_pages(db: AgentDB) -> None:
    db.messages.append_many("s", [NewMessage(role="user", content=str(number)) for number in range(5)])
    db.client.execute("UPDATE messages SET created_at = '2025-03-01T08:00:00.000Z'")

    seen: list[str] = []
    cursor = ""
    while rows := db.client.execute(
        "SELECT content, created_at FROM messages WHERE created_at > ? ORDER BY created_at LIMIT 2", (cursor,)
    ).tuples:
        seen += [content for content, _ in rows]
        cursor = rows[-1][1]
    assert len(seen) == 2, "three of one moment are never shown"

    seen, place = [], None
    while True:
        page = db.messages.page("s", limit=2, cursor=place)
        seen += [str(message.content) for message in page.items]
        if (place := page.next_cursor) is None:
            break
    assert seen == ["0", "1", "2", "3", "4"]


# -- versions and checksums


def test_a_hash_of_raw_bytes_stops_the_application_after_a_checkout_elsewhere(path: Path, tmp_path: Path) -> None:
    text = "CREATE TABLE notes (\n  text TEXT\n);\n"
    forms = {"here": text, "windows": text.replace("\n", "\r\n"), "linted": text.rstrip("\n"), "bom": "\ufeff" + text}
    raw = set()
    for name, form in forms.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "001_notes.up.sql").write_bytes(form.encode())
        raw.add(hashlib.sha256((folder / "001_notes.up.sql").read_bytes()).hexdigest())
    assert len(raw) == 4, "each of them would be an edited migration"
    assert len({Migration("001", "notes", form).checksum for form in forms.values()}) == 1
    assert [len(migrate(path, *load_migrations(tmp_path / name))) for name in forms] == [1, 0, 0, 0]


def test_what_came_late_is_skipped_for_ever(path: Path) -> None:
    """One number of a bad clock, and everything below it is never run."""
    far, late = make("20990101000000"), make("20250301000000")
    migrate(path, far)
    newest = max(int(id) for id in applied_ids(path))
    assert [migration for migration in (late, far) if migration.number > newest] == []

    error = caught(migrate, path, late, far)
    assert (error.code, getattr(error, "migration_id", None)) == ("out_of_order", late.id)
    assert ids(migrate(path, late, far, allow_out_of_order=True, backup=False)) == [late.id]


def test_ids_as_text_run_10_before_9(path: Path) -> None:
    chain = {
        "1": Migration("1", "make", "CREATE TABLE t (x)"),
        "9": Migration("9", "add", "ALTER TABLE t ADD COLUMN y"),
        "10": Migration("10", "use", "CREATE INDEX i ON t (y)"),
    }
    as_text = sorted(chain)
    assert as_text == ["1", "10", "9"]
    with create_client_sync(":memory:") as client:
        with pytest.raises(agentdb.errors.StatementError, match="no such column: y"):
            for id in as_text:
                client.execute(str(chain[id].up[0]))
    assert ids(migrate(path, *[chain[id] for id in as_text])) == ["1", "9", "10"]


def test_an_older_build_wipes_a_newer_database(path: Path, twin: Path) -> None:
    newer = Migration(
        "002", "rename", "ALTER TABLE t1 RENAME COLUMN x TO text", "ALTER TABLE t1 RENAME COLUMN text TO x"
    )
    migrate(path, make(1), newer, app_version="2.0")
    with create_client_sync(path) as client:
        client.execute("INSERT INTO t1 VALUES ('history')")
    shutil.copyfile(path, twin)
    # What a well-known program did: a version that it does not know is a broken file, so begin anew.
    with outside(twin) as connection:
        if connection.execute("SELECT count(*) FROM migrations").fetchone() != (1,):
            connection.execute("DROP TABLE t1")
            connection.execute("CREATE TABLE t1 (x)")
        assert connection.execute("SELECT * FROM t1").fetchall() == []

    before = path.read_bytes()
    error = caught(migrate, path, make(1))
    assert type(error) is DatabaseTooNewError
    assert "agentdb rollback --target" in error.remedy
    assert path.read_bytes() == before
    with create_client_sync(path) as client:  # and the older build can do what it says
        Migrator(client, [make(1)], backup=False).rollback(target="001")
    assert ask(path, "SELECT x FROM t1") == [("history",)]


def test_one_number_of_two_release_channels_hides_a_migration(path: Path, twin: Path) -> None:
    stable = Migration("002", "tags", "CREATE TABLE tags (x)")
    nightly = Migration("002", "stars", "CREATE TABLE stars (x)")
    for place in (path, twin):
        migrate(place, make(1), nightly)
    with create_client_sync(twin) as client:  # identity is the number: 002 is there
        assert Migrator(client, [make(1), stable]).migrate(validate_checksums=False) == []
    assert "tags" not in tables(twin)

    error = caught(migrate, path, make(1), stable)
    assert (error.code, getattr(error, "migration_id", None)) == ("checksum_mismatch", "002")


def test_an_edited_migration_is_not_seen_unless_checksums_are_compared(path: Path) -> None:
    migrate(path, make(1))
    edited = make(1, up="CREATE TABLE t1 (x, y)")
    with create_client_sync(path) as client:
        migrator = Migrator(client, [edited])
        assert migrator.migrate(validate_checksums=False) == []
        assert ask(path, "SELECT name FROM pragma_table_info('t1')") == [("x",)], "the build believes in x and y"
        assert caught(migrator.migrate).code == "checksum_mismatch"
        assert not migrator.validate_migrations().is_valid


def test_a_version_that_is_dirty_waits_for_a_hand_that_is_not_there(path: Path, twin: Path) -> None:
    bad = make(1, up=["CREATE TABLE t1 (x)", "INSERT INTO nowhere VALUES (1)"])
    mended = make(1, up=["CREATE TABLE t1 (x)", "INSERT INTO t1 VALUES (1)"])
    with outside(twin) as connection:  # the version first, so that nobody runs it twice
        connection.execute("CREATE TABLE version (id, dirty)")
        connection.execute("INSERT INTO version VALUES (1, 1)")
        with pytest.raises(sqlite3.OperationalError):
            for sql in bad.up:
                connection.execute(str(sql))
        assert connection.execute("SELECT dirty FROM version").fetchone() == (1,)
        with pytest.raises(sqlite3.OperationalError, match="already exists"):  # and the mended one fails too
            connection.execute(str(mended.up[0]))

    assert caught(migrate, path, bad).code == "statement_failed"
    assert ids(migrate(path, mended)) == ["001"]
    assert ask(path, "SELECT x FROM t1") == [(1,)]


def test_a_failure_in_a_list_is_overlooked(path: Path, twin: Path) -> None:
    chain = [make(1), make(2, up="INSERT INTO nowhere VALUES (1)"), make(3)]

    def naive() -> list[tuple[str, str | None]]:
        results: list[tuple[str, str | None]] = []
        with outside(twin) as connection:
            for migration in chain:
                try:
                    connection.execute(str(migration.up[0]))
                    results.append((migration.id, None))
                except sqlite3.Error as error:
                    results.append((migration.id, str(error)))
        return results

    assert len(naive()) == 3  # which nobody looks into
    assert tables(twin) == {"t1", "t3"}, "what was to stand on the second stands on nothing"

    error = caught(migrate, path, *chain)
    assert [(result.migration.id, result.success) for result in error.results] == [("001", True), ("002", False)]
    assert tables(path) == {"t1"}
