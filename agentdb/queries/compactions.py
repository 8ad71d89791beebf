"""SQL for compactions. Parameters are named as the columns; :ids is a JSON array of ids.

A compaction marks the messages that it takes out of the context. Where :include_deleted is 0, a session that is deleted
softly is as if it were not there. A message has the tokens that somebody counted, or else an estimate.
"""

# What are the tokens of a context, and how many messages have no count, and no estimate either? One row.
TOTALS = """\
SELECT context_tokens + COALESCE(sum(estimated_tokens), 0) AS tokens, count(messages.id) AS uncounted,
  count(messages.id) - count(estimated_tokens) AS unestimated
FROM sessions LEFT JOIN messages INDEXED BY idx_messages_uncounted ON messages.session_id = sessions.id
  AND token_count IS NULL AND compaction_event_id IS NULL AND messages.removed_at IS NULL
WHERE sessions.id = :session_id"""

# Which messages of the context are preserved? Their ids, in its order.
PRESERVED = """\
SELECT id FROM messages INDEXED BY idx_messages_preserved
WHERE session_id = :session_id AND is_preserved = 1 AND compaction_event_id IS NULL AND removed_at IS NULL
ORDER BY seq, id"""

# What has neither a count nor an estimate in the context? What links and estimates are made of.
UNESTIMATED = """\
SELECT id, role, tool_call_id, content, tool_calls_json, payload_json, metadata_json -> '$.extra' AS extra_json
FROM messages WHERE session_id = :session_id AND compaction_event_id IS NULL AND removed_at IS NULL
  AND token_count IS NULL AND estimated_tokens IS NULL"""

# Where does the tail of the context begin that has :offset messages behind its first? One row: seq and id; or none.
TAIL_BY_COUNT = """\
SELECT seq, id FROM messages WHERE session_id = :session_id AND compaction_event_id IS NULL AND removed_at IS NULL
ORDER BY seq DESC, id DESC LIMIT 1 OFFSET :offset"""

# How many tokens has each message of the context before this place? At most :limit, the last first.
TOKENS_BACKWARDS = """\
SELECT seq, id, COALESCE(token_count, estimated_tokens) AS tokens
FROM messages WHERE session_id = :session_id AND compaction_event_id IS NULL AND removed_at IS NULL
  AND (seq, id) < (:cursor_seq, :cursor_id)
ORDER BY seq DESC, id DESC LIMIT :limit"""

# Whose payload or calls has nobody read yet? What links are made of, for the context of a session.
WITHOUT_LINKS = """\
SELECT id, role, tool_call_id, content, tool_calls_json, payload_json, metadata_json -> '$.extra' AS extra_json
FROM messages WHERE session_id = :session_id AND compaction_event_id IS NULL AND removed_at IS NULL
  AND links_json IS NULL AND (tool_calls_json IS NOT NULL OR payload_json IS NOT NULL)"""

# What does a planner need to know of each message from one place of the context up to another? At most :limit.
LINES = """\
SELECT
  id, seq, role, COALESCE(token_count, estimated_tokens) AS tokens, is_preserved, is_summary, tool_call_id, links_json
FROM messages WHERE session_id = :session_id AND compaction_event_id IS NULL AND removed_at IS NULL
  AND (seq, id) >= (:cursor_seq, :cursor_id) AND (seq, id) < (:end_seq, :end_id)
ORDER BY seq, id LIMIT :limit"""

# Which messages of the context are these? All of the session's that are named, in their order.
MESSAGES = """\
SELECT * FROM messages WHERE session_id = :session_id AND id IN (SELECT value FROM json_each(:ids))
  AND compaction_event_id IS NULL AND removed_at IS NULL
ORDER BY seq, id"""

# Adds an event. One row: its id.
INSERT_EVENT = """\
INSERT INTO compaction_events (
  session_id, strategy, original_tokens, compacted_tokens, messages_removed, is_estimated, summary_content,
  preserved_message_ids_json, model_used, created_at
) VALUES (
  :session_id, :strategy, :original_tokens, :compacted_tokens, :messages_removed, :is_estimated, :summary_content,
  :preserved_message_ids_json, :model_used, :created_at
)
RETURNING id"""

# Says which summary an event has, and how long it took.
FINISH_EVENT = """\
UPDATE compaction_events SET summary_message_id = :summary_message_id, duration_ms = :duration_ms WHERE id = :id"""

# Takes the messages of a session from one seq to another out of its context, except those whose ids are in :ids.
MARK = """\
UPDATE messages SET compaction_event_id = :event_id
WHERE session_id = :session_id AND seq BETWEEN :first_seq AND :last_seq
  AND compaction_event_id IS NULL AND removed_at IS NULL AND id NOT IN (SELECT value FROM json_each(:ids))"""

# Brings back what an event took out of the context.
CLEAR_MARKS = "UPDATE messages SET compaction_event_id = NULL WHERE compaction_event_id = :event_id"

# Adds the summary of what a compaction takes out, at the seq of the last of it. One row: its id.
INSERT_SUMMARY = """\
INSERT INTO messages (
  session_id, seq, role, token_count, estimated_tokens, is_summary, created_at, updated_at, content
) VALUES (:session_id, :seq, :role, :token_count, :estimated_tokens, 1, :created_at, :created_at, :content)
RETURNING id"""

# Takes the summary of an event out of the context.
REMOVE_SUMMARY = "UPDATE messages SET removed_at = :removed_at WHERE id = :id AND removed_at IS NULL"

# Keeps what a pruning is about to replace in messages of a session.
ARCHIVE = """\
INSERT INTO message_archive (event_id, message_id, token_count, estimated_tokens, content, payload_json)
SELECT :event_id, id, token_count, estimated_tokens, content, payload_json
FROM messages WHERE +session_id = :session_id AND id IN (SELECT value FROM json_each(:ids))"""

# Replaces what a tool gave; the message stays where and what it is.
PRUNE = """\
UPDATE messages SET
  content = :content, payload_json = :payload_json, token_count = :token_count, estimated_tokens = :estimated_tokens
WHERE id = :id"""

# Puts the originals that an event keeps back into their messages.
PUT_BACK = """\
UPDATE messages SET
  content = kept.content, payload_json = kept.payload_json, token_count = kept.token_count,
  estimated_tokens = kept.estimated_tokens
FROM message_archive AS kept WHERE kept.event_id = :event_id AND messages.id = kept.message_id"""

# Empties the archive of an event.
EMPTY_ARCHIVE = "DELETE FROM message_archive WHERE event_id = :event_id"

# Says that an event is restored.
SET_RESTORED = "UPDATE compaction_events SET restored_at = :restored_at WHERE id = :id"

# Which event has this id? One row, or none.
GET_EVENT = """\
SELECT * FROM compaction_events WHERE id = :id AND (
  :include_deleted
  OR EXISTS (SELECT 1 FROM sessions WHERE sessions.id = compaction_events.session_id AND deleted_at IS NULL)
)"""

# Which events of a session are not restored? All, newest first.
STANDING_EVENTS = """\
SELECT * FROM compaction_events WHERE session_id = :session_id AND restored_at IS NULL ORDER BY id DESC"""

# Which event of the session that is not restored is the newest? One row, or none.
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

# Which messages has an event taken out of the context? All, in their order.
TAKEN_OUT = "SELECT * FROM messages WHERE compaction_event_id = :event_id ORDER BY seq, id"

# Which messages has an event pruned? All, as they are now, in their order.
PRUNED = """\
SELECT messages.* FROM message_archive JOIN messages ON messages.id = message_archive.message_id
WHERE message_archive.event_id = :event_id ORDER BY messages.seq, messages.id"""

# What did the messages that an event pruned hold? Each message with what the archive keeps of it, in their order.
ORIGINALS = """\
SELECT
  messages.id, messages.session_id, messages.seq, messages.role, messages.status, messages.is_preserved,
  messages.is_summary, messages.compaction_event_id, messages.removed_at, messages.created_at, messages.updated_at,
  messages.external_id, messages.name, messages.tool_call_id, messages.tool_calls_json, messages.usage_json,
  messages.metadata_json, messages.links_json, message_archive.token_count, message_archive.estimated_tokens,
  message_archive.content, message_archive.payload_json
FROM message_archive JOIN messages ON messages.id = message_archive.message_id
WHERE message_archive.event_id = :event_id ORDER BY messages.seq, messages.id"""

# What did the pruned messages of a session hold at first? Each with what the archive keeps and the words there now.
ORIGINALS_OF_SESSION = """\
SELECT
  messages.id, messages.session_id, messages.seq, messages.role, messages.status, messages.is_preserved,
  messages.is_summary, messages.compaction_event_id, messages.removed_at, messages.created_at, messages.updated_at,
  messages.external_id, messages.name, messages.tool_call_id, messages.tool_calls_json, messages.usage_json,
  messages.metadata_json, messages.links_json, kept.token_count, kept.estimated_tokens, kept.content, kept.payload_json,
  compaction_events.summary_content AS words
FROM compaction_events
JOIN message_archive AS kept ON kept.event_id = compaction_events.id
JOIN messages ON messages.id = kept.message_id
WHERE compaction_events.session_id = :session_id
  AND kept.event_id = (SELECT min(event_id) FROM message_archive WHERE message_id = messages.id)"""
