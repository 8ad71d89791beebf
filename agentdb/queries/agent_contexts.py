"""SQL for agent contexts and their switches. Parameters are named as the columns.

Where :include_deleted is 0, a session that is deleted softly is as if it were not there.
"""

# Adds the context of a session; NULL for created_at means now.
INSERT = """\
INSERT INTO agent_contexts (session_id, current_agent, metadata_json, created_at)
VALUES (:session_id, :current_agent, :metadata_json, COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')))"""

# Adds a switch, which a trigger brings into the context; NULL for from_agent: the first one, for switched_at: now.
INSERT_SWITCH = """\
INSERT INTO agent_switches (session_id, from_agent, to_agent, reason, metadata_json, switched_at)
VALUES (
  :session_id, :from_agent, :to_agent, :reason, :metadata_json,
  COALESCE(:switched_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
)"""

# Replaces all of a context but its session.
UPDATE = """\
UPDATE agent_contexts SET
  current_agent = :current_agent,
  switch_count = :switch_count,
  metadata_json = :metadata_json,
  last_switch_at = :last_switch_at,
  created_at = :created_at
WHERE session_id = :session_id"""

# Which context does this session have? One row, or none.
GET = """\
SELECT agent_contexts.* FROM agent_contexts
JOIN sessions ON sessions.id = agent_contexts.session_id
WHERE agent_contexts.session_id = :session_id AND (:include_deleted OR sessions.deleted_at IS NULL)"""

# Does this session have a context? One row with the session's id, or none.
CHECK_EXISTS = """\
SELECT agent_contexts.session_id FROM agent_contexts
JOIN sessions ON sessions.id = agent_contexts.session_id
WHERE agent_contexts.session_id = :session_id AND (:include_deleted OR sessions.deleted_at IS NULL)"""

# Which contexts come after this one? At most :limit behind (:cursor_time, :cursor_id), newest first.
PAGE = """\
SELECT agent_contexts.*, agent_contexts.session_id AS id FROM agent_contexts
JOIN sessions ON sessions.id = agent_contexts.session_id
WHERE (agent_contexts.created_at, agent_contexts.session_id) < (:cursor_time, :cursor_id)
  AND (:include_deleted OR sessions.deleted_at IS NULL)
ORDER BY agent_contexts.created_at DESC, agent_contexts.session_id DESC LIMIT :limit"""

# Which live sessions have a context? Their ids, the newest context first.
SESSION_IDS = """\
SELECT session_id FROM agent_contexts
WHERE EXISTS (SELECT 1 FROM sessions WHERE id = session_id AND deleted_at IS NULL)
ORDER BY created_at DESC, session_id DESC"""

# Which switches came before this one? At most :limit before the id :cursor_id, newest first.
SWITCHES = """\
SELECT agent_switches.* FROM agent_switches
JOIN sessions ON sessions.id = agent_switches.session_id
WHERE agent_switches.session_id = :session_id AND agent_switches.id < :cursor_id
  AND (:include_deleted OR sessions.deleted_at IS NULL)
ORDER BY agent_switches.id DESC LIMIT :limit"""

# Which switches did this session see? All, in their order.
ALL_SWITCHES = "SELECT * FROM agent_switches WHERE session_id = :session_id ORDER BY id"

# Replaces what is noted of a switch.
ANNOTATE_SWITCH = "UPDATE agent_switches SET metadata_json = :metadata_json WHERE id = :id"

# Removes the switches whose ids the JSON array :ids has.
DELETE_THESE_SWITCHES = "DELETE FROM agent_switches WHERE id IN (SELECT value FROM json_each(:ids))"

# Removes the switches of a live session.
DELETE_SWITCHES = """\
DELETE FROM agent_switches WHERE session_id = :session_id
  AND EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)"""

# Removes the context of a live session; DELETE_SWITCHES comes before.
DELETE = """\
DELETE FROM agent_contexts WHERE session_id = :session_id
  AND EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)"""
