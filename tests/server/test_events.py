"""Events: each append once, whoever writes it, across restarts of the service."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from service_harness import Process

from agentdb import AgentDB

ALL = "/api/v1/events"
OF_SESSION = "/api/v1/sessions/s/events"


class Listener:
    """A client that reads the events of one connection."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.last_id: str | None = None

    def next(self) -> tuple[str, dict[str, Any]]:
        """The next event: what happened, and the message."""
        kind, data = "", ""
        for line in self._lines:
            name, _, value = line.partition(": ")
            if name == "id":
                self.last_id = value
            elif name == "event":
                kind = value
            elif name == "data":
                data = value
            elif not line and data:
                return kind, json.loads(data)
        raise EOFError


@contextmanager
def listening(service: Process, path: str, last_id: str | None = None) -> Iterator[Listener]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    with service.client() as client, client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        for line in lines:  # the first says that it listens
            if line == ": listening":
                break
        yield Listener(lines)


@pytest.fixture
def service(database: Path, serve: Callable[..., Process]) -> Process:
    with AgentDB.open(database) as db:
        db.conversations.save_session("s", [{"role": "user", "content": "earlier"}])
        db.conversations.save_session("other", [])
    return serve(database)


def test_what_another_process_appends_and_changes_is_told_once(service: Process, database: Path) -> None:
    with listening(service, OF_SESSION) as listener, AgentDB.open(database) as db:
        for number in range(3):
            made = db.messages.append("s", role="user", content=f"number {number}")
            kind, message = listener.next()
            assert (kind, message["id"], message["content"]) == ("message.appended", made.id, f"number {number}")
        db.messages.append("other", role="user", content="not for this one")
        db.messages.update(made.id, content="changed")
        kind, message = listener.next()
        assert (kind, message["id"], message["content"]) == ("message.updated", made.id, "changed")
        db.messages.delete(made.id)
        kind, message = listener.next()
        assert (kind, message["id"]) == ("message.removed", made.id)
        assert message["removed_at"] is not None


def test_a_change_with_an_earlier_time_is_told_too(service: Process, database: Path) -> None:
    """A writer that waited for the lock has the time from before it waited."""
    with listening(service, OF_SESSION) as listener, AgentDB.open(database) as db:
        first = db.messages.append("s", role="user", content="a")
        second = db.messages.append("s", role="user", content="b")
        assert [listener.next()[1]["id"] for _ in range(2)] == [first.id, second.id]
        sql = "UPDATE messages SET content = ?, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?) WHERE id = ?"
        db.client.execute(sql, ["late", "-9 seconds", first.id])
        kind, message = listener.next()
        assert (kind, message["id"], message["content"]) == ("message.updated", first.id, "late")


def test_all_conversations_are_followed_by_one_listener(service: Process, database: Path) -> None:
    with listening(service, ALL) as listener, AgentDB.open(database) as db:
        made = [db.messages.append(id, role="user", content=id) for id in ("s", "other", "s")]
        assert [listener.next()[1]["id"] for _ in made] == [message.id for message in made]


def test_a_listener_goes_on_where_it_was_after_a_restart(
    service: Process, database: Path, serve: Callable[..., Process]
) -> None:
    with AgentDB.open(database) as db:
        with listening(service, ALL) as listener:
            first = db.messages.append("s", role="user", content="before")
            assert listener.next()[1]["id"] == first.id
            place = listener.last_id
        assert service.stop() == 0
        missed = [db.messages.append("s", role="user", content=f"missed {number}").id for number in range(500)]
        with listening(serve(database), ALL, place) as listener:
            later = db.messages.append("s", role="user", content="after").id
            assert [listener.next()[1]["id"] for _ in range(501)] == [*missed, later]


def test_after_a_restart_a_change_that_was_missed_is_told(
    service: Process, database: Path, serve: Callable[..., Process]
) -> None:
    with AgentDB.open(database) as db:
        with listening(service, OF_SESSION) as listener:
            first = db.messages.append("s", role="user", content="before")
            listener.next()
            place = listener.last_id
        service.stop()
        db.messages.update(first.id, content="changed meanwhile")
        with listening(serve(database), OF_SESSION, place) as listener:
            kind, message = listener.next()
            assert (kind, message["content"]) == ("message.updated", "changed meanwhile")


@pytest.mark.parametrize("place", ["x", "1", "-1-2", "1-x", "9" * 30 + "-1", "1-" + "9" * 30, "²-1"])
def test_a_place_that_no_event_named_is_refused(service: Process, place: str) -> None:
    with service.client() as client:
        refused = client.get(ALL, headers={"Last-Event-ID": place.encode()})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_argument")


def test_nobody_follows_what_is_not_there(service: Process) -> None:
    with service.client() as client:
        assert client.get("/api/v1/sessions/none/events").status_code == 404


def test_the_service_ends_while_somebody_listens(service: Process) -> None:
    with listening(service, ALL) as listener:
        assert service.stop() == 0
        with pytest.raises((EOFError, httpx.TransportError)):
            listener.next()


@pytest.mark.soak
def test_200_listeners_see_each_append_once_across_a_restart(
    service: Process, database: Path, serve: Callable[..., Process]
) -> None:
    listeners, appends = 200, 60
    seen: list[list[int]] = [[] for _ in range(listeners)]
    places: list[str | None] = [None] * listeners
    ready = threading.Barrier(listeners + 1)

    def follow(number: int, target: Process, upto: int) -> None:
        with listening(target, ALL, places[number]) as listener:
            ready.wait(60)
            while len(seen[number]) < upto:
                seen[number].append(listener.next()[1]["id"])
                places[number] = listener.last_id

    made: list[int] = []
    with AgentDB.open(database) as db:
        for upto in (appends // 3, appends):
            target = service if upto < appends else serve(database)
            threads = [threading.Thread(target=follow, args=(number, target, upto)) for number in range(listeners)]
            for thread in threads:
                thread.start()
            ready.wait(60)
            # Before the restart a third is seen; a third more is written while nobody serves.
            made += [db.messages.append("s", role="user", content="x").id for _ in range(appends // 3)]
            for thread in threads:
                thread.join(120)
                assert not thread.is_alive()
            if upto < appends:
                assert target.stop() == 0
                made += [db.messages.append("s", role="user", content="y").id for _ in range(appends // 3)]
    assert all(ids == made for ids in seen)
