"""Agents: what a session runs on.

Why the columns are as they are:

- An array or object that is NULL was never set; an empty one was set to nothing. So these columns have no default.
- `json_valid(NULL)` is 0 in older SQLite, so NULL is let through by name; `json_valid` stops reading at a NUL
  character, so `instr` refuses what would stand behind it.
- `strftime` alone lets 30 February and hour 24 through, and its modifiers lose milliseconds in older SQLite: so the
  whole is compared without a modifier, and the day with one. BETWEEN keeps out the word 'now' and the year 0, which
  `datetime` cannot read.
- The DEFAULT of `id` is a random UUID (version 4); `random() & 3` chooses its variant digit, because `abs(random())`
  overflows once in 2**64 rows.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="001",
    description="Agents",
    up=(
        """\
CREATE TABLE agents (
  id TEXT NOT NULL PRIMARY KEY CHECK (id <> '') DEFAULT (lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
    || substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
  )),
  type TEXT NOT NULL DEFAULT 'custom' CHECK (type IN ('claudeCode', 'codex', 'custom')),
  name TEXT NOT NULL,
  description TEXT,
  avatar TEXT,
  instructions TEXT,
  model TEXT NOT NULL,
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
  accessible_paths TEXT CONSTRAINT accessible_paths_is_json_array CHECK (
    accessible_paths IS NULL
    OR json_valid(accessible_paths) AND json_type(accessible_paths) = 'array' AND instr(accessible_paths, char(0)) = 0
  ),
  configuration TEXT CONSTRAINT configuration_is_json_object CHECK (
    configuration IS NULL
    OR json_valid(configuration) AND json_type(configuration) = 'object' AND instr(configuration, char(0)) = 0
  ),
  permission_mode TEXT NOT NULL DEFAULT 'readOnly'
    CHECK (permission_mode IN ('readOnly', 'acceptEdits', 'bypassPermissions')),
  max_steps INTEGER NOT NULL DEFAULT 10 CHECK (max_steps >= 0),
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
        "CREATE INDEX idx_agents_created_at ON agents (created_at, id)",
    ),
    down=("DROP TABLE agents",),
)
