"""Whatever is given, what comes out is an agentdb error, and no error and no log quotes what a row or an argument holds."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import agentdb
from agentdb import AgentDB, create_client, create_client_sync
from agentdb.errors import AgentDBError, FieldError, StorageError
from agentdb.stores import NewLog, NewMessage

NEEDLE = "s3cret-n33dle"
DIGITS = 271828182845904523


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with AgentDB.open(tmp_path_factory.mktemp("private") / "a.db") as db:
        db.agents.create(id="a", name="A", model="m")
        db.sessions.create(id="s", main_agent_id="a")
        db.agent_contexts.start("s", "a")
        yield db


def text_of(value: object) -> str:
    return value if isinstance(value, str) else "x"


#: One call for each value that a caller can give beside ids; ids are named, so that an error says which row is meant.
CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "agent name": lambda db, v: db.agents.create(name=v, model="m"),
    "agent type": lambda db, v: db.agents.create(name="n", model="m", type=v),
    "agent mode": lambda db, v: db.agents.create(name="n", model="m", permission_mode=v),
    "agent steps": lambda db, v: db.agents.create(name="n", model="m", max_steps=v),
    "agent update": lambda db, v: db.agents.update("a", name=v),
    "agents page": lambda db, v: db.agents.list(limit=v),
    "agents cursor": lambda db, v: db.agents.list(cursor=v),
    "session title": lambda db, v: db.sessions.create(main_agent_id="a", name=v),
    "session update": lambda db, v: db.sessions.update("s", name=v),
    "sessions page": lambda db, v: db.sessions.list(limit=v),
    "message role": lambda db, v: db.messages.append("s", role=v, content="c"),
    "message content": lambda db, v: db.messages.append("s", role="user", content=v),
    "message payload": lambda db, v: db.messages.append("s", role="user", content="c", payload=v),
    "message in payload": lambda db, v: db.messages.append("s", role="user", content="c", payload={"a": [v]}),
    "message key": lambda db, v: db.messages.append(
        "s", role="user", content="c", payload={v if isinstance(v, (str, bytes, int, float, tuple)) else None: 1}
    ),
    "message tokens": lambda db, v: db.messages.append("s", role="user", content="c", token_count=v),
    "message id": lambda db, v: db.messages.append("s", role="user", content="c", external_id=v),
    "message update": lambda db, v: db.messages.update(db.messages.append("s", role="user", content="c").id, content=v),
    "messages": lambda db, v: db.messages.append_many("s", v),
    "messages of": lambda db, v: db.messages.append_many("s", [v]),
    "new message": lambda db, v: db.messages.append_many("s", [NewMessage(role="user", content=v)]),
    "search": lambda db, v: db.messages.search(v),
    "search expression": lambda db, v: db.messages.search(v, syntax=True),
    "search quoted": lambda db, v: db.messages.search('"' + text_of(v), syntax=True),
    "search column": lambda db, v: db.messages.search(text_of(v) + ":x", syntax=True),
    "search limit": lambda db, v: db.messages.search("x", limit=v),
    "latest": lambda db, v: db.messages.latest("s", limit=v),
    "log": lambda db, v: db.session_logs.append("s", role="user", type=v, content=v),
    "logs": lambda db, v: db.session_logs.append_many("s", [NewLog(role=v, type="text", content=v)]),
    "compact tokens": lambda db, v: db.compactions.should_compact("s", max_tokens=v),
    "compact trigger": lambda db, v: db.compactions.should_compact("s", trigger=v),
    "plan": lambda db, v: db.compactions.plan("s", keep_last=v),
    "compact": lambda db, v: db.compactions.compact("s", v),
    "switch reason": lambda db, v: db.agent_contexts.switch("s", "a", reason=v),
    "switch metadata": lambda db, v: db.agent_contexts.switch("s", "a", metadata={"k": v}),
    "save": lambda db, v: db.conversations.save_session("s", v),
    "save of": lambda db, v: db.conversations.save_session("s", [{"role": "user", "content": v}]),
    "history": lambda db, v: db.conversations.get_agent_switch_history("s", limit=v),
    "bound": lambda db, v: db.client.execute("SELECT ?", [v]),
    "bound by name": lambda db, v: db.client.execute("SELECT :v", {"v": v}),
    "json": lambda db, v: db.client.execute("SELECT json(?)", [v]),
    "json path": lambda db, v: db.client.execute("SELECT json_extract('{}', ?)", [v]),
    "match": lambda db, v: db.client.execute("SELECT * FROM messages_fts WHERE messages_fts MATCH ?", [v]),
    "check": lambda db, v: db.client.execute("INSERT INTO agents (name, model, type) VALUES ('n', 'm', ?)", [v]),
    "reference": lambda db, v: db.client.execute("INSERT INTO sessions (id, main_agent_id) VALUES ('x', ?)", [v]),
    "attach": lambda db, v: db.client.execute("ATTACH ? AS other", ["/nowhere/" + text_of(v)]),
    "function": lambda db, v: db.client.execute("SELECT abs(-9223372036854775808), ?", [v]),
    "missing": lambda db, v: db.client.execute("SELECT ? FROM nowhere", [v]),
    "row": lambda db, v: db.client.execute("SELECT CAST(? || x'ff' AS TEXT)", [v if isinstance(v, str) else "x"]),
}

EXTREME: list[Any] = [
    *(10**400, -(10**400), 10**5000, 2**63, -(2**63) - 1, 2**63 - 1, 0, -1, DIGITS, -DIGITS),
    *(float("nan"), float("inf"), -float("inf"), 1e308, -0.0, 5e-324, 0.271828182845904523e18),
    *(
        "",
        "\0",
        "\ud800",
        NEEDLE,
        f"{NEEDLE}\ud800",
        f'{NEEDLE}"',
        f"$.{NEEDLE}[",
        f"{NEEDLE}\0",
        f"*{NEEDLE}",
        "é" * 500,
    ),
    *(NEEDLE.encode(), None, True, [], {}, [NEEDLE], {NEEDLE: NEEDLE}, {1: NEEDLE}, [float("nan"), NEEDLE]),
    *(datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC), object(), {NEEDLE}, (NEEDLE,), [b"x"], [10**5000]),
]
values = (
    st.sampled_from(EXTREME)
    | st.integers()
    | st.floats()
    | st.builds(lambda before, after: before + NEEDLE + after, st.text(max_size=5), st.text(max_size=5))
)


class Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += self.format(record)


def check(db: Any, call: str, value: Any) -> None:
    heard = Heard()
    logger = logging.getLogger("agentdb")
    logger.addHandler(heard)
    logger.setLevel(1)
    try:
        CALLS[call](db, value)
    except AgentDBError as error:
        printed = "".join(traceback.format_exception_only(error)) + str(error) + repr(error) + error.remedy
        chain: BaseException | None = error
        while chain is not None:
            printed += str(chain)
            chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
        assert NEEDLE not in printed, (call, printed)
        assert str(DIGITS) not in printed
        printed.encode()
    finally:
        logger.removeHandler(heard)
        logger.setLevel(0)
    assert NEEDLE not in heard.text


@pytest.mark.parametrize("call", CALLS)
def test_an_extreme_value_gives_an_agentdb_error_at_most_and_is_not_quoted(db: Any, call: str) -> None:
    for value in EXTREME:
        check(db, call, value)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(call=st.sampled_from(sorted(CALLS)), value=values)
@example(call="compact trigger", value=10**400)
def test_any_value_gives_an_agentdb_error_at_most_and_is_not_quoted(db: Any, call: str, value: Any) -> None:
    check(db, call, value)


def test_a_field_error_has_the_value_and_its_message_the_type_and_the_length(db: Any) -> None:
    with pytest.raises(FieldError) as refused:
        db.agents.create(name="n", model="m", max_steps=NEEDLE)
    assert refused.value.value == NEEDLE
    assert refused.value.message == f"max_steps is an integer, not str (str of length {len(NEEDLE)})"


@pytest.mark.parametrize(
    "option", ["busy_timeout", "journal_size_limit", "readers", "mode", "synchronous", "read_only"]
)
def test_a_setting_with_too_many_digits_is_refused_in_words(tmp_path: Path, option: str) -> None:
    for make in (create_client, create_client_sync):
        with pytest.raises(AgentDBError, match=option):
            make(tmp_path / "a.db", **{option: 10**5000})


@pytest.mark.skipif(os.name != "posix", reason="a folder in use cannot be removed")
def test_a_relative_path_in_a_folder_that_is_gone_is_a_storage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "a.db"
    AgentDB.open(whole).close()
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    uses: list[Callable[[], Any]] = [
        lambda: create_client_sync("a.db"),
        lambda: create_client("a.db"),
        lambda: create_client_sync("file:a.db"),
        lambda: AgentDB.open("a.db"),
        lambda: agentdb.backup("a.db"),
        lambda: agentdb.backup(whole, "there"),
        lambda: agentdb.restore(database="b.backup", backup=whole),
    ]
    for use in uses:
        with pytest.raises(StorageError) as refused:
            use()
        assert refused.value.code == "folder_missing"
    pending = [agentdb.Migration("001", "more", ["CREATE TABLE more (a)"], ["DROP TABLE more"])]
    with create_client_sync(whole) as client:
        migrator = agentdb.Migrator(client, migrations=pending, table="others", backup_dir="backups")
        with pytest.raises(StorageError) as refused:
            migrator.migrate()
        assert refused.value.code == "folder_missing"
        assert not client.execute("SELECT 1 FROM sqlite_master WHERE name = 'more'").rows
    AgentDB.open(whole).close()
    AgentDB.open(":memory:").close()
