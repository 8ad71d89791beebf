"""SQL for the messages of sessions. Parameters are named as the columns.

The transcript is what people read: every message that is neither a summary nor removed. The context is what the model is
sent: every message that no compaction took out and nobody removed, summaries included. Where :include_deleted is 0, a
session that is deleted softly is as if it were not there.
"""

# Adds a message at the end of a live session; NULL for created_at means now. One row with id and seq, or none.
APPEND = """\
INSERT INTO messages (
  session_id, seq, role, status, token_count, estimated_tokens, is_preserved, is_summary, created_at, updated_at,
  external_id, name, tool_call_id, links_json, content, tool_calls_json, usage_json, metadata_json, payload_json,
  search_words
)
SELECT
  id, last_seq + 1, :role, :status, :token_count, :estimated_tokens, :is_preserved, :is_summary,
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  :external_id, :name, :tool_call_id, :links_json, :content, :tool_calls_json, :usage_json, :metadata_json, :payload_json,
  :search_words
FROM sessions WHERE id = :session_id AND deleted_at IS NULL
ON CONFLICT (session_id, external_id) WHERE external_id IS NOT NULL DO NOTHING
RETURNING id, seq"""

# Adds a message at a place of its own; NULL for id means the next one, NULL for created_at now. One row: its id.
INSERT = """\
INSERT INTO messages (
  id, session_id, seq, role, status, token_count, estimated_tokens, is_preserved, is_summary, created_at, updated_at,
  external_id, name, tool_call_id, links_json, content, tool_calls_json, usage_json, metadata_json, payload_json,
  search_words
) VALUES (
  :id, :session_id, :seq, :role, :status, :token_count, :estimated_tokens, :is_preserved, :is_summary,
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  :external_id, :name, :tool_call_id, :links_json, :content, :tool_calls_json, :usage_json, :metadata_json, :payload_json,
  :search_words
)
RETURNING id"""

# Replaces what a caller may change of a message of a live session. A blank more or less says that its links are new.
UPDATE = """\
UPDATE messages SET
  status = :status,
  token_count = :token_count,
  estimated_tokens = :estimated_tokens,
  links_json = CASE WHEN :links_json IS links_json THEN :links_json || ' ' ELSE :links_json END,
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

# The same with summaries, removed messages and payloads where the parameters say so; else 1 stands for each payload.
LISTING = """\
SELECT
  id, session_id, seq, role, status, token_count, is_preserved, is_summary, compaction_event_id, removed_at, created_at,
  updated_at, external_id, name, tool_call_id, content, tool_calls_json, usage_json, metadata_json,
  CASE WHEN :with_payloads THEN payload_json WHEN typeof(payload_json) <> 'null' THEN 1 END AS payload_json
FROM messages WHERE session_id = :session_id
  AND (in_transcript = 1 OR (:include_summaries OR is_summary = 0) AND (:include_removed OR removed_at IS NULL)) AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY seq, id"""

# What is the model sent of this session? The context, in its order.
GET_CONTEXT = """\
SELECT * FROM messages WHERE session_id = :session_id AND compaction_event_id IS NULL AND removed_at IS NULL AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY seq, id"""

# The same without payloads: 1 in the place of each.
GET_CONTEXT_WITHOUT_PAYLOADS = """\
SELECT
  id, session_id, seq, role, status, token_count, is_preserved, is_summary, compaction_event_id, removed_at, created_at,
  updated_at, external_id, name, tool_call_id, content, tool_calls_json, usage_json, metadata_json,
  CASE WHEN typeof(payload_json) <> 'null' THEN 1 END AS payload_json,
  links_json, estimated_tokens, tool_calls_json IS NOT NULL OR typeof(payload_json) <> 'null' AS may_link
FROM messages WHERE session_id = :session_id AND compaction_event_id IS NULL AND removed_at IS NULL AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY seq, id"""

# What was said last? At most :limit messages of the transcript, the latest first.
GET_LATEST_BY_SESSION_ID = """\
SELECT * FROM messages WHERE session_id = :session_id AND in_transcript = 1 AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY seq DESC LIMIT :limit"""

# The same with summaries, removed messages and payloads where the parameters say so; else 1 stands for each payload.
LATEST_LISTING = """\
SELECT
  id, session_id, seq, role, status, token_count, is_preserved, is_summary, compaction_event_id, removed_at, created_at,
  updated_at, external_id, name, tool_call_id, content, tool_calls_json, usage_json, metadata_json,
  CASE WHEN :with_payloads THEN payload_json WHEN typeof(payload_json) <> 'null' THEN 1 END AS payload_json
FROM messages WHERE session_id = :session_id
  AND (in_transcript = 1 OR (:include_summaries OR is_summary = 0) AND (:include_removed OR removed_at IS NULL)) AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY seq DESC, id DESC LIMIT :limit"""

# What was said after this? At most :limit messages of the transcript behind :cursor_seq, in their order.
PAGE = """\
SELECT * FROM messages WHERE session_id = :session_id AND seq > :cursor_seq AND in_transcript = 1 AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY seq LIMIT :limit"""

# The same with summaries, removed messages and payloads where the parameters say so; else 1 stands for each payload.
PAGE_LISTING = """\
SELECT
  id, session_id, seq, role, status, token_count, is_preserved, is_summary, compaction_event_id, removed_at, created_at,
  updated_at, external_id, name, tool_call_id, content, tool_calls_json, usage_json, metadata_json,
  CASE WHEN :with_payloads THEN payload_json WHEN typeof(payload_json) <> 'null' THEN 1 END AS payload_json
FROM messages WHERE session_id = :session_id AND (seq, id) > (:cursor_seq, :cursor_id)
  AND (in_transcript = 1 OR (:include_summaries OR is_summary = 0) AND (:include_removed OR removed_at IS NULL)) AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY seq, id LIMIT :limit"""

# What was said before this? At most :limit messages of the transcript before :cursor_seq, the latest first.
PAGE_BACK = """\
SELECT * FROM messages WHERE session_id = :session_id AND seq < :cursor_seq AND in_transcript = 1 AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY seq DESC LIMIT :limit"""

# The same with summaries, removed messages and payloads where the parameters say so; else 1 stands for each payload.
PAGE_BACK_LISTING = """\
SELECT
  id, session_id, seq, role, status, token_count, is_preserved, is_summary, compaction_event_id, removed_at, created_at,
  updated_at, external_id, name, tool_call_id, content, tool_calls_json, usage_json, metadata_json,
  CASE WHEN :with_payloads THEN payload_json WHEN typeof(payload_json) <> 'null' THEN 1 END AS payload_json
FROM messages WHERE session_id = :session_id AND (seq, id) < (:cursor_seq, :cursor_id)
  AND (in_transcript = 1 OR (:include_summaries OR is_summary = 0) AND (:include_removed OR removed_at IS NULL)) AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY seq DESC, id DESC LIMIT :limit"""

# What are links and estimates made of? One row for each message whose id the JSON array :ids has.
DETAILS = """\
SELECT id, role, tool_call_id, content, tool_calls_json, payload_json, metadata_json -> '$.extra' AS extra_json
FROM messages WHERE +session_id = :session_id AND id IN (SELECT value FROM json_each(:ids))"""

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

# Brings the removed messages of live sessions whose ids the JSON array :ids has back to their places.
RESTORE_THESE = """\
UPDATE messages SET removed_at = NULL, updated_at = :updated_at
WHERE id IN (SELECT value FROM json_each(:ids)) AND removed_at IS NOT NULL
  AND EXISTS (SELECT 1 FROM sessions WHERE sessions.id = messages.session_id AND deleted_at IS NULL)"""

# Which messages did one removal take out of a live session? Their ids; not the summary of a compaction that was restored.
REMOVED_AT = """\
SELECT id FROM messages WHERE session_id = :session_id AND removed_at = :removed_at
  AND NOT EXISTS (
    SELECT 1 FROM compaction_events WHERE summary_message_id = messages.id AND restored_at IS NOT NULL
  )
  AND EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)"""

# When was something removed last? One row: removed_at, NULL where nothing is removed.
LAST_REMOVED_AT = """\
SELECT max(removed_at) AS removed_at FROM messages WHERE session_id = :session_id AND removed_at IS NOT NULL"""

# What was removed before this? At most :limit messages behind (:cursor_time, :cursor_id), the latest removal first.
REMOVED = """\
SELECT * FROM messages WHERE session_id = :session_id AND removed_at IS NOT NULL
  AND (removed_at, id) < (:cursor_time, :cursor_id)
  AND (:include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL))
ORDER BY removed_at DESC, id DESC LIMIT :limit"""

# Says that a compaction is restored whose summary went at :removed_at, where something that it took out is still there.
SETTLE_EVENTS = """\
UPDATE compaction_events SET restored_at = :removed_at WHERE session_id = :session_id AND restored_at IS NULL
  AND EXISTS (SELECT 1 FROM messages WHERE id = summary_message_id AND removed_at = :removed_at)
  AND EXISTS (
    SELECT 1 FROM messages WHERE compaction_event_id = compaction_events.id AND removed_at IS NULL
  )"""

# Brings back into the context what the compactions took out that were restored at :removed_at.
CLEAR_SETTLED_MARKS = """\
UPDATE messages SET compaction_event_id = NULL WHERE compaction_event_id IN (
  SELECT id FROM compaction_events WHERE session_id = :session_id AND restored_at = :removed_at
)"""

# Between which messages of the transcript does a place lie? One row: the seqs before :seq, and at it or behind it.
NEIGHBOURS = """\
SELECT
  (
    SELECT max(seq) FROM messages WHERE session_id = :session_id AND seq < :seq AND in_transcript = 1
  ) AS seq_before,
  (
    SELECT min(seq) FROM messages WHERE session_id = :session_id AND seq >= :seq AND in_transcript = 1
  ) AS seq_behind"""

# Which messages stood, or stand, between two seqs? The id, seq and removed_at of each that is no summary, in their order.
STOOD_BETWEEN = """\
SELECT id, seq, removed_at FROM messages
WHERE session_id = :session_id AND seq > :cursor_seq AND seq <= :seq AND is_summary = 0
ORDER BY seq"""

# Which messages are these? All that the JSON array :ids names, in the order of their ids.
THESE = "SELECT * FROM messages WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id"

# Which messages are still being written, in all live sessions? Those of one session together.
PARTIAL = """\
SELECT messages.* FROM messages
WHERE messages.status = 'partial' AND removed_at IS NULL AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE sessions.id = messages.session_id AND deleted_at IS NULL)
)
ORDER BY session_id, id"""

# Which messages of a session are still being written? In the order in which they were added.
PARTIAL_OF_SESSION = """\
SELECT * FROM messages WHERE session_id = :session_id AND status = 'partial' AND removed_at IS NULL AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY id"""

# Which messages of the context may call a tool, or answer a call? Every column, in the order of the context.
MAY_CALL = """\
SELECT * FROM messages WHERE session_id = :session_id AND compaction_event_id IS NULL AND removed_at IS NULL
  AND (
    tool_calls_json IS NOT NULL OR tool_call_id IS NOT NULL OR payload_json IS NOT NULL
    OR role IN ('tool', 'function') OR metadata_json IS NOT NULL
  )
  AND (:include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL))
ORDER BY seq, id"""

# What came behind a seq, removed or not? At most :limit messages, in their order.
CAME_BEHIND = "SELECT * FROM messages WHERE session_id = :session_id AND seq > :seq ORDER BY seq LIMIT :limit"

# What was added behind a seq, or changed or removed after :updated_at? At most :limit messages, in their order.
CHANGED_SINCE = """\
SELECT * FROM messages WHERE session_id = :session_id AND (seq > :seq OR updated_at > :updated_at)
ORDER BY seq LIMIT :limit"""

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

# What is the highest id that a message has? One row: last_id, 0 where there is none.
LAST_ID = "SELECT COALESCE(max(id), 0) AS last_id FROM messages"

# Which messages came after this one? At most :limit, in the order in which they were written; of this session, or of all.
ADDED_SINCE = """\
SELECT * FROM messages WHERE id > :cursor_id AND (:session_id IS NULL OR session_id = :session_id)
ORDER BY id LIMIT :limit"""

# Which messages of this session, up to this id, were changed at this time or later? In their order.
UPDATED_SINCE = """\
SELECT * FROM messages WHERE session_id = :session_id AND updated_at >= :since AND id <= :id"""
