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
UPDATE messages SET content = kept.content, payload_json = kept.payload_json, token_count = kept.token_count
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

# Adds what is known of a message beside its text.
ANNOTATE = """\
UPDATE messages SET token_count = :token_count, usage_json = :usage_json, metadata_json = :metadata_json
WHERE id = :id"""

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
