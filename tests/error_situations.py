"""Each provokes one error, or one finding of the proof, as it happens to people. Their texts are in test_error_messages.py."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

import agentdb
from agentdb import Migration, Migrator, create_client_sync, validate_migrations
from agentdb.engine.loader import load_migrations
from agentdb.engine.proof.populated import Proof
from agentdb.engine.results import Finding, ValidationResult
from agentdb.errors import REMEDIES, AgentDBError

#: Is given the path of a database that is not there yet.
Situation = Callable[[Path], "AgentDBError | str"]
SITUATIONS: dict[str, Situation] = {}
#: Where there is no fork, no named pipe, or no limit of the size of files.
POSIX_ONLY = {"a_client_from_before_a_fork", "a_pipe", "a_disk_that_fails"}
#: What needs a user that another one may not write for.
ROOT_ONLY: set[str] = set()
HERE = Path(__file__).parent


def situation(function: Situation) -> Situation:
    SITUATIONS[function.__name__] = function
    return function


def caught(call: Callable[..., Any], *args: Any, **kwargs: Any) -> AgentDBError:
    """The agentdb error that a call raises; anything else fails the test."""
    with pytest.raises(AgentDBError) as raised:
        call(*args, **kwargs)
    return raised.value


def told(path: Path, *statements: str, **options: Any) -> AgentDBError:
    """What the last of these statements gets from a client, the ones before it being done."""
    with create_client_sync(path, **options) as client:
        for sql in statements[:-1]:
            client.execute(sql)
        return caught(client.execute, statements[-1])


def of_a_process(program: str, *args: object) -> str:
    """What another process prints."""
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, args)],
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def as_a_person_reads(finding: Finding) -> str:
    return f"{finding.message}\n{REMEDIES[finding.code]} [{finding.code}]"


def the(result: ValidationResult, code: str) -> str:
    (found, *_) = [finding for finding in (*result.errors, *result.warnings) if finding.code == code]
    return as_a_person_reads(found)


def step(number: int, up: Any, down: Any = "SELECT 1", **more: Any) -> Migration:
    return Migration(f"{number:03}", f"step {number}", up, down, **more)


TABLE = step(1, "CREATE TABLE t (x INTEGER)", "DROP TABLE t")


# -- calls


@situation
def a_date_that_is_bound(path: Path) -> AgentDBError:
    with create_client_sync(path) as client:
        return caught(client.execute, "SELECT ?, ?", (1, Path("x")))


@situation
def a_number_that_does_not_fit(path: Path) -> AgentDBError:
    with create_client_sync(path) as client:
        return caught(client.execute, "SELECT :size", {"size": 2**63})


@situation
def a_statement_that_begins_a_transaction(path: Path) -> AgentDBError:
    return told(path, "BEGIN")


@situation
def foreign_keys_switched_by_a_statement(path: Path) -> AgentDBError:
    return told(path, "PRAGMA foreign_keys = OFF")


@situation
def an_unknown_scheme(path: Path) -> AgentDBError:
    return caught(create_client_sync, "postgres://user:secret@host/db?token=secret")


@situation
def options_in_the_url(path: Path) -> AgentDBError:
    return caught(create_client_sync, "file:agents.db?mode=ro")


@situation
def a_service_without_its_extra(path: Path) -> str:
    program = """
import sys
sys.modules["uvicorn"] = None
from agentdb.cli.serve import serve
from agentdb.errors import AgentDBError
try:
    serve.main([sys.argv[1]], standalone_mode=False)
except AgentDBError as error:
    print(error)
"""
    return of_a_process(program, path)


@situation
def a_port_that_is_taken(path: Path) -> str:
    import socket

    from agentdb.server.service import Service, run
    from agentdb.server.settings import ServerSettings

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = Service(str(path), "127.0.0.1", port, ServerSettings(), {})
        return str(caught(run, service, print)).replace(str(port), "PORT")


# -- handles


@situation
def a_closed_client(path: Path) -> AgentDBError:
    client = create_client_sync(path)
    client.close()
    return caught(client.execute, "SELECT 1")


@situation
def a_transaction_that_has_ended(path: Path) -> AgentDBError:
    with create_client_sync(path) as client:
        transaction = client.transaction()
        transaction.execute("SELECT 1")
        transaction.commit()
        return caught(transaction.execute, "SELECT 1")


@situation
def a_client_from_before_a_fork(path: Path) -> str:
    return of_a_process(
        """
import os, sys
from agentdb import create_client_sync
from agentdb.errors import ClosedError
client = create_client_sync(sys.argv[1])
if os.fork():
    os.wait()
else:
    try:
        client.execute("SELECT 1")
    except ClosedError as error:
        print(error, flush=True)
    os._exit(0)
""",
        path,
    )


@situation
def a_transaction_that_sqlite_rolled_back(path: Path) -> AgentDBError:
    with create_client_sync(path) as client:
        client.execute("CREATE TABLE t (x UNIQUE)")
        transaction = client.transaction()
        transaction.execute("INSERT INTO t VALUES (1)")
        caught(transaction.execute, "INSERT OR ROLLBACK INTO t VALUES (1)")
        return caught(transaction.execute, "INSERT INTO t VALUES (2)")


@situation
def the_client_beside_its_transaction(path: Path) -> AgentDBError:
    with create_client_sync(path) as client:
        transaction = client.transaction()
        transaction.execute("SELECT 1")
        return caught(client.execute, "SELECT 1")


@situation
def a_task_that_was_started_inside_a_transaction(path: Path) -> AgentDBError:
    with create_client_sync(path) as client:
        transaction = client.transaction()
        transaction.execute("SELECT 1")
        context = copy_context()  # as a task has one
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(context.run, caught, client.execute, "SELECT 1").result()


@situation
def a_callback_that_uses_the_database(path: Path) -> AgentDBError:
    errors: list[AgentDBError] = []
    with create_client_sync(path) as client:

        def use(event: object) -> None:
            errors.append(caught(client.execute, "SELECT 1"))

        Migrator(client, [TABLE], on_event=use).migrate()
    return errors[0]


# -- files


@situation
def no_folder_for_a_database(path: Path) -> AgentDBError:
    return caught(create_client_sync, path / "agents.db")


@situation
def no_folder_of_migrations(path: Path) -> AgentDBError:
    return caught(load_migrations, path)


@situation
def no_file(path: Path) -> AgentDBError:
    return caught(create_client_sync, path, read_only=True)


@situation
def a_directory(path: Path) -> AgentDBError:
    return caught(create_client_sync, path.parent)


@situation
def a_pipe(path: Path) -> AgentDBError:
    os.mkfifo(path)
    return caught(create_client_sync, path)


@situation
def a_text_file(path: Path) -> AgentDBError:
    path.write_text("notes " * 1000)
    return caught(create_client_sync, path)


@situation
def a_damaged_file(path: Path) -> AgentDBError:
    fill = "INSERT INTO t SELECT 1 FROM pragma_function_list a, pragma_function_list b LIMIT 5000"
    with create_client_sync(path) as client:
        client.execute("CREATE TABLE t (x)")
        client.execute(fill)
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    return told(path, "SELECT count(*) FROM t")


@situation
def a_client_that_only_reads(path: Path) -> AgentDBError:
    told(path, "CREATE TABLE t (x)", "SELECT nothing")
    return told(path, "INSERT INTO t VALUES (1)", read_only=True)


@situation
def a_full_disk(path: Path) -> AgentDBError:
    return told(
        path, "CREATE TABLE t (x)", "PRAGMA max_page_count = 2", "INSERT INTO t VALUES (zeroblob(100000))", readers=1
    )


@situation
def a_full_disk_in_a_migration(path: Path) -> AgentDBError:
    with create_client_sync(path) as client:
        client.execute("CREATE TABLE notes (x)")
        client.execute("PRAGMA max_page_count = 6")
        return caught(Migrator(client, [step(1, "INSERT INTO notes VALUES (zeroblob(100000))")]).migrate)


@situation
def a_disk_that_fails(path: Path) -> str:
    return of_a_process(
        """
import resource, signal, sys
from agentdb import create_client_sync
from agentdb.errors import StorageError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with create_client_sync(sys.argv[1]) as client:
    client.execute("CREATE TABLE t (x)")
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, resource.RLIM_INFINITY))
    try:
        client.execute("INSERT INTO t VALUES (zeroblob(1000000))")
    except StorageError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
""",
        path,
    )


@situation
def a_restore_without_a_place_for_its_lock(path: Path) -> AgentDBError:
    told(path, "CREATE TABLE t (x)", "SELECT nothing")
    kept = agentdb.backup(path, f"{path}.kept")
    Path(f"{path}.backups").touch()
    return caught(agentdb.restore, database=path, backup=kept)


# -- statements


@situation
def a_value_of_another_type(path: Path) -> AgentDBError:
    return told(path, "CREATE TABLE t (x INTEGER) STRICT", "INSERT INTO t VALUES ('one')")


@situation
def a_value_that_is_missing(path: Path) -> AgentDBError:
    return told(path, "CREATE TABLE t (x NOT NULL)", "INSERT INTO t VALUES (NULL)")


@situation
def a_value_that_a_check_refuses(path: Path) -> AgentDBError:
    return told(path, "CREATE TABLE t (x CONSTRAINT small CHECK (x < 5))", "INSERT INTO t VALUES (9)")


@situation
def a_sqlite_that_lacks_something(path: Path) -> AgentDBError:
    return told(path, "CREATE VIRTUAL TABLE t USING fts9 (text)")


@situation
def a_value_beyond_the_limit(path: Path) -> AgentDBError:
    return told(path, "SELECT zeroblob(2000000000)")


# -- migrations


@situation
def an_agent_that_is_not_there(path: Path) -> AgentDBError:
    with agentdb.AgentDB.open(path) as db:
        return caught(db.agents.require, "nobody")


@situation
def a_file_of_another_name(path: Path) -> AgentDBError:
    path.parent.joinpath("first.up.sql").write_text("SELECT 1")
    return caught(load_migrations, path.parent)


@situation
def a_down_without_its_up(path: Path) -> AgentDBError:
    path.parent.joinpath("001_first.down.sql").write_text("SELECT 1")
    return caught(load_migrations, path.parent)


@situation
def one_of_a_newer_build(path: Path) -> str:
    newer = step(2, "CREATE TABLE u (x)", "DROP TABLE u", backward_compatible=True)
    with create_client_sync(path) as client:
        Migrator(client, [TABLE, newer]).migrate()
        return the(Migrator(client, [TABLE]).validate_migrations(), "newer_database")


@situation
def one_that_died_half_way(path: Path) -> str:
    outside = step(2, ["CREATE TABLE IF NOT EXISTS u (x)", "SELECT nothing"], use_transaction=False)
    with create_client_sync(path) as client:
        migrator = Migrator(client, [TABLE, outside], backup=False)
        caught(migrator.migrate)
        return the(migrator.validate_migrations(), "interrupted_migration")


# -- the proof


@situation
def an_up_that_fails(path: Path) -> str:
    return the(validate_migrations([TABLE, step(2, "INSERT INTO u VALUES (1)")]), "up_failed")


@situation
def a_down_that_fails_in_the_proof(path: Path) -> str:
    return the(validate_migrations([TABLE, step(2, "CREATE TABLE u (x)", "DROP TABLE v")]), "down_failed")


@situation
def a_down_that_forgets_something(path: Path) -> str:
    up = ["CREATE TABLE u (x)", "CREATE TABLE IF NOT EXISTS v (x)"]
    return the(validate_migrations([step(1, up, "DROP TABLE u")]), "down_incomplete")


@situation
def an_up_that_cannot_be_run_again(path: Path) -> str:
    return the(validate_migrations([step(1, ["CREATE TABLE u (x)"], "SELECT 1")]), "not_repeatable")


@situation
def an_up_that_fails_on_rows(path: Path) -> str:
    up = "ALTER TABLE t ADD COLUMN at TEXT DEFAULT CURRENT_TIMESTAMP"
    return the(validate_migrations([TABLE, step(2, up, "ALTER TABLE t DROP COLUMN at")]), "populated_up_failed")


@situation
def a_down_that_fails_on_rows(path: Path) -> str:
    first = step(1, "CREATE TABLE t (x INTEGER NOT NULL)", "DROP TABLE t")
    down = ("INSERT INTO t (x) SELECT NULL FROM t", "ALTER TABLE t DROP COLUMN y")
    return the(validate_migrations([first, step(2, "ALTER TABLE t ADD COLUMN y", down)]), "populated_down_failed")


@situation
def a_rebuild_that_empties_the_children(path: Path) -> str:
    family = step(
        1,
        ("CREATE TABLE p (id INTEGER PRIMARY KEY)", "CREATE TABLE c (p REFERENCES p ON DELETE CASCADE)"),
        ("DROP TABLE c", "DROP TABLE p"),
    )
    by_hand = (
        "CREATE TABLE n (id INTEGER PRIMARY KEY, x)",
        "INSERT INTO n (id) SELECT id FROM p",
        "DROP TABLE p",
        "ALTER TABLE n RENAME TO p",
    )
    return the(validate_migrations([family, step(2, by_hand)]), "data_loss")


@situation
def a_schema_that_hangs_on_rows(path: Path) -> str:
    """No SQL of a migration can decide this way or that; here, as if the definition of a table held a count."""
    second = step(2, "CREATE TABLE u AS SELECT count(*) AS n FROM t", "DROP TABLE u")
    proof = Proof(
        (),
        (TABLE, second),
        None,
        tables=("agentdb_proof_base", "agentdb_proof"),
        read_schema=lambda client: client.execute("SELECT n FROM u").tuples,
        difference=lambda one, other: "changed: table u",
    )
    proof.make()
    return the(ValidationResult.of(proof.errors), "schema_differs")


@situation
def a_table_that_stays_empty(path: Path) -> str:
    odd = "CREATE TABLE odd (x TEXT NOT NULL CHECK (substr(x, 3, 4) = 'q' || length(x) || 'zz'))"
    return the(validate_migrations([step(1, odd, "DROP TABLE odd")]), "not_filled")


@situation
def a_fixture_that_does_not_fit(path: Path) -> str:
    strict = step(1, "CREATE TABLE u (x INTEGER NOT NULL) STRICT", "DROP TABLE u")
    return the(validate_migrations([strict], fixtures={"u": [{"x": "one"}]}), "bad_fixture")


@situation
def a_fixture_for_nothing(path: Path) -> str:
    return the(validate_migrations([TABLE], fixtures={"u": [{"x": 1}]}), "bad_fixture")
