"""A folder of another tool's migrations, written as a folder of agentdb's."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentdb.engine.layouts import carried, read_layout
from agentdb.engine.loader import load_migrations
from agentdb.sql.lexer import split
from agentdb.tools.text_files import write_folder

if TYPE_CHECKING:
    from agentdb.engine.layouts import Carried
    from agentdb.engine.migration import Migration


@dataclass(frozen=True)
class Adoption:
    """What adopt_folder() has done.

    migrations: as they are loaded from the new folder. carried: what was done to each; its `lost` is what somebody must look
    at. files: paths of what was written.
    """

    migrations: tuple[Migration, ...]
    carried: tuple[Carried, ...]
    files: tuple[str, ...]


def adopt_folder(
    folder: str | os.PathLike[str], layout: str, to: str | os.PathLike[str], *, dry_run: bool = False
) -> Adoption:
    """Read a folder in the layout of another tool, and write it as agentdb has it: NNN_name.up.sql and .down.sql.

    folder: is only read. layout: as of load_migrations(). to: a new or an empty folder. dry_run: write nothing; then files
    is empty, and the migrations are as load_migrations(folder, layout) gives them.

    Raises InvalidMigrationError with the file, InvalidArgumentError, AlreadyExistsError, StorageError. Then nothing is left
    there.
    """
    found = tuple([carried(one) for one in read_layout(os.fspath(folder), layout)])
    if dry_run:
        return Adoption(tuple([one.migration for one in found]), found, ())
    files: dict[str, str] = {}
    for one in found:
        files |= _files(one)
    paths = write_folder(os.fspath(to), files)
    return Adoption(load_migrations(os.fspath(to)), found, paths)


def _files(one: Carried) -> dict[str, str]:
    migration = one.migration
    slug = re.sub(r"\W+", "_", migration.description).strip("_")[:100] or "migration"
    lines = [f"-- From {_line(one.source.file)}."]
    lines += [f"-- Not carried over: {_line(what)}." for what in one.lost]
    if not migration.foreign_keys:
        lines.append("-- agentdb: foreign_keys=false")
    if not migration.use_transaction:
        lines.append("-- agentdb: use_transaction=false")
    if migration.allows_loss:
        lines.append(f"-- agentdb: allows_loss={', '.join(migration.allows_loss)}")
    head = "\n".join(lines)
    ups, downs = [str(item) for item in migration.up], [str(item) for item in migration.down]
    files = {f"{migration.id}_{slug}.up.sql": f"{head}\n\n{_script(ups)}"}
    if downs:
        files[f"{migration.id}_{slug}.down.sql"] = _script(downs)
    return files


def _line(text: str) -> str:
    """Text in one line of a comment."""
    return "".join([char if char.isprintable() else "?" for char in text])


def _script(statements: list[str]) -> str:
    return "\n".join([f"{(split(sql) or [sql])[0]};\n" for sql in statements])
