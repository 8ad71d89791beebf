"""Errors of SQLite whose words mislead: what is told instead, and what to do."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from agentdb import Migration, Migrator, create_client_sync
from agentdb.clients.local.error_translation import _FUNCTIONS
from agentdb.errors import MigrationError, StatementError, StorageError

VACUUM_WITH_A_LIMIT = """
import resource, sys
from agentdb import create_client_sync
from agentdb.errors import StorageError
with create_client_sync(sys.argv[1]) as client:
    client.execute("CREATE TABLE t (x)")
    client.execute("INSERT INTO t VALUES (zeroblob(4000000))")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000000, resource.RLIM_INFINITY))
    try:
        client.execute("VACUUM")
    except StorageError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit of the size of files")
def test_a_temporary_file_that_cannot_be_written_is_not_the_disk_of_the_database(tmp_path: Path) -> None:
    program = VACUUM_WITH_A_LIMIT
    command = [sys.executable, "-c", program, str(tmp_path / "a.db")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    code = "temp_folder_full"
    assert f"[{code}]" in done.stdout
    assert "SQLITE_TMPDIR" in done.stdout
    assert "the disk of" not in done.stdout


def test_vacuum_in_a_transaction_names_the_way_out(tmp_path: Path) -> None:
    with create_client_sync(tmp_path / "a.db") as client:
        with pytest.raises(MigrationError) as refused:
            Migrator(client, [Migration("001", "x", "VACUUM")]).migrate()
        assert "use_transaction=False" in refused.value.remedy
        transaction = client.transaction()
        with pytest.raises(StatementError, match="VACUUM") as caught:
            transaction.execute("VACUUM")
        transaction.close()
        assert "use_transaction=False" in caught.value.remedy


@pytest.mark.parametrize("function", ["unhex('00')", "concat('a')", "json_pretty('1')", "unistr('a')"])
def test_a_function_of_a_newer_sqlite_is_told_with_the_version_that_has_it(tmp_path: Path, function: str) -> None:
    since = _FUNCTIONS[function.partition("(")[0]]
    with create_client_sync(tmp_path / "a.db") as client:
        if sqlite3.sqlite_version_info >= tuple(map(int, since.split("."))):
            client.execute(f"SELECT {function}")
            return
        with pytest.raises(StatementError) as caught:
            client.execute(f"SELECT {function}")
    assert f"since {since}" in caught.value.remedy
    assert sqlite3.sqlite_version in caught.value.remedy


def test_a_function_that_no_sqlite_has_is_told_as_it_is(tmp_path: Path) -> None:
    with create_client_sync(tmp_path / "a.db") as client, pytest.raises(StatementError) as caught:
        client.execute("SELECT no_such_one(1)")
    assert "since" not in caught.value.remedy
    assert not isinstance(caught.value, StorageError)
