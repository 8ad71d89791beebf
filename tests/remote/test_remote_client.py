"""A client of a real server: what it does with statements, batches and transactions."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import libsql_client
import pytest
from libsql_server import LibsqlServer
from tcp_proxy import TcpProxy
from worlds import World

from agentdb import AgentDB, Migration, Migrator, create_client_sync
from agentdb.errors import AgentDBError, ClosedError, IntegrityError, InvalidArgumentError, StatementError


def count(world: World, client: Any) -> int:
    return int(world.rows(client, "SELECT count(*) FROM t")[0][0])


def test_what_a_statement_gives_is_what_it_gives_on_a_file(world: World, client: Any) -> None:
    inserted = world(client.execute("INSERT INTO t (b) VALUES (:b)", {"b": "x", "unused": 1}))
    assert (inserted.rows_affected, inserted.last_insert_rowid, inserted.tuples) == (1, 1, [])
    returned = world(client.execute("INSERT INTO t (b) VALUES ('y') RETURNING a, b"))
    assert (returned.rows[0]["b"], returned.rows_affected) == ("y", 1)
    changed = world(client.execute("UPDATE t SET b = b || 'z'"))
    assert (changed.rows_affected, changed.last_insert_rowid) == (2, None)
    read = world(client.execute("SELECT * FROM t ORDER BY a"))
    assert (read.columns, read.rows_affected, read.tuples) == (("a", "b"), 0, [(1, "xz"), (2, "yz")])


@pytest.mark.parametrize(
    ("sql", "kind", "code", "engine_code"),
    [
        ("INSERT INTO t (b) VALUES ('x')", IntegrityError, "unique", "SQLITE_CONSTRAINT"),
        ("INSERT INTO t (b) VALUES (NULL)", IntegrityError, "not_null", "SQLITE_CONSTRAINT"),
        ("INSERT INTO t (b) VALUES ('bad')", IntegrityError, "check", "SQLITE_CONSTRAINT"),
        ("INSERT INTO u VALUES (77)", IntegrityError, "foreign_key", "SQLITE_CONSTRAINT"),
        ("SELECT * FROM nowhere", StatementError, "statement_failed", "SQLITE_UNKNOWN"),
        ("SELEC 1", StatementError, "statement_failed", "SQL_PARSE_ERROR"),
        ("VACUUM", StatementError, "not_allowed", "SQL_PARSE_ERROR"),
        ("SELECT 1; SELECT 2", InvalidArgumentError, "many_statements", "SQL_MANY_STATEMENTS"),
        ("SELECT :missing", InvalidArgumentError, "invalid_argument", "ARGS_INVALID"),
        ("BEGIN", InvalidArgumentError, "transaction_control", None),
        ("PRAGMA foreign_keys = OFF", InvalidArgumentError, "foreign_keys_stay_on", None),
    ],
)
def test_each_refusal_is_a_typed_error_with_the_code_of_the_server(
    world: World, client: Any, sql: str, kind: type[Exception], code: str, engine_code: str | None
) -> None:
    world(client.execute("CREATE TABLE u (t REFERENCES t)"))
    world(client.execute("INSERT INTO t (b) VALUES ('x')"))
    with pytest.raises(AgentDBError) as caught:
        world(client.execute(sql))
    assert (type(caught.value), caught.value.code, caught.value.engine_code) == (kind, code, engine_code)
    assert count(world, client) == 1


def test_a_batch_is_all_or_nothing(world: World, client: Any) -> None:
    with pytest.raises(IntegrityError):
        world(
            client.batch(
                ["INSERT INTO t (b) VALUES (1)", "INSERT INTO t (b) VALUES (1)", "INSERT INTO t (b) VALUES (2)"]
            )
        )
    assert count(world, client) == 0
    results = world(client.batch(["INSERT INTO t (b) VALUES (1)", ("SELECT b FROM t WHERE b = ?", (1,))]))
    assert (results[0].last_insert_rowid, results[1].tuples) == (1, [(1,)])
    assert world(client.batch([])) == []


def test_a_foreign_key_that_is_broken_at_the_commit_rolls_back(world: World, client: Any) -> None:
    world(client.execute("CREATE TABLE u (t REFERENCES t DEFERRABLE INITIALLY DEFERRED)"))
    with pytest.raises(IntegrityError) as caught:
        world(client.batch(["INSERT INTO u VALUES (77)", "INSERT INTO t (b) VALUES (1)"]))
    assert caught.value.code == "foreign_key"
    transaction = client.transaction()
    world(transaction.execute("INSERT INTO u VALUES (77)"))
    with pytest.raises(IntegrityError):
        world(transaction.commit())
    assert transaction.closed
    assert (count(world, client), world.rows(client, "SELECT count(*) FROM u")) == (0, [(0,)])


def test_a_transaction_keeps_what_is_committed_and_nothing_else(
    world: World, client: Any, server: LibsqlServer
) -> None:
    transaction = client.transaction()
    world(transaction.execute("INSERT INTO t (b) VALUES (1)"))
    with create_client_sync(server.url) as other:
        assert other.execute("SELECT count(*) FROM t").tuples == [(0,)]
    world(transaction.commit())
    assert count(world, client) == 1
    transaction = client.transaction()
    world(transaction.execute("INSERT INTO t (b) VALUES (2)"))
    world(transaction.rollback())
    with pytest.raises(ClosedError):
        world(transaction.execute("INSERT INTO t (b) VALUES (3)"))
    transaction = client.transaction()
    world(transaction.execute("INSERT INTO t (b) VALUES (4)"))
    transaction.close()
    assert count(world, client) == 1


def test_a_statement_that_fails_leaves_the_transaction_open(world: World, client: Any) -> None:
    transaction = client.transaction()
    world(transaction.execute("INSERT INTO t (b) VALUES (1)"))
    for call in (
        lambda: transaction.execute("INSERT INTO t (b) VALUES (1)"),
        lambda: transaction.batch(["INSERT INTO t (b) VALUES (2)", "INSERT INTO t (b) VALUES (2)"]),
    ):
        with pytest.raises(IntegrityError):
            world(call())
    world(transaction.execute("INSERT INTO t (b) VALUES (3)"))
    world(transaction.commit())
    assert world.rows(client, "SELECT b FROM t ORDER BY b") == [(1,), (3,)]


def test_savepoints_undo_what_is_theirs(world: World, client: Any) -> None:
    transaction = client.transaction()
    world(transaction.execute("INSERT INTO t (b) VALUES (1)"))
    for number in (2, 3):
        name = world(transaction.savepoint())
        inner = world(transaction.savepoint())
        world(transaction.execute("INSERT INTO t (b) VALUES (?)", (number,)))
        world(transaction.release(inner))
        world(transaction.rollback_to(name) if number == 2 else transaction.release(name))
    empty = world(transaction.savepoint())
    world(transaction.rollback_to(empty))
    world(transaction.commit())
    assert world.rows(client, "SELECT b FROM t ORDER BY b") == [(1,), (3,)]


def test_foreign_keys_are_off_in_that_transaction_alone(world: World, client: Any) -> None:
    world(client.execute("CREATE TABLE u (t REFERENCES t)"))
    transaction = client.transaction(foreign_keys=False)
    world(transaction.execute("INSERT INTO u VALUES (77)"))
    assert world(transaction.execute("PRAGMA foreign_keys")).tuples == [(0,)]
    world(transaction.commit())
    assert world.rows(client, "PRAGMA foreign_keys") == [(1,)]
    with pytest.raises(IntegrityError):
        world(client.execute("INSERT INTO u VALUES (78)"))


def test_a_transaction_that_is_dropped_is_rolled_back_at_once(world: World, client: Any) -> None:
    transaction = client.transaction()
    world(transaction.execute("INSERT INTO t (b) VALUES (1)"))
    del transaction
    gc.collect()
    began = time.monotonic()
    world(client.execute("INSERT INTO t (b) VALUES (2)"))
    assert time.monotonic() - began < 4  # the server would keep its lock for five seconds
    assert world.rows(client, "SELECT b FROM t") == [(2,)]


@pytest.mark.soak
def test_a_transaction_whose_lock_was_taken_away_commits_nothing_ever(
    world: World, client: Any, server: LibsqlServer
) -> None:
    transaction = client.transaction()
    world(transaction.execute("INSERT INTO t (b) VALUES ('mine')"))
    time.sleep(5.5)  # the server asks for nothing but time
    with create_client_sync(server.url) as other:
        other.execute("INSERT INTO t (b) VALUES ('theirs')")
        with pytest.raises(ClosedError) as caught:
            world(transaction.execute("INSERT INTO t (b) VALUES ('late')"))
        assert (caught.value.code, caught.value.engine_code) == ("transaction_lost", "TRANSACTION_TIMEOUT")
        for call in (lambda: transaction.execute("INSERT INTO t (b) VALUES ('later')"), transaction.commit):
            with pytest.raises(ClosedError):
                world(call())
        assert other.execute("SELECT b FROM t").tuples == [("theirs",)]
    assert world.rows(client, "SELECT b FROM t") == [("theirs",)]


@pytest.mark.soak
def test_a_batch_inside_a_transaction_whose_lock_was_taken_away_does_nothing(
    world: World, client: Any, server: LibsqlServer
) -> None:
    for end in ("batch", "commit"):
        transaction = client.transaction()
        world(transaction.execute("INSERT INTO t (b) VALUES (?)", (f"mine {end}",)))
        time.sleep(5.5)
        with create_client_sync(server.url) as other:
            other.execute("INSERT INTO t (b) VALUES (?)", (f"theirs {end}",))
            with pytest.raises(ClosedError):
                world(
                    transaction.commit()
                    if end == "commit"
                    else transaction.batch(["INSERT INTO t (b) VALUES (1)", "INSERT INTO t (b) VALUES (2)"])
                )
    assert world.rows(client, "SELECT b FROM t ORDER BY a") == [("theirs batch",), ("theirs commit",)]


def test_a_client_from_before_a_fork_is_refused_in_the_child(server: LibsqlServer) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    with create_client_sync(server.url) as client:
        client.execute("SELECT 1")
        child = os.fork()
        if child == 0:
            code = 1
            try:
                client.execute("SELECT 1")
            except ClosedError as error:
                code = 0 if error.code == "forked" else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert client.execute("SELECT 1").tuples == [(1,)]


def test_a_server_without_hrana_3_has_batches_and_no_transactions(
    world: World, client: Any, server: LibsqlServer
) -> None:
    with TcpProxy(server.port, status_for_v3=404) as proxy:
        older = world.client(proxy.url)
        world(older.batch(["INSERT INTO t (b) VALUES (1)", "INSERT INTO t (b) VALUES (2)"]))
        with pytest.raises(IntegrityError):
            world(older.batch(["INSERT INTO t (b) VALUES (3)", "INSERT INTO t (b) VALUES (1)"]))
        assert world.rows(older, "SELECT count(*) FROM t") == [(2,)]
        with pytest.raises(AgentDBError) as caught:
            world(older.transaction().execute("SELECT 1"))
        assert caught.value.code == "server_too_old"
        fresh = world.client(proxy.url)
        with pytest.raises(AgentDBError) as caught:
            world(fresh.transaction().execute("INSERT INTO t (b) VALUES (9)"))
        assert caught.value.code == "server_too_old"
    assert count(world, client) == 2


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_clients_that_libsql_client_made_are_accepted(server: LibsqlServer, scheme: str) -> None:
    theirs = libsql_client.create_client_sync(f"{scheme}://127.0.0.1:{server.port}")
    try:
        one = Migration("001", "a table", "CREATE TABLE t (x)", "DROP TABLE t")
        assert [result.migration.id for result in Migrator(theirs, [one]).migrate()] == ["001"]
        assert theirs.execute("SELECT id FROM migrations").rows[0][0] == "001"
        with AgentDB.open(theirs, table="agentdb_migrations") as db:
            db.agents.create(id="a", name="Researcher", model="large")
        assert theirs.execute("SELECT name FROM agents").rows[0][0] == "Researcher"
        assert not theirs.closed
    finally:
        theirs.close()


def test_the_examples_of_the_page_run_on_a_server(server: LibsqlServer, tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "run-on-a-server.md"
    for block in re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL) * 2:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", block],
            cwd=tmp_path,
            env={**os.environ, "DATABASE_URL": server.url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("*.db")) == []
    with create_client_sync(server.url) as client:
        assert client.execute("SELECT (SELECT count(*) FROM agents), (SELECT count(*) FROM notes)").tuples == [(1, 2)]


def test_an_async_client_without_its_extra_says_what_to_install() -> None:
    program = """
import sys
from importlib import machinery
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("aiohttp", "libsql_client"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
from agentdb import create_client, create_client_sync
create_client_sync("http://127.0.0.1:1").close()
try:
    create_client("http://127.0.0.1:1")
except Exception as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == (
        "an async client of a server needs aiohttp\n"
        "Install libsql-client==0.3.1, which brings it: pip install 'libsql-client==0.3.1'. [extra_missing]\n"
    ), done.stderr


def test_nothing_of_it_is_imported_by_a_start_on_a_file() -> None:
    program = "import sys\nfrom agentdb import AgentDB\nAgentDB.open(':memory:').close()\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(done.stdout.split())
    assert not {
        name for name in loaded if name.startswith(("agentdb.clients.remote", "aiohttp", "libsql_client", "http"))
    }
    assert "agentdb.clients.local.sync_client" in loaded
