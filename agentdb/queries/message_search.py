"""SQL for searching in transcripts. Parameters are named as the columns; NULL for :session_id or :agent_id means any.

The statements that look give ids alone: texts are read for those that are shown.
"""

# Which messages does this FTS5 expression match, behind this rank and id (NULL: from the best)? At most :limit, the best first.
MATCH = """\
SELECT messages.id, messages_fts.rank FROM messages_fts
JOIN messages ON messages.id = messages_fts.rowid
JOIN sessions ON sessions.id = messages.session_id
WHERE messages_fts MATCH :expression AND messages.in_transcript = 1
  AND (:session_id IS NULL OR messages.session_id = :session_id)
  AND (:agent_id IS NULL OR sessions.main_agent_id = :agent_id)
  AND (:include_deleted OR sessions.deleted_at IS NULL)
  AND (
    :cursor_rank IS NULL OR messages_fts.rank > :cursor_rank
    OR messages_fts.rank = :cursor_rank AND messages.id < :cursor_id
  )
ORDER BY messages_fts.rank, messages.id DESC LIMIT :limit"""

# Which are the newest messages that this FTS5 expression matches, before this one? At most :limit ids, with a rank of NULL.
MATCH_NEWEST = """\
SELECT messages.id, NULL AS rank FROM messages_fts
JOIN messages ON messages.id = messages_fts.rowid
JOIN sessions ON sessions.id = messages.session_id
WHERE messages_fts MATCH :expression AND messages_fts.rowid < :cursor_id AND messages.in_transcript = 1
  AND (:session_id IS NULL OR messages.session_id = :session_id)
  AND (:agent_id IS NULL OR sessions.main_agent_id = :agent_id)
  AND (:include_deleted OR sessions.deleted_at IS NULL)
ORDER BY messages_fts.rowid DESC LIMIT :limit"""

# At how many places does the index have a term from :term to :last_term? One row: total, :limit at the most.
COUNT_PLACES = """\
SELECT count(*) AS total FROM (
  SELECT 1 FROM messages_fts_places WHERE term BETWEEN :term AND :last_term LIMIT :limit
)"""

# Which are the newest messages with a term from :term to :last_term, before this one? At most :limit ids.
PLACES = """\
SELECT messages.id, NULL AS rank
FROM (SELECT DISTINCT doc FROM messages_fts_places WHERE term BETWEEN :term AND :last_term) AS place
JOIN messages ON messages.id = place.doc
JOIN sessions ON sessions.id = messages.session_id
WHERE messages.id < :cursor_id AND messages.in_transcript = 1
  AND (:session_id IS NULL OR messages.session_id = :session_id)
  AND (:agent_id IS NULL OR sessions.main_agent_id = :agent_id)
  AND (:include_deleted OR sessions.deleted_at IS NULL)
ORDER BY messages.id DESC LIMIT :limit"""

# What does a matching message say there? One row: the id, and some of its text about what was found, between marks.
SNIPPET = """\
SELECT rowid AS id, snippet(messages_fts, 0, :start_mark, :end_mark, '…', 64) AS snippet FROM messages_fts
WHERE messages_fts MATCH :expression AND rowid = :id"""

# Which are the newest messages, before this one? At most :limit ids.
NEWEST = """\
SELECT messages.id, NULL AS rank FROM messages
JOIN sessions ON sessions.id = messages.session_id
WHERE messages.id < :cursor_id AND messages.in_transcript = 1
  AND (:agent_id IS NULL OR sessions.main_agent_id = :agent_id)
  AND (:include_deleted OR sessions.deleted_at IS NULL)
ORDER BY messages.id DESC LIMIT :limit"""

# Which are the last messages of one session, before the seq of this one? At most :limit ids.
NEWEST_OF_SESSION = """\
SELECT messages.id, NULL AS rank FROM messages
JOIN sessions ON sessions.id = messages.session_id
WHERE messages.session_id = :session_id AND messages.in_transcript = 1
  AND messages.seq < COALESCE((SELECT seq FROM messages WHERE id = :cursor_id), 9e18)
  AND (:agent_id IS NULL OR sessions.main_agent_id = :agent_id)
  AND (:include_deleted OR sessions.deleted_at IS NULL)
ORDER BY messages.seq DESC LIMIT :limit"""

# How long are the texts of these messages? One row with id and characters for each id of the JSON array :ids that is there.
SIZES = """\
SELECT
  id,
  COALESCE(length(content), 0) + COALESCE(length(payload_json), 0) + COALESCE(length(tool_calls_json), 0) AS characters
FROM messages WHERE id IN (SELECT value FROM json_each(:ids))"""

# What is searched of these messages? One row with id and the bytes of the text for each id of the JSON array :ids.
TEXTS = "SELECT id, CAST(text AS BLOB) AS text FROM message_texts WHERE id IN (SELECT value FROM json_each(:ids))"

# Drops what the index has of deleted messages. FTS5's 'secure-delete' would, too, but SQLite before 3.42 cannot read that.
OPTIMIZE = "INSERT INTO messages_fts (messages_fts) VALUES ('optimize')"

# Moves the -wal file into the database and empties it. One row: busy is 1 where a reader was in the way.
CHECKPOINT = "PRAGMA wal_checkpoint(TRUNCATE)"

# Which messages are these? Every column, and the name of the session, for each id of the JSON array :ids that is there.
GET_BY_IDS = """\
SELECT messages.*, sessions.name AS session_name FROM messages
JOIN sessions ON sessions.id = messages.session_id
WHERE messages.id IN (SELECT value FROM json_each(:ids))"""

# In which sessions are these messages? One row with session_id and the newest id for each session.
SESSIONS_OF = """\
SELECT session_id, max(id) AS message_id FROM messages
WHERE id IN (SELECT value FROM json_each(:ids)) GROUP BY session_id"""
