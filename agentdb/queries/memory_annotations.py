"""SQL for annotations of memories. Parameters are named as the columns; NULL for a value that is asked for means any."""

# Adds an annotation, not applied; NULL for created_at means now.
INSERT = """\
INSERT INTO memory_annotations (id, memory_id, kind, created_by, created_at, content_json)
VALUES (
  :id, :memory_id, :kind, :created_by, COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), :content_json
)"""

# Which annotation has this id? One row with every column, or none.
GET_BY_ID = "SELECT * FROM memory_annotations WHERE id = :id"

# Which annotations are there? At most :limit before (:cursor_time, :cursor_id), the newest first.
PAGE = """\
SELECT * FROM memory_annotations
WHERE (created_at, id) < (:cursor_time, :cursor_id)
  AND (:kind IS NULL OR kind = :kind) AND (:is_applied IS NULL OR is_applied = :is_applied)
ORDER BY created_at DESC, id DESC LIMIT :limit"""

# Which annotations of this memory are there? As PAGE.
PAGE_BY_MEMORY = """\
SELECT * FROM memory_annotations
WHERE memory_id = :memory_id AND (created_at, id) < (:cursor_time, :cursor_id)
  AND (:kind IS NULL OR kind = :kind) AND (:is_applied IS NULL OR is_applied = :is_applied)
ORDER BY created_at DESC, id DESC LIMIT :limit"""

# Marks an annotation as applied, unless it is already.
MARK_APPLIED = (
    "UPDATE memory_annotations SET is_applied = 1, applied_at = :applied_at WHERE id = :id AND is_applied = 0"
)

# Removes an annotation. What it has changed stays.
DELETE = "DELETE FROM memory_annotations WHERE id = :id"
