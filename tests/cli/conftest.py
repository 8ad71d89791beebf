from __future__ import annotations

import inspect
import json
import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agentdb.cli.group import agentdb

NOBODY = 65534


class Cli:
    """Runs the command inside this process."""

    def __init__(self) -> None:
        # Older click mixes stderr into stdout unless it is told not to; newer click knows no such option.
        separate = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
        self._runner = CliRunner(**separate)

    def __call__(self, *arguments: object, code: int = 0, **options: Any) -> Result:
        result = self._runner.invoke(agentdb, [str(argument) for argument in arguments], **options)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, (result.exit_code, result.stdout, result.stderr)
        return result

    def json(self, *arguments: object, code: int = 0, **options: Any) -> dict[str, Any]:
        result = self(*arguments, "--json", code=code, **options)
        assert result.stderr == ""
        document: dict[str, Any] = json.loads(result.stdout)
        return document

    def error(self, *arguments: object, code: int = 1, **options: Any) -> dict[str, Any]:
        """What the JSON says, after a look whether the text says the same."""
        document = self.json(*arguments, code=code, **options)
        assert list(document) == ["error"]
        error: dict[str, Any] = document["error"]
        text = self(*arguments, code=code, **options).stderr
        if error["code"] != "usage":
            assert f"[{error['code']}]" in text
            assert " ".join(error["remedy"].split()) in text
        assert "Traceback" not in text
        return error


@pytest.fixture
def cli() -> Cli:
    """cli(*arguments, code=0): a click Result; cli.json(…): its document; cli.error(…): its error."""
    return Cli()


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, a sys.path to be thrown away, and nothing in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.delenv("AGENTDB_URL", raising=False)
    return tmp_path


@pytest.fixture
def write(place: Path) -> Callable[..., Path]:
    """write("folder", **{stem: (up, down)}): a folder of migrations; without a down no down file."""

    def write_folder(folder: str, **migrations: tuple[str, str] | tuple[str]) -> Path:
        path = place / folder
        path.mkdir(exist_ok=True)
        for stem, (up, *down) in migrations.items():
            stem = stem.removeprefix("m")
            (path / f"{stem}.up.sql").write_text(up, encoding="utf-8")
            for text in down:
                (path / f"{stem}.down.sql").write_text(text, encoding="utf-8")
        return path

    return write_folder


@pytest.fixture
def notes(write: Callable[..., Path]) -> Path:
    """A folder of three migrations."""
    return write(
        "notes",
        m001_notes=("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT);", "DROP TABLE notes;"),
        m002_tags=(
            "CREATE TABLE tags (note INTEGER, tag TEXT);\nCREATE INDEX by_tag ON tags (tag);",
            "DROP TABLE tags;",
        ),
        m003_stars=("ALTER TABLE notes ADD COLUMN stars INTEGER;", "ALTER TABLE notes DROP COLUMN stars;"),
    )


@pytest.fixture
def query() -> Callable[..., list[tuple[Any, ...]]]:
    """query(path, sql): all rows."""

    def rows(path: object, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(str(path), isolation_level=None)) as connection:
            return connection.execute(sql).fetchall()

    return rows


@pytest.fixture
def tables(query: Callable[..., list[tuple[Any, ...]]]) -> Callable[[object], list[str]]:
    """tables(path): the names of its tables."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
    return lambda path: [name for (name,) in query(path, sql)]


@pytest.fixture
def contents() -> Callable[[Path], dict[str, tuple[int, bytes]]]:
    """contents(folder): of each file in it when it was written, and what it holds."""
    return lambda folder: {
        path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir() if path.is_file()
    }


@pytest.fixture
def locked() -> Callable[[object], AbstractContextManager[None]]:
    """locked(path): somebody else holds the write lock inside the block."""

    @contextmanager
    def hold(path: object) -> Iterator[None]:
        with closing(sqlite3.connect(str(path), isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield

    return hold


@pytest.fixture
def read_only() -> Callable[[Path], AbstractContextManager[Path]]:
    """read_only(path): a copy of a database that the user inside the block may read, and nothing else."""
    if not hasattr(os, "geteuid"):
        pytest.skip("needs users and their permissions")

    @contextmanager
    def as_nobody(path: Path) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
            copy = Path(folder, path.name)
            copy.write_bytes(path.read_bytes())
            copy.chmod(0o444)
            os.chmod(folder, 0o555)
            user = os.geteuid()
            if user == 0:
                os.seteuid(NOBODY)
            try:
                yield copy
            finally:
                os.seteuid(user)
                os.chmod(folder, 0o755)

    return as_nobody
