"""Where a database may be, how a place is named, and what each wrong one is called."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from client_harness import Both, in_threads, locked, outside, rows, run_python
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from agentdb import create_client, create_client_sync
from agentdb.clients.location import local_path
from agentdb.errors import AgentDBError, BusyError, InvalidArgumentError, StorageError

AWKWARD = [
    "with space.db",
    'it\'s "quoted".db',
    "what?.db",
    "a#b.db",
    "100%.db",
    "%41.db",
    "ünï ☃.db",
    "semi;colon.db",
    ":memory:",
    "a&b=c.db",
]


@pytest.mark.parametrize("name", AWKWARD)
def test_a_path_is_taken_as_it_is(both: Both, tmp_path: Path, name: str) -> None:
    client = both.open(tmp_path / name)
    both(client.execute("CREATE TABLE t (v)"))
    assert (tmp_path / name).is_file()
    if name != ":memory:":
        assert both(both.open(str(tmp_path / name)).execute("SELECT count(*) FROM t")).tuples == [(0,)]
    again = both.open(tmp_path / name, read_only=True)
    assert both(again.execute("SELECT count(*) FROM t")).tuples == [(0,)]


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("form", ["file:{}", "file://{}", "file://localhost{}", "FILE:{}"])
def test_a_file_url_is_decoded(both: Both, tmp_path: Path, name: str, form: str) -> None:
    client = both.open(form.format(quote(str(tmp_path / name))))
    both(client.execute("CREATE TABLE t (v)"))
    assert (tmp_path / name).is_file()


def test_a_file_name_that_is_no_utf8(both: Both, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    client = both.open(f"file:{tmp_path}/%ff.db")
    both(client.execute("CREATE TABLE t (v)"))
    assert os.path.isfile(folder + b"/\xff.db")
    again = both.open(Path(os.fsdecode(folder + b"/\xff.db")), read_only=True)
    assert both(again.execute("SELECT count(*) FROM t")).tuples == [(0,)]


def test_a_relative_place_stays_where_it_was_when_it_was_opened(both: Both, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    client = both.open("here.db")
    other = both.open("file:there.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    both(client.execute("CREATE TABLE t (v)"))
    both(other.execute("CREATE TABLE t (v)"))
    assert (tmp_path / "here.db").is_file()
    assert (tmp_path / "there.db").is_file()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_two_slashes_are_one_root(both: Both, tmp_path: Path) -> None:
    with outside(str(tmp_path / "a.db")) as connection:
        connection.execute("CREATE TABLE t (v)")
    client = both.open(f"/{tmp_path}/a.db", read_only=True)
    assert both(client.execute("SELECT count(*) FROM t")).tuples == [(0,)]


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("", "invalid_argument"),
        ("file:", "invalid_argument"),
        ("a\0b", "invalid_argument"),
        ("file:a%00b", "invalid_argument"),
        (None, "invalid_argument"),
        (5, "invalid_argument"),
        (b"bytes.db", "invalid_argument"),
        (["a.db"], "invalid_argument"),
        ("file:a.db?mode=ro", "unsupported_url"),
        ("file:a.db#x", "unsupported_url"),
        ("file://example.com/a.db", "unsupported_url"),
        ("postgres://user:secret@host/db", "unsupported_url"),
        ("https://user:secret@host/db?authToken=secret", "unsupported_url"),
        ("libsql://?authToken=secret", "unsupported_url"),
    ],
)
def test_what_names_no_local_database_is_refused_by_name(both: Both, place: Any, code: str) -> None:
    with pytest.raises(AgentDBError) as caught:
        both.open(place)
    assert caught.value.code == code
    assert "secret" not in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text_is_a_path_or_an_agentdb_error(text: str) -> None:
    for place in (text, f"file:{text}", f"file://{text}"):
        try:
            path = local_path(place)
        except AgentDBError:
            continue
        assert path == ":memory:" or os.path.isabs(path)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_a_url_made_of_a_path_names_that_path(name: str) -> None:
    path = os.path.abspath(f"/x/{name}")
    assert local_path(Path(path).as_uri()) == path


# -- wrong places


def refused(both: Both, place: Any, **options: Any) -> str:
    with pytest.raises(StorageError) as caught:
        client = both.open(place, **options)
        both(client.execute("SELECT count(*) FROM sqlite_master"))
    assert caught.value.remedy
    assert str(Path(place).parent) in caught.value.message
    return caught.value.code


def test_wrong_places_each_have_their_own_error(both: Both, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("Dear diary,\n" * 100)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert refused(both, tmp_path / "missing" / "a.db") == "folder_missing"
    assert refused(both, text / "a.db") == "folder_missing"
    assert refused(both, text / "deeper" / "a.db") == "folder_missing"
    assert refused(both, tmp_path) == "is_a_directory"
    assert refused(both, text) == "not_a_database"
    assert refused(both, pipe) == "cannot_open"
    assert refused(both, "/dev/null") == "cannot_open"
    assert refused(both, tmp_path / ("x" * 300)) == "cannot_open"
    assert refused(both, tmp_path / "new.db", read_only=True) == "file_missing"
    assert text.read_text() == "Dear diary,\n" * 100
    assert sorted(tmp_path.iterdir()) == [text, pipe]


@settings(max_examples=60, deadline=None)
@given(content=st.binary(min_size=1, max_size=5000))
@example(content=b"\0")
@example(content=b"SQLite format 2\0" + bytes(4080))
def test_a_file_that_is_no_database_is_left_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    assume(content != b"S")  # what SQLite itself makes of an empty file on some file systems
    file = tmp_path_factory.mktemp("x") / "a.db"
    file.write_bytes(content)
    with pytest.raises(StorageError) as caught, create_client_sync(file) as client:
        client.execute("CREATE TABLE t (v)")
    assert caught.value.code == "not_a_database"
    assert file.read_bytes() == content
    assert list(file.parent.iterdir()) == [file]


def test_an_empty_file_is_a_new_database(both: Both, path: str) -> None:
    Path(path).touch()
    client = both.open(path)
    assert Path(path).stat().st_size == 0, "opening writes nothing"
    both(client.execute("CREATE TABLE t (v)"))
    assert rows(path) == []


def test_opening_and_reading_changes_nothing(both: Both, path: str) -> None:
    with outside(path) as connection:
        connection.execute("CREATE TABLE t (v)")
    before = Path(path).read_bytes()
    client = both.open(path)
    both(client.execute("SELECT * FROM t"))
    both(client.batch(["SELECT * FROM t", "SELECT 1"]))
    both(client.close())
    assert Path(path).read_bytes() == before
    assert list(Path(path).parent.iterdir()) == [Path(path)]


def test_a_truncated_database_is_corrupt(both: Both, path: str) -> None:
    with outside(path) as connection:
        connection.execute("CREATE TABLE t (v)")
        connection.execute("INSERT INTO t VALUES (zeroblob(20000))")
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[:4096] + b"\xff" * 4096 + whole[8192:])
    client = both.open(path)
    with pytest.raises(StorageError) as caught:
        both(client.execute("SELECT * FROM t"))
    assert caught.value.code == "corrupt"


NOT_ROOT = """
import os, sys
from agentdb import create_client_sync
from agentdb.errors import AgentDBError
place, wanted = sys.argv[1:3]
try:
    with create_client_sync(place) as client:
        client.execute("INSERT INTO t VALUES (1)")
except AgentDBError as error:
    assert error.code == wanted, (error.code, str(error))
    assert place in error.message
else:
    raise SystemExit("not refused")
"""
READS = """
import sys
from agentdb import create_client_sync
for read_only in (False, True):
    with create_client_sync(sys.argv[1], read_only=read_only) as client:
        assert client.execute("SELECT count(*) FROM t").tuples == [(0,)]
"""


@pytest.mark.skipif(not hasattr(os, "setuid") or os.getuid() != 0, reason="drops root")
@pytest.mark.parametrize("wal", [False, True])
def test_a_read_only_place_is_called_that_and_left_alone(wal: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is for its user alone
        Path(folder).chmod(0o755)
        check_read_only_places(Path(folder) / "place", wal)


def check_read_only_places(place: Path, wal: bool) -> None:
    place.mkdir()
    file = place / "a.db"
    with outside(str(file)) as connection:
        if wal:
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (v)")
    before = file.read_bytes()
    nobody = 65534
    # A file that this user may not write, in a folder that he may not write either.
    run_python(NOT_ROOT, str(file), "read_only", user=nobody)
    if not wal:  # in WAL, SQLite must write -shm to read
        run_python(READS, str(file), user=nobody)
    # A file that he may write, in a folder that he may not: no place for a journal.
    file.chmod(0o666)
    run_python(NOT_ROOT, str(file), "read_only", user=nobody)
    # No file yet, and no right to make one.
    run_python(NOT_ROOT, str(place / "new.db"), "read_only", user=nobody)
    # A folder that he may write, and a file in it that he may not.
    place.chmod(0o777)
    file.chmod(0o644)
    run_python(NOT_ROOT, str(file), "read_only", user=nobody)
    # A file that he may not even read, and a folder that he may not look into.
    file.chmod(0o600)
    run_python(NOT_ROOT, str(file), "cannot_open", user=nobody)
    place.chmod(0o700)
    run_python(NOT_ROOT, str(file), "cannot_open", user=nobody)
    assert file.read_bytes() == before
    place.chmod(0o755)
    assert wal or list(place.iterdir()) == [file]


# -- ':memory:'


def test_memory_is_one_database_for_all_threads(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with create_client_sync(":memory:") as client, create_client_sync("file::memory:") as other:
        client.execute("CREATE TABLE t (v)")
        in_threads(*[lambda: [client.execute("INSERT INTO t VALUES (1)") for _ in range(50)]] * 6)
        in_threads(*[lambda: client.batch(["INSERT INTO t VALUES (1)", "SELECT * FROM t"])] * 6)
        assert client.execute("SELECT count(*) FROM t").tuples == [(306,)]
        with pytest.raises(AgentDBError):
            other.execute("SELECT * FROM t")
    assert list(tmp_path.iterdir()) == []


def test_memory_is_one_database_for_all_tasks() -> None:
    async def main() -> None:
        async with create_client(":memory:") as client:
            await client.execute("CREATE TABLE t (v)")

            async def work() -> None:
                for _ in range(20):
                    await client.execute("INSERT INTO t VALUES (1)")
                    await client.execute("SELECT * FROM t")
                async with client.transaction() as tx:
                    await tx.execute("INSERT INTO t VALUES (1)")
                    await tx.commit()

            await asyncio.gather(*[work() for _ in range(6)])
            assert (await client.execute("SELECT count(*) FROM t")).tuples == [(126,)]

    asyncio.run(main())


def test_memory_has_foreign_keys_too(both: Both) -> None:
    client = both.open(":memory:")
    both(client.execute("CREATE TABLE p (id INTEGER PRIMARY KEY)"))
    both(client.execute("CREATE TABLE c (p REFERENCES p)"))
    with pytest.raises(AgentDBError) as caught:
        both(client.execute("INSERT INTO c VALUES (1)"))
    assert caught.value.code == "foreign_key"


# -- the journal mode


@pytest.mark.parametrize("question", range(1, 6))
def test_a_file_that_another_process_creates_while_we_look_is_opened_for_writing(
    both: Both, path: str, monkeypatch: pytest.MonkeyPatch, question: int
) -> None:
    asked = 0

    def and_then_it_is_there(answer: Any) -> Any:
        def asking(place: Any, *args: Any, **options: Any) -> Any:
            nonlocal asked
            try:
                return answer(place, *args, **options)
            finally:
                asked += place == path
                if asked == question:
                    Path(path).touch()

        return asking

    with monkeypatch.context() as patched:
        for owner, name in ((os, "stat"), (os, "access"), (os.path, "exists")):
            patched.setattr(owner, name, and_then_it_is_there(getattr(owner, name)))
        client = both.open(path)
    both(client.execute("CREATE TABLE t (v)"))
    assert rows(path, "SELECT name FROM sqlite_master") == [("t",)]


def test_the_first_write_switches_to_wal_and_waits_for_who_reads(both: Both, path: str) -> None:
    with outside(path, check_same_thread=False) as connection:
        connection.execute("CREATE TABLE t (v)")
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM t").fetchall()
        client = both.open(path)
        timer = threading.Timer(0.3, connection.execute, ["COMMIT"])
        timer.start()
        both(client.execute("INSERT INTO t VALUES (1)"))
        timer.join()
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]


def test_where_the_switch_to_wal_stays_locked_it_goes_on_in_the_mode_that_it_has(both: Both, path: str) -> None:
    with outside(path, check_same_thread=False) as connection:
        connection.execute("CREATE TABLE t (v)")
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM t").fetchall()
        client = both.open(path, is_durable=True, busy_timeout=0.3)
        transaction = both.begin(client)
        both(transaction.execute("INSERT INTO t VALUES (1)"))
        timer = threading.Timer(0.05, connection.execute, ["COMMIT"])
        timer.start()
        both(transaction.commit())
        timer.join()
        assert connection.execute("SELECT * FROM t").fetchall() == [(1,)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert both(client.execute("PRAGMA synchronous")).tuples == [(2,)], "NORMAL is safe with WAL only"
    with locked(path):
        client = both.open(path, busy_timeout=1)
        began = time.monotonic()
        with pytest.raises(BusyError):
            both(client.execute("INSERT INTO t VALUES (1)"))
        assert 0.9 < time.monotonic() - began < 1.7, "one busy timeout for both waits"


def test_sixteen_first_opens_at_once(tmp_path: Path) -> None:
    path = str(tmp_path / "new.db")
    program = """
import sys
from agentdb import create_client_sync
sys.stdin.read()
with create_client_sync(sys.argv[1]) as client:
    client.execute("CREATE TABLE IF NOT EXISTS t (v)")
    for _ in range(5):
        client.execute("INSERT INTO t VALUES (1)")
"""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", program, path],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            env={"PYTHONPATH": str(Path(__file__).parents[2])},
        )
        for _ in range(16)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.close()
        child.stdin = None
    errors = [child.communicate(timeout=50)[1] for child in children]
    assert errors == [b""] * 16
    assert rows(path, "SELECT count(*) FROM t") == [(80,)]


def test_a_file_that_is_locked_against_reading(both: Both, path: str) -> None:
    with outside(path, check_same_thread=False) as connection:
        connection.execute("CREATE TABLE t (v)")
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(BusyError) as caught:
            both(both.open(path, busy_timeout=0.2).execute("SELECT 1 FROM t"))
        assert caught.value.engine_code == "SQLITE_BUSY"

        def release() -> None:
            connection.execute("PRAGMA locking_mode=NORMAL")
            connection.execute("COMMIT")
            connection.execute("SELECT * FROM t").fetchall()

        timer = threading.Timer(0.3, release)
        timer.start()
        assert both(both.open(path).execute("SELECT count(*) FROM t")).tuples == [(0,)]
        timer.join()


def test_wrong_types_of_places_are_value_errors() -> None:
    with pytest.raises(ValueError, match="named by a path"):
        create_client_sync(5)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError):
        create_client_sync("")
