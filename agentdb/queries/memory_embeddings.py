"""SQL for the vectors of memories. Parameters are named as the columns; NULL for an id or a type means any.

A vector is a BLOB of 32-bit floats. `vec_distance_cosine` is a function of sqlite-vec. Of what follows, the statements
NEAREST, NEAREST_AMONG and NEAREST_OF_OWNER alone use it. The VECTORS statements give the vectors themselves.
"""

# Adds a vector, or replaces that of the same memory and model; NULL for created_at means now.
SET = """\
INSERT INTO memory_embeddings (memory_id, model, dimensions, created_at, vector)
VALUES (:memory_id, :model, :dimensions, COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), :vector)
ON CONFLICT (memory_id, model) DO UPDATE SET
  dimensions = excluded.dimensions, created_at = excluded.created_at, vector = excluded.vector"""

# Which vector does a memory have of this model? One row with every column, or none.
GET = "SELECT * FROM memory_embeddings WHERE memory_id = :memory_id AND model = :model"

# How many dimensions do the vectors of this model have? One row, or none.
DIMENSIONS = "SELECT dimensions FROM memory_embeddings WHERE model = :model LIMIT 1"

# Which models have vectors here? One row with model, dimensions and total for each, in order.
MODELS = """\
SELECT model, dimensions, count(*) AS total FROM memory_embeddings GROUP BY model ORDER BY model"""

# Which model is the first one, behind this one? One row with model and dimensions, or none.
NEXT_MODEL = """\
SELECT model, dimensions FROM memory_embeddings WHERE model > :model ORDER BY model LIMIT 1"""

# Removes a vector.
DELETE = "DELETE FROM memory_embeddings WHERE memory_id = :memory_id AND model = :model"

# Removes all vectors of a model.
DELETE_BY_MODEL = "DELETE FROM memory_embeddings WHERE model = :model"

# Which memories have no vector of this model? At most :limit before (:cursor_time, :cursor_id), the newest first.
PAGE_WITHOUT = """\
SELECT * FROM memories
WHERE (created_at, id) < (:cursor_time, :cursor_id)
  AND NOT EXISTS (SELECT 1 FROM memory_embeddings WHERE memory_id = memories.id AND model = :model)
ORDER BY created_at DESC, id DESC LIMIT :limit"""

# Which memories have the nearest vectors? At most :limit rows of number and vector, among the :candidates nearest of all.
NEAREST = """\
SELECT memories.number, memory_embeddings.vector
FROM (
  SELECT id, vec_distance_cosine(vector, :vector) AS distance FROM memory_embeddings
  WHERE model = :model ORDER BY distance NULLS LAST LIMIT :candidates
) AS near
CROSS JOIN memory_embeddings ON memory_embeddings.id = near.id
CROSS JOIN memories ON memories.id = memory_embeddings.memory_id
WHERE (:agent_id IS NULL OR memories.agent_id = :agent_id)
  AND (:user_id IS NULL OR memories.user_id = :user_id)
  AND (:session_id IS NULL OR memories.session_id = :session_id)
  AND (:type IS NULL OR memories.type = :type)
  AND memories.importance >= :min_importance
  AND (memories.expires_at IS NULL OR memories.expires_at > :now)
  AND NOT EXISTS (SELECT 1 FROM memories AS newer WHERE newer.supersedes_id = memories.id)
ORDER BY near.distance NULLS LAST LIMIT :limit"""

# Which memories that these filters let through have the nearest vectors? At most :limit rows of number and vector.
NEAREST_AMONG = """\
SELECT memories.number, memory_embeddings.vector FROM memory_embeddings
CROSS JOIN memories ON memories.id = memory_embeddings.memory_id
WHERE memory_embeddings.model = :model
  AND (:agent_id IS NULL OR memories.agent_id = :agent_id)
  AND (:user_id IS NULL OR memories.user_id = :user_id)
  AND (:session_id IS NULL OR memories.session_id = :session_id)
  AND (:type IS NULL OR memories.type = :type)
  AND memories.importance >= :min_importance
  AND (memories.expires_at IS NULL OR memories.expires_at > :now)
  AND NOT EXISTS (SELECT 1 FROM memories AS newer WHERE newer.supersedes_id = memories.id)
ORDER BY vec_distance_cosine(memory_embeddings.vector, :vector) NULLS LAST LIMIT :limit"""

# Which memories of one owner (:user_id, else :session_id, else :agent_id) have the nearest vectors? As NEAREST_AMONG.
NEAREST_OF_OWNER = """\
SELECT memories.number, memory_embeddings.vector FROM memories
CROSS JOIN memory_embeddings ON memory_embeddings.memory_id = memories.id AND memory_embeddings.model = :model
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
ORDER BY vec_distance_cosine(memory_embeddings.vector, :vector) NULLS LAST LIMIT :limit"""

# Which vectors come after this one? At most :limit rows of id, number and vector, of the memories that the filters let through.
VECTORS = """\
SELECT memory_embeddings.id, memories.number, memory_embeddings.vector FROM memory_embeddings
CROSS JOIN memories ON memories.id = memory_embeddings.memory_id
WHERE memory_embeddings.model = :model AND memory_embeddings.id > :cursor_id
  AND (:agent_id IS NULL OR memories.agent_id = :agent_id)
  AND (:user_id IS NULL OR memories.user_id = :user_id)
  AND (:session_id IS NULL OR memories.session_id = :session_id)
  AND (:type IS NULL OR memories.type = :type)
  AND memories.importance >= :min_importance
  AND (memories.expires_at IS NULL OR memories.expires_at > :now)
  AND NOT EXISTS (SELECT 1 FROM memories AS newer WHERE newer.supersedes_id = memories.id)
ORDER BY memory_embeddings.id LIMIT :limit"""

# The same, of one owner (:user_id, else :session_id, else :agent_id), in the order of the memories.
VECTORS_OF_OWNER = """\
SELECT memories.number AS id, memories.number, memory_embeddings.vector FROM memories
CROSS JOIN memory_embeddings ON memory_embeddings.memory_id = memories.id AND memory_embeddings.model = :model
WHERE memories.number > :cursor_id
  AND memories.number IN (
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
ORDER BY memories.number LIMIT :limit"""
