"""A file that is deleted, renamed or replaced while a client has it open: nothing is acknowledged that goes nowhere."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from client_harness import Both, outside, rows

from agentdb.clients.local import file_identity
from agentdb.errors import StorageError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows refuses it itself")

INSERT = "INSERT INTO t VALUES (2)"


def aside(path: str) -> str:
    return f"{path}.old"


def rename(path: str) -> None:
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(path + suffix):
            os.rename(path + suffix, aside(path) + suffix)


def delete(path: str) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(path + suffix).unlink(missing_ok=True)


def replace(path: str) -> None:
    new = sqlite3.connect(f"{path}.new")
    new.execute("CREATE TABLE t (v)")
    new.commit()
    new.close()
    os.replace(f"{path}.new", path)


def make_anew(path: str) -> None:
    delete(path)
    with outside(path) as connection:
        connection.execute("CREATE TABLE t (v)")


def drop_the_folder(path: str) -> None:
    os.rename(Path(path).parent, f"{Path(path).parent}.old")


LOSSES = [rename, delete, replace, make_anew, drop_the_folder]


@pytest.fixture
def path(tmp_path: Path) -> str:
    (tmp_path / "folder").mkdir()
    return str(tmp_path / "folder" / "a.db")


def opened(both: Both, path: str, **options: Any) -> Any:
    client = both.open(path, **options)
    both(client.batch(["CREATE TABLE t (v)", "INSERT INTO t VALUES (1)"]))
    return client


def refused(both: Both, call: Callable[[], Any]) -> StorageError:
    with pytest.raises(StorageError) as caught:
        both(call())
    assert caught.value.code == "file_replaced"
    assert "Nothing was written" in caught.value.message
    return caught.value


@pytest.mark.parametrize("lose", LOSSES)
@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_no_write_is_acknowledged(both: Both, path: str, lose: Callable[[str], None], journal_mode: str) -> None:
    client = opened(both, path, journal_mode=journal_mode)
    lose(path)
    refused(both, lambda: client.execute(INSERT))
    refused(both, lambda: client.batch([INSERT, INSERT]))
    refused(both, lambda: client.execute("PRAGMA user_version = 7"))
    refused(both, lambda: both.begin(client))
    # What was there can still be read, and nothing was added.
    assert both(client.execute("SELECT v FROM t")).tuples == [(1,)]


@pytest.mark.parametrize("lose", LOSSES)
def test_a_transaction_that_was_open_is_rolled_back(both: Both, path: str, lose: Callable[[str], None]) -> None:
    client = opened(both, path)
    transaction = both.begin(client)
    both(transaction.execute(INSERT))
    lose(path)
    refused(both, transaction.commit)
    assert transaction.closed
    assert both(client.execute("SELECT v FROM t")).tuples == [(1,)]


def test_the_error_says_where_the_open_file_is(both: Both, path: str) -> None:
    client = opened(both, path)
    rename(path)
    message = refused(both, lambda: client.execute(INSERT)).message
    if sys.platform.startswith("linux"):
        assert aside(path) in message


def test_a_file_that_is_back_in_its_place_is_written_again(both: Both, path: str) -> None:
    client = opened(both, path)
    rename(path)
    refused(both, lambda: client.execute(INSERT))
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(aside(path) + suffix):
            os.rename(aside(path) + suffix, path + suffix)
    both(client.execute(INSERT))
    assert rows(path) == [(1,), (2,)]


def test_a_link_that_leads_elsewhere_now_is_a_replaced_file(both: Both, path: str) -> None:
    link = Path(f"{path}.link")
    opened(both, path)
    other = f"{path}.other"
    opened(both, other)
    link.symlink_to(path)
    client = both.open(link)
    both(client.execute(INSERT))
    link.unlink()
    link.symlink_to(other)
    refused(both, lambda: client.execute(INSERT))


def test_a_client_never_has_two_files_open(both: Both, path: str) -> None:
    """Its further connections are opened when they are needed."""
    client = opened(both, path)
    transaction = both.begin(client)
    replace(path)

    with pytest.raises(StorageError) as caught:
        if both.is_async:
            both(_in_another_task(client))
        else:
            from client_harness import in_threads

            in_threads(lambda: client.execute("SELECT v FROM t"))
    assert caught.value.code == "file_replaced"
    both(transaction.rollback())


async def _in_another_task(client: Any) -> None:
    import asyncio

    async def read() -> None:
        await client.execute("SELECT v FROM t")

    await asyncio.create_task(read())


def test_a_client_that_is_opened_anew_goes_on_with_the_new_file(both: Both, path: str) -> None:
    client = opened(both, path)
    make_anew(path)
    refused(both, lambda: client.execute(INSERT))
    both(client.close())
    again = both.open(path)
    both(again.execute(INSERT))
    assert rows(path) == [(2,)]


def test_to_close_a_client_leaves_what_is_beside_the_new_file_alone(both: Both, path: str) -> None:
    """Its -wal has the same name as that of the file that was there."""
    client = opened(both, path)
    delete(path)
    with outside(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (v)")
        connection.execute("INSERT INTO t VALUES (3)")
        wal = Path(f"{path}-wal").read_bytes()
        refused(both, lambda: client.execute(INSERT))
        both(client.close())
        assert Path(f"{path}-wal").read_bytes() == wal
        assert rows(path) == [(3,)]


def test_a_file_replaced_while_it_is_opened_is_opened_anew(
    both: Both, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forced: each of the first looks at the name is followed by another file."""
    opened(both, path, journal_mode="delete")  # there is no -wal that would be played into another file
    found = file_identity.FileIdentity.found
    looks = 0

    def and_then_replaced(identity: file_identity.FileIdentity) -> Any:
        nonlocal looks
        answer = found(identity)
        looks += 1
        if looks in (1, 3):
            replace(path)
        return answer

    monkeypatch.setattr(file_identity.FileIdentity, "found", and_then_replaced)
    client = both.open(path, journal_mode="delete")
    both(client.execute(INSERT))
    assert looks == 6
    assert rows(path) == [(2,)]


def test_one_look_at_the_name_for_a_write_and_none_for_a_read(
    both: Both, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = opened(both, path)
    looks: list[str] = []
    check = file_identity.FileIdentity.check

    def counted(identity: file_identity.FileIdentity) -> None:
        looks.append(identity.path)
        check(identity)

    monkeypatch.setattr(file_identity.FileIdentity, "check", counted)
    both(client.execute("SELECT v FROM t"))
    assert looks == []
    both(client.execute(INSERT))
    assert len(looks) == 1
    transaction = both.begin(client)
    both(transaction.execute(INSERT))
    both(transaction.execute(INSERT))
    both(transaction.commit())
    assert len(looks) == 3  # at its beginning and before its end
