"""Sessions of agents, and the log of what happened in each.

Why the columns are as they are (those shared with agents: see the migration before):

- NULL in an override column of a session means: inherit from the agent. So these columns have no default.
- A log refers to its parent together with the session, which refuses a parent in another session; UNIQUE
  (session_id, id) is there for that. No action on delete: SQLite stops cascades at depth 1,000, and a chain of logs
  goes with its session whatever its length.
- The index on (session_id, created_at) gives transcript order: every index ends in the rowid, which `id` is.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="002",
    description="Sessions and their logs",
    up=(
        """\
CREATE TABLE sessions (
  id TEXT NOT NULL PRIMARY KEY CHECK (id <> '') DEFAULT (lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
    || substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
  )),
  name TEXT,
  main_agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
  sub_agent_ids TEXT CONSTRAINT sub_agent_ids_is_json_array CHECK (
    sub_agent_ids IS NULL
    OR json_valid(sub_agent_ids) AND json_type(sub_agent_ids) = 'array' AND instr(sub_agent_ids, char(0)) = 0
  ),
  user_goal TEXT,
  status TEXT NOT NULL DEFAULT 'idle' CHECK (status IN ('idle', 'running', 'completed', 'failed', 'stopped')),
  external_session_id TEXT,
  model TEXT,
  plan_model TEXT,
  small_model TEXT,
  built_in_tools TEXT CONSTRAINT built_in_tools_is_json_array CHECK (
    built_in_tools IS NULL
    OR json_valid(built_in_tools) AND json_type(built_in_tools) = 'array' AND instr(built_in_tools, char(0)) = 0
  ),
  mcps TEXT CONSTRAINT mcps_is_json_array CHECK (
    mcps IS NULL
    OR json_valid(mcps) AND json_type(mcps) = 'array' AND instr(mcps, char(0)) = 0
  ),
  knowledges TEXT CONSTRAINT knowledges_is_json_array CHECK (
    knowledges IS NULL
    OR json_valid(knowledges) AND json_type(knowledges) = 'array' AND instr(knowledges, char(0)) = 0
  ),
  configuration TEXT CONSTRAINT configuration_is_json_object CHECK (
    configuration IS NULL
    OR json_valid(configuration) AND json_type(configuration) = 'object' AND instr(configuration, char(0)) = 0
  ),
  accessible_paths TEXT CONSTRAINT accessible_paths_is_json_array CHECK (
    accessible_paths IS NULL
    OR json_valid(accessible_paths) AND json_type(accessible_paths) = 'array' AND instr(accessible_paths, char(0)) = 0
  ),
  permission_mode TEXT CHECK (permission_mode IN ('readOnly', 'acceptEdits', 'bypassPermissions')),
  max_steps INTEGER CHECK (max_steps >= 0),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT created_at_is_utc_with_ms CHECK (
    created_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', created_at) IS created_at
    AND date(created_at, '+0 days') IS substr(created_at, 1, 10)
  ),
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT updated_at_is_utc_with_ms CHECK (
    updated_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', updated_at) IS updated_at
    AND date(updated_at, '+0 days') IS substr(updated_at, 1, 10)
  )
) STRICT""",
        "CREATE INDEX idx_sessions_main_agent_id ON sessions (main_agent_id, created_at, id)",
        "CREATE INDEX idx_sessions_created_at ON sessions (created_at, id)",
        "CREATE INDEX idx_sessions_status ON sessions (status, created_at, id)",
        "CREATE INDEX idx_sessions_external_session_id ON sessions (external_session_id, created_at, id)",
        """\
CREATE TABLE session_logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  parent_id INTEGER CONSTRAINT parent_id_is_another_log CHECK (parent_id <> id),
  role TEXT NOT NULL CHECK (role IN ('user', 'agent', 'system', 'tool')),
  type TEXT NOT NULL CHECK (type IN ('message', 'thought', 'action', 'observation')),
  content TEXT NOT NULL CONSTRAINT content_is_json CHECK (
    json_valid(content) AND json_type(content) <> 'null' AND instr(content, char(0)) = 0
  ),
  metadata TEXT CONSTRAINT metadata_is_json_object CHECK (
    metadata IS NULL
    OR json_valid(metadata) AND json_type(metadata) = 'object' AND instr(metadata, char(0)) = 0
  ),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT created_at_is_utc_with_ms CHECK (
    created_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', created_at) IS created_at
    AND date(created_at, '+0 days') IS substr(created_at, 1, 10)
  ),
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT updated_at_is_utc_with_ms CHECK (
    updated_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', updated_at) IS updated_at
    AND date(updated_at, '+0 days') IS substr(updated_at, 1, 10)
  ),
  UNIQUE (session_id, id),
  FOREIGN KEY (session_id, parent_id) REFERENCES session_logs (session_id, id) ON DELETE NO ACTION
) STRICT""",
        "CREATE INDEX idx_session_logs_parent_id ON session_logs (session_id, parent_id)",
        "CREATE INDEX idx_session_logs_created_at ON session_logs (session_id, created_at)",
    ),
    down=(
        "DROP TABLE session_logs",
        "DROP TABLE sessions",
    ),
)
