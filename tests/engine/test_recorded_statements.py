from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from agentdb import Migration, Migrator, create_client_sync
from agentdb.errors import MigrationError

_OURS = [Migration("3", "notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY)", "DROP TABLE notes")]


@pytest.mark.parametrize("column", ["up", "down"])
@pytest.mark.parametrize("recorded", ['["\\ud800"]', '[{"agentdb": "\\ud800"}]'])
def test_recorded_statements_that_are_no_text_are_an_agentdb_error(tmp_path: Path, column: str, recorded: str) -> None:
    with create_client_sync(tmp_path / "a.db") as client:
        Migrator(client, _OURS).migrate()
        client.execute(f"UPDATE migrations SET {column} = ? WHERE id = '3'", (recorded,))
        stranger = Migrator(client)
        if column == "up":  # what rolls it back is another thing
            assert stranger.rollback(limit=1)[0].migration.id == "3"
        else:
            with pytest.raises(MigrationError) as caught:
                stranger.rollback(limit=1)
            assert caught.value.code == "no_down"


#: What somebody may have put into the table; none of it may reach another file, or stay set on the connection.
REFUSED = [
    "ATTACH 'out.db' AS out",
    "/* c */ ATTACH 'out.db' AS out",
    "VACUUM INTO 'out.db'",
    "VACUUM main INTO 'out.db'",
    "PRAGMA writable_schema = 1",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA foreign_keys = OFF",
    "DETACH main",
    "BEGIN",
    ".shell touch out.db",
    "-- nothing",
    "",
]
NOT_ALLOWED = [
    "CREATE TEMP TABLE scratch (x)",
    "CREATE TABLE temp.scratch (x)",
    "SELECT * FROM pragma_user_version",
    "INSERT INTO notes SELECT 1 FROM pragma_writable_schema",
    "SELECT load_extension('out.db')",
]


def recorded(tmp_path: Path, statements: list[str], *, use_transaction: int = 1) -> MigrationError:
    path = tmp_path / "a.db"
    with create_client_sync(path) as client:
        Migrator(client, _OURS).migrate()
        client.execute(
            "UPDATE migrations SET down = ?, use_transaction = ? WHERE id = '3'",
            (json.dumps(statements), use_transaction),
        )
    before = {name for name in os.listdir(tmp_path) if not name.endswith(("-wal", "-shm"))}
    with create_client_sync(path) as client, pytest.raises(MigrationError) as caught:
        Migrator(client, backup=False).rollback(limit=1)
    with create_client_sync(path) as client:
        assert client.execute("SELECT count(*) FROM migrations").tuples == [(1,)]
        assert client.execute("SELECT count(*) FROM notes").tuples == [(0,)]
    assert {name for name in os.listdir(tmp_path) if not name.endswith(("-wal", "-shm"))} == before
    return caught.value


@pytest.mark.parametrize("statement", REFUSED)
@pytest.mark.parametrize("use_transaction", [0, 1])
def test_a_recorded_statement_that_no_migration_may_have_is_refused_before_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str, use_transaction: int
) -> None:
    monkeypatch.chdir(tmp_path)
    error = recorded(tmp_path, ["DELETE FROM notes", statement], use_transaction=use_transaction)
    assert error.code == "recorded_down_refused"


@pytest.mark.parametrize("statement", NOT_ALLOWED)
@pytest.mark.parametrize("use_transaction", [0, 1])
def test_a_recorded_statement_reaches_nothing_but_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str, use_transaction: int
) -> None:
    monkeypatch.chdir(tmp_path)
    error = recorded(tmp_path, [statement], use_transaction=use_transaction)
    # Of a function SQLite tells it in the general error alone.
    assert error.code == ("statement_failed" if "load_extension" in statement else "not_allowed"), error
    assert "not authorized" in error.message or "not allowed" in error.message or "prohibited" in error.message


def test_a_recorded_vacuum_outside_a_transaction_runs(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with create_client_sync(path) as client:
        Migrator(client, [Migration("1", "v", "VACUUM", ["VACUUM"], use_transaction=False)]).migrate()
    with create_client_sync(path) as client:
        assert len(Migrator(client).rollback(limit=1)) == 1
        assert client.execute("PRAGMA user_version").tuples == [(0,)]
