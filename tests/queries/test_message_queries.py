"""The constants of messages, of searching in them, and those that sessions and logs got with them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from agentdb.queries import message_search, messages, session_logs, sessions

Fetch = Callable[..., list[dict[str, Any]]]
Add = Callable[..., None]

MODULES = {
    "messages": messages,
    "message_search": message_search,
    "sessions": sessions,
    "session_logs": session_logs,
}


def parameters_of(sql: str) -> set[str]:
    return set(re.findall(r":([A-Za-z_]\w*)", re.sub(r"'[^']*'", "''", sql)))


COLUMNS = {
    *("session_id", "role", "token_count", "is_preserved", "is_summary", "created_at", "name", "tool_call_id"),
    *("content", "tool_calls_json", "usage_json", "metadata_json", "payload_json"),
}
MESSAGE = {**dict.fromkeys(COLUMNS), "session_id": "s", "role": "user", "is_preserved": 0, "is_summary": 0}

LIVE = "SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 (id=?)"
SCOPE = {"session_id", "agent_id", "include_deleted"}
OF_SESSION = "SEARCH messages USING INDEX sqlite_autoindex_messages_1 (session_id=?{})"
COVERING = OF_SESSION.replace("USING", "USING COVERING")
BY_ID = "SEARCH messages USING INTEGER PRIMARY KEY (rowid{}?)"
IN_LIST = [BY_ID.format("="), "LIST SUBQUERY 1", "SCAN json_each VIRTUAL TABLE INDEX 1:"]
SESSION = parameters_of(sessions.UPDATE) | {"title", "metadata_json"}
CARDS = {"cursor_time", "cursor_id", "limit"}

#: (module, constant): what it binds, and the steps of its plan that are no SUBQUERY.
CONSTANTS: dict[tuple[str, str], tuple[set[str], list[str]]] = {
    ("messages", "APPEND"): (COLUMNS, [LIVE]),
    ("messages", "INSERT"): (COLUMNS | {"id", "seq"}, []),
    ("messages", "GET_BY_ID"): ({"id", "include_deleted"}, [BY_ID.format("="), LIVE]),
    ("messages", "GET_BY_SESSION_ID"): ({"session_id", "include_deleted"}, [OF_SESSION.format(""), LIVE]),
    ("messages", "GET_LATEST_BY_SESSION_ID"): (
        {"session_id", "include_deleted", "limit"},
        [OF_SESSION.format(""), LIVE],
    ),
    ("messages", "PAGE"): (
        {"session_id", "include_deleted", "cursor_seq", "limit"},
        [OF_SESSION.format(" AND seq>?"), LIVE],
    ),
    ("messages", "PAGE_BACK"): (
        {"session_id", "include_deleted", "cursor_seq", "limit"},
        [OF_SESSION.format(" AND seq<?"), LIVE],
    ),
    ("messages", "POP"): (
        {"session_id"},
        [BY_ID.format("="), COVERING.format(""), LIVE],
    ),
    ("messages", "DELETE_BY_ID"): ({"id"}, [BY_ID.format("="), LIVE]),
    ("messages", "DELETE_FROM_SEQ"): ({"session_id", "seq"}, [COVERING.format(" AND seq>?"), LIVE]),
    ("messages", "DELETE_BY_SESSION_ID"): ({"session_id"}, [COVERING.format(""), LIVE]),
    ("messages", "STATS"): ({"session_id", "include_deleted"}, [LIVE, OF_SESSION.format("")]),
    # Ids and ranks alone are sorted, never texts.
    ("message_search", "MATCH"): (
        SCOPE | {"expression", "limit"},
        ["SCAN messages_fts VIRTUAL TABLE INDEX 0:M1", BY_ID.format("="), LIVE, "USE TEMP B-TREE FOR ORDER BY"],
    ),
    ("message_search", "SNIPPET"): ({"expression", "id"}, ["SCAN messages_fts VIRTUAL TABLE INDEX 0:=M1"]),
    ("message_search", "NEWEST"): (SCOPE - {"session_id"} | {"cursor_id", "limit"}, [BY_ID.format("<"), LIVE]),
    ("message_search", "NEWEST_OF_SESSION"): (
        SCOPE | {"cursor_seq", "limit"},
        [LIVE, OF_SESSION.format(" AND seq<?")],
    ),
    ("message_search", "NEWEST_WITH_NUL"): (
        SCOPE | {"cursor_id", "limit"},
        ["SEARCH messages USING INDEX idx_messages_with_nul (id<?)", LIVE],
    ),
    ("message_search", "OPTIMIZE"): (set(), []),
    ("message_search", "CHECKPOINT"): (set(), []),
    ("message_search", "SIZES"): ({"ids"}, IN_LIST),
    ("message_search", "CONTENTS"): ({"ids"}, IN_LIST),
    ("message_search", "GET_BY_IDS"): ({"ids"}, IN_LIST),
    # A trigger follows these inserts, so SQLite looks for what refers to the row.
    **{
        ("sessions", name): (
            SESSION | {"created_at"},
            [
                "SEARCH compaction_events USING COVERING INDEX idx_compaction_events_session_id (session_id=?)",
                "SEARCH agent_contexts USING COVERING INDEX sqlite_autoindex_agent_contexts_1 (session_id=?)",
                "SEARCH messages USING COVERING INDEX sqlite_autoindex_messages_1 (session_id=?)",
                "SEARCH session_logs USING COVERING INDEX idx_session_logs_created_at (session_id=?)",
            ],
        )
        for name in ("INSERT_WITH_TITLE", "INSERT_MISSING")
    },
    ("sessions", "UPDATE_WITH_TITLE"): (SESSION | {"last_activity_at"}, [LIVE]),
    ("sessions", "SOFT_DELETE"): ({"id", "deleted_at"}, [LIVE]),
    ("sessions", "RESTORE"): ({"id"}, [LIVE]),
    ("sessions", "GET_LIVE_BY_ID"): ({"id", "include_deleted"}, [LIVE]),
    ("sessions", "GET_LIVE_WITH_AGENT"): (
        {"id", "include_deleted"},
        [LIVE, "SEARCH agents USING INDEX sqlite_autoindex_agents_1 (id=?)"],
    ),
    ("sessions", "GET_LIVE_BY_EXTERNAL_SESSION_ID"): (
        {"external_session_id", "include_deleted"},
        ["SEARCH sessions USING INDEX idx_sessions_external_session_id (external_session_id=?)"],
    ),
    ("sessions", "CHECK_LIVE"): ({"id", "include_deleted"}, [LIVE]),
    ("sessions", "LIVE_CARDS"): (
        CARDS | {"include_deleted"},
        ["SEARCH sessions USING INDEX idx_sessions_created_at ((created_at,id)<(?,?))"],
    ),
    ("sessions", "LIVE_CARDS_BY_STATUS"): (
        CARDS | {"include_deleted", "status"},
        ["SEARCH sessions USING INDEX idx_sessions_status (status=? AND (created_at,id)<(?,?))"],
    ),
    ("sessions", "LIVE_CARDS_BY_AGENT"): (
        CARDS | {"include_deleted", "status", "main_agent_id"},
        ["SEARCH sessions USING INDEX idx_sessions_main_agent_id (main_agent_id=? AND (created_at,id)<(?,?))"],
    ),
    ("sessions", "LIVE_CARDS_BY_ACTIVITY"): (CARDS, ["SEARCH sessions USING INDEX idx_sessions_activity (<expr><?)"]),
    ("sessions", "COUNT_LIVE"): (
        {"include_deleted"},
        [
            "SCAN CONSTANT ROW",
            "SCAN sessions USING INDEX idx_sessions_activity",
            "SEARCH sessions USING COVERING INDEX idx_sessions_deleted_at (deleted_at>?)",
        ],
    ),
    ("sessions", "COUNT_LIVE_BY_STATUS"): (
        {"include_deleted", "status"},
        ["SEARCH sessions USING INDEX idx_sessions_status (status=?)"],
    ),
    ("sessions", "COUNT_LIVE_BY_AGENT"): (
        {"include_deleted", "status", "main_agent_id"},
        ["SEARCH sessions USING INDEX idx_sessions_main_agent_id (main_agent_id=?)"],
    ),
    ("session_logs", "GET_LIVE_BY_ID"): (
        {"id", "include_deleted"},
        ["SEARCH session_logs USING INTEGER PRIMARY KEY (rowid=?)", LIVE],
    ),
    **{
        ("session_logs", name): (
            CARDS | {"session_id", "include_deleted"},
            [
                f"SEARCH session_logs USING INDEX idx_session_logs_created_at (session_id=? AND created_at{way}?)",
                LIVE,
            ],
        )
        for name, way in (("LIVE_PAGE", ">"), ("LIVE_PAGE_BACK", "<"))
    },
    ("session_logs", "COUNT_LIVE_BY_SESSION_ID"): (
        {"session_id", "include_deleted"},
        ["SEARCH session_logs USING COVERING INDEX idx_session_logs_created_at (session_id=?)", LIVE],
    ),
}
ALL = list(CONSTANTS)
USABLE = {**MESSAGE, "main_agent_id": "a", "seq": 1, "limit": 1, "ids": "[1]", "expression": '"abc"'}


@pytest.mark.parametrize("module", ["messages", "message_search"])
def test_every_constant_of_these_modules_is_held_to_its_plan(module: str) -> None:
    public = {(module, name) for name in vars(MODULES[module]) if name.isupper()}
    assert public <= CONSTANTS.keys()


@pytest.mark.parametrize(("module", "name"), ALL, ids=[f"{module}.{name}" for module, name in ALL])
def test_a_constant_binds_exactly_these_parameters_and_is_answered_from_an_index(
    connection: sqlite3.Connection, session: str, module: str, name: str
) -> None:
    sql = getattr(MODULES[module], name)
    parameters, plan = CONSTANTS[module, name]
    assert parameters_of(sql) == parameters
    own = {"id": "new"} if name == "INSERT_MISSING" else {}
    connection.execute(sql, {**dict.fromkeys(parameters), **USABLE, **own}).fetchall()
    rows = connection.execute(f"EXPLAIN QUERY PLAN {sql}", dict.fromkeys(parameters)).fetchall()
    steps = [row["detail"] for row in rows if "SCALAR SUBQUERY" not in row["detail"]]
    covered = [
        step.replace("COVERING INDEX sqlite_autoindex_sessions", "INDEX sqlite_autoindex_sessions") for step in steps
    ]
    assert covered == plan


@pytest.fixture
def session(connection: sqlite3.Connection, add_agent: Add, add_session: Add) -> str:
    add_agent(connection)
    add_session(connection)
    return "s"


def test_append_gives_the_next_seq_and_leaves_out_the_session_that_is_not_live(
    connection: sqlite3.Connection, session: str, fetch: Fetch
) -> None:
    connection.execute(messages.INSERT, MESSAGE | {"id": None, "seq": 7})
    assert fetch(connection, messages.APPEND, **MESSAGE) == [{"id": 2, "seq": 8}]
    connection.execute("DELETE FROM messages")
    assert fetch(connection, messages.APPEND, **MESSAGE) == [{"id": 3, "seq": 9}]
    assert fetch(connection, messages.APPEND, **MESSAGE | {"session_id": "nowhere"}) == []
    connection.execute(sessions.SOFT_DELETE, {"id": "s", "deleted_at": None})
    assert fetch(connection, messages.APPEND, **MESSAGE) == []
    assert fetch(connection, messages.POP, session_id="s") == []
    assert connection.execute(messages.DELETE_BY_ID, {"id": 3}).rowcount == 0


def test_pages_and_the_latest_are_in_order_of_seq_not_of_time_or_id(
    connection: sqlite3.Connection, session: str, fetch: Fetch
) -> None:
    for seq, day in ((3, 1), (1, 3), (2, 2)):
        at = f"2024-01-0{day}T00:00:00.000Z"
        connection.execute(messages.INSERT, MESSAGE | {"id": None, "seq": seq, "created_at": at})
    live = {"session_id": "s", "include_deleted": 0}

    def seqs(sql: str, **args: Any) -> list[int]:
        return [row["seq"] for row in fetch(connection, sql, **live, **args)]

    assert seqs(messages.GET_BY_SESSION_ID) == seqs(messages.PAGE, cursor_seq=0, limit=9) == [1, 2, 3]
    assert seqs(messages.PAGE, cursor_seq=1, limit=1) == [2]
    assert seqs(messages.PAGE_BACK, cursor_seq=3, limit=9) == [2, 1]
    assert seqs(messages.GET_LATEST_BY_SESSION_ID, limit=2) == [3, 2]


def test_no_statement_that_lists_sessions_reads_messages() -> None:
    for name, sql in vars(sessions).items():
        if "CARDS" in name:
            assert "messages" not in sql


def test_sizes_are_bytes_and_a_message_that_lost_its_content_has_none(
    connection: sqlite3.Connection, session: str, fetch: Fetch
) -> None:
    for content in ("aü\0b", None):
        connection.execute(messages.APPEND, MESSAGE | {"content": content}).fetchall()
    sizes = [{"id": 1, "bytes": 5}, {"id": 2, "bytes": 0}]
    assert fetch(connection, message_search.SIZES, ids="[1, 2, 3]") == sizes
    live = {"session_id": None, "agent_id": None, "include_deleted": 0, "cursor_id": 9, "limit": 9}
    found = [{"id": 1, "seq": 1, "chars": 2, "bytes": 5}]
    assert fetch(connection, message_search.NEWEST, **live) == found
    assert fetch(connection, message_search.NEWEST_WITH_NUL, **live) == found
    of_session = live | {"session_id": session, "cursor_seq": 9}
    assert fetch(connection, message_search.NEWEST_OF_SESSION, **of_session) == found


def test_title_and_metadata_are_written_beside_what_was_there_before(
    connection: sqlite3.Connection, session: str, fetch: Fetch
) -> None:
    row = {**dict.fromkeys(SESSION | {"created_at"}), "id": "t", "main_agent_id": "a", "name": "n", "title": "T"}
    connection.execute(sessions.INSERT_WITH_TITLE, row | {"metadata_json": "{}"})
    (before,) = fetch(connection, sessions.GET_BY_ID, id="t")
    assert (before["title"], before["metadata_json"], before["name"], before["status"]) == ("T", "{}", "n", "idle")
    connection.execute(sessions.UPDATE_WITH_TITLE, before | {"title": None, "last_activity_at": before["created_at"]})
    changed = {"title": None, "last_activity_at": before["created_at"]}
    assert fetch(connection, sessions.GET_BY_ID, id="t") == [before | changed]
    # The statement of before leaves the new columns alone.
    connection.execute(sessions.UPDATE, before | {"name": "m"})
    assert fetch(connection, sessions.GET_BY_ID, id="t") == [before | changed | {"name": "m"}]
