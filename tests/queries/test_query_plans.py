"""Every constant of every query module: what it binds, that it runs with that and no less, and how SQLite answers it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import pytest

from agentdb.queries import (
    agent_contexts,
    agents,
    compactions,
    conversations,
    message_search,
    messages,
    session_logs,
    sessions,
)

Add = Callable[..., None]

MODULES = {
    "agents": agents,
    "sessions": sessions,
    "session_logs": session_logs,
    "messages": messages,
    "message_search": message_search,
    "agent_contexts": agent_contexts,
    "compactions": compactions,
    "conversations": conversations,
}
CONSTANTS = {
    (owner, name): sql for owner, module in MODULES.items() for name, sql in vars(module).items() if name.isupper()
}

#: Parameters that are no columns.
BESIDE = (
    {"ids", "include_deleted", "limit", "offset", "before", "expression", "agent_id"}
    | {"term", "last_term", "start_mark", "end_mark", "tag", "pinned", "archived"}
    | {f"cursor_{name}" for name in ("id", "time", "seq", "rank")}
)

# What a plan names: a table and what its rows are found by, in any order; * is any index.
AGENT = "agents sqlite_autoindex_agents_1 (id=?)"
SESSION = "sessions sqlite_autoindex_sessions_1 (id=?)"
MESSAGE = "messages id (rowid=?)"
# Where a trigger follows an INSERT, SQLite looks for rows that refer to the new one, as it does for a DELETE.
OF_SESSION = (
    "agent_contexts * (session_id=?)",
    "agent_switches * (session_id=?)",
    "compaction_events * (session_id=?)",
    "messages * (session_id=?)",
    "session_logs * (session_id=?)",
    "sessions idx_sessions_forked_from_id (forked_from_id=?)",
    "sessions idx_sessions_parent_session_id (parent_session_id=?)",
)
ARCHIVED = "message_archive idx_message_archive_message_id (message_id=?)"
SUMMARY_OF = "compaction_events idx_compaction_events_summary_message_id (summary_message_id=?)"

PLANS: dict[str, dict[str, list[str]]] = {
    "agents": {
        "INSERT": ["sessions idx_sessions_main_agent_id (main_agent_id=?)"],
        "UPDATE": [AGENT],
        "GET_BY_ID": [AGENT],
        "LIST": ["SCAN agents idx_agents_created_at"],
        "DELETE": [AGENT, "sessions idx_sessions_main_agent_id (main_agent_id=?)"],
        "COUNT": ["SCAN agents *"],
        "CHECK_EXISTS": [AGENT],
        "PAGE": ["agents idx_agents_created_at ((created_at,id)<(?,?))"],
        "COUNT_BY_TYPE": ["SCAN agents"],
        "CREATE": ["sessions idx_sessions_main_agent_id (main_agent_id=?)"],
        "CHANGE": [AGENT],
        "GET_DEFAULT": ["agents idx_agents_is_default (is_default=?)"],
        "CLEAR_DEFAULT": ["agents idx_agents_is_default (is_default=?)"],
        "SET_DEFAULT": [AGENT],
    },
    "sessions": {
        "INSERT": [*OF_SESSION],
        "UPDATE": [SESSION],
        "UPDATE_STATUS": [SESSION],
        "UPDATE_EXTERNAL_SESSION_ID": [SESSION],
        "GET_BY_ID": [SESSION],
        "LIST": ["SCAN sessions idx_sessions_created_at"],
        "LIST_WITH_LIMIT": ["SCAN sessions idx_sessions_created_at"],
        "GET_BY_STATUS": ["sessions idx_sessions_status (status=?)"],
        "GET_SESSION_WITH_AGENT": [AGENT, SESSION],
        "GET_BY_EXTERNAL_SESSION_ID": ["sessions idx_sessions_external_session_id (external_session_id=?)"],
        "COUNT": ["SCAN sessions *"],
        "DELETE": [*OF_SESSION, SESSION],
        "CHECK_EXISTS": [SESSION],
        "CREATE": [*OF_SESSION],
        "INSERT_MISSING": [*OF_SESSION],
        "CHANGE": [SESSION],
        "STATE": [SESSION],
        "SOFT_DELETE": [SESSION],
        "RESTORE": [SESSION],
        "PAGE": ["sessions idx_sessions_created_at ((created_at,id)<(?,?))"],
        "PAGE_BY_STATUS": ["sessions idx_sessions_status (status=? AND (created_at,id)<(?,?))"],
        "PAGE_BY_AGENT": ["sessions idx_sessions_main_agent_id (main_agent_id=? AND (created_at,id)<(?,?))"],
        "PAGE_BY_USER": ["sessions idx_sessions_user_id (user_id=? AND (created_at,id)<(?,?))"],
        "PAGE_PINNED": ["sessions idx_sessions_pinned_at (pinned_at>?)"],
        "PAGE_BY_ACTIVITY": ["sessions idx_sessions_activity (<expr><?)"],
        "PAGE_BY_ACTIVITY_OF_USER": ["sessions idx_sessions_user_activity (user_id=? AND <expr><?)"],
        "PAGE_BY_ACTIVITY_PINNED": ["sessions idx_sessions_pinned_at (pinned_at>?)"],
        "NAMES": ["sessions idx_sessions_activity (<expr>>?)"],
        "GET_SUMMARIES": [SESSION],
        "PIN": [SESSION],
        "UNPIN": [SESSION],
        "ARCHIVE": [SESSION],
        "UNARCHIVE": [SESSION],
        "COUNT_LIVE": ["SCAN sessions *", "sessions idx_sessions_deleted_at (deleted_at>?)"],
        "COUNT_BY_STATUS": ["sessions idx_sessions_status (status=?)"],
        "COUNT_BY_AGENT": ["sessions idx_sessions_main_agent_id (main_agent_id=?)"],
    },
    "session_logs": {
        "INSERT": [],
        "GET_BY_ID": ["session_logs id (rowid=?)"],
        "GET_BY_SESSION_ID": ["session_logs idx_session_logs_created_at (session_id=?)"],
        "GET_BY_SESSION_ID_WITH_PAGINATION": ["session_logs idx_session_logs_created_at (session_id=?)"],
        "GET_LATEST_BY_SESSION_ID": ["session_logs idx_session_logs_created_at (session_id=?)"],
        "UPDATE": ["session_logs id (rowid=?)"],
        "DELETE_BY_ID": [
            "session_logs id (rowid=?)",
            "session_logs idx_session_logs_parent_id (session_id=? AND parent_id=?)",
        ],
        "DELETE_BY_SESSION_ID": [
            "session_logs idx_session_logs_created_at (session_id=?)",
            "session_logs idx_session_logs_parent_id (session_id=? AND parent_id=?)",
        ],
        "COUNT_BY_SESSION_ID": ["session_logs idx_session_logs_created_at (session_id=?)"],
        "GET_CHILDREN": ["child idx_session_logs_parent_id (session_id=? AND parent_id=?)", "parent id (rowid=?)"],
        "GET_SUBTREE": [
            "child idx_session_logs_parent_id (session_id=? AND parent_id=?)",
            "session_logs id (rowid=?)",
            "session_logs id (rowid=?)",
        ],
        "DELETE_SUBTREE": [
            "child idx_session_logs_parent_id (session_id=? AND parent_id=?)",
            "session_logs id (rowid=?)",
            "session_logs id (rowid=?)",
            "session_logs idx_session_logs_parent_id (session_id=? AND parent_id=?)",
        ],
        "CHECK_EXISTS": ["session_logs id (rowid=?)"],
        "GET_VISIBLE_BY_ID": ["session_logs id (rowid=?)", SESSION],
        "PAGE": ["session_logs idx_session_logs_created_at (session_id=? AND created_at>?)", SESSION],
        "PAGE_BACK": ["session_logs idx_session_logs_created_at (session_id=? AND created_at<?)", SESSION],
        "COUNT_VISIBLE_BY_SESSION_ID": ["session_logs idx_session_logs_created_at (session_id=?)", SESSION],
    },
    "messages": {
        "APPEND": [SUMMARY_OF, ARCHIVED, SESSION],
        "INSERT": [SUMMARY_OF, ARCHIVED],
        "UPDATE": [MESSAGE, SESSION],
        "GET_BY_ID": [MESSAGE, SESSION],
        "GET_BY_EXTERNAL_ID": ["messages idx_messages_external_id (session_id=? AND external_id=?)", SESSION],
        "GET_BY_SESSION_ID": ["messages sqlite_autoindex_messages_1 (session_id=?)", SESSION],
        "GET_CONTEXT": ["messages idx_messages_context (session_id=?)", SESSION],
        "GET_LATEST_BY_SESSION_ID": ["messages sqlite_autoindex_messages_1 (session_id=?)", SESSION],
        "PAGE": ["messages sqlite_autoindex_messages_1 (session_id=? AND seq>?)", SESSION],
        "PAGE_BACK": ["messages sqlite_autoindex_messages_1 (session_id=? AND seq<?)", SESSION],
        "POP": [MESSAGE, "messages sqlite_autoindex_messages_1 (session_id=?)", SESSION],
        "REMOVE_BY_ID": [MESSAGE, SESSION],
        "REMOVE_FROM_SEQ": ["messages sqlite_autoindex_messages_1 (session_id=? AND seq>?)", SESSION],
        "RESTORE_BY_ID": [MESSAGE, SESSION],
        "PURGE": [
            SUMMARY_OF,
            ARCHIVED,
            "messages idx_messages_removed_at (session_id=? AND removed_at>? AND removed_at<?)",
        ],
        "STATS": ["messages sqlite_autoindex_messages_1 (session_id=?)", SESSION],
    },
    "message_search": {
        "OPTIMIZE": [],
        "CHECKPOINT": [],
        "MATCH": ["SCAN messages_fts VIRTUAL TABLE INDEX 0:M1", MESSAGE, SESSION],
        "SNIPPET": ["SCAN messages_fts VIRTUAL TABLE INDEX 0:=M1"],
        "MATCH_NEWEST": ["SCAN messages_fts VIRTUAL TABLE INDEX 192:M1<", MESSAGE, SESSION],
        "COUNT_PLACES": ["SCAN messages_fts_places VIRTUAL TABLE INDEX 6:"],
        "PLACES": ["SCAN messages_fts_places VIRTUAL TABLE INDEX 6:", MESSAGE, SESSION],
        "NEWEST": ["messages id (rowid<?)", SESSION],
        "NEWEST_OF_SESSION": ["messages sqlite_autoindex_messages_1 (session_id=? AND seq<?)", SESSION, MESSAGE],
        "SIZES": [MESSAGE],
        "TEXTS": [MESSAGE],
        "SESSIONS_OF": [MESSAGE],
        "GET_BY_IDS": [MESSAGE, SESSION],
    },
    "agent_contexts": {
        "INSERT": [],
        "INSERT_SWITCH": [],
        "UPDATE": ["agent_contexts sqlite_autoindex_agent_contexts_1 (session_id=?)"],
        "GET": ["agent_contexts sqlite_autoindex_agent_contexts_1 (session_id=?)", SESSION],
        "CHECK_EXISTS": ["agent_contexts sqlite_autoindex_agent_contexts_1 (session_id=?)", SESSION],
        "PAGE": ["agent_contexts idx_agent_contexts_created_at ((created_at,session_id)<(?,?))", SESSION],
        "SESSION_IDS": ["SCAN agent_contexts idx_agent_contexts_created_at", SESSION],
        "SWITCHES": ["agent_switches idx_agent_switches_session_id (session_id=? AND rowid<?)", SESSION],
        "ALL_SWITCHES": ["agent_switches idx_agent_switches_session_id (session_id=?)"],
        "ANNOTATE_SWITCH": ["agent_switches id (rowid=?)"],
        "DELETE_THESE_SWITCHES": ["agent_switches id (rowid=?)"],
        "DELETE_SWITCHES": ["agent_switches idx_agent_switches_session_id (session_id=?)", SESSION],
        "DELETE": ["agent_contexts sqlite_autoindex_agent_contexts_1 (session_id=?)", SESSION],
    },
    "compactions": {
        "LINES": ["messages idx_messages_context (session_id=?)"],
        "TOKENS": ["messages idx_messages_context (session_id=?)", SESSION],
        "MESSAGES": ["messages idx_messages_context (session_id=?)"],
        "INSERT_EVENT": ["message_archive sqlite_autoindex_message_archive_1 (event_id=?)"],
        "FINISH_EVENT": ["compaction_events id (rowid=?)"],
        "MARK": [MESSAGE],
        "CLEAR_MARKS": ["messages idx_messages_compaction_event_id (compaction_event_id=?)"],
        "INSERT_SUMMARY": [SUMMARY_OF, ARCHIVED],
        "REMOVE_SUMMARY": [MESSAGE],
        "ARCHIVE": [MESSAGE],
        "PRUNE": [MESSAGE],
        "PUT_BACK": ["kept sqlite_autoindex_message_archive_1 (event_id=?)", MESSAGE],
        "EMPTY_ARCHIVE": ["message_archive sqlite_autoindex_message_archive_1 (event_id=?)"],
        "SET_RESTORED": ["compaction_events id (rowid=?)"],
        "GET_EVENT": ["compaction_events id (rowid=?)", SESSION],
        "STANDING_EVENTS": ["compaction_events idx_compaction_events_session_id (session_id=?)"],
        "NEWEST_EVENT": ["compaction_events idx_compaction_events_session_id (session_id=?)"],
        "EVENTS": ["compaction_events idx_compaction_events_session_id (session_id=? AND rowid<?)", SESSION],
        "STATS": ["compaction_events idx_compaction_events_session_id (session_id=?)", SESSION],
        "TAKEN_OUT": ["messages idx_messages_compaction_event_id (compaction_event_id=?)"],
        "PRUNED": ["message_archive sqlite_autoindex_message_archive_1 (event_id=?)", MESSAGE],
        "ORIGINALS": ["message_archive sqlite_autoindex_message_archive_1 (event_id=?)", MESSAGE],
        "ORIGINALS_OF_SESSION": [
            "compaction_events idx_compaction_events_session_id (session_id=?)",
            "kept sqlite_autoindex_message_archive_1 (event_id=?)",
            ARCHIVED,
            MESSAGE,
        ],
    },
    "conversations": {
        "INSERT_SESSION": [*OF_SESSION],
        "SAVED": [SESSION],
        "CONTEXT": ["messages idx_messages_context (session_id=?)"],
        "NOT_REMOVED": ["messages sqlite_autoindex_messages_1 (session_id=?)"],
        "SEQS_OUT_OF_CONTEXT": ["messages sqlite_autoindex_messages_1 (session_id=?)"],
        "REMOVE": [MESSAGE],
        "BRING_BACK": [MESSAGE],
        "PUT_BACK": ["kept sqlite_autoindex_message_archive_1 (event_id=? AND message_id=?)", ARCHIVED, MESSAGE],
        "FORGET_ORIGINALS": [ARCHIVED],
        "SETTLE_SUMMARIES": [
            "compaction_events idx_compaction_events_session_id (session_id=?)",
            "messages idx_messages_compaction_event_id (compaction_event_id=?)",
            "messages idx_messages_compaction_event_id (compaction_event_id=?)",
        ],
        "SETTLE_EVENTS": [
            "compaction_events idx_compaction_events_session_id (session_id=?)",
            "message_archive sqlite_autoindex_message_archive_1 (event_id=?)",
            "messages idx_messages_compaction_event_id (compaction_event_id=?)",
        ],
        "MOVE": [MESSAGE],
        "ANNOTATE": [MESSAGE],
        "LIVE_IDS": ["SCAN sessions idx_sessions_activity"],
        "ALL_IDS": ["SCAN sessions"],
        "HIDE_INACTIVE": ["sessions idx_sessions_activity (<expr><?)"],
        "REMOVE_HIDDEN": [*OF_SESSION, "sessions idx_sessions_deleted_at (deleted_at>? AND deleted_at<?)"],
        "PAGE": ["messages sqlite_autoindex_messages_1 (session_id=?)", SESSION],
    },
}

#: These list or count a whole table.
WHOLE = {
    ("agents", "LIST"),
    ("agents", "COUNT"),
    ("agents", "COUNT_BY_TYPE"),
    ("sessions", "LIST"),
    ("sessions", "LIST_WITH_LIMIT"),
    ("sessions", "COUNT"),
    ("sessions", "COUNT_LIVE"),
    ("agent_contexts", "SESSION_IDS"),
    ("conversations", "LIVE_IDS"),
    ("conversations", "ALL_IDS"),
}
#: These sort, for the reason that stands with each.
SORTED = {
    ("session_logs", "GET_SUBTREE"): "a tree is walked by parents and shown by time",
    ("message_search", "MATCH"): "a rank is computed; ids and ranks alone are sorted",
    ("message_search", "PLACES"): "the places of a short word are in the order of terms; ids alone are sorted",
    ("message_search", "SESSIONS_OF"): "ids are grouped by session",
    ("sessions", "PAGE_PINNED"): "few sessions are pinned",
    ("sessions", "PAGE_BY_ACTIVITY_PINNED"): "few sessions are pinned",
    ("compactions", "PRUNED"): "the archive is in the order of ids, what is shown in that of seqs",
    ("compactions", "ORIGINALS"): "as PRUNED",
    ("conversations", "NOT_REMOVED"): "only messages of one seq are sorted: a summary and what it stands for",
    ("conversations", "ALL_IDS"): "the index by activity holds live sessions alone; ids alone are sorted",
}
#: Values that fit, by parameter; those that are not here are NULL.
FITTING: dict[str, Any] = {
    "name": "n",
    "model": "m",
    "main_agent_id": "a",
    "session_id": "s",
    "role": "user",
    "type": "message",
    "content": "{}",
    "status": "idle",
    "current_agent": "a",
    "to_agent": "b",
    "strategy": "x",
    "switch_count": 0,
    "limit": 1,
    "offset": 0,
    "ids": "[1]",
    "seq": 1,
    "is_preserved": 0,
    "is_summary": 0,
    "expression": '"abc"',
    "original_tokens": 1,
    "compacted_tokens": 1,
    "messages_removed": 1,
    "summary_content": "x",
    "duration_ms": 1,
    "preserved_message_ids_json": "[]",
    "permission_mode": "readOnly",
    "max_steps": 1,
    "event_id": 1,
    **dict.fromkeys(("created_at", "updated_at"), "2024-05-17T12:30:15.123Z"),
}
OTHERWISE: dict[str, dict[str, Any]] = {
    "messages": {"status": "complete"},
    "agents": {"id": "new"},
    "sessions": {"id": "new"},
    "conversations": {"id": "new"},
}
parametrized = pytest.mark.parametrize(
    ("place", "sql"), CONSTANTS.items(), ids=[".".join(place) for place in CONSTANTS]
)


@pytest.fixture(autouse=True)
def _rows(connection: sqlite3.Connection, add_agent: Add, add_session: Add) -> None:
    add_agent(connection)
    add_session(connection)


def parameters_of(sql: str) -> set[str]:
    return set(re.findall(r":([A-Za-z_]\w*)", re.sub(r"'[^']*'", "''", sql)))


def plan_of(connection: sqlite3.Connection, sql: str) -> list[str]:
    return [row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", dict.fromkeys(parameters_of(sql)))]


#: Scans of what is in the statement itself: JSON that it reads (index 1), and what its own subqueries give.
NO_TABLE = r"SCAN (json_each|tree|CONSTANT ROW|\(subquery|said|place$|\w+ VIRTUAL TABLE INDEX 1:)"
#: A virtual table that is asked for a word, or for a range of terms.
SEARCHED = ("VIRTUAL TABLE INDEX 0:", "VIRTUAL TABLE INDEX 192:M", "messages_fts_places VIRTUAL TABLE INDEX 6:")


def reads(plan: list[str]) -> list[str]:
    """Which tables a plan reads, and by what: 'table index (terms)', or 'SCAN table index'."""
    found = []
    for step in plan:
        if step.startswith(("SEARCH", "SCAN")) and not re.match(NO_TABLE, step):
            short = re.sub(r" USING (COVERING )?INDEX", "", step).replace(" USING INTEGER PRIMARY KEY", " id")
            found.append(short.removeprefix("SEARCH ").removesuffix(" LEFT-JOIN"))
    return found


@parametrized
def test_a_constant_binds_columns_and_what_every_constant_binds(
    connection: sqlite3.Connection, place: tuple[str, str], sql: str
) -> None:
    columns = connection.execute(
        "SELECT DISTINCT column.name FROM pragma_table_list AS list JOIN pragma_table_info(list.name) AS column"
        " WHERE list.schema = 'main' AND list.type = 'table'"
    )
    assert parameters_of(sql) <= {row["name"] for row in columns} | BESIDE | {"event_id"}


@parametrized
def test_a_constant_is_one_statement_that_runs_with_its_parameters_and_no_fewer(
    connection: sqlite3.Connection, place: tuple[str, str], sql: str
) -> None:
    assert sql == sql.strip()
    assert ";" not in sql
    values = FITTING | OTHERWISE.get(place[0], {"id": 1})
    given = {name: values.get(name) for name in parameters_of(sql)}
    for missing in given:
        with pytest.raises(sqlite3.ProgrammingError):
            connection.execute(sql, {name: value for name, value in given.items() if name != missing})
    if not sql.startswith("PRAGMA"):
        connection.execute("BEGIN")
    connection.execute(sql, given).fetchall()
    connection.execute("COMMIT" if connection.in_transaction else "SELECT 1")
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@parametrized
def test_a_constant_is_answered_as_it_is_meant_to_be(
    connection: sqlite3.Connection, place: tuple[str, str], sql: str
) -> None:
    found, meant = reads(plan_of(connection, sql)), PLANS[place[0]][place[1]]
    assert [step for step in found if not any(fnmatchcase(step, pattern) for pattern in meant)] == []
    assert [pattern for pattern in meant if not any(fnmatchcase(step, pattern) for step in found)] == []


@parametrized
def test_a_constant_uses_an_index_unless_it_lists_a_whole_table_and_sorts_only_for_a_reason(
    connection: sqlite3.Connection, place: tuple[str, str], sql: str
) -> None:
    plan = plan_of(connection, sql)
    scans = [step for step in reads(plan) if step.startswith("SCAN") and not any(way in step for way in SEARCHED)]
    assert bool(scans) is (place in WHOLE), plan
    assert any("TEMP B-TREE" in step for step in plan) is (place in SORTED), plan


def test_every_plan_is_that_of_a_constant() -> None:
    assert {(owner, name) for owner, plans in PLANS.items() for name in plans} == CONSTANTS.keys()


def test_no_statement_that_lists_sessions_reads_messages() -> None:
    for (owner, name), sql in CONSTANTS.items():
        if owner == "sessions" and "PAGE" in name:
            assert "messages" not in sql
