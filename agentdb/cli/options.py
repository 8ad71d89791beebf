"""What several commands take, each written once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

import click

from agentdb.cli.open_database import without_token
from agentdb.cli.project import database as database_of_project
from agentdb.cli.sets import find_modules_in, select

Command = TypeVar("Command", bound=Callable[..., Any])


def database_argument(command: Command) -> Command:
    """DATABASE, with its default: $AGENTDB_URL, then the one of pyproject.toml, then agents.db."""
    default = "agents.db"
    return click.argument(
        "database",
        envvar="AGENTDB_URL",
        default=lambda: database_of_project() or default,
        callback=lambda _context, _parameter, value: without_token(value) if isinstance(value, str) else value,
    )(command)


def selection_options(command: Command) -> Command:
    """--migrations, --set and --table, which give the function `source`, `set_name` and `table`: what select() takes."""
    for option in (
        click.option(
            "--table",
            metavar="NAME",
            help="The table in which the database remembers what is applied.  [default: the one that the set or the module "
            "names, else migrations]",
        ),
        click.option(
            "--set", "set_name", metavar="NAME", help="Work on this set alone, of those that pyproject.toml names."
        ),
        click.option(
            "--migrations",
            "source",
            metavar="MODULE_OR_FOLDER",
            help="Where the migrations are: a folder, the dotted name of a module, or MODULE:NAME for a set or a list in it.  "
            "[default: the sets of pyproject.toml, else the built-in ones]",
        ),
    ):
        command = option(command)
    return command


def sets_options(command: Command) -> Command:
    """The same options, which give the function `sets`: a tuple of SelectedSet."""

    @functools.wraps(command)
    def run(source: str | None, set_name: str | None, table: str | None, **options: Any) -> Any:
        return command(sets=select(source, set_name, table), **options)

    return selection_options(run)  # type: ignore[return-value]


def database_options(command: Command) -> Command:
    """DATABASE, --busy-timeout and --on-connect, and those of sets_options(): what every command on a database takes."""
    return database_argument(sets_options(busy_timeout_option(on_connect_option(command))))


def busy_timeout_option(command: Command) -> Command:
    """--busy-timeout."""
    return click.option(
        "--busy-timeout",
        metavar="SECONDS",
        type=click.FloatRange(0, 86_400),
        default=5.0,
        show_default=True,
        help="How long to wait for a lock that another process has.",
    )(command)


def on_connect_option(command: Command) -> Command:
    """--on-connect, which gives the function what it names."""
    return click.option(
        "--on-connect",
        metavar="MODULE:FUNCTION",
        callback=lambda _context, _option, name: None if name is None else _function(name),
        help="Call this function with every sqlite3.Connection first: it registers what the schema needs.",
    )(command)


def _function(name: str) -> Callable[[Any], object]:
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise click.UsageError(f"--on-connect {name}: write it as module:function.")
    find_modules_in()
    try:
        found: Any = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:  # a module runs its author's code, so anything may come out of it
        raise click.UsageError(f"--on-connect {name} cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise click.UsageError(f"--on-connect {name} is no function.")
    return found  # type: ignore[no-any-return]


def range_options(limit: str, target: str) -> Callable[[Command], Command]:
    """--limit and --target, with what they mean to this command."""

    def decorate(command: Command) -> Command:
        command = click.option("--target", metavar="ID", help=target)(command)
        return click.option("--limit", metavar="N", type=click.IntRange(min=1), help=limit)(command)

    return decorate


def upgrade_options(command: Command) -> Command:
    """What bends the rules of an upgrade."""
    for option in (
        click.option(
            "--allow-out-of-order",
            is_flag=True,
            help="Also apply migrations that are numbered below the newest applied.",
        ),
        click.option("--no-checksums", is_flag=True, help="Accept applied migrations whose SQL has been edited since."),
        click.option(
            "--no-transaction",
            is_flag=True,
            help="Run outside transactions: a failure leaves a migration half applied.",
        ),
    ):
        command = option(command)
    return command


def backup_options(command: Command) -> Command:
    """--backup-dir, --keep-backups and --no-backup, which give the function one dict: those of a Migrator."""

    @functools.wraps(command)
    def run(backup_dir: str | None, keep_backups: int, no_backup: bool, **options: Any) -> Any:
        if no_backup and backup_dir is not None:
            raise click.UsageError("--backup-dir and --no-backup contradict each other.")
        backups = {"backup": not no_backup, "backup_dir": backup_dir, "keep_backups": keep_backups}
        return command(backups=backups, **options)

    decorated: Any = run
    for option in (
        click.option("--no-backup", is_flag=True, help="Make no backup."),
        click.option(
            "--keep-backups", type=click.IntRange(min=1), default=3, show_default=True, help="How many are kept."
        ),
        click.option(
            "--backup-dir", metavar="FOLDER", help="Where the backup goes.  [default: the folder DATABASE.backups]"
        ),
    ):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]
