"""Kept agents: a default agent, and one that sessions run on, is deleted or updated, never replaced.

- REPLACE of an agent's row would take its sessions along without a word, and is no deletion for the triggers that hold a
  default agent. INSERT OR IGNORE and ON CONFLICT DO UPDATE replace nothing, and go on as they did.
- A statement inside a trigger takes the conflict policy of the statement that fired it. So a row that is there already is
  written to `agents_taken`: that changes something under REPLACE, and nothing where nothing would be replaced. (OR ABORT,
  OR FAIL and OR ROLLBACK fail there, as they would have failed at the agent.)
- The row that is replaced may be the one of the id, or of the rowid. The second trigger names no column, because
  `UPDATE OF id` does not fire for `SET rowid = …`.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="011",
    description="Kept agents",
    up=(
        "CREATE TABLE agents_taken (id INTEGER NOT NULL PRIMARY KEY) STRICT",
        """\
CREATE TRIGGER agents_are_never_replaced BEFORE INSERT ON agents
WHEN EXISTS (
  SELECT 1 FROM agents WHERE (id = NEW.id OR rowid = NEW.rowid) AND (
    EXISTS (SELECT 1 FROM default_agents WHERE agent_id = agents.id)
    OR EXISTS (SELECT 1 FROM sessions WHERE main_agent_id = agents.id)
  )
)
BEGIN
  INSERT OR IGNORE INTO agents_taken VALUES (1);
  INSERT OR IGNORE INTO agents_taken VALUES (1);
  SELECT RAISE(ABORT, 'agents: a default agent, and one with sessions, is never replaced; update it') WHERE changes() > 0;
END""",
        """\
CREATE TRIGGER agents_keep_their_place BEFORE UPDATE ON agents
WHEN (NEW.id IS NOT OLD.id OR NEW.rowid IS NOT OLD.rowid) AND EXISTS (
  SELECT 1 FROM agents WHERE (id = NEW.id OR rowid = NEW.rowid) AND rowid <> OLD.rowid AND (
    EXISTS (SELECT 1 FROM default_agents WHERE agent_id = agents.id)
    OR EXISTS (SELECT 1 FROM sessions WHERE main_agent_id = agents.id)
  )
)
BEGIN
  INSERT OR IGNORE INTO agents_taken VALUES (1);
  INSERT OR IGNORE INTO agents_taken VALUES (1);
  SELECT RAISE(ABORT, 'agents: a default agent, and one with sessions, is never replaced; update it') WHERE changes() > 0;
END""",
    ),
    down=(
        "DROP TRIGGER agents_keep_their_place",
        "DROP TRIGGER agents_are_never_replaced",
        "DROP TABLE agents_taken",
    ),
)
