"""The access log: a line of JSON for each answer, without the content, the query or the headers of a request."""

from __future__ import annotations

import json
import logging
from time import perf_counter
from typing import TYPE_CHECKING

from agentdb.server.route import Route
from agentdb.stores.fields import now_text

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: What the paths of all routes but those of health begin with.
PREFIX = "/api/v1"
_logger = logging.getLogger("agentdb.server.access")


def _pattern(scope: Scope) -> str:
    route = scope.get("route")
    path = getattr(route, "path", "")
    return path if not isinstance(route, Route) or path.startswith(PREFIX) else PREFIX + path


class AccessLog:
    """Writes time, method, route, status, bytes and milliseconds of each answer to the logger `agentdb.server.access`.

    The route is the pattern (`/api/v1/sessions/{session_id}`), not the path: ids are somebody's, too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, size = perf_counter(), 0, 0

        async def noted(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            line = {
                "time": now_text(),
                "method": scope["method"],
                "route": _pattern(scope),
                "status": status or 500,  # an error that is answered behind this
                "bytes": size,
                "ms": round((perf_counter() - began) * 1000, 1),
            }
            _logger.info("%s", json.dumps(line))
