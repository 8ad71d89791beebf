"""The fixtures that an application's tests get, in a pytest of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import agentdb

ROOT = Path(agentdb.__file__).parent.parent


#: The plugins of others that happen to be installed: these tests are not about them, and they would be most of their time.
OTHERS = {point.name for point in entry_points(group="pytest11")} - {"agentdb"}
WITHOUT = [word for name in sorted({*OTHERS, "cacheprovider"}) for word in ("-p", f"no:{name}")]


def run(folder: Path, *arguments: str, **files: str) -> str:
    """What pytest says of these files, run with the plugin, where warnings are errors."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", *WITHOUT, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


#: Where agentdb is installed the entry point loads it; a checkout on the path alone is told.
LOADED = ("-p", "agentdb.pytest_plugin")


@pytest.fixture
def plugin() -> tuple[str, ...]:
    installed = [point.value for point in entry_points(group="pytest11") if point.name == "agentdb"]
    return () if installed == ["agentdb.pytest_plugin"] else LOADED


def test_every_test_has_a_migrated_database_of_its_own(tmp_path: Path, plugin: tuple[str, ...]) -> None:
    said = run(
        tmp_path,
        *plugin,
        test_it="""
import pytest

@pytest.mark.parametrize("number", range(3))
def test_rows_of_one_test_are_not_seen_by_the_next(agentdb_database, number):
    assert agentdb_database.agents.count() == 0
    agentdb_database.agents.create(name="n", model="m")
    assert agentdb_database.migrator.get_migration_summary().pending_migrations == 0

def test_by_path(agentdb_path):
    from agentdb import Migrator, create_client_sync, migrations
    with create_client_sync(agentdb_path) as client:
        assert Migrator(client, migrations).migrate() == []
""",
    )
    assert "4 passed" in said, said


def test_a_host_brings_migrations_of_its_own(tmp_path: Path, plugin: tuple[str, ...]) -> None:
    said = run(
        tmp_path,
        *plugin,
        conftest="""
import pytest
from agentdb import Migration, migrations

NOTES = Migration("001", "notes", "CREATE TABLE notes (agent_id TEXT REFERENCES agents (id))", "DROP TABLE notes")

@pytest.fixture(scope="session")
def agentdb_migrations():
    return {"migrations": migrations, "notes_migrations": [NOTES]}
""",
        test_it="""
def test_it(agentdb_database):
    assert agentdb_database.client.execute("SELECT count(*) FROM notes").tuples == [(0,)]
""",
    )
    assert "1 passed" in said, said


@pytest.mark.parametrize("given", ["migrations", "migrations.MIGRATIONS", "list(migrations.MIGRATIONS)"])
def test_migrations_without_a_tracking_table_are_those_of_agentdb(
    tmp_path: Path, plugin: tuple[str, ...], given: str
) -> None:
    said = run(
        tmp_path,
        *plugin,
        conftest=f"""
import pytest
from agentdb import migrations

@pytest.fixture(scope="session")
def agentdb_migrations():
    return {given}
""",
        test_it="""
def test_it(agentdb_database):
    assert agentdb_database.migrator.get_migration_summary().pending_migrations == 0
""",
    )
    assert "1 passed" in said, said


@pytest.mark.parametrize("given", ["None", "'migrations'", "{'migrations': 7}", "{7: []}"])
def test_what_are_no_migrations_is_said_with_what_to_do(tmp_path: Path, plugin: tuple[str, ...], given: str) -> None:
    said = run(
        tmp_path,
        *plugin,
        conftest=f"""
import pytest

@pytest.fixture(scope="session")
def agentdb_migrations():
    return {given}
""",
        test_it="def test_it(agentdb_path): pass",
    )
    assert "InvalidArgumentError: " in said, said
    assert "[invalid_argument]" in said, said


def test_it_costs_nothing_where_it_is_not_used(tmp_path: Path, plugin: tuple[str, ...]) -> None:
    said = run(
        tmp_path,
        *plugin,
        test_it="""
import sys

def test_it():
    loaded = {name for name in sys.modules if name.startswith("agentdb")}
    assert loaded <= {"agentdb", "agentdb.pytest_plugin"}, loaded
""",
    )
    assert "1 passed" in said, said
