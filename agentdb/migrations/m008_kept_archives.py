"""Kept archives: what only an archive holds is deleted by nothing but deleting its session.

- Of an event that is restored, its archive keeps the originals of those pruned outputs whose messages had been removed:
  they are nowhere else. So an archived message goes only where it is among the messages again, and an event only where
  all that it keeps is.
- In a cascade the session is gone before its events, and an event before its archive, as in the migration of compaction.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="008",
    description="Kept archives",
    up=(
        """\
CREATE TRIGGER message_archive_keeps_what_is_nowhere_else BEFORE DELETE ON message_archive
WHEN EXISTS (SELECT 1 FROM compaction_events WHERE id = OLD.event_id AND restored_at IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM messages WHERE id = OLD.message_id)
BEGIN
  SELECT RAISE(ABORT, 'message_archive: this message is nowhere else; only deleting the session removes it');
END""",
        """\
CREATE TRIGGER compaction_events_keep_what_is_nowhere_else BEFORE DELETE ON compaction_events
WHEN OLD.restored_at IS NOT NULL AND EXISTS (SELECT 1 FROM sessions WHERE id = OLD.session_id) AND EXISTS (
  SELECT 1 FROM message_archive WHERE event_id = OLD.id
    AND NOT EXISTS (SELECT 1 FROM messages WHERE id = message_archive.message_id)
)
BEGIN
  SELECT RAISE(ABORT, 'compaction_events: its archive has messages that are nowhere else; delete the session');
END""",
    ),
    down=(
        "DROP TRIGGER compaction_events_keep_what_is_nowhere_else",
        "DROP TRIGGER message_archive_keeps_what_is_nowhere_else",
    ),
)
