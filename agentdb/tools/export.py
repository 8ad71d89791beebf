"""Migrations written as the files of another tool."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentdb.clients import create_client_sync
from agentdb.engine.layouts import LAYOUTS, carried, read_layout
from agentdb.engine.migration_set import migrations_of
from agentdb.engine.preview import expanded
from agentdb.errors import InvalidArgumentError, MigrationError
from agentdb.operations.runners import run
from agentdb.sql.lexer import split
from agentdb.tools.text_files import write_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agentdb.engine.migration import Migration
    from agentdb.engine.migration_set import Migrations

    #: The files of one migration: paths and texts.
    Writer = Callable[["ExportedMigration"], dict[str, str]]


@dataclass(frozen=True)
class ExportedMigration:
    """One migration as SQL. up, down: its statements. without_foreign_keys, use_transaction: its flags."""

    id: str
    slug: str
    up: tuple[str, ...]
    down: tuple[str, ...]
    use_transaction: bool
    without_foreign_keys: bool


@dataclass(frozen=True)
class Export:
    """What was written.

    files: paths. changed: ids of migrations that have another checksum when they are loaded from there, as one with a
    RebuildTable, which is written as its statements. notes: what the other tool does not know.
    """

    files: tuple[str, ...]
    changed: tuple[str, ...]
    notes: tuple[str, ...]


def export_migrations(migrations: Migrations, folder: str | os.PathLike[str], layout: str) -> Export:
    """Write migrations into a folder as another tool has them.

    migrations: an iterable of Migration, a MigrationSet, or a module that has MIGRATIONS. folder: a new one, or an empty one;
    nothing is overwritten. layout: as of load_migrations().

    Raises MigrationError `not_for_a_script` for a migration with a Python step, InvalidArgumentError for another layout,
    AlreadyExistsError, StorageError. Then nothing is left there.
    """
    writer = _WRITERS.get(layout)
    if writer is None:
        raise InvalidArgumentError(f"layout is {layout!r}", remedy=f"The layouts are {', '.join(_WRITERS)}.")
    listed = sorted(migrations_of(migrations), key=lambda migration: migration.number)
    exported = _as_sql(listed)
    files: dict[str, str] = {}
    notes: list[str] = []
    for one in exported:
        files |= writer(one)
        notes += _notes(one, layout)
    if layout == "drizzle":
        files |= _journal(exported)
    target = os.fspath(folder)
    paths = write_folder(target, files)
    loaded = {int(one.id): carried(one).migration.checksum for one in read_layout(target, layout)} if listed else {}
    changed = [one.id for one in listed if loaded.get(one.number) != one.checksum]
    return Export(paths, tuple(changed), tuple(notes))


def _as_sql(migrations: Sequence[Migration]) -> list[ExportedMigration]:
    for migration in migrations:
        for item in (*migration.up, *migration.down):
            if not isinstance(item, str) and item.is_opaque:
                raise MigrationError(
                    f"migration {migration.label} has a Python step, which no SQL file can hold",
                    code="not_for_a_script",
                    migration=migration,
                    remedy="Write that step in SQL, or let agentdb apply this migration.",
                )
    with create_client_sync(":memory:") as client:
        ups = run(client, expanded([migration.up for migration in migrations]))
        downs = []
        for number, migration in enumerate(migrations, 1):
            before = [one.up for one in migrations[:number]]
            has_items = any(not isinstance(item, str) for item in migration.down)
            downs.append(run(client, expanded([*before, migration.down]))[-1] if has_items else migration.down)
    return [
        ExportedMigration(
            migration.id,
            re.sub(r"[^a-z0-9]+", "_", migration.description.lower()).strip("_")[:80] or "migration",
            up,
            tuple(map(str, down)),
            migration.use_transaction,
            not migration.foreign_keys,
        )
        for migration, up, down in zip(migrations, ups, downs, strict=True)
    ]


def _notes(one: ExportedMigration, layout: str) -> list[str]:
    notes = []
    if one.without_foreign_keys and layout in _IN_TRANSACTION:
        notes.append(
            f"{one.id}: works without foreign keys. {layout} runs it in a transaction, where SQLite ignores that PRAGMA: "
            f"{_HINTS[layout]}"
        )
    if not one.use_transaction and layout in _IN_TRANSACTION:
        notes.append(f"{one.id}: runs outside a transaction, which {layout} does not know: {_HINTS[layout]}")
    if one.down and layout in ("drizzle", "prisma"):
        notes.append(f"{one.id}: its down is left out: {layout} has none")
    return notes


#: Tools that run each file in a transaction, whatever it says.
_IN_TRANSACTION = ("golang-migrate", "drizzle")
_HINTS = {"golang-migrate": "give its URL x-no-tx-wrap=true.", "drizzle": "apply that file by hand."}


def _script(statements: Sequence[str]) -> str:
    """Statements as a script. Each loses its own `;`, and comments behind it."""
    return "".join([f"{(split(sql) or [sql])[0]};\n" for sql in statements])


def _bracketed(one: ExportedMigration, statements: Sequence[str], *, transaction: bool) -> str:
    """A script with the PRAGMA and the transaction that the tool does not make."""
    script = _script(statements)
    if not statements:
        return ""
    if transaction or one.without_foreign_keys:
        script = f"BEGIN;\n{script}COMMIT;\n"
    return f"PRAGMA foreign_keys = OFF;\n{script}PRAGMA foreign_keys = ON;\n" if one.without_foreign_keys else script


def _is_outside(one: ExportedMigration) -> bool:
    """Whether the tool must not make a transaction of its own."""
    return one.without_foreign_keys or not one.use_transaction


def _diesel(one: ExportedMigration) -> dict[str, str]:
    folder = f"{one.id}_{one.slug}"
    files = {
        f"{folder}/up.sql": _bracketed(one, one.up, transaction=False),
        f"{folder}/down.sql": _bracketed(one, one.down, transaction=False),
    }
    if _is_outside(one):
        files[f"{folder}/metadata.toml"] = "run_in_transaction = false\n"
    return files


def _sqlx(one: ExportedMigration) -> dict[str, str]:
    head = "-- no-transaction\n" if _is_outside(one) else ""
    return {
        f"{one.id}_{one.slug}.up.sql": head + _bracketed(one, one.up, transaction=False),
        f"{one.id}_{one.slug}.down.sql": head + _bracketed(one, one.down, transaction=False),
    }


def _golang_migrate(one: ExportedMigration) -> dict[str, str]:
    return {
        f"{one.id}_{one.slug}.up.sql": _without_transaction(one, one.up),
        f"{one.id}_{one.slug}.down.sql": _without_transaction(one, one.down),
    }


def _without_transaction(one: ExportedMigration, statements: Sequence[str]) -> str:
    script = _script(statements)
    return f"PRAGMA foreign_keys = OFF;\n{script}PRAGMA foreign_keys = ON;\n" if one.without_foreign_keys else script


def _goose(mark: str, no_transaction: str) -> Writer:
    def section(one: ExportedMigration, statements: Sequence[str]) -> str:
        lines = split(_bracketed(one, statements, transaction=False))
        return "".join([f"-- +{mark} StatementBegin\n{sql};\n-- +{mark} StatementEnd\n" for sql in lines])

    def write(one: ExportedMigration) -> dict[str, str]:
        outside = _is_outside(one)
        head = "-- +goose NO TRANSACTION\n" if outside and mark == "goose" else ""
        option = f" {no_transaction}" if outside and mark != "goose" else ""
        text = f"{head}-- +{mark} Up{option}\n{section(one, one.up)}\n-- +{mark} Down{option}\n{section(one, one.down)}"
        return {f"{one.id}_{one.slug}.sql": text}

    return write


def _dbmate(one: ExportedMigration) -> dict[str, str]:
    option = " transaction:false" if _is_outside(one) else ""
    up = _bracketed(one, one.up, transaction=False)
    down = _bracketed(one, one.down, transaction=False)
    return {f"{one.id}_{one.slug}.sql": f"-- migrate:up{option}\n{up}\n-- migrate:down{option}\n{down}"}


def _drizzle(one: ExportedMigration) -> dict[str, str]:
    parts = split(_without_transaction(one, one.up))
    return {f"{one.id}_{one.slug}.sql": "\n--> statement-breakpoint\n".join([f"{sql};" for sql in parts]) + "\n"}


def _journal(exported: Sequence[ExportedMigration]) -> dict[str, str]:
    entries = [
        {
            "idx": number,
            "version": "6",
            "when": 1_000_000_000_000 + number,
            "tag": f"{one.id}_{one.slug}",
            "breakpoints": True,
        }
        for number, one in enumerate(exported)
    ]
    text = json.dumps({"version": "7", "dialect": "sqlite", "entries": entries}, indent=2)
    return {"meta/_journal.json": f"{text}\n"}


def _prisma(one: ExportedMigration) -> dict[str, str]:
    return {f"{one.id}_{one.slug}/migration.sql": _bracketed(one, one.up, transaction=False)}


def _plain(one: ExportedMigration) -> dict[str, str]:
    """For `sqlite3 -bail FILE < file`, which makes no transaction."""
    files = {f"{one.id}_{one.slug}.sql": _bracketed(one, one.up, transaction=one.use_transaction)}
    if one.down:
        files[f"{one.id}_{one.slug}.down.sql"] = _bracketed(one, one.down, transaction=one.use_transaction)
    return files


_WRITERS: dict[str, Writer] = {
    "diesel": _diesel,
    "sqlx": _sqlx,
    "goose": _goose("goose", ""),
    "sql-migrate": _goose("migrate", "notransaction"),
    "dbmate": _dbmate,
    "golang-migrate": _golang_migrate,
    "drizzle": _drizzle,
    "prisma": _prisma,
    "plain": _plain,
}
assert _WRITERS.keys() == LAYOUTS.keys()
