"""SQL for accesses to memories. Parameters are named as the columns. The counters of the memory follow by triggers."""

# Adds an access; NULL for accessed_at means now. Its id is the next number.
RECORD = """\
INSERT INTO memory_accesses (memory_id, access_type, accessed_by, accessor_type, context, usefulness, accessed_at)
VALUES (
  :memory_id, :access_type, :accessed_by, :accessor_type, :context, :usefulness,
  COALESCE(:accessed_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
)"""

# Which access has this id? One row with every column, or none.
GET_BY_ID = "SELECT * FROM memory_accesses WHERE id = :id"

# Which accesses did a memory have? At most :limit before (:cursor_time, :cursor_id), the latest first.
PAGE = """\
SELECT * FROM memory_accesses
WHERE memory_id = :memory_id AND (accessed_at, id) < (:cursor_time, :cursor_id)
ORDER BY accessed_at DESC, id DESC LIMIT :limit"""

# Removes an access.
DELETE = "DELETE FROM memory_accesses WHERE id = :id"
