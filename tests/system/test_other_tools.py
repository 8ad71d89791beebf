"""The runners of other tools apply exported files, and give the schema that agentdb gives.

dbmate: `npm install --prefix DIR dbmate`, with DIR/node_modules/.bin on the PATH. sql-migrate and sqlite3: packages of Debian.
A test whose program is not there is skipped.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agentdb import Migration, Migrator, RebuildTable, create_client_sync, migrations
from agentdb.tools.export import export_migrations
from agentdb.tools.takeover import take_over

#: Every kind of thing that a runner may stumble over: triggers with `;`, text like a directive, no foreign keys, a rebuild.
OWN = [
    Migration("001", "Parents", "CREATE TABLE parents (id INTEGER PRIMARY KEY, name TEXT)", "DROP TABLE parents"),
    Migration(
        "002",
        "Children: a trigger; and 'quotes'",
        [
            "-- agentdb: a comment; with a semicolon\nCREATE TABLE children (id INTEGER PRIMARY KEY, parent REFERENCES parents (id) ON DELETE CASCADE)",
            "CREATE INDEX children_by_parent ON children (parent)",
            "CREATE TRIGGER t AFTER INSERT ON children BEGIN\n  UPDATE parents SET name = 'a;b -- c' WHERE id = NEW.parent;\n  SELECT 1;\nEND",
            "INSERT INTO parents (id, name) VALUES (1, 'it''s; one')",
            "INSERT INTO children (parent) VALUES (1), (1)",
        ],
        ["DROP TABLE children"],
    ),
    Migration(
        "003",
        "Without foreign keys",
        [
            "CREATE TABLE parents_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, more TEXT)",
            "INSERT INTO parents_new (id, name) SELECT id, name FROM parents",
            "DROP TRIGGER t",
            "DROP TABLE parents",
            "ALTER TABLE parents_new RENAME TO parents",
        ],
        "ALTER TABLE parents DROP COLUMN more",
        foreign_keys=False,
    ),
    Migration(
        "004",
        "Rebuilt",
        [
            RebuildTable(
                "children",
                "CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES parents (id) ON DELETE CASCADE)",
                columns={"id": "id", "parent": "parent"},
            )
        ],
    ),
]
_ROWS = ("SELECT id, name FROM parents", "SELECT id, parent FROM children ORDER BY id")


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not there")
    return found


def ran(*command: object, **more: Any) -> None:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=120, check=False, **more
    )
    assert done.returncode == 0, done.stdout + done.stderr


def with_dbmate(folder: Path, path: Path) -> None:
    ran(program("dbmate"), "--url", f"sqlite:{path}", "--migrations-dir", folder, "--no-dump-schema", "up")


def with_sql_migrate(folder: Path, path: Path) -> None:
    config = folder.parent / "dbconfig.yml"
    config.write_text(f"development:\n  dialect: sqlite3\n  datasource: {path}\n  dir: {folder}\n")
    ran(program("sql-migrate"), "up", f"-config={config}")


def with_sqlite3(folder: Path, path: Path) -> None:
    for file in sorted(folder.glob("*.sql")):
        if not file.name.endswith(".down.sql"):
            ran(program("sqlite3"), "-bail", path, input=file.read_text(encoding="utf-8"))


TOOLS: dict[str, tuple[str, Callable[[Path, Path], None]]] = {
    "dbmate": ("dbmate", with_dbmate),
    "sql-migrate": ("sql-migrate", with_sql_migrate),
    "sqlite3": ("plain", with_sqlite3),
}


def schema(path: Path) -> set[tuple[str, str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
        )
        return {row for row in rows if row[1] not in ("schema_migrations", "gorp_migrations", "migrations")}


def made_by_agentdb(path: Path, listed: Iterable[Migration]) -> Path:
    with create_client_sync(path) as client:
        Migrator(client, listed).migrate()
    return path


@pytest.mark.parametrize("tool", TOOLS)
def test_the_built_in_set_is_applied_by_another_runner(tool: str, tmp_path: Path) -> None:
    layout, apply = TOOLS[tool]
    export_migrations(migrations, tmp_path / "out", layout)
    path = tmp_path / "theirs.db"
    try:
        apply(tmp_path / "out", path)
    except AssertionError as error:
        if "no such module: fts5" in str(error) or "no such tokenizer: trigram" in str(error) or "STRICT" in str(error):
            pytest.skip(f"the SQLite of {tool} is too old, or has no FTS5")
        raise
    assert schema(path) == schema(made_by_agentdb(tmp_path / "ours.db", migrations.MIGRATIONS))
    if tool == "dbmate":
        taken = take_over(path, migrations.MIGRATIONS)
        assert len(taken.recorded) == len(migrations.MIGRATIONS)


@pytest.mark.parametrize("tool", TOOLS)
def test_what_a_runner_may_stumble_over_gives_the_same_schema_and_rows(tool: str, tmp_path: Path) -> None:
    layout, apply = TOOLS[tool]
    done = export_migrations(OWN, tmp_path / "out", layout)
    assert done.changed == ("004",)
    path = tmp_path / "theirs.db"
    apply(tmp_path / "out", path)
    ours = made_by_agentdb(tmp_path / "ours.db", OWN)
    assert schema(path) == schema(ours)
    for sql in _ROWS:
        with closing(sqlite3.connect(path)) as one, closing(sqlite3.connect(ours)) as other:
            assert one.execute(sql).fetchall() == other.execute(sql).fetchall()
