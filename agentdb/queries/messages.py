"""SQL for the messages of sessions. Parameters are named as the columns.

The transcript is what people read: every message that is neither a summary nor removed. The context is what the model is
sent: every message that no compaction took out and nobody removed, summaries included. Where :include_deleted is 0, a
session that is deleted softly is as if it were not there.
"""

# Adds a message at the end of a live session; NULL for created_at means now. One row with id and seq, or none.
APPEND = """\
INSERT INTO messages (
  session_id, seq, role, status, token_count, is_preserved, is_summary, created_at, updated_at, external_id,
  name, tool_call_id, content, tool_calls_json, usage_json, metadata_json, payload_json,
  search_words
)
SELECT
  id, last_seq + 1, :role, :status, :token_count, :is_preserved, :is_summary,
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  :external_id, :name, :tool_call_id, :content, :tool_calls_json, :usage_json, :metadata_json, :payload_json,
  :search_words
FROM sessions WHERE id = :session_id AND deleted_at IS NULL
ON CONFLICT (session_id, external_id) WHERE external_id IS NOT NULL DO NOTHING
RETURNING id, seq"""

# Adds a message at a place of its own; NULL for id means the next one, NULL for created_at now. One row: its id.
INSERT = """\
INSERT INTO messages (
  id, session_id, seq, role, status, token_count, is_preserved, is_summary, created_at, updated_at, external_id,
  name, tool_call_id, content, tool_calls_json, usage_json, metadata_json, payload_json,
  search_words
) VALUES (
  :id, :session_id, :seq, :role, :status, :token_count, :is_preserved, :is_summary,
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  :external_id, :name, :tool_call_id, :content, :tool_calls_json, :usage_json, :metadata_json, :payload_json,
  :search_words
)
RETURNING id"""

# Replaces what a caller may change of a message of a live session.
UPDATE = """\
UPDATE messages SET
  status = :status,
  token_count = :token_count,
  is_preserved = :is_preserved,
  name = :name,
  content = :content,
  tool_calls_json = :tool_calls_json,
  usage_json = :usage_json,
  metadata_json = :metadata_json,
  payload_json = :payload_json,
  search_words = :search_words,
  updated_at = :updated_at
WHERE id = :id AND EXISTS (SELECT 1 FROM sessions WHERE sessions.id = messages.session_id AND deleted_at IS NULL)"""

# Which message has this id, removed ones too? One row with every column, or none.
GET_BY_ID = """\
SELECT * FROM messages WHERE id = :id AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE sessions.id = messages.session_id AND deleted_at IS NULL)
)"""

# Which message of the session has this external id, removed ones too? One row with every column, or none.
GET_BY_EXTERNAL_ID = """\
SELECT * FROM messages WHERE session_id = :session_id AND external_id = :external_id AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)"""

# What was said in this session? The transcript, in its order.
GET_BY_SESSION_ID = """\
SELECT * FROM messages WHERE session_id = :session_id AND in_transcript = 1 AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY seq"""

# What is the model sent of this session? The context, in its order.
GET_CONTEXT = """\
SELECT * FROM messages WHERE session_id = :session_id AND compaction_event_id IS NULL AND removed_at IS NULL AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY seq, id"""

# What was said last? At most :limit messages of the transcript, the latest first.
GET_LATEST_BY_SESSION_ID = """\
SELECT * FROM messages WHERE session_id = :session_id AND in_transcript = 1 AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY seq DESC LIMIT :limit"""

# What was said after this? At most :limit messages of the transcript behind :cursor_seq, in their order.
PAGE = """\
SELECT * FROM messages WHERE session_id = :session_id AND seq > :cursor_seq AND in_transcript = 1 AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY seq LIMIT :limit"""

# What was said before this? At most :limit messages of the transcript before :cursor_seq, the latest first.
PAGE_BACK = """\
SELECT * FROM messages WHERE session_id = :session_id AND seq < :cursor_seq AND in_transcript = 1 AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY seq DESC LIMIT :limit"""

# Marks the last message of a live session's transcript as removed. One row with every column, or none.
POP = """\
UPDATE messages SET removed_at = :removed_at, updated_at = :removed_at WHERE id = (
  SELECT id FROM messages WHERE session_id = :session_id AND in_transcript = 1
    AND EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
  ORDER BY seq DESC LIMIT 1
)
RETURNING *"""

# Marks one message of a live session as removed.
REMOVE_BY_ID = """\
UPDATE messages SET removed_at = :removed_at, updated_at = :removed_at WHERE id = :id AND removed_at IS NULL
  AND EXISTS (SELECT 1 FROM sessions WHERE sessions.id = messages.session_id AND deleted_at IS NULL)"""

# Marks the messages of a live session from :seq on as removed, summaries too.
REMOVE_FROM_SEQ = """\
UPDATE messages SET removed_at = :removed_at, updated_at = :removed_at
WHERE session_id = :session_id AND seq >= :seq AND removed_at IS NULL
  AND EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)"""

# Brings a removed message of a live session back to its place; refused where another one has taken it.
RESTORE_BY_ID = """\
UPDATE messages SET removed_at = NULL, updated_at = :updated_at WHERE id = :id AND removed_at IS NOT NULL
  AND EXISTS (SELECT 1 FROM sessions WHERE sessions.id = messages.session_id AND deleted_at IS NULL)"""

# Deletes the messages of a session that were removed at :before or earlier, for good.
PURGE = "DELETE FROM messages WHERE session_id = :session_id AND removed_at IS NOT NULL AND removed_at <= :before"

# Where does a conversation stand? One row: the counters of the session, its times, and that of its last message.
STATS = """\
SELECT
  id AS session_id, message_count, total_tokens, context_tokens, last_seq, compaction_count, created_at, last_activity_at,
  deleted_at,
  (
    SELECT created_at FROM messages WHERE session_id = :session_id AND in_transcript = 1 ORDER BY seq DESC LIMIT 1
  ) AS last_message_at
FROM sessions WHERE id = :session_id AND (:include_deleted OR deleted_at IS NULL)"""
