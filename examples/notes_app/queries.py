"""SQL for notes. Parameters are named as the columns."""

# Adds a note.
INSERT = """\
INSERT INTO notes (id, session_id, text, tags_json, created_at, updated_at)
VALUES (:id, :session_id, :text, :tags_json, :created_at, :updated_at)"""

# Replaces the text and the tags of a note.
UPDATE = "UPDATE notes SET text = :text, tags_json = :tags_json, updated_at = :updated_at WHERE id = :id"

# Which note has this id? One row, or none.
GET_BY_ID = "SELECT * FROM notes WHERE id = :id"

# Which notes of this session come after this one? At most :limit behind (:cursor_time, :cursor_id), newest first.
PAGE = """\
SELECT * FROM notes WHERE session_id = :session_id AND (created_at, id) < (:cursor_time, :cursor_id)
ORDER BY created_at DESC, id DESC LIMIT :limit"""

# Removes a note.
DELETE = "DELETE FROM notes WHERE id = :id"
