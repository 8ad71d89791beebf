"""One test body for sync and async clients of a server."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from agentdb import create_client, create_client_sync


class World:
    """The calls of one world: `world(value)` awaits what has to be awaited."""

    def __init__(self, *, is_async: bool) -> None:
        self.is_async = is_async
        self._runner = asyncio.Runner() if is_async else None
        self._clients: list[Any] = []

    def client(self, url: str, **options: Any) -> Any:
        self._clients.append((create_client if self.is_async else create_client_sync)(url, **options))
        return self._clients[-1]

    def __call__(self, value: Any) -> Any:
        if self._runner is None or not inspect.isawaitable(value):
            return value

        async def waiting() -> Any:
            return await value

        return self._runner.run(waiting())

    def rows(self, client: Any, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        return self(client.execute(sql, args)).tuples  # type: ignore[no-any-return]

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            self(client.close())
        if self._runner is not None:
            self._runner.close()
