"""SQL for forks of sessions. Parameters are named as the columns, except those of a copy.

A fork has what its origin has up to :at_seq. :origin_id is the session that is copied, :session_id the copy. The ids of copied
messages follow :message_offset, in the order of those that they are copied from, and the ids of compactions :event_offset. So
each table is copied by one statement, and every reference among the copies is known.
"""

# Behind which ids do those of copies follow? One row: message_offset and event_offset, the last ids that were ever given.
OFFSETS = """\
SELECT
  COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0) AS message_offset,
  COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'compaction_events'), 0) AS event_offset"""

# Adds the fork of a session: its configuration, and nothing of what happened in it.
COPY_SESSION = """\
INSERT INTO sessions (
  id, name, main_agent_id, sub_agent_ids, user_goal, model, plan_model, small_model, built_in_tools, mcps, knowledges,
  configuration, accessible_paths, permission_mode, max_steps, created_at, updated_at, user_id, parent_session_id,
  forked_from_id, forked_at_seq, source, tags_json, metadata_json
)
SELECT
  :session_id, COALESCE(:name, name), main_agent_id, sub_agent_ids, user_goal, model, plan_model, small_model,
  built_in_tools, mcps, knowledges, configuration, accessible_paths, permission_mode, max_steps, :created_at, :created_at,
  user_id, parent_session_id, id, :at_seq, source, tags_json, metadata_json
FROM sessions WHERE id = :origin_id"""

# Copies the messages up to :at_seq that are not removed, with the marks of the compactions that cover nothing beyond it.
COPY_MESSAGES = """\
WITH
  event_copy (old_id, new_id) AS (
    SELECT id, :event_offset + row_number() OVER (ORDER BY id) FROM compaction_events
    WHERE session_id = :origin_id AND restored_at IS NULL
  )
INSERT INTO messages (
  id, session_id, seq, role, status, token_count, estimated_tokens, is_preserved, is_summary, compaction_event_id, created_at,
  updated_at, external_id, name, tool_call_id, links_json, content, tool_calls_json, usage_json, metadata_json, payload_json,
  search_words
)
SELECT
  :message_offset + row_number() OVER (ORDER BY id), :session_id, seq, role, status, token_count, estimated_tokens,
  is_preserved, is_summary,
  (
    SELECT new_id FROM event_copy WHERE old_id = message.compaction_event_id
      AND NOT EXISTS (SELECT 1 FROM messages AS taken WHERE taken.compaction_event_id = old_id AND taken.seq > :at_seq)
  ),
  created_at, updated_at, external_id, name, tool_call_id, links_json, content, tool_calls_json, usage_json, metadata_json,
  payload_json, search_words
FROM messages AS message
WHERE session_id = :origin_id AND seq <= :at_seq AND removed_at IS NULL AND (
  is_summary = 0 OR NOT EXISTS (
    SELECT 1 FROM compaction_events AS event WHERE event.summary_message_id = message.id
      AND EXISTS (
        SELECT 1 FROM messages AS taken WHERE taken.compaction_event_id = event.id AND taken.seq > :at_seq
      )
  )
)"""

# Copies the compactions and prunings in force that cover a message of the copy, and nothing that was compacted beyond it.
COPY_EVENTS = """\
WITH
  copied (old_id, new_id) AS (
    SELECT id, :message_offset + row_number() OVER (ORDER BY id) FROM messages AS message
    WHERE session_id = :origin_id AND seq <= :at_seq AND removed_at IS NULL AND (
      is_summary = 0 OR NOT EXISTS (
        SELECT 1 FROM compaction_events AS event WHERE event.summary_message_id = message.id
          AND EXISTS (
            SELECT 1 FROM messages AS taken WHERE taken.compaction_event_id = event.id AND taken.seq > :at_seq
          )
      )
    )
  ),
  event_copy (old_id, new_id) AS (
    SELECT id, :event_offset + row_number() OVER (ORDER BY id) FROM compaction_events
    WHERE session_id = :origin_id AND restored_at IS NULL
  )
INSERT INTO compaction_events (
  id, session_id, strategy, original_tokens, compacted_tokens, messages_removed, is_estimated, summary_message_id,
  summary_content, preserved_message_ids_json, model_used, duration_ms, created_at
)
SELECT
  event_copy.new_id, :session_id, strategy, original_tokens, compacted_tokens, messages_removed, is_estimated,
  (SELECT new_id FROM copied WHERE copied.old_id = summary_message_id),
  summary_content,
  (
    SELECT json_group_array(copied.new_id) FROM json_each(preserved_message_ids_json)
    JOIN copied ON copied.old_id = json_each.value
  ),
  model_used, duration_ms, created_at
FROM event_copy JOIN compaction_events AS event ON event.id = event_copy.old_id
WHERE EXISTS (SELECT 1 FROM messages AS taken WHERE taken.compaction_event_id = event_copy.new_id)
  OR EXISTS (
    SELECT 1 FROM message_archive AS kept JOIN copied ON copied.old_id = kept.message_id WHERE kept.event_id = event.id
  )
ORDER BY event_copy.new_id"""

# Copies what the copied prunings replaced in copied messages.
COPY_ARCHIVE = """\
WITH
  copied (old_id, new_id) AS (
    SELECT id, :message_offset + row_number() OVER (ORDER BY id) FROM messages AS message
    WHERE session_id = :origin_id AND seq <= :at_seq AND removed_at IS NULL AND (
      is_summary = 0 OR NOT EXISTS (
        SELECT 1 FROM compaction_events AS event WHERE event.summary_message_id = message.id
          AND EXISTS (
            SELECT 1 FROM messages AS taken WHERE taken.compaction_event_id = event.id AND taken.seq > :at_seq
          )
      )
    )
  ),
  event_copy (old_id, new_id) AS (
    SELECT id, :event_offset + row_number() OVER (ORDER BY id) FROM compaction_events
    WHERE session_id = :origin_id AND restored_at IS NULL
  )
INSERT INTO message_archive (event_id, message_id, token_count, estimated_tokens, content, payload_json)
SELECT event_copy.new_id, copied.new_id, kept.token_count, kept.estimated_tokens, kept.content, kept.payload_json
FROM event_copy
JOIN compaction_events AS event ON event.id = event_copy.new_id
JOIN message_archive AS kept ON kept.event_id = event_copy.old_id
JOIN copied ON copied.old_id = kept.message_id"""

# Copies the switches of agents, in their order; the context comes behind, or they would be counted twice.
COPY_SWITCHES = """\
INSERT INTO agent_switches (session_id, from_agent, to_agent, reason, metadata_json, switched_at)
SELECT :session_id, from_agent, to_agent, reason, metadata_json, switched_at
FROM agent_switches WHERE session_id = :origin_id ORDER BY id"""

# Copies the agent context.
COPY_CONTEXT = """\
INSERT INTO agent_contexts (session_id, current_agent, switch_count, metadata_json, last_switch_at, created_at)
SELECT :session_id, current_agent, switch_count, metadata_json, last_switch_at, created_at
FROM agent_contexts WHERE session_id = :origin_id"""

# Which sessions are forks of one another? All of the tree that this one is in: one row for each, the oldest first.
TREE = """\
WITH RECURSIVE
  above (id, forked_from_id) AS (
    SELECT id, forked_from_id FROM sessions WHERE id = :id
    UNION
    SELECT sessions.id, sessions.forked_from_id FROM above JOIN sessions ON sessions.id = above.forked_from_id
  ),
  tree (id) AS (
    SELECT id FROM above
    UNION
    SELECT sessions.id FROM tree JOIN sessions ON sessions.forked_from_id = tree.id
  )
SELECT
  sessions.id, name, forked_from_id, forked_at_seq, created_at, last_activity_at, deleted_at, message_count, total_tokens
FROM tree JOIN sessions ON sessions.id = tree.id
ORDER BY created_at, sessions.id"""
