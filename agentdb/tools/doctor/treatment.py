"""What the doctor repairs: only what is safe beside other programs, and what loses nothing."""

from __future__ import annotations

import os
import re
from time import time
from typing import TYPE_CHECKING

from agentdb.clients.local.snapshot import remove
from agentdb.engine.backup.retention import default_folder
from agentdb.errors import AgentDBError
from agentdb.sql.statement_tables import quoted
from agentdb.tools.doctor.report import Repair, megabytes, without_home

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentdb.clients.local.sync_client import LocalClient

#: Seconds after which a partial file is old: whoever wrote it has not written for so long.
_OLD = 3600.0
_PARTIAL = r"\..*\.partial|\.partial|\.[0-9]+\.partial|\.restoring|\.replacing"
_VIRTUAL = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%' ORDER BY name"
_OPTION = re.compile(r"\b(content|content_rowid)\s*=\s*['\"]?(\w+)['\"]?", re.IGNORECASE)
_FTS = re.compile(r"\bUSING\s+fts5\s*\(", re.IGNORECASE)


def treat(client: LocalClient, path: str) -> Iterator[Repair]:
    """Do all of it, one after the other; one that fails does not stop the rest. A damaged file is left as it is."""
    try:
        lines = [line for (line,) in client.execute("PRAGMA quick_check(1)").tuples]
    except AgentDBError as error:
        lines = [error.message]
    if lines != ["ok"]:
        yield Repair("integrity", "the file was left as it is", f"it is damaged: {lines[0] if lines else 'no answer'}")
        return
    yield _analyze(client)
    yield from _search_indexes(client)
    yield _checkpoint(client, path)  # with what these have written
    yield from remove_partial_files(path)


def _checkpoint(client: LocalClient, path: str) -> Repair:
    before = _size(f"{path}-wal")
    try:
        rows = client.execute("PRAGMA wal_checkpoint(TRUNCATE)").tuples
    except AgentDBError as error:
        return Repair("checkpoint", "the -wal was not written into the file", error.message)
    if rows and rows[0][0]:
        return Repair("checkpoint", "the -wal was not cut", "another program reads or writes; close it and try again")
    return Repair("checkpoint", f"the -wal is written into the file and cut from {megabytes(before)}")


def _analyze(client: LocalClient) -> Repair:
    try:
        client.execute("PRAGMA analysis_limit = 1000")
        client.execute("ANALYZE")
    except AgentDBError as error:
        return Repair("analyze", "the statistics of the planner were not renewed", error.message)
    return Repair("analyze", "the statistics of the planner are renewed")


def _search_indexes(client: LocalClient) -> Iterator[Repair]:
    for name, sql in client.execute(_VIRTUAL).tuples:
        if not _FTS.search(sql):
            continue
        table = quoted(name)
        try:
            client.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)")
        except AgentDBError as error:
            if "logic error" in error.message:  # its text is a view that FTS5 itself cannot read
                yield _compared_by_count(client, name, sql)
            elif error.code not in ("corrupt", "statement_failed"):
                yield Repair("search_index", f"the search index {name} was not checked", error.message)
            else:
                yield _rebuilt(client, name, [f"INSERT INTO {table} ({table}) VALUES ('rebuild')"])
        else:
            yield Repair("search_index", f"the search index {name} agrees with its table")


def _compared_by_count(client: LocalClient, name: str, sql: str) -> Repair:
    """By the number of rows; where that differs, the index is emptied and filled again from the view."""
    options = {key.lower(): value for key, value in _OPTION.findall(sql)}
    if "content" not in options:
        return Repair("search_index", f"the search index {name} was not checked", "its text is not known")
    content, table = quoted(options["content"]), quoted(name)
    try:
        counts = [
            client.execute(f"SELECT count(*) FROM {one}").tuples[0][0] for one in (quoted(f"{name}_docsize"), content)
        ]
        columns = [column for (column,) in client.execute("SELECT name FROM pragma_table_info(?)", (name,)).tuples]
    except AgentDBError as error:
        return Repair("search_index", f"the search index {name} was not checked", error.message)
    if counts[0] == counts[1]:
        return Repair("search_index", f"the search index {name} agrees with its table in the number of rows")
    listed = ", ".join(map(quoted, columns))
    key = quoted(options.get("content_rowid", "rowid"))
    return _rebuilt(
        client,
        name,
        [
            f"INSERT INTO {table} ({table}) VALUES ('delete-all')",
            f"INSERT INTO {table} (rowid, {listed}) SELECT {key}, {listed} FROM {content}",
        ],
    )


def _rebuilt(client: LocalClient, name: str, statements: list[str]) -> Repair:
    try:
        client.batch(statements)
    except AgentDBError as error:
        return Repair("search_index", f"the search index {name} was not rebuilt", error.message)
    return Repair("search_index", f"the search index {name} did not agree with its table, and is rebuilt")


def remove_partial_files(path: str) -> Iterator[Repair]:
    """Remove what killed backups, restores and rehearsals have left: files of this database with the names of unfinished ones,
    that nobody has written to for an hour."""
    name = re.escape(os.path.basename(path))
    folder = os.path.dirname(path)
    for place, pattern in (
        (default_folder(path), re.compile(rf"{name}(?:{_PARTIAL})")),
        (folder, re.compile(rf"{name}(?:\.restoring|\.replacing|\.[0-9]+\.partial)")),
    ):
        try:
            entries = sorted(os.listdir(place))
        except OSError:
            continue
        for entry in entries:
            file = os.path.join(place, entry)
            if pattern.fullmatch(entry) and os.path.isfile(file) and _is_old(file):
                size = _size(file)
                remove(file)
                gone = not os.path.exists(file)
                yield Repair(
                    "partial_file",
                    f"{'removed' if gone else 'kept'} the unfinished file {without_home(file)}, {megabytes(size)}",
                    None if gone else "this user may not remove it",
                )
    yield from _rehearsals(folder, os.path.basename(path))


def _rehearsals(folder: str, name: str) -> Iterator[Repair]:
    from shutil import rmtree

    for entry in sorted(os.listdir(folder)):
        place = os.path.join(folder, entry)
        if entry.startswith(f"{name}.rehearsal-") and os.path.isdir(place) and not os.path.islink(place):
            newest = max([_time(os.path.join(place, one)) for one in os.listdir(place)], default=_time(place))
            if time() - newest > _OLD and not os.path.exists(os.path.join(place, "keep")):
                rmtree(place, ignore_errors=True)
                yield Repair("partial_file", f"removed the copy of an unfinished rehearsal {without_home(place)}")


def _is_old(file: str) -> bool:
    return time() - _time(file) > _OLD


def _time(file: str) -> float:
    try:
        return os.stat(file).st_mtime
    except OSError:
        return 0.0


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0
