"""SQL for memories. Parameters are named as the columns; NULL for an id or a type that is asked for means any.

A memory is current unless it has expired, or another memory supersedes it. Where a statement takes :include_outdated, 1
makes it find the others too.
"""

# Adds a memory; NULL for created_at and updated_at means now.
INSERT = """\
INSERT INTO memories (
  id, agent_id, user_id, session_id, type, memory_type, importance, confidence, source_type, verification_status,
  expires_at, supersedes_id, created_at, updated_at, search_words, text, content_json
) VALUES (
  :id, :agent_id, :user_id, :session_id, :type, :memory_type, :importance, :confidence, :source_type,
  :verification_status, :expires_at, :supersedes_id,
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  COALESCE(:updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), :search_words, :text, :content_json
)"""

# Changes a memory: all but its id, its counters, what it supersedes, and when it was created.
UPDATE = """\
UPDATE memories SET
  agent_id = :agent_id, user_id = :user_id, session_id = :session_id, type = :type, memory_type = :memory_type,
  importance = :importance, confidence = :confidence, source_type = :source_type,
  verification_status = :verification_status, expires_at = :expires_at, updated_at = :updated_at,
  search_words = :search_words, text = :text, content_json = :content_json
WHERE id = :id"""

# Which memory has this id? One row with every column, or none.
GET_BY_ID = "SELECT * FROM memories WHERE id = :id"

# Which memories have these numbers? Every column, for each number of the JSON array :numbers that is there.
GET_BY_NUMBERS = "SELECT * FROM memories WHERE number IN (SELECT value FROM json_each(:numbers))"

# Which memory supersedes this one? One row with every column, or none.
GET_SUCCESSOR = "SELECT * FROM memories WHERE supersedes_id = :id"

# Which versions did a memory have? One row with every column for each that it supersedes, itself included, newest first.
VERSIONS = """\
WITH RECURSIVE version (id, depth) AS (
  SELECT id, 0 FROM memories WHERE id = :id
  UNION
  SELECT memories.supersedes_id, version.depth + 1 FROM version
  JOIN memories ON memories.id = version.id WHERE memories.supersedes_id IS NOT NULL
)
SELECT memories.* FROM version JOIN memories ON memories.id = version.id ORDER BY version.depth"""

# Which memories are there? At most :limit before (:cursor_time, :cursor_id), the newest first.
PAGE = """\
SELECT * FROM memories
WHERE (created_at, id) < (:cursor_time, :cursor_id)
  AND (:type IS NULL OR type = :type)
  AND (
    :include_outdated
    OR (expires_at IS NULL OR expires_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    AND NOT EXISTS (SELECT 1 FROM memories AS newer WHERE newer.supersedes_id = memories.id)
  )
ORDER BY created_at DESC, id DESC LIMIT :limit"""

# Which memories of this user are there? As PAGE.
PAGE_BY_USER = """\
SELECT * FROM memories
WHERE user_id = :user_id AND (created_at, id) < (:cursor_time, :cursor_id)
  AND (:agent_id IS NULL OR agent_id = :agent_id)
  AND (:session_id IS NULL OR session_id = :session_id)
  AND (:type IS NULL OR type = :type)
  AND (
    :include_outdated
    OR (expires_at IS NULL OR expires_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    AND NOT EXISTS (SELECT 1 FROM memories AS newer WHERE newer.supersedes_id = memories.id)
  )
ORDER BY created_at DESC, id DESC LIMIT :limit"""

# Which memories of this agent are there? As PAGE.
PAGE_BY_AGENT = """\
SELECT * FROM memories
WHERE agent_id = :agent_id AND (created_at, id) < (:cursor_time, :cursor_id)
  AND (:user_id IS NULL OR user_id = :user_id)
  AND (:session_id IS NULL OR session_id = :session_id)
  AND (:type IS NULL OR type = :type)
  AND (
    :include_outdated
    OR (expires_at IS NULL OR expires_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    AND NOT EXISTS (SELECT 1 FROM memories AS newer WHERE newer.supersedes_id = memories.id)
  )
ORDER BY created_at DESC, id DESC LIMIT :limit"""

# Which memories of this session are there? As PAGE.
PAGE_BY_SESSION = """\
SELECT * FROM memories
WHERE session_id = :session_id AND (created_at, id) < (:cursor_time, :cursor_id)
  AND (:agent_id IS NULL OR agent_id = :agent_id)
  AND (:user_id IS NULL OR user_id = :user_id)
  AND (:type IS NULL OR type = :type)
  AND (
    :include_outdated
    OR (expires_at IS NULL OR expires_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    AND NOT EXISTS (SELECT 1 FROM memories AS newer WHERE newer.supersedes_id = memories.id)
  )
ORDER BY created_at DESC, id DESC LIMIT :limit"""

# How many memories of this user are there? One row: total.
COUNT_BY_USER = "SELECT count(*) AS total FROM memories WHERE user_id = :user_id"

# How many memories are there? One row: total.
COUNT = "SELECT count(*) AS total FROM memories"

# Removes a memory. The one that it superseded is current again.
DELETE = "DELETE FROM memories WHERE id = :id"

# Removes a memory and all that it superseded.
FORGET = """\
DELETE FROM memories WHERE id IN (
  WITH RECURSIVE version (id) AS (
    SELECT id FROM memories WHERE id = :id
    UNION
    SELECT memories.supersedes_id FROM version
    JOIN memories ON memories.id = version.id WHERE memories.supersedes_id IS NOT NULL
  )
  SELECT id FROM version
)"""

# Removes all memories of a user.
FORGET_USER = "DELETE FROM memories WHERE user_id = :user_id"

# Removes the memories that have expired.
EXPIRE = "DELETE FROM memories WHERE expires_at <= :now"
