"""Messages of sessions.

Nothing that a compaction, a save or a deletion takes away leaves this table. It is marked, so a host's rows that refer to
a message keep their reference:

- `compaction_event_id`: the compaction that took the message out of the model's context. NULL: it is there.
- `removed_at`: when the message was taken out of the conversation. It can be restored until it is purged.
- The transcript is every message that is neither a summary nor removed. The context is every message without a mark,
  summaries included.

Why it is as it is:

- `seq` is a message's place in its session. No two messages of the transcript have the same one. A removed message keeps
  its seq, and another one may take its place. A summary has the seq of the last message that it stands for.
- `in_transcript` is 1 or NULL, so that the unique index over it leaves removed messages and summaries alone. The same
  index serves every page of a conversation and the cascade from its session.
- A seq and a count of tokens have 53 bits, which every reader of JSON can hold.
- `role` is text, because frameworks have words of their own. 'developer' counts as system, 'model' as assistant,
  'function' as tool.
- `token_count` is NULL where nobody counted. The totals take it as 0.
- `estimated_tokens` is what agentdb estimates of a message that nobody counted, and NULL of one that somebody counted. It
  is a column of its own, so that an estimate never passes for a count.
- `links_json` has the ids of the calls that a message makes and answers. A store writes it with the message, so that
  neither a context nor a plan has to parse payloads. NULL means that nothing was written: a message without payload
  and calls, or one that raw SQL wrote, whose payload is then read.
- `idx_messages_context` holds all that a plan needs to know: a compaction reads no message that it takes out.
  `idx_messages_uncounted` and the counter of the session give the tokens of a whole context. `idx_messages_without_links`
  finds the messages whose payload has to be read.
- `external_id` is the caller's key for a message. A second append with it is the same message.
- `compaction_event_id` refers to a table that comes later. A foreign key to a table that does not exist yet would refuse
  every INSERT.
- `search_words` has what the search index needs beside the texts themselves. See the next migration.
- The small columns of a message come before its texts: what sums or filters them reads no text of ten megabytes.

The honest mistake that each trigger prevents:

- `messages_count_…`: counters that are not true. They are kept for raw SQL, too.
- `messages_are_never_replaced`: INSERT OR REPLACE of a message, as an upsert by its id, seq or external_id. It would
  remove a row without any trigger of a deletion, so the counters and the search index would be wrong. NEW.id is -1
  before an id is chosen, and no id is below 1. `messages_are_never_replaced_by_update`: UPDATE OR REPLACE, which does the
  same. See `agents_are_never_replaced`.
- `messages_are_estimated_again`: an UPDATE of a payload or a text by raw SQL. Estimate and links would be those of before.
- `messages_stay_in_their_session`: an UPDATE that moves messages to another session. The counters of both would be wrong.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="003",
    description="Messages",
    up=(
        """\
CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  seq INTEGER NOT NULL CHECK (seq BETWEEN 1 AND 9007199254740991),
  role TEXT NOT NULL CHECK (role <> ''),
  status TEXT NOT NULL DEFAULT 'complete' CHECK (status IN ('complete', 'partial')),
  token_count INTEGER CHECK (token_count BETWEEN 0 AND 9007199254740991),
  estimated_tokens INTEGER CHECK (estimated_tokens BETWEEN 0 AND 9007199254740991),
  is_preserved INTEGER NOT NULL DEFAULT 0 CHECK (is_preserved IN (0, 1)),
  is_summary INTEGER NOT NULL DEFAULT 0 CHECK (is_summary IN (0, 1)),
  compaction_event_id INTEGER,
  removed_at TEXT CONSTRAINT removed_at_is_utc_with_ms CHECK (
    removed_at IS NULL
    OR removed_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', removed_at) IS removed_at
    AND date(removed_at, '+0 days') IS substr(removed_at, 1, 10)
  ),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT created_at_is_utc_with_ms CHECK (
    created_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', created_at) IS created_at
    AND date(created_at, '+0 days') IS substr(created_at, 1, 10)
  ),
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT updated_at_is_utc_with_ms CHECK (
    updated_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', updated_at) IS updated_at
    AND date(updated_at, '+0 days') IS substr(updated_at, 1, 10)
  ),
  in_transcript INTEGER GENERATED ALWAYS AS (CASE WHEN removed_at IS NULL AND is_summary = 0 THEN 1 END) VIRTUAL,
  external_id TEXT CHECK (external_id <> ''),
  name TEXT,
  tool_call_id TEXT,
  links_json TEXT CONSTRAINT links_json_is_json_object CHECK (
    links_json IS NULL
    OR json_valid(links_json) AND json_type(links_json) = 'object' AND instr(links_json, char(0)) = 0
  ),
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
  search_words TEXT,
  UNIQUE (session_id, seq, in_transcript)
) STRICT""",
        """\
CREATE INDEX idx_messages_context ON messages (
  session_id, seq, id, token_count, estimated_tokens, is_preserved, is_summary, role, tool_call_id, links_json,
  compaction_event_id, removed_at
)
WHERE compaction_event_id IS NULL AND removed_at IS NULL""",
        """\
CREATE UNIQUE INDEX idx_messages_external_id ON messages (session_id, external_id) WHERE external_id IS NOT NULL""",
        """\
CREATE INDEX idx_messages_compaction_event_id ON messages (compaction_event_id, seq)
WHERE compaction_event_id IS NOT NULL""",
        "CREATE INDEX idx_messages_removed_at ON messages (session_id, removed_at) WHERE removed_at IS NOT NULL",
        """\
CREATE INDEX idx_messages_uncounted ON messages (session_id, estimated_tokens)
WHERE token_count IS NULL AND compaction_event_id IS NULL AND removed_at IS NULL""",
        "CREATE INDEX idx_messages_preserved ON messages (session_id, seq) WHERE is_preserved = 1",
        """\
CREATE INDEX idx_messages_without_links ON messages (session_id)
WHERE links_json IS NULL AND (tool_calls_json IS NOT NULL OR payload_json IS NOT NULL)""",
        "CREATE INDEX idx_messages_partial ON messages (session_id) WHERE status = 'partial'",
        """\
CREATE TRIGGER messages_are_never_replaced BEFORE INSERT ON messages
WHEN EXISTS (SELECT 1 FROM messages WHERE id = NEW.id)
  OR EXISTS (SELECT 1 FROM messages WHERE session_id = NEW.session_id AND seq = NEW.seq AND in_transcript = 1)
  OR EXISTS (SELECT 1 FROM messages WHERE session_id = NEW.session_id AND external_id = NEW.external_id)
BEGIN
  INSERT OR IGNORE INTO replace_guard VALUES (1);
  INSERT OR IGNORE INTO replace_guard VALUES (1);
  SELECT RAISE(ABORT, 'messages: a message is never replaced; use UPDATE or ON CONFLICT DO UPDATE') WHERE changes() > 0;
END""",
        """\
CREATE TRIGGER messages_are_never_replaced_by_update BEFORE UPDATE OF seq, external_id, is_summary, removed_at ON messages
WHEN NEW.removed_at IS NULL AND NEW.is_summary = 0
  AND (NEW.seq <> OLD.seq OR OLD.removed_at IS NOT NULL OR OLD.is_summary = 1)
  AND EXISTS (SELECT 1 FROM messages WHERE session_id = NEW.session_id AND seq = NEW.seq AND in_transcript = 1)
  OR NEW.external_id IS NOT OLD.external_id
  AND EXISTS (SELECT 1 FROM messages WHERE session_id = NEW.session_id AND external_id = NEW.external_id)
BEGIN
  INSERT OR IGNORE INTO replace_guard VALUES (1);
  INSERT OR IGNORE INTO replace_guard VALUES (1);
  SELECT RAISE(ABORT, 'messages: a message is never replaced; free its place first') WHERE changes() > 0;
END""",
        """\
CREATE TRIGGER messages_are_estimated_again
AFTER UPDATE OF role, tool_call_id, content, tool_calls_json, metadata_json, payload_json ON messages
WHEN (OLD.estimated_tokens IS NOT NULL OR OLD.links_json IS NOT NULL)
  AND NEW.estimated_tokens IS OLD.estimated_tokens AND NEW.links_json IS OLD.links_json
  AND (
    NEW.content IS NOT OLD.content OR NEW.payload_json IS NOT OLD.payload_json
    OR NEW.tool_calls_json IS NOT OLD.tool_calls_json OR NEW.tool_call_id IS NOT OLD.tool_call_id
    OR NEW.role IS NOT OLD.role OR NEW.metadata_json IS NOT OLD.metadata_json
  )
BEGIN
  UPDATE messages SET estimated_tokens = NULL, links_json = NULL WHERE id = NEW.id;
END""",
        """\
CREATE TRIGGER messages_stay_in_their_session BEFORE UPDATE OF id, session_id ON messages
WHEN NEW.id IS NOT OLD.id OR NEW.session_id IS NOT OLD.session_id
BEGIN
  SELECT RAISE(ABORT, 'messages: id and session_id of a message never change');
END""",
        """\
CREATE TRIGGER messages_count_insert AFTER INSERT ON messages
BEGIN
  UPDATE sessions SET
    last_seq = max(last_seq, NEW.seq),
    message_count = message_count + COALESCE(NEW.in_transcript, 0),
    total_tokens = total_tokens + CASE WHEN NEW.in_transcript THEN COALESCE(NEW.token_count, 0) ELSE 0 END,
    context_tokens = context_tokens
      + CASE WHEN NEW.compaction_event_id IS NULL AND NEW.removed_at IS NULL THEN COALESCE(NEW.token_count, 0) ELSE 0 END,
    last_activity_at = CASE
      WHEN NEW.in_transcript AND COALESCE(last_activity_at < NEW.created_at, 1) THEN NEW.created_at
      ELSE last_activity_at
    END
  WHERE id = NEW.session_id;
END""",
        """\
CREATE TRIGGER messages_count_update
AFTER UPDATE OF seq, token_count, is_summary, compaction_event_id, removed_at ON messages
WHEN NEW.seq > OLD.seq OR NEW.in_transcript IS NOT OLD.in_transcript OR NEW.token_count IS NOT OLD.token_count
  OR NEW.token_count > 0 AND (
    NEW.compaction_event_id IS NOT OLD.compaction_event_id OR NEW.removed_at IS NOT OLD.removed_at
  )
BEGIN
  UPDATE sessions SET
    last_seq = max(last_seq, NEW.seq),
    message_count = message_count + COALESCE(NEW.in_transcript, 0) - COALESCE(OLD.in_transcript, 0),
    total_tokens = total_tokens
      + CASE WHEN NEW.in_transcript THEN COALESCE(NEW.token_count, 0) ELSE 0 END
      - CASE WHEN OLD.in_transcript THEN COALESCE(OLD.token_count, 0) ELSE 0 END,
    context_tokens = context_tokens
      + CASE WHEN NEW.compaction_event_id IS NULL AND NEW.removed_at IS NULL THEN COALESCE(NEW.token_count, 0) ELSE 0 END
      - CASE WHEN OLD.compaction_event_id IS NULL AND OLD.removed_at IS NULL THEN COALESCE(OLD.token_count, 0) ELSE 0 END
  WHERE id = NEW.session_id;
END""",
        """\
CREATE TRIGGER messages_count_delete AFTER DELETE ON messages
BEGIN
  UPDATE sessions SET
    message_count = message_count - COALESCE(OLD.in_transcript, 0),
    total_tokens = total_tokens - CASE WHEN OLD.in_transcript THEN COALESCE(OLD.token_count, 0) ELSE 0 END,
    context_tokens = context_tokens
      - CASE WHEN OLD.compaction_event_id IS NULL AND OLD.removed_at IS NULL THEN COALESCE(OLD.token_count, 0) ELSE 0 END
  WHERE id = OLD.session_id;
END""",
    ),
    down=(
        "DROP TABLE messages",
        "UPDATE sessions SET message_count = 0, total_tokens = 0, context_tokens = 0",
    ),
)
