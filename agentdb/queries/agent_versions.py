"""SQL for the versions of agents. Parameters are named as the columns; paging is :limit and a key."""

# Adds a version that is not active.
INSERT = """\
INSERT INTO agent_versions (
  id, agent_id, version_number, sort_key, changes_json, snapshot_json, created_by, performance_json, created_at, updated_at
) VALUES (
  :id, :agent_id, :version_number, :sort_key, :changes_json, :snapshot_json, :created_by, :performance_json, :created_at,
  :updated_at
)"""

# Which version has this id? One row with every column, or none.
GET_BY_ID = "SELECT * FROM agent_versions WHERE id = :id"

# Which version of this agent has this number? One row, or none.
GET_BY_NUMBER = "SELECT * FROM agent_versions WHERE agent_id = :agent_id AND version_number = :version_number"

# Which version does this agent run on? One row, or none.
GET_ACTIVE = "SELECT * FROM agent_versions WHERE agent_id = :agent_id AND is_active = 1"

# Which versions of this agent are lower than this one? At most :limit, the highest first.
PAGE = """\
SELECT * FROM agent_versions WHERE agent_id = :agent_id AND (sort_key, id) < (:cursor_sort_key, :cursor_id)
ORDER BY sort_key DESC, id DESC LIMIT :limit"""

# How many versions does this agent have? One row: total.
COUNT_BY_AGENT_ID = "SELECT count(*) AS total FROM agent_versions WHERE agent_id = :agent_id"

# Replaces what may change of a version.
UPDATE = """\
UPDATE agent_versions SET
  changes_json = :changes_json, created_by = :created_by, performance_json = :performance_json, updated_at = :updated_at
WHERE id = :id"""

# Makes the active version of an agent one that is not.
DEACTIVATE = """\
UPDATE agent_versions SET is_active = 0, deactivated_at = :deactivated_at
WHERE agent_id = :agent_id AND is_active = 1 AND id <> :id"""

# Makes a version the active one; no other one of its agent may be active.
ACTIVATE = """\
UPDATE agent_versions SET is_active = 1, activated_at = :activated_at, deactivated_at = NULL WHERE id = :id"""

# Removes a version.
DELETE = "DELETE FROM agent_versions WHERE id = :id"
