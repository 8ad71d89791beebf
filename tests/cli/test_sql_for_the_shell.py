"""A script is fed to the sqlite3 shell: no line of it is a command there, and every statement stays whole."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agentdb.cli.shell_text import check, closed
from agentdb.errors import MigrationError

_COMMAND = ".shell touch stranger"

#: Recorded downs of which the shell would run the command.
_HOSTILE = {
    "a command": [_COMMAND],
    "behind a block comment": [f"/* c */\n{_COMMAND}"],
    "behind a line comment": [f"-- c\n{_COMMAND}"],
    "behind a statement": [f"SELECT 1;\n{_COMMAND}"],
    "behind an open quote": ["SELECT '", f"SELECT ';\n{_COMMAND}\n'"],
    "behind an open name": ['SELECT "', f'SELECT ";\n{_COMMAND}\n"'],
    "behind an open bracket": ["SELECT [", f"SELECT 1 AS [];\n{_COMMAND}\n]"],
    "behind an open comment": ["SELECT 1 /*", f"SELECT '*/;\n{_COMMAND}\n'"],
    "in a trigger only for our lexer": [f"\v CREATE TRIGGER ( ;\n{_COMMAND}\n; END"],
    "two statements in one": ["DROP TABLE tags; DROP TABLE notes"],
    "a comment of the shell": ["# nothing"],
    "an open trigger": ["CREATE TRIGGER x AFTER INSERT ON notes BEGIN SELECT 1", f"SELECT 'END;\n{_COMMAND}\n'"],
}


def _shell(path: Path, script: str) -> subprocess.CompletedProcess[bytes]:
    shell = shutil.which("sqlite3")
    if shell is None:
        pytest.skip("the sqlite3 shell is not installed")
    return subprocess.run(
        [shell, "-bail", str(path)], input=script.encode(), capture_output=True, check=False, cwd=path.parent
    )


def _record(path: Path, down: list[str]) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE migrations SET down = ? WHERE id = '003'", (json.dumps(down),))


@pytest.fixture
def nothing(place: Path) -> str:
    """The name of a module without migrations: what is rolled back is what the database recorded."""
    (place / "nothing_7.py").write_text("MIGRATIONS = ()\n")
    return "nothing_7"


@pytest.mark.parametrize("down", _HOSTILE.values(), ids=_HOSTILE)
def test_a_recorded_down_reaches_no_command_of_the_shell(
    cli: Any, place: Path, notes: Path, nothing: str, down: list[str]
) -> None:
    cli("migrate", "n.db", "--migrations", notes)
    _record(place / "n.db", down)
    before = (place / "n.db").read_bytes()
    error = cli.error("sql", "n.db", "--down", "--migrations", nothing)
    assert "003" in error["message"]
    printed = cli("sql", "n.db", "--down", "--migrations", nothing, code=1).stdout
    assert printed == ""
    _shell(place / "n.db", printed)
    assert not (place / "stranger").exists()
    assert (place / "n.db").read_bytes() == before


@pytest.mark.parametrize("statements", _HOSTILE.values(), ids=_HOSTILE)
def test_the_script_itself_refuses_them_wherever_they_come_from(statements: list[str]) -> None:
    with pytest.raises(MigrationError) as caught:
        check("003", statements)
    assert caught.value.code == "not_for_a_script"


@pytest.mark.parametrize("text", [f"it\n{_COMMAND}\nis", f"a;\n{_COMMAND}\n", "\n.quit\n#\n/\ngo\n"])
def test_lines_inside_a_text_are_text(cli: Any, place: Path, notes: Path, nothing: str, query: Any, text: str) -> None:
    cli("migrate", "n.db", "--migrations", notes)
    _record(place / "n.db", [f"INSERT INTO notes (text) VALUES ('{text}')"])
    done = _shell(place / "n.db", cli("sql", "n.db", "--down", "--migrations", nothing).stdout)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert query("n.db", "SELECT text FROM notes") == [(text,)]
    assert not (place / "stranger").exists()


@pytest.mark.parametrize("comment", [f"/* c\n{_COMMAND}\n*/ ", "-- .quit\n", "/*\n#\n*/\n"])
def test_lines_inside_a_comment_are_comment(
    cli: Any, place: Path, notes: Path, nothing: str, tables: Any, comment: str
) -> None:
    cli("migrate", "n.db", "--migrations", notes)
    _record(place / "n.db", [f"{comment}DROP TABLE tags"])
    done = _shell(place / "n.db", cli("sql", "n.db", "--down", "--migrations", nothing).stdout)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "tags" not in tables("n.db")
    assert not (place / "stranger").exists()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("8\n/\n2", 4),
        ("8\n / -- half\n2", 4),
        ("8\n/ /* half */\n2", 4),
        ("max(1, 2) AS\ngo\n", 2),
        ("2 AS\n GO -- c\n", 2),
    ],
)
def test_a_line_that_ends_a_statement_of_other_databases_does_not_cut_one(
    place: Path, expression: str, value: int
) -> None:
    done = _shell(place / "x.db", closed(f"SELECT {expression}") + "\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{value}\n".encode(), b"")


def test_what_the_shell_reads_as_it_is_stays_as_it_is() -> None:
    for sql in (
        "SELECT 'a\n/\ngo\n.x'",
        'SELECT 1 AS "\ngo\n"',
        "SELECT /*\ngo\n/\n*/ 1",
        "SELECT 4\n/ 2",
        "SELECT\n.5",
    ):
        assert closed(sql) == sql + ";"
