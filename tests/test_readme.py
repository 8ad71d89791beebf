"""The README keeps its promises: its Python runs, its commands are there, its codes exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from agentdb import queries
from agentdb.errors import REMEDIES
from agentdb.stores import AgentStore, SessionLogStore, SessionStore

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
STORES = {"agents": AgentStore, "sessions": SessionStore, "session_logs": SessionLogStore}
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_an_example_runs_as_it_stands(block: str, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(block, encoding="utf-8")
    command = [sys.executable, "-W", "error", str(script)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_it_opens_with_two_commands_of_one_line_that_set_themselves_up() -> None:
    commands = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert len(commands) == 2
    for command in commands:
        assert command.count("\n") == 1
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert "agentdb migrate agents.db" in commands[0]
    assert "pytest" in commands[1]


def test_the_codes_that_it_names_exist() -> None:
    section = README.partition("## When something is wrong")[2].partition("\n## ")[0]
    named = {code for code in re.findall(r"`([a-z]+(?:_[a-z]+)*)`", section) if "_" in code and code != "busy_timeout"}
    assert len(named) >= 6
    assert named <= set(REMEDIES)


def test_every_command_that_it_lists_is_there() -> None:
    section = README.partition("## The command")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^agentdb (\w+)", section, re.MULTILINE))
    done = subprocess.run(
        [sys.executable, "-m", "agentdb", "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    first = {"migrate", "rollback", "status", "backup", "restore", "validate", "sql", "new", "repair", "audit"}
    tools = {"lint", "ledger", "check", "rehearse", "doctor", "backups", "schema", "migrations", "adopt", "export"}
    assert listed == first | tools
    for name in listed:
        assert re.search(rf"^  {name}\b", done.stdout, re.MULTILINE), name


def test_the_map_from_the_earlier_classes_names_what_is_there() -> None:
    table = README.partition("| there | here, as SQL | here, as a store |")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    assert len(rows) >= 15
    for _, constants, calls in rows:
        module, _, first = constants.split("`")[1].partition(".")
        for name in [first, *constants.split("`")[3::2]]:
            assert isinstance(getattr(getattr(queries, module), name), str), name
        store, _, first = calls.split("`")[1].removeprefix("db.").partition(".")
        for name in [first, *calls.split("`")[3::2]]:
            assert hasattr(STORES[store], name.partition("(")[0]), name
