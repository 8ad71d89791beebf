"""Whatever text or JSON goes in through INSERT comes out of GET_BY_ID as it was."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentdb.queries import agents, session_logs, sessions

Open = Callable[[], sqlite3.Connection]
Fetch = Callable[..., list[dict[str, Any]]]
Add = Callable[..., None]

SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(SCALAR, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
ARRAY, OBJECT = st.lists(JSON), st.dictionaries(st.text(), JSON)
WRITTEN = st.sampled_from([{"ensure_ascii": True}, {"ensure_ascii": False}, {"indent": 1}])
TEXT = st.text()
OPTIONAL = st.none() | TEXT


@given(
    id=st.text(min_size=1),
    texts=st.fixed_dictionaries({"name": TEXT, "model": TEXT, "description": OPTIONAL, "instructions": OPTIONAL}),
    arrays=st.fixed_dictionaries({"built_in_tools": ARRAY, "mcps": ARRAY, "knowledges": ARRAY}),
    configuration=OBJECT,
    written=WRITTEN,
)
def test_any_agent_round_trips(
    database: Open,
    fetch: Fetch,
    add_agent: Add,
    id: str,
    texts: dict[str, str | None],
    arrays: dict[str, list[Any]],
    configuration: dict[str, Any],
    written: dict[str, Any],
) -> None:
    connection = database()
    values = {name: json.dumps(value, **written) for name, value in arrays.items()}
    values |= {**texts, "id": id, "configuration": json.dumps(configuration, **written)}
    add_agent(connection, **values)
    (row,) = fetch(connection, agents.GET_BY_ID, id=id)
    assert {name: row[name] for name in values} == values
    assert json.loads(row["configuration"]) == configuration
    assert len(fetch(connection, agents.CHECK_EXISTS, id=id)) == 1


@given(
    id=st.text(min_size=1),
    texts=st.fixed_dictionaries({"name": OPTIONAL, "user_goal": OPTIONAL, "model": OPTIONAL}),
    sub_agent_ids=ARRAY,
    configuration=OBJECT,
)
def test_any_session_round_trips(
    database: Open,
    fetch: Fetch,
    add_agent: Add,
    add_session: Add,
    id: str,
    texts: dict[str, str | None],
    sub_agent_ids: list[Any],
    configuration: dict[str, Any],
) -> None:
    connection = database()
    add_agent(connection)
    values = {**texts, "id": id, "external_session_id": id, "sub_agent_ids": json.dumps(sub_agent_ids)}
    values["configuration"] = json.dumps(configuration)
    add_session(connection, **values)
    for found in (
        fetch(connection, sessions.GET_BY_ID, id=id),
        fetch(connection, sessions.GET_SESSION_WITH_AGENT, id=id),
        fetch(connection, sessions.GET_BY_EXTERNAL_SESSION_ID, external_session_id=id),
    ):
        (row,) = found
        assert {name: row[name] for name in values} == values


@given(content=JSON.filter(lambda value: value is not None), metadata=OBJECT, written=WRITTEN)
def test_any_log_round_trips(
    database: Open,
    fetch: Fetch,
    add_agent: Add,
    add_session: Add,
    add_log: Add,
    content: Any,
    metadata: dict[str, Any],
    written: dict[str, Any],
) -> None:
    connection = database()
    add_agent(connection)
    add_session(connection)
    values = {"content": json.dumps(content, **written), "metadata": json.dumps(metadata, **written)}
    add_log(connection, **values)
    (row,) = fetch(connection, session_logs.GET_BY_ID, id=1)
    assert {name: row[name] for name in values} == values
    assert json.loads(row["content"]) == content
