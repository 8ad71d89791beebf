"""SQL for conversations as plain dicts. Parameters are named as the columns."""

# Adds a session that has nothing but its agent.
INSERT_SESSION = """\
INSERT INTO sessions (id, main_agent_id, created_at, updated_at)
VALUES (:id, :main_agent_id, :created_at, :created_at)"""

# Stamps a session that was saved, and shows it again.
SAVED = """\
UPDATE sessions SET
  deleted_at = NULL,
  updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
  last_activity_at = :last_activity_at
WHERE id = :id"""

# What is the model sent of a session, hidden or not? The context, in its order.
CONTEXT = """\
SELECT * FROM messages WHERE session_id = :session_id AND compaction_event_id IS NULL AND removed_at IS NULL
ORDER BY seq, id"""

# What of a session is not removed, hidden or not? The transcript with the summaries in it, in its order.
NOT_REMOVED = "SELECT * FROM messages WHERE session_id = :session_id AND removed_at IS NULL ORDER BY seq, id"

# Which places has a session's transcript that its context has not? The seqs of what compactions took out.
SEQS_OUT_OF_CONTEXT = """\
SELECT seq FROM messages
WHERE session_id = :session_id AND in_transcript = 1 AND compaction_event_id IS NOT NULL"""

# Marks the messages whose ids the JSON array :ids has as removed.
REMOVE = """\
UPDATE messages SET removed_at = :removed_at, updated_at = :removed_at
WHERE id IN (SELECT value FROM json_each(:ids)) AND removed_at IS NULL"""

# Brings the messages whose ids the JSON array :ids has back into the context.
BRING_BACK = "UPDATE messages SET compaction_event_id = NULL WHERE id IN (SELECT value FROM json_each(:ids))"

# Puts the first originals of the messages whose ids the JSON array :ids has back.
PUT_BACK = """\
UPDATE messages SET
  content = kept.content, payload_json = kept.payload_json, token_count = kept.token_count,
  estimated_tokens = kept.estimated_tokens
FROM message_archive AS kept
WHERE messages.id IN (SELECT value FROM json_each(:ids)) AND kept.message_id = messages.id
  AND kept.event_id = (SELECT min(event_id) FROM message_archive WHERE message_id = messages.id)"""

# Removes the originals of the messages whose ids the JSON array :ids has from the archive.
FORGET_ORIGINALS = "DELETE FROM message_archive WHERE message_id IN (SELECT value FROM json_each(:ids))"

# Marks as removed the summaries that a compaction took out of which nothing else is left out of the context.
SETTLE_SUMMARIES = """\
UPDATE messages SET compaction_event_id = NULL, removed_at = COALESCE(removed_at, :restored_at)
WHERE is_summary = 1 AND compaction_event_id IN (
  SELECT id FROM compaction_events WHERE session_id = :session_id AND restored_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM messages WHERE compaction_event_id = compaction_events.id AND is_summary = 0)
)"""

# Says of the compactions and prunings of which nothing is left that they are restored.
SETTLE_EVENTS = """\
UPDATE compaction_events SET restored_at = :restored_at WHERE session_id = :session_id AND restored_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM messages WHERE compaction_event_id = compaction_events.id)
  AND NOT EXISTS (SELECT 1 FROM message_archive WHERE event_id = compaction_events.id)"""

# Gives a message another place.
MOVE = "UPDATE messages SET seq = :seq WHERE id = :id"

# Which live sessions are there? Their ids, the latest activity first.
LIVE_IDS = """\
SELECT id FROM sessions WHERE deleted_at IS NULL ORDER BY COALESCE(last_activity_at, created_at) DESC, id DESC"""

# Which sessions are there, hidden ones too? Their ids, the latest activity first.
ALL_IDS = "SELECT id FROM sessions ORDER BY COALESCE(last_activity_at, created_at) DESC, id DESC"

# Hides the live sessions without activity since :before.
HIDE_INACTIVE = """\
UPDATE sessions SET deleted_at = :deleted_at
WHERE deleted_at IS NULL AND COALESCE(last_activity_at, created_at) <= :before"""

# Removes the sessions that have been hidden since :before or longer, and with them all that is theirs.
REMOVE_HIDDEN = "DELETE FROM sessions WHERE deleted_at IS NOT NULL AND deleted_at <= :before"

# What is on this page of a live session's transcript, counted from its end? At most :limit after :offset, latest first.
PAGE = """\
SELECT * FROM messages WHERE session_id = :session_id AND in_transcript = 1
  AND EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
ORDER BY seq DESC LIMIT :limit OFFSET :offset"""

# What does the context of a session say, hidden or not? What a dict shows of each message, in order; plain: nothing else.
SPOKEN = """\
SELECT
  id, seq, role, content, name, tool_call_id, tool_calls_json, payload_json, usage_json, metadata_json, external_id,
  updated_at, is_summary,
  name IS NULL AND tool_call_id IS NULL AND tool_calls_json IS NULL AND payload_json IS NULL AND usage_json IS NULL
    AND metadata_json IS NULL AND external_id IS NULL AS plain
FROM messages WHERE session_id = :session_id AND compaction_event_id IS NULL AND removed_at IS NULL
ORDER BY seq, id"""

# What does the context of a session say, in short? Role and content, and the id of what has more than these; in order.
OUTLINE = """\
SELECT
  role, content,
  CASE WHEN is_summary = 1 OR name IS NOT NULL OR tool_call_id IS NOT NULL OR tool_calls_json IS NOT NULL
    OR payload_json IS NOT NULL OR usage_json IS NOT NULL OR metadata_json IS NOT NULL OR external_id IS NOT NULL
    THEN id END AS other_id
FROM messages WHERE session_id = :session_id AND compaction_event_id IS NULL AND removed_at IS NULL
ORDER BY seq, id"""

# What do those messages of the context say that have more than role and content? As SPOKEN.
SPOKEN_BESIDE = """\
SELECT
  id, seq, role, content, name, tool_call_id, tool_calls_json, payload_json, usage_json, metadata_json, external_id,
  updated_at, is_summary, 0 AS plain
FROM messages WHERE session_id = :session_id AND compaction_event_id IS NULL AND removed_at IS NULL
  AND (
    is_summary = 1 OR name IS NOT NULL OR tool_call_id IS NOT NULL OR tool_calls_json IS NOT NULL
    OR payload_json IS NOT NULL OR usage_json IS NOT NULL OR metadata_json IS NOT NULL OR external_id IS NOT NULL
  )
ORDER BY seq, id"""

# Which messages of a session have these external ids, removed or not? All that the JSON array :ids names.
KNOWN_BY_EXTERNAL_ID = """\
SELECT * FROM messages WHERE session_id = :session_id AND external_id IN (SELECT value FROM json_each(:ids))"""

# Which messages of a session have these ids, removed or not? All that the JSON array :ids names.
KNOWN_BY_ID = """\
SELECT * FROM messages WHERE +session_id = :session_id AND id IN (SELECT value FROM json_each(:ids))"""

# Puts a message at a place, into the transcript and the context.
PLACE = """\
UPDATE messages SET seq = :seq, removed_at = NULL, compaction_event_id = NULL, updated_at = :updated_at WHERE id = :id"""

# Replaces what a dict can say of a message.
REWRITE = """\
UPDATE messages SET
  role = :role,
  status = :status,
  token_count = :token_count,
  estimated_tokens = :estimated_tokens,
  links_json = CASE WHEN :links_json IS links_json THEN :links_json || ' ' ELSE :links_json END,
  external_id = :external_id,
  name = :name,
  tool_call_id = :tool_call_id,
  content = :content,
  tool_calls_json = :tool_calls_json,
  usage_json = :usage_json,
  metadata_json = :metadata_json,
  payload_json = :payload_json,
  search_words = :search_words,
  updated_at = :updated_at
WHERE id = :id"""

# Keeps an earlier version of a message, as removed from its place.
KEEP = """\
INSERT INTO messages (
  session_id, seq, role, status, token_count, is_preserved, is_summary, removed_at, created_at, updated_at, external_id,
  name, tool_call_id, content, tool_calls_json, usage_json, metadata_json, payload_json, search_words
) VALUES (
  :session_id, :seq, :role, :status, :token_count, :is_preserved, :is_summary, :removed_at, :created_at, :removed_at,
  :external_id, :name, :tool_call_id, :content, :tool_calls_json, :usage_json, :metadata_json, :payload_json,
  :search_words
)"""

# Which sessions are live, and which agent is at work in each? At most :limit (-1: all), the latest activity first.
OVERVIEW = """\
SELECT
  sessions.id AS session_id, message_count, COALESCE(last_activity_at, sessions.created_at) AS last_activity,
  agent_contexts.current_agent
FROM sessions LEFT JOIN agent_contexts ON agent_contexts.session_id = sessions.id
WHERE deleted_at IS NULL
ORDER BY COALESCE(last_activity_at, sessions.created_at) DESC, sessions.id DESC LIMIT :limit"""
