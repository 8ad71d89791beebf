"""Agents: what a session runs on.

Why the columns are as they are:

- An array or object that is NULL was never set. An empty one was set to nothing. So these columns have no default.
- `json_valid(NULL)` is 0 in older SQLite, so NULL is allowed by name. `json_valid` stops reading at a NUL character, so
  `instr` refuses text behind one.
- `strftime` alone accepts 30 February and hour 24, and its modifiers lose milliseconds in older SQLite. So the whole is
  compared without a modifier, and the day with one. BETWEEN refuses the word 'now' and the year 0, which `datetime`
  cannot read.
- The DEFAULT of `id` is a random UUID (version 4). `random() & 3` chooses its variant digit, because `abs(random())`
  overflows once in 2**64 rows.
- `type` is any text. Known values are 'claudeCode', 'codex' and 'custom'.
- The default agent is the one that conversations run on where none is named. There is at most one.

The honest mistake that each trigger prevents:

- `agents_default_is_kept`: a DELETE of agents that look unused. With the default agent would go every conversation that
  never named an agent.
- `agents_are_never_replaced`: INSERT OR REPLACE of an agent, as an upsert, or of a second default agent. It would delete
  the sessions of the agent that is there, and their messages. INSERT OR IGNORE and ON CONFLICT DO UPDATE still work. The
  trigger tells them apart by `replace_guard`: a statement in a trigger takes the conflict policy of the statement that
  fired it, so the second INSERT changes a row under REPLACE alone.
- `agents_are_never_replaced_by_update`: UPDATE OR REPLACE, which does the same. A plain UPDATE still fails with UNIQUE.
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
  type TEXT NOT NULL DEFAULT 'custom' CHECK (type <> ''),
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
  ),
  specializations_json TEXT CONSTRAINT specializations_json_is_json_array CHECK (
    specializations_json IS NULL
    OR json_valid(specializations_json) AND json_type(specializations_json) = 'array' AND instr(specializations_json, char(0)) = 0
  ),
  metadata_json TEXT CONSTRAINT metadata_json_is_json_object CHECK (
    metadata_json IS NULL
    OR json_valid(metadata_json) AND json_type(metadata_json) = 'object' AND instr(metadata_json, char(0)) = 0
  ),
  is_default INTEGER NOT NULL DEFAULT 0 CHECK (is_default IN (0, 1))
) STRICT""",
        "CREATE INDEX idx_agents_created_at ON agents (created_at, id)",
        "CREATE UNIQUE INDEX idx_agents_is_default ON agents (is_default) WHERE is_default = 1",
        """\
CREATE TRIGGER agents_default_is_kept BEFORE DELETE ON agents
WHEN OLD.is_default = 1
BEGIN
  SELECT RAISE(ABORT, 'agents: this is the default agent; make another one the default before you delete it');
END""",
        "CREATE TABLE replace_guard (id INTEGER NOT NULL PRIMARY KEY) STRICT",
        """\
CREATE TRIGGER agents_are_never_replaced BEFORE INSERT ON agents
WHEN EXISTS (SELECT 1 FROM agents WHERE id = NEW.id)
  OR NEW.is_default = 1 AND EXISTS (SELECT 1 FROM agents WHERE is_default = 1)
BEGIN
  INSERT OR IGNORE INTO replace_guard VALUES (1);
  INSERT OR IGNORE INTO replace_guard VALUES (1);
  SELECT RAISE(ABORT, 'agents: an agent is never replaced; use UPDATE or ON CONFLICT DO UPDATE') WHERE changes() > 0;
END""",
        """\
CREATE TRIGGER agents_are_never_replaced_by_update BEFORE UPDATE OF id, is_default ON agents
WHEN NEW.id IS NOT OLD.id AND EXISTS (SELECT 1 FROM agents WHERE id = NEW.id)
  OR NEW.is_default = 1 AND OLD.is_default = 0 AND EXISTS (SELECT 1 FROM agents WHERE is_default = 1)
BEGIN
  INSERT OR IGNORE INTO replace_guard VALUES (1);
  INSERT OR IGNORE INTO replace_guard VALUES (1);
  SELECT RAISE(ABORT, 'agents: an agent is never replaced; free its place first') WHERE changes() > 0;
END""",
    ),
    down=(
        "DROP TABLE replace_guard",
        "DROP TABLE agents",
    ),
)
