"""Kept sessions: a session with a conversation in it is deleted, never replaced.

- REPLACE of a session's own row would take its messages along without a word. It deletes the old row like a
  DELETE, but without firing the triggers of a deletion: so a DELETE leaves its session's id in `deleting`, and what goes
  with a session that is gone, and whose id is not there, is refused. The cascade comes before the second trigger.
- INSERT OR IGNORE and ON CONFLICT DO UPDATE delete nothing, and go on as they did.
- Logs have no such trigger: a REPLACE of a session that has nothing else takes them along, as it always did.
- With `recursive_triggers` on, which SQLite has off, a REPLACE fires those triggers too, and is a deletion.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="010",
    description="Kept sessions",
    up=(
        "CREATE TABLE deleting (session_id TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID",
        """\
CREATE TRIGGER sessions_deletion_begins BEFORE DELETE ON sessions
BEGIN
  INSERT INTO deleting VALUES (OLD.id) ON CONFLICT DO NOTHING;
END""",
        """\
CREATE TRIGGER sessions_deletion_ends AFTER DELETE ON sessions
BEGIN
  DELETE FROM deleting WHERE session_id = OLD.id;
END""",
        """\
CREATE TRIGGER messages_outlive_a_replace BEFORE DELETE ON messages
WHEN NOT EXISTS (SELECT 1 FROM sessions WHERE id = OLD.session_id)
  AND NOT EXISTS (SELECT 1 FROM deleting WHERE session_id = OLD.session_id)
BEGIN
  SELECT RAISE(ABORT, 'sessions: a session with messages is never replaced; update it, or delete it first');
END""",
        """\
CREATE TRIGGER agent_contexts_outlive_a_replace BEFORE DELETE ON agent_contexts
WHEN NOT EXISTS (SELECT 1 FROM sessions WHERE id = OLD.session_id)
  AND NOT EXISTS (SELECT 1 FROM deleting WHERE session_id = OLD.session_id)
BEGIN
  SELECT RAISE(ABORT, 'sessions: a session with a context is never replaced; update it, or delete it first');
END""",
        """\
CREATE TRIGGER compaction_events_outlive_a_replace BEFORE DELETE ON compaction_events
WHEN NOT EXISTS (SELECT 1 FROM sessions WHERE id = OLD.session_id)
  AND NOT EXISTS (SELECT 1 FROM deleting WHERE session_id = OLD.session_id)
BEGIN
  SELECT RAISE(ABORT, 'sessions: a session with compactions is never replaced; update it, or delete it first');
END""",
    ),
    down=(
        "DROP TRIGGER compaction_events_outlive_a_replace",
        "DROP TRIGGER agent_contexts_outlive_a_replace",
        "DROP TRIGGER messages_outlive_a_replace",
        "DROP TRIGGER sessions_deletion_ends",
        "DROP TRIGGER sessions_deletion_begins",
        "DROP TABLE deleting",
    ),
)
