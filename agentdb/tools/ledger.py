"""The ledger of migrations that have shipped: a text file under version control.

A migration that has shipped never changes. A recorded checksum shows an edit only on a machine that has applied the
migration. The ledger shows it in the repository, before the release.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentdb.engine.migration import Migration, number_of
from agentdb.engine.results import Finding, ValidationResult
from agentdb.errors import InvalidMigrationError, MigrationError, StorageError
from agentdb.tools.text_files import read_text, write_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: The name of the file, where no other is given.
FILE_NAME = "migrations.lock"
_HEAD = """\
# The migrations that have shipped. `agentdb ledger` adds new ones; `agentdb validate` fails where one of these was edited,
# removed or renumbered. One line for each: set, number, description, checksum. After a merge conflict give one of the two
# migrations another number, and run `agentdb ledger` again.
"""


@dataclass(frozen=True)
class LedgerEntry:
    """One migration that has shipped.

    set: the name of its set. number: its id as a number. checksum: of its canonical text, `v1:…`.
    """

    set: str
    number: int
    description: str
    checksum: str

    @property
    def label(self) -> str:
        """`001 (description)`."""
        return f"{self.number:03} ({self.description})"


@dataclass(frozen=True)
class LedgerChange:
    """What write_ledger() has done. added, changed, removed: the entries, as they are now, or were before."""

    path: str
    added: tuple[LedgerEntry, ...]
    changed: tuple[LedgerEntry, ...]
    removed: tuple[LedgerEntry, ...]


def entries_of(sets: Mapping[str, Iterable[Migration]]) -> tuple[LedgerEntry, ...]:
    """The entries of sets of migrations, sorted by set and number.

    sets: the migrations by the name of their set.
    """
    return _sorted(
        [
            LedgerEntry(name, migration.number, migration.description, migration.checksum)
            for name, migrations in sets.items()
            for migration in migrations
        ]
    )


def ledger_text(entries: Iterable[LedgerEntry]) -> str:
    """The text of the file. Lines are sorted, so that two branches which add one number change the same line."""
    lines = [
        json.dumps([one.set, f"{one.number:03}", one.description, one.checksum], ensure_ascii=False)
        for one in _sorted(entries)
    ]
    return _HEAD + "".join([f"{line}\n" for line in lines])


def read_ledger(path: str) -> tuple[LedgerEntry, ...]:
    """The entries of a file. Empty where there is none.

    Raises MigrationError `bad_ledger` with the line that is none, StorageError for a file that cannot be read.
    """
    try:
        text = read_text(path)
    except StorageError as error:
        if error.code == "file_missing":
            return ()
        raise
    entries: dict[tuple[str, int], LedgerEntry] = {}
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith(("<<<<<<<", "=======", ">>>>>>>", "|||||||")):
            raise _bad(path, number, "is the mark of a merge conflict")
        entry = _entry(path, number, line)
        if (entry.set, entry.number) in entries:
            raise _bad(path, number, f"names migration {entry.number:03} of the set {entry.set} a second time")
        entries[entry.set, entry.number] = entry
    return tuple(entries.values())


def _entry(path: str, number: int, line: str) -> LedgerEntry:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        raise _bad(path, number, "is no JSON list") from None
    if not isinstance(values, list) or len(values) != 4 or not all(isinstance(value, str) for value in values):
        raise _bad(path, number, "is not a list of four texts: set, number, description, checksum")
    name, id, description, checksum = values
    try:
        return LedgerEntry(name, number_of(id), description, checksum)
    except InvalidMigrationError:
        raise _bad(path, number, f"has the number {id!r}, which is none") from None


def check_ledger(entries: Iterable[LedgerEntry], sets: Mapping[str, Iterable[Migration]]) -> ValidationResult:
    """Compare the migrations of some sets with a ledger. Sets that the ledger does not name are all new.

    Errors: `shipped_edited`, `shipped_removed`, `shipped_renumbered`. A migration that accepts the checksum in the ledger
    is as good as unchanged. A migration that the ledger does not have is no finding; see missing_entries().
    """
    findings: list[Finding] = []
    listed = tuple(entries)
    for name, migrations in sets.items():
        there = {migration.number: migration for migration in migrations}
        shipped = {entry.number: entry for entry in listed if entry.set == name}
        unknown = [migration for number, migration in there.items() if number not in shipped]
        for number, entry in sorted(shipped.items()):
            migration = there.get(number)
            if migration is not None and migration.is_of(entry.checksum):
                continue
            moved = _with_text_of(entry, unknown) or _with_text_of(entry, there.values())
            findings.append(_finding(entry, migration, moved))
    return ValidationResult.of(findings)


def _finding(entry: LedgerEntry, migration: Migration | None, moved: Migration | None) -> Finding:
    what = f"{entry.label} of the set {entry.set} has shipped"
    id = f"{entry.number:03}"
    if moved is not None:
        return Finding("shipped_renumbered", f"migration {what}, and now it has the number {moved.id}", id)
    if migration is None:
        return Finding("shipped_removed", f"migration {what}, and now it is not there", id)
    return Finding("shipped_edited", f"migration {what}, and now it has another text", id)


def _with_text_of(entry: LedgerEntry, migrations: Iterable[Migration]) -> Migration | None:
    """The migration that would have the checksum of an entry if it had its number."""
    for migration in migrations:
        if migration.number != entry.number:
            twin = Migration.recorded(str(entry.number), migration.description, migration.up, (), True)
            if twin.checksum == entry.checksum:
                return migration
    return None


def missing_entries(entries: Iterable[LedgerEntry], sets: Mapping[str, Iterable[Migration]]) -> tuple[LedgerEntry, ...]:
    """The migrations of some sets that a ledger does not have: those that have not shipped yet."""
    there = {(entry.set, entry.number) for entry in entries}
    return tuple([entry for entry in entries_of(sets) if (entry.set, entry.number) not in there])


def write_ledger(
    sets: Mapping[str, Iterable[Migration]], path: str = FILE_NAME, *, rewrite: bool = False
) -> LedgerChange:
    """Add the migrations of some sets that a ledger does not have. The lines of other sets stay.

    rewrite: also take what these migrations are now for what has shipped, where a line differs or has no migration.

    Raises MigrationError `shipped_edited`, `shipped_removed`, `shipped_renumbered` for the first line that differs, unless
    rewrite is True; `bad_ledger`; StorageError for a file that cannot be read or written. Then nothing is written.
    """
    sets = {name: tuple(migrations) for name, migrations in sets.items()}
    before = read_ledger(path)
    if not rewrite:
        for finding in check_ledger(before, sets).errors:
            raise MigrationError(finding.message, code=finding.code, migration_id=finding.migration_id)
    kept = [entry for entry in before if entry.set not in sets or not rewrite]
    known = {(entry.set, entry.number) for entry in kept}
    after = [*kept, *[entry for entry in entries_of(sets) if (entry.set, entry.number) not in known]]
    text = ledger_text(after)
    change = _change(path, before, after)
    if change.added or change.changed or change.removed or not before:
        write_text(path, text)
    return change


def _change(path: str, before: Sequence[LedgerEntry], after: Sequence[LedgerEntry]) -> LedgerChange:
    old = {(entry.set, entry.number): entry for entry in before}
    new = {(entry.set, entry.number): entry for entry in after}
    return LedgerChange(
        path,
        _sorted([entry for key, entry in new.items() if key not in old]),
        _sorted([entry for key, entry in new.items() if key in old and old[key] != entry]),
        _sorted([entry for key, entry in old.items() if key not in new]),
    )


def _sorted(entries: Iterable[LedgerEntry]) -> tuple[LedgerEntry, ...]:
    return tuple(sorted(entries, key=lambda entry: (entry.set, entry.number)))


def _bad(path: str, line: int, why: str) -> MigrationError:
    return MigrationError(f"{path}, line {line}, {why}", code="bad_ledger")
