"""What other processes have changed, for who listens: one look for all, and each listener's own place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from fastapi.sse import ServerSentEvent

from agentdb.clients import create_client
from agentdb.clients.location import MEMORY, local_path
from agentdb.errors import AgentDBError, InvalidArgumentError
from agentdb.logs import WARNING, log
from agentdb.server.answers import encoded
from agentdb.stores.messages.changes import MessageChangeStore

if TYPE_CHECKING:
    from agentdb.database import AsyncAgentDB
    from agentdb.stores.messages.values import Message

#: Messages read at once by one listener.
_AT_ONCE = 200
#: A change that waited for the write lock has the time from before the wait: so far back a listener looks again.
_WAIT = timedelta(seconds=60)
_VERSION = "PRAGMA data_version"


class Changes:
    """Wakes listeners when the database has changed. It looks only while somebody listens.

    SQLite counts the commits of other connections (`PRAGMA data_version`), so a look at a file reads no table. The count is of
    one connection, which is this object's own. A database in memory, or on a server, has no such count: there each look
    wakes the listeners.
    """

    def __init__(self, db: AsyncAgentDB, poll_seconds: float) -> None:
        self._db = db
        self._poll_seconds = poll_seconds
        self._listeners = 0
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self._number = 0
        self._is_stopping = False

    @property
    def is_stopping(self) -> bool:
        """Whether the service is about to end."""
        return self._is_stopping

    @property
    def number(self) -> int:
        """How many changes were seen."""
        return self._number

    def __enter__(self) -> Changes:
        self._listeners += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        return self

    def __exit__(self, *_: object) -> None:
        self._listeners -= 1
        if not self._listeners and self._task is not None:
            self._task.cancel()
            self._task = None

    async def wait(self, number: int) -> int:
        """Wait for a change behind the one of this number. Returns its number; at once where the service ends."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._number > number or self._is_stopping)
            return self._number

    async def stop(self) -> None:
        """Send every listener home."""
        self._is_stopping = True
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._number += 1
            self._changed.notify_all()

    async def _look(self) -> None:
        path = self._db.client.path
        if not _is_file(path):
            while True:
                await self._tell()
                await asyncio.sleep(self._poll_seconds)
        async with create_client(path, read_only=True, readers=1) as client:
            seen: Any = None
            while True:
                try:
                    found = (await client.execute(_VERSION)).tuples[0][0]
                except AgentDBError as error:  # locked, or being restored: the next look may see it
                    log(WARNING, "could not look for changes: %s", error.message)
                else:
                    if found != seen:
                        seen = found
                        await self._tell()
                await asyncio.sleep(self._poll_seconds)


def _is_file(path: str) -> bool:
    try:
        return local_path(path) != MEMORY
    except InvalidArgumentError:  # a URL of a server
        return False


class Follower:
    """A listener's place in what was written.

    Ids of messages grow in the order of their commits, so none is skipped and none comes twice, across restarts too: the id of
    an event names the place.
    """

    def __init__(self, db: AsyncAgentDB, session_id: str | None, last_event_id: str | None) -> None:
        self._store = MessageChangeStore(db.client)
        self._session_id = session_id
        self._place: int | None = None
        self._latest = datetime.now(UTC)
        #: What was told of the last minute: times of change by the ids of messages.
        self._told: dict[int, datetime] = {}
        self._is_resumed = bool(last_event_id)
        if last_event_id:
            self._place, self._latest = _read(last_event_id)

    async def events(self, changes: Changes) -> AsyncIterator[ServerSentEvent]:
        """The events from the place on, as they come, until the service ends."""
        with changes:
            if self._place is None:
                self._place = await self._store.last_id()
            if not self._is_resumed:
                for message in await self._changed():
                    self._told[message.id] = message.updated_at
            yield ServerSentEvent(comment="listening", retry=2000, id=self._id())
            number = -1
            while not changes.is_stopping:
                now = changes.number
                for event in await self._read_on():
                    yield event
                number = await changes.wait(max(number, now))

    async def _read_on(self) -> list[ServerSentEvent]:
        events: list[ServerSentEvent] = []
        assert self._place is not None
        for message in await self._changed():
            known = self._told.get(message.id)
            is_as_appended = known is None and self._is_resumed and message.updated_at == message.created_at
            self._told[message.id] = message.updated_at
            if known == message.updated_at or is_as_appended:
                continue
            self._latest = max(self._latest, message.updated_at)
            events.append(self._event("removed" if message.removed_at else "updated", message))
        while found := await self._store.added(self._place, self._session_id, limit=_AT_ONCE):
            for message in found:
                self._place = message.id
                self._told[message.id] = message.updated_at
                self._latest = max(self._latest, message.updated_at)
                events.append(self._event("appended", message))
        before = self._latest - _WAIT
        self._told = {id: at for id, at in self._told.items() if at >= before}
        return events

    async def _changed(self) -> list[Message]:
        if self._session_id is None:
            return []
        return await self._store.changed(self._session_id, self._latest - _WAIT, self._place or 0)

    def _id(self) -> str:
        return f"{self._place}-{int(self._latest.timestamp() * 1000)}"

    def _event(self, what: str, message: Message) -> ServerSentEvent:
        return ServerSentEvent(raw_data=encoded(message).decode(), event=f"message.{what}", id=self._id())


def _read(last_event_id: str) -> tuple[int, datetime]:
    """The place that the id of an event names. Raises InvalidArgumentError."""
    place, dash, moment = last_event_id.partition("-")
    is_number = dash and (place + moment).isascii() and place.isdigit() and moment.isdigit()
    if is_number and len(place) < 19 and len(moment) < 15:
        return int(place), datetime.fromtimestamp(int(moment) / 1000, UTC)
    raise InvalidArgumentError(
        "Last-Event-ID is not the id of an event of this service", remedy="Leave it out, to begin with what comes next."
    )


def changes_of(app: Any) -> Changes:
    """What wakes the listeners of an app. Raises InvalidArgumentError where nobody has told it the database."""
    found = getattr(app.state, "agentdb_changes", None)
    if not isinstance(found, Changes):
        raise InvalidArgumentError(
            "this app has no database", remedy="Call agentdb.server.attach(app, db) before the first request."
        )
    return found
