"""`[tool.agentdb]` in pyproject.toml names the database and the migration sets of a project once."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

SETS = """
[tool.agentdb]
database = "app.db"
migrations = ["agentdb.migrations", "{module}:NOTES", "src/tags/migrations"]
"""
MODULE = """
from agentdb import Migration, MigrationSet
NOTES = MigrationSet("notes", [
    Migration("001", "Notes", "CREATE TABLE notes (agent REFERENCES agents (id))", "DROP TABLE notes"),
    Migration("002", "Stars", "ALTER TABLE notes ADD COLUMN stars", "ALTER TABLE notes DROP COLUMN stars"),
])
LISTED = list(NOTES.migrations)
"""


@pytest.fixture
def module(place: Path) -> Iterator[str]:
    """A module in the folder of the project."""
    name = f"project_{place.name.replace('-', '_')}"
    (place / f"{name}.py").write_text(MODULE)
    yield name
    sys.modules.pop(name, None)


@pytest.fixture
def project(place: Path, module: str, write: Callable[..., Path]) -> Path:
    """A project of three sets: the built-in one, `notes` in a module, `tags` in a folder."""
    (place / "pyproject.toml").write_text(SETS.format(module=module))
    (place / "src" / "tags").mkdir(parents=True)
    write("src/tags/migrations", m001_tags=("CREATE TABLE tags (x);", "DROP TABLE tags;"))
    return place


def says(place: Path, text: str) -> None:
    (place / "pyproject.toml").write_text(f"[tool.agentdb]\n{text}\n")


def test_migrate_brings_all_sets_up_in_one_start(cli: Any, project: Path, tables: Any) -> None:
    document = cli.json("migrate")
    assert list(document) == ["database", "dry_run", "backup", "sets"]
    assert document["database"] == "app.db"
    assert [(one["set"], one["table"], one["pending"]) for one in document["sets"]] == [
        ("agentdb", "migrations", []),
        ("notes", "notes_migrations", []),
        ("tags", "tags_migrations", []),
    ]
    assert [len(one["results"]) > 0 for one in document["sets"]] == [True] * 3
    assert {"notes", "tags", "agents", "migrations", "notes_migrations", "tags_migrations"} <= set(tables("app.db"))
    assert all(one["results"] == [] for one in cli.json("migrate")["sets"])


def test_one_backup_precedes_all_sets(cli: Any, project: Path, module: str, write: Any) -> None:
    cli("migrate")
    source = (project / f"{module}.py").read_text()
    (project / f"{module}.py").write_text(
        source.replace("\n])", '\n    Migration("003", "More", "CREATE TABLE more (x)"),\n])')
    )
    sys.modules.pop(module)
    write("src/tags/migrations", m002_colours=("ALTER TABLE tags ADD COLUMN colour;",))
    before = cli.json("migrate", "--dry-run")
    assert [len(one["results"]) for one in before["sets"]] == [0, 1, 1]
    assert not (project / "app.db.backups").exists()
    lines = cli("migrate").stdout.splitlines()
    (backup,) = (project / "app.db.backups").glob("*.backup")
    assert lines[0] == f"backup: {backup}"
    assert [line for line in lines if line.endswith(":")] == ["agentdb:", "notes:", "tags:"]
    with closing(sqlite3.connect(backup)) as kept:
        assert kept.execute("SELECT count(*) FROM sqlite_master WHERE name = 'more'").fetchone() == (0,)
        assert kept.execute("SELECT count(*) FROM pragma_table_info('tags')").fetchone() == (1,)


def test_an_error_of_one_set_says_how_far_the_start_came(cli: Any, project: Path, write: Any, tables: Any) -> None:
    write("src/tags/migrations", m002_bad=("INSERT INTO nowhere VALUES (1);",))
    error = cli.json("migrate", code=1)["error"]
    assert "its tracking table is 'tags_migrations'; before it this start has applied" in error["message"]
    assert error["results"][-2]["description"] == "tags"
    assert "notes" in tables("app.db")


def test_a_dry_run_of_a_rebuild_sees_what_an_earlier_set_would_make(cli: Any, project: Path, place: Path) -> None:
    (place / "src" / "tags" / "migrations" / "m002_rebuilt.py").write_text(
        "from agentdb import Migration, RebuildTable\n"
        'MIGRATION = Migration("002", "rebuilt", RebuildTable("notes", "CREATE TABLE notes (agent, stars TEXT)"))\n'
    )
    statements = cli.json("migrate", "--dry-run")["sets"][2]["results"][1]["statements"]
    assert any(sql.startswith("INSERT OR ABORT INTO") for sql in statements)
    assert not (place / "app.db").exists()
    script = cli("sql").stdout
    with closing(sqlite3.connect("by_hand.db")) as by_hand:
        by_hand.executescript(script)
        assert by_hand.execute("SELECT type FROM pragma_table_info('notes')").fetchall() == [("",), ("TEXT",)]


def test_status_and_validate_go_over_each_set_under_its_name(cli: Any, project: Path) -> None:
    cli("migrate")
    for command in ("status", "validate"):
        lines = cli(command).stdout.splitlines()
        assert [line for line in lines if line.endswith(":") and " " not in line] == ["agentdb:", "notes:", "tags:"]
        document = cli.json(command)
        assert document["is_valid"] is True
        assert [one["set"] for one in document["sets"]] == ["agentdb", "notes", "tags"]
    one = cli.json("status", "--set", "notes")
    assert [row["id"] for row in one["applied"]] == ["001", "002"]
    assert set(cli.json("status")["sets"][1]) - set(one) == {"set"}
    assert cli.json("validate", "--database", "app.db")["sets"][2]["errors"] == []


def test_one_bad_set_is_enough_for_the_exit_code(cli: Any, project: Path, write: Any) -> None:
    cli("migrate")
    write("src/tags/migrations", m002_stars=("ALTER TABLE notes ADD COLUMN stars;",))
    document = cli.json("validate", code=1)
    assert [one["is_valid"] for one in document["sets"]] == [True, True, False]
    cli("status")
    cli("status", "--check", code=1)
    write("src/tags/migrations", m001_tags=("CREATE TABLE tags (y);",))
    document = cli.json("status", code=1)
    assert (document["is_valid"], document["sets"][2]["errors"][0]["code"]) == (False, "checksum_mismatch")


def test_a_script_of_several_sets_leaves_what_the_command_leaves(cli: Any, project: Path, query: Any) -> None:
    document = cli.json("sql")
    assert [(one["set"], one["table"]) for one in document["sets"]][1:] == [
        ("notes", "notes_migrations"),
        ("tags", "tags_migrations"),
    ]
    assert "-- The set notes, tracking table notes_migrations\n" in document["script"]
    with closing(sqlite3.connect("by_hand.db")) as by_hand:
        by_hand.executescript(document["script"])
    assert all(one["pending"] == [] for one in cli.json("status", "by_hand.db")["sets"])
    cli("migrate")
    schema = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
    assert query("by_hand.db", schema) == query("app.db", schema)


@pytest.mark.parametrize(
    "arguments",
    [
        ("rollback", "--yes"),
        ("repair", "mark-reverted", "001", "--reason", "by hand"),
        ("migrate", "--limit", "1"),
        ("migrate", "--target", "002"),
        ("sql", "--down"),
        ("status", "--table", "elsewhere"),
    ],
)
def test_what_is_of_one_set_asks_which(cli: Any, project: Path, query: Any, arguments: tuple[str, ...]) -> None:
    cli("migrate")
    error = cli.error(*arguments, code=2)
    assert error["code"] == "usage"
    assert "--set NAME. The sets are agentdb, notes, tags." in error["message"]
    cli(*arguments, "--set", "notes", code=1 if "--table" in arguments else 0)
    assert query("app.db", "SELECT count(*) FROM tags_migrations") == [(1,)]


def test_a_rollback_of_one_set_leaves_the_others(cli: Any, project: Path) -> None:
    cli("migrate")
    cli("rollback", "--set", "notes", "--limit", 2, "--yes")
    assert [len(one["applied"]) > 0 for one in cli.json("status")["sets"]] == [True, False, True]


def test_the_command_line_wins_over_the_file(cli: Any, project: Path, notes: Path, tables: Any) -> None:
    document = cli.json("migrate", "other.db", "--migrations", notes)
    assert (document["database"], document["current_version"]) == ("other.db", "003")
    assert tables("other.db") == ["migrations", "notes", "tags"]
    says(project, "unknown = 1")
    cli("status", "other.db", "--migrations", notes)
    assert cli.error("status", "other.db", "--migrations", notes, "--set", "notes", code=2)["code"] == "usage"


def test_the_environment_wins_over_the_database_of_the_file(
    cli: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTDB_URL", "of_the_environment.db")
    assert cli.json("migrate")["database"] == "of_the_environment.db"
    assert not (project / "app.db").exists()


def test_the_file_counts_in_the_folders_below_it(cli: Any, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = project / "src" / "deep"
    below.mkdir()
    monkeypatch.chdir(below)
    assert cli.json("migrate")["database"] == str(project / "app.db")
    assert (project / "app.db").is_file()
    assert list(below.iterdir()) == []
    assert cli.json("new", "colours")["paths"][0] == str(project / "src/tags/migrations/002_colours.up.sql")


@pytest.mark.parametrize("text", ["", "[tool.other]\nx = 1\n"])
def test_the_first_file_is_the_only_one(cli: Any, project: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    below = project / "inner"
    below.mkdir()
    (below / "pyproject.toml").write_text(text)
    monkeypatch.chdir(below)
    document = cli.json("migrate")
    assert (document["database"], "sets" in document) == ("agents.db", False)


@pytest.mark.parametrize("named", ["file:my%20notes.db", "my notes.db"])
def test_a_file_url_is_relative_to_the_file_as_a_path_is(
    cli: Any, place: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    says(place, f"database = '{named}'")
    below = place / "a folder"
    below.mkdir()
    monkeypatch.chdir(below)
    cli("migrate")
    assert [path.name for path in place.glob("*.db")] == ["my notes.db"]


def test_memory_and_urls_stay_what_they_are(cli: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "below").mkdir()
    monkeypatch.chdir(place / "below")
    says(place, 'database = ":memory:"')
    assert cli.json("migrate")["database"] == ":memory:"
    says(place, 'database = "http://127.0.0.1:1"')
    assert cli.error("migrate")["code"] == "network"
    says(place, f"database = '{place / 'whole.db'}'")
    assert cli.json("migrate")["database"] == str(place / "whole.db")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("migration = []", "migration"),
        ("table = 'x'", "table"),
        ("database = 7", "database"),
        ("database = ''", "database"),
        ("migrations = 'agentdb.migrations'", "migrations"),
        ("migrations = []", "migrations"),
        ("migrations = [7]", "migrations"),
        ("migrations = ['']", "migrations"),
        ("migrations = [['a']]", "migrations"),
        ("migrations = ['agentdb.migrations', 'agentdb.migrations']", "migrations"),
        ("migrations = ['no_such_module']", "migrations"),
        ("migrations = ['no_such_folder/']", "migrations"),
        ("migrations = ['agentdb.migrations:NOTHING']", "migrations"),
        ("migrations = ['agentdb.migrations:MIGRATIONS']", "migrations"),
    ],
)
def test_what_the_table_cannot_say_is_a_usage_error_that_names_file_and_key(
    cli: Any, place: Path, text: str, key: str
) -> None:
    says(place, text)
    error = cli.error("status", code=2)
    assert f"{place / 'pyproject.toml'}" in error["message"]
    assert f"tool.agentdb.{key}" in error["message"]
    assert not (place / "agents.db").exists()


def test_a_table_that_is_none_is_a_usage_error(cli: Any, place: Path) -> None:
    (place / "pyproject.toml").write_text("[tool]\nagentdb = 1\n")
    assert "tool.agentdb is a number" in cli.error("migrate", code=2)["message"]
    (place / "pyproject.toml").write_text("tool = 1\n")
    cli("migrate")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"[tool.agentdb]\ndatabase = \n", 2),
        (b"[tool.agentdb]\nmigrations = [\n'a',\n", 3),
        (b"[tool.agentdb]\nmigrations = [\n", 2),
        (b"[tool.agentdb]\n# \xff\n", 2),
        (b"[tool.agentdb]\n[tool.agentdb]\n", 2),
    ],
)
def test_a_broken_file_is_a_usage_error_that_names_the_line(cli: Any, place: Path, text: bytes, line: int) -> None:
    (place / "pyproject.toml").write_bytes(text)
    assert f"pyproject.toml, line {line}, is not" in cli.error("status", code=2)["message"]


def test_two_sets_on_one_table_are_refused(cli: Any, place: Path, module: str) -> None:
    (place / f"{module}.py").write_text(
        MODULE + 'OTHER = MigrationSet("other", [Migration("001", "x", "SELECT 1")], table="NOTES_migrations")\n'
    )
    says(place, f"migrations = ['{module}:NOTES', '{module}:OTHER']")
    error = cli.error("migrate", code=2)
    assert "two sets with the tracking table 'NOTES_migrations'" in error["message"]
    assert not (place / "agents.db").exists()


def test_an_error_in_a_module_names_the_file(cli: Any, place: Path, module: str) -> None:
    (place / f"{module}.py").write_text("1 / 0")
    says(place, f"migrations = ['{module}:NOTES']")
    error = cli.error("status")
    assert error["code"] == "bad_migration_file"
    assert "tool.agentdb.migrations" in error["message"]
    assert "ZeroDivisionError" in error["message"]


def test_one_set_answers_as_one_set(cli: Any, place: Path, module: str, query: Any) -> None:
    says(place, f"migrations = ['{module}:NOTES']")
    (place / f"{module}.py").write_text(MODULE.replace("REFERENCES agents (id)", ""))
    document = cli.json("migrate")
    assert (document["current_version"], "sets" in document) == ("002", False)
    assert cli.json("status")["table"] == "notes_migrations"
    cli("rollback", "--yes")
    assert query("agents.db", "SELECT id FROM notes_migrations") == [("001",)]
    assert (
        cli.error("status", "--set", "nothing", code=2)["message"] == "there is no set 'nothing'. The sets are notes."
    )


def test_a_folder_without_a_name_of_its_own_is_the_hosts(cli: Any, place: Path, write: Any, tables: Any) -> None:
    write("migrations", m001_notes=("CREATE TABLE notes (x);", "DROP TABLE notes;"))
    says(place, "migrations = ['agentdb.migrations', 'migrations/']")
    assert [one["set"] for one in cli.json("migrate")["sets"]] == ["agentdb", "host"]
    assert "host_migrations" in tables("agents.db")


def test_a_package_of_files_is_a_set_of_its_name_and_table(cli: Any, place: Path, write: Any, tables: Any) -> None:
    name = f"package_{place.name.replace('-', '_')}"
    (place / name).mkdir()
    write(f"{name}/migrations", m001_notes=("CREATE TABLE notes (x);", "DROP TABLE notes;"))
    (place / name / "__init__.py").touch()
    (place / name / "migrations" / "__init__.py").touch()
    says(place, f"migrations = ['{name}.migrations']")
    cli("migrate", "a.db")
    assert tables("a.db") == ["notes", f"{name}_migrations"]
    (place / name / "migrations" / "__init__.py").write_text("TABLE = 'named'\n")
    for module in [module for module in sys.modules if module.startswith(name)]:
        del sys.modules[module]
    cli("migrate", "b.db")
    assert tables("b.db") == ["named", "notes"]


def test_files_that_are_no_migrations_are_told_of_their_set(cli: Any, project: Path) -> None:
    (project / "src/tags/migrations/seed.sql").touch()
    warnings = [one["warnings"] for one in cli.json("validate")["sets"]]
    assert [[warning["code"] for warning in found] for found in warnings] == [[], [], ["skipped_file"]]


def test_new_writes_into_the_folder_that_the_file_names(cli: Any, project: Path, module: str, write: Any) -> None:
    assert cli.json("new", "colours")["id"] == "002"
    assert (project / "src/tags/migrations/002_colours.up.sql").is_file()
    write("more")
    says(project, f"migrations = ['{module}:NOTES', 'src/tags/migrations', 'more']")
    error = cli.error("new", "shapes", code=2)
    assert "more, tags" in error["message"]
    assert cli.json("new", "shapes", "--set", "more")["id"] == "001"
    for arguments in (("--set", "notes"), ("--set", "more", "--migrations", "more")):
        assert cli.error("new", "forms", *arguments, code=2)["code"] == "usage"
    says(project, f"migrations = ['{module}:NOTES']")
    assert "--migrations" in cli.error("new", "forms", code=2)["message"]
    assert sorted(path.name for path in (project / "more").iterdir()) == ["001_shapes.down.sql", "001_shapes.up.sql"]


def test_the_example_of_the_guide_says_what_the_command_reads(cli: Any, place: Path, tables: Any) -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/name-your-migration-sets.md").read_text(encoding="utf-8")
    blocks = dict.fromkeys(("toml", "python"), "")
    for kind in blocks:
        blocks[kind] = page.partition(f"```{kind}\n")[2].partition("```")[0]
    (place / "pyproject.toml").write_text(blocks["toml"])
    (place / "notes_app").mkdir()
    (place / "notes_app" / "__init__.py").touch()
    (place / "notes_app" / "migrations.py").write_text(blocks["python"])
    try:
        assert [one["set"] for one in cli.json("migrate")["sets"]] == ["agentdb", "notes"]
        assert (place / "notes.db").is_file()
        assert {"migrations", "notes_migrations"} <= set(tables("notes.db"))
        for line in page.partition("```sh\n")[2].partition("```")[0].splitlines():
            words = line.partition("#")[0].split()
            if words:
                cli(*words[1:])
    finally:
        for module in ("notes_app", "notes_app.migrations"):
            sys.modules.pop(module, None)


def test_a_folder_that_is_gone_has_no_project(cli: Any, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "win32":
        pytest.skip("a folder in use cannot be removed there")
    gone = project / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert json.loads(cli("validate", "--json").stdout)["is_valid"] is True
