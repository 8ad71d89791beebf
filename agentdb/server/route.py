"""How a route runs: on the database of its app, with errors of agentdb as JSON."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from agentdb.database import AsyncAgentDB
from agentdb.errors import AgentDBError, InvalidArgumentError
from agentdb.logs import ERROR, log
from agentdb.server.answers import refusal, refused
from agentdb.server.models import Refusal


class Route(APIRoute):
    """A route whose errors are JSON, in an app of ours and in one of a host. Its operation is named as its function."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        options["operation_id"] = options.get("operation_id") or endpoint.__name__
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return invalid(error)
            except AgentDBError as error:
                answer = refused(error)
                if answer.status_code == 500:
                    log(ERROR, "%s: %s", self.path, error.message)
                return answer

        return handled


def invalid(error: RequestValidationError) -> Response:
    """What is wrong with a request, without what it held."""
    details = [{"where": ".".join(map(str, one["loc"])), "what": str(one["msg"])} for one in error.errors()]
    return refusal(422, "the request is not as this route takes it", "invalid_request", details=details)


def database(request: Request) -> AsyncAgentDB:
    """The database of the app. Raises InvalidArgumentError where nobody has told it."""
    found = getattr(request.app.state, "agentdb", None)
    if not isinstance(found, AsyncAgentDB):
        raise InvalidArgumentError(
            "this app has no database", remedy="Call agentdb.server.attach(app, db) before the first request."
        )
    return found


def limit_of(request: Request, limit: Annotated[int, Query(ge=1, description="Items at the most.")] = 50) -> int:
    """The limit of a page, not above the one of the settings."""
    return min(limit, getattr(request.app.state, "agentdb_max_limit", 1000))


Database = Annotated[AsyncAgentDB, Depends(database)]
Limit = Annotated[int, Depends(limit_of)]
Cursor = Annotated[str | None, Query(description="next_cursor of the page before.")]
#: An id of SQLite: an integer of 64 bits.
RowId = Annotated[int, Path(ge=0, lt=2**63)]

#: What every route may answer beside what it is for.
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal, "description": what}
    for status, what in {
        400: "The request cannot be read.",
        401: "The token is missing or wrong.",
        404: "There is nothing of that id.",
        409: "It is there already, or has changed meanwhile.",
        413: "The request is too large.",
        421: "The host name is not one of this service.",
        422: "The request is not as this route takes it.",
        429: "There are too many requests.",
        500: "The database cannot answer.",
        503: "The database is locked by another writer.",
    }.items()
}
#: For the description of the service: the guard before all routes asks for the token.
TOKEN = [Security(HTTPBearer(auto_error=False, description="The token of the service."))]
