"""Agent contexts: which agent is at work in a session now, and the switches that led there.

Why it is as it is (what it shares with the tables before: see their migrations):

- One context per session. It goes with the session, and so do its switches. A switch refers to the session, not to the
  context: INSERT OR REPLACE of a context would delete its history otherwise.
- `current_agent` and the ends of a switch are names, not references: a conversation remembers an agent that is gone.
- The first entry of a history has no `from_agent`. `switch_count` counts the others, the changes from one agent to
  another. `last_switch_at` is the time of the latest of them, NULL while there is none.
- The order of switches is that of their ids: several may happen in one millisecond, and clocks go back.

The honest mistake that the triggers prevent: a context that does not say what its switches say.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="005",
    description="Agent contexts and switches",
    up=(
        """\
CREATE TABLE agent_contexts (
  session_id TEXT NOT NULL PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
  current_agent TEXT NOT NULL CHECK (current_agent <> ''),
  switch_count INTEGER NOT NULL DEFAULT 0 CHECK (switch_count >= 0),
  metadata_json TEXT CONSTRAINT metadata_json_is_json_object CHECK (
    metadata_json IS NULL
    OR json_valid(metadata_json) AND json_type(metadata_json) = 'object' AND instr(metadata_json, char(0)) = 0
  ),
  last_switch_at TEXT CONSTRAINT last_switch_at_is_utc_with_ms CHECK (
    last_switch_at IS NULL
    OR last_switch_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', last_switch_at) IS last_switch_at
    AND date(last_switch_at, '+0 days') IS substr(last_switch_at, 1, 10)
  ),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT created_at_is_utc_with_ms CHECK (
    created_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', created_at) IS created_at
    AND date(created_at, '+0 days') IS substr(created_at, 1, 10)
  )
) STRICT""",
        "CREATE INDEX idx_agent_contexts_created_at ON agent_contexts (created_at, session_id)",
        """\
CREATE TABLE agent_switches (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  from_agent TEXT CHECK (from_agent <> ''),
  to_agent TEXT NOT NULL CHECK (to_agent <> ''),
  reason TEXT,
  metadata_json TEXT CONSTRAINT metadata_json_is_json_object CHECK (
    metadata_json IS NULL
    OR json_valid(metadata_json) AND json_type(metadata_json) = 'object' AND instr(metadata_json, char(0)) = 0
  ),
  switched_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT switched_at_is_utc_with_ms CHECK (
    switched_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', switched_at) IS switched_at
    AND date(switched_at, '+0 days') IS substr(switched_at, 1, 10)
  )
) STRICT""",
        "CREATE INDEX idx_agent_switches_session_id ON agent_switches (session_id)",
        """\
CREATE TRIGGER agent_switches_count_insert AFTER INSERT ON agent_switches
BEGIN
  UPDATE agent_contexts SET
    current_agent = NEW.to_agent,
    switch_count = switch_count + (NEW.from_agent IS NOT NULL),
    last_switch_at = CASE WHEN NEW.from_agent IS NULL THEN last_switch_at ELSE NEW.switched_at END
  WHERE session_id = NEW.session_id;
END""",
        """\
CREATE TRIGGER agent_switches_count_delete AFTER DELETE ON agent_switches
WHEN OLD.from_agent IS NOT NULL
BEGIN
  UPDATE agent_contexts SET
    switch_count = max(switch_count - 1, 0),
    last_switch_at = CASE
      WHEN EXISTS (
        SELECT 1 FROM agent_switches WHERE session_id = OLD.session_id AND from_agent IS NOT NULL AND id > OLD.id
      ) THEN last_switch_at
      ELSE (
        SELECT switched_at FROM agent_switches WHERE session_id = OLD.session_id AND from_agent IS NOT NULL
        ORDER BY id DESC LIMIT 1
      )
    END
  WHERE session_id = OLD.session_id;
END""",
    ),
    down=(
        "DROP TABLE agent_switches",
        "DROP TABLE agent_contexts",
    ),
)
