"""One set of migrations, or several, for many database files: bounded workers, a result for each file."""

from __future__ import annotations

import os
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from glob import glob
from time import perf_counter
from typing import TYPE_CHECKING

from agentdb.clients import create_client_sync
from agentdb.clients.location import check_place
from agentdb.engine.backup.copy_task import file_of
from agentdb.engine.joint_migrator import JointMigrator
from agentdb.engine.migrator import Migrator
from agentdb.errors import AgentDBError, InvalidArgumentError
from agentdb.tools.recorded_history import by_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import ModuleType
    from typing import Any

    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.location import Place
    from agentdb.engine.migration import Migration
    from agentdb.engine.migration_set import MigrationSet

#: How many files at once, where nobody says.
JOBS = 8
#: Files that wait for a worker, for each worker: enough that none is idle.
_WAITING = 4
#: What SQLite keeps beside a database.
_BESIDE = ("-wal", "-shm", "-journal")


@dataclass(frozen=True)
class FileResult:
    """What became of one file.

    path: as it was given. applied: labels of the migrations that this call applied, also before an error. backup: the path
    of the backup that was made, or None. error: why the file is not up to date. seconds: how long it took.
    """

    path: str
    applied: tuple[str, ...]
    backup: str | None
    error: AgentDBError | None
    seconds: float


def migrate_all(
    paths: Iterable[Place],
    migrations: Iterable[MigrationSet | ModuleType],
    *,
    jobs: int | None = None,
    on_result: Callable[[FileResult], None] | None = None,
    busy_timeout: float = 5.0,
    on_connect: OnConnect | None = None,
    **options: Any,
) -> tuple[FileResult, ...]:
    """Bring every file up to date. A file that fails stops no other. Files that are up to date cost one SELECT each, so a call
    that was interrupted is resumed by the same call again.

    paths: existing files; none is created. A file that is named twice is migrated once. migrations: sets, in the order in
    which AgentDB.open() has them; `agentdb.migrations` is the built-in one. jobs: how many files at once, on threads; None:
    8, for most of the time goes into waiting for the disk. on_result: called with each result in the thread of the caller, in
    the order in which files are done. busy_timeout, on_connect: as of a client. options: as of Migrator: `backup`, `backup_dir`,
    `keep_backups`, `app_version`, `allow_out_of_order`.

    Returns the results in the order of the paths. Raises InvalidArgumentError.
    """
    return tuple(
        migrate_tables(
            paths,
            by_table(migrations),
            jobs=jobs,
            on_result=on_result,
            busy_timeout=busy_timeout,
            on_connect=on_connect,
            options=options,
        )
    )


def migrate_tables(
    paths: Iterable[Place],
    sets: Mapping[str, Sequence[Migration]],
    *,
    jobs: int | None,
    on_result: Callable[[FileResult], None] | None,
    busy_timeout: float,
    on_connect: OnConnect | None,
    options: Mapping[str, Any],
) -> list[FileResult]:
    """The same. sets: migrations by tracking table."""
    if not sets:
        raise InvalidArgumentError("migrate_all() needs at least one set of migrations")
    if jobs is not None and (type(jobs) is not int or jobs < 1):
        raise InvalidArgumentError(f"jobs is {jobs!r}; it is a number, from 1 on")
    if isinstance(paths, (str, os.PathLike)):
        raise InvalidArgumentError("paths is one path; it is a list of them")
    workers = jobs or JOBS
    results: dict[int, FileResult] = {}

    def done(number: int, result: FileResult) -> None:
        results[number] = result
        if on_result is not None:
            on_result(result)

    def work(path: str) -> FileResult:
        return migrate_file(path, sets, busy_timeout=busy_timeout, on_connect=on_connect, options=options)

    files = enumerate(_distinct(paths))
    with ThreadPoolExecutor(workers, thread_name_prefix="agentdb-migrate") as pool:
        waiting: dict[Future[FileResult], int] = {}
        try:
            for number, path in files:
                waiting[pool.submit(work, path)] = number
                while len(waiting) >= workers * _WAITING:
                    _collect(waiting, done)
            while waiting:
                _collect(waiting, done)
        except BaseException:  # Ctrl-C: what runs is completed, and nothing more is begun
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return [results[number] for number in sorted(results)]


def _collect(waiting: dict[Future[FileResult], int], done: Callable[[int, FileResult], None]) -> None:
    finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in finished:
        done(waiting.pop(future), future.result())


def migrate_file(
    path: str,
    sets: Mapping[str, Sequence[Migration]],
    *,
    busy_timeout: float,
    on_connect: OnConnect | None,
    options: Mapping[str, Any],
) -> FileResult:
    """Bring one file up to date. Raises nothing of agentdb's: that is in the result."""
    began = perf_counter()
    made: list[str] = []
    ran: tuple[str, ...] = ()
    error: AgentDBError | None = None

    def hear(event: Any) -> None:
        if type(event).__name__ == "BackedUp":
            made.append(event.path)

    try:
        check_place(file_of(path), read_only=True)
        with create_client_sync(path, busy_timeout=busy_timeout, on_connect=on_connect, readers=1) as client:
            migrators = [
                Migrator(client, migrations, table=table, on_event=hear, **options)
                for table, migrations in sets.items()
            ]
            results = (migrators[0] if len(migrators) == 1 else JointMigrator(migrators)).migrate()
        ran = tuple([result.migration.label for result in results])
    except AgentDBError as failed:
        error = failed
        ran = tuple([result.migration.label for result in failed.results if result.success])
    return FileResult(os.fspath(path), ran, made[-1] if made else None, error, perf_counter() - began)


def _distinct(paths: Iterable[Place]) -> Iterator[str]:
    seen: set[str] = set()
    for path in paths:
        text = os.fspath(path)
        key = os.path.realpath(text)
        if key not in seen:
            seen.add(key)
            yield text


def files_of(patterns: Iterable[str]) -> list[str]:
    """The files that patterns as of a shell name, sorted; `**` stands for any folders. What SQLite keeps beside a database is
    left out."""
    found = {path for pattern in patterns for path in glob(pattern, recursive=True)}
    return sorted([path for path in found if not (path.endswith(_BESIDE) and path.rpartition("-")[0] in found)])
