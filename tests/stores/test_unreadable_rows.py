"""One row that cannot be read does not hide the others: the error names it, and placeholders let the rest be read."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from store_harness import Facade, opened

from agentdb import AgentDB
from agentdb.errors import FieldError, UnreadableRowError
from agentdb.stores.entity import Unreadable
from agentdb.stores.fields import MAX_READ_DEPTH

#: What raw SQL, or a disk, leaves in a column of JSON or text.
DIGITS = "[" + "1" * 5000 + "]"
DEEP = "[" * 1200 + "]" * 1200
BAD: dict[str, tuple[str, str, object]] = {
    "too many digits": ("payload_json", "?", DIGITS),
    "too deep": ("payload_json", "?", DEEP),
    "text that is no UTF-8": ("content", "CAST(? AS TEXT)", b"tide \xff\xfe"),
    "a name that is no UTF-8": ("name", "CAST(? AS TEXT)", b"\xc3\x28"),
}


def damage(path: str, table: str, column: str, how: str, value: object, id: object) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(f"UPDATE {table} SET {column} = {how} WHERE id = ?", (value, id))


def fill(path: str, count: int) -> None:
    with AgentDB.open(path) as db:
        db.agents.create(id="a", name="Researcher", model="large")
        db.sessions.create(id="s", main_agent_id="a")
        for number in range(count):
            db.messages.append("s", role="user", content=f"tide {number}", payload=[number])
            db.session_logs.append("s", role="user", type="message", content=number)


READS: dict[str, Callable[..., Any]] = {
    "page": lambda db, **asked: db.messages.page("s", **asked).items,
    "page back": lambda db, **asked: db.messages.page("s", newest_first=True, **asked).items[::-1],
    "load": lambda db, **asked: db.messages.load("s", **asked),
    "latest": lambda db, **asked: db.messages.latest("s", **asked),
}


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("count", [3, 20])
@pytest.mark.parametrize("bad", BAD)
def test_the_row_is_named_and_the_others_are_read(path: str, bad: str, count: int, is_async: bool) -> None:
    fill(path, count)
    column, how, value = BAD[bad]
    damage(path, "messages", column, how, value, 2)
    with opened(path, is_async=is_async) as db:
        for name, read in READS.items():
            with pytest.raises(UnreadableRowError, match="row 2 in the table messages") as caught:
                read(db)
            error = caught.value
            assert (error.code, error.table, error.id, error.column) == ("unreadable_row", "messages", 2, column), name
            assert "on_error" in error.remedy
            found = read(db, on_error="placeholder")
            assert [message.seq for message in found] == list(range(1, count + 1)), name
            held = getattr(found[1], column.removesuffix("_json"))
            assert isinstance(held, Unreadable)
            assert (held.table, held.id, held.column) == ("messages", 2, column)
            assert str(held) in json.dumps(found[1].to_dict())
            assert [message.content for message in found if message.id != 2] == [
                f"tide {number}" for number in range(count) if number != 1
            ]
        with pytest.raises(UnreadableRowError):
            db.messages.get(2)
        assert isinstance(getattr(db.messages.get(2, on_error="placeholder"), column.removesuffix("_json")), Unreadable)
        assert db.messages.get(1).seq == 1
        assert db.messages.delete(2)
        assert len(db.messages.load("s")) == count - 1


@pytest.mark.parametrize("bad", BAD)
def test_pages_go_on_behind_the_row(path: str, bad: str) -> None:
    fill(path, 9)
    column, how, value = BAD[bad]
    damage(path, "messages", column, how, value, 5)
    with AgentDB.open(path) as db:
        seqs: list[int] = []
        cursor = None
        while True:
            page = db.messages.page("s", limit=2, cursor=cursor, on_error="placeholder")
            seqs += [message.seq for message in page.items]
            if (cursor := page.next_cursor) is None:
                break
        assert seqs == list(range(1, 10))
        first = db.messages.page("s", limit=4)
        assert [message.seq for message in first.items] == [1, 2, 3, 4]


@pytest.mark.parametrize("bad", BAD)
def test_conversations_as_dicts_name_the_row(path: str, bad: str) -> None:
    fill(path, 9)
    column, how, value = BAD[bad]
    damage(path, "messages", column, how, value, 5)
    with AgentDB.open(path) as db:
        chats = db.conversations
        for ask in (
            lambda: chats.load_session("s"),
            lambda: chats.get_messages_paginated("s"),
            lambda: chats.save_session("s", [{"role": "user", "content": "x"}]),
            lambda: db.messages.search("tide"),
        ):
            with pytest.raises(UnreadableRowError, match="row 5 in the table messages"):
                ask()
        assert db.client.execute("SELECT count(*) FROM messages").tuples == [(9,)]


@pytest.mark.parametrize(("how", "value"), [("?", DIGITS), ("?", DEEP), ("CAST(? AS TEXT)", b'"\xff"')])
def test_logs_sessions_and_agents_name_the_row_too(path: str, how: str, value: object) -> None:
    fill(path, 9)
    for table, column, id in (("session_logs", "content", 5), ("agents", "mcps", "a"), ("sessions", "mcps", "s")):
        damage(path, table, column, how, value, id)
    with AgentDB.open(path) as db:
        for ask, table, id in (
            (lambda: db.session_logs.page("s"), "session_logs", 5),
            (lambda: db.session_logs.latest("s"), "session_logs", 5),
            (lambda: db.session_logs.get(5), "session_logs", 5),
            (lambda: db.agents.get("a"), "agents", "a"),
            (lambda: db.agents.list(), "agents", "a"),
            (lambda: db.sessions.get("s"), "sessions", "s"),
            (lambda: db.sessions.ensure("s", main_agent_id="a"), "sessions", "s"),
        ):
            with pytest.raises(UnreadableRowError) as caught:
                ask()
            assert (caught.value.table, caught.value.id) == (table, id)
        logs = db.session_logs.page("s", on_error="placeholder").items
        assert [isinstance(log.content, Unreadable) for log in logs] == [number == 4 for number in range(9)]
        assert len(db.session_logs.latest("s", on_error="placeholder")) == 9
        (agent,) = db.agents.list(on_error="placeholder").items
        assert isinstance(agent.mcps, Unreadable)
        assert db.sessions.list().items[0].id == "s"


def test_a_row_is_repaired_by_writing_what_cannot_be_read_anew(path: str) -> None:
    fill(path, 1)
    damage(path, "sessions", "user_goal", "CAST(? AS TEXT)", b"goal \xff", "s")
    with AgentDB.open(path) as db:
        with pytest.raises(UnreadableRowError, match="column user_goal of row 's'"):
            db.sessions.update("s", name="Tides")
        assert db.sessions.update("s", user_goal="again").user_goal == "again"
        assert db.sessions.require("s").user_goal == "again"


def test_no_text_of_the_row_is_in_the_error(path: str) -> None:
    fill(path, 3)
    damage(path, "messages", "payload_json", "?", '["secret', 2)
    damage(path, "messages", "content", "CAST(? AS TEXT)", b"secret \xff", 3)
    with AgentDB.open(path) as db:
        with pytest.raises(UnreadableRowError) as caught:
            db.messages.load("s")
        assert "secret" not in str(caught.value)
        shown = [message.to_dict() for message in db.messages.load("s", on_error="placeholder")]
        assert "secret" not in json.dumps(shown)


def test_a_time_that_is_none_is_named(path: str) -> None:
    fill(path, 9)
    damage(path, "messages", "created_at", "?", "yesterday", 4)
    with AgentDB.open(path) as db:
        with pytest.raises(UnreadableRowError, match="column created_at of row 4"):
            db.messages.load("s")
        assert isinstance(db.messages.load("s", on_error="placeholder")[3].created_at, Unreadable)


def below(depth: int, work: Callable[[], Any]) -> Any:
    return below(depth - 1, work) if depth else work()


@pytest.mark.parametrize("count", [3, 20])
def test_what_can_be_read_does_not_depend_on_the_stack_of_the_caller(path: str, count: int) -> None:
    fill(path, count)
    for depth, readable in ((MAX_READ_DEPTH, True), (MAX_READ_DEPTH + 1, False)):
        damage(path, "messages", "payload_json", "?", "[" * depth + "]" * depth, 2)
        answers: list[bool] = []

        def ask(answers: list[bool] = answers) -> None:
            with AgentDB.open(path) as db:
                db.messages.load("s")  # what is loaded lazily is loaded now
                for caller in (0, 100, 500, 800):
                    try:
                        found = below(caller, lambda: db.messages.load("s"))
                        answers.append(len(found) == count)
                    except UnreadableRowError:
                        answers.append(False)

        if not readable:
            with AgentDB.open(path) as db, pytest.raises(UnreadableRowError, match="nested deeper than 900 levels"):
                db.messages.load("s")
            damage(path, "messages", "payload_json", "?", "[1]", 1)

            def ask(answers: list[bool] = answers) -> None:  # type: ignore[no-redef]
                with AgentDB.open(path) as db:
                    for caller in (0, 100, 500, 800):
                        with pytest.raises(UnreadableRowError, match="nested deeper than 900 levels"):
                            below(caller, lambda: db.messages.load("s"))
                        answers.append(False)

        thread = threading.Thread(target=ask)  # a stack of a known depth
        thread.start()
        thread.join()
        assert answers == [readable] * 4


def test_brackets_in_strings_are_no_nesting(path: str) -> None:
    fill(path, 3)
    with AgentDB.open(path) as db:
        payload = [{"text": '["[{' * 3000 + "\\"}]
        added = db.messages.append("s", role="user", content="x", payload=payload)
        assert db.messages.require(added.id).payload == payload


def test_what_to_do_with_errors_is_one_of_two(stores: Facade) -> None:
    for ask in (stores.messages.load, stores.messages.page, stores.messages.latest, stores.session_logs.page):
        with pytest.raises(FieldError) as caught:
            ask("s", on_error="ignore")
        assert caught.value.field == "on_error"


@pytest.mark.parametrize(
    ("column", "how", "value"), [("content_json", "?", DIGITS), ("text", "CAST(? AS TEXT)", b"tea \xff")]
)
def test_memories_name_the_row_and_the_others_are_recalled(path: str, column: str, how: str, value: object) -> None:
    with AgentDB.open(path) as db:
        for id in "abc":
            db.memories.create(content=f"{id} likes tea", id=id, user_id="u")
            db.memory_annotations.create(id, kind="correction", content=id, id=id)
    damage(path, "memories", column, how, value, "b")
    damage(path, "memory_annotations", "content_json", "?", DIGITS, "b")
    with AgentDB.open(path) as db:
        reads: dict[str, Callable[..., Any]] = {
            "list": lambda **asked: db.memories.list(user_id="u", **asked).items,
            "recall": lambda **asked: [hit.memory for hit in db.memories.recall(**asked)],
            "annotations": lambda **asked: db.memory_annotations.list(**asked).items,
        }
        for name, read in reads.items():
            table = "memory_annotations" if name == "annotations" else "memories"
            with pytest.raises(UnreadableRowError, match=f"row 'b' in the table {table}"):
                read()
            found = {each.id: each for each in read(on_error="placeholder")}
            assert found.keys() == {"a", "b", "c"}, name
            held = "content" if name == "annotations" else column.removesuffix("_json")
            assert isinstance(getattr(found["b"], held), Unreadable)
        with pytest.raises(UnreadableRowError):
            db.memories.require("b")
        assert db.memories.require("a").text == "a likes tea"
        assert db.memories.forget("b") == 1
        assert len(db.memories.recall("likes tea")) == 2
