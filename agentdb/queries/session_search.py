"""SQL for finding sessions by words. Parameters are named as the columns; NULL for :user_id or :archived means any."""

# What are the sessions called? The bytes of names and goals of all live ones, the latest activity (or creation: active_at) first.
NAMES = """\
SELECT
  id, CAST(name AS BLOB) AS name, CAST(user_goal AS BLOB) AS user_goal, COALESCE(last_activity_at, created_at) AS active_at
FROM sessions
WHERE deleted_at IS NULL AND COALESCE(last_activity_at, created_at) > ''
  AND (:user_id IS NULL OR user_id = :user_id)
  AND (:archived IS NULL OR (archived_at IS NOT NULL) = :archived)
ORDER BY COALESCE(last_activity_at, created_at) DESC, id DESC"""

# Which sessions are these? Summaries, for each id of the JSON array :ids that is there and live.
GET_SUMMARIES = """\
SELECT
  id, name, main_agent_id, user_goal, status, external_session_id, created_at, updated_at, user_id, tags_json,
  metadata_json, pinned_at, archived_at, last_activity_at, deleted_at, message_count, total_tokens
FROM sessions
WHERE id IN (SELECT value FROM json_each(:ids)) AND deleted_at IS NULL"""
