"""What holds for the constants of every query module."""

from __future__ import annotations

import ast
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import agentdb.queries
from agentdb.queries import (
    AgentQueries,
    CompactionQueries,
    ContextQueries,
    ConversationQueries,
    MessageQueries,
    MessageSearchQueries,
    SessionLogQueries,
    SessionQueries,
    agents,
    compactions,
    contexts,
    conversations,
    message_search,
    messages,
    session_logs,
    sessions,
)

MODULES = {
    "agents": agents,
    "sessions": sessions,
    "session_logs": session_logs,
    "messages": messages,
    "message_search": message_search,
    "contexts": contexts,
    "compactions": compactions,
    "conversations": conversations,
}

AGENT_COLUMNS = {
    *("id", "type", "name", "description", "avatar", "instructions", "model", "plan_model", "small_model"),
    *("built_in_tools", "mcps", "knowledges", "accessible_paths", "configuration", "permission_mode", "max_steps"),
    *("created_at", "updated_at"),
}
SESSION_COLUMNS = {
    *("id", "name", "main_agent_id", "sub_agent_ids", "user_goal", "status", "external_session_id", "model"),
    *("plan_model", "small_model", "built_in_tools", "mcps", "knowledges", "configuration", "accessible_paths"),
    *("permission_mode", "max_steps", "created_at", "updated_at"),
}
LOG_COLUMNS = {"id", "session_id", "parent_id", "role", "type", "content", "metadata", "created_at", "updated_at"}

# The constants of migrations 001 and 002, and what each binds; those that came later are tested with their stores.
PARAMETERS = {
    ("agents", "INSERT"): AGENT_COLUMNS,
    ("agents", "UPDATE"): AGENT_COLUMNS - {"type", "created_at"},
    ("agents", "GET_BY_ID"): {"id"},
    ("agents", "LIST"): set(),
    ("agents", "DELETE"): {"id"},
    ("agents", "COUNT"): set(),
    ("agents", "CHECK_EXISTS"): {"id"},
    ("sessions", "INSERT"): SESSION_COLUMNS,
    ("sessions", "UPDATE"): SESSION_COLUMNS - {"created_at"},
    ("sessions", "UPDATE_STATUS"): {"id", "status", "updated_at"},
    ("sessions", "UPDATE_EXTERNAL_SESSION_ID"): {"id", "external_session_id", "updated_at"},
    ("sessions", "GET_BY_ID"): {"id"},
    ("sessions", "LIST"): set(),
    ("sessions", "LIST_WITH_LIMIT"): {"limit", "offset"},
    ("sessions", "GET_BY_STATUS"): {"status"},
    ("sessions", "GET_SESSION_WITH_AGENT"): {"id"},
    ("sessions", "GET_BY_EXTERNAL_SESSION_ID"): {"external_session_id"},
    ("sessions", "COUNT"): set(),
    ("sessions", "DELETE"): {"id"},
    ("sessions", "CHECK_EXISTS"): {"id"},
    ("session_logs", "INSERT"): LOG_COLUMNS - {"id"},
    ("session_logs", "GET_BY_ID"): {"id"},
    ("session_logs", "GET_BY_SESSION_ID"): {"session_id"},
    ("session_logs", "GET_BY_SESSION_ID_WITH_PAGINATION"): {"session_id", "limit", "offset"},
    ("session_logs", "GET_LATEST_BY_SESSION_ID"): {"session_id", "limit"},
    ("session_logs", "UPDATE"): {"id", "content", "metadata", "updated_at"},
    ("session_logs", "DELETE_BY_ID"): {"id"},
    ("session_logs", "DELETE_BY_SESSION_ID"): {"session_id"},
    ("session_logs", "COUNT_BY_SESSION_ID"): {"session_id"},
}

# What the query plan names; a part of each step, in order. DELETE includes the search for rows that refer to the row.
BY_AGENT_ID = "SEARCH agents USING INDEX sqlite_autoindex_agents_1 (id=?)"
BY_SESSION_ID = "SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 (id=?)"
BY_LOG_ID = "SEARCH session_logs USING INTEGER PRIMARY KEY (rowid=?)"
TRANSCRIPT = "SEARCH session_logs USING INDEX idx_session_logs_created_at (session_id=?)"
CHILDREN_OF_SESSION = r"SEARCH \w+ USING COVERING INDEX \w+ (session_id=?)"
LOGS_OF_SESSION = r"SEARCH session_logs USING COVERING INDEX \w+ (session_id=?)"
CHILDREN = r"SEARCH session_logs USING COVERING INDEX idx_session_logs_parent_id (session_id=? AND parent_id=?)"
PLANS: dict[tuple[str, str], list[str]] = {
    ("agents", "INSERT"): ["SEARCH sessions USING COVERING INDEX idx_sessions_main_agent_id (main_agent_id=?)"],
    ("agents", "UPDATE"): [BY_AGENT_ID],
    ("agents", "GET_BY_ID"): [BY_AGENT_ID],
    ("agents", "LIST"): ["SCAN agents USING INDEX idx_agents_created_at"],
    ("agents", "DELETE"): [
        BY_AGENT_ID,
        "SEARCH sessions USING COVERING INDEX idx_sessions_main_agent_id (main_agent_id=?)",
    ],
    ("agents", "COUNT"): [r"SCAN agents USING COVERING INDEX \w+"],
    ("agents", "CHECK_EXISTS"): ["SEARCH agents USING COVERING INDEX sqlite_autoindex_agents_1 (id=?)"],
    # A trigger follows this insert, so SQLite looks for what refers to the row.
    ("sessions", "INSERT"): [CHILDREN_OF_SESSION],
    ("sessions", "UPDATE"): [BY_SESSION_ID],
    ("sessions", "UPDATE_STATUS"): [BY_SESSION_ID],
    ("sessions", "UPDATE_EXTERNAL_SESSION_ID"): [BY_SESSION_ID],
    ("sessions", "GET_BY_ID"): [BY_SESSION_ID],
    ("sessions", "LIST"): ["SCAN sessions USING INDEX idx_sessions_created_at"],
    ("sessions", "LIST_WITH_LIMIT"): ["SCAN sessions USING INDEX idx_sessions_created_at"],
    ("sessions", "GET_BY_STATUS"): ["SEARCH sessions USING INDEX idx_sessions_status (status=?)"],
    ("sessions", "GET_SESSION_WITH_AGENT"): [BY_SESSION_ID, BY_AGENT_ID],
    ("sessions", "GET_BY_EXTERNAL_SESSION_ID"): [
        "SEARCH sessions USING INDEX idx_sessions_external_session_id (external_session_id=?)"
    ],
    ("sessions", "COUNT"): [r"SCAN sessions USING COVERING INDEX \w+"],
    ("sessions", "DELETE"): [BY_SESSION_ID, CHILDREN_OF_SESSION],
    ("sessions", "CHECK_EXISTS"): ["SEARCH sessions USING COVERING INDEX sqlite_autoindex_sessions_1 (id=?)"],
    ("session_logs", "INSERT"): [],
    ("session_logs", "GET_BY_ID"): [BY_LOG_ID],
    ("session_logs", "GET_BY_SESSION_ID"): [TRANSCRIPT],
    ("session_logs", "GET_BY_SESSION_ID_WITH_PAGINATION"): [TRANSCRIPT],
    ("session_logs", "GET_LATEST_BY_SESSION_ID"): [TRANSCRIPT],
    ("session_logs", "UPDATE"): [BY_LOG_ID],
    ("session_logs", "DELETE_BY_ID"): [BY_LOG_ID, CHILDREN],
    ("session_logs", "DELETE_BY_SESSION_ID"): [LOGS_OF_SESSION, CHILDREN],
    ("session_logs", "COUNT_BY_SESSION_ID"): [LOGS_OF_SESSION],
}

ALL = sorted(PARAMETERS)
NAMES = [f"{module}.{name}" for module, name in ALL]


def parameters_of(sql: str) -> set[str]:
    return set(re.findall(r":([A-Za-z_]\w*)", re.sub(r"'[^']*'", "''", sql)))


def source_of(module: ModuleType) -> str:
    assert module.__file__ is not None
    return Path(module.__file__).read_text(encoding="utf-8")


@pytest.mark.parametrize("module", MODULES)
def test_a_query_module_holds_the_constants_that_were_promised_and_nothing_but_text(module: str) -> None:
    public = {name: value for name, value in vars(MODULES[module]).items() if name[:1] not in "_@"}
    assert {name for owner, name in PARAMETERS if owner == module} <= public.keys()
    assert all(isinstance(value, str) for value in public.values())


@pytest.mark.parametrize("module", MODULES)
def test_a_query_module_is_data_without_imports_or_code(module: str) -> None:
    docstring, *constants = ast.parse(source_of(MODULES[module])).body
    assert isinstance(docstring, ast.Expr)
    for constant in constants:
        assert isinstance(constant, ast.Assign)
        assert isinstance(constant.value, ast.Constant)


@pytest.mark.parametrize("module", MODULES)
def test_one_line_above_each_constant_says_what_it_answers(module: str) -> None:
    lines = source_of(MODULES[module]).splitlines()
    for number, line in enumerate(lines):
        if re.match(r"[A-Z_]+ = ", line):
            assert lines[number - 1].startswith("# "), line
            assert lines[number - 1].endswith("."), line
            assert lines[number - 2] == "", line


@pytest.mark.parametrize(("module", "name"), ALL, ids=NAMES)
def test_a_constant_binds_exactly_these_parameters(connection: sqlite3.Connection, module: str, name: str) -> None:
    columns = {row["name"] for row in connection.execute(f"PRAGMA table_info({module})")}
    parameters = parameters_of(getattr(MODULES[module], name))
    assert parameters == PARAMETERS[module, name]
    assert parameters <= columns | {"limit", "offset"}


@pytest.mark.parametrize(("module", "name"), ALL, ids=NAMES)
def test_a_constant_is_one_statement_that_runs_with_its_parameters_and_no_fewer(
    connection: sqlite3.Connection,
    add_agent: Callable[..., None],
    add_session: Callable[..., None],
    module: str,
    name: str,
) -> None:
    sql = getattr(MODULES[module], name)
    assert sql == sql.strip()
    assert ";" not in sql
    add_agent(connection)
    add_session(connection)
    fitting = {"id": 1 if module == "session_logs" else "new", "name": "n", "model": "m", "main_agent_id": "a"}
    fitting |= {"session_id": "s", "role": "user", "type": "message", "content": "{}", "status": "idle"}
    fitting |= {"limit": 1, "offset": 0}
    if module == "agents":
        fitting["type"] = "custom"
    parameters = {parameter: fitting.get(parameter) for parameter in PARAMETERS[module, name]}
    connection.execute(sql, parameters).fetchall()
    for missing in parameters:
        with pytest.raises(sqlite3.ProgrammingError):
            connection.execute(sql, {key: value for key, value in parameters.items() if key != missing})


@pytest.mark.parametrize(("module", "name"), ALL, ids=NAMES)
def test_a_constant_is_answered_from_an_index_without_sorting(
    connection: sqlite3.Connection, module: str, name: str
) -> None:
    parameters = dict.fromkeys(PARAMETERS[module, name])
    sql = f"EXPLAIN QUERY PLAN {getattr(MODULES[module], name)}"
    plan = [row["detail"] for row in connection.execute(sql, parameters)]
    steps = PLANS[module, name]
    if steps[-1:] == [CHILDREN_OF_SESSION]:
        steps = steps + steps[-1:] * (len(plan) - len(steps))  # one for each table that belongs to sessions
    assert len(plan) == len(steps), plan
    for step, expected in zip(plan, steps, strict=True):
        assert re.fullmatch(expected.translate({ord(c): f"\\{c}" for c in "()?"}), step), plan


def test_the_entity_names_are_the_same_modules() -> None:
    assert AgentQueries is agents
    assert SessionQueries is sessions
    assert SessionLogQueries is session_logs
    assert MessageQueries is messages
    assert MessageSearchQueries is message_search
    assert ContextQueries is contexts
    assert CompactionQueries is compactions
    assert ConversationQueries is conversations
    assert set(agentdb.queries.__all__) <= set(dir(agentdb.queries))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"'agentdb\.queries' has no attribute 'contexts_of_nobody'"):
        _ = agentdb.queries.contexts_of_nobody  # type: ignore[attr-defined]
    with pytest.raises(ImportError):
        from agentdb.queries import ContextQueriesOfNobody  # type: ignore[attr-defined] # noqa: F401


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("import agentdb.queries", set()),
        ("import agentdb.queries; agentdb.queries.sessions.LIST", {"sessions"}),
        ("from agentdb.queries import agents", {"agents"}),
        ("from agentdb.queries import AgentQueries; AgentQueries.LIST", {"agents"}),
        ("from agentdb.queries import SessionLogQueries", {"session_logs"}),
        ("import agentdb.queries as q; dir(q)", set()),
        ("from agentdb.queries import *", {name for name in agentdb.queries.__all__ if name.islower()}),
    ],
)
def test_importing_one_query_module_does_not_import_the_others(code: str, loaded: set[str]) -> None:
    script = f"{code}\nimport sys\nprint(*[m for m in sys.modules if m.startswith('agentdb.queries.')])"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert {name.removeprefix("agentdb.queries.") for name in answer.stdout.split()} == loaded
