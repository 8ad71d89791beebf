"""SQL for the audit trail. Parameters are named as the columns.

The triggers that write it are made for each table; see agentdb.engine.audit.
"""

# Says on whose behalf the rest of the transaction writes.
SET_ACTOR = "INSERT OR REPLACE INTO audit_actor (id, actor) VALUES (1, :actor)"

# Says that nobody is named any more.
CLEAR_ACTOR = "DELETE FROM audit_actor WHERE id = 1"

# Which tables are audited, and since when are their rows known? All, by name.
TABLES = "SELECT table_name, known_since FROM audit_tables ORDER BY table_name"

# Notes that a table is audited from now on.
ADD_TABLE = """\
INSERT OR REPLACE INTO audit_tables (table_name, known_since)
VALUES (:table_name, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))"""

# Notes that a table is audited no longer.
REMOVE_TABLE = "DELETE FROM audit_tables WHERE table_name = :table_name"

# Forgets the rows of a table that were about to be replaced.
CLEAR_REPLACED = "DELETE FROM audit_replaced WHERE table_name IN (:table_name, :table_name || char(0))"

# Forgets the rows of all tables that were about to be replaced.
CLEAR_ALL_REPLACED = "DELETE FROM audit_replaced"

# What was done to a row before this entry? At most :limit before the id :cursor_id, newest first.
HISTORY = """\
SELECT * FROM audit_log
WHERE table_name = :table_name AND row_key_json = :row_key_json AND id < :cursor_id
ORDER BY id DESC LIMIT :limit"""

# What was done since a time? At most :limit behind (:cursor_time, :cursor_id), oldest first.
SINCE = """\
SELECT * FROM audit_log
WHERE changed_at >= :since AND (changed_at, id) > (:cursor_time, :cursor_id)
  AND (:table_name IS NULL OR table_name = :table_name)
ORDER BY changed_at, id LIMIT :limit"""

# What was done to a row behind a time? All, newest first.
UNDO_ROW = """\
SELECT * FROM audit_log
WHERE table_name = :table_name AND row_key_json = :row_key_json AND id > COALESCE((
  SELECT id FROM audit_log WHERE changed_at <= :changed_at ORDER BY changed_at DESC, id DESC LIMIT 1
), 0)
ORDER BY id DESC"""

# What was done to the rows of a table behind a time? All, newest first.
UNDO_TABLE = """\
SELECT * FROM audit_log
WHERE id > COALESCE((
  SELECT id FROM audit_log WHERE changed_at <= :changed_at ORDER BY changed_at DESC, id DESC LIMIT 1
), 0) AND +table_name = :table_name
ORDER BY id DESC"""

# Removes what was done before a time.
PRUNE = "DELETE FROM audit_log WHERE changed_at < :before"

# Notes that rows before a time are known no longer.
KNOWN_SINCE = "UPDATE audit_tables SET known_since = max(known_since, :before)"
