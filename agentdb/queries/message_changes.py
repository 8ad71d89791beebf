"""SQL for who follows the messages: what was added and changed since. Parameters are named as the columns."""

# What is the highest id that a message has? One row: last_id, 0 where there is none.
LAST_ID = "SELECT COALESCE(max(id), 0) AS last_id FROM messages"

# Which messages came after this one? At most :limit, in the order in which they were written; of this session, or of all.
ADDED = """\
SELECT * FROM messages WHERE id > :after_id AND (:session_id IS NULL OR session_id = :session_id)
ORDER BY id LIMIT :limit"""

# Which messages of this session, up to this id, were changed at this time or later? In the order of their ids.
CHANGED = """\
SELECT * FROM messages WHERE session_id = :session_id AND updated_at >= :since AND id <= :upto_id ORDER BY id"""
