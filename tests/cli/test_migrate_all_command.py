from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def files(place: Path) -> Path:
    for name in ("a", "b", "c"):
        (place / name).mkdir()
        (place / name / "agents.db").touch()
    return place


def test_every_file_of_the_pattern_is_brought_up_to_date(cli: Any, files: Path) -> None:
    text = cli("migrate", "--all", "*/agents.db", "--jobs", 2).stdout
    assert text.endswith("3 files: 3 migrated, 0 up to date, 0 failed.\n")
    assert cli("migrate", "--all", "*/agents.db").stdout == "3 files: 0 migrated, 3 up to date, 0 failed.\n"
    assert not (files / "agents.db").exists()


def test_json_is_a_line_for_each_file_and_a_last_one(cli: Any, files: Path) -> None:
    (files / "b" / "agents.db").write_text("no database" * 1000)
    lines = [json.loads(line) for line in cli("migrate", "--all", "*/agents.db", "--json", code=1).stdout.splitlines()]
    assert lines[-1] == {"files": 3, "migrated": 2, "up_to_date": 0, "failed": 1}
    found = {line["database"]: line for line in lines[:-1]}
    assert found["b/agents.db"]["error"]["code"] == "not_a_database"
    assert found["b/agents.db"]["success"] is False
    assert len(found["a/agents.db"]["applied"]) > 10
    assert "b/agents.db: failed: " in cli("migrate", "--all", "*/agents.db", code=1).stdout


@pytest.mark.parametrize(
    "words",
    [("--all", "none*"), ("--all", "*/agents.db", "x.db"), ("--all", "*/agents.db", "--limit", 1), ("--jobs", 2)],
)
def test_a_command_line_that_cannot_be_right(cli: Any, files: Path, words: tuple[object, ...]) -> None:
    assert cli.error("migrate", *words, code=2)["code"] == "usage"
