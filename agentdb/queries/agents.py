"""SQL for agents. Parameters are named as the columns."""

# Adds an agent; NULL for a column with a default means the default, NULL for id a new UUID.
INSERT = """\
INSERT INTO agents (
  id, type, name, description, avatar, instructions, model, plan_model, small_model,
  built_in_tools, mcps, knowledges, accessible_paths, configuration, permission_mode, max_steps, created_at, updated_at
) VALUES (
  COALESCE(:id, lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
    || substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
  )),
  COALESCE(:type, 'custom'),
  :name, :description, :avatar, :instructions, :model, :plan_model, :small_model,
  :built_in_tools, :mcps, :knowledges, :accessible_paths, :configuration,
  COALESCE(:permission_mode, 'readOnly'),
  COALESCE(:max_steps, 10),
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  COALESCE(:updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
)"""

# Replaces all of an agent but type and created_at; NULL means what it means in INSERT (updated_at: now).
UPDATE = """\
UPDATE agents SET
  name = :name,
  description = :description,
  avatar = :avatar,
  instructions = :instructions,
  model = :model,
  plan_model = :plan_model,
  small_model = :small_model,
  built_in_tools = :built_in_tools,
  mcps = :mcps,
  knowledges = :knowledges,
  accessible_paths = :accessible_paths,
  configuration = :configuration,
  permission_mode = COALESCE(:permission_mode, 'readOnly'),
  max_steps = COALESCE(:max_steps, 10),
  updated_at = COALESCE(:updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
WHERE id = :id"""

# Which agent has this id? One row with every column, or none.
GET_BY_ID = "SELECT * FROM agents WHERE id = :id"

# Which agents are there? All, newest first.
LIST = "SELECT * FROM agents ORDER BY created_at DESC, id DESC"

# Removes an agent, and with it the sessions that run on it and their logs.
DELETE = "DELETE FROM agents WHERE id = :id"

# How many agents are there? One row: total.
COUNT = "SELECT count(*) AS total FROM agents"

# Is there an agent with this id? One row with the id if there is, else none.
CHECK_EXISTS = "SELECT id FROM agents WHERE id = :id"

# Which agents come after this one? At most :limit behind (:cursor_time, :cursor_id), newest first; of one type, or of any.
PAGE = """\
SELECT * FROM agents
WHERE (created_at, id) < (:cursor_time, :cursor_id) AND (:type IS NULL OR type = :type)
ORDER BY created_at DESC, id DESC LIMIT :limit"""

# How many agents are there of this type, or of any? One row: total.
COUNT_BY_TYPE = "SELECT count(*) AS total FROM agents WHERE :type IS NULL OR type = :type"

# Adds an agent with every column that a caller may give; NULL means what it means in INSERT.
CREATE = """\
INSERT INTO agents (
  id, type, name, description, avatar, instructions, model, plan_model, small_model,
  built_in_tools, mcps, knowledges, accessible_paths, configuration, permission_mode, max_steps, created_at, updated_at,
  specializations_json, metadata_json
) VALUES (
  COALESCE(:id, lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
    || substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
  )),
  COALESCE(:type, 'custom'),
  :name, :description, :avatar, :instructions, :model, :plan_model, :small_model,
  :built_in_tools, :mcps, :knowledges, :accessible_paths, :configuration,
  COALESCE(:permission_mode, 'readOnly'),
  COALESCE(:max_steps, 10),
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  COALESCE(:updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  :specializations_json, :metadata_json
)"""

# Replaces what UPDATE does, and the specializations and metadata.
CHANGE = """\
UPDATE agents SET
  name = :name,
  description = :description,
  avatar = :avatar,
  instructions = :instructions,
  model = :model,
  plan_model = :plan_model,
  small_model = :small_model,
  built_in_tools = :built_in_tools,
  mcps = :mcps,
  knowledges = :knowledges,
  accessible_paths = :accessible_paths,
  configuration = :configuration,
  permission_mode = :permission_mode,
  max_steps = :max_steps,
  specializations_json = :specializations_json,
  metadata_json = :metadata_json,
  updated_at = :updated_at
WHERE id = :id"""

# Which agent is the default one? One row with every column, or none.
GET_DEFAULT = "SELECT * FROM agents WHERE is_default = 1"

# Makes no agent the default one any more, but the one with this id.
CLEAR_DEFAULT = "UPDATE agents SET is_default = 0 WHERE is_default = 1 AND id <> :id"

# Makes an agent the default one; CLEAR_DEFAULT comes before.
SET_DEFAULT = "UPDATE agents SET is_default = 1 WHERE id = :id AND is_default = 0"

# How do the sessions of this agent go? One row, or none. Sessions that are deleted softly do not count.
STATS = """\
SELECT
  agents.id AS agent_id,
  count(sessions.id) AS sessions,
  count(CASE WHEN sessions.status = 'running' THEN 1 END) AS running,
  count(CASE WHEN sessions.status = 'completed' THEN 1 END) AS completed,
  count(CASE WHEN sessions.status = 'failed' THEN 1 END) AS failed,
  CAST(total(sessions.message_count) AS INTEGER) AS messages,
  CAST(total(sessions.total_tokens) AS INTEGER) AS tokens,
  avg(sessions.user_satisfaction) AS mean_satisfaction,
  avg(sessions.quality_score) AS mean_quality,
  max(COALESCE(sessions.last_activity_at, sessions.created_at)) AS last_activity_at
FROM agents LEFT JOIN sessions ON sessions.main_agent_id = agents.id AND sessions.deleted_at IS NULL
WHERE agents.id = :id GROUP BY agents.id"""
