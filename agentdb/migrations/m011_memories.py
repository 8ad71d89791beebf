"""Memories: what agents keep beyond a session, what is related, who used it, and what was said about it.

Why it is as it is (what it shares with the tables before: see their migrations):

- `agent_id` and `session_id` become NULL when the agent or the session is deleted. What was learnt outlives the
  conversation, and a user's facts outlive the agent that noted them. `user_id` names a user of the application, which has
  no table here.
- `number` is the key of the search index. A rowid without a name may change with VACUUM.
- `type` says what a memory is about: 'fact', 'preference', 'interaction', or another word. `memory_type` says how it is
  used, in words of the application.
- A memory is superseded as long as another one names it in `supersedes_id`. One memory has at most one successor. So two
  processes that correct the same memory make one chain. A reference goes to a row that is there already, and never
  changes. So there is no cycle.
- `search_words` has the words of `text` that people write in several ways, in the form that a search looks for. The number
  before them is the length of the text that they were made of. Where it does not fit, raw SQL has changed the text.
- `access_count` and `last_accessed_at` follow `memory_accesses`.
- Links, accesses and annotations go with their memory.

The honest mistake that each trigger prevents:

- `memory_accesses_count_…`: a counter that is not true.
- `memory_accesses_stay`: an access that moves to another memory, whose counter would be wrong.
- `memories_keep_their_place`: an UPDATE of a key. The search index and the chain of versions would not follow it.
- `memories_are_never_replaced`, `memory_accesses_are_never_replaced`: INSERT OR REPLACE, as an upsert. It would delete the
  accesses and annotations of the memory, and leave its text in the index. See `agents_are_never_replaced`.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="011",
    description="Memories",
    up=(
        """\
CREATE TABLE memories (
  number INTEGER PRIMARY KEY AUTOINCREMENT CHECK (number > 0),
  id TEXT NOT NULL UNIQUE CHECK (id <> '') DEFAULT (lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
    || substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
  )),
  agent_id TEXT REFERENCES agents (id) ON DELETE SET NULL,
  user_id TEXT CHECK (user_id <> ''),
  session_id TEXT REFERENCES sessions (id) ON DELETE SET NULL,
  type TEXT NOT NULL DEFAULT 'fact' CHECK (type <> ''),
  memory_type TEXT,
  importance REAL NOT NULL DEFAULT 0.5 CHECK (importance BETWEEN 0 AND 1),
  confidence REAL NOT NULL DEFAULT 1.0 CHECK (confidence BETWEEN 0 AND 1),
  source_type TEXT,
  verification_status TEXT NOT NULL DEFAULT 'unverified'
    CHECK (verification_status IN ('unverified', 'verified', 'disputed')),
  expires_at TEXT CONSTRAINT expires_at_is_utc_with_ms CHECK (
    expires_at IS NULL
    OR expires_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', expires_at) IS expires_at
    AND date(expires_at, '+0 days') IS substr(expires_at, 1, 10)
  ),
  last_accessed_at TEXT CONSTRAINT last_accessed_at_is_utc_with_ms CHECK (
    last_accessed_at IS NULL
    OR last_accessed_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', last_accessed_at) IS last_accessed_at
    AND date(last_accessed_at, '+0 days') IS substr(last_accessed_at, 1, 10)
  ),
  access_count INTEGER NOT NULL DEFAULT 0 CHECK (access_count BETWEEN 0 AND 9007199254740991),
  supersedes_id TEXT REFERENCES memories (id) ON DELETE SET NULL CHECK (supersedes_id <> id),
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
  search_words TEXT,
  text TEXT NOT NULL,
  content_json TEXT NOT NULL CONSTRAINT content_json_is_json CHECK (
    json_valid(content_json) AND json_type(content_json) <> 'null' AND instr(content_json, char(0)) = 0
  )
) STRICT""",
        "CREATE INDEX idx_memories_created_at ON memories (created_at, id)",
        "CREATE INDEX idx_memories_agent_id ON memories (agent_id, created_at, id) WHERE agent_id IS NOT NULL",
        "CREATE INDEX idx_memories_user_id ON memories (user_id, created_at, id) WHERE user_id IS NOT NULL",
        "CREATE INDEX idx_memories_session_id ON memories (session_id, created_at, id) WHERE session_id IS NOT NULL",
        "CREATE INDEX idx_memories_importance ON memories (importance, created_at)",
        "CREATE INDEX idx_memories_expires_at ON memories (expires_at) WHERE expires_at IS NOT NULL",
        "CREATE UNIQUE INDEX idx_memories_supersedes_id ON memories (supersedes_id) WHERE supersedes_id IS NOT NULL",
        """\
CREATE TRIGGER memories_are_never_replaced BEFORE INSERT ON memories
WHEN EXISTS (SELECT 1 FROM memories WHERE number = NEW.number)
  OR EXISTS (SELECT 1 FROM memories WHERE id = NEW.id)
  OR EXISTS (SELECT 1 FROM memories WHERE supersedes_id = NEW.supersedes_id)
BEGIN
  INSERT OR IGNORE INTO replace_guard VALUES (1);
  INSERT OR IGNORE INTO replace_guard VALUES (1);
  SELECT RAISE(ABORT, 'memories: a memory is never replaced; use UPDATE or ON CONFLICT DO UPDATE') WHERE changes() > 0;
END""",
        """\
CREATE TRIGGER memories_keep_their_place BEFORE UPDATE OF number, id, supersedes_id ON memories
WHEN NEW.number IS NOT OLD.number OR NEW.id IS NOT OLD.id
  OR NEW.supersedes_id IS NOT NULL AND NEW.supersedes_id IS NOT OLD.supersedes_id
BEGIN
  SELECT RAISE(ABORT, 'memories: number, id and supersedes_id of a memory never change');
END""",
        """\
CREATE TABLE memory_links (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  memory_id TEXT NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
  related_id TEXT NOT NULL REFERENCES memories (id) ON DELETE CASCADE CHECK (related_id <> memory_id),
  kind TEXT NOT NULL DEFAULT 'related' CHECK (kind <> ''),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT created_at_is_utc_with_ms CHECK (
    created_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', created_at) IS created_at
    AND date(created_at, '+0 days') IS substr(created_at, 1, 10)
  ),
  UNIQUE (memory_id, related_id, kind)
) STRICT""",
        "CREATE INDEX idx_memory_links_related_id ON memory_links (related_id)",
        """\
CREATE TABLE memory_accesses (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  memory_id TEXT NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
  access_type TEXT NOT NULL DEFAULT 'read' CHECK (access_type IN ('read', 'update', 'reference')),
  accessed_by TEXT,
  accessor_type TEXT NOT NULL DEFAULT 'agent' CHECK (accessor_type IN ('agent', 'user', 'system')),
  context TEXT,
  usefulness REAL CHECK (usefulness BETWEEN 0 AND 1),
  accessed_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT accessed_at_is_utc_with_ms CHECK (
    accessed_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', accessed_at) IS accessed_at
    AND date(accessed_at, '+0 days') IS substr(accessed_at, 1, 10)
  )
) STRICT""",
        "CREATE INDEX idx_memory_accesses_memory_id ON memory_accesses (memory_id, accessed_at, id)",
        """\
CREATE TRIGGER memory_accesses_are_never_replaced BEFORE INSERT ON memory_accesses
WHEN EXISTS (SELECT 1 FROM memory_accesses WHERE id = NEW.id)
BEGIN
  INSERT OR IGNORE INTO replace_guard VALUES (1);
  INSERT OR IGNORE INTO replace_guard VALUES (1);
  SELECT RAISE(ABORT, 'memory_accesses: an access is never replaced; use UPDATE or ON CONFLICT DO UPDATE')
  WHERE changes() > 0;
END""",
        """\
CREATE TRIGGER memory_accesses_stay BEFORE UPDATE OF id, memory_id ON memory_accesses
WHEN NEW.id IS NOT OLD.id OR NEW.memory_id IS NOT OLD.memory_id
BEGIN
  SELECT RAISE(ABORT, 'memory_accesses: id and memory_id of an access never change');
END""",
        """\
CREATE TRIGGER memory_accesses_count_insert AFTER INSERT ON memory_accesses
BEGIN
  UPDATE memories SET
    access_count = access_count + 1,
    last_accessed_at = max(COALESCE(last_accessed_at, ''), NEW.accessed_at)
  WHERE id = NEW.memory_id;
END""",
        """\
CREATE TRIGGER memory_accesses_count_update AFTER UPDATE OF accessed_at ON memory_accesses
WHEN NEW.accessed_at IS NOT OLD.accessed_at
BEGIN
  UPDATE memories SET
    last_accessed_at = (SELECT max(accessed_at) FROM memory_accesses WHERE memory_id = NEW.memory_id)
  WHERE id = NEW.memory_id;
END""",
        """\
CREATE TRIGGER memory_accesses_count_delete AFTER DELETE ON memory_accesses
BEGIN
  UPDATE memories SET
    access_count = access_count - 1,
    last_accessed_at = (SELECT max(accessed_at) FROM memory_accesses WHERE memory_id = OLD.memory_id)
  WHERE id = OLD.memory_id;
END""",
        """\
CREATE TABLE memory_annotations (
  id TEXT NOT NULL PRIMARY KEY CHECK (id <> '') DEFAULT (lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
    || substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
  )),
  memory_id TEXT NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
  kind TEXT NOT NULL CHECK (kind IN ('correction', 'enhancement', 'verification')),
  created_by TEXT,
  is_applied INTEGER NOT NULL DEFAULT 0 CHECK (is_applied IN (0, 1)),
  applied_at TEXT CONSTRAINT applied_at_is_utc_with_ms CHECK (
    applied_at IS NULL
    OR applied_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', applied_at) IS applied_at
    AND date(applied_at, '+0 days') IS substr(applied_at, 1, 10)
  ),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT created_at_is_utc_with_ms CHECK (
    created_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', created_at) IS created_at
    AND date(created_at, '+0 days') IS substr(created_at, 1, 10)
  ),
  content_json TEXT CONSTRAINT content_json_is_json CHECK (
    content_json IS NULL
    OR json_valid(content_json) AND json_type(content_json) <> 'null' AND instr(content_json, char(0)) = 0
  ),
  CONSTRAINT what_is_applied_has_a_time CHECK (is_applied = (applied_at IS NOT NULL)),
  CONSTRAINT only_a_verification_has_no_content CHECK (kind = 'verification' OR content_json IS NOT NULL)
) STRICT""",
        "CREATE INDEX idx_memory_annotations_memory_id ON memory_annotations (memory_id, created_at, id)",
        "CREATE INDEX idx_memory_annotations_created_at ON memory_annotations (created_at, id)",
    ),
    down=(
        "DROP TABLE memory_annotations",
        "DROP TABLE memory_accesses",
        "DROP TABLE memory_links",
        "DROP TABLE memories",
    ),
)
