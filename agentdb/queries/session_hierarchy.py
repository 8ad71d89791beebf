"""SQL for sessions that have a parent. Parameters are named as the columns; paging is :limit and a key.

A session that is deleted softly is as if it were not there; where a statement takes :include_deleted, 1 makes it count.
"""

# Which sessions have this one as their parent? Summaries: at most :limit behind (:cursor_time, :cursor_id), newest first.
CHILDREN = """\
SELECT
  id, name, main_agent_id, user_goal, status, external_session_id, created_at, updated_at,
  user_id, tags_json, metadata_json, pinned_at, archived_at, last_activity_at, deleted_at, message_count, total_tokens
FROM sessions
WHERE parent_session_id = :parent_session_id AND (created_at, id) < (:cursor_time, :cursor_id)
  AND (:include_deleted OR deleted_at IS NULL)
ORDER BY created_at DESC, id DESC LIMIT :limit"""

# Which sessions stand above this one? Summaries with their depth: its parent (1), the parent of that (2), up to the root.
ANCESTORS = """\
WITH RECURSIVE above (id, depth) AS (
  SELECT parent_session_id, 1 FROM sessions WHERE id = :id AND parent_session_id IS NOT NULL
  UNION ALL
  SELECT sessions.parent_session_id, above.depth + 1 FROM above JOIN sessions ON sessions.id = above.id
  WHERE sessions.parent_session_id IS NOT NULL AND sessions.parent_session_id <> :id
    AND (:include_deleted OR sessions.deleted_at IS NULL)
)
SELECT
  sessions.id, name, main_agent_id, user_goal, status, external_session_id, created_at, updated_at,
  user_id, tags_json, metadata_json, pinned_at, archived_at, last_activity_at, deleted_at, message_count, total_tokens,
  above.depth
FROM above JOIN sessions ON sessions.id = above.id
WHERE :include_deleted OR deleted_at IS NULL
ORDER BY above.depth"""

# Which sessions stand below this one? Summaries with their depth: itself (0), its children (1), …, by depth and time.
SUBTREE = """\
WITH RECURSIVE tree (id, depth) AS (
  SELECT id, 0 FROM sessions WHERE id = :id AND (:include_deleted OR deleted_at IS NULL)
  UNION ALL
  SELECT child.id, tree.depth + 1 FROM tree JOIN sessions AS child ON child.parent_session_id = tree.id
  WHERE child.id <> :id AND (:include_deleted OR child.deleted_at IS NULL)
)
SELECT
  sessions.id, name, main_agent_id, user_goal, status, external_session_id, created_at, updated_at,
  user_id, tags_json, metadata_json, pinned_at, archived_at, last_activity_at, deleted_at, message_count, total_tokens,
  tree.depth
FROM tree JOIN sessions ON sessions.id = tree.id
ORDER BY tree.depth, created_at, sessions.id"""

# Ends a live session that has not ended: it gets the status and the time, and what is not NULL of the rest.
END = """\
UPDATE sessions SET
  status = :status,
  ended_at = :ended_at,
  quality_score = COALESCE(:quality_score, quality_score),
  user_satisfaction = COALESCE(:user_satisfaction, user_satisfaction),
  learning_outcomes_json = COALESCE(:learning_outcomes_json, learning_outcomes_json),
  updated_at = :updated_at
WHERE id = :id AND ended_at IS NULL AND deleted_at IS NULL"""
