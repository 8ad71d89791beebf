"""What a start imports: a program that only migrates pays for sqlite3, and for little else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

import agentdb

ROOT = Path(agentdb.__file__).parent.parent
#: What costs a start more than all the rest together, and must not be imported before it is needed.
EXPENSIVE = (
    *("asyncio", "aiohttp", "click", "libsql_client", "typing", "dataclasses"),
    *("re", "json", "logging", "hashlib", "threading"),
)

START = """
from agentdb import Migrator, create_client_sync, migrations
with create_client_sync({path!r}) as client:
    assert Migrator(client, migrations.MIGRATIONS).migrate() == {expected}
"""


def imported_by(code: str) -> set[str]:
    """The modules that are loaded after this code, in an interpreter that loads nothing by itself."""
    # Nor does the code that asks import anything; the names come back as text.
    whole = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{code}\nsys.stdout.write(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", whole], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def up_to_date(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("imports") / "a.db")
    with agentdb.create_client_sync(path) as client:
        agentdb.Migrator(client, agentdb.migrations.MIGRATIONS).migrate()
    return path


def test_a_start_with_nothing_pending_imports_none_of_the_expensive_modules(up_to_date: str) -> None:
    ours = imported_by(START.format(path=up_to_date, expected="[]")) - imported_by("import sqlite3")
    assert "agentdb.engine.migrator" in ours
    assert ours.isdisjoint(EXPENSIVE), sorted(ours.intersection(EXPENSIVE))


def test_a_start_with_nothing_pending_imports_little_beside_sqlite3(up_to_date: str) -> None:
    ours = imported_by(START.format(path=up_to_date, expected="[]")) - imported_by("import sqlite3, os")
    beside = {name for name in ours if name.partition(".")[0] != "agentdb"} - set(sys.builtin_module_names)
    assert beside <= {"__future__", "_sha256", "_sha2", "stat"}, sorted(beside)


def test_a_start_imports_nothing_of_the_tools(up_to_date: str) -> None:
    code = f"""
from agentdb import AgentDB
AgentDB.open({up_to_date!r}).close()
"""
    tools = {name for name in imported_by(code) if name.startswith(("agentdb.tools", "agentdb.engine.layouts"))}
    assert tools == set()
    ours = imported_by(START.format(path=up_to_date, expected="[]"))
    assert "agentdb.engine.schema_fingerprint" not in ours


def test_importing_agentdb_alone_imports_nothing_of_it_yet() -> None:
    ours = imported_by("import agentdb")
    assert {name for name in ours if name.startswith("agentdb")} == {"agentdb"}


@pytest.mark.parametrize(
    "name", ["AsyncMigrator", "create_client", "create_client_sync", "Migration", "LibsqlError", "ClientSync"]
)
def test_no_name_of_the_package_imports_the_network_or_the_command(name: str) -> None:
    assert imported_by(f"from agentdb import {name}").isdisjoint({"aiohttp", "click", "libsql_client"})


def test_using_an_async_client_does_not_import_the_network_either(up_to_date: str) -> None:
    code = f"""
import asyncio
from agentdb import AsyncMigrator, create_client, migrations
async def main():
    async with create_client({up_to_date!r}) as client:
        assert await AsyncMigrator(client, migrations.MIGRATIONS).migrate() == []
asyncio.run(main())
"""
    assert imported_by(code).isdisjoint({"aiohttp", "click", "libsql_client"})


def test_every_exported_name_is_there() -> None:
    code = """
import agentdb
for name in agentdb.__all__:
    assert getattr(agentdb, name) is getattr(agentdb, name), name
    assert name in dir(agentdb), name
assert len(agentdb.__all__) == len(set(agentdb.__all__))
from agentdb import *
assert Migrator is agentdb.Migrator
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=True)


def test_dir_lists_names_before_they_are_imported() -> None:
    listed = subprocess.run(
        [sys.executable, "-c", "import agentdb, json; print(json.dumps(dir(agentdb)))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    names = json.loads(listed.stdout)
    assert {"Migrator", "AsyncMigrator", "create_client", "migrations", "errors", "__version__"} <= set(names)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Migrater'"):
        _ = agentdb.Migrater
    with pytest.raises(ImportError):
        from agentdb import Migrater  # noqa: F401


def test_the_command_imports_no_store_and_no_event_loop_before_it_needs_them() -> None:
    folder = str(Path(click.__file__).parents[1])
    ours = imported_by(f"sys.path.append({folder!r})\nimport agentdb.cli.group")
    assert "agentdb.cli.audit" in ours
    assert ours.isdisjoint({"agentdb.stores", "asyncio", "aiohttp", "libsql_client"})
