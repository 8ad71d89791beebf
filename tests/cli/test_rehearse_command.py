from __future__ import annotations

from pathlib import Path
from typing import Any


def test_what_would_happen(cli: Any, place: Path, contents: Any) -> None:
    cli("migrate", "--limit", 2)
    before = contents(place)
    found = cli.json("rehearse")
    assert contents(place) == before
    assert found["is_good"] is True
    assert found["results"][0]["id"] == "003"
    assert {"type": "table", "name": "messages", "change": "new"} in found["schema"]
    text = cli("rehearse", "--keep").stdout
    assert "would apply 003 (Messages)" in text
    assert "The copy is " in text
    assert cli.error("rehearse", "missing.db")["code"] == "file_missing"


def test_a_failure_is_exit_code_1_with_its_remedy(cli: Any, place: Path, write: Any) -> None:
    folder = write("steps", **{"001_one": ("CREATE TABLE one (x)",)})
    cli("migrate", "--migrations", folder)
    write("steps", **{"002_two": ("CREATE TABLE one (x)",)})
    found = cli.json("rehearse", "--migrations", folder, code=1)
    assert found["error"]["remedy"]
    assert "error: " in cli("rehearse", "--migrations", folder, code=1).stdout
