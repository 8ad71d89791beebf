"""Every field gives back what it was given: any text, any JSON, any moment that a database can hold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_harness import Facade, new_file, opened

from agentdb.stores import NewLog

TEXT = st.text()  # without surrogates, with NUL
IDS = st.text(min_size=1)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON = st.recursive(SCALARS, lambda values: st.lists(values) | st.dictionaries(TEXT, values), max_leaves=12)
ARRAYS = st.lists(JSON, max_size=4)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=4)
COUNTS = st.integers(0, 2**63 - 1)
ZONES = st.timedeltas(timedelta(hours=-23, minutes=-59), timedelta(hours=23, minutes=59)).map(timezone)
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=ZONES | st.timezones() | st.just(UTC))
MODES = st.sampled_from(["readOnly", "acceptEdits", "bypassPermissions"])
#: One law is shown by many rows of one database, in each world.
RULES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def or_none(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


SHARED = {
    "plan_model": or_none(TEXT),
    "small_model": or_none(TEXT),
    "built_in_tools": or_none(ARRAYS),
    "mcps": or_none(ARRAYS),
    "knowledges": or_none(ARRAYS),
    "accessible_paths": or_none(ARRAYS),
    "configuration": or_none(OBJECTS),
}
AGENTS = st.fixed_dictionaries(
    {"name": TEXT, "model": TEXT},
    optional={
        **SHARED,
        "id": IDS,
        "type": st.sampled_from(["claudeCode", "codex", "custom"]),
        "description": or_none(TEXT),
        "avatar": or_none(TEXT),
        "instructions": or_none(TEXT),
        "permission_mode": MODES,
        "max_steps": COUNTS,
        "created_at": or_none(TIMES),
        "updated_at": or_none(TIMES),
    },
)
SESSIONS = st.fixed_dictionaries(
    {},
    optional={
        **SHARED,
        "id": IDS,
        "name": or_none(TEXT),
        "user_id": or_none(IDS),
        "source": or_none(TEXT),
        "tags": or_none(ARRAYS),
        "metadata": or_none(OBJECTS),
        "started_at": or_none(TIMES),
        "sub_agent_ids": or_none(ARRAYS),
        "user_goal": or_none(TEXT),
        "status": st.sampled_from(["idle", "running", "completed", "failed", "stopped"]),
        "external_session_id": or_none(TEXT),
        "model": or_none(TEXT),
        "permission_mode": or_none(MODES),
        "max_steps": or_none(COUNTS),
        "created_at": or_none(TIMES),
        "updated_at": or_none(TIMES),
    },
)
LOGS = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "agent", "system", "tool"]),
        "type": st.sampled_from(["message", "thought", "action", "observation"]),
        "content": JSON.filter(lambda value: value is not None),
    },
    optional={"metadata": or_none(OBJECTS), "created_at": or_none(TIMES), "updated_at": or_none(TIMES)},
)


@pytest.fixture(scope="module", params=["sync", "async"])
def db(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facade]:
    path = new_file(Path(tmp_path_factory.mktemp("round-trips")))
    with opened(path, is_async=request.param == "async") as database:
        yield database


def to_the_millisecond(value: Any) -> Any:
    """A moment as the database can hold it; finer digits are cut. (Offsets may have them too.)"""
    if not isinstance(value, datetime):
        return value
    at = value.astimezone(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000, fold=0)


def assert_same(value: Any, expected: Any) -> None:
    """Equal, and of the same types at every depth: 1 is not True, and 0.0 is not -0.0."""
    assert repr(value) == repr(expected)


def check(found: Any, given: dict[str, Any]) -> None:
    for name, value in given.items():
        if not (value is None and name.endswith("_at")):
            assert_same(getattr(found, name), to_the_millisecond(value))
    if given.get("created_at") is not None and given.get("updated_at") is None:
        assert found.updated_at == found.created_at
    assert found.created_at.tzinfo is UTC
    assert found.updated_at.tzinfo is UTC


@RULES
@given(fields=AGENTS, changes=AGENTS)
def test_an_agent(db: Facade, fields: dict[str, Any], changes: dict[str, Any]) -> None:
    agent = db.agents.create(**fields)
    try:
        check(agent, fields)
        assert_same(db.agents.get(agent.id), agent)
        assert db.agents.list(limit=1).items == [agent]
        assert db.agents.exists(agent.id)
        changes = {name: changes[name] for name in changes.keys() - {"id", "type", "created_at", "updated_at"}}
        updated = db.agents.update(agent.id, **changes)
        check(updated, changes)
        unchanged = agent.to_dict().keys() - changes.keys() - {"updated_at"}
        assert {name: updated.to_dict()[name] for name in unchanged} == {
            name: agent.to_dict()[name] for name in unchanged
        }
        assert_same(db.agents.get(agent.id), updated)
    finally:
        assert db.agents.delete(agent.id)


@RULES
@given(agent=AGENTS, fields=SESSIONS, changes=SESSIONS)
def test_a_session(db: Facade, agent: dict[str, Any], fields: dict[str, Any], changes: dict[str, Any]) -> None:
    owner = db.agents.create(**agent)
    try:
        session = db.sessions.create(main_agent_id=owner.id, **fields)
        check(session, fields)
        assert_same(db.sessions.get(session.id), session)
        if session.external_session_id is not None:
            assert_same(db.sessions.by_external_id(session.external_session_id), session)
        whole = db.sessions.with_agent(session.id)
        assert_same(whole.session, session)
        for name in whole.effective.to_dict():
            own = getattr(session, name)
            assert_same(getattr(whole.effective, name), getattr(owner, name) if own is None else own)
        for name in whole.agent.to_dict():
            assert_same(getattr(whole.agent, name), getattr(owner, name))
        (card,) = db.sessions.by_agent(owner.id).items
        assert all(getattr(card, name) == getattr(session, name) for name in card.to_dict())
        changes = {name: changes[name] for name in changes.keys() - {"id", "created_at", "updated_at"}}
        updated = db.sessions.update(session.id, **changes)
        check(updated, changes)
        assert_same(db.sessions.get(session.id), updated)
    finally:
        assert db.agents.delete(owner.id, cascade=True)


@RULES
@given(logs=st.lists(LOGS, min_size=1, max_size=20), many=st.booleans())
def test_logs(db: Facade, logs: list[dict[str, Any]], many: bool) -> None:
    owner = db.agents.create(name="n", model="m")
    try:
        session = db.sessions.create(main_agent_id=owner.id).id
        if many:
            added = db.session_logs.append_many(session, [NewLog(**log) for log in logs])
        else:
            added = [db.session_logs.append(session, **log) for log in logs]
        for log, given_ in zip(added, logs, strict=True):
            check(log, given_)
            assert_same(db.session_logs.get(log.id), log)
        transcript = sorted(added, key=lambda log: (log.created_at, log.id))
        assert_same(db.session_logs.page(session).items, transcript)
        assert_same(db.session_logs.latest(session, len(logs)), transcript)
        last = added[-1]
        updated = db.session_logs.update(last.id, content=logs[0]["content"], metadata=logs[0].get("metadata"))
        assert_same((updated.content, updated.metadata), (added[0].content, added[0].metadata))
        assert_same(db.session_logs.get(last.id), updated)
    finally:
        assert db.agents.delete(owner.id, cascade=True)
