"""What guard, rebuild and backup cost on a large file: `python -m benchmarks.upgrades [--megabytes N]`, or the same rows
in those of `python -m benchmarks.migrations`.

Sessions with messages of about 1 KB, a foreign key from each message to its session and to the message before, both with an
index. The floor is the same statements on raw sqlite3, in one transaction, with nobody counting. Each figure is the median of
three runs, each on a fresh copy of the file that is on the disk and in the system's cache: an upgrade happens once, and is
not repeated until it is warm. What is held against more than one floor is run anew beside each.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from agentdb import Migration, Migrator, RebuildTable, backup, create_client_sync
from benchmarks import options
from benchmarks.machine import machine_line
from benchmarks.rounds import Sampler, interleave
from benchmarks.table import Figure, compare, markdown

#: What is done to a file.
Work = Callable[[Path], object]

FLOOR, OURS = "floor", "agentdb"
MEGABYTES, MEGABYTES_QUICK = 1024, 8
ROUNDS, ROUNDS_QUICK = 3, 1
_MESSAGES = (
    "CREATE TABLE messages (id INTEGER PRIMARY KEY, session INTEGER REFERENCES sessions ON DELETE CASCADE, "
    "parent INTEGER REFERENCES messages ON DELETE SET NULL, text TEXT{}) STRICT"
)
_INDEXES = ("CREATE INDEX by_session ON messages (session)", "CREATE INDEX by_parent ON messages (parent)")
_COLUMNS = "id, session, parent, text"
SCHEMA = Migration(
    "001",
    "sessions",
    (
        "CREATE TABLE sessions (id INTEGER PRIMARY KEY, name TEXT) STRICT",
        _MESSAGES.format(""),
        *_INDEXES,
        "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT) STRICT",
        "INSERT INTO settings VALUES ('a', 'b')",
    ),
)
SMALL = Migration("002", "one row", "UPDATE settings SET value = 'c'")
LARGE = Migration("002", "a tenth", "UPDATE messages SET text = upper(text) WHERE id % 10 = 0")
REBUILD = Migration("002", "rebuild", RebuildTable("messages", _MESSAGES.format(" NOT NULL")))
BY_HAND = (
    "PRAGMA foreign_keys=OFF",
    "BEGIN IMMEDIATE",
    _MESSAGES.format(" NOT NULL").replace("TABLE messages", "TABLE new"),
    f"INSERT INTO new ({_COLUMNS}) SELECT {_COLUMNS} FROM messages",
    "DROP TABLE messages",
    "ALTER TABLE new RENAME TO messages",
    *_INDEXES,
    "COMMIT",
)
LEGEND = """\
Three runs each on a fresh copy; ratios to the same statements on raw sqlite3 with nobody counting. `an update of one row` is
what the loss guard costs where a migration touches little: it scans an index of every table, before and behind.
`a backup` is verified and on the disk (fsync) when it is done; a copy of the file is neither, nor one of a moment where
somebody writes, and the backup API alone is not verified. A rebuild is beside create, copy, drop, rename, and the indexes
once more."""


def fill(path: Path, megabytes: int) -> int:
    """Write the file; return how many messages it holds."""
    with create_client_sync(path) as client:
        Migrator(client, [SCHEMA]).migrate()
    sessions = max(1, megabytes // 4)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO sessions (name) VALUES (?)", [(f"s{n}",) for n in range(sessions)])
        number = 0
        while connection.execute("PRAGMA page_count").fetchone()[0] * 4096 < megabytes * 2**20:
            rows = [(n % sessions + 1, n or None, "text " * 200) for n in range(number, number + 1000)]
            connection.executemany("INSERT INTO messages (session, parent, text) VALUES (?, ?, ?)", rows)
            number += len(rows)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return number


def raw(path: Path, statements: Sequence[str]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for sql in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", *statements):
            connection.execute(sql)


def copy_by_api(path: Path) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(path.with_name("copy.db.api"))) as copy:
        source.backup(copy)


def copy_by_system(path: Path) -> None:
    shutil.copyfile(path, path.with_name("copy.db.file"))


def own_backup(path: Path) -> None:
    backup(path, path.with_name("copy.db.backup"))


def migrate(path: Path, migration: Migration) -> None:
    with create_client_sync(path) as client:
        Migrator(client, [SCHEMA, migration], backup=False).migrate()


def update(migration: Migration) -> tuple[Work, Work]:
    statements = ("BEGIN IMMEDIATE", *map(str, migration.up), "COMMIT")
    return lambda path: raw(path, statements), lambda path: migrate(path, migration)


#: What is measured: by hand, and by agentdb.
CASES: dict[str, tuple[Work, Work]] = {
    "an update of one row": update(SMALL),
    "an update of a tenth of the rows": update(LARGE),
    "a rebuild of the large table": (lambda path: raw(path, BY_HAND), lambda path: migrate(path, REBUILD)),
    "a backup, beside a copy of the file": (copy_by_system, own_backup),
    "a backup, beside the backup API alone": (copy_by_api, own_backup),
}


def sampler(contender: str, template: Path, work: Callable[[Path], object], rounds: int) -> Sampler:
    """Takes the time of one run on a fresh copy of the file."""
    path = template.with_name("copy.db")

    def take() -> int:
        shutil.copyfile(template, path)
        with path.open("rb+") as copied:
            os.fsync(copied.fileno())  # or else the first who commits writes the whole file to the disk
        try:
            began = time.perf_counter_ns()
            work(path)
            return time.perf_counter_ns() - began
        finally:
            for left in template.parent.glob("copy.db*"):
                left.unlink()

    return Sampler(contender, take, rounds)


def measure(megabytes: int, rounds: int) -> list[Figure]:
    figures: list[Figure] = []
    with TemporaryDirectory(prefix="agentdb-benchmark-") as folder:
        template = Path(folder) / "template.db"
        options.progress(f"writing {megabytes} MB")
        fill(template, megabytes)
        for case, (floor, ours) in CASES.items():
            options.progress(case)
            both = (sampler(FLOOR, template, floor, rounds), sampler(OURS, template, ours, rounds))
            figures += compare(f"{case}, {megabytes} MB", interleave(both), FLOOR)
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    parser = options.parser("upgrades", "What guard, rebuild and backup cost on a large file.", (FLOOR, OURS))
    parser.add_argument("--megabytes", type=int, default=MEGABYTES, metavar="N", help="how large the file is")
    chosen = parser.parse_args(arguments)
    megabytes = MEGABYTES_QUICK if chosen.quick else chosen.megabytes
    figures = measure(megabytes, ROUNDS_QUICK if chosen.quick else ROUNDS)
    figures = [figure for figure in figures if not chosen.only or figure.contender in (FLOOR, *chosen.only)]
    options.show(figures, machine_line(()), markdown(figures, "upgrades", FLOOR), LEGEND, chosen.json)


if __name__ == "__main__":
    main(sys.argv[1:])
