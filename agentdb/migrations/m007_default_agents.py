"""Default agents: those that conversations without an agent of their own run on.

- A default agent is never deleted, raw SQL included: with it would go every conversation that never named an agent.
  Whoever means it takes it out of default_agents first.
- No foreign key: the trigger holds the agent, and says why.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="007",
    description="Default agents",
    up=(
        "CREATE TABLE default_agents (agent_id TEXT NOT NULL PRIMARY KEY CHECK (agent_id <> '')) STRICT",
        """\
CREATE TRIGGER default_agents_are_kept BEFORE DELETE ON agents
WHEN EXISTS (SELECT 1 FROM default_agents WHERE agent_id = OLD.id)
BEGIN
  SELECT RAISE(ABORT, 'agents: this is a default agent; conversations that name no agent run on it');
END""",
    ),
    down=(
        "DROP TRIGGER default_agents_are_kept",
        "DROP TABLE default_agents",
    ),
)
