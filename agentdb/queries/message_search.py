"""SQL for searching in transcripts. Parameters are named as the columns; NULL for :session_id or :agent_id means any.

The statements that look give ids alone: texts are read for those that are shown.
"""

# Which messages does this FTS5 expression match? At most :limit ids with their rank, the lowest, which is best, first.
MATCH = """\
SELECT messages.id, messages_fts.rank FROM messages_fts
JOIN messages ON messages.id = messages_fts.rowid
JOIN sessions ON sessions.id = messages.session_id
WHERE messages_fts MATCH :expression AND messages.in_transcript = 1
  AND (:session_id IS NULL OR messages.session_id = :session_id)
  AND (:agent_id IS NULL OR sessions.main_agent_id = :agent_id)
  AND (:include_deleted OR sessions.deleted_at IS NULL)
ORDER BY messages_fts.rank, messages.id DESC LIMIT :limit"""

# What does a matching message say there? One row: the id, and some of its text about what was found.
SNIPPET = """\
SELECT rowid AS id, snippet(messages_fts, 0, '', '', '…', 64) AS snippet FROM messages_fts
WHERE messages_fts MATCH :expression AND rowid = :id"""

# Which are the newest messages with content, before this one? At most :limit, with their characters (to a NUL) and bytes.
NEWEST = """\
SELECT messages.id, messages.seq, length(messages.content) AS chars, length(CAST(messages.content AS BLOB)) AS bytes FROM messages
JOIN sessions ON sessions.id = messages.session_id
WHERE messages.id < :cursor_id AND messages.content IS NOT NULL AND messages.in_transcript = 1
  AND (:agent_id IS NULL OR sessions.main_agent_id = :agent_id)
  AND (:include_deleted OR sessions.deleted_at IS NULL)
ORDER BY messages.id DESC LIMIT :limit"""

# Which are the newest messages of one session with content, before this one? As above, in the order of the session.
NEWEST_OF_SESSION = """\
SELECT messages.id, messages.seq, length(messages.content) AS chars, length(CAST(messages.content AS BLOB)) AS bytes FROM messages
JOIN sessions ON sessions.id = messages.session_id
WHERE messages.session_id = :session_id AND messages.seq < :cursor_seq AND messages.content IS NOT NULL
  AND messages.in_transcript = 1
  AND (:agent_id IS NULL OR sessions.main_agent_id = :agent_id)
  AND (:include_deleted OR sessions.deleted_at IS NULL)
ORDER BY messages.seq DESC LIMIT :limit"""

# Which messages hold a NUL character, so that the index knows them only in part? As above, the newest first.
NEWEST_WITH_NUL = """\
SELECT messages.id, messages.seq, length(messages.content) AS chars, length(CAST(messages.content AS BLOB)) AS bytes FROM messages
JOIN sessions ON sessions.id = messages.session_id
WHERE instr(messages.content, char(0)) > 0 AND messages.id < :cursor_id AND messages.in_transcript = 1
  AND (:session_id IS NULL OR messages.session_id = :session_id)
  AND (:agent_id IS NULL OR sessions.main_agent_id = :agent_id)
  AND (:include_deleted OR sessions.deleted_at IS NULL)
ORDER BY messages.id DESC LIMIT :limit"""

# How long are these messages? One row with id and bytes for each id of the JSON array :ids that is there.
SIZES = """\
SELECT id, COALESCE(length(CAST(content AS BLOB)), 0) AS bytes FROM messages
WHERE id IN (SELECT value FROM json_each(:ids))"""

# What do these messages say? One row with id and the bytes of content for each id of the JSON array :ids.
CONTENTS = "SELECT id, CAST(content AS BLOB) AS content FROM messages WHERE id IN (SELECT value FROM json_each(:ids))"

# Drops what the index has of deleted messages. FTS5's 'secure-delete' would, too, but SQLite before 3.42 cannot read that.
OPTIMIZE = "INSERT INTO messages_fts (messages_fts) VALUES ('optimize')"

# Moves the -wal file into the database and empties it. One row: busy is 1 where a reader was in the way.
CHECKPOINT = "PRAGMA wal_checkpoint(TRUNCATE)"

# Which messages are these? Every column, for each id of the JSON array :ids that is there.
GET_BY_IDS = "SELECT * FROM messages WHERE id IN (SELECT value FROM json_each(:ids))"
