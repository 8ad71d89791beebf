"""Metrics of sessions and of agents: numbers over time.

Why it is as it is (what it shares with the tables before: see their migrations):

- `metric_value` is finite. SQLite stores NaN as NULL, which NOT NULL refuses, and abs() finds an infinity.
- `timeframe` says what the number covers: one event, or an hour, a day, a week or a month that somebody has summed up.
- The indexes end in the time, so that a series and its sums read one range of one index.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="008",
    description="Metrics of sessions and agents",
    up=(
        """\
CREATE TABLE session_metrics (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  metric_type TEXT NOT NULL CHECK (metric_type <> ''),
  metric_value REAL NOT NULL CONSTRAINT metric_value_is_finite CHECK (abs(metric_value) <= 1.7976931348623157e308),
  timeframe TEXT NOT NULL DEFAULT 'event' CHECK (timeframe IN ('event', 'hour', 'day', 'week', 'month')),
  metadata_json TEXT CONSTRAINT metadata_json_is_json_object CHECK (
    metadata_json IS NULL
    OR json_valid(metadata_json) AND json_type(metadata_json) = 'object' AND instr(metadata_json, char(0)) = 0
  ),
  recorded_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT recorded_at_is_utc_with_ms CHECK (
    recorded_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', recorded_at) IS recorded_at
    AND date(recorded_at, '+0 days') IS substr(recorded_at, 1, 10)
  )
) STRICT""",
        "CREATE INDEX idx_session_metrics_series ON session_metrics (session_id, metric_type, recorded_at)",
        """\
CREATE TABLE agent_metrics (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
  metric_type TEXT NOT NULL CHECK (metric_type <> ''),
  metric_value REAL NOT NULL CONSTRAINT metric_value_is_finite CHECK (abs(metric_value) <= 1.7976931348623157e308),
  timeframe TEXT NOT NULL DEFAULT 'event' CHECK (timeframe IN ('event', 'hour', 'day', 'week', 'month')),
  metadata_json TEXT CONSTRAINT metadata_json_is_json_object CHECK (
    metadata_json IS NULL
    OR json_valid(metadata_json) AND json_type(metadata_json) = 'object' AND instr(metadata_json, char(0)) = 0
  ),
  recorded_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT recorded_at_is_utc_with_ms CHECK (
    recorded_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', recorded_at) IS recorded_at
    AND date(recorded_at, '+0 days') IS substr(recorded_at, 1, 10)
  )
) STRICT""",
        "CREATE INDEX idx_agent_metrics_series ON agent_metrics (agent_id, metric_type, recorded_at)",
    ),
    down=(
        "DROP TABLE agent_metrics",
        "DROP TABLE session_metrics",
    ),
)
