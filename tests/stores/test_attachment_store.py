"""Attachments: bytes beside messages, stored once, read whole or in pieces, gone with the last that has them."""

from __future__ import annotations

import asyncio
import io
import os
import sqlite3
import threading
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_harness import AT, Facade, new_file, opened

from agentdb import AgentDB, AsyncAgentDB
from agentdb.errors import DamagedAttachmentError, FieldError, InvalidArgumentError, NotFoundError
from agentdb.queries import attachments as queries
from agentdb.stores.attachments.values import PIECE_SIZE

MEGABYTE = bytes(range(256)) * 4096
#: Sizes about the edges of pieces.
SIZES = [0, 1, PIECE_SIZE - 1, PIECE_SIZE, PIECE_SIZE + 1, 2 * PIECE_SIZE, 2 * PIECE_SIZE + 12345]


def some(size: int) -> bytes:
    return (MEGABYTE * (size // PIECE_SIZE + 1))[:size]


@pytest.fixture(autouse=True)
def sessions(stores: Facade) -> None:
    """Sessions 's' and 't' of agent 'a', message 1 in 's' and 2 in 't'."""
    fill(stores)


def fill(db: Facade) -> None:
    db.agents.create(id="a", name="Researcher", model="large")
    for id in "st":
        db.sessions.create(id=id, main_agent_id="a")
        db.messages.append(id, role="user", content="look")


def reader_of(db: Facade, id: int, **given: Any) -> Any:
    """A reader whose calls are over when they return."""
    return Facade(db.world, db.attachments.open(id, **given))


def stored(db: Facade) -> tuple[int, int]:
    """How many contents there are, and pieces."""
    return db.rows("SELECT (SELECT count(*) FROM attachment_contents), (SELECT count(*) FROM attachment_pieces)")[0]


@pytest.mark.parametrize("size", SIZES)
def test_what_is_added_is_read_whole_in_ranges_and_in_pieces(stores: Facade, size: int) -> None:
    data = some(size)
    added = stores.attachments.add("s", data, name="tide.png", media_type="image/png", message_id=1, created_at=AT)
    assert (added.session_id, added.message_id, added.size) == ("s", 1, size)
    assert added.sha256 == sha256(data).hexdigest()
    assert (added.name, added.media_type, added.metadata, added.created_at) == ("tide.png", "image/png", None, AT)
    assert stores.attachments.get(added.id) == stores.attachments.require(added.id) == added
    assert stores.attachments.read(added.id) == data
    for offset, length in ((0, 5), (PIECE_SIZE - 2, 4), (size - 1, 10), (size + 5, 3), (0, None), (7, None), (3, 0)):
        wanted = data[max(offset, 0) :] if length is None else data[max(offset, 0) :][:length]
        assert stores.attachments.read(added.id, offset=max(offset, 0), length=length) == wanted
    reader = reader_of(stores, added.id)
    parts = []
    while part := reader.read(300_000):
        parts.append(part)
    assert b"".join(parts) == data
    assert reader.tell() == size
    assert reader.seek(min(size, 10)) == min(size, 10)
    assert reader.read() == data[10:]
    assert reader.read() == b""


def test_a_for_loop_gives_the_pieces_in_both_worlds(path: str, stores: Facade) -> None:
    data = some(2 * PIECE_SIZE + 5)

    async def in_async(folder: str) -> list[int]:
        async with AsyncAgentDB.open(folder) as db:
            found = await db.attachments.add("u", data)
            reader = await db.attachments.open(found.id)
            pieces = [piece async for piece in reader]
            assert b"".join(pieces) == data
            return list(map(len, pieces))

    if stores.world.is_async:
        return  # once is enough
    other = path + ".other"
    with AgentDB.open(other) as db:
        db.agents.create(id="a", name="Researcher", model="large")
        db.sessions.create(id="u", main_agent_id="a")
        found = db.attachments.add("u", data)
        with db.attachments.open(found.id) as reader:
            pieces = list(reader)
    assert b"".join(pieces) == data
    assert list(map(len, pieces)) == asyncio.run(in_async(other)) == [PIECE_SIZE, PIECE_SIZE, 5]


class Pipe(io.RawIOBase):
    """Gives little at a time, and cannot go back."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, 70_001))


def test_every_source_of_the_same_bytes_is_stored_once(stores: Facade, tmp_path: Path) -> None:
    data = some(PIECE_SIZE + 10)
    file = tmp_path / "file.bin"
    file.write_bytes(data)
    from_the_middle = io.BytesIO(b"before" + data)
    from_the_middle.seek(6)
    sources: list[Any] = [data, bytearray(data), memoryview(data), file, from_the_middle, Pipe(data)]
    found = [stores.attachments.add("st"[number % 2], source) for number, source in enumerate(sources)]
    with file.open("rb") as opened_file:
        found.append(stores.attachments.add("s", opened_file))
        assert not opened_file.closed
    assert {one.sha256 for one in found} == {sha256(data).hexdigest()}
    assert stored(stores) == (1, 2)
    for one in found[:-1]:
        assert stores.attachments.delete(one.id)
        assert stored(stores) == (1, 2)
    assert stores.attachments.read(found[-1].id) == data
    assert stores.attachments.delete(found[-1].id)
    assert stored(stores) == (0, 0)
    assert not stores.attachments.delete(found[-1].id)


def test_a_long_stream_that_cannot_go_back_is_kept_in_a_file_meanwhile(stores: Facade) -> None:
    data = some(9 * PIECE_SIZE)
    found = stores.attachments.add("s", Pipe(data))
    assert reader_of(stores, found.id).read() == data


def test_they_are_listed_by_session_and_by_message(stores: Facade) -> None:
    of_message = [stores.attachments.add("s", bytes([n]), message_id=1) for n in range(3)]
    of_session = stores.attachments.add("s", b"all")
    stores.attachments.add("t", b"other", message_id=2)
    assert stores.attachments.by_message(1) == of_message
    first = stores.attachments.list("s", limit=3)
    assert first.items == [of_session, *of_message[:0:-1]]
    assert stores.attachments.list("s", limit=3, cursor=first.next_cursor).items == of_message[:1]
    assert stores.attachments.list("nobody").items == []
    assert stores.attachments.by_message(99) == []


def test_they_are_changed_but_for_their_bytes(stores: Facade) -> None:
    added = stores.attachments.add("s", b"draft", name="a")
    changed = stores.attachments.update(added.id, message_id=1, media_type="text/plain", metadata={"page": 1})
    assert (changed.message_id, changed.name, changed.media_type, changed.metadata) == (
        1,
        "a",
        "text/plain",
        {"page": 1},
    )
    assert changed.updated_at >= added.updated_at
    assert stores.attachments.get(added.id) == changed
    assert stores.attachments.update(added.id, name=None, message_id=None).message_id is None
    with pytest.raises(NotFoundError, match="no attachment 99"):
        stores.attachments.update(99, name="x")


def test_they_go_with_their_message_and_with_their_session(stores: Facade) -> None:
    kept = stores.attachments.add("t", b"both")
    at_message = stores.attachments.add("s", b"both", message_id=1)
    of_session = stores.attachments.add("s", b"session")
    stores.messages.delete(1)
    assert stores.attachments.get(at_message.id) == at_message  # removed is not erased
    stores.messages.purge("s")
    assert stores.attachments.get(at_message.id) is None
    assert stored(stores) == (2, 2)
    stores.sessions.delete("s")
    assert stores.attachments.get(of_session.id) is None
    assert stored(stores) == (1, 1)
    assert stores.attachments.read(kept.id) == b"both"


def test_those_of_a_hidden_session_are_hidden(stores: Facade) -> None:
    added = stores.attachments.add("s", b"x", message_id=1)
    stores.sessions.soft_delete("s")
    assert stores.attachments.get(added.id) is None
    assert stores.attachments.list("s").items == stores.attachments.by_message(1) == []
    for call in (stores.attachments.read, stores.attachments.open, stores.attachments.require):
        with pytest.raises(NotFoundError):
            call(added.id)
    assert not stores.attachments.delete(added.id)
    with pytest.raises(NotFoundError) as caught:
        stores.attachments.add("s", b"new bytes")
    assert caught.value.code == "session_deleted"
    assert stored(stores) == (1, 1)
    assert stores.attachments.get(added.id, include_deleted=True) == added
    assert stores.attachments.list("s", include_deleted=True).items == [added]
    assert stores.attachments.by_message(1, include_deleted=True) == [added]
    assert stores.attachments.read(added.id, include_deleted=True) == b"x"
    assert reader_of(stores, added.id, include_deleted=True).read() == b"x"


def test_what_cannot_be_added_leaves_nothing(stores: Facade, tmp_path: Path) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > PIECE_SIZE:
                raise RuntimeError("the camera is gone")
            return super().read(size)

    class Growing(io.BytesIO):
        """Something else the second time."""

        def seek(self, offset: int, whence: int = 0) -> int:
            self.getbuffer()[0] ^= 1
            return super().seek(offset, whence)

    def refused(kind: type[Exception], *args: Any, **given: Any) -> Any:
        with pytest.raises(kind) as caught:
            stores.attachments.add(*args, **given)
        assert stored(stores) == (0, 0)
        assert stores.attachments.list("s").items == []
        return caught.value

    for data in ("text", None, 5, ["x"], io.StringIO("text"), object()):
        error = refused(FieldError, "s", data)
        assert (error.field, error.code) == ("data", "wrong_type")
    assert refused(NotFoundError, "nobody", b"x").code == "not_found"
    assert "no message 99" in refused(NotFoundError, "s", b"x", message_id=99).message
    assert refused(FieldError, "s", b"x", message_id=2).code == "other_session"
    for name, value in (
        ("name", "\ud800"),
        ("media_type", ""),
        ("metadata", []),
        ("message_id", "1"),
        ("created_at", 5),
    ):
        assert refused(FieldError, "s", b"x", **{name: value}).field == name
    assert refused(InvalidArgumentError, "s", tmp_path / "missing").code == "unreadable_source"
    assert refused(InvalidArgumentError, "s", tmp_path).code == "unreadable_source"
    assert "camera" in str(refused(RuntimeError, "s", Failing(some(3 * PIECE_SIZE))))
    assert refused(InvalidArgumentError, "s", Growing(some(2 * PIECE_SIZE))).code == "source_changed"
    for offset, length in ((-1, None), (0, -1), (True, None), ("0", None)):
        added = stores.attachments.add("s", b"x")
        with pytest.raises(FieldError):
            stores.attachments.read(added.id, offset=offset, length=length)
        stores.attachments.delete(added.id)


DAMAGES = {
    "a piece is missing": "DELETE FROM attachment_pieces WHERE piece = 1",
    "a piece is short": "UPDATE attachment_pieces SET data = x'00' WHERE piece = 0",
    "bytes changed": "UPDATE attachment_pieces SET data = zeroblob(1048576) WHERE piece = 0",
    "the last piece is long": "UPDATE attachment_pieces SET data = zeroblob(100) WHERE piece = 1",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_told(stores: Facade, damage: str) -> None:
    added = stores.attachments.add("s", some(PIECE_SIZE + 50))
    stores.rows(DAMAGES[damage])
    reader = reader_of(stores, added.id)

    def pieces() -> None:
        while reader.read(PIECE_SIZE):
            pass

    for call in (lambda: stores.attachments.read(added.id), pieces):
        with pytest.raises(DamagedAttachmentError, match=f"attachment {added.id} ") as caught:
            call()
        assert caught.value.code == "damaged_attachment"
    assert stores.attachments.get(added.id) == added


def test_a_reader_of_what_is_gone_says_so(stores: Facade) -> None:
    added = stores.attachments.add("s", some(PIECE_SIZE + 5))
    empty = stores.attachments.add("s", b"")
    readers = [reader_of(stores, one.id) for one in (added, empty)]
    assert readers[0].read(10) == some(10)
    for one in (added, empty):
        stores.attachments.delete(one.id)
    for reader in readers:
        with pytest.raises(NotFoundError):
            reader.read()


def test_a_fork_takes_those_of_the_session_and_of_the_messages_that_it_has(stores: Facade) -> None:
    second = stores.messages.append("s", role="user", content="not copied")
    for message_id, data in ((1, b"first"), (second.id, b"second"), (None, b"whole")):
        stores.attachments.add("s", data, message_id=message_id, name=data.decode())
    stores.sessions.create(id="f", main_agent_id="a")
    copy = stores.messages.append("f", role="user", content="look")
    stores.rows(queries.COPY_TO_FORK.replace(":session_id", "'f'").replace(":origin_id", "'s'"))
    found = stores.attachments.list("f").items[::-1]
    assert [(one.message_id, one.name) for one in found] == [(copy.id, "first"), (None, "whole")]
    stores.sessions.delete("s")
    assert [stores.attachments.read(one.id) for one in found] == [b"first", b"whole"]
    assert stored(stores) == (2, 2)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["add", "delete", "purge", "session"]), st.integers(0, 3), st.integers(0, 5)),
        max_size=25,
    )
)
def test_there_are_the_bytes_of_those_that_are_there_and_no_others(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    path = new_file(tmp_path_factory.mktemp("law"))
    there: dict[int, tuple[int, bytes]] = {}
    with AgentDB.open(path) as db:
        db.agents.create(id="a", name="Researcher", model="large")
        for step, data, place in steps:
            session = f"s{place}"
            if step == "add":
                db.sessions.ensure(session, main_agent_id="a")
                there[db.attachments.add(session, bytes([data]) * data).id] = (place, bytes([data]) * data)
            elif step == "delete" and there:
                id = sorted(there)[place % len(there)]
                assert db.attachments.delete(id)
                del there[id]
            elif step == "session":
                db.sessions.delete(session)
                there = {id: one for id, one in there.items() if one[0] != place}
        found = db.client.execute("SELECT sha256, size FROM attachment_contents").tuples
        assert set(found) == {(sha256(data).hexdigest(), len(data)) for _, data in there.values()}
        for id, (_, data) in there.items():
            assert db.attachments.read(id) == data


@pytest.mark.parametrize("is_async", [False, True])
def test_a_slow_file_holds_no_lock_while_it_is_read_for_its_hash(path: str, stores: Facade, is_async: bool) -> None:
    """A writer of another connection gets its turn while the file is waited for."""
    if stores.world.is_async:
        return
    other = path + ".slow"
    waiting, go_on = threading.Event(), threading.Event()

    class Slow(io.RawIOBase):
        given = False

        def read(self, size: int = -1) -> bytes:
            if self.given:
                return b""
            self.given = True
            waiting.set()
            assert go_on.wait(30)
            return b"late"

    with opened(other, is_async=is_async) as db:
        fill(db)
        done: list[Any] = []
        thread = threading.Thread(target=lambda: done.append(db.attachments.add("s", Slow())))
        thread.start()
        assert waiting.wait(30)
        with closing(sqlite3.connect(other, isolation_level=None, timeout=0)) as writer:
            writer.execute("UPDATE sessions SET name = 'not locked'")
        go_on.set()
        thread.join(30)
        assert db.attachments.read(done[0].id) == b"late"


def test_a_cancelled_add_leaves_nothing_and_reads_no_more(tmp_path: Path) -> None:
    path = new_file(tmp_path, "cancelled.db")
    begun, ended = threading.Event(), threading.Event()

    class Long(io.RawIOBase):
        reads = 0

        def read(self, size: int = -1) -> bytes:
            begun.set()
            self.reads += 1
            if self.reads == 3000:
                ended.set()
                return b""
            return os.urandom(min(size, 1000))

    async def main() -> None:
        async with AsyncAgentDB.open(path) as db:
            await db.agents.create(id="a", name="Researcher", model="large")
            await db.sessions.create(id="s", main_agent_id="a")
            task = asyncio.ensure_future(db.attachments.add("s", Long()))
            assert await asyncio.to_thread(begun.wait, 30)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert ended.is_set()
            assert (await db.attachments.list("s")).items == []
            assert (await db.client.execute("SELECT count(*) FROM attachment_contents")).tuples == [(0,)]

    asyncio.run(main())
