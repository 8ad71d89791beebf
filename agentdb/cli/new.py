"""`agentdb new`."""

from __future__ import annotations

import os
import re

import click

from agentdb.cli.output import Answer, answers, as_document
from agentdb.cli.sets import folder_of_new_migrations
from agentdb.errors import AlreadyExistsError, InvalidArgumentError, StorageError

_SLUG = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")
_NUMBERED = re.compile(r"m?([0-9]+)_.*\.(?:up\.sql|down\.sql|py)")

_UP = """\
-- {id}: {words}
-- One statement or several, each closed by a semicolon; together they are one transaction.
-- agentdb: skeleton
"""
_DOWN = """\
-- {id}: what undoes {slug}. Without a statement it cannot be rolled back.
"""
_MODULE = '''\
"""{title}."""

from __future__ import annotations

from agentdb import Migration

MIGRATION = Migration(
    id="{id}",
    description="{words}",
    up=...,  # a statement, or a tuple of statements; together they are one transaction
    down=(
        # What undoes it. Empty: it cannot be rolled back.
    ),
)
'''


@click.command(short_help="Begin a migration: a pair of SQL files, or a module.")
@click.argument("name")
@click.option(
    "--migrations",
    "folder",
    metavar="FOLDER",
    help="Where to put it.  [default: the folder that pyproject.toml names, else migrations]",
)
@click.option(
    "--set", "set_name", metavar="NAME", help="Put it into the folder of this set, of those that pyproject.toml names."
)
@click.option(
    "--sql/--module", "as_sql", default=True, help="NNN_name.up.sql and .down.sql (default), or mNNN_name.py."
)
@answers
def new(name: str, folder: str | None, set_name: str | None, as_sql: bool) -> Answer:
    """Write the skeleton of the next migration into a folder of migrations.

    NAME says what it does, in lower-case words joined by underscores: add_notes. Nothing is overwritten. The skeleton
    holds no statement yet, and `agentdb validate --migrations FOLDER` says so until it does.

    \b
    JSON
      id, paths
    """
    if not _SLUG.fullmatch(name):
        raise InvalidArgumentError(
            f"{name!r} is not a name for a migration",
            remedy=f"Use lower-case words joined by underscores, as in {_suggestion(name)}.",
        )
    if folder is not None and set_name is not None:
        raise click.UsageError("--set and --migrations both say where to put it; give one of the two.")
    if folder is None:
        folder = folder_of_new_migrations(set_name)
    if not os.path.isdir(folder):
        raise InvalidArgumentError(
            f"there is no folder {folder}",
            code="folder_missing",
            remedy=f"Create it (mkdir {folder}), or name another with --migrations.",
        )
    number = _next_number(os.listdir(folder))
    words = name.replace("_", " ")
    values = {"id": number, "slug": name, "words": words, "title": words[0].upper() + words[1:]}
    files = (
        {f"{number}_{name}.up.sql": _UP, f"{number}_{name}.down.sql": _DOWN}
        if as_sql
        else {f"m{number}_{name}.py": _MODULE}
    )
    paths = _write({os.path.join(folder, file): text.format(**values) for file, text in files.items()})
    return Answer(paths, as_document(id=number, paths=paths))


def _suggestion(name: str) -> str:
    slug = "_".join(re.findall(r"[a-z0-9]+", name.lower()))
    return slug or "add_notes"


def _next_number(files: list[str]) -> str:
    """One above the highest there, as wide as that one is, and never narrower than three digits."""
    taken = [found[1] for file in files if (found := _NUMBERED.fullmatch(file))]
    highest = max(taken, key=int, default="000")
    return str(int(highest) + 1).zfill(max(3, len(highest)))


def _write(files: dict[str, str]) -> list[str]:
    """All of them, each a file that was not there before, or none."""
    written: list[str] = []
    try:
        for path, text in files.items():
            with open(path, "x", encoding="utf-8", newline="\n") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for path in written:
            os.remove(path)
        if isinstance(error, FileExistsError):
            raise AlreadyExistsError(
                f"{error.filename} is there already", remedy="Run it again for the next number; nothing was changed."
            ) from error
        raise StorageError(
            f"{error.filename or 'the migration'} cannot be written: {error.strerror}",
            code="read_only" if isinstance(error, PermissionError) else "io_error",
            remedy="Check that this user may write into that folder, then try again; nothing was changed.",
        ) from error
    return written
