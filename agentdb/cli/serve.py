"""`agentdb serve`."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import click

from agentdb.cli.options import busy_timeout_option, database_argument, on_connect_option
from agentdb.cli.output import plain
from agentdb.errors import AgentDBError, InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect

#: Not the extra: the name agentdb is another project's on the package index.
_EXTRA = "Install what the extra `server` names: pip install fastapi uvicorn."


@click.command(short_help="Serve a database over HTTP, on this machine.")
@database_argument
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535), help="0: any that is free.")
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file that holds the token.  [default: $AGENTDB_TOKEN; else one is made, and printed once]",
)
@click.option("--no-auth", is_flag=True, help="Ask for no token; only on loopback.")
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME", help="A host name to answer to; may be repeated.")
@click.option(
    "--cors-origin", "origins", multiple=True, metavar="ORIGIN", help="Whose pages may read; may be repeated."
)
@click.option(
    "--max-body", default=16 * 2**20, show_default=True, type=click.IntRange(1, 2**32), help="Bytes of a request."
)
@click.option(
    "--rate-limit", default=500.0, show_default=True, type=click.FloatRange(0), help="Requests a second; 0: no limit."
)
@busy_timeout_option
@on_connect_option
def serve(
    database: str,
    host: str,
    port: int,
    token_file: Path | None,
    no_auth: bool,
    hosts: tuple[str, ...],
    origins: tuple[str, ...],
    max_body: int,
    rate_limit: float,
    busy_timeout: float,
    on_connect: OnConnect | None,
) -> None:
    """Serve DATABASE over HTTP until Ctrl-C or SIGTERM: conversations, agents and memories, as JSON.

    It listens on this machine alone, and asks for a token. /openapi.json describes the routes.
    """
    try:
        import uvicorn  # noqa: F401  # the extra may be missing

        from agentdb.server.service import Service, run
        from agentdb.server.settings import ServerSettings, is_loopback
    except ModuleNotFoundError as error:
        raise AgentDBError(f"the service needs {error.name}", code="extra_missing", remedy=_EXTRA) from None
    if no_auth and not is_loopback(host):
        raise click.UsageError(f"--no-auth is for loopback; {host} can be reached from other machines.")
    token = None if no_auth else _given_token(token_file)
    is_made = token is None and not no_auth
    settings = ServerSettings(
        token=secrets.token_urlsafe(32) if is_made else token,
        allowed_hosts=(*hosts, *_names_of(host)),
        cors_origins=origins,
        max_body_bytes=max_body,
        requests_per_second=rate_limit,
    )

    def tell(address: str) -> None:
        click.echo(f"serving {plain(database)} at {address}")
        if is_made:
            click.echo(f"token: {settings.token}")

    options: dict[str, Any] = {"busy_timeout": busy_timeout, "on_connect": on_connect}
    run(Service(database, host, port, settings, options), tell)


def _given_token(file: Path | None) -> str | None:
    if file is None:
        return os.environ.get("AGENTDB_TOKEN") or None
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(
            f"the token file {file} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}",
            remedy="Write the token into it as one line.",
        ) from None
    if not token:
        raise InvalidArgumentError(f"the token file {file} is empty", remedy="Write the token into it as one line.")
    return token


def _names_of(host: str) -> tuple[str, ...]:
    """What a Host header says of an address to listen at; of all addresses nobody knows the names."""
    if host in ("0.0.0.0", "::", ""):
        return ()
    return (f"[{host}]" if ":" in host else host,)
