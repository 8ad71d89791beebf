"""Agent contexts: which agent speaks in a session now, and how it came to that.

Why it is as it is (what it shares with the tables before: see their migrations):

- One context per session, and it goes with the session. Its switches go with it, and have no other owner.
- `current_agent` and the ends of a switch are names, not references: a conversation remembers an agent that is gone.
- The first entry of a context has no `from_agent`: nobody spoke before. `switch_count` counts the others, the changes
  from one agent to another; `last_switch_at` is NULL until there is one.
- A trigger makes a switch and what it changes in the context one step, under raw SQL too. A switch that is there stays
  as it is: what it says has been counted.
- The order of switches is that of their ids: several may happen in one millisecond, and clocks go back.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="005",
    description="Agent contexts",
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
  session_id TEXT NOT NULL REFERENCES agent_contexts (session_id) ON DELETE CASCADE,
  from_agent TEXT CHECK (from_agent <> ''),
  to_agent TEXT NOT NULL CHECK (to_agent <> ''),
  reason TEXT,
  metadata_json TEXT CONSTRAINT metadata_json_is_json_object CHECK (
    metadata_json IS NULL
    OR json_valid(metadata_json) AND json_type(metadata_json) = 'object' AND instr(metadata_json, char(0)) = 0
  ),
  switched_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    CONSTRAINT switched_at_is_utc_with_ms CHECK (
      switched_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
      AND strftime('%Y-%m-%dT%H:%M:%fZ', switched_at) IS switched_at
      AND date(switched_at, '+0 days') IS substr(switched_at, 1, 10)
    )
) STRICT""",
        "CREATE INDEX idx_agent_switches_session_id ON agent_switches (session_id)",
        """\
CREATE TRIGGER agent_contexts_are_never_replaced BEFORE INSERT ON agent_contexts
WHEN EXISTS (SELECT 1 FROM agent_contexts WHERE session_id = NEW.session_id)
BEGIN
  SELECT RAISE(ABORT, 'agent_contexts: this session has a context; it is updated, never replaced');
END""",
        """\
CREATE TRIGGER agent_switches_are_never_replaced BEFORE INSERT ON agent_switches
WHEN EXISTS (SELECT 1 FROM agent_switches WHERE id = NEW.id)
BEGIN
  SELECT RAISE(ABORT, 'agent_switches: this id is taken; a switch is never replaced');
END""",
        """\
CREATE TRIGGER agent_switches_stay_as_they_are BEFORE UPDATE ON agent_switches
WHEN NEW.id IS NOT OLD.id OR NEW.session_id IS NOT OLD.session_id OR NEW.from_agent IS NOT OLD.from_agent
  OR NEW.to_agent IS NOT OLD.to_agent OR NEW.switched_at IS NOT OLD.switched_at
BEGIN
  SELECT RAISE(ABORT, 'agent_switches: what happened, and when, never changes; reason and metadata_json may');
END""",
        """\
CREATE TRIGGER agent_switches_counted_in AFTER INSERT ON agent_switches
BEGIN
  UPDATE agent_contexts SET
    current_agent = NEW.to_agent,
    switch_count = switch_count + (NEW.from_agent IS NOT NULL),
    last_switch_at = CASE WHEN NEW.from_agent IS NULL THEN last_switch_at ELSE NEW.switched_at END
  WHERE session_id = NEW.session_id;
END""",
        """\
CREATE TRIGGER agent_switches_counted_out AFTER DELETE ON agent_switches
WHEN OLD.from_agent IS NOT NULL
BEGIN
  UPDATE agent_contexts SET switch_count = max(switch_count - 1, 0) WHERE session_id = OLD.session_id;
END""",
    ),
    down=(
        "DROP TABLE agent_switches",
        "DROP TABLE agent_contexts",
    ),
)
