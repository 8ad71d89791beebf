"""SQL for conversations as plain dicts. Parameters are named as the columns."""

# Which session is this, hidden or not? One row, or none; last_activity is when it was made where nothing was said.
SESSION = """\
SELECT
  id, main_agent_id, deleted_at, last_seq, created_at, last_activity_at,
  COALESCE(last_activity_at, created_at) AS last_activity
FROM sessions WHERE id = :id"""

# Adds a session that has nothing but its agent.
INSERT_SESSION = """\
INSERT INTO sessions (id, main_agent_id, created_at, updated_at)
VALUES (:id, :main_agent_id, :created_at, :created_at)"""

# Says that an agent is a default one, which is never deleted.
KEEP_AGENT = "INSERT INTO default_agents (agent_id) VALUES (:id) ON CONFLICT DO NOTHING"

# Stamps a session that was saved, and shows it again.
SAVED = """\
UPDATE sessions SET
  deleted_at = NULL,
  updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
  last_activity_at = :last_activity_at
WHERE id = :id"""

# What was said in a session, hidden or not? All messages, in their order.
MESSAGES = "SELECT * FROM messages WHERE session_id = :session_id ORDER BY seq"

# Removes the messages whose ids the JSON array :ids has.
REMOVE = "DELETE FROM messages WHERE id IN (SELECT value FROM json_each(:ids))"

# Adds what is known of a message beside its text.
ANNOTATE = """\
UPDATE messages SET token_count = :token_count, usage_json = :usage_json, metadata_json = :metadata_json
WHERE id = :id"""

# Which events of a session stand? All, newest first.
STANDING_EVENTS = """\
SELECT * FROM compaction_events WHERE session_id = :session_id AND restored_at IS NULL ORDER BY id DESC"""

# Which seqs will a restore need again? Those in the archives of events that stand.
ARCHIVED_SEQS = """\
SELECT message_archive.seq FROM compaction_events
JOIN message_archive ON message_archive.event_id = compaction_events.id
WHERE compaction_events.session_id = :session_id AND restored_at IS NULL"""

# Which live sessions are there? Their ids, the latest activity first.
LIVE_IDS = """\
SELECT id FROM sessions WHERE deleted_at IS NULL ORDER BY COALESCE(last_activity_at, created_at) DESC, id DESC"""

# Which sessions are there, hidden ones too? Their ids, the latest activity first.
ALL_IDS = "SELECT id FROM sessions ORDER BY COALESCE(last_activity_at, created_at) DESC, id DESC"

# What is on this page of a live session, counted from its end? At most :limit after :offset, the latest first.
PAGE = """\
SELECT * FROM messages WHERE session_id = :session_id
  AND EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
ORDER BY seq DESC LIMIT :limit OFFSET :offset"""

# Hides the live sessions without activity since :before.
HIDE_INACTIVE = """\
UPDATE sessions SET deleted_at = :deleted_at
WHERE deleted_at IS NULL AND COALESCE(last_activity_at, created_at) <= :before"""

# Removes the sessions that have been hidden since :before or longer, and with them all that is theirs.
REMOVE_HIDDEN = "DELETE FROM sessions WHERE deleted_at IS NOT NULL AND deleted_at <= :before"

# Which sessions that are not hidden have a context? Their ids, the newest context first.
CONTEXT_IDS = """\
SELECT session_id FROM agent_contexts
WHERE EXISTS (SELECT 1 FROM sessions WHERE id = session_id AND deleted_at IS NULL)
ORDER BY created_at DESC, session_id DESC"""
