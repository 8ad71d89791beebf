"""What the tables of events, metrics, versions and states refuse from raw SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

Insert = Callable[..., None]
HASH = "0" * 64
ROWS: dict[str, dict[str, Any]] = {
    "session_events": {"session_id": "s", "sequence": 1, "event_type": "x"},
    "session_event_sequences": {"session_id": "s", "last_sequence": 1},
    "session_metrics": {"session_id": "s", "metric_type": "x", "metric_value": 1.0},
    "agent_metrics": {"agent_id": "a", "metric_type": "x", "metric_value": 1.0},
    "agent_versions": {"agent_id": "a", "version_number": "1.0.0", "sort_key": "x", "snapshot_json": "{}"},
    "module_states": {"module_id": "m", "version": 1, "state_hash": HASH, "state_json": "{}"},
}
BAD = [
    *[("session_events", {"sequence": value}) for value in (0, -1, 2**53, None)],
    ("session_events", {"event_type": ""}),
    ("session_events", {"event_data_json": "null"}),
    ("session_events", {"duration_ms": -1}),
    ("session_event_sequences", {"last_sequence": 0}),
    *[
        (t, {"metric_value": v})
        for t in ("session_metrics", "agent_metrics")
        for v in (float("inf"), float("nan"), None)
    ],
    *[(t, {"timeframe": "year"}) for t in ("session_metrics", "agent_metrics")],
    *[(t, {"metric_type": ""}) for t in ("session_metrics", "agent_metrics")],
    *[("agent_versions", {"version_number": value}) for value in ("", "1", "1.0", "v1.0.0", "1.x.0")],
    ("agent_versions", {"is_active": 2}),
    ("agent_versions", {"snapshot_json": "[]"}),
    ("module_states", {"state_hash": ""}),
    *[("module_states", {"state_json": value}) for value in ("[]", "null", "{")],
    ("module_states", {"module_id": ""}),
    ("module_states", {"version": 0}),
    ("module_states", {"is_snapshot": 2}),
]


@pytest.mark.parametrize("table", ROWS)
def test_a_plain_row_is_accepted(connection: sqlite3.Connection, insert: Insert, table: str) -> None:
    insert(connection, table, **ROWS[table])
    found = connection.execute(f"SELECT {', '.join(ROWS[table])} FROM {table} ORDER BY rowid DESC LIMIT 1").fetchone()
    assert tuple(found) == tuple(ROWS[table].values())


@pytest.mark.parametrize(("table", "change"), BAD, ids=lambda value: str(value)[:40])
def test_a_wrong_value_is_refused(
    connection: sqlite3.Connection, insert: Insert, table: str, change: dict[str, Any]
) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, table, **{**ROWS[table], **change})


def test_two_versions_of_an_agent_are_never_active(connection: sqlite3.Connection, insert: Insert) -> None:
    row = {**ROWS["agent_versions"], "is_active": 1}
    insert(connection, "agent_versions", **row)
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, "agent_versions", **{**row, "version_number": "1.0.1"})


def test_two_states_never_follow_one(connection: sqlite3.Connection, insert: Insert) -> None:
    row = ROWS["module_states"]
    insert(connection, "module_states", id="1", **row)
    insert(connection, "module_states", id="2", **{**row, "version": 2, "previous_state_id": "1"})
    for change in ({"version": 2}, {"version": 3, "previous_state_id": "1"}):
        with pytest.raises(sqlite3.IntegrityError):
            insert(connection, "module_states", **{**row, **change})


def test_the_highest_sequence_is_kept_when_events_are_deleted_in_any_order(
    connection: sqlite3.Connection, insert: Insert
) -> None:
    for sequence in range(1, 6):
        insert(connection, "session_events", session_id="s", sequence=sequence, event_type="x")
    connection.execute("DELETE FROM session_events WHERE sequence = 2")
    assert connection.execute("SELECT * FROM session_event_sequences").fetchall() == []
    connection.execute("DELETE FROM session_events")
    kept = connection.execute("SELECT session_id, last_sequence FROM session_event_sequences").fetchall()
    assert [tuple(row) for row in kept] == [("s", 5)]
    connection.execute("DELETE FROM sessions")
    assert connection.execute("SELECT * FROM session_event_sequences").fetchall() == []
