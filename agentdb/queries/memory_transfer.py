"""SQL for exporting and importing the memories of a user. Parameters are named as the columns."""

# Which sessions has this user, hidden ones too, and to which do they refer? Their ids, in their order.
SESSIONS = """\
SELECT id, parent_session_id, forked_from_id FROM sessions WHERE user_id = :user_id ORDER BY created_at, id"""

# Which agents do the memories of this user name? As in an export of a session.
AGENTS = """\
SELECT
  id, type, name, description, avatar, instructions, model, plan_model, small_model, built_in_tools, mcps,
  knowledges, accessible_paths, configuration, permission_mode, max_steps, created_at, updated_at,
  specializations_json, metadata_json
FROM agents WHERE id > :cursor_id AND id IN (SELECT agent_id FROM memories WHERE user_id = :user_id)
ORDER BY id LIMIT :limit"""

# Which memories has this user? In the order in which they were made, without what triggers count.
MEMORIES = """\
SELECT
  number, id, agent_id, user_id, session_id, type, memory_type, importance, confidence, source_type,
  verification_status, expires_at, supersedes_id, created_at, updated_at, search_words, text, content_json
FROM memories WHERE user_id = :user_id AND number > :cursor_number ORDER BY number LIMIT :limit"""

# Which memory has this id? One row as above, or none.
MEMORY = """\
SELECT
  number, id, agent_id, user_id, session_id, type, memory_type, importance, confidence, source_type,
  verification_status, expires_at, supersedes_id, created_at, updated_at, search_words, text, content_json
FROM memories WHERE id = :id"""

# Which links have the memories of this user among one another? In the order of their ids.
LINKS = """\
SELECT
  id, memory_id, related_id, kind, created_at
FROM memory_links WHERE id > :cursor_id
  AND memory_id IN (SELECT id FROM memories WHERE user_id = :user_id)
  AND related_id IN (SELECT id FROM memories WHERE user_id = :user_id)
ORDER BY id LIMIT :limit"""

# Which accesses have the memories of this user? In the order of their ids.
ACCESSES = """\
SELECT
  id, memory_id, access_type, accessed_by, accessor_type, context, usefulness, accessed_at
FROM memory_accesses WHERE id > :cursor_id
  AND memory_id IN (SELECT id FROM memories WHERE user_id = :user_id)
ORDER BY id LIMIT :limit"""

# Which annotations have the memories of this user? In the order of their ids.
ANNOTATIONS = """\
SELECT
  id, memory_id, kind, created_by, is_applied, applied_at, created_at, content_json
FROM memory_annotations WHERE id > :cursor_id
  AND memory_id IN (SELECT id FROM memories WHERE user_id = :user_id)
ORDER BY id LIMIT :limit"""

# Which vectors have the memories of this user? In the order of their ids.
EMBEDDINGS = """\
SELECT
  id, memory_id, model, dimensions, created_at, vector
FROM memory_embeddings WHERE id > :cursor_id
  AND memory_id IN (SELECT id FROM memories WHERE user_id = :user_id)
ORDER BY id LIMIT :limit"""

# Adds a memory as it was. Its counters begin at 0.
INSERT_MEMORY = """\
INSERT INTO memories (
  id, agent_id, user_id, session_id, type, memory_type, importance, confidence, source_type,
  verification_status, expires_at, supersedes_id, created_at, updated_at, search_words, text, content_json
) VALUES (
  :id, :agent_id, :user_id, :session_id, :type, :memory_type, :importance, :confidence, :source_type,
  :verification_status, :expires_at, :supersedes_id, :created_at, :updated_at, :search_words, :text,
  :content_json
)"""

# Adds a link as it was; with the id NULL under a new one.
INSERT_LINK = """\
INSERT INTO memory_links (
  id, memory_id, related_id, kind, created_at
) VALUES (
  :id, :memory_id, :related_id, :kind, :created_at
)"""

# Is there a link that says just this? One row, or none.
SAME_LINK = """\
SELECT id FROM memory_links
WHERE memory_id = :memory_id AND related_id IS :related_id AND kind IS :kind AND created_at IS :created_at
LIMIT 1"""

# Adds an access as it was; with the id NULL under a new one.
INSERT_ACCESS = """\
INSERT INTO memory_accesses (
  id, memory_id, access_type, accessed_by, accessor_type, context, usefulness, accessed_at
) VALUES (
  :id, :memory_id, :access_type, :accessed_by, :accessor_type, :context, :usefulness, :accessed_at
)"""

# Is there an access that says just this? One row, or none.
SAME_ACCESS = """\
SELECT id FROM memory_accesses
WHERE memory_id = :memory_id AND access_type IS :access_type AND accessed_by IS :accessed_by AND accessor_type IS
  :accessor_type AND context IS :context AND usefulness IS :usefulness AND accessed_at IS :accessed_at
LIMIT 1"""

# Adds an annotation as it was.
INSERT_ANNOTATION = """\
INSERT INTO memory_annotations (
  id, memory_id, kind, created_by, is_applied, applied_at, created_at, content_json
) VALUES (
  :id, :memory_id, :kind, :created_by, :is_applied, :applied_at, :created_at, :content_json
)"""

# Is there an annotation that says just this? One row, or none.
SAME_ANNOTATION = """\
SELECT id FROM memory_annotations
WHERE id = :id AND memory_id = :memory_id AND kind IS :kind AND created_by IS :created_by AND is_applied IS
  :is_applied AND applied_at IS :applied_at AND created_at IS :created_at AND content_json IS :content_json
LIMIT 1"""

# Adds a vector as it was; with the id NULL under a new one.
INSERT_EMBEDDING = """\
INSERT INTO memory_embeddings (
  id, memory_id, model, dimensions, created_at, vector
) VALUES (
  :id, :memory_id, :model, :dimensions, :created_at, :vector
)"""

# Is there a vector that says just this? One row, or none.
SAME_EMBEDDING = """\
SELECT id FROM memory_embeddings
WHERE memory_id = :memory_id AND model IS :model AND dimensions IS :dimensions AND created_at IS :created_at AND
  vector IS :vector
LIMIT 1"""

# Removes what the audit trail has of the memories of this user, when these are deleted.
FORGET_HISTORY = """\
WITH own (id) AS (
  SELECT row_key_json ->> '$[0]' FROM audit_log
  WHERE table_name = 'memories' AND COALESCE(before_json, after_json) ->> '$.user_id' = :user_id
  UNION
  SELECT COALESCE(before_json, after_json) ->> '$.id' FROM audit_log
  WHERE table_name = 'memories' AND COALESCE(before_json, after_json) ->> '$.user_id' = :user_id
)
DELETE FROM audit_log WHERE (table_name, row_key_json) IN (
  SELECT table_name, row_key_json FROM audit_log
  WHERE table_name = 'memories' AND COALESCE(before_json, after_json) ->> '$.user_id' = :user_id
  UNION ALL
  SELECT table_name, row_key_json FROM audit_log
  WHERE table_name IN ('memory_links', 'memory_accesses', 'memory_annotations', 'memory_embeddings')
    AND COALESCE(before_json, after_json) ->> '$.memory_id' IN (SELECT id FROM own)
)"""

# How many rows of each table belong to the memories of this user? One row.
COUNTS = """\
SELECT
  (SELECT count(*) FROM memories WHERE user_id = :user_id) AS memories,
  (SELECT count(*) FROM memories JOIN memory_links ON memory_id = memories.id WHERE user_id = :user_id) AS memory_links,
  (
    SELECT count(*) FROM memories JOIN memory_accesses ON memory_id = memories.id WHERE user_id = :user_id
  ) AS memory_accesses,
  (
    SELECT count(*) FROM memories JOIN memory_annotations ON memory_id = memories.id WHERE user_id = :user_id
  ) AS memory_annotations,
  (
    SELECT count(*) FROM memories JOIN memory_embeddings ON memory_id = memories.id WHERE user_id = :user_id
  ) AS memory_embeddings"""
