"""What goes wrong between a client and a server, with the real thing: no server, a mute one, cuts, kills, bad tokens."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from libsql_server import LibsqlServer, free_port, running
from tcp_proxy import CUT, CUT_ANSWER, PASS, STALL, TcpProxy
from worlds import World

from agentdb import Migration, Migrator, create_client, create_client_sync
from agentdb.errors import (
    AgentDBError,
    AuthenticationError,
    ClosedError,
    MigrationError,
    NetworkError,
    OutcomeTimedOutError,
    OutcomeUnknownError,
    TimedOutError,
)


@pytest.fixture
def mute() -> Iterator[str]:
    """The URL of a server that accepts, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def once(action: str, word: bytes) -> Callable[[bytes], str]:
    """A rule for the first piece with this word in it."""
    waiting = [action]
    return lambda piece: waiting.pop() if waiting and word in piece else PASS


def test_nobody_there_is_a_network_error(world: World) -> None:
    client = world.client(f"http://127.0.0.1:{free_port()}")
    for call in (lambda: client.execute("INSERT INTO t VALUES (1)"), lambda: client.transaction().execute("SELECT 1")):
        with pytest.raises(NetworkError) as caught:
            world(call())
        assert type(caught.value) is NetworkError
        assert caught.value.code == "network"


@pytest.mark.parametrize(
    ("sql", "kind"),
    [("SELECT 1", TimedOutError), ("INSERT INTO t VALUES (1)", OutcomeTimedOutError)],
    ids=["read", "write"],
)
def test_a_mute_server_is_given_up_in_time(world: World, mute: str, sql: str, kind: type[Exception]) -> None:
    client = world.client(mute, timeout=0.3)
    began = time.monotonic()
    with pytest.raises(TimedOutError) as caught:
        world(client.execute(sql))
    assert type(caught.value) is kind
    assert 0.25 < time.monotonic() - began < 10
    with pytest.raises(TimedOutError):
        world(client.transaction().execute("SELECT 1"))


def test_a_server_that_comes_up_in_time_is_reached(world: World, servers: Path, tmp_path: Path) -> None:
    server = LibsqlServer(tmp_path / "late")
    server.folder.mkdir()
    starting = threading.Timer(0.3, server.start)
    starting.start()
    try:
        assert world.rows(world.client(server.url), "SELECT 1") == [(1,)]
    finally:
        starting.join()
        server.stop()


def test_a_read_is_tried_again_behind_a_cut(world: World, client: Any, server: LibsqlServer) -> None:
    for action in (CUT, CUT_ANSWER):
        with TcpProxy(server.port, once(action, b"SELECT 7")) as proxy:
            assert world.rows(world.client(proxy.url), "SELECT 7") == [(7,)]


@pytest.mark.parametrize(("action", "is_done"), [(CUT, False), (CUT_ANSWER, True)])
@pytest.mark.parametrize("how", ["execute", "batch", "transaction"])
def test_a_cut_at_a_commit_is_an_outcome_unknown_and_nothing_is_repeated(
    world: World, client: Any, server: LibsqlServer, how: str, action: str, is_done: bool
) -> None:
    word = b"INSERT" if how == "execute" else b"COMMIT"
    insert = "INSERT INTO t (b) VALUES (random())"
    with TcpProxy(server.port, once(action, word)) as proxy:
        cut = world.client(proxy.url)
        transaction = None
        if how == "transaction":
            transaction = cut.transaction()
            world(transaction.execute(insert))
        with pytest.raises(OutcomeUnknownError) as caught:
            world(transaction.commit() if transaction else getattr(cut, how)(insert if how == "execute" else [insert]))
        assert caught.value.code == "outcome_unknown"
        if transaction:
            assert transaction.closed
        world(cut.execute("SELECT 1"))
    deadline = time.monotonic() + 10
    while world.rows(client, "SELECT count(*) FROM t") != [(int(is_done),)]:
        assert time.monotonic() < deadline
        time.sleep(0.01)  # the server still works on what it was sent


@pytest.mark.parametrize("action", [CUT, CUT_ANSWER])
def test_a_cut_inside_a_transaction_ends_it_for_good(
    world: World, client: Any, server: LibsqlServer, action: str
) -> None:
    with TcpProxy(server.port, once(action, b"'second'")) as proxy:
        cut = world.client(proxy.url)
        transaction = cut.transaction()
        world(transaction.execute("INSERT INTO t (b) VALUES ('first')"))
        with pytest.raises(NetworkError) as caught:
            world(transaction.execute("INSERT INTO t (b) VALUES ('second')"))
        assert type(caught.value) is NetworkError
        for call in (lambda: transaction.execute("INSERT INTO t (b) VALUES ('third')"), transaction.commit):
            with pytest.raises(ClosedError):
                world(call())
    assert world.rows(client, "SELECT count(*) FROM t") == [(0,)]


def test_a_server_that_goes_mute_inside_a_transaction_is_given_up_in_time(
    world: World, client: Any, server: LibsqlServer
) -> None:
    with TcpProxy(server.port, lambda piece: STALL if b"'second'" in piece else PASS) as proxy:
        cut = world.client(proxy.url, timeout=0.4)
        transaction = cut.transaction()
        world(transaction.execute("INSERT INTO t (b) VALUES ('first')"))
        with pytest.raises(TimedOutError) as caught:
            world(transaction.execute("INSERT INTO t (b) VALUES ('second')"))
        assert not isinstance(caught.value, OutcomeUnknownError)
        with pytest.raises(ClosedError):
            world(transaction.commit())
    assert world.rows(client, "SELECT count(*) FROM t") == [(0,)]


def test_a_restart_of_the_server_is_survived_outside_transactions(
    world: World, client: Any, server: LibsqlServer
) -> None:
    world(client.execute("INSERT INTO t (b) VALUES (1)"))
    transaction = client.transaction()
    world(transaction.execute("INSERT INTO t (b) VALUES (2)"))
    server.stop()
    server.start()
    with pytest.raises(ClosedError):
        world(transaction.commit())
    assert world.rows(client, "SELECT b FROM t") == [(1,)]
    world(client.execute("INSERT INTO t (b) VALUES (3)"))


def test_what_is_no_libsql_server_is_named(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for _ in range(2):
                one, _ = listener.accept()
                with one:
                    one.recv(65536)
                    one.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        client = world.client(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(NetworkError):
            world(client.execute("SELECT 1"))
        with pytest.raises(OutcomeUnknownError):
            world(client.execute("INSERT INTO t VALUES (1)"))
        thread.join(10)


# -- tokens


class Keys:
    """A key of a server, and tokens that it takes."""

    def __init__(self, folder: Path) -> None:
        self.private = folder / "key.pem"
        self.public = folder / "public.pem"
        for command in (
            ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(self.private)],
            ["openssl", "pkey", "-in", str(self.private), "-pubout", "-out", str(self.public)],
        ):
            subprocess.run(command, check=True, capture_output=True, timeout=30)

    def token(self, **claims: Any) -> str:
        parts = [{"alg": "EdDSA", "typ": "JWT"}, {"iat": 1, **claims}]
        text = ".".join(_base64(json.dumps(part).encode()) for part in parts)
        message = self.private.with_name("message")
        message.write_text(text)
        command = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", str(self.private), "-in", str(message)]
        signed = subprocess.run(command, check=True, capture_output=True, timeout=30).stdout
        return f"{text}.{_base64(signed)}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    try:
        return Keys(tmp_path_factory.mktemp("keys"))
    except FileNotFoundError:
        pytest.skip("openssl is not installed, so no token can be signed")


@pytest.fixture
def locked(servers: Path, tmp_path: Path, keys: Keys) -> Iterator[LibsqlServer]:
    """A server that asks for a token."""
    with running(tmp_path / "locked", "--auth-jwt-key-file", str(keys.public)) as one:
        yield one


def test_each_bad_token_has_its_code(world: World, locked: LibsqlServer, keys: Keys) -> None:
    bad = {
        "token_missing": None,
        "token_refused": "abc.def.ghi",
        "token_expired": keys.token(exp=1000),
    }
    for code, token in bad.items():
        client = world.client(locked.url, auth_token=token)
        with pytest.raises(AuthenticationError) as caught:
            world(client.execute("SELECT 1"))
        assert caught.value.code == code
        assert token is None or token not in str(caught.value)
    assert world.rows(world.client(f"{locked.url}?authToken={keys.token()}"), "SELECT 1") == [(1,)]


def test_a_token_that_may_only_read_writes_nothing(world: World, locked: LibsqlServer, keys: Keys) -> None:
    writer = world.client(locked.url, auth_token=keys.token(a="rw"))
    world(writer.execute("CREATE TABLE t (x)"))
    reader = world.client(locked.url, auth_token=keys.token(a="ro"))
    assert world.rows(reader, "SELECT count(*) FROM t") == [(0,)]
    for call in (
        lambda: reader.execute("INSERT INTO t VALUES (1)"),
        lambda: reader.batch(["INSERT INTO t VALUES (1)"]),
        lambda: reader.transaction().execute("INSERT INTO t VALUES (1)"),
    ):
        with pytest.raises(AuthenticationError) as caught:
            world(call())
        assert caught.value.code == "token_read_only"
    assert world.rows(writer, "SELECT count(*) FROM t") == [(0,)]


def test_a_function_is_asked_again_where_its_token_has_expired(world: World, locked: LibsqlServer, keys: Keys) -> None:
    asked: list[str] = []

    def source() -> str:
        asked.append(keys.token())
        return asked[-1]

    async def async_source() -> str:
        return source()

    client = world.client(locked.url, auth_token=async_source if world.is_async else source)
    world(client.execute("CREATE TABLE t (x)"))
    assert len(asked) == 1
    client.server.token.take(keys.token(exp=1000))  # as time would have it
    assert world.rows(client, "SELECT 2") == [(2,)]
    assert len(asked) == 2
    transaction = client.transaction()
    world(transaction.execute("INSERT INTO t VALUES (1)"))
    client.server.token.take(keys.token(exp=1000))
    world(transaction.execute("INSERT INTO t VALUES (2)"))
    world(transaction.commit())
    assert len(asked) == 3
    assert world.rows(client, "SELECT count(*) FROM t") == [(2,)]


def test_a_function_whose_tokens_are_refused_is_asked_once_more_and_no_further(
    world: World, locked: LibsqlServer, keys: Keys
) -> None:
    asked: list[int] = []

    def source() -> str:
        asked.append(1)
        return "abc.def.ghi"

    client = world.client(locked.url, auth_token=source)
    for number in (1, 2):
        with pytest.raises(AuthenticationError) as caught:
            world(client.execute("SELECT 1"))
        assert (caught.value.code, len(asked)) == ("token_refused", number)


# -- many at once


def test_sixteen_clients_read_then_write_and_lose_nothing(server: LibsqlServer) -> None:
    rounds = 30

    async def one(number: int) -> None:
        async with create_client(server.url, busy_timeout=60.0, timeout=120.0) as client:
            for _ in range(rounds):
                async with client.transaction() as transaction:
                    value = (await transaction.execute("SELECT n FROM counter")).tuples[0][0]
                    await transaction.execute("UPDATE counter SET n = ?", (value + 1,))
                    await transaction.commit()

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(16):
                group.create_task(one(number))

    with create_client_sync(server.url) as client:
        client.batch(["CREATE TABLE counter (n)", "INSERT INTO counter VALUES (0)"])
        asyncio.run(all_of_them())
        assert client.execute("SELECT n FROM counter").tuples == [(16 * rounds,)]


def test_eight_migrators_at_once_apply_each_migration_once(server: LibsqlServer) -> None:
    ten = [
        Migration(f"{n:03}", f"t{n}", [f"CREATE TABLE t{n} (x)", f"INSERT INTO t{n} VALUES (1)"]) for n in range(1, 11)
    ]
    together = threading.Barrier(8)

    def migrate(_: int) -> list[str]:
        with create_client_sync(server.url, busy_timeout=60.0) as client:
            together.wait(30)
            return [result.migration.id for result in Migrator(client, ten).migrate()]

    with ThreadPoolExecutor(8) as pool:
        applied = [id for ids in pool.map(migrate, range(8)) for id in ids]
    assert sorted(applied) == [migration.id for migration in ten]
    with create_client_sync(server.url) as client:
        assert client.execute("SELECT count(*) FROM migrations").tuples == [(10,)]
        assert [client.execute(f"SELECT count(*) FROM t{n}").tuples for n in range(1, 11)] == [[(1,)]] * 10


def a_round_of_kills(server: LibsqlServer, seconds: float) -> tuple[set[int], set[int], set[int]]:
    """Writers under a kill of the server: the numbers that were acknowledged, those of unknown outcome, and what is there."""
    acknowledged: set[int] = set()
    unknown: set[int] = set()
    stop = threading.Event()

    def write(worker: int) -> None:
        number = worker
        with create_client_sync(server.url, timeout=5.0) as client:
            while not stop.is_set():
                number += 8
                try:
                    client.batch([("INSERT INTO k VALUES (?, 1)", (number,)), ("INSERT INTO k2 VALUES (?)", (number,))])
                    acknowledged.add(number)
                except OutcomeUnknownError:
                    unknown.add(number)
                except AgentDBError:
                    pass

    with create_client_sync(server.url) as client:
        client.batch(
            [
                "DROP TABLE IF EXISTS k",
                "DROP TABLE IF EXISTS k2",
                "CREATE TABLE k (n INTEGER PRIMARY KEY, x)",
                "CREATE TABLE k2 (n INTEGER PRIMARY KEY)",
            ]
        )
    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(seconds)  # the load is what is wanted
    server.kill()
    server.start()
    stop.set()
    for thread in threads:
        thread.join(60)
    with create_client_sync(server.url) as client:
        first = {number for (number,) in client.execute("SELECT n FROM k").tuples}
        second = {number for (number,) in client.execute("SELECT n FROM k2").tuples}
    assert first == second  # no batch is half there
    return acknowledged, unknown, first


def test_a_kill_of_the_server_under_load_loses_nothing_that_was_acknowledged(server: LibsqlServer) -> None:
    acknowledged, unknown, found = a_round_of_kills(server, 0.3)
    assert acknowledged
    assert acknowledged <= found
    assert found <= acknowledged | unknown


@pytest.mark.soak
def test_twelve_kills_of_the_server_lose_nothing_that_was_acknowledged(server: LibsqlServer) -> None:
    for number in range(12):
        acknowledged, unknown, found = a_round_of_kills(server, 0.2 + number * 0.05)
        assert acknowledged <= found <= acknowledged | unknown


@pytest.mark.parametrize("told", [False, True], ids=["one request", "statement by statement"])
@pytest.mark.parametrize(("action", "is_done"), [(CUT, False), (CUT_ANSWER, True)])
def test_a_migration_whose_outcome_is_unknown_is_settled_by_its_row(
    server: LibsqlServer, action: str, is_done: bool, told: bool
) -> None:
    two = [Migration(f"{n:03}", f"t{n}", f"CREATE TABLE t{n} (x)") for n in (1, 2)]
    with create_client_sync(server.url) as client:
        Migrator(client, two[:1]).migrate()
    with TcpProxy(server.port, once(action, b"COMMIT")) as proxy, create_client_sync(proxy.url) as client:
        migrator = Migrator(client, two, on_event=(lambda _: None) if told else None)
        if is_done:
            assert [result.migration.id for result in migrator.migrate()] == ["002"]
        else:
            with pytest.raises(MigrationError) as caught:
                migrator.migrate()
            assert caught.value.code == "network"
            assert [result.migration.id for result in migrator.migrate()] == ["002"]
        assert migrator.migrate() == []
        assert client.execute("SELECT count(*) FROM t2").tuples == [(0,)]
