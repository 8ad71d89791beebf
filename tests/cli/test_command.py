"""The command as a whole: its manual page, its exit codes, and what it imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import click
import pytest

import agentdb
from agentdb.cli.group import agentdb as group
from agentdb.migrations import MIGRATIONS

ROOT = Path(agentdb.__file__).parents[1]
COMMANDS = ["migrate", "status", "rollback", "backup", "restore", "validate", "sql", "new"]


@pytest.fixture
def process(place: Path) -> Any:
    """process(*arguments): `python -m agentdb` in a process of its own."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "agentdb", *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            check=False,
        )

    return run


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_the_help_is_a_manual_page(cli: Any, option: str) -> None:
    text = cli(option).stdout
    for word in ("DATABASE", "AGENTDB_URL", "agents.db", "MIGRATIONS", "EXIT CODES", "EXAMPLES", '{"error": {"code"'):
        assert word in text
    listed = [line.split()[0] for line in text.partition("Commands:\n")[2].splitlines() if line.startswith("  ")]
    assert listed[: len(COMMANDS)] == COMMANDS
    assert max(map(len, text.splitlines())) <= 80
    assert "..." not in text.partition("Commands:\n")[2]  # a summary that is cut off is none


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_page_that_names_the_keys_of_its_json(cli: Any, command: str) -> None:
    text = cli(command, "--help").stdout
    assert "--json" in text
    assert "JSON\n" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_a_help(command: str) -> None:
    for parameter in group.commands[command].params:
        assert isinstance(parameter, click.Argument) or (isinstance(parameter, click.Option) and parameter.help)


def test_the_documented_keys_of_the_json_are_there(cli: Any) -> None:
    cli("migrate")
    for command in ("migrate", "rollback", "status", "validate", "sql"):
        page = cli(command, "--help").stdout.partition("JSON\n")[2].partition("Options:")[0]
        for key in cli.json(command, *(["--yes"] if command == "rollback" else [])):
            assert key in page, (command, key)


def test_version_tells_what_a_bug_report_needs(cli: Any) -> None:
    text = cli("--version").stdout
    assert text.startswith(f"agentdb {agentdb.__version__} (Python 3.")
    assert "SQLite 3." in text


def test_without_a_command_the_help_is_shown_as_a_usage_error(cli: Any) -> None:
    result = cli(code=2)
    assert "Usage: agentdb" in result.stdout + result.stderr


def test_an_unknown_command_is_a_usage_error(cli: Any) -> None:
    assert "No such command" in cli("migrat", code=2).stderr
    error = cli.json("migrat", code=2)["error"]
    assert (error["code"], error["migration"], error["results"]) == ("usage", None, [])


def test_an_error_has_all_its_keys_as_json(cli: Any) -> None:
    assert list(cli.json("status", code=1)["error"]) == [
        "code",
        "message",
        "remedy",
        "engine_code",
        "migration",
        "statement",
        "statement_number",
        "backup",
        "results",
    ]


def test_behind_two_dashes_json_is_a_name_and_no_option(cli: Any, place: Path) -> None:
    assert "there is no database at" in cli("status", "--", "--json", code=1).stderr


def test_the_console_script_is_this_command() -> None:
    assert EntryPoint("agentdb", "agentdb.cli:main", "console_scripts").load() is agentdb.cli.main


def test_as_a_process(process: Any, place: Path) -> None:
    migrated = process("migrate", "agents.db")
    assert (migrated.returncode, migrated.stderr) == (0, "")  # no progress where stderr is no terminal
    assert f"{len(MIGRATIONS)} migrations applied" in migrated.stdout
    shown = process("status", "agents.db")
    assert shown.returncode == 0
    assert shown.stdout.count("applied") == 1 + len(MIGRATIONS)
    missing = process("status", "nothing.db")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr.startswith("Error: there is no database at ")
    assert process("status", "--wat").returncode == 2


def test_the_current_folder_is_importable_by_the_console_script(place: Path) -> None:
    (place / "schema_9.py").write_text(
        "from agentdb import Migration\nMIGRATIONS = [Migration('1', 'ours', 'CREATE TABLE ours (a)', 'DROP TABLE ours')]\n"
    )
    # As a console script does it: sys.path does not begin with the current folder.
    code = f"import sys; sys.path[:] = [{str(ROOT)!r}, *sys.path[1:]]; from agentdb.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "validate", "--migrations", "schema_9"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_console_that_lacks_characters_gets_numbers_instead_of_a_traceback(process: Any, place: Path) -> None:
    done = process("migrate", "日本.db", PYTHONIOENCODING="iso-8859-1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"\\u65e5\\u672c.db is at {MIGRATIONS[-1].id}.\n")


def test_a_script_is_utf_8_whatever_the_console_speaks(process: Any, write: Any) -> None:
    write("words", m001_words=("CREATE TABLE words (word DEFAULT '日本語');",))
    done = process("sql", "--all", "--migrations", "words", PYTHONIOENCODING="iso-8859-1")
    assert "CREATE TABLE words (word DEFAULT '日本語');" in done.stdout


def test_json_is_ascii_and_gives_the_name_back(process: Any, place: Path) -> None:
    done = process("migrate", "ünïcode.db", "--json", PYTHONIOENCODING="ascii")
    assert json.loads(done.stdout)["database"] == "ünïcode.db"


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are text there")
def test_a_file_name_that_is_no_text_is_a_file_name_all_the_same(process: Any, place: Path) -> None:
    name = b"latin-\xe9.db".decode("utf-8", "surrogateescape")
    assert process("migrate", name).returncode == 0
    assert (place / name).exists()
    shown = process("status", name)
    assert shown.returncode == 0
    assert shown.stdout.startswith(f"latin-?.db: {len(MIGRATIONS)} applied, 0 pending")
    assert json.loads(process("status", name, "--json").stdout)["database"] == name


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break in another way there")
@pytest.mark.parametrize(
    "arguments",
    [["sql", "--all"], ["migrate", "--json"], ["status", "--json"], ["--help"], ["migrate", "--wat", "--json"]],
)
def test_a_reader_that_has_gone_is_no_traceback(place: Path, arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "agentdb", *arguments],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_click_is_imported_by_the_command_alone() -> None:
    code = (
        "import sys, agentdb; agentdb.Migrator, agentdb.migrations, agentdb.create_client_sync; import agentdb.__main__"
    )
    code += "; print('click' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert done.stdout == "False\n"
