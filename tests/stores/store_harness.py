"""One way to write a test for sync and async callers, on a database and inside a transaction of it."""

from __future__ import annotations

import asyncio
import inspect
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agentdb import AgentDB, AsyncAgentDB

AT = datetime(2024, 5, 17, 12, 30, 15, 123000, tzinfo=UTC)


class Sync:
    """Calls as they are."""

    is_async = False
    open = AgentDB.open

    def call(self, work: Callable[[], Any]) -> Any:
        return work()

    def end(self) -> None:
        pass


class OneTask:
    """An event loop with a single task that awaits whatever it is given, one after the other: so that a whole test is one
    task, to which a transaction can belong. The loop runs while a call waits, on the thread of the caller: a loop on a
    thread of its own cost two changes of threads for each call."""

    is_async = True
    open = AsyncAgentDB.open

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._loop = self._runner.get_loop()
        self._next: asyncio.Future[Callable[[], Any] | None] = self._loop.create_future()
        self._answered: asyncio.Future[None] = self._loop.create_future()
        self._answer: Future[Any] = Future()
        self._task = self._loop.create_task(self._serve())

    async def _serve(self) -> None:
        while (work := await self._next) is not None:
            self._next = self._loop.create_future()
            try:
                result = work()
                self._answer.set_result(await result if inspect.isawaitable(result) else result)
            except BaseException as error:
                self._answer.set_exception(error)
            work = result = None
            self._answered.set_result(None)

    def call(self, work: Callable[[], Any]) -> Any:
        self._answer, self._answered = Future(), self._loop.create_future()
        self._next.set_result(work)
        impatience = self._loop.call_later(60, self._answered.set_exception, TimeoutError())
        try:
            self._loop.run_until_complete(self._answered)
            return self._answer.result()
        finally:
            impatience.cancel()
            self._answer = Future()

    def end(self) -> None:
        self._next.set_result(None)
        self._loop.run_until_complete(self._task)
        self._runner.close()


class Facade:
    """A database, a transaction or a store, whose calls are over when they return: `facade.agents.create(…)`."""

    def __init__(self, world: Sync | OneTask, thing: Any) -> None:
        self.world = world
        self.thing = thing

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.thing, name)
        if not callable(found):
            return Facade(self.world, found) if hasattr(found, "__dict__") else found
        return lambda *args, **kwargs: self.world.call(lambda: found(*args, **kwargs))

    @contextmanager
    def transaction(self) -> Iterator[Facade]:
        """`with db.transaction() as tx`, in both worlds."""
        with self.entered(self.thing.transaction()) as tx:
            yield tx

    @contextmanager
    def entered(self, manager: Any) -> Iterator[Facade]:
        enter, leave = ("__aenter__", "__aexit__") if self.world.is_async else ("__enter__", "__exit__")
        entered = self.world.call(lambda: getattr(manager, enter)())
        try:
            yield Facade(self.world, entered)
        except BaseException:
            raised = sys.exc_info()
            self.world.call(lambda: getattr(manager, leave)(*raised))
            raise
        self.world.call(lambda: getattr(manager, leave)(None, None, None))

    def rows(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        """What raw SQL gives here: inside a transaction, inside it."""
        execute = getattr(self.thing, "execute", None) or self.thing.client.execute
        return self.world.call(lambda: execute(sql, args)).tuples

    def totals(self) -> tuple[int, ...]:
        """How many agents, sessions and logs there are."""
        return self.rows(
            "SELECT (SELECT count(*) FROM agents), (SELECT count(*) FROM sessions), (SELECT count(*) FROM session_logs)"
        )[0]


@cache
def _template() -> tuple[TemporaryDirectory[str], str]:
    folder = TemporaryDirectory()
    path = str(Path(folder.name) / "template.db")
    AgentDB.open(path).close()
    return folder, path


def new_file(folder: Path, name: str = "test.db") -> str:
    """A migrated file, copied from one that was migrated once."""
    path = folder / name
    shutil.copyfile(_template()[1], path)
    return str(path)


@contextmanager
def opened(path: Any, *, is_async: bool, **options: Any) -> Iterator[Facade]:
    """A database of one of the worlds. It does not wait for the disk: what outlives a machine is no matter of stores."""
    world = OneTask() if is_async else Sync()
    try:
        outside = Facade(world, None)
        if not str(path).startswith("http:"):
            options = {"synchronous": "OFF", **options}
        opening = world.open(path, **options)
        with outside.entered(opening) as db:
            yield db
    finally:
        world.end()


def agent_fields(**changes: Any) -> dict[str, Any]:
    """Every argument of agents.create(), none as it would be by default."""
    return {
        "id": "agent-1",
        "type": "codex",
        "name": "Researcher",
        "description": "finds out",
        "avatar": "🦉",
        "instructions": "Be brief.",
        "model": "large",
        "plan_model": "larger",
        "small_model": "small",
        "built_in_tools": ["search", {"name": "read"}],
        "mcps": [],
        "knowledges": [1, 2.5, None, True],
        "accessible_paths": ["/tmp/ü"],
        "configuration": {"temperature": 0.5, "nested": {"": []}},
        "permission_mode": "acceptEdits",
        "max_steps": 0,
        "specializations": ["tides"],
        "metadata": {"team": 7},
        "created_at": AT,
        "updated_at": AT + timedelta(days=1),
        **changes,
    }


def session_fields(main_agent_id: str, **changes: Any) -> dict[str, Any]:
    """Every argument of sessions.create(), none as it would be by default."""
    return {
        "id": "session-1",
        "name": "Tides",
        "user_id": "user-1",
        "source": "desktop",
        "tags": ["moon", "sea"],
        "metadata": {"colour": "blue"},
        "started_at": AT,
        "main_agent_id": main_agent_id,
        "sub_agent_ids": ["a", "b"],
        "user_goal": "When is spring tide?",
        "status": "running",
        "external_session_id": "ext-1",
        "model": "m",
        "plan_model": "",
        "small_model": "s",
        "built_in_tools": [],
        "mcps": ["x"],
        "knowledges": ["k"],
        "configuration": {},
        "accessible_paths": ["/"],
        "permission_mode": "bypassPermissions",
        "max_steps": 0,
        "created_at": AT.astimezone(timezone(timedelta(hours=-7, minutes=-30))),
        "updated_at": AT,
        **changes,
    }


def log_fields(**changes: Any) -> dict[str, Any]:
    """Every argument of session_logs.append() but the session and the parent."""
    return {
        "role": "tool",
        "type": "observation",
        "content": {"text": "high water at noon", "parts": [1, None]},
        "metadata": {"tokens": 3},
        "created_at": AT,
        "updated_at": AT + timedelta(milliseconds=1),
        **changes,
    }
