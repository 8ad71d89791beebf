"""What a field cannot hold is an error that names the field and the value; nothing is written, and work goes on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any

import pytest
from store_harness import Facade, agent_fields, log_fields, session_fields

from agentdb.errors import AgentDBError, AlreadyExistsError, FieldError, NotFoundError
from agentdb.stores import UNSET, NewLog

Call = Callable[[Facade], Any]


class Shown:
    def __repr__(self) -> str:
        return "Shown()"


class Unshowable:
    def __repr__(self) -> str:
        raise KeyError("never mind")


def nested(levels: int) -> Any:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


IN_ITSELF: list[Any] = []
IN_ITSELF += [IN_ITSELF, IN_ITSELF, {"a": IN_ITSELF}]
NAIVE = datetime(2024, 1, 1)
TOO_EARLY = datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))
TOO_LATE = datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))

#: What is no text: value, code.
NO_TEXT = [
    (5, "wrong_type"),
    (b"x", "wrong_type"),
    (UNSET, "wrong_type"),
    ("a\ud800", "not_text"),
    ("\udfff", "not_text"),
]
NO_ID = [*NO_TEXT, ("", "missing_value")]
NO_CHOICE = [(value, "not_one_of") for value in ("", "bad", "CUSTOM", 1, ["custom"], b"custom", "\ud800", UNSET)]
NO_JSON = [
    ({1, 2}, "not_json"),
    ([Shown()], "not_json"),
    ([b"x"], "not_json"),
    ([Decimal(1)], "not_json"),
    ([date(2024, 1, 1)], "not_json"),
    ({"a": [float("nan")]}, "not_json"),
    ([float("inf")], "not_json"),
    ([-float("inf")], "not_json"),
    ({1: "a"}, "not_json"),
    ({"a": {None: 1}}, "not_json"),
    ({True: 1}, "not_json"),
    (IN_ITSELF, "not_json"),
    (nested(501), "not_json"),
    (nested(100_000), "not_json"),
    (["\ud800"], "not_text"),
    ({"\ud83d": 1}, "not_text"),
    ({"a": [{"b": "x\udc00"}]}, "not_text"),
    ([10**5000], "too_large"),
    ([Unshowable()], "not_json"),
    ((x for x in [1]), "not_json"),
]
NO_ARRAY = [*((v, c) for v, c in NO_JSON if isinstance(v, list)), ("[]", "wrong_type"), ({}, "wrong_type")]
NO_ARRAY += [(UNSET, "wrong_type"), (set(), "wrong_type"), (5, "wrong_type")]
NO_OBJECT = [*((v, c) for v, c in NO_JSON if isinstance(v, dict)), ("{}", "wrong_type"), ([], "wrong_type")]
NO_TIME = [
    (NAIVE, "naive_datetime"),
    (TOO_EARLY, "too_large"),
    (TOO_LATE, "too_large"),
    ("2024-01-01T00:00:00.000Z", "wrong_type"),
    (1704067200, "wrong_type"),
    (date(2024, 1, 1), "wrong_type"),
    (UNSET, "wrong_type"),
]
NO_INTEGER = [
    (True, "wrong_type"),
    (1.0, "wrong_type"),
    ("1", "wrong_type"),
    (2**63, "too_large"),
    (-(2**63) - 1, "too_large"),
    (10**5000, "too_large"),
]
NO_COUNT = [*NO_INTEGER, (-1, "too_small")]
MISSING = [(None, "missing_value")]
NO_LIMIT = [(0, "too_small"), (-1, "too_small"), (10_001, "too_large"), (2**70, "too_large")]
NO_LIMIT += [(value, "wrong_type") for value in (True, "5", 2.0, None)]
NO_CURSOR = [
    "",
    "garbage",
    "ü",
    "\ud800",
    "W10",
    "ImFiIg",
    "WyIiLCAiIl0",
    "W1siIiwgIiJdLCAwXQ",
    "W" * 8000,
    5,
    b"W10",
    [],
]

TEXTS = ("description", "avatar", "instructions", "plan_model", "small_model")
ARRAYS = ("built_in_tools", "mcps", "knowledges", "accessible_paths")

AGENT_FIELDS: dict[str, list[tuple[Any, str]]] = {
    "id": NO_ID,
    "type": NO_ID + MISSING,
    "name": NO_TEXT + MISSING,
    "model": NO_TEXT + MISSING,
    **dict.fromkeys(TEXTS, NO_TEXT),
    **dict.fromkeys(ARRAYS, NO_ARRAY),
    "configuration": NO_OBJECT,
    "permission_mode": NO_CHOICE + MISSING,
    "max_steps": NO_COUNT + MISSING,
    "specializations": NO_ARRAY,
    "metadata": NO_OBJECT,
    "created_at": NO_TIME,
    "updated_at": NO_TIME,
}
SESSION_FIELDS: dict[str, list[tuple[Any, str]]] = {
    "id": NO_ID,
    "main_agent_id": NO_ID + MISSING,
    **dict.fromkeys(
        ("name", "source", "user_goal", "external_session_id", "model", "plan_model", "small_model"), NO_TEXT
    ),
    **dict.fromkeys(("sub_agent_ids", *ARRAYS), NO_ARRAY),
    "configuration": NO_OBJECT,
    "metadata": NO_OBJECT,
    "tags": NO_ARRAY,
    "user_id": NO_ID,
    "parent_session_id": NO_ID,
    "started_at": NO_TIME,
    "status": NO_CHOICE + MISSING,
    "permission_mode": NO_CHOICE,
    "max_steps": NO_COUNT,
    "created_at": NO_TIME,
    "updated_at": NO_TIME,
}
LOG_FIELDS: dict[str, list[tuple[Any, str]]] = {
    "parent_id": NO_INTEGER,
    "role": NO_CHOICE + MISSING,
    "type": NO_CHOICE + MISSING,
    "content": NO_JSON + MISSING + [(float("nan"), "not_json"), ("\ud800", "not_text"), (UNSET, "not_json")],
    "metadata": NO_OBJECT,
    "created_at": NO_TIME,
    "updated_at": NO_TIME,
}


@pytest.fixture(autouse=True)
def rows(stores: Facade) -> None:
    """An agent 'a', sessions 's' and 't' of it, log 1 in 's' and log 2 in 't'."""
    stores.agents.create(**agent_fields(id="a"))
    for number, id in enumerate("st", 1):
        stores.sessions.create(**session_fields("a", id=id))
        assert stores.session_logs.append(id, **log_fields()).id == number


def snapshot(stores: Facade) -> list[Any]:
    tables = ("agents", "sessions", "session_logs", "sqlite_sequence")
    return [stores.rows(f"SELECT * FROM {table} ORDER BY 1") for table in tables]


def refused(stores: Facade, call: Callable[[], Any], kind: type[AgentDBError]) -> Any:
    """The error of the call, which must have left everything as it was, and the stores usable."""
    before = snapshot(stores)
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    assert snapshot(stores) == before
    assert stores.agents.update("a", name="still at work").name == "still at work"
    return caught.value


def check_field(stores: Facade, call: Callable[[], Any], field: str, value: Any, code: str) -> None:
    error = refused(stores, call, FieldError)
    assert (error.field, error.code) == (field, code)
    assert error.value is value
    assert error.message.startswith(f"{field} ")
    assert f"({type(value).__name__}" in error.message
    assert len(error.message) < 300
    error.message.encode()
    assert error.remedy in str(error)


@pytest.mark.parametrize("field", AGENT_FIELDS)
def test_an_agent_is_not_created_with_what_its_field_cannot_hold(stores: Facade, field: str) -> None:
    for value, code in AGENT_FIELDS[field]:
        given = agent_fields(**{"id": "new", field: value})
        check_field(stores, lambda given=given: stores.agents.create(**given), field, value, code)


@pytest.mark.parametrize("field", sorted(AGENT_FIELDS.keys() - {"id", "type", "created_at", "updated_at"}))
def test_an_agent_is_not_given_what_its_field_cannot_hold(stores: Facade, field: str) -> None:
    for value, code in AGENT_FIELDS[field]:
        if value is not UNSET:
            check_field(stores, lambda value=value: stores.agents.update("a", **{field: value}), field, value, code)


@pytest.mark.parametrize("field", SESSION_FIELDS)
def test_a_session_is_not_created_with_what_its_field_cannot_hold(stores: Facade, field: str) -> None:
    for value, code in SESSION_FIELDS[field]:
        given = session_fields("a") | {"id": "new", field: value}
        check_field(stores, lambda given=given: stores.sessions.create(**given), field, value, code)


@pytest.mark.parametrize(("value", "code"), [wrong for wrong in NO_TIME if wrong[0] is not UNSET], ids=repr)
def test_an_activity_that_is_no_moment_is_refused(stores: Facade, value: Any, code: str) -> None:
    check_field(stores, lambda: stores.sessions.update("s", last_activity_at=value), "last_activity_at", value, code)


@pytest.mark.parametrize("field", sorted(SESSION_FIELDS.keys() - {"id", "created_at", "updated_at"}))
def test_a_session_is_not_given_what_its_field_cannot_hold(stores: Facade, field: str) -> None:
    for value, code in SESSION_FIELDS[field]:
        if value is not UNSET:
            check_field(stores, lambda value=value: stores.sessions.update("s", **{field: value}), field, value, code)


@pytest.mark.parametrize("many", [False, True], ids=["append", "append_many"])
@pytest.mark.parametrize("field", LOG_FIELDS)
def test_a_log_is_not_appended_with_what_its_field_cannot_hold(stores: Facade, field: str, many: bool) -> None:
    for value, code in LOG_FIELDS[field]:
        given = log_fields(**{field: value})

        def call(given: dict[str, Any] = given) -> Any:
            if many:
                return stores.session_logs.append_many("s", [NewLog(**log_fields()), NewLog(**given)])
            return stores.session_logs.append("s", **given)

        check_field(stores, call, field, value, code)


@pytest.mark.parametrize("field", ["content", "metadata"])
def test_a_log_is_not_given_what_its_field_cannot_hold(stores: Facade, field: str) -> None:
    for value, code in LOG_FIELDS[field]:
        if value is not UNSET:
            check_field(stores, lambda value=value: stores.session_logs.update(1, **{field: value}), field, value, code)


TEXT_IDS: dict[str, tuple[str, Callable[[Facade, Any], Any]]] = {
    "agents.get": ("id", lambda db, id: db.agents.get(id)),
    "agents.require": ("id", lambda db, id: db.agents.require(id)),
    "agents.exists": ("id", lambda db, id: db.agents.exists(id)),
    "agents.delete": ("id", lambda db, id: db.agents.delete(id)),
    "agents.delete cascade": ("id", lambda db, id: db.agents.delete(id, cascade=True)),
    "agents.update": ("id", lambda db, id: db.agents.update(id, name="x")),
    "sessions.get": ("id", lambda db, id: db.sessions.get(id)),
    "sessions.require": ("id", lambda db, id: db.sessions.require(id)),
    "sessions.with_agent": ("id", lambda db, id: db.sessions.with_agent(id)),
    "sessions.exists": ("id", lambda db, id: db.sessions.exists(id)),
    "sessions.delete": ("id", lambda db, id: db.sessions.delete(id)),
    "sessions.update": ("id", lambda db, id: db.sessions.update(id, name="x")),
    "sessions.update_status": ("id", lambda db, id: db.sessions.update_status(id, "idle")),
    "sessions.by_agent": ("main_agent_id", lambda db, id: db.sessions.by_agent(id)),
    "logs.append": ("session_id", lambda db, id: db.session_logs.append(id, **log_fields())),
    "logs.append_many": ("session_id", lambda db, id: db.session_logs.append_many(id, [])),
    "logs.page": ("session_id", lambda db, id: db.session_logs.page(id)),
    "logs.latest": ("session_id", lambda db, id: db.session_logs.latest(id)),
    "logs.clear": ("session_id", lambda db, id: db.session_logs.clear(id)),
    "logs.count": ("session_id", lambda db, id: db.session_logs.count(id)),
}
NUMBER_IDS: dict[str, Callable[[Facade, Any], Any]] = {
    "get": lambda db, id: db.session_logs.get(id),
    "require": lambda db, id: db.session_logs.require(id),
    "children": lambda db, id: db.session_logs.children(id),
    "subtree": lambda db, id: db.session_logs.subtree(id),
    "update": lambda db, id: db.session_logs.update(id, content=1),
    "delete": lambda db, id: db.session_logs.delete(id),
    "exists": lambda db, id: db.session_logs.exists(id),
}


@pytest.mark.parametrize("name", TEXT_IDS)
def test_what_is_no_id_is_refused_everywhere(stores: Facade, name: str) -> None:
    field, call = TEXT_IDS[name]
    for value, code in NO_ID + MISSING:
        check_field(stores, lambda value=value: call(stores, value), field, value, code)


@pytest.mark.parametrize("name", NUMBER_IDS)
def test_what_is_no_id_of_a_log_is_refused_everywhere(stores: Facade, name: str) -> None:
    for value, code in NO_INTEGER + MISSING:
        check_field(stores, lambda value=value: NUMBER_IDS[name](stores, value), "id", value, code)


def test_what_is_no_external_id_is_refused(stores: Facade) -> None:
    for value, code in NO_TEXT + MISSING:
        check_field(
            stores, lambda value=value: stores.sessions.by_external_id(value), "external_session_id", value, code
        )


def test_filters_are_checked_like_fields(stores: Facade) -> None:
    for value, code in NO_ID:
        check_field(stores, lambda value=value: stores.agents.list(type=value), "type", value, code)
        check_field(stores, lambda value=value: stores.agents.count(type=value), "type", value, code)
    for value, code in NO_CHOICE:
        check_field(stores, lambda value=value: stores.sessions.list(status=value), "status", value, code)
        check_field(stores, lambda value=value: stores.sessions.count(status=value), "status", value, code)
        check_field(stores, lambda value=value: stores.sessions.update_status("s", value), "status", value, code)
    for value, code in NO_CHOICE + MISSING:
        check_field(stores, lambda value=value: stores.sessions.by_status(value), "status", value, code)
    for value, code in NO_ID:
        check_field(stores, lambda value=value: stores.sessions.list(main_agent_id=value), "main_agent_id", value, code)
        check_field(
            stores, lambda value=value: stores.sessions.count(main_agent_id=value), "main_agent_id", value, code
        )


LISTS: dict[str, Callable[..., Any]] = {
    "agents": lambda db, **options: db.agents.list(**options),
    "agents of a type": lambda db, **options: db.agents.list(type="codex", **options),
    "sessions": lambda db, **options: db.sessions.list(**options),
    "sessions of a status": lambda db, **options: db.sessions.by_status("running", **options),
    "sessions of an agent": lambda db, **options: db.sessions.by_agent("a", **options),
    "logs of s": lambda db, **options: db.session_logs.page("s", **options),
    "logs of t": lambda db, **options: db.session_logs.page("t", **options),
    "logs of s from the end": lambda db, **options: db.session_logs.page("s", newest_first=True, **options),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_limit_is_a_number_from_1_to_10000(stores: Facade, name: str) -> None:
    ask = LISTS[name]
    for value, code in NO_LIMIT:
        check_field(stores, lambda value=value: ask(stores, limit=value), "limit", value, code)
    ask(stores, limit=10_000)


@pytest.mark.parametrize("name", LISTS)
def test_a_cursor_is_one_that_this_list_gave(stores: Facade, name: str) -> None:
    stores.agents.create(**agent_fields(id="b"))
    for id in "st":
        stores.session_logs.append(id, **log_fields())
    cursors = {other: ask(stores, limit=1).next_cursor for other, ask in LISTS.items()}
    assert all(cursors.values())
    assert LISTS[name](stores, cursor=cursors[name]).items
    for value in [*NO_CURSOR, *(cursor for other, cursor in cursors.items() if other != name)]:
        check_field(stores, lambda value=value: LISTS[name](stores, cursor=value), "cursor", value, "bad_cursor")
    for position in range(len(cursors[name])):
        bent = cursors[name][:position] + "A" + cursors[name][position + 1 :]
        if bent != cursors[name] and position < len(bent) - 1:  # the last digit holds bits that mean nothing
            with pytest.raises(FieldError):
                LISTS[name](stores, cursor=bent)


def test_logs_to_append_are_an_iterable_of_new_logs(stores: Facade) -> None:
    for value in (5, None, NewLog(**log_fields())):
        check_field(
            stores, lambda value=value: stores.session_logs.append_many("s", value), "logs", value, "wrong_type"
        )
    for value in ({}, "x", None, stores.session_logs.get(1)):
        check_field(
            stores, lambda value=value: stores.session_logs.append_many("s", [value]), "logs", value, "wrong_type"
        )


def test_an_id_that_is_taken_is_refused(stores: Facade) -> None:
    error = refused(stores, lambda: stores.agents.create(**agent_fields(id="a")), AlreadyExistsError)
    assert error.message == "agent 'a' exists already"
    error = refused(stores, lambda: stores.sessions.create(**session_fields("a", id="s")), AlreadyExistsError)
    assert error.message == "session 's' exists already"


def test_a_reference_to_nothing_is_refused(stores: Facade) -> None:
    error = refused(stores, lambda: stores.sessions.create(main_agent_id="nobody"), NotFoundError)
    assert error.message == "main_agent_id: there is no agent 'nobody'"
    error = refused(stores, lambda: stores.sessions.update("s", main_agent_id="nobody", name="x"), NotFoundError)
    assert error.message == "main_agent_id: there is no agent 'nobody'"
    for given in (log_fields(), log_fields(parent_id=1), log_fields(parent_id=99)):
        error = refused(stores, lambda given=given: stores.session_logs.append("nowhere", **given), NotFoundError)
        assert error.message == "session_id: there is no session 'nowhere'"
    error = refused(stores, lambda: stores.session_logs.append("s", **log_fields(), parent_id=99), NotFoundError)
    assert error.message == "parent_id: there is no log 99"


def test_a_parent_in_another_session_is_refused(stores: Facade) -> None:
    check_field(
        stores,
        lambda: stores.session_logs.append("s", **log_fields(), parent_id=2),
        "parent_id",
        2,
        "other_session",
    )
    check_field(
        stores,
        lambda: stores.session_logs.append_many("s", [NewLog(**log_fields()), NewLog(**log_fields(), parent_id=2)]),
        "parent_id",
        2,
        "other_session",
    )


def test_what_stays_within_the_limits_is_taken(stores: Facade) -> None:
    deepest = nested(500)
    log = stores.session_logs.append("s", **log_fields(content=deepest))
    assert stores.session_logs.get(log.id).content == deepest
    assert stores.session_logs.get(log.id).to_dict()["content"] == deepest
    assert log == stores.session_logs.get(log.id)
    agent = stores.agents.create(name="", model="", max_steps=2**63 - 1, knowledges=[10**4000])
    assert stores.agents.get(agent.id) == agent
    first = datetime.min.replace(tzinfo=UTC)
    last = datetime.max.replace(tzinfo=UTC, microsecond=999_000)
    agent = stores.agents.create(name="n", model="m", created_at=first, updated_at=last)
    assert (agent.created_at, agent.updated_at) == (first, last)
    assert stores.agents.get(agent.id) == agent


class Word(str, Enum):  # noqa: UP042 (unlike a StrEnum, its str() is its name)
    CODEX = "codex"
    RUNNING = "running"


class Number(IntEnum):
    SEVEN = 7


def test_members_of_enumerations_are_stored_by_their_value(stores: Facade) -> None:
    agent = stores.agents.create(
        id=Word.CODEX,
        type=Word.CODEX,
        name=Word.CODEX,
        model="m",
        max_steps=Number.SEVEN,
        mcps=[Word.CODEX, Number.SEVEN],
    )
    assert (agent.id, agent.type, agent.name, agent.max_steps) == ("codex", "codex", "codex", 7)
    assert {type(agent.id), type(agent.type), type(agent.name), type(agent.max_steps)} == {str, int}
    assert agent.mcps == ["codex", 7]
    assert stores.agents.get("codex") == agent
    assert [found.id for found in stores.agents.list(type=Word.CODEX).items] == ["codex", "a"]
    assert stores.sessions.update("s", status=Word.RUNNING).status == "running"


def test_tuples_are_lists(stores: Facade) -> None:
    agent = stores.agents.create(name="n", model="m", mcps=("a", ("b",)))  # type: ignore[arg-type]
    assert agent.mcps == ["a", ["b"]]
    assert stores.agents.get(agent.id) == agent
