"""The service as a FastAPI app: the routes, the guards before them, and the database behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

import agentdb
from agentdb.database import AsyncAgentDB
from agentdb.errors import AgentDBError
from agentdb.server.access_log import AccessLog
from agentdb.server.answers import answer, refusal
from agentdb.server.changes import Changes
from agentdb.server.guards import Guards
from agentdb.server.models import Health, Refusal
from agentdb.server.routes import router
from agentdb.server.settings import ServerSettings

if TYPE_CHECKING:
    from agentdb.clients.location import Place

_CODES = {400: "invalid_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def attach(app: FastAPI, db: AsyncAgentDB, *, poll_seconds: float = 0.1, max_limit: int = 1000) -> None:
    """Tell an app that includes `router` which database its routes are about.

    poll_seconds: how often a file is looked at for changes of other processes, while somebody listens to events. max_limit:
    items on a page.
    """
    app.state.agentdb = db
    app.state.agentdb_changes = Changes(db, poll_seconds)
    app.state.agentdb_max_limit = max_limit


def create_app(database: Place | AsyncAgentDB, settings: ServerSettings | None = None, **options: Any) -> FastAPI:
    """The service over a database: a path, a URL, or an open AsyncAgentDB, which stays open.

    options: as for AsyncAgentDB.open(). Without settings nobody is asked for a token: bind it to loopback then.

    The database is opened, and migrated, when the app starts. Raises InvalidArgumentError.
    """
    chosen = settings or ServerSettings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            db = database
            if not isinstance(db, AsyncAgentDB):
                db = await stack.enter_async_context(AsyncAgentDB.open(db, **options))
            attach(app, db, poll_seconds=chosen.poll_seconds, max_limit=chosen.max_limit)
            try:
                yield
            finally:
                await app.state.agentdb_changes.stop()

    app = FastAPI(
        title="agentdb",
        version=agentdb.__version__,
        description="Conversations, agents and memories of agent applications.",
        lifespan=lifespan,
        docs_url=None,  # a page that loads its script from elsewhere, and has no token
        redoc_url=None,
    )
    app.include_router(router)
    app.add_exception_handler(HTTPException, _told)
    app.add_exception_handler(Exception, _failed)
    _add_health(app)
    app.add_middleware(Guards, settings=chosen)
    if chosen.cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(chosen.cors_origins), allow_methods=["*"], allow_headers=["*"]
        )
    app.add_middleware(AccessLog)
    return app


async def _told(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    found = refusal(error.status_code, str(error.detail), _CODES.get(error.status_code, "refused"))
    found.headers.update(error.headers or {})
    return found


async def _failed(_request: Request, _error: Exception) -> Response:
    return refusal(500, "the service has failed", "internal_error", "Look into its log.")


def _add_health(app: FastAPI) -> None:
    refusals: dict[int | str, dict[str, Any]] = {421: {"model": Refusal}, 429: {"model": Refusal}}

    @app.get("/healthz", tags=["health"], response_model=Health, responses=refusals, summary="Whether the service runs")
    async def read_health() -> Response:
        """Whether the service runs. It asks for no token."""
        return answer({"status": "ok"})

    @app.get(
        "/readyz",
        tags=["health"],
        response_model=Health,
        responses=refusals | {401: {"model": Refusal}, 503: {"model": Refusal}},
        summary="Whether the database answers",
    )
    async def read_readiness() -> Response:
        """Whether the database answers, and is up to date."""
        try:
            summary = await app.state.agentdb.migrator.get_migration_summary()
        except AgentDBError as error:
            return refusal(503, "the database does not answer", error.code)
        if summary.pending_migrations:
            return refusal(503, "the database is not up to date", "pending_migrations", "Restart the service.")
        return answer({"status": "ready"})
