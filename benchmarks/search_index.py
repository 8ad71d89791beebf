"""What the search index costs: `python -m benchmarks.search_index`.

Each case is written twice, with the same rows. The floor is the plainest index there can be, of three-character sequences
over one column that holds the text of each message. It finds nothing of a payload unless its text is stored beside it, and
no other way of writing. The limit of its size is 1.5.
"""

from __future__ import annotations

import json
import random
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from agentdb import AgentDB
from agentdb.queries import messages
from agentdb.stores.messages.search_words import search_words, strings_of
from benchmarks.conversations import content, make_file, row
from benchmarks.machine import machine_line
from benchmarks.peers import floor

COUNT, QUICK = 10_000, 500
LIMIT = 1.5
_FRENCH = [
    "le",
    "café",
    "est",
    "à",
    "côté",
    "de",
    "la",
    "forêt",
    "où",
    "l\u2019été",
    "déjà",
    "très",
    "long",
    "éclaire",
    "les",
    "élèves",
    "et",
    "leur",
    "professeur",
    "préféré",
]
_GERMAN = [
    "die",
    "Straße",
    "führt",
    "über",
    "den",
    "Fluss",
    "nach",
    "München",
    "und",
    "weiter",
    "durch",
    "grüne",
    "Wälder",
    "bis",
    "an",
    "die",
    "Küste",
]
_IDEOGRAPHS = [chr(0x4E00 + number) for number in range(3000)]
_OFTEN = [1 / (number + 1) for number in range(3000)]


def _words(words: list[str]) -> Callable[[int], dict[str, Any]]:
    return lambda number: {"content": " ".join(random.Random(number).choices(words, k=80)) + f" {number}"}


def _chinese(number: int) -> dict[str, Any]:
    return {"content": "".join(random.Random(number).choices(_IDEOGRAPHS, _OFTEN, k=160))}


def _item(number: int) -> dict[str, Any]:
    said = [{"type": "output_text", "text": content(number), "annotations": []}]
    item = {"type": "message", "id": f"msg_{number:032x}", "role": "assistant", "status": "completed", "content": said}
    return {"payload_json": json.dumps(item)}


def _call(number: int) -> dict[str, Any]:
    arguments = json.dumps({"query": content(number), "limit": 10})
    ids = {"id": f"fc_{number:032x}", "call_id": f"call_{number:024x}"}
    return {"payload_json": json.dumps({"type": "function_call", **ids, "name": "search", "arguments": arguments})}


CASES: dict[str, Callable[[int], dict[str, Any]]] = {
    "English text": lambda number: {"content": content(number)},
    "French text": _words(_FRENCH),
    "German text": _words(_GERMAN),
    "Chinese text": _chinese,
    "an item of text": _item,
    "a call of a tool": _call,
}


def plain(database: str) -> None:
    """Give a file the plainest index there can be, in place of its own."""
    with closing(floor.connect(database)) as connection:
        for name in ("insert", "update", "delete"):
            connection.execute(f"DROP TRIGGER messages_fts_{name}")
        connection.execute("DROP TABLE messages_fts_places")
        connection.execute("DROP TABLE messages_fts")
        connection.execute(
            "CREATE VIRTUAL TABLE messages_fts USING fts5 "
            "(content, content = 'messages', content_rowid = 'id', tokenize = 'trigram')"
        )
        connection.execute(
            "CREATE TRIGGER messages_fts_insert AFTER INSERT ON messages "
            "BEGIN INSERT INTO messages_fts (rowid, content) VALUES (NEW.id, NEW.content); END"
        )


def written(database: str, rows: list[dict[str, Any]]) -> tuple[float, int, int]:
    """Microseconds of an append, bytes of the index, and bytes of the file."""
    with closing(floor.connect(database)) as connection:
        times = []
        for each in rows:
            start = perf_counter()
            connection.execute(messages.APPEND, each).fetchall()
            times.append(perf_counter() - start)
        connection.execute("INSERT INTO messages_fts (messages_fts) VALUES ('optimize')")
        (size,) = connection.execute("SELECT sum(length(block)) FROM messages_fts_data").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return median(times) * 1e6, size, Path(database).stat().st_size


def compare(folder: str, count: int) -> list[str]:
    """A line of a table for each case."""
    lines = []
    for number, (name, make) in enumerate(CASES.items()):
        own, other = (str(Path(folder) / f"{number}-{kind}.db") for kind in ("own", "floor"))
        for database in (own, other):
            make_file(database, 0)
        plain(other)
        rows = [{**row(at, "new"), "content": None, **make(at)} for at in range(count)]
        start = perf_counter()
        ours = [
            {**each, "search_words": search_words(each, json.loads(each["payload_json"] or "null"), None)}
            for each in rows
        ]
        folding = (perf_counter() - start) / count * 1e6
        texts = [
            each["content"] or "\n".join([text for text, _ in strings_of(json.loads(each["payload_json"]))])
            for each in rows
        ]
        theirs = [{**each, "content": text} for each, text in zip(rows, texts, strict=True)]
        took, size, file = written(own, ours)
        floor_took, floor_size, floor_file = written(other, theirs)
        ratio = size / floor_size
        lines.append(
            f"| {name} | {size / count:,.0f} | {ratio:.2f}x | {LIMIT}x {'met' if ratio <= LIMIT else 'missed'} "
            f"| {file / floor_file:.2f}x | {took:.0f} µs | {took / floor_took:.2f}x | {folding:.1f} µs |"
        )
    return lines


def short_words(folder: str, count: int) -> str:
    """What a search for a word of two characters costs behind so many newer messages."""
    database = make_file(str(Path(folder) / "short.db"), 0)
    with AgentDB.open(database) as db:
        db.messages.append("new", role="user", content="检索")
        with db.transaction() as tx:
            for at in range(count):
                tx.messages.append("new", role="user", **_chinese(at))
        times = []
        for _ in range(5):
            start = perf_counter()
            found = db.messages.search("检索")
            times.append(perf_counter() - start)
        assert 1 in [hit.message.seq for hit in found]
    return f"A word of two characters behind {count:,} newer messages: {min(times) * 1e3:.1f} ms."


def main(arguments: list[str]) -> None:
    count = QUICK if "--quick" in arguments else COUNT
    print(machine_line([]))
    print(f"\n{count:,} messages of each case; SQLite {sqlite3.sqlite_version}.\n")
    print(
        "| case | index, bytes a message | of the floor | limit | file | append | of the floor | folding, in Python |"
    )
    print("|---|---|---|---|---|---|---|---|")
    with TemporaryDirectory() as folder:
        for line in compare(folder, count):
            print(line)
        print(f"\n{short_words(folder, count + 2_000)}")


if __name__ == "__main__":
    main(sys.argv[1:])
