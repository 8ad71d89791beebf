"""SQL for compactions. Parameters are named as the columns; :ids is a JSON array of ids.

Where :include_deleted is 0, a session that is deleted softly is as if it were not there. A message that nobody counted has
an estimate: a token for four bytes of its text, or of its payload where it has no text, and of its tool calls.
"""

# Which session is this? One row with id, last_activity_at and deleted_at, or none.
SESSION = "SELECT id, last_activity_at, deleted_at FROM sessions WHERE id = :session_id"

# What does a planner need to know of each message? All of a session, in their order; JSON where it may name a tool.
LINES = """\
SELECT
  id, seq, role, is_preserved, tool_call_id, tool_calls_json,
  CASE WHEN instr(payload_json, 'tool') OR instr(payload_json, 'call') OR instr(payload_json, 'function')
    OR instr(payload_json, 'approval')
    THEN payload_json END AS payload_json,
  CASE WHEN instr(metadata_json, 'tool') OR instr(metadata_json, 'call') OR instr(metadata_json, 'function')
    OR instr(metadata_json, 'approval')
    THEN metadata_json -> '$.extra' END AS extra_json,
  COALESCE(token_count, (
    COALESCE(NULLIF(length(CAST(content AS BLOB)), 0), length(CAST(payload_json AS BLOB)), 0)
    + COALESCE(length(CAST(tool_calls_json AS BLOB)), 0) + 3
  ) / 4) AS tokens
FROM messages WHERE session_id = :session_id ORDER BY seq"""

# How many tokens does a live session have, with estimates for what nobody counted? One row: tokens; or none.
TOKENS = """\
SELECT (
  SELECT COALESCE(sum(COALESCE(token_count, (
    COALESCE(NULLIF(length(CAST(content AS BLOB)), 0), length(CAST(payload_json AS BLOB)), 0)
    + COALESCE(length(CAST(tool_calls_json AS BLOB)), 0) + 3
  ) / 4)), 0) FROM messages WHERE session_id = :session_id
) AS tokens
FROM sessions WHERE id = :session_id AND deleted_at IS NULL"""

# Which messages are these? All of the session's that are named, in their order.
MESSAGES = """\
SELECT * FROM messages WHERE session_id = :session_id AND id IN (SELECT value FROM json_each(:ids)) ORDER BY seq"""

# Adds an event. One row: its id.
INSERT_EVENT = """\
INSERT INTO compaction_events (
  session_id, strategy, original_tokens, compacted_tokens, messages_removed, summary_message_id, summary_content,
  preserved_message_ids_json, model_used, created_at
) VALUES (
  :session_id, :strategy, :original_tokens, :compacted_tokens, :messages_removed, :summary_message_id, :summary_content,
  :preserved_message_ids_json, :model_used, :created_at
)
RETURNING id"""

# Which id will the next message get? One row: id.
NEXT_MESSAGE_ID = """\
SELECT max(
  COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0), COALESCE((SELECT max(id) FROM messages), 0)
) + 1 AS id"""

# Says how long an event took.
SET_DURATION = "UPDATE compaction_events SET duration_ms = :duration_ms WHERE id = :id"

# Copies messages of a session into the archive of an event, whole.
ARCHIVE = """\
INSERT INTO message_archive (
  event_id, message_id, session_id, seq, role, token_count, is_preserved, is_summary, created_at,
  name, tool_call_id, content, tool_calls_json, usage_json, metadata_json, payload_json
)
SELECT
  :event_id, id, session_id, seq, role, token_count, is_preserved, is_summary, created_at,
  name, tool_call_id, content, tool_calls_json, usage_json, metadata_json, payload_json
FROM messages WHERE session_id = :session_id AND id IN (SELECT value FROM json_each(:ids))"""

# Removes messages of a session.
REMOVE = "DELETE FROM messages WHERE session_id = :session_id AND id IN (SELECT value FROM json_each(:ids))"

# Puts a summary in the place of what it sums up.
INSERT_SUMMARY = """\
INSERT INTO messages (id, session_id, seq, role, token_count, is_summary, created_at, content)
VALUES (:id, :session_id, :seq, 'system', :token_count, 1, :created_at, :content)"""

# Replaces what a tool gave; the message stays where and what it is.
PRUNE = """\
UPDATE messages SET content = :content, payload_json = :payload_json, token_count = :token_count WHERE id = :id"""

# Sets the time of the last activity to what it was: putting messages away or back is none.
KEEP_ACTIVITY = """\
UPDATE sessions SET last_activity_at = :last_activity_at
WHERE id = :session_id AND last_activity_at IS NOT :last_activity_at"""

# Which event has this id? One row, or none.
GET_EVENT = """\
SELECT * FROM compaction_events WHERE id = :id AND (
  :include_deleted
  OR EXISTS (SELECT 1 FROM sessions WHERE sessions.id = compaction_events.session_id AND deleted_at IS NULL)
)"""

# Which event of the session that stands is the newest? One row, or none.
NEWEST_EVENT = """\
SELECT * FROM compaction_events WHERE session_id = :session_id AND restored_at IS NULL ORDER BY id DESC LIMIT 1"""

# Which events came before this one? At most :limit before the id :cursor_id, newest first.
EVENTS = """\
SELECT * FROM compaction_events WHERE session_id = :session_id AND id < :cursor_id AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY id DESC LIMIT :limit"""

# What have the compactions of a session done? One row, or none where there is no such session.
STATS = """\
SELECT
  sessions.id AS session_id,
  count(compaction_events.id) AS events,
  count(CASE WHEN restored_at IS NULL THEN compaction_events.id END) AS standing_events,
  COALESCE(sum(CASE WHEN restored_at IS NULL THEN messages_removed END), 0) AS messages_removed,
  COALESCE(sum(CASE WHEN restored_at IS NULL THEN original_tokens - compacted_tokens END), 0) AS tokens_saved,
  max(CASE WHEN restored_at IS NULL THEN compaction_events.created_at END) AS last_event_at
FROM sessions LEFT JOIN compaction_events ON compaction_events.session_id = sessions.id
WHERE sessions.id = :session_id AND (:include_deleted OR deleted_at IS NULL)
GROUP BY sessions.id"""

# What does the archive of an event hold? The messages as they were, in their order.
ARCHIVED = """\
SELECT
  message_id AS id, session_id, seq, role, token_count, is_preserved, is_summary, created_at,
  name, tool_call_id, content, tool_calls_json, usage_json, metadata_json, payload_json
FROM message_archive WHERE event_id = :event_id ORDER BY seq"""

# Which messages that are there does the archive of an event hold, too? They, as they are now, in their order.
STILL_THERE = """\
SELECT messages.* FROM message_archive JOIN messages ON messages.id = message_archive.message_id
WHERE message_archive.event_id = :event_id ORDER BY messages.seq"""

# Puts the messages of an archive back, with their ids, seqs and times.
PUT_BACK = """\
INSERT INTO messages (
  id, session_id, seq, role, token_count, is_preserved, is_summary, created_at,
  name, tool_call_id, content, tool_calls_json, usage_json, metadata_json, payload_json
)
SELECT
  message_id, session_id, seq, role, token_count, is_preserved, is_summary, created_at,
  name, tool_call_id, content, tool_calls_json, usage_json, metadata_json, payload_json
FROM message_archive WHERE event_id = :event_id ORDER BY seq"""

# Puts the outputs of an archive back into their messages, where these are still there.
PUT_OUTPUTS_BACK = """\
UPDATE messages SET content = kept.content, payload_json = kept.payload_json, token_count = kept.token_count
FROM message_archive AS kept WHERE kept.event_id = :event_id AND messages.id = kept.message_id"""

# Says that an event stands no more.
SET_RESTORED = "UPDATE compaction_events SET restored_at = :restored_at WHERE id = :id"

# Empties the archive of an event that stands no more of what is back; what had been removed meanwhile has no other place.
EMPTY_ARCHIVE = """\
DELETE FROM message_archive WHERE event_id = :event_id
  AND EXISTS (SELECT 1 FROM messages WHERE messages.id = message_archive.message_id)"""
