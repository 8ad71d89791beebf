"""Messages of sessions, and what a list shows of a conversation: title, activity, counters, and whether it is hidden.

Why it is as it is (what it shares with agents and sessions: see the migrations before):

- The counters of a session are kept by triggers, so they are right whatever raw SQL does to messages. What raw SQL
  writes into a counter itself is taken as it is: a guard could not tell it from what the triggers write.
- `last_seq` only grows, and what is appended takes a number behind it. Saving a conversation may give a number before it
  that a removal has left free, never one that an archive needs again. A seq has 53 bits, which every reader of JSON can
  hold, and which no counting comes to.
- A message's id, session_id and seq never change, and no message takes the place of another: OR REPLACE would remove a
  row without firing a delete trigger. NEW.id is -1 before an id is chosen; that no id is below 1 makes this safe. The
  trigger names no column, because `UPDATE OF id` does not fire for `SET rowid = …`.
- `last_activity_at` moves forward with each message; an older value that somebody sets stays until the next one.
- `token_count` is NULL where nobody counted; the total takes it as 0.
- The small columns of a message come before its texts: what sums or filters them reads no text of ten megabytes.
- No index on messages but the one of (session_id, seq): it gives every page of a conversation, in both directions.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="003",
    description="Messages",
    up=(
        "ALTER TABLE sessions ADD COLUMN title TEXT",
        """\
ALTER TABLE sessions ADD COLUMN last_activity_at TEXT CONSTRAINT last_activity_at_is_utc_with_ms CHECK (
  last_activity_at IS NULL
  OR last_activity_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
  AND strftime('%Y-%m-%dT%H:%M:%fZ', last_activity_at) IS last_activity_at
  AND date(last_activity_at, '+0 days') IS substr(last_activity_at, 1, 10)
)""",
        """\
ALTER TABLE sessions ADD COLUMN deleted_at TEXT CONSTRAINT deleted_at_is_utc_with_ms CHECK (
  deleted_at IS NULL
  OR deleted_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
  AND strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at) IS deleted_at
  AND date(deleted_at, '+0 days') IS substr(deleted_at, 1, 10)
)""",
        "ALTER TABLE sessions ADD COLUMN is_active INTEGER GENERATED ALWAYS AS (deleted_at IS NULL) VIRTUAL",
        "ALTER TABLE sessions ADD COLUMN last_seq INTEGER NOT NULL DEFAULT 0 CHECK (last_seq BETWEEN 0 AND 9007199254740991)",
        "ALTER TABLE sessions ADD COLUMN message_count INTEGER NOT NULL DEFAULT 0 CHECK (message_count >= 0)",
        "ALTER TABLE sessions ADD COLUMN total_tokens INTEGER NOT NULL DEFAULT 0 CHECK (total_tokens >= 0)",
        "ALTER TABLE sessions ADD COLUMN compaction_count INTEGER NOT NULL DEFAULT 0 CHECK (compaction_count >= 0)",
        """\
ALTER TABLE sessions ADD COLUMN metadata_json TEXT CONSTRAINT metadata_json_is_json_object CHECK (
  metadata_json IS NULL
  OR json_valid(metadata_json) AND json_type(metadata_json) = 'object' AND instr(metadata_json, char(0)) = 0
)""",
        """\
CREATE INDEX idx_sessions_activity ON sessions (COALESCE(last_activity_at, created_at), id) WHERE deleted_at IS NULL""",
        "CREATE INDEX idx_sessions_deleted_at ON sessions (deleted_at, id) WHERE deleted_at IS NOT NULL",
        """\
CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  seq INTEGER NOT NULL CHECK (seq BETWEEN 1 AND 9007199254740991),
  role TEXT NOT NULL CHECK (role IN ('user', 'assistant', 'system', 'tool')),
  token_count INTEGER CHECK (token_count >= 0),
  is_preserved INTEGER NOT NULL DEFAULT 0 CHECK (is_preserved IN (0, 1)),
  is_summary INTEGER NOT NULL DEFAULT 0 CHECK (is_summary IN (0, 1)),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT created_at_is_utc_with_ms CHECK (
    created_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', created_at) IS created_at
    AND date(created_at, '+0 days') IS substr(created_at, 1, 10)
  ),
  name TEXT,
  tool_call_id TEXT,
  content TEXT,
  tool_calls_json TEXT CONSTRAINT tool_calls_json_is_json_array CHECK (
    tool_calls_json IS NULL
    OR json_valid(tool_calls_json) AND json_type(tool_calls_json) = 'array' AND instr(tool_calls_json, char(0)) = 0
  ),
  usage_json TEXT CONSTRAINT usage_json_is_json_object CHECK (
    usage_json IS NULL
    OR json_valid(usage_json) AND json_type(usage_json) = 'object' AND instr(usage_json, char(0)) = 0
  ),
  metadata_json TEXT CONSTRAINT metadata_json_is_json_object CHECK (
    metadata_json IS NULL
    OR json_valid(metadata_json) AND json_type(metadata_json) = 'object' AND instr(metadata_json, char(0)) = 0
  ),
  payload_json TEXT CONSTRAINT payload_json_is_json_array_or_object CHECK (
    payload_json IS NULL
    OR json_valid(payload_json) AND json_type(payload_json) IN ('array', 'object') AND instr(payload_json, char(0)) = 0
  ),
  UNIQUE (session_id, seq)
) STRICT""",
        """\
CREATE TRIGGER messages_are_never_replaced BEFORE INSERT ON messages
WHEN EXISTS (SELECT 1 FROM messages WHERE id = NEW.id)
  OR EXISTS (SELECT 1 FROM messages WHERE session_id = NEW.session_id AND seq = NEW.seq)
BEGIN
  SELECT RAISE(ABORT, 'messages: this id, or this seq of the session, is taken; a message is never replaced');
END""",
        """\
CREATE TRIGGER messages_keep_their_place BEFORE UPDATE ON messages
WHEN NEW.id IS NOT OLD.id OR NEW.session_id IS NOT OLD.session_id OR NEW.seq IS NOT OLD.seq
BEGIN
  SELECT RAISE(ABORT, 'messages: id, session_id and seq of a message never change');
END""",
        """\
CREATE TRIGGER messages_counted_in AFTER INSERT ON messages
BEGIN
  UPDATE sessions SET
    last_seq = max(last_seq, NEW.seq),
    message_count = message_count + 1,
    total_tokens = total_tokens + COALESCE(NEW.token_count, 0),
    last_activity_at = max(COALESCE(last_activity_at, NEW.created_at), NEW.created_at)
  WHERE id = NEW.session_id;
END""",
        """\
CREATE TRIGGER messages_counted_out AFTER DELETE ON messages
BEGIN
  UPDATE sessions SET
    message_count = message_count - 1,
    total_tokens = total_tokens - COALESCE(OLD.token_count, 0)
  WHERE id = OLD.session_id;
END""",
        """\
CREATE TRIGGER messages_counted_anew AFTER UPDATE OF token_count ON messages
WHEN NEW.token_count IS NOT OLD.token_count
BEGIN
  UPDATE sessions SET total_tokens = total_tokens - COALESCE(OLD.token_count, 0) + COALESCE(NEW.token_count, 0)
  WHERE id = NEW.session_id;
END""",
        """\
CREATE TRIGGER sessions_last_seq_only_grows BEFORE UPDATE OF last_seq ON sessions
WHEN NEW.last_seq < OLD.last_seq
BEGIN
  SELECT RAISE(ABORT, 'sessions: last_seq only grows');
END""",
    ),
    down=(
        "DROP TABLE messages",
        "DROP TRIGGER sessions_last_seq_only_grows",
        "DROP INDEX idx_sessions_deleted_at",
        "DROP INDEX idx_sessions_activity",
        "ALTER TABLE sessions DROP COLUMN metadata_json",
        "ALTER TABLE sessions DROP COLUMN compaction_count",
        "ALTER TABLE sessions DROP COLUMN total_tokens",
        "ALTER TABLE sessions DROP COLUMN message_count",
        "ALTER TABLE sessions DROP COLUMN last_seq",
        "ALTER TABLE sessions DROP COLUMN is_active",
        "ALTER TABLE sessions DROP COLUMN deleted_at",
        "ALTER TABLE sessions DROP COLUMN last_activity_at",
        "ALTER TABLE sessions DROP COLUMN title",
    ),
)
