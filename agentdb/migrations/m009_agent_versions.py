"""Versions of agents: what an agent's configuration was, and which one it runs on.

Why it is as it is (what it shares with the tables before: see their migrations):

- `snapshot_json` holds the whole configuration at the time, under the names that an agent has in Python.
- `sort_key` orders versions by the rules of semver.org: 1.10.0 comes behind 1.9.0, and 1.0.0-rc.1 before 1.0.0. The store
  writes it. Text of its own would sort 1.10.0 before 1.9.0.
- An agent that was there before this migration has version 1.0.0, which is active: its configuration as it is now.

A partial unique index keeps at most one version of an agent active.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="009",
    description="Agent versions",
    up=(
        """\
CREATE TABLE agent_versions (
  id TEXT NOT NULL PRIMARY KEY CHECK (id <> '') DEFAULT (lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
    || substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
  )),
  agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
  version_number TEXT NOT NULL CHECK (version_number GLOB '[0-9]*.[0-9]*.[0-9]*'),
  sort_key TEXT NOT NULL CHECK (sort_key <> ''),
  changes_json TEXT CONSTRAINT changes_json_is_json_array_or_object CHECK (
    changes_json IS NULL
    OR json_valid(changes_json) AND json_type(changes_json) IN ('array', 'object') AND instr(changes_json, char(0)) = 0
  ),
  snapshot_json TEXT NOT NULL CONSTRAINT snapshot_json_is_json_object CHECK (
    json_valid(snapshot_json) AND json_type(snapshot_json) = 'object' AND instr(snapshot_json, char(0)) = 0
  ),
  created_by TEXT,
  is_active INTEGER NOT NULL DEFAULT 0 CHECK (is_active IN (0, 1)),
  activated_at TEXT CONSTRAINT activated_at_is_utc_with_ms CHECK (
    activated_at IS NULL
    OR activated_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', activated_at) IS activated_at
    AND date(activated_at, '+0 days') IS substr(activated_at, 1, 10)
  ),
  deactivated_at TEXT CONSTRAINT deactivated_at_is_utc_with_ms CHECK (
    deactivated_at IS NULL
    OR deactivated_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', deactivated_at) IS deactivated_at
    AND date(deactivated_at, '+0 days') IS substr(deactivated_at, 1, 10)
  ),
  performance_json TEXT CONSTRAINT performance_json_is_json_object CHECK (
    performance_json IS NULL
    OR json_valid(performance_json) AND json_type(performance_json) = 'object' AND instr(performance_json, char(0)) = 0
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
  UNIQUE (agent_id, version_number)
) STRICT""",
        "CREATE INDEX idx_agent_versions_sort_key ON agent_versions (agent_id, sort_key, id)",
        "CREATE UNIQUE INDEX idx_agent_versions_is_active ON agent_versions (agent_id) WHERE is_active = 1",
        """\
INSERT INTO agent_versions (agent_id, version_number, sort_key, snapshot_json, is_active, activated_at)
SELECT
  id, '1.0.0', '011.010.010~',
  json_object(
    'type', type, 'name', name, 'description', description, 'avatar', avatar, 'instructions', instructions,
    'model', model, 'plan_model', plan_model, 'small_model', small_model,
    'built_in_tools', json(built_in_tools), 'mcps', json(mcps), 'knowledges', json(knowledges),
    'accessible_paths', json(accessible_paths), 'configuration', json(configuration),
    'permission_mode', permission_mode, 'max_steps', max_steps,
    'specializations', json(specializations_json), 'metadata', json(metadata_json)
  ),
  1, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
FROM agents""",
    ),
    down=("DROP TABLE agent_versions",),
)
