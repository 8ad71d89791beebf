"""`agentdb`: the manual page, the commands, and the one place where an exception becomes an exit code."""

from __future__ import annotations

import io
import os
import sqlite3
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TextIO

import click

from agentdb import __version__
from agentdb.cli import failures
from agentdb.cli.adopt import adopt
from agentdb.cli.audit import audit
from agentdb.cli.backup import backup
from agentdb.cli.backups import backups
from agentdb.cli.check import check
from agentdb.cli.doctor import doctor
from agentdb.cli.export import export
from agentdb.cli.ledger import ledger
from agentdb.cli.lint import lint
from agentdb.cli.migrate import migrate
from agentdb.cli.migrations import migrations
from agentdb.cli.new import new
from agentdb.cli.rehearse import rehearse
from agentdb.cli.repair import repair
from agentdb.cli.restore import restore
from agentdb.cli.rollback import rollback
from agentdb.cli.schema import schema
from agentdb.cli.serve import serve
from agentdb.cli.sql import sql
from agentdb.cli.status import status
from agentdb.cli.validate import validate
from agentdb.errors import AgentDBError

#: The shell's own number for a program that Ctrl-C ended.
INTERRUPTED = 130


class Commands(click.Group):
    """A group whose failures are told as text or as JSON, never as a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, in the order in which a newcomer needs them."""
        return list(self.commands)  # in the order in which a newcomer needs them

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Run the command line. A failure is told, and the exit code says it."""
        arguments = list(sys.argv[1:] if args is None else args)
        extra["standalone_mode"] = False
        _show_what_can_be_shown()
        try:
            code = self._run(arguments, rest, extra)
        except BrokenPipeError:
            # Whoever read has gone, which is no failure of ours to report; but the flush at exit must not fail again.
            _discard(sys.stdout)
            code = 1
        except OSError as error:
            code = failures.tell_unwritten(error)
            _discard(sys.stdout)
        sys.exit(code)

    def _run(self, arguments: list[str], rest: tuple[Any, ...], extra: dict[str, Any]) -> int:
        as_json = failures.wants_json(arguments)
        try:
            code = super().main(arguments, *rest, **extra)
        except AgentDBError as error:
            return _told(failures.exit_code(error), partial(failures.tell, error, as_json=as_json), as_json)
        except click.ClickException as error:
            return _told(error.exit_code, partial(failures.tell_usage, error, as_json=as_json), as_json)
        except (click.Abort, KeyboardInterrupt):
            return _told(INTERRUPTED, partial(failures.tell_interrupted, as_json=as_json), as_json)
        if not arguments:
            return 2  # the help was shown, but nothing was asked; older click calls that good
        return code if isinstance(code, int) else 0


def _told(code: int, tell: Callable[[], None], as_json: bool) -> int:
    """The exit code of a failure, told. Where stderr cannot be written the code is all that is left to say it."""
    try:
        tell()
    except OSError:
        if as_json:
            raise  # it goes to stdout
        _discard(sys.stderr)
    return code


def _discard(stream: TextIO | None) -> None:
    """Let what is still in a stream's buffer go nowhere: the flush at exit must not fail once more."""
    if stream is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _show_what_can_be_shown() -> None:
    """Let a console that lacks a character get its number, rather than the user a UnicodeEncodeError."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _version() -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    return f"agentdb {__version__} (Python {python}, SQLite {sqlite3.sqlite_version})"


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`agentdb COMMAND --help` tells the options of a command, and the keys of its JSON.",
)
@click.version_option(__version__, message=_version().replace("%", "%%"))
def agentdb() -> None:
    """Bring a database of agents to the schema of today, and see its state.

    The schema is a sequence of numbered migrations. A database remembers which of them it has; `agentdb migrate` applies
    the ones that are pending, each in a transaction of its own: whole, or not at all. An application does the same by
    itself at every start; this command is for people and for scripts.

    \b
    DATABASE
      A path, a file: URL, or :memory:. Without it the environment variable
      AGENTDB_URL counts, then `database` of pyproject.toml, then the file
      agents.db.

    \b
    MIGRATIONS
      The built-in ones, unless --migrations names a folder (with pairs
      NNN_name.up.sql and NNN_name.down.sql, or modules mNNN_name.py), or a
      module by its dotted name. The current folder is importable.

    \b
    PROJECT
      pyproject.toml, in the current folder or a parent of it, can name the
      database and several sets of migrations; --set chooses one of them.
        [tool.agentdb]
        database = "notes.db"
        migrations = ["agentdb.migrations", "notes_app.migrations:NOTES"]

    \b
    EXIT CODES
      0    good
      1    the answer is no: invalid, failed, or not there
      2    usage: the command line cannot be right
      130  interrupted with Ctrl-C

    \b
    OUTPUT
      Results on stdout; errors, questions and progress on stderr. With --json
      stdout is one JSON document, for an error too:
      {"error": {"code", "message", "remedy", "engine_code", "migration",
      "statement", "statement_number", "results"}}

    \b
    EXAMPLES
      agentdb migrate agents.db            create it, or bring it up to date
      agentdb status agents.db             what is applied, what is pending
      agentdb migrate --dry-run            what would run on the default one
      agentdb rollback --target 001        roll back all above 001
      agentdb backup --to /media/stick/    a verified copy, while it is in use
      agentdb restore FILE agents.db       put a backup back
      agentdb sql --all > schema.sql       the whole schema, as a script
      agentdb new add_notes                001_add_notes.up.sql and .down.sql
      agentdb migrate --migrations migrations --table notes_migrations
      agentdb validate --migrations migrations --base agentdb.migrations
      agentdb ledger                       record what has shipped
    """


for _command in (
    migrate,
    status,
    rollback,
    backup,
    restore,
    validate,
    sql,
    new,
    lint,
    ledger,
    check,
    rehearse,
    doctor,
    backups,
    schema,
    migrations,
    adopt,
    export,
    repair,
    audit,
    serve,
):
    agentdb.add_command(_command)
