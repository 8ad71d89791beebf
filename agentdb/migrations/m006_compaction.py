"""Compaction: what was taken out of a conversation to make it shorter, kept so that it can be put back.

Why it is as it is (what it shares with the tables before: see their migrations):

- An event stands until it is restored. While it stands, nothing but deleting its session can remove its archive, raw SQL
  included. In a cascade the session is gone before its events, and an event before its archive, which is how the
  triggers tell one from the other. (OR REPLACE of a session's own row is a deletion of that session.)
- An event becomes restored only when the messages of its archive are back in their places. One that pruned outputs has
  no summary; its messages stay where they are, and one that somebody has removed since stays removed, and its original
  in the archive.
- The archive has every column of a message, and none of its constraints: what it holds was let in once. Its message_id
  refers to nothing, because that message is gone; a message's id is never given again.
- `compaction_count` of a session counts the events that stand.
- Taking this migration back drops the archives: what should come back is restored before.
- `summary_content` is what stands in the place of what was removed: the summary, or the words in place of an output.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="006",
    description="Compaction",
    up=(
        """\
CREATE TABLE compaction_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  strategy TEXT NOT NULL CHECK (strategy <> ''),
  original_tokens INTEGER NOT NULL CHECK (original_tokens >= 0),
  compacted_tokens INTEGER NOT NULL CHECK (compacted_tokens >= 0),
  messages_removed INTEGER NOT NULL CHECK (messages_removed >= 0),
  summary_message_id INTEGER,
  summary_content TEXT NOT NULL,
  preserved_message_ids_json TEXT NOT NULL CONSTRAINT preserved_message_ids_json_is_json_array CHECK (
    json_valid(preserved_message_ids_json) AND json_type(preserved_message_ids_json) = 'array'
    AND instr(preserved_message_ids_json, char(0)) = 0
  ),
  model_used TEXT,
  duration_ms INTEGER NOT NULL DEFAULT 0 CHECK (duration_ms >= 0),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT created_at_is_utc_with_ms CHECK (
    created_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', created_at) IS created_at
    AND date(created_at, '+0 days') IS substr(created_at, 1, 10)
  ),
  restored_at TEXT CONSTRAINT restored_at_is_utc_with_ms CHECK (
    restored_at IS NULL
    OR restored_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', restored_at) IS restored_at
    AND date(restored_at, '+0 days') IS substr(restored_at, 1, 10)
  )
) STRICT""",
        "CREATE INDEX idx_compaction_events_session_id ON compaction_events (session_id)",
        """\
CREATE TABLE message_archive (
  event_id INTEGER NOT NULL REFERENCES compaction_events (id) ON DELETE CASCADE,
  message_id INTEGER NOT NULL,
  session_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  role TEXT NOT NULL,
  token_count INTEGER,
  is_preserved INTEGER NOT NULL,
  is_summary INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  name TEXT,
  tool_call_id TEXT,
  content TEXT,
  tool_calls_json TEXT,
  usage_json TEXT,
  metadata_json TEXT,
  payload_json TEXT,
  PRIMARY KEY (event_id, message_id)
) STRICT""",
        """\
CREATE TRIGGER message_archive_is_never_replaced BEFORE INSERT ON message_archive
WHEN EXISTS (SELECT 1 FROM message_archive WHERE event_id = NEW.event_id AND message_id = NEW.message_id)
BEGIN
  SELECT RAISE(ABORT, 'message_archive: this message is archived already; an archive never changes');
END""",
        """\
CREATE TRIGGER message_archive_stays_as_it_is BEFORE UPDATE ON message_archive
BEGIN
  SELECT RAISE(ABORT, 'message_archive: an archive never changes');
END""",
        """\
CREATE TRIGGER message_archive_is_kept BEFORE DELETE ON message_archive
WHEN EXISTS (SELECT 1 FROM compaction_events WHERE id = OLD.event_id AND restored_at IS NULL)
BEGIN
  SELECT RAISE(ABORT, 'message_archive: the event still stands; restore it, or delete the session');
END""",
        """\
CREATE TRIGGER compaction_events_are_never_replaced BEFORE INSERT ON compaction_events
WHEN EXISTS (SELECT 1 FROM compaction_events WHERE id = NEW.id)
BEGIN
  SELECT RAISE(ABORT, 'compaction_events: this id is taken; an event is never replaced');
END""",
        """\
CREATE TRIGGER compaction_events_are_kept BEFORE DELETE ON compaction_events
WHEN OLD.restored_at IS NULL AND EXISTS (SELECT 1 FROM sessions WHERE id = OLD.session_id)
BEGIN
  SELECT RAISE(ABORT, 'compaction_events: the event still stands; restore it, or delete the session');
END""",
        """\
CREATE TRIGGER compaction_events_stay_as_they_are BEFORE UPDATE ON compaction_events
WHEN OLD.restored_at IS NOT NULL AND NEW.restored_at IS NOT OLD.restored_at
  OR (
    NEW.id, NEW.session_id, NEW.strategy, NEW.original_tokens, NEW.compacted_tokens, NEW.messages_removed,
    NEW.summary_message_id, NEW.summary_content, NEW.preserved_message_ids_json, NEW.model_used, NEW.created_at
  ) IS NOT (
    OLD.id, OLD.session_id, OLD.strategy, OLD.original_tokens, OLD.compacted_tokens, OLD.messages_removed,
    OLD.summary_message_id, OLD.summary_content, OLD.preserved_message_ids_json, OLD.model_used, OLD.created_at
  )
BEGIN
  SELECT RAISE(ABORT, 'compaction_events: an event never changes, but for becoming restored');
END""",
        """\
CREATE TRIGGER compaction_events_are_restored_whole BEFORE UPDATE OF restored_at ON compaction_events
WHEN OLD.restored_at IS NULL AND NEW.restored_at IS NOT NULL AND EXISTS (
  SELECT 1 FROM message_archive AS kept LEFT JOIN messages AS live ON live.id = kept.message_id
  WHERE kept.event_id = OLD.id AND CASE
    WHEN live.id IS NULL THEN OLD.summary_message_id IS NOT NULL
    ELSE OLD.summary_message_id IS NOT NULL AND live.seq <> kept.seq OR (
      live.session_id, live.role, live.created_at, live.name, live.tool_call_id, live.content, live.tool_calls_json,
      live.payload_json
    ) IS NOT (
      kept.session_id, kept.role, kept.created_at, kept.name, kept.tool_call_id, kept.content, kept.tool_calls_json,
      kept.payload_json
    )
  END
)
BEGIN
  SELECT RAISE(ABORT, 'compaction_events: the messages of its archive are not all back in their places');
END""",
        """\
CREATE TRIGGER compaction_events_counted_in AFTER INSERT ON compaction_events
WHEN NEW.restored_at IS NULL
BEGIN
  UPDATE sessions SET compaction_count = compaction_count + 1 WHERE id = NEW.session_id;
END""",
        """\
CREATE TRIGGER compaction_events_counted_out AFTER UPDATE OF restored_at ON compaction_events
WHEN OLD.restored_at IS NULL AND NEW.restored_at IS NOT NULL
BEGIN
  UPDATE sessions SET compaction_count = compaction_count - 1 WHERE id = NEW.session_id;
END""",
    ),
    down=(
        "DROP TABLE message_archive",
        "DROP TABLE compaction_events",
        "UPDATE sessions SET compaction_count = 0",
    ),
)
