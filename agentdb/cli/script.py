"""Upgrades and rollbacks written down as SQL instead of run: the statements of the executor, with literals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from agentdb.cli.output import plain
from agentdb.cli.shell_text import check, closed
from agentdb.clients.base import ResultSet
from agentdb.engine.guards.losses import is_bare
from agentdb.engine.history import History
from agentdb.engine.history_row import DOWN, UP, Row
from agentdb.engine.migration import Migration
from agentdb.engine.repair import now
from agentdb.engine.rollback_plan import Reversal
from agentdb.operations.requests import Execute, Steps

if TYPE_CHECKING:
    from agentdb.engine.migration import Item


class Expression(str):
    """Text that a script holds as it is, where other text is quoted: the script finds its value when it is run."""

    __slots__ = ()


_NOW = Expression("strftime('%Y-%m-%dT%H:%M:%fZ', 'now')")
#: What the script would hear of each statement that changes a row.
_ONE_ROW = ResultSet(None, [], 1)
#: How long a migration takes is not known to a script.
_UNKNOWN: Any = None

_HEAD = """\
-- Feed it to `sqlite3 -bail FILE`: without -bail the shell goes on after an error. It also runs with executescript().
-- Unlike the command it does not compare what was there before with what is there after: see that you have a backup.
PRAGMA foreign_keys = ON;"""

# A quoted name or text, which holds no parameter whatever it looks like; or a parameter.
_TOKEN = re.compile(r"""("[^"]*+(?:""[^"]*+)*+"|'[^']*+(?:''[^']*+)*+')|:(\w+)""")


def script(title: str, parts: list[list[str]]) -> str:
    """The whole text; without parts one that does nothing."""
    lines = [f"-- {plain(title)}"]
    if parts:
        lines.append(_HEAD)
    for part in parts:
        lines += ["", *part]
    return "\n".join(lines) + "\n"


def upgrade(
    history: History,
    migration: Migration,
    statements: Sequence[str],
    *,
    use_transaction: bool,
    begun: Row | None = None,
) -> list[str]:
    """What migrate() runs for one migration. A script that is run twice stops before it has changed anything.

    statements: what its up comes to. begun: the row of a migration that began outside a transaction and did not end;
    then `statements` are those that are left.
    """
    check(migration.id, list(statements))
    name = quoted_name(history.table)
    values = {"id": migration.id, "begun": begun and begun.id}
    lines = [f"-- {plain(migration.label)}", "BEGIN IMMEDIATE;", *_written(history.create())]
    if begun is not None:
        lines.append(bind(f"DELETE FROM {name} WHERE id = :begun AND in_progress = '{UP}';", values))
    lines += ["-- Fails if it is applied already.", bind(f"INSERT INTO {name} (id) VALUES (:id);", values)]
    row = _placeholder(migration.id, begun)
    record = _written(
        history.write(
            migration,
            applied_at=_NOW,
            execution_time=_UNKNOWN,
            app_version=None,
            instead_of=row,
            in_progress=None if use_transaction else UP,
        )
    )
    written = [closed(sql) for sql in statements]
    if use_transaction:
        return _unenforced(migration, [*lines, *written, *record, "COMMIT;"])
    done = len(migration.up) - len(written)
    if done:
        record += _written(history.progress(row, UP, migration.up[:done]))
    each = _one_by_one(history, row, UP, migration.up, statements)
    return [*lines, *record, "COMMIT;", *each, *_written(history.settle(row, _UNKNOWN))]


def unfinished(label: str, command: str) -> list[str]:
    """Stands in the place of a migration that a script cannot run, and of those after it. command: what can run it."""
    return [
        f"-- {plain(label)}",
        "-- The sqlite3 shell cannot run this one: a part of it runs in Python, or it is a Backfill that was begun before.",
        f"-- The script ends here. Then run `{command}`.",
    ]


def _one_by_one(
    history: History, row: Row, direction: str, items: tuple[Item, ...], statements: Sequence[str]
) -> list[str]:
    """The last of the items, each in a transaction that records it as done, where it can have one."""
    lines: list[str] = []
    for number, sql in enumerate(statements, len(items) - len(statements) + 1):
        recorded = _written(history.progress(row, direction, items[:number]))
        if not isinstance(items[number - 1], str):
            lines.append("-- In one transaction, where the command makes one for each batch.")
        lines += [closed(sql), *recorded] if is_bare(sql) else ["BEGIN IMMEDIATE;", closed(sql), *recorded, "COMMIT;"]
    return lines


def _placeholder(migration_id: str, begun: Row | None) -> Row:
    """The row that the script itself has put in, with the note of the one that it takes the place of."""
    return Row.noted(migration_id, begun.own_note if begun is not None else None)


def _unenforced(migration: Migration, lines: list[str]) -> list[str]:
    """The lines of a transaction, without foreign keys where the migration wants to have none."""
    if migration.foreign_keys:
        return lines
    return [lines[0], "PRAGMA foreign_keys = OFF;", *lines[1:], "PRAGMA foreign_keys = ON;"]


def downgrade(history: History, reversal: Reversal, statements: Sequence[str], row: Row) -> list[str]:
    """What rollback() runs for one migration. statements: what its down comes to. row: what the table has of it."""
    check(reversal.recorded_id, list(statements))
    name = quoted_name(history.table)
    seen = "id = :id AND in_progress IS :in_progress" + (" AND note IS :note" if row.note is not None else "")
    guard = f"INSERT INTO {name} (id) SELECT NULL WHERE NOT EXISTS (SELECT 1 FROM {name} WHERE {seen});"
    begin = [
        f"-- {plain(reversal.migration.label)}",
        "BEGIN IMMEDIATE;",
        "-- Fails if it is not applied.",
        bind(guard, {"id": reversal.recorded_id, "in_progress": row.in_progress, "note": row.note}),
    ]
    forget = _written(history.forget(row, now()))  # of the script: it stands in a note
    if reversal.migration.use_transaction:
        return _unenforced(reversal.migration, [*begin, *map(closed, statements), *forget, "COMMIT;"])
    items = reversal.statements
    begun = _written(history.progress(row, DOWN, items[: len(items) - len(statements)]))
    return [*begin, *begun, "COMMIT;", *_one_by_one(history, row, DOWN, items, statements), *forget]


def _written(steps: Steps[Any]) -> list[str]:
    """What steps that ask nothing would execute."""
    lines: list[str] = []
    try:
        request = next(steps)
        while True:
            if not isinstance(request, Execute) or not isinstance(request.stmt, str):
                raise TypeError(f"a script cannot hold {request!r}")
            lines.append(closed(bind(request.stmt, request.args)))
            request = steps.send(_ONE_ROW)
    except StopIteration:
        return lines


def bind(sql: str, args: Any) -> str:
    """SQL with the values of its `:name` parameters as literals."""
    return _TOKEN.sub(lambda found: found[1] or literal(args[found[2]]), sql) if args else sql


def literal(value: Any) -> str:
    """A value as SQL."""
    if isinstance(value, Expression):
        return str(value)
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise TypeError(f"the tracking table holds no {type(value).__name__}")
    if "\0" in value:  # SQL text ends at a NUL
        return f"CAST(X'{value.encode().hex()}' AS TEXT)"
    return "'" + value.replace("'", "''") + "'"


def quoted_name(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'
