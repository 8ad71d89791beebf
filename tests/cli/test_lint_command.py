from __future__ import annotations

from pathlib import Path
from typing import Any


def test_findings_as_text_and_as_json(cli: Any, place: Path, write: Any) -> None:
    folder = write("m", **{"001_a": ("CREATE TABLE a (x);\nINSERT OR ROLLBACK INTO a (x) VALUES (1);", "DROP TABLE a")})
    found = cli.json("lint", "--migrations", folder, code=1)
    assert [(one["code"], one["severity"], one["line"]) for one in found["findings"]] == [("or_rollback", "error", 2)]
    assert "error: migration 001, statement 2, line 2: " in cli("lint", "--migrations", folder, code=1).stdout
    assert cli.json("validate", "--migrations", folder, code=1)["lint"] == found["findings"]


def test_a_warning_is_an_error_with_strict(cli: Any, place: Path, write: Any) -> None:
    folder = write("m", **{"001_a": ("CREATE TABLE a (x REFERENCES a (x))", "DROP TABLE a")})
    assert cli.json("lint", "--migrations", folder)["is_valid"] is True
    assert cli.json("lint", "--migrations", folder, "--strict", code=1)["is_valid"] is False


def test_the_built_in_set_is_clean(cli: Any, place: Path) -> None:
    assert cli.json("lint", "--libsql", "--strict")["findings"] == []


def test_a_set_stands_on_those_before_it(cli: Any, place: Path, write: Any) -> None:
    write("notes", **{"001_a": ("CREATE TABLE a (agent_id TEXT PRIMARY KEY REFERENCES agents (id))", "DROP TABLE a")})
    (place / "pyproject.toml").write_text('[tool.agentdb]\nmigrations = ["agentdb.migrations", "notes/"]\n')
    assert [one["findings"] for one in cli.json("lint")["sets"]] == [[], []]
    assert cli.error("lint", "--sqlite-floor", "x", code=2)["code"] == "invalid_argument"
