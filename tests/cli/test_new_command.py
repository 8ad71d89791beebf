from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentdb import load_migrations


@pytest.fixture
def folder(place: Path) -> Path:
    """The folder that is taken where none is named."""
    path = place / "migrations"
    path.mkdir()
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_writes_a_pair_of_sql_files_and_says_where(cli: Any, folder: Path) -> None:
    result = cli("new", "add_notes")
    assert result.stdout.splitlines() == [
        str(Path("migrations", "001_add_notes.up.sql")),
        str(Path("migrations", "001_add_notes.down.sql")),
    ]
    assert names(folder) == ["001_add_notes.down.sql", "001_add_notes.up.sql"]


def test_writes_a_module(cli: Any, folder: Path) -> None:
    document = cli.json("new", "add_notes", "--module")
    assert document == {"id": "001", "paths": [str(Path("migrations", "m001_add_notes.py"))]}
    text = (folder / "m001_add_notes.py").read_text()
    assert 'id="001"' in text
    assert 'description="add notes"' in text


@pytest.mark.parametrize("kind", ["--sql", "--module"])
def test_a_fresh_skeleton_is_refused_by_the_name_of_its_file(cli: Any, folder: Path, kind: str) -> None:
    path = Path(cli.json("new", "add_notes", kind)["paths"][0])
    error = cli.error("validate", "--migrations", "migrations")
    assert error["code"] == "no_statement"
    assert path.name in error["message"]


def test_a_filled_pair_is_what_was_written(cli: Any, folder: Path) -> None:
    up, down = map(Path, cli.json("new", "add_notes")["paths"])
    up.write_text(up.read_text() + "CREATE TABLE notes (a);\nCREATE INDEX i ON notes (a);\n")
    down.write_text(down.read_text() + "DROP TABLE notes;\n")
    (migration,) = load_migrations(folder)
    assert (migration.id, migration.description) == ("001", "add notes")
    assert (len(migration.up), len(migration.down)) == (2, 1)
    cli("validate", "--migrations", folder, "--strict")


def test_a_pair_without_a_down_is_a_warning(cli: Any, folder: Path) -> None:
    up, _ = map(Path, cli.json("new", "add_notes")["paths"])
    up.write_text("CREATE TABLE notes (a);")
    assert [finding["code"] for finding in cli.json("validate", "--migrations", folder)["warnings"]] == ["no_down"]


def test_a_filled_module_is_what_was_written(cli: Any, folder: Path) -> None:
    (path,) = map(Path, cli.json("new", "add_notes", "--module")["paths"])
    text = path.read_text().replace("up=...", 'up="CREATE TABLE notes (a)"')
    path.write_text(text.replace("down=(\n", 'down=(\n        "DROP TABLE notes",\n'))
    (migration,) = load_migrations(folder)
    assert (migration.id, migration.description) == ("001", "add notes")
    cli("validate", "--migrations", folder, "--strict")


@pytest.mark.parametrize(
    ("there", "number"),
    [
        ([], "001"),
        (["002_b.up.sql", "010_c.up.sql"], "011"),
        (["009_a.down.sql"], "010"),
        (["m007_a.py", "003_b.up.sql"], "008"),
        (["9_a.up.sql", "010_b.up.sql"], "011"),
        (["0041_a.up.sql"], "0042"),
        (["999_a.up.sql"], "1000"),
        (["20250101120000_a.up.sql"], "20250101120001"),
        (["__init__.py", "notes.txt", "500.txt", "m_600.py"], "001"),
    ],
)
def test_the_number_is_the_next_one(cli: Any, folder: Path, there: list[str], number: str) -> None:
    for name in there:
        (folder / name).touch()
    assert cli.json("new", "more")["id"] == number


def test_files_that_are_broken_do_not_stand_in_the_way(cli: Any, folder: Path) -> None:
    (folder / "m001_broken.py").write_text("1 / 0")
    (folder / "002_broken.up.sql").write_bytes(b"\xff")
    assert cli.json("new", "third")["id"] == "003"


def test_nothing_is_overwritten(cli: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As when somebody else has just taken the number: their file is there, and was not when ours was chosen.
    (folder / "001_add_notes.down.sql").write_text("theirs")
    monkeypatch.setattr("agentdb.cli.new._next_number", lambda _files: "001")
    assert cli.error("new", "add_notes")["code"] == "already_exists"
    assert names(folder) == ["001_add_notes.down.sql"]
    assert (folder / "001_add_notes.down.sql").read_text() == "theirs"


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("Add Notes!", "add_notes."),
        ("add-notes", "add_notes."),
        ("../escape", "escape."),
        ("_add", "add."),
        ("add__notes", "add_notes."),
        ("", "add_notes."),
        ("ñ", "add_notes."),
        ("add_notes\n", "add_notes."),
    ],
)
def test_a_name_that_is_none_is_refused_with_a_better_one(cli: Any, folder: Path, name: str, suggestion: str) -> None:
    error = cli.error("new", name, code=2)
    assert error["remedy"].endswith(suggestion)
    assert names(folder) == []


def test_a_folder_that_does_not_exist_is_not_created(cli: Any, place: Path) -> None:
    error = cli.error("new", "add_notes", code=2)
    assert error["code"] == "folder_missing"
    assert "mkdir migrations" in error["remedy"]
    assert cli.error("new", "add_notes", "--migrations", "elsewhere", code=2)["code"] == "folder_missing"
    assert list(place.iterdir()) == []


def test_a_folder_that_may_not_be_written_is_an_error(cli: Any, place: Path, read_only: Any) -> None:
    (place / "some.db").touch()
    with read_only(place / "some.db") as copy:
        assert cli.error("new", "add_notes", "--migrations", copy.parent)["code"] == "read_only"
        assert names(copy.parent) == ["some.db"]
