"""Migrations from files: pairs of SQL files, and modules with a MIGRATION, in a folder or a package."""

from __future__ import annotations

import os
from types import ModuleType

from agentdb.engine.migration import Migration
from agentdb.errors import InvalidArgumentError, InvalidMigrationError, StorageError
from agentdb.lexer import split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.resources.abc import Traversable
    from typing import Any, TypeAlias

    #: A folder, a package or module, or the dotted name of one.
    Source: TypeAlias = str | os.PathLike[str] | ModuleType

_UP, _DOWN = ".up.sql", ".down.sql"
_DIRECTIVE = "-- agentdb:"
_SWITCHES = ("use_transaction", "foreign_keys", "backward_compatible")
_ALLOWS_LOSS = "allows_loss"


def load_migrations(source: Source) -> tuple[Migration, ...]:
    """The migrations of a folder, or of a package: sorted by number.

    A folder or package holds `NNN_name.up.sql` with `NNN_name.down.sql` beside it (without one it cannot be rolled
    back), or `mNNN_name.py` with a `MIGRATION`; other files are none of our business. The name, with spaces for
    underscores, is the description. The first lines of the up file may give the flags of the migration, one in each:
    `-- agentdb: use_transaction=false`, `-- agentdb: foreign_keys=false`, `-- agentdb: backward_compatible=true`,
    `-- agentdb: allows_loss=table, other.column`. A module that has `MIGRATIONS` gives those.

    source: the path of a folder; a module; or a dotted name, which is imported.

    Raises StorageError `folder_missing`, InvalidArgumentError where there is nothing to load, InvalidMigrationError
    (`bad_migration_file`, `duplicate_id`, …) with the file in the message.
    """
    if isinstance(source, ModuleType):
        return _of_module(source)
    if isinstance(source, os.PathLike) or (isinstance(source, str) and _is_path(source)):
        return _of_folder(os.fspath(source))
    if isinstance(source, str):
        return _of_module(_import(source))
    raise InvalidArgumentError(f"migrations come from a folder, a module or its name, not from {type(source).__name__}")


def _is_path(text: str) -> bool:
    return os.path.isdir(text) or os.sep in text or "/" in text or not all(p.isidentifier() for p in text.split("."))


def _import(name: str) -> ModuleType:
    from importlib import import_module

    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise InvalidArgumentError(
                f"there is no folder and no module {name!r}",
                remedy="Give the path of a folder, or the dotted name of a module that Python can import.",
            ) from error
        raise


def _of_module(module: ModuleType) -> tuple[Migration, ...]:
    if hasattr(module, "MIGRATIONS"):
        from agentdb.engine.migrator import migrations_of

        return migrations_of(module)
    if not hasattr(module, "__path__"):
        raise InvalidArgumentError(
            f"the module {module.__name__} has no MIGRATIONS",
            remedy="Give it MIGRATIONS, a tuple of Migration, or name a package that holds migration files.",
        )
    from importlib.resources import files

    return _collect(files(module).iterdir(), module.__name__, module.__name__)


def _of_folder(folder: str) -> tuple[Migration, ...]:
    from pathlib import Path

    path = Path(folder)
    if not path.is_dir():
        raise StorageError(f"there is no folder {folder}", code="folder_missing")
    return _collect(path.iterdir(), None, folder)


def _collect(entries: Iterable[Traversable], package: str | None, where: str) -> tuple[Migration, ...]:
    """Migrations of the files of one place. `package` is its dotted name, for modules that import each other."""
    try:
        return _sorted(entries, package, where)
    except InvalidMigrationError as error:
        error.args = (f"in {where}: {error.message}",)
        raise


def _sorted(entries: Iterable[Traversable], package: str | None, where: str) -> tuple[Migration, ...]:
    ups: dict[str, Traversable] = {}
    downs: dict[str, Traversable] = {}
    loaded: list[tuple[Migration, str]] = []
    for entry in sorted(entries, key=lambda entry: entry.name):
        name = entry.name
        if name.endswith(_UP):
            ups[name.removesuffix(_UP)] = entry
        elif name.endswith(_DOWN):
            downs[name.removesuffix(_DOWN)] = entry
        elif name.endswith(".sql"):
            raise _bad(name, "is neither an .up.sql nor a .down.sql file")
        elif name.endswith(".py") and name[:1] == "m" and name[1:2].isdigit():
            loaded.append((_of_file(entry, package), name))
    for stem in downs:
        if stem not in ups:
            raise _bad(downs[stem].name, f"has no {stem}{_UP} beside it")
    for stem, up in ups.items():
        loaded.append((_of_pair(stem, up, downs.get(stem)), up.name))
    if not loaded:
        raise InvalidArgumentError(
            f"there are no migrations in {where}",
            remedy="It holds NNN_name.up.sql files or mNNN_name.py modules; `agentdb new` writes either.",
        )
    loaded.sort(key=lambda pair: pair[0].number)
    for (one, first), (other, second) in zip(loaded, loaded[1:], strict=False):
        if one.number == other.number:
            raise InvalidMigrationError(f"{first} and {second} have one number", code="duplicate_id", migration=other)
    return tuple([migration for migration, _ in loaded])


def _of_pair(stem: str, up: Traversable, down: Traversable | None) -> Migration:
    number, _, name = stem.partition("_")
    if not (number.isdigit() and number.isascii()) or not name:
        raise _bad(up.name, "does not begin with a number and an underscore")
    text = _read(up)
    try:
        return Migration(
            number,
            name.replace("_", " ").strip() or name,
            split(text),
            split(_read(down)) if down is not None else (),
            **_directives(text, up.name),
        )
    except InvalidMigrationError as error:
        error.args = (f"{up.name}: {error.message}",)
        raise


def _read(file: Traversable) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad(file.name, f"is not UTF-8: {error.reason} at byte {error.start}") from error


def _directives(text: str, name: str) -> dict[str, Any]:
    """What the first lines of an up file say of its migration, as arguments of Migration."""
    found: dict[str, Any] = {}
    for line in map(str.strip, text.lstrip().splitlines()):
        if not line.startswith(_DIRECTIVE):
            break
        key, _, value = [part.strip() for part in line.removeprefix(_DIRECTIVE).partition("=")]
        if key in found:
            raise _bad(name, f"says {key} twice", "One line for each; several tables stand in one, with commas.")
        if key in _SWITCHES and value in ("true", "false"):
            found[key] = value == "true"
        elif key == _ALLOWS_LOSS and all(names := [table.strip() for table in value.split(",")]):
            found[key] = tuple(names)
        else:
            raise _bad(
                name,
                f"begins with {line!r}, which says nothing that agentdb knows",
                "The lines are `-- agentdb: use_transaction=false`, `foreign_keys=false`, `backward_compatible=true`, and "
                "`allows_loss=TABLE, TABLE`.",
            )
    return found


def _of_file(file: Traversable, package: str | None) -> Migration:
    name = file.name.removesuffix(".py")
    try:
        module = _import(f"{package}.{name}") if package is not None else _run_file(file, name)
    except InvalidMigrationError as error:
        error.args = (f"{file.name}: {error.message}",)
        raise
    migration = getattr(module, "MIGRATION", None)
    if not isinstance(migration, Migration):
        raise _bad(file.name, "has no MIGRATION", "Give it `MIGRATION = Migration(…)`.")
    if not name[1:].partition("_")[0].isdigit() or int(name[1:].partition("_")[0]) != migration.number:
        raise _bad(file.name, f"holds migration {migration.id}", "Let the number in the name be that of the migration.")
    return migration


def _run_file(file: Traversable, name: str) -> ModuleType:
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(name, str(file))
    if spec is None or spec.loader is None:
        raise _bad(file.name, "cannot be imported")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _bad(name: str, why: str, remedy: str | None = None) -> InvalidMigrationError:
    return InvalidMigrationError(f"{name} {why}", code="bad_migration_file", remedy=remedy)
