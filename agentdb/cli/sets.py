"""The sets of migrations that a command works on: of the command line, of pyproject.toml, or the built-in one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import PurePath
from typing import Any

import click

from agentdb.cli.project import Project, find
from agentdb.engine.migration import Migration
from agentdb.engine.migration_set import MigrationSet, migrations_of, set_name, set_of, table_of
from agentdb.errors import AgentDBError, InvalidArgumentError, InvalidMigrationError, StorageError

#: The dotted name of the built-in migrations, which --migrations could as well be given.
BUILT_IN = "agentdb.migrations"
_DEFAULT_TABLE = "migrations"


@dataclass(frozen=True)
class SelectedSet:
    """Migrations that a command works on, and their tracking table.

    Unlike a MigrationSet it may hold one number twice: `agentdb validate` reports that. skipped: the names of files that
    are no migrations, where the command reports them itself; else the log names them.
    """

    name: str
    migrations: tuple[Migration, ...]
    table: str
    skipped: tuple[str, ...] = ()


def select(
    source: str | None, name: str | None, table: str | None, *, reports_skipped: bool = False
) -> tuple[SelectedSet, ...]:
    """The sets for the options --migrations, --set and --table.

    reports_skipped: whether the command reports files that are no migrations.

    Raises InvalidArgumentError where there is no such place, set or module, or where two sets share a name or a table;
    InvalidMigrationError for what is in them.
    """
    if source is not None:
        if name is not None:
            raise click.UsageError("--set chooses a set of pyproject.toml, and --migrations ignores that file.")
        skipped: list[str] | None = [] if reports_skipped else None
        if source != BUILT_IN:
            find_modules_in()
        migrations, named = _read(source, skipped)
        given = named or _DEFAULT_TABLE if table is None else table
        return (SelectedSet(source, migrations, given, tuple(skipped or ())),)
    project = find()
    sets = _of_project(project, reports_skipped) if project is not None and project.sources else [_built_in()]
    if name is not None:
        chosen = [one for one in sets if one.name == name]
        if not chosen:
            raise click.UsageError(f"there is no set {name!r}. The sets are {_listed(sets)}.")
        sets = chosen
    if table is not None:
        sets = [replace(only(sets, "--table"), table=table)]
    return tuple(sets)


def only(sets: Sequence[SelectedSet], what: str) -> SelectedSet:
    """The one set that there is. what: which command or option needs one. Raises click.UsageError for several."""
    if len(sets) > 1:
        raise click.UsageError(f"{what} works on one set: choose it with --set NAME. The sets are {_listed(sets)}.")
    return sets[0]


@contextmanager
def of_set(one: SelectedSet, sets: Sequence[SelectedSet]) -> Iterator[None]:
    """Let an error in this block name the set, where there are several."""
    try:
        yield
    except AgentDBError as error:
        if len(sets) > 1:
            error.args = (f"in the set {one.name}: {error.message}",)
        raise


def folder_of_new_migrations(name: str | None) -> str:
    """Where `agentdb new` writes when no --migrations is given: the folder that the project names, else `migrations`.

    name: of the set, where there are several folders. Raises click.UsageError.
    """
    project = find()
    if project is None or not project.sources:
        if name is not None:
            raise click.UsageError("--set chooses a set of pyproject.toml, and there is none.")
        return "migrations"
    folders = {
        set_name(PurePath(source).parts): project.path(source)
        for source in project.sources
        if _is_folder(source, project)
    }
    if name is not None and name in folders:
        return folders[name]
    if name is None and len(folders) == 1:
        return next(iter(folders.values()))
    listed = f"The folders are those of {', '.join(sorted(folders))}." if folders else "None of them is a folder."
    what = f"--set {name} names no folder of migrations." if name is not None else "pyproject.toml names the sets."
    raise click.UsageError(f"{what} {listed} Choose one with --set NAME, or name a folder with --migrations.")


def _listed(sets: Sequence[SelectedSet]) -> str:
    return ", ".join([one.name for one in sets])


def _of_project(project: Project, reports_skipped: bool) -> list[SelectedSet]:
    find_modules_in(project.folder)
    sets: list[SelectedSet] = []
    for source in project.sources:
        try:
            found = _set(source, project, [] if reports_skipped else None)
        except AgentDBError as error:
            error.args = (f"{project.file}, tool.agentdb.migrations: {error.message}",)
            raise
        for other in sets:
            for kind, is_same in (
                ("name", other.name == found.name),
                ("tracking table", other.table.lower() == found.table.lower()),
            ):
                if is_same:
                    shared = found.name if kind == "name" else found.table
                    project.refuse(
                        "migrations",
                        f"names two sets with the {kind} {shared!r}",
                        'Give each its own: name a MigrationSet("notes", [...], table="...") as module:NAME.',
                    )
        sets.append(found)
    return sets


def _set(source: str, project: Project, skipped: list[str] | None) -> SelectedSet:
    if source == BUILT_IN:
        return _built_in()
    module, _, attribute = source.partition(":")
    if _is_folder(source, project):
        found = MigrationSet(set_name(PurePath(source).parts), _read(project.path(source), skipped)[0])
    elif attribute:
        with _loading(source):
            found = set_of(_attribute(module, attribute))
    else:
        migrations, table = _read(source, skipped)
        found = MigrationSet(set_name(source.split(".")), migrations, table=table)
    return SelectedSet(found.name, found.migrations, found.table, tuple(skipped or ()))


def _is_folder(source: str, project: Project) -> bool:
    """Whether a source of the project is the path of a folder, rather than the name of a module or of what is in one."""
    if os.path.isdir(os.path.join(project.folder, source)) or "/" in source or os.sep in source:
        return True
    return not all(part.isidentifier() for part in source.replace(":", ".").split("."))


def _built_in() -> SelectedSet:
    return SelectedSet("agentdb", _read(BUILT_IN, None)[0], _DEFAULT_TABLE)


def find_modules_in(folder: str | None = None) -> None:
    """Let Python look for modules in a folder first; by default in the current one, as `python -m` does."""
    try:
        here = os.getcwd()
    except FileNotFoundError:
        here = ""  # the folder is gone, and what was in it
    folder = folder or here
    if folder and folder not in sys.path and not (folder == here and "" in sys.path):
        sys.path.insert(0, folder)


def load(source: str) -> tuple[Migration, ...]:
    """The migrations of a folder, a module or a set; modules are found in the current folder first, as `python -m` does.

    Raises InvalidArgumentError where there is no such place, InvalidMigrationError for what is in it.
    """
    if source != BUILT_IN:
        find_modules_in()
    return _read(source, None)[0]


def _read(source: str, skipped: list[str] | None) -> tuple[tuple[Migration, ...], str | None]:
    """The migrations of a folder, a module or a set, and the tracking table that the set or the module names."""
    from agentdb.engine.loader import load_and_tell, load_migrations

    with _loading(source):
        module, _, name = source.partition(":")
        if name.isidentifier() and not os.path.exists(source):
            found = _attribute(module, name)
            return migrations_of(found), table_of(found)
        migrations = load_migrations(source) if skipped is None else load_and_tell(source, skipped)
        return migrations, table_of(sys.modules.get(source))


@contextmanager
def _loading(source: str) -> Iterator[None]:
    """Let whatever loading raises be an error of agentdb."""
    try:
        yield
    except StorageError as error:
        raise InvalidArgumentError(error.message, code=error.code, remedy=error.remedy) from error
    except (AgentDBError, KeyboardInterrupt):
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
