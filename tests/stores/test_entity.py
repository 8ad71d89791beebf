"""What stores are made of, for those who make their own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from store_harness import Facade, agent_fields, log_fields, session_fields

from agentdb import AgentDB
from agentdb.clients import ResultSet
from agentdb.errors import IntegrityError, UnreadableRowError
from agentdb.operations import Operations, Steps, W, execute, operation
from agentdb.stores import ID, INTEGER, JSON, TEXT, TIME, Entity, Values, page
from agentdb.stores.fields import JSON_OBJECT


@dataclass(frozen=True, slots=True, kw_only=True)
class SideNote(Values):
    id: int
    body: Any
    seen_at: datetime | None


SIDE_NOTE = Entity(SideNote, id=INTEGER, body=JSON.or_none(), seen_at=TIME.or_none())
COLUMNS = (("seen_at",), ("more",), ("id",), ("body",))


def result(*bodies: str | None) -> ResultSet:
    return ResultSet(COLUMNS, [(None, "x", number, body) for number, body in enumerate(bodies)])


@pytest.mark.parametrize("repeated", [1, 20])
def test_rows_are_decoded_by_the_names_of_their_columns(repeated: int) -> None:
    bodies = ['{"a": [1]}', None, " null ", '"x"', "5", "[ ]"] * repeated
    found = SIDE_NOTE.decode(result(*bodies))
    assert [note.body for note in found] == [{"a": [1]}, None, None, "x", 5, []] * repeated
    assert [note.id for note in found] == list(range(6 * repeated))
    assert {note.seen_at for note in found} == {None}
    assert found[0] == SideNote(id=0, body={"a": [1]}, seen_at=None)


@pytest.mark.parametrize("bad", ["", "{", "1,2", "1],[2", "[1", "nope"])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (20, 20), (20, 0)])
def test_a_text_that_is_no_json_is_an_error_and_shifts_no_other(bad: str, before: int, after: int) -> None:
    with pytest.raises(UnreadableRowError, match=r"column body of row .* is no JSON \((Expecting|Extra data)"):
        SIDE_NOTE.decode(result(*["1"] * before, bad, *["2"] * after))


def test_each_row_has_json_of_its_own() -> None:
    found = SIDE_NOTE.decode(result(*['{"a": []}'] * 20))
    found[0].body["a"].append(1)
    assert found[1].body == {"a": []}


def test_an_entity_whose_columns_are_not_its_fields_is_refused() -> None:
    with pytest.raises(TypeError, match=r"SideNote and its columns differ: \['body', 'seen_at', 'text'\]"):
        Entity(SideNote, id=ID, text=TEXT)


def test_its_name_is_words() -> None:
    assert (SIDE_NOTE.name, SIDE_NOTE.not_found(5).message) == ("side note", "there is no side note 5")


def test_json_that_another_program_wrote_with_blanks_is_read(stores: Facade) -> None:
    stores.agents.create(**agent_fields(id="a"))
    stores.rows("UPDATE agents SET configuration = ' {\"a\" : 1 } ', mcps = ' [ ] '")
    agent = stores.agents.get("a")
    assert (agent.configuration, agent.mcps) == ({"a": 1}, [])


def test_a_newer_schema_does_not_confuse_an_older_store(db: Facade) -> None:
    for table in ("agents", "sessions", "session_logs"):
        db.rows(f"ALTER TABLE {table} ADD COLUMN newer TEXT DEFAULT 'n'")
    agent = db.agents.create(**agent_fields())
    session = db.sessions.create(**session_fields(agent.id))
    log = db.session_logs.append(session.id, **log_fields())
    assert (db.agents.get(agent.id), db.sessions.get(session.id)) == (agent, session)
    assert db.sessions.with_agent(session.id).session == session
    assert db.session_logs.page(session.id).items == [log]
    assert db.agents.update(agent.id, name="x").name == "x"
    assert db.rows("SELECT newer FROM agents") == [("n",)]


def test_a_constraint_that_the_store_does_not_know_is_raised_as_it_is(db: Facade) -> None:
    db.rows("CREATE TRIGGER no BEFORE INSERT ON sessions BEGIN SELECT raise(ABORT, 'not today'); END")
    db.rows("CREATE TRIGGER nor BEFORE INSERT ON session_logs BEGIN SELECT raise(ABORT, 'nor this'); END")
    db.rows("CREATE TRIGGER neither BEFORE INSERT ON agents WHEN new.id = 'b' BEGIN SELECT raise(ABORT, 'nor b'); END")
    agent = db.agents.create(**agent_fields())
    with pytest.raises(IntegrityError, match="not today"):
        db.sessions.create(main_agent_id=agent.id)
    with pytest.raises(IntegrityError, match="nor this"):
        db.session_logs.append("s", **log_fields())
    with pytest.raises(IntegrityError, match="nor b"):
        db.agents.create(**agent_fields(id="b"))


def test_a_session_whose_agent_another_program_removed_can_still_be_changed_but_for_that(path: str) -> None:
    with AgentDB.open(path) as db:
        db.agents.create(**agent_fields())
        db.sessions.create(**session_fields("agent-1"))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("DELETE FROM agents")
        assert db.sessions.with_agent("session-1") is None
        db.sessions.update_status("session-1", "failed")
        with pytest.raises(IntegrityError) as caught:
            db.sessions.update("session-1", name="x")
        assert caught.value.code == "foreign_key"


class Numbers(Operations[W]):
    """A list over a statement without filters."""

    @operation
    def list(self, *, limit: int = 2, cursor: str | None = None) -> Steps[Any]:
        sql = """\
WITH numbers (id, body, seen_at, created_at) AS (VALUES (1, '1', NULL, 'a'), (2, '2', NULL, 'a'), (3, '3', NULL, 'b'))
SELECT * FROM numbers WHERE (created_at, id) > (:cursor_time, :cursor_id) ORDER BY created_at, id LIMIT :limit"""
        return (yield from page(SIDE_NOTE, sql, {}, limit=limit, cursor=cursor, oldest_first=True))

    @operation
    def nothing(self) -> Steps[Any]:
        return (yield from execute("SELECT 1 WHERE 0"))


@pytest.fixture
def numbers(path: str) -> Iterator[Any]:
    with AgentDB.open(path) as db:
        yield Numbers(db)


def test_a_page_of_any_statement_that_takes_a_cursor(numbers: Any) -> None:
    first = numbers.list()
    assert [note.id for note in first.items] == [1, 2]
    assert [note.id for note in numbers.list(cursor=first.next_cursor).items] == [3]


def test_an_object_is_not_an_array() -> None:
    assert JSON_OBJECT.encode("x", {}) == "{}"
