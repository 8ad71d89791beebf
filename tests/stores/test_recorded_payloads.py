"""What the SDKs of agents really give is stored and read back verbatim: every payload that tests/payloads/record.py recorded."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from payloads.recordings import RecordedPayload, payloads
from store_harness import Facade, opened

from agentdb.stores import NewMessage

PAYLOADS = payloads()


@pytest.fixture(params=["sync", "async"], scope="module")
def world(request: pytest.FixtureRequest) -> Iterator[Facade]:
    """A database in memory, for all tests of a world."""
    with opened(":memory:", is_async=request.param == "async") as db:
        db.agents.create(id="agent", name="Keeper", model="m")
        yield db


@pytest.fixture
def session(world: Facade, request: pytest.FixtureRequest) -> str:
    return str(world.sessions.create(main_agent_id="agent", id=request.node.name).id)


def text_of(payload: Any) -> str:
    """A payload as JSON, its keys in their order."""
    return json.dumps(payload, ensure_ascii=False)


def test_there_are_sixty_payloads_of_nine_sdks_and_each_is_one_of_a_kind() -> None:
    named = Counter((each.family, each.name) for each in PAYLOADS)
    assert len(PAYLOADS) >= 60
    assert set(named.values()) == {1}
    assert len({each.family for each in PAYLOADS}) >= 9
    kinds = {kind for each in PAYLOADS for kind in each.kind.split("+")}
    assert kinds == {"text", "call", "result", "call_and_result", "reasoning", "media", "system"}


@pytest.mark.parametrize("recorded", PAYLOADS, ids=[f"{each.family}: {each.name}" for each in PAYLOADS])
def test_what_is_to_be_found_and_what_is_not_stands_in_the_payload(recorded: RecordedPayload) -> None:
    held = text_of(recorded.payload).replace('\\\\"', '"').replace('\\"', '"')
    assert [text for text in recorded.found if text not in held] == []
    assert [text for text in recorded.silent if text not in held] == []
    assert recorded.found or recorded.silent


def test_every_payload_comes_back_as_it_was_given_one_by_one(world: Facade, session: str) -> None:
    for recorded in PAYLOADS:
        appended = world.messages.append(session, role=recorded.role, payload=recorded.payload)
        for message in (appended, world.messages.get(appended.id), *world.messages.latest(session, 1)):
            assert text_of(message.payload) == text_of(recorded.payload), (recorded.family, recorded.name)
            assert message.role == recorded.role


def test_every_payload_comes_back_as_it_was_given_in_one_batch_and_in_a_transaction(
    world: Facade, session: str
) -> None:
    new = [NewMessage(role=recorded.role, payload=recorded.payload) for recorded in PAYLOADS]
    with world.transaction() as tx:
        tx.messages.append_many(session, new)
        inside = [text_of(message.payload) for message in tx.messages.load(session)]
    given = [text_of(recorded.payload) for recorded in PAYLOADS]
    assert inside == given
    assert [text_of(message.payload) for message in world.messages.load(session)] == given


def test_a_payload_that_takes_the_place_of_another_is_verbatim_too(world: Facade, session: str) -> None:
    id = world.messages.append(session, role="user", content="first").id
    for recorded in PAYLOADS[::7]:
        world.messages.update(id, payload=recorded.payload)
        assert text_of(world.messages.get(id).payload) == text_of(recorded.payload)


def test_a_big_picture_comes_back_whole(world: Facade, session: str) -> None:
    big = "iVBORw0KGgo" + "QUJDREVGR0hJSktMTU5PUA" * 40_000
    (shown,) = [each for each in PAYLOADS if each.family == "anthropic" and each.name == "results, one with a picture"]
    payload = json.loads(text_of(shown.payload))
    payload["content"][1]["content"][1]["source"]["data"] = big
    id = world.messages.append(session, role="user", payload=payload).id
    message = world.messages.get(id)
    assert text_of(message.payload) == text_of(payload)
    assert big[:200] not in (message.content or "")
