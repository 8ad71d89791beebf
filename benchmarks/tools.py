"""What the tools around the engine cost: `python -m benchmarks.tools`.

Check, lint, doctor and schema on many migrations and tables; a rehearsal beside a plain copy with the same migrations; many
small files beside a shell loop over the sqlite3 program. Every figure is of one run. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from agentdb import Migration, MigrationSet, Migrator, create_client_sync
from agentdb.operations.runners import run
from agentdb.tools.diagram.svg import svg
from agentdb.tools.doctor import doctor
from agentdb.tools.drift import find_drift
from agentdb.tools.lint import lint_migrations
from agentdb.tools.many_files import migrate_all
from agentdb.tools.rehearsal import rehearse
from agentdb.tools.schema_model import read_tables
from benchmarks.machine import machine_line

#: The script of the shell loop: what the five migrations of each file do, with a history row.
_LOOP = """
for file in "$0"/*.db; do
  sqlite3 -bail "$file" < "$1" > /dev/null || exit 1
done
"""


def timed(work: Callable[[], Any]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


def many_tables(count: int) -> MigrationSet:
    return MigrationSet(
        "many",
        [
            Migration(
                f"{number:04}",
                f"table {number}",
                [
                    f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, text TEXT, "
                    f"before INTEGER REFERENCES t{max(1, number - 1)} (id))",
                    f"CREATE INDEX t{number}_by_before ON t{number} (before)",
                ],
                f"DROP TABLE t{number}",
            )
            for number in range(1, count + 1)
        ],
    )


def on_many_tables(folder: Path, count: int) -> list[dict[str, Any]]:
    path, many = folder / "many.db", many_tables(count)
    with create_client_sync(path) as client:
        Migrator(client, many).migrate()
    with create_client_sync(path, read_only=True) as client:
        drawing = timed(lambda: svg(run(client, read_tables())))
    what = f"{count} migrations, {count} tables"
    return [
        {"tool": "check", "of": what, "seconds": timed(lambda: find_drift(path))},
        {"tool": "lint", "of": what, "seconds": timed(lambda: lint_migrations(many))},
        {"tool": "doctor", "of": what, "seconds": timed(lambda: doctor(path, [many]))},
        {"tool": "schema --diagram svg", "of": what, "seconds": drawing},
    ]


def on_a_big_file(folder: Path, megabytes: int) -> list[dict[str, Any]]:
    path, copy = folder / "big.db", folder / "copy.db"
    first = Migration("001", "notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY, kind INTEGER, text TEXT)")
    second = Migration("002", "an index", "CREATE INDEX notes_by_kind ON notes (kind)")
    with create_client_sync(path) as client:
        Migrator(client, [first], table="notes_migrations").migrate()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(
            "INSERT INTO notes (kind, text) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "SELECT i % 100, hex(randomblob(480)) FROM n",
            (megabytes * 1000,),
        )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def plainly() -> None:
        shutil.copyfile(path, copy)
        with create_client_sync(copy) as client:
            Migrator(client, [first, second], table="notes_migrations", backup=False).migrate()

    of = f"a file of {path.stat().st_size / 1e6:,.0f} MB, one index"
    found = rehearse(path, [MigrationSet("notes", [first, second])])
    whole = timed(lambda: rehearse(path, [MigrationSet("notes", [first, second])]))
    return [
        {"tool": "copy and migrate", "of": of, "seconds": timed(plainly)},
        {"tool": "rehearse", "of": of, "seconds": whole},
        {"tool": "rehearse: the verified copy", "of": of, "seconds": found.copy_seconds},
        {"tool": "rehearse: the migration", "of": of, "seconds": found.migrate_seconds},
    ]


def on_many_files(folder: Path, count: int) -> list[dict[str, Any]]:
    tables = [f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, text TEXT)" for number in range(1, 6)]
    many = MigrationSet("many", [Migration(f"{n:03}", f"table {n}", sql) for n, sql in enumerate(tables, 1)])
    ours, theirs = folder / "ours", folder / "theirs"
    for place in (ours, theirs):
        place.mkdir()
        for number in range(count):
            (place / f"{number:05}.db").touch()
    paths = sorted(ours.glob("*.db"))
    of = f"{count} files, 5 migrations"
    figures = [
        {"tool": "migrate --all", "of": of, "seconds": timed(lambda: migrate_all(paths, [many]))},
        {
            "tool": "migrate --all --jobs 1",
            "of": f"{of}, again",
            "seconds": timed(lambda: migrate_all(paths, [many], jobs=1)),
        },
        {"tool": "migrate --all", "of": f"{of}, again", "seconds": timed(lambda: migrate_all(paths, [many]))},
    ]
    if shutil.which("sqlite3") is None:
        return figures
    fresh, again = folder / "fresh.sql", folder / "again.sql"
    history = "CREATE TABLE m (id TEXT PRIMARY KEY, at TEXT)"
    inserts = [f"INSERT INTO m VALUES ('{number}', datetime('now'))" for number in range(1, 6)]
    each = [f"BEGIN IMMEDIATE; {sql}; {row}; COMMIT" for sql, row in zip(tables, inserts, strict=True)]
    fresh.write_text(";\n".join(["PRAGMA journal_mode = wal", "PRAGMA synchronous = normal", history, *each]) + ";\n")
    again.write_text("SELECT id FROM m;\n")
    for script, what in ((fresh, of), (again, f"{of}, again")):
        command = ["sh", "-c", _LOOP, str(theirs), str(script)]
        seconds = timed(lambda command=command: subprocess.run(command, check=True))  # type: ignore[misc]
        figures.append({"tool": "a shell loop over sqlite3", "of": what, "seconds": seconds})
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tools", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small: to see that it runs, not to quote")
    parser.add_argument("--tables", type=int, default=1000, help="migrations, and tables")
    parser.add_argument("--megabytes", type=int, default=1000, help="of the file that is rehearsed")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--json", action="store_true", help="print every figure as JSON, not a table")
    options = parser.parse_args()
    if options.quick:
        options.tables, options.megabytes, options.files = 30, 1, 10
    with TemporaryDirectory() as name:
        folder = Path(name)
        figures = [
            *on_many_tables(folder, options.tables),
            *on_a_big_file(folder, options.megabytes),
            *on_many_files(folder, options.files),
        ]
    if options.json:
        print(json.dumps({"machine": machine_line(()), "figures": figures}, indent=2))
        return
    print("| tool | of | time |\n|---|---|---|")
    for figure in figures:
        print("| {tool} | {of} | {seconds:.2f} s |".format(**figure))
    print(f"\n{machine_line(())}")


if __name__ == "__main__":
    main()
