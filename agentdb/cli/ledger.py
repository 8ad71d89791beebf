"""`agentdb ledger`."""

from __future__ import annotations

import os
from pathlib import PurePath

import click

from agentdb.cli.options import sets_options
from agentdb.cli.output import Answer, answers, as_document, finding_document, lines_of_findings, plain
from agentdb.cli.project import find
from agentdb.cli.sets import BUILT_IN, SelectedSet
from agentdb.engine.migration_set import set_name
from agentdb.tools.ledger import FILE_NAME, LedgerEntry, check_ledger, missing_entries, read_ledger, write_ledger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from agentdb.engine.migration import Migration
    from agentdb.engine.results import ValidationResult


@click.command(short_help="Record what has shipped in migrations.lock, or check it.")
@sets_options
@click.option("--file", "path", metavar="FILE", help="The ledger.  [default: migrations.lock beside pyproject.toml]")
@click.option("--check", is_flag=True, help="Write nothing. Exit with 1 where the ledger and the migrations differ.")
@click.option("--rewrite", is_flag=True, help="Take what the migrations are now for what has shipped.")
@answers
def ledger(sets: tuple[SelectedSet, ...], path: str | None, check: bool, rewrite: bool) -> Answer:
    """Write the migrations into the ledger migrations.lock: set, number, description and checksum of each.

    Run it at a release, and commit the file. `agentdb validate` then fails where a migration in it was edited, removed or
    renumbered. New migrations are added. A line that is there already changes only with --rewrite, which is for
    migrations that no user has.

    \b
    JSON
      file, is_valid, added, changed, removed:
      [{set, number, description, checksum}],
      errors: [{code, message, remedy, migration}]
      with --check, added are those that are missing in the ledger
    """
    if check and rewrite:
        raise click.UsageError("--check writes nothing, and --rewrite does; give one of the two.")
    place = path or default_path()
    named = named_sets(sets)
    if check:
        entries = read_ledger(place)
        return _checked(place, check_ledger(entries, named), missing_entries(entries, named))
    change = write_ledger(named, place, rewrite=rewrite)
    groups = {"added": change.added, "changed": change.changed, "removed": change.removed}
    lines = [f"{word} {plain(entry.set)} {plain(entry.label)}" for word, group in groups.items() for entry in group]
    lines.append(f"{plain(place)}: {', '.join([f'{len(group)} {word}' for word, group in groups.items()])}")
    return Answer(lines, as_document(file=place, is_valid=True, **_documents(groups), errors=[]))


def _checked(place: str, found: ValidationResult, missing: tuple[LedgerEntry, ...]) -> Answer:
    lines = lines_of_findings(found.errors, ())
    lines += [f"not in the ledger: {plain(entry.set)} {plain(entry.label)}" for entry in missing]
    good = found.is_valid and not missing
    lines.append(f"{plain(place)}: {'up to date' if good else 'not up to date; run `agentdb ledger`'}")
    groups: dict[str, Iterable[LedgerEntry]] = {"added": missing, "changed": (), "removed": ()}
    errors = [finding_document(finding) for finding in found.errors]
    return Answer(lines, as_document(file=place, is_valid=good, **_documents(groups), errors=errors), good)


def _documents(groups: dict[str, Any]) -> dict[str, Any]:
    return {
        word: [
            as_document(set=e.set, number=f"{e.number:03}", description=e.description, checksum=e.checksum)
            for e in group
        ]
        for word, group in groups.items()
    }


def default_path() -> str:
    """The ledger of the project: beside its pyproject.toml, else in the current folder."""
    project = find()
    return FILE_NAME if project is None else project.path(FILE_NAME)


def named_sets(sets: Iterable[SelectedSet]) -> dict[str, tuple[Migration, ...]]:
    """The migrations by the names that the ledger has for their sets."""
    return {ledger_name(one.name): one.migrations for one in sets}


def ledger_name(name: str) -> str:
    """The name of a set, also where --migrations has named it by its place: as pyproject.toml would name it."""
    if name == BUILT_IN:
        return "agentdb"
    if os.sep in name or "/" in name or os.path.isdir(name):
        return set_name(PurePath(name).parts)
    return set_name(name.partition(":")[0].split("."))


def against_ledger(one: SelectedSet) -> ValidationResult | None:
    """A set against the ledger of the project, where there is one. Errors as of read_ledger()."""
    path = default_path()
    if not os.path.exists(path):
        return None
    return check_ledger(read_ledger(path), named_sets([one]))
