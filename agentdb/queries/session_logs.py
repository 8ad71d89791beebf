"""SQL for the logs of sessions. Parameters are named as the columns; paging is :limit and :offset.

A live session is one that is not deleted softly. Where a statement takes :include_deleted, 1 makes it find the others too.
"""

# Adds a log, whose id is the next number; NULL for created_at or updated_at means now.
INSERT = """\
INSERT INTO session_logs (session_id, parent_id, role, type, content, metadata, created_at, updated_at)
VALUES (
  :session_id, :parent_id, :role, :type, :content, :metadata,
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  COALESCE(:updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
)"""

# Which log has this id? One row with every column, or none.
GET_BY_ID = "SELECT * FROM session_logs WHERE id = :id"

# What happened in this session? All logs, in transcript order.
GET_BY_SESSION_ID = "SELECT * FROM session_logs WHERE session_id = :session_id ORDER BY created_at, id"

# What is on this page of the transcript? At most :limit logs after the first :offset, in transcript order.
GET_BY_SESSION_ID_WITH_PAGINATION = """\
SELECT * FROM session_logs WHERE session_id = :session_id ORDER BY created_at, id LIMIT :limit OFFSET :offset"""

# What happened last in this session? At most :limit logs, the latest first.
GET_LATEST_BY_SESSION_ID = """\
SELECT * FROM session_logs WHERE session_id = :session_id ORDER BY created_at DESC, id DESC LIMIT :limit"""

# Replaces content and metadata of a log; NULL for metadata clears it, NULL for updated_at means now.
UPDATE = """\
UPDATE session_logs SET
  content = :content,
  metadata = :metadata,
  updated_at = COALESCE(:updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
WHERE id = :id"""

# Removes one log; refused while it is the parent of another.
DELETE_BY_ID = "DELETE FROM session_logs WHERE id = :id"

# Removes all logs of a session.
DELETE_BY_SESSION_ID = "DELETE FROM session_logs WHERE session_id = :session_id"

# How many logs does this session have? One row: total.
COUNT_BY_SESSION_ID = "SELECT count(*) AS total FROM session_logs WHERE session_id = :session_id"

# Which logs answer this one? Its children, in transcript order.
GET_CHILDREN = """\
SELECT child.* FROM session_logs AS parent
JOIN session_logs AS child ON child.session_id = parent.session_id AND child.parent_id = parent.id
WHERE parent.id = :id ORDER BY child.created_at, child.id"""

# What hangs below this log? It and its descendants with their depth (its own is 0), in transcript order.
GET_SUBTREE = """\
WITH RECURSIVE tree (id, session_id, depth) AS (
  SELECT id, session_id, 0 FROM session_logs WHERE id = :id
  UNION ALL
  SELECT child.id, child.session_id, tree.depth + 1 FROM tree
  JOIN session_logs AS child ON child.session_id = tree.session_id AND child.parent_id = tree.id
  WHERE child.id <> :id -- a log has one parent, so where raw SQL has closed a circle, it goes through this one
)
SELECT session_logs.*, tree.depth FROM tree JOIN session_logs ON session_logs.id = tree.id
ORDER BY session_logs.created_at, session_logs.id"""

# Removes a log and all that hangs below it, in one statement, whatever its depth.
DELETE_SUBTREE = """\
WITH RECURSIVE tree (id, session_id) AS (
  SELECT id, session_id FROM session_logs WHERE id = :id
  UNION
  SELECT child.id, child.session_id FROM tree
  JOIN session_logs AS child ON child.session_id = tree.session_id AND child.parent_id = tree.id
)
DELETE FROM session_logs WHERE id IN (SELECT id FROM tree)"""

# Is there a log with this id, and of which session? One row with id and session_id, or none.
CHECK_EXISTS = "SELECT id, session_id FROM session_logs WHERE id = :id"

# Which log of a live session has this id? One row with every column, or none.
GET_VISIBLE_BY_ID = """\
SELECT * FROM session_logs WHERE id = :id AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE sessions.id = session_logs.session_id AND deleted_at IS NULL)
)"""

# What comes after this log in the transcript of a live session? At most :limit behind (:cursor_time, :cursor_id).
PAGE = """\
SELECT * FROM session_logs
WHERE session_id = :session_id AND (created_at, id) > (:cursor_time, :cursor_id) AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY created_at, id LIMIT :limit"""

# What came before it in the transcript of a live session? At most :limit before (:cursor_time, :cursor_id), latest first.
PAGE_BACK = """\
SELECT * FROM session_logs
WHERE session_id = :session_id AND (created_at, id) < (:cursor_time, :cursor_id) AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY created_at DESC, id DESC LIMIT :limit"""

# How many logs does this live session have? One row: total.
COUNT_VISIBLE_BY_SESSION_ID = """\
SELECT count(*) AS total FROM session_logs WHERE session_id = :session_id AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)"""
