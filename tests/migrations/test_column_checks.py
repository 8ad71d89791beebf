"""The laws that columns of one kind share, in every table: JSON and timestamps."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

Open = Callable[[], sqlite3.Connection]
Insert = Callable[..., None]

ROW: dict[str, dict[str, Any]] = {
    "agents": {"name": "n", "model": "m"},
    "sessions": {"main_agent_id": "a"},
    "session_logs": {"session_id": "s", "role": "user", "type": "message", "content": "0"},
    "messages": {"session_id": "s", "seq": 1, "role": "user"},
    "agent_contexts": {"session_id": "s", "current_agent": "a"},
    "agent_switches": {"session_id": "s", "to_agent": "a"},
    "compaction_events": {
        "session_id": "s",
        "strategy": "x",
        "original_tokens": 1,
        "compacted_tokens": 1,
        "messages_removed": 1,
        "summary_content": "x",
        "preserved_message_ids_json": "[]",
    },
    "message_archive": {"event_id": 1, "message_id": 1},
    "session_events": {"session_id": "s", "sequence": 1, "event_type": "x"},
    "session_metrics": {"session_id": "s", "metric_type": "x", "metric_value": 1.0},
    "agent_metrics": {"agent_id": "a", "metric_type": "x", "metric_value": 1.0},
    "agent_versions": {"agent_id": "a", "version_number": "1.0.0", "sort_key": "x", "snapshot_json": "{}"},
    "module_states": {"module_id": "m", "version": 1, "state_hash": "0" * 64, "state_json": "{}"},
    "state_transitions": {"state_id": "m", "trigger_type": "x"},
    "memories": {"text": "x", "content_json": "{}"},
    "memory_links": {"memory_id": "m", "related_id": "n"},
    "memory_accesses": {"memory_id": "m"},
    "memory_annotations": {"memory_id": "m", "kind": "verification"},
    "memory_embeddings": {"memory_id": "m", "model": "x", "dimensions": 1, "vector": b"1234"},
    "attachment_contents": {"sha256": "new", "size": 1},
    "attachments": {"session_id": "s", "sha256": "there"},
}
ARRAYS = [
    *[
        ("agents", name)
        for name in ("built_in_tools", "mcps", "knowledges", "accessible_paths", "specializations_json")
    ],
    *[("sessions", name) for name in ("sub_agent_ids", "built_in_tools", "mcps", "knowledges", "accessible_paths")],
    ("sessions", "tags_json"),
    ("messages", "tool_calls_json"),
]
NEEDED_ARRAY = ("compaction_events", "preserved_message_ids_json")
OBJECTS = [
    *[(table, "configuration") for table in ("agents", "sessions")],
    *[(table, "metadata_json") for table in ("agents", "sessions", "messages", "agent_contexts", "agent_switches")],
    *[(table, "metadata_json") for table in ("session_metrics", "agent_metrics")],
    ("agent_versions", "performance_json"),
    *[("state_transitions", name) for name in ("previous_values_json", "new_values_json")],
    ("attachments", "metadata_json"),
    ("session_logs", "metadata"),
    ("messages", "usage_json"),
    ("messages", "links_json"),
]
EITHER = [("sessions", "learning_outcomes_json"), ("messages", "payload_json"), ("message_archive", "payload_json")]
EITHER += [("agent_versions", "changes_json"), ("state_transitions", "transition_data_json")]
CONTENT = ("session_logs", "content")
NEEDED_OBJECTS = [("agent_versions", "snapshot_json"), ("module_states", "state_json")]
#: Any JSON but null, and where it may be missing.
CONTENTS = [CONTENT, ("memories", "content_json")]
OPTIONAL_CONTENTS = [("session_events", "event_data_json"), ("memory_annotations", "content_json")]
METRICS = ("session_metrics", "agent_metrics")
TIMES = [
    *[
        (table, "created_at")
        for table in ROW
        if table not in ("agent_switches", "message_archive", "memory_accesses", *METRICS)
    ],
    *[
        (table, "updated_at")
        for table in ("agents", "sessions", "session_logs", "messages", "agent_versions", "memories")
    ],
    ("attachments", "updated_at"),
    ("agent_switches", "switched_at"),
    ("memory_accesses", "accessed_at"),
    *[(table, "recorded_at") for table in METRICS],
]
OPTIONAL_TIMES = [
    *[("sessions", f"{name}_at") for name in ("started", "ended", "pinned", "archived", "deleted", "last_activity")],
    ("messages", "removed_at"),
    ("agent_contexts", "last_switch_at"),
    ("compaction_events", "restored_at"),
    *[("agent_versions", name) for name in ("activated_at", "deactivated_at")],
    ("module_states", "expires_at"),
    *[("memories", name) for name in ("expires_at", "last_accessed_at")],
    ("memory_annotations", "applied_at"),
]

BROKEN_JSON = ["", " ", "[", "{", "[1,]", "{a:1}", "{'a':1}", "[NaN]", "nul", "\ufeff[]", "[1]x", "[1]\0x", "[1]\0"]
BROKEN_TIMES = [
    "",
    "now",
    "NOW",
    "subsec",
    "2024-01-01",
    "2024-01-01 00:00:00",
    "2024-01-01T00:00:00Z",
    "2024-01-01T00:00:00.000",
    "2024-01-01T00:00:00.000z",
    "2024-01-01t00:00:00.000Z",
    "2024-01-01 00:00:00.000Z",
    "2024-01-01T00:00:00.00Z",
    "2024-01-01T00:00:00.0000Z",
    "2024-01-01T00:00:00.0005Z",
    "2024-01-01T00:00:00.000+00:00",
    "2024-01-01T00:00:00.000Z ",
    " 2024-01-01T00:00:00.000Z",
    "2024-01-01T00:00:00.000Z\0",
    "2024-01-01T00:00:00.000ZZ",
    "2024-13-01T00:00:00.000Z",
    "2024-00-01T00:00:00.000Z",
    "2024-01-00T00:00:00.000Z",
    "2024-01-32T00:00:00.000Z",
    "2024-02-30T00:00:00.000Z",
    "2023-02-29T00:00:00.000Z",
    "1900-02-29T00:00:00.000Z",
    "2024-04-31T00:00:00.000Z",
    "2024-01-01T24:00:00.000Z",
    "2024-01-01T23:60:00.000Z",
    "2024-01-01T23:59:60.000Z",
    "0000-01-01T00:00:00.000Z",
    "-001-01-01T00:00:00.000Z",
    "10000-01-01T00:00:00.000Z",
    "2460310.5",
    "1704067200",
]


@pytest.fixture(scope="module")
def migrated(populated_database: Open) -> Iterator[sqlite3.Connection]:
    with closing(populated_database()) as connection:
        yield connection


@pytest.fixture
def connection(migrated: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One database for all of these tests: each is in a transaction that is rolled back."""
    migrated.execute("BEGIN")
    yield migrated
    migrated.execute("ROLLBACK")


def accepts(connection: sqlite3.Connection, insert: Insert, place: tuple[str, str], value: Any) -> bool:
    """Whether a row with this value goes in, reads back as it was; a refusal is an IntegrityError that names the column."""
    table, column = place
    if table == "message_archive":
        insert(connection, "messages", **ROW["messages"])
        insert(connection, "compaction_events", **ROW["compaction_events"])
    if table == "state_transitions":
        insert(connection, "module_states", id="m", **ROW["module_states"])
    if table.startswith("memory_"):
        connection.execute(
            "INSERT OR IGNORE INTO memories (id, text, content_json) VALUES ('m', 'x', '{}'), ('n', 'x', '{}')"
        )
    beside = {"is_applied": int(value is not None)} if column == "applied_at" else {}
    if table == "attachments":
        connection.execute("INSERT OR IGNORE INTO attachment_contents (sha256, size) VALUES ('there', 1)")
    try:
        insert(connection, table, **{**ROW[table], **beside, column: value})
    except sqlite3.IntegrityError as refusal:
        if column not in str(refusal):
            raise
        return False
    stored = connection.execute(f"SELECT {column} FROM {table} WHERE rowid = last_insert_rowid()").fetchone()[0]
    assert stored == value
    return True


def is_canonical_utc(text: str) -> bool:
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return canonical(moment) == text


def canonical(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


@pytest.mark.parametrize(
    "place", [*ARRAYS, NEEDED_ARRAY, *OBJECTS, *EITHER, *CONTENTS, *OPTIONAL_CONTENTS, *NEEDED_OBJECTS], ids=".".join
)
@pytest.mark.parametrize("text", BROKEN_JSON, ids=ascii)
def test_broken_json_is_refused(
    connection: sqlite3.Connection, insert: Insert, place: tuple[str, str], text: str
) -> None:
    assert not accepts(connection, insert, place, text)


@pytest.mark.parametrize("place", ARRAYS, ids=".".join)
@pytest.mark.parametrize(
    ("value", "fits"),
    [
        (None, True),
        ("[]", True),
        ('["x"]', True),
        ("null", False),
        ("{}", False),
        ('"x"', False),
        ("1", False),
        (1, False),
    ],
    ids=str,
)
def test_an_array_column_takes_an_array_or_nothing(
    connection: sqlite3.Connection, insert: Insert, place: tuple[str, str], value: str | None, fits: bool
) -> None:
    assert accepts(connection, insert, place, value) is fits


@pytest.mark.parametrize("place", OBJECTS, ids=".".join)
@pytest.mark.parametrize(
    ("value", "fits"),
    [(None, True), ("{}", True), ('{"a": 1}', True), ("null", False), ("[]", False), ('"x"', False), ("true", False)],
    ids=str,
)
def test_an_object_column_takes_an_object_or_nothing(
    connection: sqlite3.Connection, insert: Insert, place: tuple[str, str], value: str | None, fits: bool
) -> None:
    assert accepts(connection, insert, place, value) is fits


@pytest.mark.parametrize("place", EITHER, ids=".".join)
@pytest.mark.parametrize(
    ("value", "fits"),
    [(None, True), ("{}", True), ("[]", True), ("null", False), ('"x"', False), ("1", False), ("true", False)],
    ids=str,
)
def test_a_column_of_arrays_and_objects_takes_either_or_nothing(
    connection: sqlite3.Connection, insert: Insert, place: tuple[str, str], value: str | None, fits: bool
) -> None:
    assert accepts(connection, insert, place, value) is fits


def test_the_ids_that_an_event_preserved_are_an_array_and_never_nothing(
    connection: sqlite3.Connection, insert: Insert
) -> None:
    assert accepts(connection, insert, NEEDED_ARRAY, "[1, 2]")
    for value in (None, "{}", "null"):
        assert not accepts(connection, insert, NEEDED_ARRAY, value)


@pytest.mark.parametrize("place", OPTIONAL_TIMES, ids=".".join)
def test_a_time_of_what_may_not_have_happened_is_a_text_or_null(
    connection: sqlite3.Connection, insert: Insert, place: tuple[str, str]
) -> None:
    for value in (0, 1704067200.5, b"2024-01-01T00:00:00.000Z"):
        assert not accepts(connection, insert, place, value)
    assert accepts(connection, insert, place, None)


def test_every_column_of_json_or_of_a_time_is_named_here(connection: sqlite3.Connection) -> None:
    rows = connection.execute(
        "SELECT list.name AS place, info.name FROM pragma_table_list AS list JOIN pragma_table_info(list.name) AS info"
        " WHERE list.schema = 'main' AND list.strict AND (info.name LIKE '%\\_json' ESCAPE '\\' OR info.name LIKE '%\\_at' ESCAPE '\\')"
    )
    named = {
        *ARRAYS,
        NEEDED_ARRAY,
        *OBJECTS,
        *NEEDED_OBJECTS,
        *EITHER,
        *CONTENTS,
        *OPTIONAL_CONTENTS,
        *TIMES,
        *OPTIONAL_TIMES,
    }
    assert {
        tuple(row) for row in rows if not row["place"].startswith("audit_")
    } <= named  # m014 says why it has no CHECK


@pytest.mark.parametrize("place", [*CONTENTS, *OPTIONAL_CONTENTS], ids=".".join)
@pytest.mark.parametrize(
    ("value", "fits"),
    [
        *[(text, True) for text in ("{}", "[]", '""', '"x"', "0", "-1.5e3", "true", "false", "[null]")],
        *[(value, False) for value in (None, "null", " null ")],
    ],
    ids=str,
)
def test_a_content_is_any_json_but_null(
    connection: sqlite3.Connection, insert: Insert, place: tuple[str, str], value: str | None, fits: bool
) -> None:
    assert accepts(connection, insert, place, value) is (fits or (value is None and place in OPTIONAL_CONTENTS))


NEARLY_JSON = st.text(st.sampled_from('[]{}",:0123456789.eE+-truefalsn \\u\t\n\0'), max_size=12)


@pytest.mark.parametrize("place", [ARRAYS[0], OBJECTS[0], CONTENT], ids=".".join)
@given(text=NEARLY_JSON | NEARLY_JSON.map("[{}]".format) | NEARLY_JSON.map('{{"a":{}}}'.format))
def test_whatever_a_json_column_accepts_python_reads_and_it_is_of_that_kind(
    place: tuple[str, str], populated_database: Open, insert: Insert, text: str
) -> None:
    if accepts(populated_database(), insert, place, text):
        value = json.loads(text)
        if place == CONTENT:
            assert value is not None
        else:
            assert isinstance(value, list if place in ARRAYS else dict)


@pytest.mark.parametrize("place", [*TIMES, *OPTIONAL_TIMES], ids=".".join)
@pytest.mark.parametrize("text", BROKEN_TIMES, ids=ascii)
def test_what_is_not_a_canonical_utc_time_is_refused(
    connection: sqlite3.Connection, insert: Insert, place: tuple[str, str], text: str
) -> None:
    assert not is_canonical_utc(text)
    assert not accepts(connection, insert, place, text)


@pytest.mark.parametrize("place", TIMES, ids=".".join)
@pytest.mark.parametrize("value", [None, 0, 1704067200, 1704067200.5, b"2024-01-01T00:00:00.000Z"])
def test_a_time_is_a_text(connection: sqlite3.Connection, insert: Insert, place: tuple[str, str], value: Any) -> None:
    assert not accepts(connection, insert, place, value)


@pytest.mark.parametrize("place", [*TIMES, *OPTIONAL_TIMES], ids=".".join)
@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00.000Z",
        "1970-01-01T00:00:00.000Z",
        "2000-02-29T23:59:59.999Z",
        "2024-02-29T12:00:00.001Z",
        "9999-12-31T23:59:59.999Z",
    ],
)
def test_a_canonical_utc_time_is_accepted(
    connection: sqlite3.Connection, insert: Insert, place: tuple[str, str], text: str
) -> None:
    assert is_canonical_utc(text)
    assert accepts(connection, insert, place, text)


@pytest.mark.parametrize("table", ["agents", "sessions", "session_logs"])
def test_every_millisecond_of_a_minute_is_accepted(connection: sqlite3.Connection, table: str) -> None:
    # Where seconds are computed as floating point numbers, about one millisecond in a hundred reads back as another.
    names = ", ".join(ROW[table])
    marks = ", ".join(f":{name}" for name in ROW[table])
    connection.execute(
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 59999),"
        " t (text) AS (SELECT printf('2024-02-29T23:59:%02d.%03dZ', i / 1000, i % 1000) FROM n)"
        f" INSERT INTO {table} ({names}, created_at, updated_at) SELECT {marks}, text, text FROM t",
        ROW[table],
    )
    assert connection.execute("SELECT changes()").fetchone()[0] == 60_000


@given(moment=st.datetimes(timezones=st.just(UTC)))
def test_every_moment_in_canonical_form_is_accepted(populated_database: Open, insert: Insert, moment: datetime) -> None:
    assert accepts(populated_database(), insert, ("agents", "created_at"), canonical(moment))


TWO_DIGITS = st.integers(0, 99).map("{:02}".format)
NEARLY_A_TIME = st.builds(
    "{}-{}-{}T{}:{}:{}.{:03}Z".format,
    st.integers(0, 9999).map("{:04}".format),
    st.integers(0, 13).map("{:02}".format),
    st.integers(27, 32).map("{:02}".format) | TWO_DIGITS,
    st.integers(22, 25).map("{:02}".format) | TWO_DIGITS,
    st.integers(58, 61).map("{:02}".format) | TWO_DIGITS,
    st.integers(58, 61).map("{:02}".format) | TWO_DIGITS,
    st.integers(0, 999),
)
LOOSE_TIME = st.text(st.sampled_from("0123456789-:.TZtz +\0"), min_size=18, max_size=26)


@given(text=NEARLY_A_TIME | LOOSE_TIME | st.text())
@example("2023-02-29T10:00:00.000Z")
@example("2024-02-29T10:00:00.000Z")
@example("2024-06-30T24:00:00.000Z")
@example("2024-06-30T23:59:59.9996Z")
def test_a_time_column_accepts_the_canonical_utc_times_and_nothing_else(
    populated_database: Open, insert: Insert, text: str
) -> None:
    assert accepts(populated_database(), insert, ("agents", "updated_at"), text) is is_canonical_utc(text)
