"""SQL for the messages of sessions. Parameters are named as the columns.

Where :include_deleted is 0, a session that is deleted softly is as if it were not there.
"""

# Adds a message at the end of a live session; NULL for created_at means now. One row with id and seq; none without it.
APPEND = """\
INSERT INTO messages (
  session_id, seq, role, token_count, is_preserved, is_summary, created_at,
  name, tool_call_id, content, tool_calls_json, usage_json, metadata_json, payload_json
)
SELECT
  id, last_seq + 1, :role, :token_count, :is_preserved, :is_summary,
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  :name, :tool_call_id, :content, :tool_calls_json, :usage_json, :metadata_json, :payload_json
FROM sessions WHERE id = :session_id AND deleted_at IS NULL
RETURNING id, seq"""

# Adds a message at a place of its own; NULL for id means the next one, NULL for created_at now. Refused where it is taken.
INSERT = """\
INSERT INTO messages (
  id, session_id, seq, role, token_count, is_preserved, is_summary, created_at,
  name, tool_call_id, content, tool_calls_json, usage_json, metadata_json, payload_json
) VALUES (
  :id, :session_id, :seq, :role, :token_count, :is_preserved, :is_summary,
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  :name, :tool_call_id, :content, :tool_calls_json, :usage_json, :metadata_json, :payload_json
)"""

# Which message has this id? One row with every column, or none.
GET_BY_ID = """\
SELECT * FROM messages WHERE id = :id AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE sessions.id = messages.session_id AND deleted_at IS NULL)
)"""

# What was said in this session? All messages, in their order.
GET_BY_SESSION_ID = """\
SELECT * FROM messages WHERE session_id = :session_id AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY seq"""

# What was said last? At most :limit messages, the latest first.
GET_LATEST_BY_SESSION_ID = """\
SELECT * FROM messages WHERE session_id = :session_id AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY seq DESC LIMIT :limit"""

# What was said after this? At most :limit messages behind :cursor_seq, in their order.
PAGE = """\
SELECT * FROM messages WHERE session_id = :session_id AND seq > :cursor_seq AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY seq LIMIT :limit"""

# What was said before this? At most :limit messages before :cursor_seq, the latest first.
PAGE_BACK = """\
SELECT * FROM messages WHERE session_id = :session_id AND seq < :cursor_seq AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY seq DESC LIMIT :limit"""

# Removes the last message of a live session. One row with every column, or none.
POP = """\
DELETE FROM messages WHERE id = (
  SELECT id FROM messages WHERE session_id = :session_id
    AND EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
  ORDER BY seq DESC LIMIT 1
)
RETURNING *"""

# Removes one message of a live session.
DELETE_BY_ID = """\
DELETE FROM messages WHERE id = :id
  AND EXISTS (SELECT 1 FROM sessions WHERE sessions.id = messages.session_id AND deleted_at IS NULL)"""

# Removes a message of a live session and all behind it.
DELETE_FROM_SEQ = """\
DELETE FROM messages WHERE session_id = :session_id AND seq >= :seq
  AND EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)"""

# Removes all messages of a live session.
DELETE_BY_SESSION_ID = """\
DELETE FROM messages WHERE session_id = :session_id
  AND EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)"""

# Where does a conversation stand? One row: the counters of the session, its times, and that of its last message.
STATS = """\
SELECT
  id AS session_id, message_count, total_tokens, last_seq, compaction_count, created_at, last_activity_at, deleted_at,
  (SELECT created_at FROM messages WHERE session_id = :session_id ORDER BY seq DESC LIMIT 1) AS last_message_at
FROM sessions WHERE id = :session_id AND (:include_deleted OR deleted_at IS NULL)"""
