"""The names, the errors and the arguments of libsql-client: code written for it changes one import."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from typing import Any

import pytest

import agentdb
from agentdb import AgentDB, create_client, create_client_sync, errors

theirs = pytest.importorskip("libsql_client")

ERRORS = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, errors.AgentDBError)]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "a.db")


def test_every_public_name_of_libsql_client_can_be_imported_from_agentdb() -> None:
    public = {name for name, value in vars(theirs).items() if name[0] != "_" and not inspect.ismodule(value)}
    public.discard("annotations")
    assert {"LibsqlError", "ClientSync", "Transaction", "TransactionSync"} <= public
    for name in public:
        assert getattr(agentdb, name) is not None
        assert name in agentdb.__all__


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_is_a_runtime_error_with_an_explanation(kind: Any) -> None:
    if kind is errors.ConflictError:
        error = kind(session_id="s", expected=1, actual=2, messages=())
    else:
        error = kind("notes", 1, "text", "no text") if kind is errors.UnreadableRowError else kind("what and where")
    assert isinstance(error, RuntimeError)
    assert isinstance(error, agentdb.LibsqlError)
    assert error.explanation == error.message
    assert error.message == "what and where" or kind in (errors.UnreadableRowError, errors.ConflictError)
    assert error.code in errors.REMEDIES


def test_a_call_that_cannot_be_right_is_a_value_error_too() -> None:
    assert issubclass(errors.InvalidArgumentError, ValueError)


def test_code_that_catches_their_error_catches_ours(path: str) -> None:
    caught = []
    with create_client_sync(path) as client:
        for sql in ("SELECT * FROM nothing", "BEGIN", "INSERT INTO nothing VALUES (?)"):
            try:
                client.execute(sql, [float("inf")] if "?" in sql else None)
            except agentdb.LibsqlError as e:
                caught.append(e.code)
    try:
        client.execute("SELECT 1")
    except agentdb.LibsqlError as e:
        caught.append(e.code)
    assert caught == ["statement_failed", "transaction_control", "not_bindable", "closed"]


def test_the_clients_and_their_transactions_are_of_the_named_classes(path: str) -> None:
    with create_client_sync(path) as client:
        assert isinstance(client, agentdb.ClientSync)
        with client.transaction() as tx:
            assert isinstance(tx, agentdb.TransactionSync)

    async def main() -> None:
        async with create_client(path) as client:
            assert isinstance(client, agentdb.Client)
            with client.transaction() as tx:
                assert isinstance(tx, agentdb.Transaction)

    asyncio.run(main())


@pytest.mark.parametrize(
    "options", [{}, {"auth_token": "secret"}, {"tls": False}, {"auth_token": None, "tls": None}], ids=str
)
def test_a_file_is_opened_whatever_their_options_for_servers_are(path: str, options: dict[str, Any]) -> None:
    with create_client_sync(path, **options) as client:
        assert client.execute("SELECT 1").tuples == [(1,)]
    with AgentDB.open(path, **options) as db:
        assert db.agents.count() == 0

    async def main() -> None:
        async with create_client(path, **options) as client:
            assert (await client.execute("SELECT 1")).tuples == [(1,)]

    asyncio.run(main())


@pytest.mark.parametrize("options", [{"auth_token": 5}, {"auth_token": b"x"}, {"tls": 1}, {"tls": "yes"}], ids=str)
@pytest.mark.parametrize("make", [create_client, create_client_sync])
def test_an_option_of_another_type_is_refused_without_its_value(make: Any, path: str, options: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidArgumentError) as refused:
        make(path, **options)
    assert next(iter(options)) in refused.value.message


@pytest.mark.parametrize("make", [create_client, create_client_sync])
def test_the_options_of_a_server_are_taken_for_one(make: Any) -> None:
    client = make("libsql://host.example", auth_token="secret-token", tls=True)  # nothing is sent yet
    assert client.path == "https://host.example"
    assert "secret-token" not in repr(client)
