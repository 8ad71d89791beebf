"""SQL for the states of modules. Parameters are named as the columns; NULL for :session_id is the chain outside any session.

A state whose expires_at is :now or earlier has expired, unless it is a snapshot.
"""

# Adds a state at the end of its chain. One row: id, version and previous_state_id.
APPEND = """\
INSERT INTO module_states (
  id, module_id, session_id, version, state_hash, state_type, previous_state_id, expires_at, created_at, state_json
)
VALUES (
  :id, :module_id, :session_id,
  1 + COALESCE((
    SELECT max(version) FROM module_states
    WHERE module_id = :module_id AND COALESCE(session_id, '') = COALESCE(:session_id, '')
  ), 0),
  :state_hash, :state_type,
  (
    SELECT id FROM module_states
    WHERE module_id = :module_id AND COALESCE(session_id, '') = COALESCE(:session_id, '')
    ORDER BY version DESC LIMIT 1
  ),
  :expires_at, :created_at, :state_json
)
RETURNING id, version, previous_state_id"""

# Which state has this id? One row with every column, or none.
GET_BY_ID = "SELECT * FROM module_states WHERE id = :id"

# Which state is a module in? The last of its chain that has not expired: one row, or none.
GET_CURRENT = """\
SELECT * FROM module_states
WHERE module_id = :module_id AND COALESCE(session_id, '') = COALESCE(:session_id, '')
  AND (expires_at IS NULL OR expires_at > :now OR is_snapshot = 1)
ORDER BY version DESC LIMIT 1"""

# Which state was a module in at this time? The last of its chain that was there then: one row, or none.
GET_AT = """\
SELECT * FROM module_states
WHERE module_id = :module_id AND COALESCE(session_id, '') = COALESCE(:session_id, '') AND created_at <= :created_at
  AND (expires_at IS NULL OR expires_at > :created_at OR is_snapshot = 1)
ORDER BY version DESC LIMIT 1"""

# Which states came before this one? At most :limit of the chain, the latest first.
PAGE = """\
SELECT * FROM module_states
WHERE module_id = :module_id AND COALESCE(session_id, '') = COALESCE(:session_id, '') AND version < :cursor_version
  AND (:snapshots_only = 0 OR is_snapshot = 1)
ORDER BY version DESC LIMIT :limit"""

# Which modules have states in this session, or outside any? One row for each: module_id and version of the last.
MODULES_OF_SESSION = """\
SELECT module_id, max(version) AS version FROM module_states WHERE session_id = :session_id
GROUP BY module_id ORDER BY module_id"""

# Makes a state a snapshot.
MARK_SNAPSHOT = "UPDATE module_states SET is_snapshot = 1, snapshot_reason = :snapshot_reason WHERE id = :id"

# Removes the states that have expired. Transitions go with them.
EXPIRE = "DELETE FROM module_states WHERE expires_at <= :now AND is_snapshot = 0"

# Removes the states of a module in a session, or outside any.
DELETE_CHAIN = """\
DELETE FROM module_states WHERE module_id = :module_id AND COALESCE(session_id, '') = COALESCE(:session_id, '')"""

# Adds a transition to a state; NULL for created_at means now.
INSERT_TRANSITION = """\
INSERT INTO state_transitions (
  state_id, trigger_type, trigger_id, transition_data_json, previous_values_json, new_values_json, created_at
) VALUES (
  :state_id, :trigger_type, :trigger_id, :transition_data_json, :previous_values_json, :new_values_json,
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
)"""

# What led to this state? All transitions, in order.
TRANSITIONS_OF_STATE = "SELECT * FROM state_transitions WHERE state_id = :state_id ORDER BY id"

# What led from state to state? At most :limit transitions of a chain before this one, the latest first.
PAGE_TRANSITIONS = """\
SELECT state_transitions.* FROM module_states
JOIN state_transitions ON state_transitions.state_id = module_states.id
WHERE module_id = :module_id AND COALESCE(session_id, '') = COALESCE(:session_id, '')
  AND state_transitions.id < :cursor_id
ORDER BY state_transitions.id DESC LIMIT :limit"""
