"""What a failure says, on stderr or as JSON, and the exit code that it means."""

from __future__ import annotations

import click

from agentdb.cli.output import as_document, lines_of_results, plain, print_json, result_document
from agentdb.cli.remedies import remedy
from agentdb.errors import AgentDBError, InvalidArgumentError, MigrationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def wants_json(arguments: list[str]) -> bool:
    """Whether --json is among them; asked of the bare words, because a command line that is wrong is not parsed."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def exit_code(error: AgentDBError) -> int:
    """2 for a call that cannot be right whatever the database holds, 1 for everything else."""
    return 2 if isinstance(error, InvalidArgumentError) and not isinstance(error, MigrationError) else 1


def tell(error: AgentDBError, *, as_json: bool) -> None:
    """What went wrong, what to do, and the code; what was done before it goes to stdout, as if nothing had failed."""
    if as_json:
        print_json({"error": _document(error)})
        return
    for line in lines_of_results([result for result in error.results if result.success], "done before that:"):
        click.echo(line)
    _print(error.message, remedy(error.code, error.remedy), error.code)


def tell_usage(error: click.ClickException, *, as_json: bool) -> None:
    """A command line that click refuses."""
    if not as_json:
        error.show()
        return
    context = getattr(error, "ctx", None)
    page = context.command_path if context is not None else "agentdb"
    told = InvalidArgumentError(error.format_message(), code="usage", remedy=f"See `{page} --help`.")
    print_json({"error": _document(told)})


def tell_interrupted(*, as_json: bool) -> None:
    """Ctrl-C."""
    error = AgentDBError(
        "stopped by Ctrl-C",
        code="interrupted",
        remedy="A migration that was running is rolled back, unless it runs outside a transaction. Those before it stay "
        "applied. Run it again to continue.",
    )
    if as_json:
        print_json({"error": _document(error)})
    else:
        click.echo(err=True)  # the terminal has put ^C on this line
        _print(error.message, error.remedy, error.code)


def tell_unwritten(error: OSError) -> int:
    """Output that could not be written, in one line; the exit code. What the command did is done."""
    what = f"{error.filename}: " if error.filename is not None else "the output could not be written: "
    try:
        click.echo(f"Error: {plain(what + (error.strerror or str(error)))} [io_error]", err=True)
    except OSError:
        pass  # stderr is full, too: the code is all that is left
    return 1


def _print(message: str, next_step: str, code: str) -> None:
    click.echo(f"Error: {plain(message)}\n{plain(next_step)} [{code}]", err=True)


def _document(error: AgentDBError) -> dict[str, Any]:
    migration = error if isinstance(error, MigrationError) else None
    return as_document(
        code=error.code,
        message=error.message,
        remedy=remedy(error.code, error.remedy),
        engine_code=error.engine_code,
        migration=migration and migration.migration_id,
        statement=migration and migration.statement,
        statement_number=migration and migration.statement_number,
        backup=migration and migration.backup,
        results=[result_document(result) for result in error.results],
    )
