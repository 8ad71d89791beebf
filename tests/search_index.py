"""Whether the search index of messages holds what the messages say: FTS5's own check cannot read the view."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import Any

#: What is searched, what the index has, and FTS5's check of the index alone.
TEXTS = "SELECT id, CAST(text AS BLOB) FROM message_texts"
PLACES = 'SELECT doc, "offset", term FROM messages_fts_places'
CHECK = "INSERT INTO messages_fts (messages_fts) VALUES ('integrity-check')"


def check_search_index(rows: Callable[[str], Iterable[Sequence[Any]]]) -> None:
    """`rows` executes SQL and gives its rows."""
    list(rows(CHECK))
    compare(rows(TEXTS), rows(PLACES))


def compare(texts: Iterable[Sequence[Any]], places: Iterable[Sequence[Any]]) -> None:
    """Both, as the statements above give them."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE fresh USING fts5 (text, content = '', tokenize = 'trigram')")
        connection.execute("CREATE VIRTUAL TABLE fresh_places USING fts5vocab (fresh, instance)")
        connection.executemany(
            "INSERT INTO fresh (rowid, text) VALUES (?, CAST(? AS TEXT))", [tuple(row) for row in texts]
        )
        wanted = connection.execute('SELECT doc, "offset", term FROM fresh_places').fetchall()
    assert sorted(map(tuple, places)) == sorted(wanted)
