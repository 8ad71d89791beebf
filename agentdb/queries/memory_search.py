"""SQL for recalling memories: what finds candidates. Parameters are named as the columns; NULL for an id or type means any.

No statement gives a memory that has expired at :now, or that another memory supersedes. Each gives numbers of memories;
texts are read for those that are shown. Those with _OF_OWNER begin with the memories of :user_id, else of :session_id,
else of :agent_id.
"""

# Which memories does this FTS5 expression match? At most :limit rows of number and rank, the best first.
MATCH = """\
SELECT memories.number, memories_fts.rank FROM memories_fts
CROSS JOIN memories ON memories.number = memories_fts.rowid
WHERE memories_fts MATCH :expression
  AND (:agent_id IS NULL OR memories.agent_id = :agent_id)
  AND (:user_id IS NULL OR memories.user_id = :user_id)
  AND (:session_id IS NULL OR memories.session_id = :session_id)
  AND (:type IS NULL OR memories.type = :type)
  AND memories.importance >= :min_importance
  AND (memories.expires_at IS NULL OR memories.expires_at > :now)
  AND NOT EXISTS (SELECT 1 FROM memories AS newer WHERE newer.supersedes_id = memories.id)
ORDER BY memories_fts.rank LIMIT :limit"""

# Which memories have a term from :term to :last_term in the index? At most :limit numbers, the newest first.
PLACES = """\
SELECT memories.number
FROM (SELECT DISTINCT doc FROM memories_fts_places WHERE term BETWEEN :term AND :last_term) AS place
CROSS JOIN memories ON memories.number = place.doc
WHERE (:agent_id IS NULL OR memories.agent_id = :agent_id)
  AND (:user_id IS NULL OR memories.user_id = :user_id)
  AND (:session_id IS NULL OR memories.session_id = :session_id)
  AND (:type IS NULL OR memories.type = :type)
  AND memories.importance >= :min_importance
  AND (memories.expires_at IS NULL OR memories.expires_at > :now)
  AND NOT EXISTS (SELECT 1 FROM memories AS newer WHERE newer.supersedes_id = memories.id)
ORDER BY memories.number DESC LIMIT :limit"""

# Which memories are the newest? At most :limit numbers.
NEWEST = """\
SELECT memories.number FROM memories
WHERE (:agent_id IS NULL OR memories.agent_id = :agent_id)
  AND (:user_id IS NULL OR memories.user_id = :user_id)
  AND (:session_id IS NULL OR memories.session_id = :session_id)
  AND (:type IS NULL OR memories.type = :type)
  AND memories.importance >= :min_importance
  AND (memories.expires_at IS NULL OR memories.expires_at > :now)
  AND NOT EXISTS (SELECT 1 FROM memories AS newer WHERE newer.supersedes_id = memories.id)
ORDER BY memories.created_at DESC, memories.id DESC LIMIT :limit"""

# The same, of one owner.
NEWEST_OF_OWNER = """\
SELECT memories.number FROM memories
WHERE memories.number IN (
  SELECT number FROM memories WHERE user_id = :user_id
  UNION ALL
  SELECT number FROM memories WHERE :user_id IS NULL AND session_id = :session_id
  UNION ALL
  SELECT number FROM memories WHERE :user_id IS NULL AND :session_id IS NULL AND agent_id = :agent_id
)
  AND (:agent_id IS NULL OR memories.agent_id = :agent_id)
  AND (:user_id IS NULL OR memories.user_id = :user_id)
  AND (:session_id IS NULL OR memories.session_id = :session_id)
  AND (:type IS NULL OR memories.type = :type)
  AND memories.importance >= :min_importance
  AND (memories.expires_at IS NULL OR memories.expires_at > :now)
  AND NOT EXISTS (SELECT 1 FROM memories AS newer WHERE newer.supersedes_id = memories.id)
ORDER BY memories.created_at DESC, memories.id DESC LIMIT :limit"""

# Which memories are the most important? At most :limit numbers.
IMPORTANT = """\
SELECT memories.number FROM memories
WHERE (:agent_id IS NULL OR memories.agent_id = :agent_id)
  AND (:user_id IS NULL OR memories.user_id = :user_id)
  AND (:session_id IS NULL OR memories.session_id = :session_id)
  AND (:type IS NULL OR memories.type = :type)
  AND memories.importance >= :min_importance
  AND (memories.expires_at IS NULL OR memories.expires_at > :now)
  AND NOT EXISTS (SELECT 1 FROM memories AS newer WHERE newer.supersedes_id = memories.id)
ORDER BY memories.importance DESC, memories.created_at DESC LIMIT :limit"""

# The same, of one owner.
IMPORTANT_OF_OWNER = """\
SELECT memories.number FROM memories
WHERE memories.number IN (
  SELECT number FROM memories WHERE user_id = :user_id
  UNION ALL
  SELECT number FROM memories WHERE :user_id IS NULL AND session_id = :session_id
  UNION ALL
  SELECT number FROM memories WHERE :user_id IS NULL AND :session_id IS NULL AND agent_id = :agent_id
)
  AND (:agent_id IS NULL OR memories.agent_id = :agent_id)
  AND (:user_id IS NULL OR memories.user_id = :user_id)
  AND (:session_id IS NULL OR memories.session_id = :session_id)
  AND (:type IS NULL OR memories.type = :type)
  AND memories.importance >= :min_importance
  AND (memories.expires_at IS NULL OR memories.expires_at > :now)
  AND NOT EXISTS (SELECT 1 FROM memories AS newer WHERE newer.supersedes_id = memories.id)
ORDER BY memories.importance DESC, memories.created_at DESC LIMIT :limit"""

# What decides about the order of these memories? One row for each number of the JSON array :numbers that is there.
SIGNALS = """\
SELECT number, id, importance, confidence, access_count, last_accessed_at, created_at
FROM memories WHERE number IN (SELECT value FROM json_each(:numbers))"""

# Drops what the index has of deleted memories. FTS5's 'secure-delete' would, too, but SQLite before 3.42 cannot read that.
OPTIMIZE = "INSERT INTO memories_fts (memories_fts) VALUES ('optimize')"

# Moves the -wal file into the database and empties it. One row: busy is 1 where a reader was in the way.
CHECKPOINT = "PRAGMA wal_checkpoint(TRUNCATE)"
