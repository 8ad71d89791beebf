from __future__ import annotations

import os
from pathlib import Path

import pytest

import agentdb
from agentdb import Migration, Migrator, create_client_sync
from agentdb.errors import AgentDBError
from agentdb.tools.backup_files import latest_backup, list_backups

ONE = Migration("001", "one", "CREATE TABLE one (x)", "DROP TABLE one")
TWO = Migration("002", "two", "CREATE TABLE two (x)", "DROP TABLE two")


@pytest.mark.parametrize("name", ["a.db", "a b.db", "x" * 200 + ".db", "a.db.replaced-0001"])
@pytest.mark.parametrize("table", ["migrations", "notes_migrations"])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_every_backup_that_agentdb_makes_is_listed(tmp_path: Path, name: str, table: str, elsewhere: bool) -> None:
    if elsewhere and len(name) > 200:
        pytest.skip("such names are recognised in the default folder alone")
    path = tmp_path / name
    folder = str(tmp_path / "elsewhere") if elsewhere else None
    with create_client_sync(path) as client:
        Migrator(client, [ONE], table=table, backup_dir=folder).migrate()
        Migrator(client, [ONE, TWO], table=table, backup_dir=folder).migrate()
    on_demand = agentdb.backup(path, folder)
    restored = agentdb.restore(backup=on_demand, database=path)
    found = list_backups(path, folder)
    assert {one.kind for one in found} == {"upgrade", "on_demand", "replaced"}
    assert {one.path for one in found} >= {on_demand, restored.replaced}
    upgrade = next(one for one in found if one.kind == "upgrade")
    assert (upgrade.before, upgrade.after, upgrade.is_unfinished) == ("001", "002", False)
    assert os.path.samefile(latest_backup(path, folder).path, on_demand)


def test_other_files_are_none(tmp_path: Path) -> None:
    folder = tmp_path / "a.db.backups"
    folder.mkdir()
    for name in (
        "b.db.0001.001-002.backup",
        "a.db.0001.001-002.backup.partial",
        "a.db.backup",
        "aXdb.0001.001-002.backup",
    ):
        (folder / name).touch()
    (folder / "a.db.0001.001-003.backup").mkdir()
    assert list_backups(tmp_path / "a.db") == ()
    with pytest.raises(AgentDBError) as raised:
        latest_backup(tmp_path / "a.db")
    assert raised.value.code == "not_found"
