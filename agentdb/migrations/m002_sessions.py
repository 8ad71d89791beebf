"""Sessions of agents, and the log of what happened in each.

Why the columns are as they are (those shared with agents: see the migration before):

- NULL in an override column (model to max_steps) means: inherit from the agent. So these columns have no default.
- The counters are kept by the triggers of the tables that they count. `message_count` and `total_tokens` are of the
  transcript, `context_tokens` of what the model is sent. `last_seq` is the highest seq that a message ever had. A sum of
  tokens has 53 bits, which every reader of JSON can hold.
- A session that is deleted softly has `deleted_at`. The index by activity holds the others alone.
- A log refers to its parent together with the session, which refuses a parent in another session. UNIQUE
  (session_id, id) is there for that. No action on delete: SQLite stops cascades at depth 1,000, and a chain of logs
  goes with its session whatever its length. For the same reason no session refers to another one with a cascade.
- `session_tags` has a row for each tag of a session, and when the session was made: an index that finds sessions by a tag,
  the newest first. Triggers keep it in step with `tags_json`, for raw SQL too.
- The indexes that end in created_at give transcript order: every index ends in the rowid, which `id` is.

The honest mistake that each trigger prevents:

- `sessions_are_never_replaced`: INSERT OR REPLACE of a session, as an upsert. It would delete the session's messages.
  `sessions_are_never_replaced_by_update`: UPDATE OR REPLACE of an id. See `agents_are_never_replaced`.
- `sessions_have_no_cycle_…`: a session that becomes the child of its own descendant. A walk to the root would never end.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="002",
    description="Sessions and their logs",
    up=(
        """\
CREATE TABLE sessions (
  id TEXT NOT NULL PRIMARY KEY CHECK (id <> '') DEFAULT (lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
    || substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
  )),
  name TEXT,
  main_agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
  sub_agent_ids TEXT CONSTRAINT sub_agent_ids_is_json_array CHECK (
    sub_agent_ids IS NULL
    OR json_valid(sub_agent_ids) AND json_type(sub_agent_ids) = 'array' AND instr(sub_agent_ids, char(0)) = 0
  ),
  user_goal TEXT,
  status TEXT NOT NULL DEFAULT 'idle' CHECK (status IN ('idle', 'running', 'completed', 'failed', 'stopped')),
  external_session_id TEXT,
  model TEXT,
  plan_model TEXT,
  small_model TEXT,
  built_in_tools TEXT CONSTRAINT built_in_tools_is_json_array CHECK (
    built_in_tools IS NULL
    OR json_valid(built_in_tools) AND json_type(built_in_tools) = 'array' AND instr(built_in_tools, char(0)) = 0
  ),
  mcps TEXT CONSTRAINT mcps_is_json_array CHECK (
    mcps IS NULL
    OR json_valid(mcps) AND json_type(mcps) = 'array' AND instr(mcps, char(0)) = 0
  ),
  knowledges TEXT CONSTRAINT knowledges_is_json_array CHECK (
    knowledges IS NULL
    OR json_valid(knowledges) AND json_type(knowledges) = 'array' AND instr(knowledges, char(0)) = 0
  ),
  configuration TEXT CONSTRAINT configuration_is_json_object CHECK (
    configuration IS NULL
    OR json_valid(configuration) AND json_type(configuration) = 'object' AND instr(configuration, char(0)) = 0
  ),
  accessible_paths TEXT CONSTRAINT accessible_paths_is_json_array CHECK (
    accessible_paths IS NULL
    OR json_valid(accessible_paths) AND json_type(accessible_paths) = 'array' AND instr(accessible_paths, char(0)) = 0
  ),
  permission_mode TEXT CHECK (permission_mode IN ('readOnly', 'acceptEdits', 'bypassPermissions')),
  max_steps INTEGER CHECK (max_steps >= 0),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT created_at_is_utc_with_ms CHECK (
    created_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', created_at) IS created_at
    AND date(created_at, '+0 days') IS substr(created_at, 1, 10)
  ),
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT updated_at_is_utc_with_ms CHECK (
    updated_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', updated_at) IS updated_at
    AND date(updated_at, '+0 days') IS substr(updated_at, 1, 10)
  ),
  user_id TEXT CHECK (user_id <> ''),
  parent_session_id TEXT CONSTRAINT parent_session_id_is_another_session CHECK (parent_session_id <> id)
    REFERENCES sessions (id) ON DELETE SET NULL,
  forked_from_id TEXT REFERENCES sessions (id) ON DELETE SET NULL,
  forked_at_seq INTEGER CHECK (forked_at_seq BETWEEN 0 AND 9007199254740991),
  source TEXT,
  tags_json TEXT CONSTRAINT tags_json_is_json_array CHECK (
    tags_json IS NULL
    OR json_valid(tags_json) AND json_type(tags_json) = 'array' AND instr(tags_json, char(0)) = 0
  ),
  quality_score REAL CHECK (quality_score BETWEEN 0 AND 1),
  user_satisfaction REAL CHECK (user_satisfaction BETWEEN 0 AND 1),
  learning_outcomes_json TEXT CONSTRAINT learning_outcomes_json_is_json CHECK (
    learning_outcomes_json IS NULL
    OR json_valid(learning_outcomes_json) AND json_type(learning_outcomes_json) IN ('array', 'object')
    AND instr(learning_outcomes_json, char(0)) = 0
  ),
  started_at TEXT CONSTRAINT started_at_is_utc_with_ms CHECK (
    started_at IS NULL
    OR started_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', started_at) IS started_at
    AND date(started_at, '+0 days') IS substr(started_at, 1, 10)
  ),
  ended_at TEXT CONSTRAINT ended_at_is_utc_with_ms CHECK (
    ended_at IS NULL
    OR ended_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', ended_at) IS ended_at
    AND date(ended_at, '+0 days') IS substr(ended_at, 1, 10)
  ),
  metadata_json TEXT CONSTRAINT metadata_json_is_json_object CHECK (
    metadata_json IS NULL
    OR json_valid(metadata_json) AND json_type(metadata_json) = 'object' AND instr(metadata_json, char(0)) = 0
  ),
  pinned_at TEXT CONSTRAINT pinned_at_is_utc_with_ms CHECK (
    pinned_at IS NULL
    OR pinned_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', pinned_at) IS pinned_at
    AND date(pinned_at, '+0 days') IS substr(pinned_at, 1, 10)
  ),
  archived_at TEXT CONSTRAINT archived_at_is_utc_with_ms CHECK (
    archived_at IS NULL
    OR archived_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', archived_at) IS archived_at
    AND date(archived_at, '+0 days') IS substr(archived_at, 1, 10)
  ),
  deleted_at TEXT CONSTRAINT deleted_at_is_utc_with_ms CHECK (
    deleted_at IS NULL
    OR deleted_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at) IS deleted_at
    AND date(deleted_at, '+0 days') IS substr(deleted_at, 1, 10)
  ),
  last_seq INTEGER NOT NULL DEFAULT 0 CHECK (last_seq BETWEEN 0 AND 9007199254740991),
  message_count INTEGER NOT NULL DEFAULT 0 CHECK (message_count >= 0),
  total_tokens INTEGER NOT NULL DEFAULT 0 CHECK (total_tokens BETWEEN 0 AND 9007199254740991),
  context_tokens INTEGER NOT NULL DEFAULT 0 CHECK (context_tokens BETWEEN 0 AND 9007199254740991),
  compaction_count INTEGER NOT NULL DEFAULT 0 CHECK (compaction_count >= 0),
  last_activity_at TEXT CONSTRAINT last_activity_at_is_utc_with_ms CHECK (
    last_activity_at IS NULL
    OR last_activity_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', last_activity_at) IS last_activity_at
    AND date(last_activity_at, '+0 days') IS substr(last_activity_at, 1, 10)
  )
) STRICT""",
        "CREATE INDEX idx_sessions_main_agent_id ON sessions (main_agent_id, created_at, id)",
        "CREATE INDEX idx_sessions_created_at ON sessions (created_at, id)",
        "CREATE INDEX idx_sessions_status ON sessions (status, created_at, id)",
        "CREATE INDEX idx_sessions_external_session_id ON sessions (external_session_id, created_at, id)",
        """\
CREATE INDEX idx_sessions_parent_session_id ON sessions (parent_session_id, created_at, id)
WHERE parent_session_id IS NOT NULL""",
        """\
CREATE INDEX idx_sessions_forked_from_id ON sessions (forked_from_id, created_at, id)
WHERE forked_from_id IS NOT NULL""",
        "CREATE INDEX idx_sessions_user_id ON sessions (user_id, created_at, id) WHERE user_id IS NOT NULL",
        """\
CREATE INDEX idx_sessions_activity ON sessions (COALESCE(last_activity_at, created_at), id) WHERE deleted_at IS NULL""",
        """\
CREATE INDEX idx_sessions_user_activity ON sessions (user_id, COALESCE(last_activity_at, created_at), id)
WHERE user_id IS NOT NULL AND deleted_at IS NULL""",
        "CREATE INDEX idx_sessions_pinned_at ON sessions (pinned_at, id) WHERE pinned_at IS NOT NULL",
        "CREATE INDEX idx_sessions_deleted_at ON sessions (deleted_at, id) WHERE deleted_at IS NOT NULL",
        """\
CREATE TABLE session_tags (
  tag TEXT NOT NULL,
  session_created TEXT NOT NULL,
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE
) STRICT""",
        "CREATE UNIQUE INDEX idx_session_tags_tag ON session_tags (tag, session_created, session_id)",
        "CREATE INDEX idx_session_tags_session_id ON session_tags (session_id)",
        """\
CREATE TRIGGER session_tags_insert AFTER INSERT ON sessions
WHEN NEW.tags_json IS NOT NULL
BEGIN
  INSERT INTO session_tags (tag, session_created, session_id)
  SELECT DISTINCT value, NEW.created_at, NEW.id FROM json_each(NEW.tags_json) WHERE type = 'text';
END""",
        """\
CREATE TRIGGER session_tags_update AFTER UPDATE OF id, tags_json, created_at ON sessions
WHEN NEW.id IS NOT OLD.id OR NEW.tags_json IS NOT OLD.tags_json OR NEW.created_at IS NOT OLD.created_at
BEGIN
  DELETE FROM session_tags WHERE session_id = OLD.id;
  INSERT INTO session_tags (tag, session_created, session_id)
  SELECT DISTINCT value, NEW.created_at, NEW.id FROM json_each(COALESCE(NEW.tags_json, '[]')) WHERE type = 'text';
END""",
        """\
CREATE TRIGGER sessions_are_never_replaced BEFORE INSERT ON sessions
WHEN EXISTS (SELECT 1 FROM sessions WHERE id = NEW.id)
BEGIN
  INSERT OR IGNORE INTO replace_guard VALUES (1);
  INSERT OR IGNORE INTO replace_guard VALUES (1);
  SELECT RAISE(ABORT, 'sessions: a session is never replaced; use UPDATE or ON CONFLICT DO UPDATE') WHERE changes() > 0;
END""",
        """\
CREATE TRIGGER sessions_are_never_replaced_by_update BEFORE UPDATE OF id ON sessions
WHEN NEW.id IS NOT OLD.id AND EXISTS (SELECT 1 FROM sessions WHERE id = NEW.id)
BEGIN
  INSERT OR IGNORE INTO replace_guard VALUES (1);
  INSERT OR IGNORE INTO replace_guard VALUES (1);
  SELECT RAISE(ABORT, 'sessions: a session is never replaced; free its place first') WHERE changes() > 0;
END""",
        """\
CREATE TRIGGER sessions_have_no_cycle_of_parents BEFORE UPDATE OF parent_session_id ON sessions
WHEN NEW.parent_session_id IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'sessions: parent_session_id would make the session its own ancestor') WHERE NEW.id IN (
    WITH RECURSIVE ancestors (id) AS (
      SELECT NEW.parent_session_id
      UNION
      SELECT sessions.parent_session_id FROM ancestors JOIN sessions ON sessions.id = ancestors.id
      WHERE sessions.parent_session_id IS NOT NULL
    )
    SELECT id FROM ancestors
  );
END""",
        """\
CREATE TABLE session_logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  parent_id INTEGER CONSTRAINT parent_id_is_another_log CHECK (parent_id <> id),
  role TEXT NOT NULL CHECK (role IN ('user', 'agent', 'system', 'tool')),
  type TEXT NOT NULL CHECK (type IN ('message', 'thought', 'action', 'observation')),
  content TEXT NOT NULL CONSTRAINT content_is_json CHECK (
    json_valid(content) AND json_type(content) <> 'null' AND instr(content, char(0)) = 0
  ),
  metadata TEXT CONSTRAINT metadata_is_json_object CHECK (
    metadata IS NULL
    OR json_valid(metadata) AND json_type(metadata) = 'object' AND instr(metadata, char(0)) = 0
  ),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT created_at_is_utc_with_ms CHECK (
    created_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', created_at) IS created_at
    AND date(created_at, '+0 days') IS substr(created_at, 1, 10)
  ),
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT updated_at_is_utc_with_ms CHECK (
    updated_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', updated_at) IS updated_at
    AND date(updated_at, '+0 days') IS substr(updated_at, 1, 10)
  ),
  UNIQUE (session_id, id),
  FOREIGN KEY (session_id, parent_id) REFERENCES session_logs (session_id, id) ON DELETE NO ACTION
) STRICT""",
        "CREATE INDEX idx_session_logs_parent_id ON session_logs (session_id, parent_id, created_at)",
        "CREATE INDEX idx_session_logs_created_at ON session_logs (session_id, created_at)",
    ),
    down=(
        "DROP TABLE session_logs",
        "DROP TABLE session_tags",
        "DROP TABLE sessions",
    ),
)
