"""Compaction: a summary stands in the model's context for messages that stay in the transcript.

Why it is as it is (what it shares with the tables before: see their migrations):

- A compaction marks the messages that it takes out with its id. Restoring it clears the marks. So no message moves.
- A pruning replaces what tools gave. `message_archive` keeps the originals of those messages until the event is
  restored. An original goes with its message, so that what is deleted for good is gone.
- A rollback of this migration restores every compaction first. The summaries stay in the table, marked as removed.
- `summary_content` is what stands in place of what was taken out: the summary, or the words in place of an output.
- `is_estimated` says that the tokens of an event hold an estimate: somebody counted not all of its messages.
- `compaction_count` of a session counts the events that are not restored.

The honest mistake that each trigger prevents:

- `compaction_events_count_…`: a counter that is not true.
- `compaction_events_are_kept`: a DELETE of old events. The messages that they took out would stay out of the context for
  good, and the originals of pruned messages would be gone. The session's own deletion removes its events.
- `compaction_events_are_never_replaced`: INSERT OR REPLACE of events that are copied a second time. It would delete the
  originals of pruned messages. See `agents_are_never_replaced`.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="006",
    description="Compaction of messages",
    up=(
        """\
CREATE TABLE compaction_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  strategy TEXT NOT NULL CHECK (strategy <> ''),
  original_tokens INTEGER NOT NULL CHECK (original_tokens >= 0),
  compacted_tokens INTEGER NOT NULL CHECK (compacted_tokens >= 0),
  messages_removed INTEGER NOT NULL CHECK (messages_removed >= 0),
  is_estimated INTEGER NOT NULL DEFAULT 0 CHECK (is_estimated IN (0, 1)),
  summary_message_id INTEGER REFERENCES messages (id) ON DELETE SET NULL,
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
CREATE INDEX idx_compaction_events_summary_message_id ON compaction_events (summary_message_id)
WHERE summary_message_id IS NOT NULL""",
        """\
CREATE TABLE message_archive (
  event_id INTEGER NOT NULL REFERENCES compaction_events (id) ON DELETE CASCADE,
  message_id INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
  token_count INTEGER CHECK (token_count BETWEEN 0 AND 9007199254740991),
  estimated_tokens INTEGER CHECK (estimated_tokens BETWEEN 0 AND 9007199254740991),
  content TEXT,
  payload_json TEXT CONSTRAINT payload_json_is_json_array_or_object CHECK (
    payload_json IS NULL
    OR json_valid(payload_json) AND json_type(payload_json) IN ('array', 'object') AND instr(payload_json, char(0)) = 0
  ),
  PRIMARY KEY (event_id, message_id)
) STRICT""",
        "CREATE INDEX idx_message_archive_message_id ON message_archive (message_id)",
        """\
CREATE TRIGGER compaction_events_are_kept BEFORE DELETE ON compaction_events
WHEN OLD.restored_at IS NULL AND EXISTS (SELECT 1 FROM sessions WHERE id = OLD.session_id)
BEGIN
  SELECT RAISE(ABORT, 'compaction_events: this compaction is in force; restore it before you delete it');
END""",
        """\
CREATE TRIGGER compaction_events_are_never_replaced BEFORE INSERT ON compaction_events
WHEN EXISTS (SELECT 1 FROM compaction_events WHERE id = NEW.id)
BEGIN
  INSERT OR IGNORE INTO replace_guard VALUES (1);
  INSERT OR IGNORE INTO replace_guard VALUES (1);
  SELECT RAISE(ABORT, 'compaction_events: an event is never replaced; use UPDATE or ON CONFLICT DO UPDATE')
  WHERE changes() > 0;
END""",
        """\
CREATE TRIGGER compaction_events_count_insert AFTER INSERT ON compaction_events
WHEN NEW.restored_at IS NULL
BEGIN
  UPDATE sessions SET compaction_count = compaction_count + 1 WHERE id = NEW.session_id;
END""",
        """\
CREATE TRIGGER compaction_events_count_update AFTER UPDATE OF restored_at ON compaction_events
WHEN (NEW.restored_at IS NULL) <> (OLD.restored_at IS NULL)
BEGIN
  UPDATE sessions SET compaction_count = compaction_count + (NEW.restored_at IS NULL) - (OLD.restored_at IS NULL)
  WHERE id = NEW.session_id;
END""",
    ),
    down=(
        """\
UPDATE messages SET content = kept.content, payload_json = kept.payload_json, token_count = kept.token_count,
  estimated_tokens = kept.estimated_tokens
FROM message_archive AS kept
WHERE kept.message_id = messages.id
  AND kept.event_id = (SELECT min(event_id) FROM message_archive WHERE message_id = messages.id)""",
        "DROP TABLE message_archive",
        "DROP TABLE compaction_events",
        "UPDATE sessions SET compaction_count = 0",
        "UPDATE messages SET removed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE is_summary = 1 AND removed_at IS NULL",
        "UPDATE messages SET compaction_event_id = NULL WHERE compaction_event_id IS NOT NULL",
    ),
)
