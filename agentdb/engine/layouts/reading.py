"""The migrations of a folder in the layout of another tool: names, numbers and texts, as they stand there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from agentdb.engine.layouts.sections import dbmate_sections, goose_sections
from agentdb.errors import InvalidArgumentError, InvalidMigrationError, StorageError

#: Bytes of the largest file that is read.
_LARGEST = 64 << 20


@dataclass(frozen=True)
class SourceMigration:
    """One migration of a folder.

    id: digits. name: for people. file: of its up, relative to the folder. up, down: statements as scripts; down is None where
    there is none. use_transaction: False where the tool runs it outside one.
    """

    id: str
    name: str
    file: str
    up: str
    down: str | None = None
    use_transaction: bool = True


def read_layout(folder: str, layout: str) -> tuple[SourceMigration, ...]:
    """The migrations of a folder, sorted by number.

    layout: one of LAYOUTS. Raises InvalidArgumentError for another layout, and where there is nothing to load; StorageError
    `folder_missing`; InvalidMigrationError `bad_migration_file`, `duplicate_id`.
    """
    reader = LAYOUTS.get(layout)
    if reader is None:
        raise InvalidArgumentError(f"layout is {layout!r}", remedy=f"The layouts are {', '.join(LAYOUTS)}.")
    path = Path(folder)
    if not path.is_dir():
        raise StorageError(f"there is no folder {folder}", code="folder_missing")
    found = _in_order(list(reader(path)), layout)
    if not found:
        raise InvalidArgumentError(
            f"there are no migrations in {folder} in the layout {layout}", remedy="Name another folder or layout."
        )
    for one, other in zip(found, found[1:], strict=False):
        if int(one.id) == int(other.id):
            raise InvalidMigrationError(
                f"{one.file} and {other.file} have one number", code="duplicate_id", migration_id=other.id
            )
    return tuple(found)


#: Tools that compare versions as texts.
_BY_TEXT = ("diesel", "dbmate", "prisma", "goose", "sql-migrate")


def _in_order(found: list[SourceMigration], layout: str) -> list[SourceMigration]:
    """Sorted by number. Where the tool compares texts, and that gives another order, short ids get zeros at their end: a date
    among times of the same form then has its place."""
    by_number = sorted(found, key=lambda one: int(one.id))
    by_text = sorted(found, key=lambda one: one.id)
    if layout not in _BY_TEXT or by_number == by_text:
        return by_number
    width = max([len(one.id) for one in found])
    padded = [replace(one, id=one.id.ljust(width, "0")) for one in by_text]
    return padded if padded == sorted(padded, key=lambda one: int(one.id)) else by_number


def _text(file: Path) -> str:
    if not file.is_file():
        raise _bad(file.name, "is not a regular file")
    try:
        if file.stat().st_size > _LARGEST:
            raise _bad(file.name, f"is larger than {_LARGEST >> 20} MB")
        return file.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise _bad(file.name, f"is not UTF-8: {error.reason} at byte {error.start}") from error
    except OSError as error:
        raise _bad(file.name, f"cannot be read: {error.strerror}") from error


def _entries(folder: Path) -> list[Path]:
    return sorted([entry for entry in folder.iterdir() if not entry.name.startswith(".")], key=lambda entry: entry.name)


def _words(name: str) -> str:
    return " ".join(re.split(r"[_\-\s]+", name)).strip() or name


def _diesel(folder: Path) -> Iterator[SourceMigration]:
    for entry in _entries(folder):
        match = re.fullmatch(r"([0-9][0-9-]*)_(.+)", entry.name)
        if match is None or not entry.is_dir():
            continue
        metadata = entry / "metadata.toml"
        down = entry / "down.sql"
        yield SourceMigration(
            match[1].replace("-", ""),
            _words(match[2]),
            f"{entry.name}/up.sql",
            _text(entry / "up.sql"),
            _text(down) if down.exists() else None,
            not (metadata.exists() and re.search(r"run_in_transaction\s*=\s*false", _text(metadata)) is not None),
        )


def _pairs(folder: Path, *, single: bool) -> Iterator[SourceMigration]:
    """NNN_name.up.sql with NNN_name.down.sql; where single, also NNN_name.sql."""
    for entry in _entries(folder):
        match = re.fullmatch(r"([0-9]+)_(.+?)(\.up|\.down)?\.sql", entry.name)
        if match is None or match[3] == ".down" or (match[3] is None and not single):
            continue
        down = folder / f"{match[1]}_{match[2]}.down.sql"
        text = _text(entry)
        first, _, rest = text.partition("\n")
        is_outside = re.fullmatch(r"--\s*no-transaction\s*", first) is not None
        yield SourceMigration(
            match[1],
            _words(match[2]),
            entry.name,
            rest if is_outside else text,
            _text(down) if match[3] == ".up" and down.exists() else None,
            not is_outside,
        )


def _sectioned(folder: Path, sections: Callable[[str, str], tuple[str, str | None, bool]]) -> Iterator[SourceMigration]:
    for entry in _entries(folder):
        match = re.fullmatch(r"([0-9]+)[_-](.+)\.sql", entry.name)
        if match is None:
            continue
        try:
            up, down, use_transaction = sections(_text(entry), entry.name)
        except ValueError as error:
            raise _bad(entry.name, str(error)) from error
        yield SourceMigration(match[1], _words(match[2]), entry.name, up, down, use_transaction)


def _drizzle(folder: Path) -> Iterator[SourceMigration]:
    journal = folder / "meta" / "_journal.json"
    if not journal.exists():
        yield from _prisma(folder)  # newer versions have a folder for each
        return
    try:
        tags = [str(entry["tag"]) for entry in json.loads(_text(journal))["entries"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _bad("meta/_journal.json", "is no journal of drizzle") from error
    for tag in tags:
        match = re.fullmatch(r"([0-9]+)_([\w.-]+)", tag)
        if match is None:
            raise _bad("meta/_journal.json", f"has the tag {tag[:80]!r}, which does not begin with a number")
        text = re.sub(
            r"^[ \t]*-->[ \t]*statement-breakpoint[ \t]*$", "", _text(folder / f"{tag}.sql"), flags=re.MULTILINE
        )
        # It may also stand behind a statement, which then has a `;` or not.
        text = re.sub(r";?[ \t]*-->[ \t]*statement-breakpoint", ";", text)
        yield SourceMigration(match[1], _words(match[2]), f"{tag}.sql", text)


def _prisma(folder: Path) -> Iterator[SourceMigration]:
    for entry in _entries(folder):
        match = re.fullmatch(r"([0-9]+)_(.+)", entry.name)
        if match is None or not entry.is_dir():
            continue
        text = re.sub(r";?[ \t]*-->[ \t]*statement-breakpoint", ";", _text(entry / "migration.sql"))
        yield SourceMigration(match[1], _words(match[2]), f"{entry.name}/migration.sql", text)


def _plain(folder: Path) -> Iterator[SourceMigration]:
    """Files in the order of their names, numbers compared as numbers. Their own numbers, where each has one; else 1, 2, 3."""
    files = [
        file
        for file in folder.rglob("*.sql")
        if not any(part.startswith(".") for part in file.relative_to(folder).parts)
    ]
    files.sort(key=lambda file: _natural(file.relative_to(folder).as_posix()))
    ups = [file for file in files if not file.name.endswith(".down.sql")]
    matches = [re.fullmatch(r"[Vv]?([0-9]+)(?:[_.\s-]+(.*?))?(?:\.up)?\.sql", file.name) for file in ups]
    are_numbered = all(matches) and all(file.parent == folder for file in ups)
    for number, (file, match) in enumerate(zip(ups, matches, strict=True), 1):
        down = file.with_name(file.name.removesuffix(".sql").removesuffix(".up") + ".down.sql")
        name = (match[2] if match is not None else None) or file.relative_to(folder).as_posix().removesuffix(".sql")
        yield SourceMigration(
            match[1] if are_numbered and match is not None else f"{number:03}",
            _words(name),
            file.relative_to(folder).as_posix(),
            _text(file),
            _text(down) if down.exists() else None,
        )


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]+)", text) if part]


#: The layouts, and what reads each.
LAYOUTS: dict[str, Callable[[Path], Iterator[SourceMigration]]] = {
    "diesel": _diesel,
    "sqlx": lambda folder: _pairs(folder, single=True),
    "goose": lambda folder: _sectioned(folder, goose_sections("goose")),
    "sql-migrate": lambda folder: _sectioned(folder, goose_sections("migrate")),
    "dbmate": lambda folder: _sectioned(folder, dbmate_sections),
    "golang-migrate": lambda folder: _pairs(folder, single=False),
    "drizzle": _drizzle,
    "prisma": _prisma,
    "plain": _plain,
}


def _bad(name: str, why: str) -> InvalidMigrationError:
    return InvalidMigrationError(
        f"{name} {why}", code="bad_migration_file", remedy="Correct that file, or name the layout that the folder has."
    )
