"""SQL for links between memories. Parameters are named as the columns; NULL for :kind that is asked for means any."""

# Adds a link; NULL for created_at means now. Its id is the next number.
INSERT = """\
INSERT INTO memory_links (memory_id, related_id, kind, created_at)
VALUES (:memory_id, :related_id, :kind, COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')))"""

# Which link has this id? One row with every column, or none.
GET_BY_ID = "SELECT * FROM memory_links WHERE id = :id"

# Which links begin or end at this memory? At most :limit before this id, the latest first.
PAGE = """\
SELECT * FROM memory_links
WHERE (memory_id = :memory_id OR related_id = :memory_id) AND id < :cursor_id AND (:kind IS NULL OR kind = :kind)
ORDER BY id DESC LIMIT :limit"""

# Which memories are at the other end of the links of this one? One row with every column for each, by the latest link.
RELATED = """\
SELECT memories.* FROM (
  SELECT CASE WHEN memory_id = :memory_id THEN related_id ELSE memory_id END AS other_id, max(id) AS latest
  FROM memory_links
  WHERE (memory_id = :memory_id OR related_id = :memory_id) AND (:kind IS NULL OR kind = :kind)
  GROUP BY other_id
) AS link
CROSS JOIN memories ON memories.id = link.other_id
ORDER BY link.latest DESC"""

# Removes a link.
DELETE = "DELETE FROM memory_links WHERE id = :id"
