"""The options of a client, as type checkers know them where they are passed on."""

from __future__ import annotations

import inspect

import pytest

from agentdb import AgentDB, AsyncAgentDB, create_client, create_client_sync
from agentdb.clients.options import ClientOptions


@pytest.mark.parametrize("make", [create_client, create_client_sync])
def test_they_are_those_of_both_functions(make: object) -> None:
    parameters = inspect.signature(make).parameters.values()  # type: ignore[arg-type]
    named = {one.name: one.annotation for one in parameters if one.kind is one.KEYWORD_ONLY}
    assert named == {name: str(one.__forward_arg__) for name, one in ClientOptions.__annotations__.items()}


def test_both_databases_take_the_same() -> None:
    assert list(inspect.signature(AgentDB.open).parameters) == list(inspect.signature(AsyncAgentDB.open).parameters)
