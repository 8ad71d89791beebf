"""SQL for sessions. Parameters are named as the columns; paging is :limit and :offset.

A live session is one that is not deleted softly. Where a statement takes :include_deleted, 1 makes it find the others too.
NULL for a filter of a page means any: :status, :user_id, :pinned, :archived (1 or 0), :tag, and :metadata_json, an object whose
members the session's metadata have too.
"""

# Adds a session; NULL for a column with a default means the default, for id a new UUID, for an override: inherit.
INSERT = """\
INSERT INTO sessions (
  id, name, main_agent_id, sub_agent_ids, user_goal, status, external_session_id, model, plan_model, small_model,
  built_in_tools, mcps, knowledges, configuration, accessible_paths, permission_mode, max_steps, created_at, updated_at
) VALUES (
  COALESCE(:id, lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
    || substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
  )),
  :name, :main_agent_id, :sub_agent_ids, :user_goal,
  COALESCE(:status, 'idle'),
  :external_session_id, :model, :plan_model, :small_model,
  :built_in_tools, :mcps, :knowledges, :configuration, :accessible_paths, :permission_mode, :max_steps,
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  COALESCE(:updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
)"""

# Replaces all of a session but created_at; NULL means what it means in INSERT (updated_at: now).
UPDATE = """\
UPDATE sessions SET
  name = :name,
  main_agent_id = :main_agent_id,
  sub_agent_ids = :sub_agent_ids,
  user_goal = :user_goal,
  status = COALESCE(:status, 'idle'),
  external_session_id = :external_session_id,
  model = :model,
  plan_model = :plan_model,
  small_model = :small_model,
  built_in_tools = :built_in_tools,
  mcps = :mcps,
  knowledges = :knowledges,
  configuration = :configuration,
  accessible_paths = :accessible_paths,
  permission_mode = :permission_mode,
  max_steps = :max_steps,
  updated_at = COALESCE(:updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
WHERE id = :id"""

# Sets the status of a session; 'idle' and 'running' clear ended_at, and NULL for updated_at means now.
UPDATE_STATUS = """\
UPDATE sessions SET
  status = :status,
  ended_at = CASE WHEN :status IN ('idle', 'running') THEN NULL ELSE ended_at END,
  updated_at = COALESCE(:updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
WHERE id = :id"""

# Sets the id that another program knows a session by, or clears it with NULL; NULL for updated_at means now.
UPDATE_EXTERNAL_SESSION_ID = """\
UPDATE sessions SET
  external_session_id = :external_session_id,
  updated_at = COALESCE(:updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
WHERE id = :id"""

# Which session has this id? One row with every column, or none.
GET_BY_ID = "SELECT * FROM sessions WHERE id = :id"

# Which sessions are there? All, newest first.
LIST = "SELECT * FROM sessions ORDER BY created_at DESC, id DESC"

# Which sessions are on this page? At most :limit after the first :offset, newest first.
LIST_WITH_LIMIT = "SELECT * FROM sessions ORDER BY created_at DESC, id DESC LIMIT :limit OFFSET :offset"

# Which sessions have this status? All, newest first.
GET_BY_STATUS = "SELECT * FROM sessions WHERE status = :status ORDER BY created_at DESC, id DESC"

# What does a session run with? One row: its columns, its main agent, and for each override the value in force.
GET_SESSION_WITH_AGENT = """\
SELECT
  sessions.*,
  agents.name AS agent_name,
  agents.description AS agent_description,
  agents.avatar AS agent_avatar,
  agents.instructions AS agent_instructions,
  COALESCE(sessions.model, agents.model) AS effective_model,
  COALESCE(sessions.plan_model, agents.plan_model) AS effective_plan_model,
  COALESCE(sessions.small_model, agents.small_model) AS effective_small_model,
  COALESCE(sessions.built_in_tools, agents.built_in_tools) AS effective_built_in_tools,
  COALESCE(sessions.mcps, agents.mcps) AS effective_mcps,
  COALESCE(sessions.knowledges, agents.knowledges) AS effective_knowledges,
  COALESCE(sessions.configuration, agents.configuration) AS effective_configuration,
  COALESCE(sessions.accessible_paths, agents.accessible_paths) AS effective_accessible_paths,
  COALESCE(sessions.permission_mode, agents.permission_mode) AS effective_permission_mode,
  COALESCE(sessions.max_steps, agents.max_steps) AS effective_max_steps
FROM sessions
JOIN agents ON agents.id = sessions.main_agent_id
WHERE sessions.id = :id"""

# Which sessions does another program know by this id? All, newest first.
GET_BY_EXTERNAL_SESSION_ID = """\
SELECT * FROM sessions WHERE external_session_id = :external_session_id ORDER BY created_at DESC, id DESC"""

# How many sessions are there? One row: total.
COUNT = "SELECT count(*) AS total FROM sessions"

# Removes a session for good, and with it all that is its.
DELETE = "DELETE FROM sessions WHERE id = :id"

# Is there a session with this id? One row with the id if there is, else none.
CHECK_EXISTS = "SELECT id FROM sessions WHERE id = :id"

# Adds a session with every column that a caller may give; NULL means what it means in INSERT.
CREATE = """\
INSERT INTO sessions (
  id, name, main_agent_id, sub_agent_ids, user_goal, status, external_session_id, model, plan_model, small_model,
  built_in_tools, mcps, knowledges, configuration, accessible_paths, permission_mode, max_steps, created_at, updated_at,
  user_id, parent_session_id, source, tags_json, metadata_json, started_at
) VALUES (
  COALESCE(:id, lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
    || substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
  )),
  :name, :main_agent_id, :sub_agent_ids, :user_goal,
  COALESCE(:status, 'idle'),
  :external_session_id, :model, :plan_model, :small_model,
  :built_in_tools, :mcps, :knowledges, :configuration, :accessible_paths, :permission_mode, :max_steps,
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  COALESCE(:updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  :user_id, :parent_session_id, :source, :tags_json, :metadata_json, :started_at
)"""

# Adds a session as CREATE does, where there is none with this id; else it does nothing.
INSERT_MISSING = """\
INSERT INTO sessions (
  id, name, main_agent_id, sub_agent_ids, user_goal, status, external_session_id, model, plan_model, small_model,
  built_in_tools, mcps, knowledges, configuration, accessible_paths, permission_mode, max_steps, created_at, updated_at,
  user_id, parent_session_id, source, tags_json, metadata_json, started_at
) VALUES (
  :id, :name, :main_agent_id, :sub_agent_ids, :user_goal,
  COALESCE(:status, 'idle'),
  :external_session_id, :model, :plan_model, :small_model,
  :built_in_tools, :mcps, :knowledges, :configuration, :accessible_paths, :permission_mode, :max_steps,
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  COALESCE(:updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  :user_id, :parent_session_id, :source, :tags_json, :metadata_json, :started_at
)
ON CONFLICT (id) DO NOTHING"""

# Replaces every column of a session that a caller may change. Counters are kept by triggers.
CHANGE = """\
UPDATE sessions SET
  name = :name,
  main_agent_id = :main_agent_id,
  sub_agent_ids = :sub_agent_ids,
  user_goal = :user_goal,
  status = :status,
  external_session_id = :external_session_id,
  model = :model,
  plan_model = :plan_model,
  small_model = :small_model,
  built_in_tools = :built_in_tools,
  mcps = :mcps,
  knowledges = :knowledges,
  configuration = :configuration,
  accessible_paths = :accessible_paths,
  permission_mode = :permission_mode,
  max_steps = :max_steps,
  user_id = :user_id,
  parent_session_id = :parent_session_id,
  source = :source,
  tags_json = :tags_json,
  quality_score = :quality_score,
  user_satisfaction = :user_satisfaction,
  learning_outcomes_json = :learning_outcomes_json,
  started_at = :started_at,
  ended_at = :ended_at,
  metadata_json = :metadata_json,
  pinned_at = :pinned_at,
  archived_at = :archived_at,
  last_activity_at = :last_activity_at,
  updated_at = :updated_at
WHERE id = :id"""

# Is there such a session, and where does it stand? One row, or none; active_at is created_at where nothing was said.
STATE = """\
SELECT
  id, main_agent_id, deleted_at, last_seq, compaction_count, created_at, last_activity_at,
  COALESCE(last_activity_at, created_at) AS active_at
FROM sessions WHERE id = :id"""

# Hides a live session; NULL for deleted_at means now. No row where there is none, or where it is hidden already.
SOFT_DELETE = """\
UPDATE sessions SET deleted_at = COALESCE(:deleted_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
WHERE id = :id AND deleted_at IS NULL"""

# Shows a hidden session again, as it was. No row where there is none, or where it is not hidden.
RESTORE = "UPDATE sessions SET deleted_at = NULL WHERE id = :id AND deleted_at IS NOT NULL"

# Which sessions come after this one? Summaries: at most :limit behind (:cursor_time, :cursor_id), newest first.
PAGE = """\
SELECT
  id, name, main_agent_id, user_goal, status, external_session_id, created_at, updated_at, user_id, tags_json,
  metadata_json, pinned_at, archived_at, last_activity_at, deleted_at, message_count, total_tokens
FROM sessions
WHERE (created_at, id) < (:cursor_time, :cursor_id) AND (:include_deleted OR deleted_at IS NULL)
  AND (:status IS NULL OR status = :status)
  AND (:user_id IS NULL OR user_id = :user_id)
  AND (:pinned IS NULL OR (pinned_at IS NOT NULL) = :pinned)
  AND (:archived IS NULL OR (archived_at IS NOT NULL) = :archived)
  AND (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(tags_json) WHERE type = 'text' AND value = :tag))
  AND (:metadata_json IS NULL OR NOT EXISTS (
    SELECT 1 FROM json_each(:metadata_json) AS wanted WHERE NOT EXISTS (
      SELECT 1 FROM json_each(sessions.metadata_json) AS had WHERE had.key = wanted.key AND had.value IS wanted.value
        AND replace(had.type, 'integer', 'real') = replace(wanted.type, 'integer', 'real')
    )
  ))
ORDER BY created_at DESC, id DESC LIMIT :limit"""

# Which sessions with this status come after this one? Summaries, as above.
PAGE_BY_STATUS = """\
SELECT
  id, name, main_agent_id, user_goal, status, external_session_id, created_at, updated_at, user_id, tags_json,
  metadata_json, pinned_at, archived_at, last_activity_at, deleted_at, message_count, total_tokens
FROM sessions
WHERE status = :status AND (created_at, id) < (:cursor_time, :cursor_id) AND (:include_deleted OR deleted_at IS NULL)
  AND (:user_id IS NULL OR user_id = :user_id)
  AND (:pinned IS NULL OR (pinned_at IS NOT NULL) = :pinned)
  AND (:archived IS NULL OR (archived_at IS NOT NULL) = :archived)
  AND (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(tags_json) WHERE type = 'text' AND value = :tag))
  AND (:metadata_json IS NULL OR NOT EXISTS (
    SELECT 1 FROM json_each(:metadata_json) AS wanted WHERE NOT EXISTS (
      SELECT 1 FROM json_each(sessions.metadata_json) AS had WHERE had.key = wanted.key AND had.value IS wanted.value
        AND replace(had.type, 'integer', 'real') = replace(wanted.type, 'integer', 'real')
    )
  ))
ORDER BY created_at DESC, id DESC LIMIT :limit"""

# Which sessions of this agent come after this one? Summaries, as above.
PAGE_BY_AGENT = """\
SELECT
  id, name, main_agent_id, user_goal, status, external_session_id, created_at, updated_at, user_id, tags_json,
  metadata_json, pinned_at, archived_at, last_activity_at, deleted_at, message_count, total_tokens
FROM sessions
WHERE main_agent_id = :main_agent_id AND (created_at, id) < (:cursor_time, :cursor_id)
  AND (:include_deleted OR deleted_at IS NULL)
  AND (:status IS NULL OR status = :status)
  AND (:user_id IS NULL OR user_id = :user_id)
  AND (:pinned IS NULL OR (pinned_at IS NOT NULL) = :pinned)
  AND (:archived IS NULL OR (archived_at IS NOT NULL) = :archived)
  AND (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(tags_json) WHERE type = 'text' AND value = :tag))
  AND (:metadata_json IS NULL OR NOT EXISTS (
    SELECT 1 FROM json_each(:metadata_json) AS wanted WHERE NOT EXISTS (
      SELECT 1 FROM json_each(sessions.metadata_json) AS had WHERE had.key = wanted.key AND had.value IS wanted.value
        AND replace(had.type, 'integer', 'real') = replace(wanted.type, 'integer', 'real')
    )
  ))
ORDER BY created_at DESC, id DESC LIMIT :limit"""

# Which sessions of this user come after this one? Summaries, as above.
PAGE_BY_USER = """\
SELECT
  id, name, main_agent_id, user_goal, status, external_session_id, created_at, updated_at, user_id, tags_json,
  metadata_json, pinned_at, archived_at, last_activity_at, deleted_at, message_count, total_tokens
FROM sessions
WHERE user_id = :user_id AND (created_at, id) < (:cursor_time, :cursor_id) AND (:include_deleted OR deleted_at IS NULL)
  AND (:status IS NULL OR status = :status)
  AND (:pinned IS NULL OR (pinned_at IS NOT NULL) = :pinned)
  AND (:archived IS NULL OR (archived_at IS NOT NULL) = :archived)
  AND (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(tags_json) WHERE type = 'text' AND value = :tag))
  AND (:metadata_json IS NULL OR NOT EXISTS (
    SELECT 1 FROM json_each(:metadata_json) AS wanted WHERE NOT EXISTS (
      SELECT 1 FROM json_each(sessions.metadata_json) AS had WHERE had.key = wanted.key AND had.value IS wanted.value
        AND replace(had.type, 'integer', 'real') = replace(wanted.type, 'integer', 'real')
    )
  ))
ORDER BY created_at DESC, id DESC LIMIT :limit"""

# Which sessions with this tag come after this one? Summaries, as above.
PAGE_BY_TAG = """\
SELECT
  id, name, main_agent_id, user_goal, status, external_session_id, created_at, updated_at, user_id, tags_json,
  metadata_json, pinned_at, archived_at, last_activity_at, deleted_at, message_count, total_tokens
FROM session_tags CROSS JOIN sessions ON sessions.id = session_tags.session_id
WHERE tag = :tag AND (session_created, session_id) < (:cursor_time, :cursor_id)
  AND (:include_deleted OR deleted_at IS NULL)
  AND (:main_agent_id IS NULL OR main_agent_id = :main_agent_id)
  AND (:user_id IS NULL OR user_id = :user_id)
  AND (:status IS NULL OR status = :status)
  AND (:pinned IS NULL OR (pinned_at IS NOT NULL) = :pinned)
  AND (:archived IS NULL OR (archived_at IS NOT NULL) = :archived)
  AND (:metadata_json IS NULL OR NOT EXISTS (
    SELECT 1 FROM json_each(:metadata_json) AS wanted WHERE NOT EXISTS (
      SELECT 1 FROM json_each(sessions.metadata_json) AS had WHERE had.key = wanted.key AND had.value IS wanted.value
        AND replace(had.type, 'integer', 'real') = replace(wanted.type, 'integer', 'real')
    )
  ))
ORDER BY session_created DESC, session_id DESC LIMIT :limit"""

# Which pinned sessions come after this one? Summaries, as above. They are few: + makes SQLite sort them.
PAGE_PINNED = """\
SELECT
  id, name, main_agent_id, user_goal, status, external_session_id, created_at, updated_at, user_id, tags_json,
  metadata_json, pinned_at, archived_at, last_activity_at, deleted_at, message_count, total_tokens
FROM sessions
WHERE pinned_at IS NOT NULL AND (+created_at, id) < (:cursor_time, :cursor_id) AND (:include_deleted OR deleted_at IS NULL)
  AND (:main_agent_id IS NULL OR main_agent_id = :main_agent_id)
  AND (:status IS NULL OR status = :status)
  AND (:user_id IS NULL OR user_id = :user_id)
  AND (:archived IS NULL OR (archived_at IS NOT NULL) = :archived)
  AND (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(tags_json) WHERE type = 'text' AND value = :tag))
  AND (:metadata_json IS NULL OR NOT EXISTS (
    SELECT 1 FROM json_each(:metadata_json) AS wanted WHERE NOT EXISTS (
      SELECT 1 FROM json_each(sessions.metadata_json) AS had WHERE had.key = wanted.key AND had.value IS wanted.value
        AND replace(had.type, 'integer', 'real') = replace(wanted.type, 'integer', 'real')
    )
  ))
ORDER BY +created_at DESC, id DESC LIMIT :limit"""

# Which live sessions were active before this one? Summaries, the latest activity (or creation: active_at) first.
PAGE_BY_ACTIVITY = """\
SELECT
  id, name, main_agent_id, user_goal, status, external_session_id, created_at, updated_at, user_id, tags_json,
  metadata_json, pinned_at, archived_at, last_activity_at, deleted_at, message_count, total_tokens,
  COALESCE(last_activity_at, created_at) AS active_at
FROM sessions
WHERE COALESCE(last_activity_at, created_at) <= :cursor_time
  AND (COALESCE(last_activity_at, created_at) < :cursor_time OR id < :cursor_id) AND deleted_at IS NULL
  AND (:status IS NULL OR status = :status)
  AND (:user_id IS NULL OR user_id = :user_id)
  AND (:pinned IS NULL OR (pinned_at IS NOT NULL) = :pinned)
  AND (:archived IS NULL OR (archived_at IS NOT NULL) = :archived)
  AND (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(tags_json) WHERE type = 'text' AND value = :tag))
  AND (:metadata_json IS NULL OR NOT EXISTS (
    SELECT 1 FROM json_each(:metadata_json) AS wanted WHERE NOT EXISTS (
      SELECT 1 FROM json_each(sessions.metadata_json) AS had WHERE had.key = wanted.key AND had.value IS wanted.value
        AND replace(had.type, 'integer', 'real') = replace(wanted.type, 'integer', 'real')
    )
  ))
ORDER BY COALESCE(last_activity_at, created_at) DESC, id DESC LIMIT :limit"""

# Which live sessions of this user were active before this one? Summaries, as above.
PAGE_BY_ACTIVITY_OF_USER = """\
SELECT
  id, name, main_agent_id, user_goal, status, external_session_id, created_at, updated_at, user_id, tags_json,
  metadata_json, pinned_at, archived_at, last_activity_at, deleted_at, message_count, total_tokens,
  COALESCE(last_activity_at, created_at) AS active_at
FROM sessions
WHERE user_id = :user_id AND COALESCE(last_activity_at, created_at) <= :cursor_time
  AND (COALESCE(last_activity_at, created_at) < :cursor_time OR id < :cursor_id) AND deleted_at IS NULL
  AND (:status IS NULL OR status = :status)
  AND (:pinned IS NULL OR (pinned_at IS NOT NULL) = :pinned)
  AND (:archived IS NULL OR (archived_at IS NOT NULL) = :archived)
  AND (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(tags_json) WHERE type = 'text' AND value = :tag))
  AND (:metadata_json IS NULL OR NOT EXISTS (
    SELECT 1 FROM json_each(:metadata_json) AS wanted WHERE NOT EXISTS (
      SELECT 1 FROM json_each(sessions.metadata_json) AS had WHERE had.key = wanted.key AND had.value IS wanted.value
        AND replace(had.type, 'integer', 'real') = replace(wanted.type, 'integer', 'real')
    )
  ))
ORDER BY COALESCE(last_activity_at, created_at) DESC, id DESC LIMIT :limit"""

# Which pinned live sessions were active before this one? Summaries, as above. They are few: + makes SQLite sort them.
PAGE_BY_ACTIVITY_PINNED = """\
SELECT
  id, name, main_agent_id, user_goal, status, external_session_id, created_at, updated_at, user_id, tags_json,
  metadata_json, pinned_at, archived_at, last_activity_at, deleted_at, message_count, total_tokens,
  COALESCE(last_activity_at, created_at) AS active_at
FROM sessions
WHERE pinned_at IS NOT NULL AND +COALESCE(last_activity_at, created_at) <= :cursor_time
  AND (+COALESCE(last_activity_at, created_at) < :cursor_time OR id < :cursor_id) AND deleted_at IS NULL
  AND (:status IS NULL OR status = :status)
  AND (:user_id IS NULL OR user_id = :user_id)
  AND (:archived IS NULL OR (archived_at IS NOT NULL) = :archived)
  AND (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(tags_json) WHERE type = 'text' AND value = :tag))
  AND (:metadata_json IS NULL OR NOT EXISTS (
    SELECT 1 FROM json_each(:metadata_json) AS wanted WHERE NOT EXISTS (
      SELECT 1 FROM json_each(sessions.metadata_json) AS had WHERE had.key = wanted.key AND had.value IS wanted.value
        AND replace(had.type, 'integer', 'real') = replace(wanted.type, 'integer', 'real')
    )
  ))
ORDER BY +COALESCE(last_activity_at, created_at) DESC, id DESC LIMIT :limit"""

# Pins a live session; NULL for pinned_at means now. No row where there is none, or where it is pinned already.
PIN = """\
UPDATE sessions SET pinned_at = COALESCE(:pinned_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
WHERE id = :id AND pinned_at IS NULL AND deleted_at IS NULL"""

# Takes the pin off a live session. No row where there is none, or where it has no pin.
UNPIN = "UPDATE sessions SET pinned_at = NULL WHERE id = :id AND pinned_at IS NOT NULL AND deleted_at IS NULL"

# Archives a live session; NULL for archived_at means now. No row where there is none, or where it is archived already.
ARCHIVE = """\
UPDATE sessions SET archived_at = COALESCE(:archived_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
WHERE id = :id AND archived_at IS NULL AND deleted_at IS NULL"""

# Brings a live session back from the archive. No row where there is none, or where it is not archived.
UNARCHIVE = "UPDATE sessions SET archived_at = NULL WHERE id = :id AND archived_at IS NOT NULL AND deleted_at IS NULL"

# How many live sessions are there? One row: total.
COUNT_LIVE = """\
SELECT count(*)
  - CASE WHEN :include_deleted THEN 0 ELSE (SELECT count(*) FROM sessions WHERE deleted_at IS NOT NULL) END AS total
FROM sessions"""

# How many live sessions have this status? One row: total.
COUNT_BY_STATUS = """\
SELECT count(*) AS total FROM sessions WHERE status = :status AND (:include_deleted OR deleted_at IS NULL)"""

# How many live sessions does this agent have, with this status or any? One row: total.
COUNT_BY_AGENT = """\
SELECT count(*) AS total FROM sessions
WHERE main_agent_id = :main_agent_id AND (:status IS NULL OR status = :status)
  AND (:include_deleted OR deleted_at IS NULL)"""
