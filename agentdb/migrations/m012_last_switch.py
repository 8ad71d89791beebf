"""Last switch: `last_switch_at` of a context is that of a switch which is there, raw SQL included.

- Whoever takes the last switch out of a history takes its time out of the context: what is left is the time of the one
  before it, or NULL where no agent has handed over to another. One that others follow leaves the time alone.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="012",
    description="Last switch",
    up=(
        "DROP TRIGGER agent_switches_counted_out",
        """\
CREATE TRIGGER agent_switches_counted_out AFTER DELETE ON agent_switches
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
        "DROP TRIGGER agent_switches_counted_out",
        """\
CREATE TRIGGER agent_switches_counted_out AFTER DELETE ON agent_switches
WHEN OLD.from_agent IS NOT NULL
BEGIN
  UPDATE agent_contexts SET switch_count = max(switch_count - 1, 0) WHERE session_id = OLD.session_id;
END""",
    ),
)
