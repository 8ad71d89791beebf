"""What several commands take, each written once."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

import click

from agentdb.engine.migration import Migration
from agentdb.errors import AgentDBError, InvalidArgumentError, InvalidMigrationError, StorageError

Command = TypeVar("Command", bound=Callable[..., Any])

#: The dotted name of the built-in migrations, which --migrations could as well be given.
BUILT_IN = "agentdb.migrations"
#: Where a command that tells of files that are no migrations finds them in the context.
SKIPPED = "agentdb.skipped"
#: Where the context has the tracking table that the migrations name.
_TABLE = "agentdb.table"


def database_argument(command: Command) -> Command:
    """DATABASE, with its default."""
    return click.argument("database", envvar="AGENTDB_URL", default="agents.db")(command)


def migrations_option(command: Command) -> Command:
    """--migrations, which gives the function a tuple of Migration."""

    def read(context: click.Context, _option: click.Parameter, source: str) -> tuple[Migration, ...]:
        migrations, context.meta[_TABLE] = load_with_table(source, context.meta.get(SKIPPED))
        return migrations

    return click.option(
        "--migrations",
        metavar="MODULE_OR_FOLDER",
        default=BUILT_IN,
        callback=read,
        is_eager=True,  # before --table, whose default it may name
        help="Where the migrations are: a folder, the dotted name of a module, or MODULE:NAME for a set or a list in it.  "
        "[default: the built-in ones]",
    )(command)


def database_options(command: Command) -> Command:
    """DATABASE, --migrations, --table, --busy-timeout and --on-connect: what every command on a database takes."""
    return database_argument(migrations_option(table_option(busy_timeout_option(on_connect_option(command)))))


def table_option(command: Command) -> Command:
    """--table, whose default the migrations may name."""
    return click.option(
        "--table",
        metavar="NAME",
        callback=lambda context, _option, name: context.meta.get(_TABLE) or "migrations" if name is None else name,
        help="The table in which the database remembers what is applied.  [default: the one that the set or the module of "
        "--migrations names, else migrations]",
    )(command)


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
    _find_modules_here()
    try:
        found: Any = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:  # a module runs its author's code, so anything may come out of it
        raise click.UsageError(f"--on-connect {name} cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise click.UsageError(f"--on-connect {name} is no function.")
    return found  # type: ignore[no-any-return]


def _find_modules_here() -> None:
    """In the current folder first, as `python -m` does."""
    try:
        here = os.getcwd()
    except FileNotFoundError:
        return  # the folder is gone, and what was in it
    if "" not in sys.path and here not in sys.path:
        sys.path.insert(0, here)


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


def load(source: str, skipped: list[str] | None = None) -> tuple[Migration, ...]:
    """The migrations of a folder, a module or a set; modules are found in the current folder first, as `python -m` does.

    skipped: gets the names of files that are no migrations, which else the log names.

    Raises InvalidArgumentError where there is no such place, InvalidMigrationError for what is in it.
    """
    return load_with_table(source, skipped)[0]


def load_with_table(source: str, skipped: list[str] | None = None) -> tuple[tuple[Migration, ...], str | None]:
    """The same, and the tracking table that the set or the module names."""
    from agentdb.engine.loader import load_and_tell, load_migrations
    from agentdb.engine.migration_set import migrations_of, table_of

    if source != BUILT_IN:
        _find_modules_here()
    try:
        module, _, name = source.partition(":")
        if name.isidentifier() and not os.path.exists(source):
            found = _attribute(module, name)
            return migrations_of(found), table_of(found)
        migrations = load_migrations(source) if skipped is None else load_and_tell(source, skipped)
        return migrations, table_of(sys.modules.get(source))
    except StorageError as error:
        raise InvalidArgumentError(error.message, code=error.code, remedy=error.remedy) from error
    except AgentDBError:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # A module runs its author's code, so anything may come out of it.
        raise InvalidMigrationError(
            f"the migrations of {source} cannot be loaded: {type(error).__name__}: {error}",
            code="bad_migration_file",
            remedy="Correct the module. Importing it with `python -c` shows the whole traceback.",
        ) from error


def _attribute(module: str, name: str) -> Any:
    """What a module has by a name. Raises InvalidArgumentError where it has none."""
    try:
        return getattr(import_module(module), name)
    except AttributeError:
        raise InvalidArgumentError(
            f"the module {module} has no {name}", remedy="Name a MigrationSet or a list of migrations in it."
        ) from None
