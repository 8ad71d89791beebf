"""What holds for the constants of every query module."""

from __future__ import annotations

import ast
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import agentdb.queries
from agentdb.queries import (
    AgentContextQueries,
    AgentMetricQueries,
    AgentQueries,
    AgentVersionQueries,
    AttachmentQueries,
    AuditQueries,
    CompactionQueries,
    ConversationQueries,
    ErasureQueries,
    MemoryAccessQueries,
    MemoryAnnotationQueries,
    MemoryEmbeddingQueries,
    MemoryLinkQueries,
    MemoryQueries,
    MemorySearchQueries,
    MemoryTransferQueries,
    MessageQueries,
    MessageSearchQueries,
    ModuleStateQueries,
    SessionEventQueries,
    SessionForkQueries,
    SessionHierarchyQueries,
    SessionLogQueries,
    SessionMetricQueries,
    SessionQueries,
    SessionSearchQueries,
    TransferQueries,
    agent_contexts,
    agent_metrics,
    agent_versions,
    agents,
    attachments,
    audit,
    compactions,
    conversations,
    erasure,
    memories,
    memory_accesses,
    memory_annotations,
    memory_embeddings,
    memory_links,
    memory_search,
    memory_transfer,
    message_search,
    messages,
    module_states,
    session_events,
    session_forks,
    session_hierarchy,
    session_logs,
    session_metrics,
    session_search,
    sessions,
    transfer,
)

MODULES = {
    "agents": agents,
    "sessions": sessions,
    "session_forks": session_forks,
    "session_logs": session_logs,
    "messages": messages,
    "message_search": message_search,
    "agent_contexts": agent_contexts,
    "compactions": compactions,
    "conversations": conversations,
    "audit": audit,
    "session_hierarchy": session_hierarchy,
    "session_search": session_search,
    "session_metrics": session_metrics,
    "session_events": session_events,
    "module_states": module_states,
    "agent_versions": agent_versions,
    "agent_metrics": agent_metrics,
    "memories": memories,
    "memory_accesses": memory_accesses,
    "memory_annotations": memory_annotations,
    "memory_embeddings": memory_embeddings,
    "memory_links": memory_links,
    "memory_search": memory_search,
    "memory_transfer": memory_transfer,
    "attachments": attachments,
    "transfer": transfer,
    "erasure": erasure,
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

# The constants whose parameters are a contract, and what each binds.
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


def test_the_entity_names_are_the_same_modules() -> None:
    assert AgentQueries is agents
    assert SessionQueries is sessions
    assert SessionForkQueries is session_forks
    assert SessionLogQueries is session_logs
    assert MessageQueries is messages
    assert MessageSearchQueries is message_search
    assert AgentContextQueries is agent_contexts
    assert CompactionQueries is compactions
    assert ConversationQueries is conversations
    assert AuditQueries is audit
    assert SessionHierarchyQueries is session_hierarchy
    assert SessionSearchQueries is session_search
    assert SessionMetricQueries is session_metrics
    assert SessionEventQueries is session_events
    assert ModuleStateQueries is module_states
    assert AgentVersionQueries is agent_versions
    assert AgentMetricQueries is agent_metrics
    assert MemoryQueries is memories
    assert MemoryAccessQueries is memory_accesses
    assert MemoryAnnotationQueries is memory_annotations
    assert MemoryEmbeddingQueries is memory_embeddings
    assert MemoryLinkQueries is memory_links
    assert MemorySearchQueries is memory_search
    assert MemoryTransferQueries is memory_transfer
    assert AttachmentQueries is attachments
    assert TransferQueries is transfer
    assert ErasureQueries is erasure
    assert set(agentdb.queries.__all__) <= set(dir(agentdb.queries))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"'agentdb\.queries' has no attribute 'contexts'"):
        _ = agentdb.queries.contexts  # type: ignore[attr-defined]
    with pytest.raises(ImportError):
        from agentdb.queries import ContextQueries  # type: ignore[attr-defined] # noqa: F401


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
