"""States of modules: what a part of an application was in, and what led from one state to the next.

Why it is as it is (what it shares with the tables before: see their migrations):

- The states of one module, in one session or outside any, are a chain: `version` counts from 1, and `previous_state_id`
  names the state before. Two unique indexes keep it one chain, whoever writes at the same time. An expression stands for
  "no session", because NULL is not equal to NULL in an index.
- `state_hash` is SHA-256 of the state in the form of RFC 8785, as hexadecimal text. The order of keys does not matter.
- `previous_state_id` becomes NULL when that state expires. No action cascades along the chain.
- A snapshot is a state that does not expire.
- A transition goes with its state, a state with its session.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="010",
    description="Module states",
    up=(
        """\
CREATE TABLE module_states (
  id TEXT NOT NULL PRIMARY KEY CHECK (id <> '') DEFAULT (lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
    || substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
  )),
  module_id TEXT NOT NULL CHECK (module_id <> ''),
  session_id TEXT REFERENCES sessions (id) ON DELETE CASCADE,
  version INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
  state_hash TEXT NOT NULL CHECK (state_hash <> ''),
  state_type TEXT,
  previous_state_id TEXT REFERENCES module_states (id) ON DELETE SET NULL,
  is_snapshot INTEGER NOT NULL DEFAULT 0 CHECK (is_snapshot IN (0, 1)),
  snapshot_reason TEXT,
  expires_at TEXT CONSTRAINT expires_at_is_utc_with_ms CHECK (
    expires_at IS NULL
    OR expires_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', expires_at) IS expires_at
    AND date(expires_at, '+0 days') IS substr(expires_at, 1, 10)
  ),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT created_at_is_utc_with_ms CHECK (
    created_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', created_at) IS created_at
    AND date(created_at, '+0 days') IS substr(created_at, 1, 10)
  ),
  state_json TEXT NOT NULL CONSTRAINT state_json_is_json_object CHECK (
    json_valid(state_json) AND json_type(state_json) = 'object' AND instr(state_json, char(0)) = 0
  )
) STRICT""",
        """\
CREATE UNIQUE INDEX idx_module_states_version ON module_states (module_id, COALESCE(session_id, ''), version)""",
        """\
CREATE UNIQUE INDEX idx_module_states_previous_state_id ON module_states (previous_state_id)
WHERE previous_state_id IS NOT NULL""",
        """\
CREATE INDEX idx_module_states_session_id ON module_states (session_id, module_id, version) WHERE session_id IS NOT NULL""",
        """\
CREATE INDEX idx_module_states_expires_at ON module_states (expires_at) WHERE expires_at IS NOT NULL AND is_snapshot = 0""",
        """\
CREATE TABLE state_transitions (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  state_id TEXT NOT NULL REFERENCES module_states (id) ON DELETE CASCADE,
  trigger_type TEXT NOT NULL CHECK (trigger_type <> ''),
  trigger_id TEXT,
  transition_data_json TEXT CONSTRAINT transition_data_json_is_json CHECK (
    transition_data_json IS NULL
    OR json_valid(transition_data_json) AND json_type(transition_data_json) IN ('array', 'object')
    AND instr(transition_data_json, char(0)) = 0
  ),
  previous_values_json TEXT CONSTRAINT previous_values_json_is_json_object CHECK (
    previous_values_json IS NULL
    OR json_valid(previous_values_json) AND json_type(previous_values_json) = 'object'
    AND instr(previous_values_json, char(0)) = 0
  ),
  new_values_json TEXT CONSTRAINT new_values_json_is_json_object CHECK (
    new_values_json IS NULL
    OR json_valid(new_values_json) AND json_type(new_values_json) = 'object' AND instr(new_values_json, char(0)) = 0
  ),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT created_at_is_utc_with_ms CHECK (
    created_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', created_at) IS created_at
    AND date(created_at, '+0 days') IS substr(created_at, 1, 10)
  )
) STRICT""",
        "CREATE INDEX idx_state_transitions_state_id ON state_transitions (state_id)",
    ),
    down=(
        "DROP TABLE state_transitions",
        "DROP TABLE module_states",
    ),
)
