"""SQL for erasing sessions from the bytes of a file. Parameters are named as the columns."""

# How many rows of each table belong to this session? One row; each content that an attachment has is counted elsewhere.
COUNTS = """\
SELECT
  (SELECT count(*) FROM sessions WHERE id = :session_id) AS sessions,
  (SELECT count(*) FROM messages WHERE session_id = :session_id) AS messages,
  (SELECT count(*) FROM compaction_events WHERE session_id = :session_id) AS compaction_events,
  (
    SELECT count(*) FROM compaction_events JOIN message_archive ON message_archive.event_id = compaction_events.id
    WHERE compaction_events.session_id = :session_id
  ) AS message_archive,
  (SELECT count(*) FROM agent_switches WHERE session_id = :session_id) AS agent_switches,
  (SELECT count(*) FROM agent_contexts WHERE session_id = :session_id) AS agent_contexts,
  (SELECT count(*) FROM session_logs WHERE session_id = :session_id) AS session_logs,
  (SELECT count(*) FROM session_events WHERE session_id = :session_id) AS session_events,
  (SELECT count(*) FROM session_event_sequences WHERE session_id = :session_id) AS session_event_sequences,
  (SELECT count(*) FROM session_metrics WHERE session_id = :session_id) AS session_metrics,
  (SELECT count(*) FROM module_states WHERE session_id = :session_id) AS module_states,
  (
    SELECT count(*) FROM module_states JOIN state_transitions ON state_transitions.state_id = module_states.id
    WHERE module_states.session_id = :session_id
  ) AS state_transitions,
  (SELECT count(*) FROM attachments WHERE session_id = :session_id) AS attachments"""

# How many contents are there, and how many pieces of them? One row.
CONTENT_COUNTS = """\
SELECT
  (SELECT count(*) FROM attachment_contents) AS attachment_contents,
  (SELECT count(*) FROM attachment_pieces) AS attachment_pieces"""

# Removes what the audit trail has of this session and its rows. Entries of an insert or a delete say whose row it is.
FORGET_HISTORY = """\
WITH entries (table_name, row_key_json, row_json) AS NOT MATERIALIZED (
  SELECT table_name, row_key_json, COALESCE(before_json, after_json) FROM audit_log
), own (table_name, row_key_json, row_json) AS (
  SELECT table_name, row_key_json, row_json FROM entries
  WHERE row_json ->> '$.session_id' = :session_id AND table_name IN (
    'messages', 'compaction_events', 'agent_switches', 'agent_contexts', 'session_logs', 'session_events',
    'session_event_sequences', 'session_metrics', 'module_states', 'attachments', 'session_tags'
  )
)
DELETE FROM audit_log WHERE (table_name, row_key_json) IN (
  SELECT 'sessions', json_array(:session_id)
  UNION ALL
  SELECT table_name, row_key_json FROM own
  UNION ALL
  SELECT table_name, row_key_json FROM entries
  WHERE table_name = 'state_transitions'
    AND row_json ->> '$.state_id' IN (SELECT row_key_json ->> '$[0]' FROM own WHERE table_name = 'module_states')
  UNION ALL
  SELECT table_name, row_key_json FROM entries
  WHERE table_name = 'message_archive'
    AND row_json ->> '$.event_id' IN (SELECT row_key_json ->> '$[0]' FROM own WHERE table_name = 'compaction_events')
  UNION ALL
  SELECT table_name, row_key_json FROM entries
  WHERE table_name IN ('attachment_contents', 'attachment_pieces')
    AND row_json ->> '$.sha256' IN (SELECT row_json ->> '$.sha256' FROM own WHERE table_name = 'attachments')
    AND NOT EXISTS (SELECT 1 FROM attachment_contents WHERE sha256 = row_json ->> '$.sha256')
)"""

# Which sessions are forks of this one, or forks of its forks? Their ids.
FORKS = """\
WITH RECURSIVE forks (id) AS (
  SELECT id FROM sessions WHERE forked_from_id = :session_id
  UNION
  SELECT sessions.id FROM forks JOIN sessions ON sessions.forked_from_id = forks.id
)
SELECT id FROM forks WHERE id <> :session_id ORDER BY id"""

# Which full-text indexes are there, the host's too? Their names: FTS5 keeps its terms in _idx, FTS3 and FTS4 in _segdir.
SEARCH_INDEXES = """\
SELECT name FROM sqlite_schema AS virtual
WHERE type = 'table' AND rootpage = 0 AND EXISTS (
  SELECT 1 FROM sqlite_schema AS kept WHERE kept.name IN (virtual.name || '_idx', virtual.name || '_segdir')
)"""

# Has freed space of this connection's writes zeros over it from now on? One row: 1.
OVERWRITE_FREED = "PRAGMA secure_delete = ON"

# Rewrites the whole database, without what is left in freed space. Not for inside a transaction.
VACUUM = "VACUUM"

# Has this connection keep its -journal file between transactions. One row: the mode.
KEEP_JOURNAL = "PRAGMA journal_mode = PERSIST"

# Removes a -journal file that is kept between transactions, after KEEP_JOURNAL. One row: the mode.
REMOVE_JOURNAL = "PRAGMA journal_mode = DELETE"

# Moves the -wal file into the database and empties it. One row: busy is 1 where a reader was in the way.
CHECKPOINT = "PRAGMA wal_checkpoint(TRUNCATE)"
