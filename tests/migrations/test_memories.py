"""The tables of memories: what they refuse from raw SQL, what their triggers keep, and their search index."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from agentdb.migrations import get_migration

Insert = Callable[..., None]
ExecuteAll = Callable[[sqlite3.Connection, Iterable[str]], None]

MEMORY = {"text": "likes tea", "content_json": '"likes tea"'}
ROWS: dict[str, dict[str, Any]] = {
    "memories": MEMORY,
    "memory_links": {"memory_id": "m", "related_id": "n"},
    "memory_accesses": {"memory_id": "m"},
    "memory_annotations": {"memory_id": "m", "kind": "correction", "content_json": "{}"},
    "memory_embeddings": {"memory_id": "m", "model": "x", "dimensions": 2, "vector": b"\0\0\x80?\0\0\0\0"},
}
BAD = [
    *[("memories", {name: value}) for name in ("importance", "confidence") for value in (-0.1, 1.1, 2, float("nan"))],
    *[("memories", {name: None}) for name in ("importance", "confidence", "text", "content_json", "type")],
    *[("memories", {name: ""}) for name in ("id", "type", "user_id")],
    *[("memories", {"verification_status": value}) for value in ("", "maybe", None)],
    *[("memories", {name: "nobody"}) for name in ("agent_id", "session_id", "supersedes_id")],
    ("memories", {"id": "me", "supersedes_id": "me"}),
    ("memories", {"access_count": -1}),
    ("memories", {"number": 0}),
    ("memories", {"text": b"likes tea"}),
    *[("memory_links", change) for change in ({"related_id": "m"}, {"kind": ""}, {"related_id": "nobody"})],
    *[("memory_accesses", {"access_type": value}) for value in ("write", "", None)],
    *[("memory_accesses", {"accessor_type": value}) for value in ("robot", "", None)],
    *[("memory_accesses", {"usefulness": value}) for value in (-0.1, 1.1)],
    ("memory_accesses", {"memory_id": "nobody"}),
    ("memory_annotations", {"kind": "opinion"}),
    ("memory_annotations", {"content_json": None}),
    ("memory_annotations", {"is_applied": 1}),
    ("memory_annotations", {"applied_at": "2024-01-01T00:00:00.000Z"}),
    ("memory_annotations", {"memory_id": "nobody"}),
    *[("memory_embeddings", {"dimensions": value}) for value in (0, 1, 3, None)],
    ("memory_embeddings", {"vector": "\0\0\0\0\0\0\0\0"}),
    ("memory_embeddings", {"model": ""}),
    ("memory_embeddings", {"memory_id": "nobody"}),
]


@pytest.fixture(autouse=True)
def memories(connection: sqlite3.Connection, insert: Insert) -> None:
    for id in ("m", "n"):
        insert(connection, "memories", id=id, **MEMORY)


def of(connection: sqlite3.Connection, id: str, *columns: str) -> tuple[Any, ...]:
    return tuple(connection.execute(f"SELECT {', '.join(columns)} FROM memories WHERE id = ?", (id,)).fetchone())


def check_index(connection: sqlite3.Connection) -> None:
    """Raises sqlite3.DatabaseError where the index and the memories say different things."""
    connection.execute("INSERT INTO memories_fts (memories_fts, rank) VALUES ('integrity-check', 1)")


def found(connection: sqlite3.Connection, word: str) -> list[int]:
    rows = connection.execute(
        "SELECT rowid FROM memories_fts WHERE memories_fts MATCH ? ORDER BY rowid", (f'"{word}"',)
    )
    return [row[0] for row in rows.fetchall()]


@pytest.mark.parametrize("table", ROWS)
def test_a_plain_row_is_accepted(connection: sqlite3.Connection, insert: Insert, table: str) -> None:
    insert(connection, table, **ROWS[table])
    found = connection.execute(f"SELECT {', '.join(ROWS[table])} FROM {table} ORDER BY rowid DESC LIMIT 1").fetchone()
    assert tuple(found) == tuple(ROWS[table].values())


@pytest.mark.parametrize(("table", "change"), BAD, ids=lambda value: str(value)[:50])
def test_a_wrong_value_is_refused(
    connection: sqlite3.Connection, insert: Insert, table: str, change: dict[str, Any]
) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, table, **{**ROWS[table], **change})


@pytest.mark.parametrize("value", [0, 0.0, 1, 0.25])
def test_a_score_stays_as_it_is(connection: sqlite3.Connection, insert: Insert, value: float) -> None:
    insert(connection, "memories", id="x", importance=value, confidence=value, **MEMORY)
    assert of(connection, "x", "importance", "confidence") == (value, value)


def test_the_counters_follow_the_accesses(connection: sqlite3.Connection, insert: Insert) -> None:
    days = [f"2024-01-{day:02}T00:00:00.000Z" for day in (2, 3, 1)]
    for day in days:
        insert(connection, "memory_accesses", memory_id="m", accessed_at=day)
    assert of(connection, "m", "access_count", "last_accessed_at") == (3, days[1])
    connection.execute("UPDATE memory_accesses SET accessed_at = ? WHERE id = 2", (days[2],))
    assert of(connection, "m", "access_count", "last_accessed_at") == (3, days[0])
    connection.execute("DELETE FROM memory_accesses WHERE id = 1")
    assert of(connection, "m", "access_count", "last_accessed_at") == (2, days[2])
    connection.execute("DELETE FROM memory_accesses")
    assert of(connection, "m", "access_count", "last_accessed_at") == (0, None)
    assert of(connection, "n", "access_count", "last_accessed_at") == (0, None)


@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE"])
@pytest.mark.parametrize("recursive", ["ON", "OFF"])
def test_no_memory_and_no_access_is_replaced(
    connection: sqlite3.Connection, insert: Insert, verb: str, recursive: str
) -> None:
    connection.execute(f"PRAGMA recursive_triggers = {recursive}")
    insert(connection, "memories", id="o", supersedes_id="m", **MEMORY)
    insert(connection, "memory_accesses", memory_id="m")
    before = list(connection.iterdump())
    for statement in (
        "INTO memories (id, text, content_json) VALUES ('m', 'x', '1')",
        "INTO memories (number, text, content_json) VALUES (1, 'x', '1')",
        "INTO memories (supersedes_id, text, content_json) VALUES ('m', 'x', '1')",
        "INTO memory_accesses (id, memory_id) VALUES (1, 'n')",
    ):
        for _ in range(2):
            with pytest.raises(sqlite3.IntegrityError, match="never replaced"):
                connection.execute(f"{verb} {statement}")
    assert list(connection.iterdump()) == before
    connection.execute("INSERT OR IGNORE INTO memories (id, text, content_json) VALUES ('m', 'x', '1')")
    assert of(connection, "m", "text") == ("likes tea",)
    check_index(connection)


def test_keys_of_memories_and_accesses_never_change(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "memories", id="o", supersedes_id="m", **MEMORY)
    insert(connection, "memory_accesses", memory_id="m")
    for change in (
        "memories SET number = 99 WHERE id = 'm'",
        "memories SET id = 'z' WHERE id = 'm'",
        "memories SET supersedes_id = 'n' WHERE id = 'o'",
        "memories SET supersedes_id = 'o' WHERE id = 'm'",
        "memory_accesses SET id = 99",
        "memory_accesses SET memory_id = 'n'",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="never change"):
            connection.execute(f"UPDATE {change}")
        with pytest.raises(sqlite3.IntegrityError, match="never change"):
            connection.execute(f"UPDATE OR REPLACE {change}")
    connection.execute("DELETE FROM memories WHERE id = 'm'")
    assert of(connection, "o", "supersedes_id") == (None,)


def test_a_memory_has_one_successor(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "memories", supersedes_id="m", **MEMORY)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        insert(connection, "memories", supersedes_id="m", **MEMORY)


def test_a_memory_outlives_its_agent_and_its_session(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "memories", id="x", agent_id="a", session_id="s", **MEMORY)
    connection.execute("DELETE FROM sessions")
    assert of(connection, "x", "agent_id", "session_id") == ("a", None)
    connection.execute("DELETE FROM agents")
    assert of(connection, "x", "agent_id", "session_id") == (None, None)


def test_all_that_belongs_to_a_memory_goes_with_it(connection: sqlite3.Connection, insert: Insert) -> None:
    for table, row in ROWS.items():
        insert(connection, table, **row)
    insert(connection, "memory_links", memory_id="n", related_id="m")
    connection.execute("DELETE FROM memories WHERE id = 'm'")
    for table in ROWS:
        if table != "memories":
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0
    check_index(connection)


# -- the index


def test_the_index_follows_what_is_written(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "memories", text="数据库检索", content_json="1")
    assert (found(connection, "tea"), found(connection, "库检索")) == ([1, 2], [3])
    connection.execute("UPDATE memories SET text = 'likes cocoa' WHERE id = 'm'")
    assert (found(connection, "tea"), found(connection, "COCOA")) == ([2], [1])
    check_index(connection)
    connection.execute("DELETE FROM memories WHERE id = 'n'")
    assert found(connection, "tea") == []
    check_index(connection)


def test_search_words_count_while_they_fit_the_text(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "memories", id="x", text="café", search_words="4 cafe", content_json="1")
    assert (found(connection, "cafe"), found(connection, "café")) == ([3], [3])
    check_index(connection)
    connection.execute("UPDATE memories SET text = 'cocoa' WHERE id = 'x'")
    assert (found(connection, "cafe"), found(connection, "cocoa")) == ([], [3])
    check_index(connection)


def test_an_access_leaves_the_index_alone(connection: sqlite3.Connection, insert: Insert) -> None:
    before = [tuple(row) for row in connection.execute("SELECT * FROM memories_fts_data")]
    insert(connection, "memory_accesses", memory_id="m")
    connection.execute("UPDATE memories SET importance = 1, text = text")
    assert [tuple(row) for row in connection.execute("SELECT * FROM memories_fts_data")] == before


def test_the_index_is_made_of_what_is_there_and_goes_without_a_trace(
    connection: sqlite3.Connection, execute_all: ExecuteAll
) -> None:
    search = get_migration("012")
    execute_all(connection, search.down)
    connection.execute("UPDATE memories SET text = 'likes cocoa' WHERE id = 'm'")
    execute_all(connection, search.up)
    assert found(connection, "cocoa") == [1]
    check_index(connection)


# -- vectors


def test_the_vectors_of_a_model_have_one_length(connection: sqlite3.Connection, insert: Insert) -> None:
    row = ROWS["memory_embeddings"]
    longer = {"dimensions": 3, "vector": b"1234" * 3}
    insert(connection, "memory_embeddings", **row)
    with pytest.raises(sqlite3.IntegrityError, match="another number of dimensions"):
        insert(connection, "memory_embeddings", **{**row, "memory_id": "n", **longer})
    insert(connection, "memory_embeddings", **{**row, "memory_id": "n", "model": "y", **longer})
    with pytest.raises(sqlite3.IntegrityError, match="another number of dimensions"):
        connection.execute("UPDATE memory_embeddings SET model = 'x' WHERE model = 'y'")
    with pytest.raises(sqlite3.IntegrityError, match="another number of dimensions"):
        connection.execute("UPDATE memory_embeddings SET dimensions = 1, vector = x'00000000' WHERE model = 'y'")


def test_a_vector_goes_when_its_text_changes(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "memory_embeddings", **ROWS["memory_embeddings"])
    connection.execute("UPDATE memories SET importance = 0, text = text")
    assert connection.execute("SELECT count(*) FROM memory_embeddings").fetchone()[0] == 1
    connection.execute("UPDATE memories SET text = 'likes cocoa' WHERE id = 'n'")
    assert connection.execute("SELECT count(*) FROM memory_embeddings").fetchone()[0] == 1
    connection.execute("UPDATE memories SET text = 'likes cocoa' WHERE id = 'm'")
    assert connection.execute("SELECT count(*) FROM memory_embeddings").fetchone()[0] == 0
