"""Situations of the engine, of the command and of files that need some preparation. Their texts are in error_table.py."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from error_situations import (
    POSIX_ONLY,
    ROOT_ONLY,
    TABLE,
    as_a_person_reads,
    caught,
    of_a_process,
    situation,
    step,
    the,
    told,
)

from agentdb import (
    AgentDB,
    Backfill,
    Migration,
    MigrationSet,
    Migrator,
    PythonStep,
    create_client_sync,
    migrations,
    validate_migrations,
)
from agentdb.cli.group import agentdb
from agentdb.clients.local.error_translation import translate
from agentdb.engine.development_builds import BUILDS
from agentdb.engine.results import Finding
from agentdb.errors import AgentDBError
from agentdb.operations import Steps, execute

SECOND = step(2, "CREATE TABLE u (x)", "DROP TABLE u")
POSIX_ONLY |= {"a_temporary_folder_that_is_full", "a_file_that_was_replaced"}
ROOT_ONLY |= {"an_unfinished_write_of_somebody_else"}


def tampered(path: Path, *down: str) -> AgentDBError:
    """What a rollback by an older build gets, after somebody has changed the recorded down of migration 002."""
    with create_client_sync(path) as client:
        Migrator(client, [TABLE, SECOND]).migrate()
        client.execute("UPDATE migrations SET down = ? WHERE id = '002'", (json.dumps(down),))
        return caught(Migrator(client, [TABLE], backup=False).rollback_last)


# -- how migrations are written


@situation
def an_up_without_a_statement(path: Path) -> str:
    return the(validate_migrations([step(1, ())]), "empty_up")


@situation
def a_pragma_that_a_transaction_ignores(path: Path) -> AgentDBError:
    return caught(step, 1, "PRAGMA auto_vacuum = FULL")


@situation
def a_file_that_is_no_migration(path: Path) -> str:
    folder = path.parent / "migrations"
    folder.mkdir()
    (folder / "001_notes.up.sql").write_text("CREATE TABLE notes (x);")
    (folder / "001_notes.down.sql").write_text("DROP TABLE notes;")
    (folder / "seed.sql").touch()
    done = CliRunner().invoke(agentdb, ["validate", "--json", "--migrations", str(folder)])
    (finding,) = json.loads(done.stdout)["warnings"]
    assert finding["code"] == "skipped_file"
    return as_a_person_reads(Finding(finding["code"], finding["message"]))


# -- Python in migrations, and batches


def asks_for_text() -> Any:
    yield "SELECT 1"


def raises() -> Steps[None]:
    yield from execute("SELECT 1")
    raise ValueError("the name has no space")


def asks() -> Steps[None]:
    yield from execute("SELECT 1")


@situation
def a_python_step_of_another_build(path: Path) -> AgentDBError:
    with create_client_sync(path) as client:
        Migrator(client, [TABLE, step(2, "SELECT 1", PythonStep("join_names", asks, version=2))]).migrate()
        return caught(Migrator(client, [TABLE], backup=False).rollback_last)


@situation
def a_python_step_that_raises(path: Path) -> AgentDBError:
    with create_client_sync(path) as client:
        return caught(Migrator(client, [TABLE, step(2, PythonStep("split_names", raises))], backup=False).migrate)


@situation
def a_python_step_that_yields_text(path: Path) -> AgentDBError:
    with create_client_sync(path) as client:
        return caught(
            Migrator(client, [TABLE, step(2, PythonStep("split_names", asks_for_text))], backup=False).migrate
        )


@situation
def a_backfill_of_a_view(path: Path) -> AgentDBError:
    with create_client_sync(path) as client:
        view = step(2, "CREATE VIEW v AS SELECT * FROM t")
        return caught(Migrator(client, [TABLE, view, step(3, Backfill("v", "x = 1"))], backup=False).migrate)


# -- a database and a build that do not fit


@situation
def a_file_of_a_development_build(path: Path) -> AgentDBError:
    with create_client_sync(path) as client:
        Migrator(client, migrations).migrate(limit=1)
        client.execute("UPDATE migrations SET checksum = ?", (min(BUILDS),))
    return caught(AgentDB.open, path)


@situation
def a_set_on_the_table_of_another(path: Path) -> AgentDBError:
    with create_client_sync(path) as client:
        Migrator(client, migrations).migrate(limit=1)
        notes = MigrationSet("notes", [Migration("001", "Notes", "CREATE TABLE notes (x)")], table="migrations")
        return caught(Migrator(client, notes).migrate)


@situation
def a_table_in_the_place_of_one_of_ours(path: Path) -> AgentDBError:
    told(path, "CREATE TABLE messages (text)", "SELECT nothing")
    return caught(AgentDB.open, path)


@situation
def a_time_in_the_tracking_table_that_is_none(path: Path) -> str:
    with create_client_sync(path) as client:
        migrator = Migrator(client, [TABLE])
        migrator.migrate()
        client.execute("UPDATE migrations SET execution_time = 9e999")
        return the(migrator.validate_migrations(), "bad_value_in_table")


@situation
def a_number_that_was_left_out(path: Path) -> str:
    return the(validate_migrations([TABLE, step(3, "CREATE TABLE u (x)", "DROP TABLE u")]), "gap")


@situation
def another_description(path: Path) -> str:
    with create_client_sync(path) as client:
        Migrator(client, [TABLE]).migrate()
        renamed = Migration("001", "another", TABLE.up, TABLE.down)
        return the(Migrator(client, [renamed]).validate_migrations(), "changed_description")


@situation
def another_down(path: Path) -> str:
    with create_client_sync(path) as client:
        Migrator(client, [TABLE]).migrate()
        changed = Migration("001", TABLE.description, TABLE.up, "DROP TABLE IF EXISTS t")
        return the(Migrator(client, [changed]).validate_migrations(), "changed_down")


@situation
def a_row_put_in_by_hand(path: Path) -> str:
    with create_client_sync(path) as client:
        Migrator(client).initialize()
        client.execute("INSERT INTO migrations (id, description, checksum) VALUES ('001', 'step 1', 'manual')")
        return the(Migrator(client, [TABLE]).validate_migrations(), "manual_row")


@situation
def a_target_that_is_behind(path: Path) -> AgentDBError:
    with create_client_sync(path) as client:
        migrator = Migrator(client, [TABLE, SECOND])
        migrator.migrate()
        return caught(migrator.migrate, target="001")


# -- rollbacks


@situation
def a_recorded_down_that_no_migration_may_have(path: Path) -> AgentDBError:
    return tampered(path, "ATTACH 'other.db' AS other")


@situation
def a_recorded_down_that_leaves_the_database(path: Path) -> AgentDBError:
    return tampered(path, "CREATE TEMP TABLE scratch (x)")


@situation
def a_recorded_down_that_changes_the_history(path: Path) -> AgentDBError:
    return tampered(path, "DELETE FROM migrations WHERE id = '001'")


@situation
def a_recorded_down_that_is_no_whole_statement(path: Path) -> str:
    with create_client_sync(path) as client:
        Migrator(client, [TABLE, SECOND]).migrate()
        client.execute(
            "UPDATE migrations SET down = ? WHERE id = '002'",
            (json.dumps(["CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1"]),),
        )
    folder = path.parent / "migrations"
    folder.mkdir()
    (folder / "001_step_1.up.sql").write_text("CREATE TABLE t (x INTEGER)")
    done = CliRunner().invoke(agentdb, ["sql", str(path), "--down", "--json", "--migrations", str(folder)])
    error = json.loads(done.stdout)["error"]
    return f"{error['message']}\n{error['remedy']} [{error['code']}]"


@situation
def another_process_that_was_quicker(path: Path) -> AgentDBError:
    with create_client_sync(path) as client:
        migrator = Migrator(client, [TABLE, SECOND], backup=False)
        migrator.migrate()
        shown = migrator.rollback_last(dry_run=True)
        migrator.rollback_last()
        return caught(migrator.rollback, limit=1, planned=[shown])


@situation
def a_view_on_what_is_rolled_back(path: Path) -> AgentDBError:
    with create_client_sync(path) as client:
        migrator = Migrator(client, [TABLE, SECOND], backup=False)
        migrator.migrate()
        client.execute("CREATE VIEW listed AS SELECT x FROM u")
        return caught(migrator.rollback_last)


@situation
def a_temp_table_that_a_killed_process_had(path: Path) -> AgentDBError:
    statements = [
        "CREATE TEMP TABLE IF NOT EXISTS keep AS SELECT x FROM t",
        "DELETE FROM t WHERE x < 0",
        "INSERT INTO t SELECT x FROM keep WHERE x > (SELECT count(*) FROM nowhere)",
    ]
    registered = [TABLE, step(2, statements, use_transaction=False)]
    for _ in range(2):
        with create_client_sync(path) as client:
            error = caught(Migrator(client, registered, backup=False).migrate)
    return error


# -- files


@situation
def a_statement_that_is_interrupted(path: Path) -> AgentDBError:
    def stop(connection: sqlite3.Connection) -> None:
        connection.set_progress_handler(lambda: 1, 100_000)

    endless = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c"
    return told(path, endless, on_connect=stop)


@situation
def a_function_of_the_host_that_fails(path: Path) -> AgentDBError:
    def register(connection: sqlite3.Connection) -> None:
        raise LookupError("vectors.so is not here")

    return caught(create_client_sync, path, on_connect=register)


@situation
def a_file_that_was_replaced(path: Path) -> AgentDBError:
    with create_client_sync(path) as client:
        client.execute("CREATE TABLE t (x)")
        path.rename(f"{path}.old")
        return caught(client.execute, "INSERT INTO t VALUES (1)")


@situation
def a_network_folder(path: Path) -> AgentDBError:
    """A file system without shared memory cannot be had everywhere; SQLite's error of one is translated here."""
    error = sqlite3.OperationalError("locking protocol")
    error.sqlite_errorname, error.sqlite_errorcode = "SQLITE_IOERR_SHMMAP", 5386
    return translate(error, str(path))


@situation
def a_temporary_folder_that_is_full(path: Path) -> str:
    return of_a_process(
        """
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
""",
        path,
    )


@situation
def an_unfinished_write_of_somebody_else(path: Path) -> str:
    dies = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("CREATE TABLE t (v, filler)")
connection.execute("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000) "
                   "INSERT INTO t SELECT 1000, zeroblob(300) FROM c")
connection.execute("PRAGMA cache_size=5")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE t SET v = 0 WHERE rowid < 1500")
os.kill(os.getpid(), 9)
"""
    reads = """
import os, sys
from agentdb import create_client_sync
from agentdb.errors import StorageError
import agentdb.clients.local.error_translation, agentdb.clients.local.sync_client
os.setuid(65534)
try:
    with create_client_sync(sys.argv[1], read_only=True) as client:
        client.execute("SELECT sum(v) FROM t")
except StorageError as error:
    print(error)
"""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to other users
        os.chmod(folder, 0o755)
        file = Path(folder, "agents.db")
        subprocess.run([sys.executable, "-c", dies, str(file)], check=False, timeout=60)
        for found in Path(folder).iterdir():
            found.chmod(0o644)
        return of_a_process(reads, file).replace(str(file), str(path))
