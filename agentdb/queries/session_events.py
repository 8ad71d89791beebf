"""SQL for the events of sessions. Parameters are named as the columns; paging is :limit and a key.

Where a statement takes :include_deleted, 1 makes it find the events of sessions that are deleted softly too.
"""

# Adds an event with the next sequence of its session; NULL for created_at means now. One row: id and sequence.
APPEND = """\
INSERT INTO session_events (session_id, sequence, event_type, event_data_json, duration_ms, created_at)
SELECT
  :session_id,
  1 + max(
    COALESCE((SELECT max(sequence) FROM session_events WHERE session_id = :session_id), 0),
    COALESCE((SELECT last_sequence FROM session_event_sequences WHERE session_id = :session_id), 0)
  ),
  :event_type, :event_data_json, :duration_ms,
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
RETURNING id, sequence"""

# Which event has this id? One row with every column, or none.
GET_BY_ID = """\
SELECT * FROM session_events WHERE id = :id AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE sessions.id = session_events.session_id AND deleted_at IS NULL)
)"""

# Which events of this session come after this one? At most :limit behind :cursor_sequence, in their order.
PAGE = """\
SELECT * FROM session_events WHERE session_id = :session_id AND sequence > :cursor_sequence AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE sessions.id = :session_id AND deleted_at IS NULL)
)
ORDER BY sequence LIMIT :limit"""

# Which events of this session come before this one? At most :limit, the latest first.
PAGE_BACK = """\
SELECT * FROM session_events WHERE session_id = :session_id AND sequence < :cursor_sequence AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE sessions.id = :session_id AND deleted_at IS NULL)
)
ORDER BY sequence DESC LIMIT :limit"""

# Which events of this type come after this one? As PAGE.
PAGE_BY_TYPE = """\
SELECT * FROM session_events WHERE session_id = :session_id AND event_type = :event_type AND sequence > :cursor_sequence
AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE sessions.id = :session_id AND deleted_at IS NULL)
)
ORDER BY sequence LIMIT :limit"""

# Which events of this type come before this one? As PAGE_BACK.
PAGE_BACK_BY_TYPE = """\
SELECT * FROM session_events WHERE session_id = :session_id AND event_type = :event_type AND sequence < :cursor_sequence
AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE sessions.id = :session_id AND deleted_at IS NULL)
)
ORDER BY sequence DESC LIMIT :limit"""

# How many events does this session have? One row: total.
COUNT_BY_SESSION_ID = "SELECT count(*) AS total FROM session_events WHERE session_id = :session_id"

# Removes one event; its sequence is not given again.
DELETE_BY_ID = "DELETE FROM session_events WHERE id = :id"

# Removes all events of a session up to this sequence; their sequences are not given again.
DELETE_UP_TO = "DELETE FROM session_events WHERE session_id = :session_id AND sequence <= :sequence"
