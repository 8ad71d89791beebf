"""A session goes to a file and back, whole, once, and never over what is there."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import sqlite3
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_index import check_search_index
from store_harness import Facade, new_file, opened
from transfer_harness import LEFT_OUT, NOT_OF_A_SESSION, everything, fill, of_session

from agentdb import AgentDB, AsyncAgentDB
from agentdb.errors import (
    AlreadyExistsError,
    DamagedAttachmentError,
    ExportFileError,
    FieldError,
    InvalidArgumentError,
    NotFoundError,
    StorageError,
    UnreadableRowError,
)
from agentdb.queries import erasure
from agentdb.stores.transfer.parts import PARTS, PIECES


@pytest.fixture
def other(db: Facade, tmp_path: Path) -> Iterator[Facade]:
    """An empty database of the same world."""
    with opened(new_file(tmp_path, "other.db"), is_async=db.world.is_async) as found:
        yield found


def lines_of(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.split(b"\n")[:-1]]


def rewritten(data: bytes, change: Callable[[list[dict[str, Any]]], Any]) -> bytes:
    """An export that somebody has edited, with an end that fits it."""
    lines = lines_of(data)
    change(lines)
    *lines, end = lines
    end["rows"] = {}
    for line in lines[1:]:
        if "table" in line:
            end["rows"][line["table"]] = end["rows"].get(line["table"], 0) + 1
    end.pop("sha256", None)
    return b"".join(json.dumps(line).encode() + b"\n" for line in [*lines, end])


def first(lines: list[dict[str, Any]], table: str) -> dict[str, Any]:
    return next(line for line in lines if line.get("table") == table)


# -- what belongs to a session


def test_every_table_that_hangs_on_a_session_is_exported_and_erased_with_every_column(db: Facade) -> None:
    """The guard of later entities: a new table, or a new column, is in an export, or is named here as left out."""
    tables = {
        name for (name,) in db.rows("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
    }
    hanging = {"sessions"}
    while True:
        more = {
            table
            for table in tables
            for (parent,) in db.rows('SELECT "table" FROM pragma_foreign_key_list(?)', table)
            if parent in hanging and table not in hanging
        }
        if not more:
            break
        hanging |= more
    parts = {part.table: set(part.columns) for part in PARTS}
    assert hanging >= NOT_OF_A_SESSION
    hanging -= NOT_OF_A_SESSION
    assert hanging | {"agents", "attachment_contents"} == parts.keys()
    for table, columns in parts.items():
        there = {name for (name,) in db.rows("SELECT name FROM pragma_table_xinfo(?)", table)}
        assert columns | LEFT_OUT.get(table, set()) == there, table
    counted = set(db.world.call(lambda: db.thing.client.execute(erasure.COUNTS, {"session_id": "s"})).columns)
    assert counted == hanging


# -- there and back


def test_a_session_comes_back_as_it_was_with_its_ids(db: Facade, other: Facade, tmp_path: Path) -> None:
    fill(db)
    other.agents.create(id="default", name="Mine", model="m")
    path = tmp_path / "s.jsonl"
    report = db.export("s", path)
    assert (report.path, report.size, report.data) == (str(path), path.stat().st_size, b"")
    assert path.stat().st_mode & 0o777 == 0o600
    assert [name.name for name in tmp_path.iterdir() if "partial" in name.name] == []
    imported = other.import_(path)
    assert (imported.imported, imported.unchanged, imported.differing) == (("s",), (), ())
    assert (imported.conflicts, imported.conflict_count, imported.moved_ids) == ((), 0, {})
    assert imported.unlinked == {"s": ("parent_session_id",)}
    assert dict(imported.rows) == dict(report.rows)
    wanted = of_session(db, "s")
    found = of_session(other, "s")
    parent = next(part for part in PARTS if part.table == "sessions").columns.index("parent_session_id")
    wanted["sessions"] = [tuple(None if at == parent else value for at, value in enumerate(wanted["sessions"][0]))]
    assert found == wanted
    assert db.messages.context("s") == other.messages.context("s")
    assert db.messages.load("s") == other.messages.load("s")
    assert other.messages.append("s", role="user", content="on").seq == db.messages.append("s", role="user").seq
    assert other.messages.search("taken").items == []
    assert len(other.messages.search("said instead")) == 1
    check_search_index(other.rows)
    assert other.rows("PRAGMA foreign_key_check") == []


def test_twice_changes_nothing(db: Facade, other: Facade) -> None:
    fill(db)
    data = db.export("s").data
    for target in (db, other):
        target.import_(data)
        before = everything(target)
        again = target.import_(data)
        assert everything(target) == before
        assert (again.imported, again.unchanged, again.differing, again.rows) == ((), ("s",), (), {})
    # The parent is not in the other one, so its column differs from the file no more than it must.
    assert other.import_(data).conflicts == ()


def test_ids_that_are_taken_move_together_and_the_report_says_by_how_much(db: Facade, other: Facade) -> None:
    fill(db)
    other.agents.create(id="z", name="Researcher", model="large")
    other.sessions.create(id="u", main_agent_id="z")
    for _ in range(7):
        other.messages.append("u", role="user", content="taken")
    for _ in range(5):
        other.session_logs.append("u", role="user", type="message", content=1)
        other.rows(
            "INSERT INTO compaction_events (session_id, strategy, original_tokens, compacted_tokens, messages_removed,"
            " summary_content, preserved_message_ids_json) VALUES ('u', 'x', 0, 0, 0, '', '[]')"
        )
        other.attachments.add("u", b"taken")
    data = db.export("s").data
    report = other.import_(data)
    assert report.imported == ("s",)
    moved = report.moved_ids["s"]
    assert set(moved) == {"messages", "session_logs", "compaction_events", "attachments"}  # switches were free
    wanted, found = db.messages.load("s"), other.messages.load("s")
    assert [report.id_of("s", "messages", one.id) for one in wanted] == [one.id for one in found]
    assert [one.content for one in db.messages.context("s")] == [one.content for one in other.messages.context("s")]
    events = dict(other.rows("SELECT id, summary_message_id FROM compaction_events WHERE session_id = 's'"))
    assert set(events) == {id for (id,) in other.rows("SELECT DISTINCT event_id FROM message_archive")} | {
        id for (id,) in other.rows("SELECT DISTINCT compaction_event_id FROM messages WHERE compaction_event_id > 0")
    }
    tool = next(one for one in found if one.tool_call_id == "c1")
    kept = other.rows("SELECT preserved_message_ids_json FROM compaction_events WHERE session_id = 's' ORDER BY id")[0][
        0
    ]
    assert json.loads(kept) == [tool.id]
    assert [one.name for one in other.attachments.by_message(tool.id)] == ["big"]
    assert other.rows("PRAGMA foreign_key_check") == []
    before = everything(other)
    again = other.import_(data)
    assert (again.unchanged, again.conflict_count) == (("s",), 0)
    assert again.id_of("s", "messages", wanted[0].id) == found[0].id
    assert everything(other) == before


def test_what_differs_is_listed_and_left_as_it_is(db: Facade, other: Facade) -> None:
    fill(db)
    data = db.export("s").data
    other.import_(data)
    changed = other.messages.load("s")[0]
    other.messages.update(changed.id, content="mine")
    other.agents.update("a", name="mine")
    other.sessions.update("s", name="mine")
    other.rows("DELETE FROM session_logs WHERE parent_id IS NOT NULL")
    before = everything(other)
    report = other.import_(data)
    assert everything(other) == before
    assert (report.imported, report.unchanged, report.differing, report.rows) == ((), (), ("s",), {})
    found = {(one.table, one.columns) for one in report.conflicts}
    assert ("messages", ("updated_at", "content", "links_json", "search_words")) in found
    assert ("agents", ("name", "updated_at")) in found or ("agents", ("name",)) in found
    assert any(table == "sessions" and "name" in columns for table, columns in found)
    assert ("session_logs", ()) in found
    assert report.conflict_count == len(report.conflicts) == 4
    numbered = lines_of(data)
    for one in report.conflicts:
        assert numbered[one.line - 1]["table"] == one.table


def test_many_conflicts_are_counted_and_a_hundred_are_listed(db: Facade, other: Facade) -> None:
    db.agents.create(id="a", name="Researcher", model="large")
    db.sessions.create(id="s", main_agent_id="a")
    for number in range(120):
        db.messages.append("s", role="user", content=str(number))
    data = db.export("s").data
    other.import_(data)
    other.rows("UPDATE messages SET content = 'x'")
    report = other.import_(data)
    assert (report.conflict_count, len(report.conflicts)) == (120, 100)


def test_a_hidden_session_is_exported_where_it_is_asked_for(db: Facade, other: Facade) -> None:
    fill(db)
    db.sessions.soft_delete("s")
    with pytest.raises(NotFoundError) as caught:
        db.export("s")
    assert caught.value.code == "session_deleted"
    other.import_(db.export("s", include_deleted=True).data)
    assert other.sessions.get("s") is None
    assert other.sessions.restore("s")


def test_an_export_goes_where_it_is_told(db: Facade, tmp_path: Path) -> None:
    fill(db)
    data = db.export("s").data
    binary, text = io.BytesIO(), io.StringIO()
    db.export("s", binary)
    db.export("s", text)
    with (tmp_path / "open.jsonl").open("wb") as file:
        db.export("s", file)
        assert not file.closed
    for found in (binary.getvalue(), text.getvalue().encode(), (tmp_path / "open.jsonl").read_bytes()):
        assert lines_of(found)[1:-1] == lines_of(data)[1:-1]
    for source in (bytearray(data), io.BytesIO(data), io.StringIO(data.decode(), newline=""), tmp_path / "open.jsonl"):
        assert db.import_(source).unchanged == ("s",)
    with_marks = b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n")
    assert db.import_(with_marks).unchanged == ("s",)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_database_in_memory_can_do_it_too(is_async: bool) -> None:
    with opened(":memory:", is_async=is_async) as db:
        fill(db)
        data = db.export("s").data
        wanted = of_session(db, "s")
        db.sessions.delete("s")
        assert db.import_(data).imported == ("s",)
        assert of_session(db, "s") == wanted
        assert db.erase("s").is_complete
        assert not db.sessions.exists("s")


# -- one moment


def test_an_export_is_of_one_moment_and_delays_no_writer(db: Facade) -> None:
    db.agents.create(id="a", name="Researcher", model="large")
    db.sessions.create(id="s", main_agent_id="a")
    for number in range(40):
        db.messages.append("s", role="user", content=str(number))
    path = db.thing.client.path

    class Meddling(io.BytesIO):
        """Changes the session while its first rows are written."""

        lines = 0

        def write(self, data: Any, /) -> int:
            self.lines += 1
            if self.lines == 5:
                with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as writer:
                    writer.execute("UPDATE messages SET content = 'changed'")
                    writer.execute("DELETE FROM messages WHERE seq > 20")
            return super().write(data)

    to = Meddling()
    db.export("s", to)
    assert len(db.messages.load("s")) == 20
    rows = [line["row"]["content"] for line in lines_of(to.getvalue()) if line.get("table") == "messages"]
    assert rows == [str(number) for number in range(40)]


# -- what goes wrong


def test_a_place_that_cannot_be_written_keeps_nothing(db: Facade, tmp_path: Path) -> None:
    fill(db)
    there = tmp_path / "there.jsonl"
    there.write_text("mine")
    with pytest.raises(AlreadyExistsError, match=r"there\.jsonl is there already"):
        db.export("s", there)
    assert there.read_text() == "mine"
    with pytest.raises(StorageError) as caught:
        db.export("s", tmp_path / "no folder" / "x.jsonl")
    assert caught.value.code == "export_failed"
    for to in (5, b"x", "", "a\0b", object()):
        with pytest.raises(FieldError):
            db.export("s", to)
    for id, code in ((None, "missing_value"), (5, "wrong_type"), ("", "missing_value")):
        with pytest.raises(FieldError) as refused:
            db.export(id, tmp_path / "never")
        assert refused.value.code == code
    with pytest.raises(NotFoundError, match="no session 'nobody'"):
        db.export("nobody", tmp_path / "never")
    db.rows("DELETE FROM attachment_pieces WHERE piece = 1")
    with pytest.raises(DamagedAttachmentError):
        db.export("s", tmp_path / "never")
    db.rows("UPDATE messages SET content = CAST(x'ff' AS TEXT) WHERE id = 5")
    with pytest.raises(UnreadableRowError, match="row 5 in the table messages"):
        db.export("s", tmp_path / "never")

    class Full(io.BytesIO):
        def write(self, data: Any, /) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        db.export("p", Full())
    assert not (tmp_path / "never").exists()
    assert [one.name for one in tmp_path.iterdir() if "partial" in one.name] == []


def small(db: Facade) -> bytes:
    """A small export, of which every prefix is tried."""
    db.agents.create(id="a", name="Researcher", model="large")
    db.sessions.create(id="s", main_agent_id="a")
    db.messages.append("s", role="user", content="hello")
    db.attachments.add("s", b"bytes")
    return db.export("s").data


def test_a_file_that_is_cut_off_anywhere_is_refused_whole(db: Facade, other: Facade) -> None:
    data = small(db)
    before = everything(other)
    for length in range(0, len(data) - 1, 1 if not db.world.is_async else 97):
        with pytest.raises(ExportFileError) as caught:
            other.import_(data[:length])
        assert caught.value.code in ("not_an_export", "truncated_export"), length
    assert everything(other) == before
    assert other.import_(data[:-1]).imported == ("s",)  # without its last line end it is whole


def test_any_byte_that_changed_is_refused_or_means_the_same(db: Facade, other: Facade) -> None:
    data = small(db)
    before = everything(other)
    codes: set[str] = set()
    for at in range(0, len(data), 7 if not db.world.is_async else 201):
        bent = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(ExportFileError) as caught:
            other.import_(bent)
        codes.add(caught.value.code)
    assert codes >= {"not_an_export", "truncated_export", "damaged_export"}
    with pytest.raises(ExportFileError, match="something follows") as caught:
        other.import_(data + b"{}\n")
    assert caught.value.code == "damaged_export"
    assert everything(other) == before


FOREIGN: dict[str, tuple[Any, str]] = {
    "nothing": (b"", "not_an_export"),
    "a text": (b"hello\n", "not_an_export"),
    "a line without an end": (b"x" * 1_000_000, "not_an_export"),
    "a database": (b"SQLite format 3\0" + bytes(100_000), "not_an_export"),
    "other JSON Lines": (b'{"role": "user"}\n{"role": "user"}\n', "not_an_export"),
    "JSON that is nested": (b"[" * 60_000, "not_an_export"),
    "a newer version": (b'{"format":"agentdb.export","version":2}\n', "unknown_version"),
    "a version that is none": (b'{"format":"agentdb.export","version":true}\n', "unknown_version"),
    "a header alone": (b'{"format":"agentdb.export","version":1}\n', "truncated_export"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_refused(db: Facade, name: str, tmp_path: Path) -> None:
    data, code = FOREIGN[name]
    before = everything(db)
    path = tmp_path / "foreign"
    path.write_bytes(data)
    for source in (data, path, io.BytesIO(data), Stream(data)):
        with pytest.raises(ExportFileError) as caught:
            db.import_(source)
        assert caught.value.code == code
    assert everything(db) == before


class Stream(io.RawIOBase):
    """Cannot go back."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(size)


def test_a_source_that_cannot_be_read_is_refused(db: Facade, tmp_path: Path) -> None:
    for source in (5, None, ["x"], "a\0b", object()):
        with pytest.raises(FieldError) as refused:
            db.import_(source)
        assert refused.value.field == "source"
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(InvalidArgumentError) as caught:
            db.import_(path)
        assert caught.value.code == "unreadable_source"


def row(lines: list[dict[str, Any]], table: str) -> dict[str, Any]:
    return first(lines, table)["row"]


EDITS: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "an unknown table": lambda lines: first(lines, "messages").update(table="sqlite_master"),
    "an unknown column": lambda lines: row(lines, "messages").update(colour="blue"),
    "a value that is no column's": lambda lines: row(lines, "messages").update(content=["x"]),
    "a boolean": lambda lines: row(lines, "messages").update(is_summary=True),
    "no role": lambda lines: row(lines, "messages").pop("role"),
    "a time that is none": lambda lines: row(lines, "messages").update(created_at="yesterday"),
    "half a character": lambda lines: row(lines, "messages").update(content="\ud800"),
    "a number that does not fit": lambda lines: row(lines, "messages").update(seq=2**70),
    "a message of another session": lambda lines: row(lines, "messages").update(session_id="t"),
    "a compaction that is not there": lambda lines: row(lines, "messages").update(compaction_event_id=77),
    "the archive of another session's message": lambda lines: row(lines, "message_archive").update(message_id=10**6),
    "the summary of another session": lambda lines: row(lines, "compaction_events").update(summary_message_id=10**6),
    "an attachment at a message that is not there": lambda lines: row(lines, "attachments").update(message_id=10**6),
    "an agent that is not there": lambda lines: row(lines, "sessions").update(main_agent_id="nobody"),
    "a parent log that is not there": lambda lines: row(lines, "session_logs").update(parent_id=10**6),
    "ids that are none": lambda lines: row(lines, "compaction_events").update(preserved_message_ids_json="[1"),
    "no lowest ids": lambda lines: first(lines, "sessions").pop("lowest_ids"),
    "an id that is no text": lambda lines: row(lines, "sessions").update(id=5),
    "two sessions of one id": lambda lines: (
        lines.insert(3, first(lines, "sessions")) or lines.insert(3, first(lines, "messages"))
    ),
    "no session": lambda lines: lines.remove(first(lines, "sessions")),
    "no content": lambda lines: lines.remove(first(lines, "attachment_contents")),
    "a content that nobody has": lambda lines: lines.remove(first(lines, "attachments")),
    "a piece that is missing": lambda lines: lines.remove(first(lines, PIECES)),
    "a piece that is no base64": lambda lines: row(lines, PIECES).update(data="*"),
    "a piece with other bytes": lambda lines: row(lines, PIECES).update(data=base64.b64encode(bytes(1 << 20)).decode()),
    "a content of another size": lambda lines: row(lines, "attachment_contents").update(size=5),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_row_that_does_not_fit_is_named_and_nothing_is_imported(db: Facade, other: Facade, name: str) -> None:
    fill(db)
    data = rewritten(db.export("s").data, EDITS[name])
    other.agents.create(id="z", name="Researcher", model="large")
    other.sessions.create(id="t", main_agent_id="z")
    before = everything(other)
    with pytest.raises(ExportFileError) as caught:
        other.import_(data)
    assert caught.value.code == "bad_export_row"
    assert "quoted" not in str(caught.value)  # what somebody said
    assert everything(other) == before
    assert other.sessions.update("t", name="still at work").name == "still at work"


def test_an_edited_file_without_its_sum_is_taken(db: Facade, other: Facade) -> None:
    data = rewritten(small(db), lambda lines: row(lines, "messages").update(content="[left out]"))
    assert other.import_(data).imported == ("s",)
    assert other.messages.load("s")[0].content == "[left out]"


def test_a_file_of_several_sessions_is_read(db: Facade, other: Facade) -> None:
    """The format is meant to be extended so: one session after the other."""
    fill(db)
    one, two = lines_of(db.export("s").data), lines_of(db.export("t").data)
    data = rewritten(b"".join(json.dumps(line).encode() + b"\n" for line in [*one[:-1], *two[1:]]), lambda lines: None)
    report = other.import_(data)
    assert report.imported == ("s", "t")
    assert of_session(other, "t") == of_session(db, "t")
    assert other.import_(data).unchanged == ("s", "t")


def test_memory_does_not_grow_with_the_session(tmp_path: Path) -> None:
    """In memory are some rows, or a piece of an attachment: not the 40 MB of this session."""
    text = os.urandom(100_000).hex()
    file = tmp_path / "large.jsonl"
    with AgentDB.open(tmp_path / "one.db") as db, AgentDB.open(tmp_path / "two.db") as two:
        db.agents.create(id="a", name="Researcher", model="large")
        db.sessions.create(id="s", main_agent_id="a")
        for _ in range(100):
            db.messages.append("s", role="user", payload={"type": "x", "bytes": text})
        db.attachments.add("s", os.urandom(20 << 20))
        db.export("s")  # what is loaded once
        tracemalloc.start()
        try:
            for work in (lambda: db.export("s", file), lambda: two.import_(file)):
                tracemalloc.reset_peak()
                before = tracemalloc.get_traced_memory()[0]
                work()
                assert tracemalloc.get_traced_memory()[1] - before < 15e6
        finally:
            tracemalloc.stop()
        assert file.stat().st_size > 40e6


def test_a_cancelled_export_and_a_cancelled_import_leave_nothing(tmp_path: Path) -> None:
    begun, ended = threading.Event(), threading.Event()

    class Watched(io.BytesIO):
        def write(self, data: Any, /) -> int:
            begun.set()
            ended.wait(0.001)
            return super().write(data)

        def readline(self, size: int | None = -1) -> bytes:
            begun.set()
            ended.wait(0.001)
            return super().readline(size)

    async def main() -> None:
        async with AsyncAgentDB.open(new_file(tmp_path)) as db:
            await db.agents.create(id="a", name="Researcher", model="large")
            await db.sessions.create(id="s", main_agent_id="a")
            for number in range(300):
                await db.messages.append("s", role="user", content=str(number))
            data = (await db.export("s")).data
            await db.sessions.delete("s")
            for work in (db.import_(Watched(data)), db.export("t", Watched())):
                await db.sessions.ensure("t", main_agent_id="a")
                begun.clear()
                task = asyncio.ensure_future(work)
                assert await asyncio.to_thread(begun.wait, 30)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert not await db.sessions.exists("s")
            assert (await db.import_(data)).imported == ("s",)

    asyncio.run(main())


_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(
            _TEXT,
            st.dictionaries(_TEXT, _JSON, max_size=3),
            st.sampled_from(["", "remove", "compact"]),
            st.binary(max_size=20),
        ),
        max_size=12,
    ),
    st.integers(0, 30),
)
def test_whatever_a_session_holds_comes_back(
    tmp_path_factory: pytest.TempPathFactory, messages: list[tuple[str, dict[str, Any], str, bytes]], before: int
) -> None:
    folder = tmp_path_factory.mktemp("law")
    with AgentDB.open(new_file(folder, "one.db")) as one, AgentDB.open(new_file(folder, "two.db")) as two:
        for db in (one, two):
            db.agents.create(id="a", name="Researcher", model="large")
            db.sessions.create(id="other", main_agent_id="a")
        for _ in range(before):
            two.messages.append("other", role="user")
        one.sessions.create(id="s", main_agent_id="a")
        for content, metadata, what, data in messages:
            message = one.messages.append("s", role="user", content=content, metadata=metadata, payload=[metadata])
            one.attachments.add("s", data, message_id=message.id, name=content)
            if what == "remove":
                one.messages.delete(message.id)
        data = one.export("s").data
        report = two.import_(data)
        assert report.imported == ("s",)
        again = two.export("s").data
        assert two.import_(data).unchanged == ("s",)
        two.sessions.delete("s")
        two.sessions.delete("other")
        moved = report.moved_ids.get("s", {})
        for wanted, found in zip(lines_of(data)[1:-1], lines_of(again)[1:-1], strict=True):
            assert wanted["table"] == found["table"]
            if "id" in found["row"] and wanted["table"] in moved:
                found["row"]["id"] -= moved[wanted["table"]]
            if found["row"].get("message_id") is not None:
                found["row"]["message_id"] -= moved.get("messages", 0)
            if wanted["table"] != "agents":
                assert wanted["row"] == found["row"]


def test_the_end_of_a_file_has_the_sum_of_all_before_it(db: Facade) -> None:
    data = small(db)
    *lines, end = data.split(b"\n")[:-1]
    assert json.loads(end)["sha256"] == sha256(b"".join(line + b"\n" for line in lines)).hexdigest()
