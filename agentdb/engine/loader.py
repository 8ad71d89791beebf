"""Migrations from files: pairs of SQL files, and modules with a MIGRATION, in a folder or a package."""

from __future__ import annotations

import os
import re
from types import ModuleType

from agentdb.engine.file_remedies import in_file
from agentdb.engine.migration import Migration
from agentdb.errors import InvalidArgumentError, InvalidMigrationError, StorageError
from agentdb.logs import WARNING, log
from agentdb.sql.lexer import split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.resources.abc import Traversable
    from typing import Any, TypeAlias

    #: A folder, a package or module, or the dotted name of one.
    Source: TypeAlias = str | os.PathLike[str] | ModuleType

_UP, _DOWN = ".up.sql", ".down.sql"
_DIRECTIVE = "-- agentdb:"
#: A comment, or text in quotes that may look like one.
_PART = re.compile(r"(?P<comment>--[^\n]*|/\*(?=.).*?(?:\*/|\Z))|'[^']*'|\"[^\"]*\"|`[^`]*`|\[[^\]]*\]", re.DOTALL)
#: A line of a comment that is meant to be a directive, however it is spelled.
_MEANT = re.compile(
    r"[-/*\s]*agentdb\s*(?::|[\s=,;.-]*(?:use_transaction|foreign_keys|backward_compatible|allows_loss|accepts|silence)\s*[=:])",
    re.IGNORECASE,
)
_SWITCHES = ("use_transaction", "foreign_keys", "backward_compatible")
_LISTS = ("allows_loss", "accepts")
#: In a file that `agentdb new` wrote. Without a statement it would be applied as a migration that does nothing.
_SKELETON = "-- agentdb: skeleton"
#: Silences a rule of the linter, with a reason.
_SILENCE = "-- agentdb: silence="
_LINES = (
    "The lines are `-- agentdb: use_transaction=false`, `foreign_keys=false`, `backward_compatible=true`, and "
    "`allows_loss=TABLE, TABLE` and `accepts=CHECKSUM`. They must be in the up file, before the first statement."
)


def load_migrations(source: Source, layout: str | None = None) -> tuple[Migration, ...]:
    """The migrations of a folder, or of a package: sorted by number.

    A folder or package holds `NNN_name.up.sql` with `NNN_name.down.sql` beside it (without one it cannot be rolled
    back), or `mNNN_name.py` with a `MIGRATION`. Other files are left out; for hidden ones, copies of an editor and SQL
    files that are no migrations there is a warning in the log. The name, with spaces for underscores, is the
    description. Lines before the first statement of the up file may give the flags of the migration, one in each:
    `-- agentdb: use_transaction=false`, `-- agentdb: foreign_keys=false`, `-- agentdb: backward_compatible=true`,
    `-- agentdb: allows_loss=table, other.column`, `-- agentdb: accepts=v1:…`. A line `-- agentdb: silence=RULE: reason` may
    stand anywhere in it; see agentdb.tools.lint. A module that has `MIGRATIONS` gives those.

    source: the path of a folder; a module; or a dotted name, which is imported. layout: that of another tool, whose folder
    the source is: diesel, sqlx, goose, sql-migrate, dbmate, golang-migrate, drizzle, prisma or plain. BEGIN and COMMIT are
    left out then, and `PRAGMA foreign_keys` becomes foreign_keys=False; `agentdb adopt` says what was not carried over.

    Raises StorageError `folder_missing`, InvalidArgumentError where there is nothing to load, InvalidMigrationError
    (`bad_migration_file`, `duplicate_id`, …) with the file in the message.
    """
    if layout is not None:
        from agentdb.engine.layouts import carried, read_layout

        if not isinstance(source, (str, os.PathLike)):
            raise InvalidArgumentError("a layout is that of a folder", remedy="Name a folder, or leave layout out.")
        return tuple([carried(one).migration for one in read_layout(os.fspath(source), layout)])
    skipped: list[str] = []
    migrations = load_and_tell(source, skipped)
    for name in skipped:
        log(WARNING, "%s in %s is not a migration; it was left out", name, source)
    return migrations


def load_and_tell(source: Source, skipped: list[str]) -> tuple[Migration, ...]:
    """As load_migrations(). skipped: gets the names of the files that a warning is for."""
    if isinstance(source, ModuleType):
        return _of_module(source, skipped)
    if isinstance(source, os.PathLike) or (isinstance(source, str) and _is_path(source)):
        return _of_folder(os.fspath(source), skipped)
    if isinstance(source, str):
        return _of_module(_import(source), skipped)
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
    except SystemExit as error:
        raise _ended(name, error) from error


def _ended(name: str, error: SystemExit) -> InvalidMigrationError:
    return _bad(
        name, f"ends the process when it is imported: SystemExit({error.code!r})", "Take that out of the module."
    )


def _of_module(module: ModuleType, skipped: list[str]) -> tuple[Migration, ...]:
    if hasattr(module, "MIGRATIONS"):
        from agentdb.engine.migration_set import migrations_of

        return migrations_of(module)
    if not hasattr(module, "__path__"):
        raise InvalidArgumentError(
            f"the module {module.__name__} has no MIGRATIONS",
            remedy="Give it MIGRATIONS, a tuple of Migration, or name a package that holds migration files.",
        )
    from importlib.resources import files

    return _collect(files(module).iterdir(), module.__name__, module.__name__, skipped)


def _of_folder(folder: str, skipped: list[str]) -> tuple[Migration, ...]:
    from pathlib import Path

    path = Path(folder)
    if not path.is_dir():
        raise StorageError(f"there is no folder {folder}", code="folder_missing")
    return _collect(path.iterdir(), None, folder, skipped)


def _collect(
    entries: Iterable[Traversable], package: str | None, where: str, skipped: list[str]
) -> tuple[Migration, ...]:
    """Migrations of the files of one place. `package` is its dotted name, for modules that import each other."""
    try:
        return _sorted(entries, package, where, skipped)
    except InvalidMigrationError as error:
        error.args = (f"in {where}: {error.message}",)
        raise


def _sorted(
    entries: Iterable[Traversable], package: str | None, where: str, skipped: list[str]
) -> tuple[Migration, ...]:
    ups: dict[str, Traversable] = {}
    downs: dict[str, Traversable] = {}
    loaded: list[tuple[Migration, str]] = []
    for entry in sorted(entries, key=lambda entry: entry.name):
        name = entry.name
        if name.startswith("."):
            if ".sql" in name:
                skipped.append(name)
        elif name.endswith(_UP):
            ups[name.removesuffix(_UP)] = entry
        elif name.endswith(_DOWN):
            downs[name.removesuffix(_DOWN)] = entry
        elif name.lower().endswith(".sql") and name.partition("_")[0].isdecimal():
            raise _bad(name, "is neither an .up.sql nor a .down.sql file")
        elif ".sql" in name.lower():
            skipped.append(name)
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
    flags = _directives(text, up.name)
    statements = split(text)
    if flags.pop("skeleton", False) and not statements:
        raise InvalidMigrationError(
            f"{up.name}: it has no statement yet",
            code="no_statement",
            remedy=f"Write its statements. For a migration that does nothing, delete the line `{_SKELETON}`.",
        )
    undo = _read(down) if down is not None else ""
    for _, at, line in _meant(undo):
        raise _bad(f"{up.name[: -len(_UP)]}{_DOWN}, line {at},", f"says {line!r}, which a down file cannot", _LINES)
    try:
        migration = Migration(number, name.replace("_", " ").strip() or name, statements, split(undo), **flags)
    except InvalidMigrationError as error:
        error.args = (f"{up.name}: {error.message}",)
        error.remedy = in_file(error.remedy)
        raise
    migration.__dict__["_is_of_file"] = True
    migration.__dict__["_file"] = str(up)
    return migration


def _read(file: Traversable) -> str:
    _check_regular(file)
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad(file.name, f"is not UTF-8: {error.reason} at byte {error.start}") from error
    except OSError as error:
        raise _bad(file.name, f"cannot be read: {error.strerror}", "Let this user read it.") from error


def _check_regular(file: Traversable) -> None:
    """A pipe would be waited for, and a device may have no end. Raises InvalidMigrationError `bad_migration_file`."""
    if not file.is_file():
        raise _bad(file.name, "is not a regular file", "Put a file there, or a link to one.")


def _meant(text: str) -> Iterator[tuple[bool, int, str]]:
    """The lines of comments that are, or are nearly, directives: whether they stand before the first statement, the
    number of the line, from 1, and the line."""
    if "agentdb" not in text.lower():
        return
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    is_first, end = True, 0
    for part in _PART.finditer(text):
        is_first = is_first and not text[end : part.start()].strip(" \t\n\v\f\ufeff;")
        end = part.end()
        if part["comment"] is None:
            is_first = False
            continue
        number = text.count("\n", 0, part.start()) + 1
        for at, line in enumerate(part["comment"].split("\n"), number):
            if _MEANT.match(line):
                yield is_first, at, line.strip()


def _directives(text: str, name: str) -> dict[str, Any]:
    """What an up file says of its migration before its first statement, as arguments of Migration."""
    found: dict[str, Any] = {}
    for is_first, at, line in _meant(text):
        where = f"{name}, line {at},"
        if line.startswith(_SILENCE):  # anywhere: behind the last statement it changes no text, and no checksum
            rule, _, reason = [part.strip() for part in line.removeprefix(_SILENCE).partition(":")]
            if not rule or not reason:
                raise _bad(where, f"says {line!r} without a reason", "Write `-- agentdb: silence=RULE: why`.")
            found.setdefault("silences", {})[rule] = reason
            continue
        if not is_first:
            raise _bad(where, f"says {line!r} after the first statement, where it has no effect", _LINES)
        if not line.startswith(_DIRECTIVE):
            raise _bad(where, f"says {line!r}, which is not a directive: those begin with `{_DIRECTIVE}`", _LINES)
        if line == _SKELETON:
            found["skeleton"] = True
            continue
        key, _, value = [part.strip() for part in line.removeprefix(_DIRECTIVE).partition("=")]
        if key in found:
            remedy = "Write one line for each flag. One line may name several tables, with commas."
            raise _bad(where, f"says {key} twice", remedy)
        if key in _SWITCHES and value in ("true", "false"):
            found[key] = value == "true"
        elif key in _LISTS and all(names := [table.strip() for table in value.split(",")]):
            found[key] = tuple(names)
        else:
            raise _bad(where, f"says {line!r}, which means nothing to agentdb", _LINES)
    return found


def _of_file(file: Traversable, package: str | None) -> Migration:
    name = file.name.removesuffix(".py")
    _check_regular(file)
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
    try:
        spec.loader.exec_module(module)
    except SystemExit as error:
        raise _ended(file.name, error) from error
    return module


def _bad(name: str, why: str, remedy: str | None = None) -> InvalidMigrationError:
    return InvalidMigrationError(f"{name} {why}", code="bad_migration_file", remedy=remedy)
