"""Session events: what happened in a session, numbered one after the other.

Why it is as it is (what it shares with the tables before: see their migrations):

- `sequence` starts at 1 in each session, without a gap. A reader that keeps the last number that it has seen asks for what
  came after it.
- `session_event_sequences` keeps the highest number of a session whose newest events were deleted. So no number is given
  twice. It has no row for other sessions, and an append costs no second write.
- `event_data_json` is any JSON value but null.

The honest mistake that the trigger prevents: a DELETE of the newest events. The next event would get a number that a reader
has already seen, and the reader would never ask for it.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="007",
    description="Session events",
    up=(
        """\
CREATE TABLE session_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  sequence INTEGER NOT NULL CHECK (sequence BETWEEN 1 AND 9007199254740991),
  event_type TEXT NOT NULL CHECK (event_type <> ''),
  event_data_json TEXT CONSTRAINT event_data_json_is_json CHECK (
    event_data_json IS NULL
    OR json_valid(event_data_json) AND json_type(event_data_json) <> 'null' AND instr(event_data_json, char(0)) = 0
  ),
  duration_ms INTEGER CHECK (duration_ms BETWEEN 0 AND 9007199254740991),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT created_at_is_utc_with_ms CHECK (
    created_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', created_at) IS created_at
    AND date(created_at, '+0 days') IS substr(created_at, 1, 10)
  ),
  UNIQUE (session_id, sequence)
) STRICT""",
        "CREATE INDEX idx_session_events_event_type ON session_events (session_id, event_type, sequence)",
        """\
CREATE TABLE session_event_sequences (
  session_id TEXT NOT NULL PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
  last_sequence INTEGER NOT NULL CHECK (last_sequence BETWEEN 1 AND 9007199254740991)
) STRICT""",
        """\
CREATE TRIGGER session_events_keep_their_sequence AFTER DELETE ON session_events
WHEN NOT EXISTS (SELECT 1 FROM session_events WHERE session_id = OLD.session_id AND sequence > OLD.sequence)
  AND EXISTS (SELECT 1 FROM sessions WHERE id = OLD.session_id)
BEGIN
  INSERT INTO session_event_sequences (session_id, last_sequence) VALUES (OLD.session_id, OLD.sequence)
  ON CONFLICT (session_id) DO UPDATE SET last_sequence = max(last_sequence, excluded.last_sequence);
END""",
    ),
    down=(
        "DROP TABLE session_event_sequences",
        "DROP TABLE session_events",
    ),
)
