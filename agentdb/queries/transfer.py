"""SQL for whole sessions: what belongs to one, to be exported, imported and erased. Parameters are named as the columns.

The statements that read give what a file of an export has: every column but those that triggers keep. Each gives at most
:limit rows behind the key that the :cursor_… parameters name, in the order of that key.
"""

# Which agents does this session name? The main one, and those of sub_agent_ids that are there.
AGENTS = """\
SELECT
  id, type, name, description, avatar, instructions, model, plan_model, small_model, built_in_tools, mcps,
  knowledges, accessible_paths, configuration, permission_mode, max_steps, created_at, updated_at,
  specializations_json, metadata_json
FROM agents WHERE id > :cursor_id AND id IN (
  SELECT main_agent_id FROM sessions WHERE id = :session_id
  UNION
  SELECT value FROM sessions, json_each(sub_agent_ids) WHERE sessions.id = :session_id AND json_each.type = 'text'
)
ORDER BY id LIMIT :limit"""

# Which agent has this id? One row as above, or none.
AGENT = """\
SELECT
  id, type, name, description, avatar, instructions, model, plan_model, small_model, built_in_tools, mcps,
  knowledges, accessible_paths, configuration, permission_mode, max_steps, created_at, updated_at,
  specializations_json, metadata_json
FROM agents WHERE id = :id"""

# Which session has this id? One row, or none. The counters are left out, but for last_seq.
SESSION = """\
SELECT
  id, name, main_agent_id, sub_agent_ids, user_goal, status, external_session_id, model, plan_model, small_model,
  built_in_tools, mcps, knowledges, configuration, accessible_paths, permission_mode, max_steps, created_at,
  updated_at, user_id, parent_session_id, forked_from_id, forked_at_seq, source, tags_json, quality_score,
  user_satisfaction, learning_outcomes_json, started_at, ended_at, metadata_json, pinned_at, archived_at,
  deleted_at, last_seq, last_activity_at
FROM sessions WHERE id = :session_id"""

# Which are the lowest ids of what belongs to this session? One row: NULL where there is nothing.
LOWEST_IDS = """\
SELECT
  (SELECT min(id) FROM messages WHERE session_id = :session_id) AS messages,
  (SELECT min(id) FROM compaction_events WHERE session_id = :session_id) AS compaction_events,
  (SELECT min(id) FROM agent_switches WHERE session_id = :session_id) AS agent_switches,
  (SELECT min(id) FROM session_logs WHERE session_id = :session_id) AS session_logs,
  (SELECT min(id) FROM attachments WHERE session_id = :session_id) AS attachments,
  (SELECT min(id) FROM session_events WHERE session_id = :session_id) AS session_events,
  (SELECT min(id) FROM session_metrics WHERE session_id = :session_id) AS session_metrics,
  (
    SELECT min(state_transitions.id) FROM module_states
    JOIN state_transitions ON state_transitions.state_id = module_states.id
    WHERE module_states.session_id = :session_id
  ) AS state_transitions"""

# Which messages has this session? All kinds: removed ones and summaries, too.
MESSAGES = """\
SELECT
  id, session_id, seq, role, status, token_count, is_preserved, is_summary, compaction_event_id, removed_at,
  created_at, updated_at, external_id, name, tool_call_id, content, tool_calls_json, usage_json, metadata_json,
  payload_json, estimated_tokens, links_json, search_words
FROM messages WHERE session_id = :session_id AND (seq, id) > (:cursor_seq, :cursor_id) ORDER BY seq, id LIMIT :limit"""

# Which compactions has this session? Restored ones, too.
COMPACTION_EVENTS = """\
SELECT
  id, session_id, strategy, original_tokens, compacted_tokens, messages_removed, summary_message_id,
  summary_content, preserved_message_ids_json, model_used, duration_ms, created_at, restored_at, is_estimated
FROM compaction_events WHERE session_id = :session_id AND id > :cursor_id ORDER BY id LIMIT :limit"""

# What do the prunings of this session keep? Each original once.
MESSAGE_ARCHIVE = """\
SELECT
  message_archive.event_id, message_archive.message_id, message_archive.token_count,
  message_archive.estimated_tokens, message_archive.content, message_archive.payload_json
FROM compaction_events
JOIN message_archive ON message_archive.event_id = compaction_events.id
WHERE compaction_events.session_id = :session_id AND compaction_events.id >= :cursor_event_id
  AND (message_archive.event_id, message_archive.message_id) > (:cursor_event_id, :cursor_message_id)
ORDER BY compaction_events.id, message_archive.message_id LIMIT :limit"""

# Which switches did this session see? In their order.
AGENT_SWITCHES = """\
SELECT
  id, session_id, from_agent, to_agent, reason, metadata_json, switched_at
FROM agent_switches WHERE session_id = :session_id AND id > :cursor_id ORDER BY id LIMIT :limit"""

# Which agent context has this session? One row, or none.
AGENT_CONTEXT = """\
SELECT
  session_id, current_agent, switch_count, metadata_json, last_switch_at, created_at
FROM agent_contexts WHERE session_id = :session_id"""

# Which logs has this session? In the order of their ids.
SESSION_LOGS = """\
SELECT
  id, session_id, parent_id, role, type, content, metadata, created_at, updated_at
FROM session_logs WHERE session_id = :session_id AND id > :cursor_id ORDER BY id LIMIT :limit"""

# Which events has this session? In their order.
SESSION_EVENTS = """\
SELECT
  id, session_id, sequence, event_type, event_data_json, duration_ms, created_at
FROM session_events WHERE session_id = :session_id AND sequence > :cursor_sequence ORDER BY sequence LIMIT :limit"""

# Which sequence did the last event of this session have that was deleted? One row, or none.
EVENT_SEQUENCE = """\
SELECT
  session_id, last_sequence
FROM session_event_sequences WHERE session_id = :session_id"""

# Which metrics has this session? Each series in its order.
SESSION_METRICS = """\
SELECT
  id, session_id, metric_type, metric_value, timeframe, metadata_json, recorded_at
FROM session_metrics WHERE session_id = :session_id
  AND (metric_type, recorded_at, id) > (:cursor_metric_type, :cursor_recorded_at, :cursor_id)
ORDER BY metric_type, recorded_at, id LIMIT :limit"""

# Which states of modules has this session? Module by module, in the order of their versions.
MODULE_STATES = """\
SELECT
  id, module_id, session_id, version, state_hash, state_type, previous_state_id, is_snapshot, snapshot_reason,
  expires_at, created_at, state_json
FROM module_states WHERE session_id = :session_id AND (module_id, version) > (:cursor_module_id, :cursor_version)
ORDER BY module_id, version LIMIT :limit"""

# Which transitions have the states of this session? State by state.
STATE_TRANSITIONS = """\
SELECT
  id, state_id, trigger_type, trigger_id, transition_data_json, previous_values_json, new_values_json, created_at
FROM state_transitions WHERE state_id IN (SELECT id FROM module_states WHERE session_id = :session_id)
  AND state_id >= :cursor_state_id AND (state_id, id) > (:cursor_state_id, :cursor_id)
ORDER BY state_id, id LIMIT :limit"""

# Which attachments has this session? In the order of their ids.
ATTACHMENTS = """\
SELECT
  id, session_id, message_id, sha256, name, media_type, metadata_json, created_at, updated_at
FROM attachments WHERE session_id = :session_id AND id > :cursor_id ORDER BY id LIMIT :limit"""

# Which contents do the attachments of this session have? Each once, without its pieces.
ATTACHMENT_CONTENTS = """\
SELECT
  sha256, size, created_at
FROM attachment_contents WHERE sha256 > :cursor_sha256
  AND sha256 IN (SELECT sha256 FROM attachments WHERE session_id = :session_id)
ORDER BY sha256 LIMIT :limit"""

# Which is the highest id that a table ever gave? One row: id, NULL where it gave none.
LAST_ID = "SELECT max(seq) AS id FROM sqlite_sequence WHERE name = :name"

# Adds an agent as it was; it is not the default one.
INSERT_AGENT = """\
INSERT INTO agents (
  id, type, name, description, avatar, instructions, model, plan_model, small_model, built_in_tools, mcps,
  knowledges, accessible_paths, configuration, permission_mode, max_steps, created_at, updated_at,
  specializations_json, metadata_json
) VALUES (
  :id, :type, :name, :description, :avatar, :instructions, :model, :plan_model, :small_model, :built_in_tools,
  :mcps, :knowledges, :accessible_paths, :configuration, :permission_mode, :max_steps, :created_at, :updated_at,
  :specializations_json, :metadata_json
)"""

# Adds a session as it was, with a parent and an origin that are there. Its counters begin at 0.
INSERT_SESSION = """\
INSERT INTO sessions (
  id, name, main_agent_id, sub_agent_ids, user_goal, status, external_session_id, model, plan_model, small_model,
  built_in_tools, mcps, knowledges, configuration, accessible_paths, permission_mode, max_steps, created_at,
  updated_at, user_id, parent_session_id, forked_from_id, forked_at_seq, source, tags_json, quality_score,
  user_satisfaction, learning_outcomes_json, started_at, ended_at, metadata_json, pinned_at, archived_at,
  deleted_at, last_seq, last_activity_at
) VALUES (
  :id, :name, :main_agent_id, :sub_agent_ids, :user_goal, :status, :external_session_id, :model, :plan_model,
  :small_model, :built_in_tools, :mcps, :knowledges, :configuration, :accessible_paths, :permission_mode,
  :max_steps, :created_at, :updated_at, :user_id, :parent_session_id, :forked_from_id, :forked_at_seq, :source,
  :tags_json, :quality_score, :user_satisfaction, :learning_outcomes_json, :started_at, :ended_at, :metadata_json,
  :pinned_at, :archived_at, :deleted_at, :last_seq, :last_activity_at
)"""

# Says of a session that is whole what the triggers cannot know.
FINISH_SESSION = """\
UPDATE sessions SET last_seq = max(last_seq, :last_seq), last_activity_at = :last_activity_at WHERE id = :id"""

# Adds a message as it was.
INSERT_MESSAGE = """\
INSERT INTO messages (
  id, session_id, seq, role, status, token_count, is_preserved, is_summary, compaction_event_id, removed_at,
  created_at, updated_at, external_id, name, tool_call_id, content, tool_calls_json, usage_json, metadata_json,
  payload_json, estimated_tokens, links_json, search_words
) VALUES (
  :id, :session_id, :seq, :role, :status, :token_count, :is_preserved, :is_summary, :compaction_event_id,
  :removed_at, :created_at, :updated_at, :external_id, :name, :tool_call_id, :content, :tool_calls_json,
  :usage_json, :metadata_json, :payload_json, :estimated_tokens, :links_json, :search_words
)"""

# Adds a compaction as it was; its summary is a message of its session. No row where it is not.
INSERT_COMPACTION_EVENT = """\
INSERT INTO compaction_events (
  id, session_id, strategy, original_tokens, compacted_tokens, messages_removed, summary_message_id,
  summary_content, preserved_message_ids_json, model_used, duration_ms, created_at, restored_at, is_estimated
)
SELECT
  :id, :session_id, :strategy, :original_tokens, :compacted_tokens, :messages_removed, :summary_message_id,
  :summary_content, :preserved_message_ids_json, :model_used, :duration_ms, :created_at, :restored_at,
  COALESCE(:is_estimated, 0)
WHERE :summary_message_id IS NULL
  OR EXISTS (SELECT 1 FROM messages WHERE id = :summary_message_id AND session_id = :session_id)"""

# Adds what a pruning keeps; both are of the session :session_id. No row where one is not.
INSERT_MESSAGE_ARCHIVE = """\
INSERT INTO message_archive (event_id, message_id, token_count, estimated_tokens, content, payload_json)
SELECT :event_id, :message_id, :token_count, :estimated_tokens, :content, :payload_json
WHERE EXISTS (SELECT 1 FROM compaction_events WHERE id = :event_id AND session_id = :session_id)
  AND EXISTS (SELECT 1 FROM messages WHERE id = :message_id AND session_id = :session_id)"""

# Adds a switch as it was, before the context of its session.
INSERT_AGENT_SWITCH = """\
INSERT INTO agent_switches (
  id, session_id, from_agent, to_agent, reason, metadata_json, switched_at
) VALUES (
  :id, :session_id, :from_agent, :to_agent, :reason, :metadata_json, :switched_at
)"""

# Adds an agent context as it was.
INSERT_AGENT_CONTEXT = """\
INSERT INTO agent_contexts (
  session_id, current_agent, switch_count, metadata_json, last_switch_at, created_at
) VALUES (
  :session_id, :current_agent, :switch_count, :metadata_json, :last_switch_at, :created_at
)"""

# Adds a log as it was.
INSERT_SESSION_LOG = """\
INSERT INTO session_logs (
  id, session_id, parent_id, role, type, content, metadata, created_at, updated_at
) VALUES (
  :id, :session_id, :parent_id, :role, :type, :content, :metadata, :created_at, :updated_at
)"""

# Adds an event as it was.
INSERT_SESSION_EVENT = """\
INSERT INTO session_events (
  id, session_id, sequence, event_type, event_data_json, duration_ms, created_at
) VALUES (
  :id, :session_id, :sequence, :event_type, :event_data_json, :duration_ms, :created_at
)"""

# Says which sequence the last event had that was deleted.
INSERT_EVENT_SEQUENCE = """\
INSERT INTO session_event_sequences (session_id, last_sequence) VALUES (:session_id, :last_sequence)"""

# Adds a metric as it was.
INSERT_SESSION_METRIC = """\
INSERT INTO session_metrics (
  id, session_id, metric_type, metric_value, timeframe, metadata_json, recorded_at
) VALUES (
  :id, :session_id, :metric_type, :metric_value, :timeframe, :metadata_json, :recorded_at
)"""

# Adds a state of a module as it was; the one before it is a state of the same module and session. No row where it is not.
INSERT_MODULE_STATE = """\
INSERT INTO module_states (
  id, module_id, session_id, version, state_hash, state_type, previous_state_id, is_snapshot, snapshot_reason,
  expires_at, created_at, state_json
)
SELECT
  :id, :module_id, :session_id, :version, :state_hash, :state_type, :previous_state_id, :is_snapshot,
  :snapshot_reason, :expires_at, :created_at, :state_json
WHERE :previous_state_id IS NULL OR EXISTS (
  SELECT 1 FROM module_states WHERE id = :previous_state_id AND module_id = :module_id AND session_id = :session_id
)"""

# Adds a transition as it was; its state is of the session :session_id. No row where it is not.
INSERT_STATE_TRANSITION = """\
INSERT INTO state_transitions (
  id, state_id, trigger_type, trigger_id, transition_data_json, previous_values_json, new_values_json, created_at
)
SELECT
  :id, :state_id, :trigger_type, :trigger_id, :transition_data_json, :previous_values_json, :new_values_json,
  :created_at
WHERE EXISTS (SELECT 1 FROM module_states WHERE id = :state_id AND session_id = :session_id)"""

# Adds an attachment as it was, before its content.
INSERT_ATTACHMENT = """\
INSERT INTO attachments (
  id, session_id, message_id, sha256, name, media_type, metadata_json, created_at, updated_at
) VALUES (
  :id, :session_id, :message_id, :sha256, :name, :media_type, :metadata_json, :created_at, :updated_at
)"""

# Adds a content that an attachment of the session :session_id waits for. No row where none does.
INSERT_ATTACHMENT_CONTENT = """\
INSERT INTO attachment_contents (sha256, size, created_at)
SELECT :sha256, :size, :created_at
WHERE EXISTS (SELECT 1 FROM attachments WHERE sha256 = :sha256 AND session_id = :session_id)"""

# Is a message of this session out of its context for a compaction that it has not? One row with its id, or none.
DANGLING_MARK = """\
SELECT id FROM messages
WHERE session_id = :session_id AND compaction_event_id IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM compaction_events WHERE id = messages.compaction_event_id AND session_id = :session_id
)
LIMIT 1"""
