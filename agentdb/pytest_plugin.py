"""Fixtures for an application's tests: a database that is migrated once, and a copy of it for every test.

Loaded by pytest where agentdb is installed; it imports nothing of agentdb before a test asks for one of these:

    agentdb_path        the path of a migrated database of the test's own
    agentdb_database    an open AgentDB on it
    agentdb_migrations  what it is migrated with; override it for migrations of your own:

        @pytest.fixture(scope="session")
        def agentdb_migrations():
            return {"migrations": agentdb.migrations, "notes_migrations": NOTES}

                        what is no mapping stands for {"migrations": it}
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from agentdb.database import AgentDB
    from agentdb.engine.migration_set import Migrations


@pytest.fixture(scope="session")
def agentdb_migrations() -> Mapping[str, Migrations]:
    """Tracking table -> its migrations, in the order in which they are applied: those that agentdb brings."""
    from agentdb import migrations

    return {"migrations": migrations}


@pytest.fixture(scope="session")
def agentdb_template(
    agentdb_migrations: Mapping[str, Migrations] | Migrations, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The path of the database that is migrated once for all tests. Not to be written to: agentdb_path is a copy."""
    from agentdb import Migrator, create_client_sync

    path = tmp_path_factory.mktemp("agentdb") / "template.db"
    with create_client_sync(path) as client:
        for table, migrations in _by_table(agentdb_migrations).items():
            Migrator(client, migrations, table=table).migrate()
    return path


def _by_table(given: Any) -> Mapping[str, Migrations]:
    return given if isinstance(given, Mapping) else {"migrations": given}


@pytest.fixture
def agentdb_path(agentdb_template: Path, tmp_path: Path) -> Path:
    """The path of a migrated database of the test's own."""
    path = tmp_path / "agents.db"
    shutil.copy(agentdb_template, path)  # closed, so all of it is in the one file
    return path


@pytest.fixture
def agentdb_database(agentdb_path: Path) -> Iterator[AgentDB]:
    """An open AgentDB on a migrated database of the test's own."""
    from agentdb import AgentDB

    with AgentDB.open(agentdb_path, migrate=False) as db:
        yield db
