"""The search index of messages: in step with them, whatever raw SQL does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

import pytest
from search_index import check_search_index

from agentdb import Migration, Migrator, create_client_sync
from agentdb.errors import MigrationError
from agentdb.migrations import get_migration

Insert = Callable[..., None]
ExecuteAll = Callable[[sqlite3.Connection, Iterable[str]], None]

MESSAGE = {"session_id": "s", "role": "user"}


def found(connection: sqlite3.Connection, word: str) -> list[int]:
    rows = connection.execute(
        "SELECT rowid FROM messages_fts WHERE messages_fts MATCH ? ORDER BY rowid", (f'"{word}"',)
    )
    return [row[0] for row in rows.fetchall()]


def test_the_index_follows_what_is_written(connection: sqlite3.Connection, insert: Insert) -> None:
    for seq, content in enumerate(["hello", None, "", "数据库检索"], 1):
        insert(connection, "messages", **MESSAGE, seq=seq, content=content)
    check_search_index(connection.execute)
    assert (found(connection, "hello"), found(connection, "库检索")) == ([1], [4])
    for content, words in ((None, []), ("hello again", [1]), ("goodbye", [])):
        connection.execute("UPDATE messages SET content = ? WHERE id = 1", (content,))
        assert found(connection, "hello") == words
        check_search_index(connection.execute)
    connection.execute("UPDATE messages SET content = content || ' hello'")  # NULL stays NULL
    assert found(connection, "hello") == [1, 3, 4]
    check_search_index(connection.execute)


def test_the_index_follows_every_column_that_holds_text(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "messages", **MESSAGE, seq=1, payload_json='[{"text": "hello"}]', tool_calls_json='["there"]')
    assert (found(connection, "hello"), found(connection, "there")) == ([1], [1])
    connection.execute("""UPDATE messages SET payload_json = '{"text": "other"}'""")
    assert (found(connection, "hello"), found(connection, "other"), found(connection, "there")) == ([], [1], [1])
    connection.execute("UPDATE messages SET tool_calls_json = NULL")
    assert found(connection, "there") == []
    check_search_index(connection.execute)
    connection.execute("DELETE FROM messages")
    assert found(connection, "other") == []
    check_search_index(connection.execute)


def test_words_that_were_made_of_other_texts_do_not_count(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "messages", **MESSAGE, seq=1, content="un café", search_words="7 cafe")
    assert found(connection, "cafe") == [1]
    connection.execute("UPDATE messages SET content = 'du thé noir'")  # raw SQL knows nothing of the words
    assert found(connection, "cafe") == []
    check_search_index(connection.execute)
    connection.execute("UPDATE messages SET content = 'un café'")  # as a restoration does
    assert found(connection, "cafe") == [1]
    for words in ("no number", "", "7", "7 ", "-7 cafe"):
        connection.execute("UPDATE messages SET search_words = ?", (words,))
        assert found(connection, "cafe") == []
        check_search_index(connection.execute)


def test_marks_change_nothing_in_the_index(connection: sqlite3.Connection, insert: Insert) -> None:
    insert(connection, "messages", **MESSAGE, seq=1, content="hello")
    before = [tuple(row) for row in connection.execute("SELECT * FROM messages_fts_data")]
    connection.execute("UPDATE messages SET compaction_event_id = 1, content = content")
    connection.execute("UPDATE messages SET removed_at = created_at, seq = 7, is_summary = 1")
    assert [tuple(row) for row in connection.execute("SELECT * FROM messages_fts_data")] == before
    assert found(connection, "hello") == [1]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM agents WHERE id = 'a'",
        "DELETE FROM sessions WHERE id = 's'",
        "DELETE FROM messages",
        "DELETE FROM messages WHERE session_id = 's'",
    ],
)
def test_what_goes_under_a_cascade_leaves_the_index_too(
    connection: sqlite3.Connection, insert: Insert, statement: str
) -> None:
    for seq in range(1, 50):
        insert(connection, "messages", **MESSAGE, seq=seq, content=f"hello no. {seq}")
    assert len(found(connection, "hello")) == 49
    connection.execute(statement)
    assert found(connection, "hello") == []
    check_search_index(connection.execute)


def test_a_rebuilt_index_finds_what_was_there_before_it(
    connection: sqlite3.Connection, insert: Insert, execute_all: ExecuteAll
) -> None:
    for seq, content in enumerate(["hello", None, "say\0hello", "", "数据库检索"], 1):
        insert(connection, "messages", **MESSAGE, seq=seq, content=content)
    search = get_migration("004")
    execute_all(connection, search.down)
    insert(connection, "messages", **MESSAGE, seq=6, content="hello again")
    execute_all(connection, search.up)
    assert found(connection, "hello") == [1, 6]
    assert found(connection, "库检索") == [5]
    check_search_index(connection.execute)


def test_a_module_that_this_sqlite_lacks_is_named_with_a_remedy_and_nothing_is_left() -> None:
    create = "CREATE VIRTUAL TABLE notes_index USING {} (text)"
    wanted = [
        create.format("fts9"),
        "CREATE VIRTUAL TABLE notes_index USING fts5 (text, tokenize = 'quadgram')",
    ]
    for sql, part in zip(wanted, ["module fts9", "tokenizer quadgram"], strict=True):
        with create_client_sync(":memory:") as client:
            notes = Migration("001", "Notes", ("CREATE TABLE notes (text TEXT)", sql))
            with pytest.raises(MigrationError, match=f"without the {part}") as refused:
                Migrator(client, [notes]).migrate()
            assert refused.value.code == "module_missing"
            assert "FTS5" in refused.value.remedy
            assert sqlite3.sqlite_version in str(refused.value)
            assert refused.value.statement_number == 2
            assert client.execute("SELECT name FROM sqlite_schema WHERE name = 'notes'").tuples == []
