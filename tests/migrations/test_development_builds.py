"""A database of a build from before the first release is recognised, and refused with one sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agentdb import AgentDB, Migrator, create_client_sync, migrations
from agentdb.engine.development_builds import BUILDS
from agentdb.errors import MigrationError


@pytest.mark.parametrize("checksum", BUILDS)
@pytest.mark.parametrize("has_more", [True, False])
def test_a_database_of_a_development_build_is_refused_and_left_alone(
    tmp_path: Path, checksum: str, has_more: bool
) -> None:
    path = tmp_path / "a.db"
    with create_client_sync(path, journal_mode="delete") as client:
        Migrator(client, migrations).migrate(limit=1)
        client.execute("UPDATE migrations SET checksum = ?", (checksum,))
        if has_more:
            client.execute(
                "INSERT INTO migrations (id, description, checksum, applied_at) VALUES ('013', 'counts', 'v1:0', 'then')"
            )
    before = path.read_bytes()
    for options in ({}, {"journal_mode": "delete"}):
        with pytest.raises(MigrationError) as refused:
            AgentDB.open(path, **options)
        assert refused.value.code == "development_build"
        assert BUILDS[checksum] in refused.value.message
        assert "013" not in refused.value.message
        assert "new one" in refused.value.remedy
    with create_client_sync(path, journal_mode="delete") as client:
        with pytest.raises(MigrationError) as refused:
            Migrator(client, migrations).migrate(validate_checksums=False)
        assert refused.value.code == "development_build"
        assert "development_build" in {one.code for one in Migrator(client, migrations).validate_migrations().errors}
    for command in ("migrate", "status"):
        done = subprocess.run(
            [sys.executable, "-m", "agentdb", command, path], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 1
        assert "before its first release" in done.stdout + done.stderr
    assert tables(path) == tables_of(before, tmp_path)


def tables(path: Path) -> list[tuple[object, ...]]:
    with create_client_sync(path) as client:
        return [
            *client.execute("SELECT name, sql FROM sqlite_master ORDER BY name").tuples,
            *client.execute("SELECT * FROM migrations ORDER BY id").tuples,
        ]


def tables_of(content: bytes, folder: Path) -> list[tuple[object, ...]]:
    path = folder / "before.db"
    path.write_bytes(content)
    return tables(path)


def test_no_build_of_today_is_one_of_them() -> None:
    assert not {one.checksum for one in migrations.MIGRATIONS} & set(BUILDS)
