"""Migrations with a Backfill and a PythonStep, killed anywhere, run by several processes at once, beside others that write.

After each: every row was changed once, and a step is done whole or not at all.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from functools import partial
from pathlib import Path
from time import monotonic

import pytest

from agentdb import Backfill, Migration, Migrator, PythonStep, create_client_sync
from agentdb.operations import Steps, execute
from system.kills import in_a_process

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

ROWS = 1000


def double() -> Steps[None]:
    for (id,) in (yield from execute("SELECT id FROM words WHERE id <= 5")).tuples:
        yield from execute("UPDATE words SET n = n * 2 WHERE id = ?", (id,))


FIRST = Migration(
    "001",
    "words",
    (
        "CREATE TABLE words (id INTEGER PRIMARY KEY, n INTEGER)",
        "CREATE TABLE names (name TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID",
        f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {ROWS}) INSERT INTO words SELECT n, 0 FROM c",
        "INSERT INTO names SELECT hex(id), 0 FROM words WHERE id <= 90",
    ),
)
SECOND = Migration("002", "double", ("UPDATE words SET n = 1 WHERE id <= 5", PythonStep("double", double)))
THIRD = Migration(
    "003", "count", (Backfill("words", "n = n + 1", batch=70), "SELECT 1", Backfill("names", "n = n + 1", batch=40))
)
ALL = [FIRST, SECOND, THIRD]


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "template.db"
    with create_client_sync(path) as client:
        Migrator(client, [FIRST]).migrate()
    return path


def copy_of(template: Path) -> Path:
    path = template.with_name("a.db")
    for end in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    shutil.copy(template, path)
    return path


def upgrade(path: Path) -> None:
    with create_client_sync(path, busy_timeout=30) as client:
        Migrator(client, ALL, backup=False).migrate()


def ask(path: Path, sql: str) -> list[tuple[int, ...]]:
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        return connection.execute(sql).fetchall()


def check_under_way(path: Path) -> None:
    """Whatever was reached, the rows are as the steps so far leave them, and none is ahead."""
    step = ask(path, "SELECT count(*) FROM migrations WHERE id = '002'")[0][0]
    seen = dict(ask(path, "SELECT n, count(*) FROM words WHERE id > 5 GROUP BY n ORDER BY n"))
    assert set(seen) <= {0, 1}
    assert set(ask(path, "SELECT n FROM words WHERE id <= 5")) <= ({(2,), (3,)} if step else {(0,)})
    assert set(ask(path, "SELECT n FROM names")) <= {(0,), (1,)}


def check_done(path: Path) -> None:
    assert ask(path, "SELECT n, count(*) FROM words GROUP BY n ORDER BY n") == [(1, ROWS - 5), (3, 5)]
    assert ask(path, "SELECT n, count(*) FROM names GROUP BY n") == [(1, 90)]
    assert ask(path, "SELECT count(*), count(in_progress), count(note) FROM migrations") == [(3, 0, 0)]
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]


def killed_rounds(template: Path, numbers: Iterable[int]) -> int:
    """A round for each number of steps, until one is not killed. How many were."""
    rounds = 0
    for number in numbers:
        path = copy_of(template)
        work = partial(upgrade, path)
        if in_a_process(work, killed_before=number, statements=True) == 0:
            break
        rounds += 1
        check_under_way(path)
        for later in (number // 2, 45):  # others go on, and are killed as well
            in_a_process(work, killed_before=later, statements=True)
            check_under_way(path)
        in_a_process(work)
        check_done(path)
    return rounds


def test_killed_anywhere_and_again_each_row_is_changed_once(template: Path) -> None:
    assert killed_rounds(template, (60, 100, 150)) == 3


@pytest.mark.soak
def test_killed_before_every_statement_each_row_is_changed_once(template: Path) -> None:
    assert killed_rounds(template, range(1, 5000, 11)) > 15


def forked(work: object) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()  # type: ignore[operator]
            code = 0
        finally:
            os._exit(code)
    return child


def in_processes(number: int, path: Path) -> None:
    children = [forked(lambda: upgrade(path)) for _ in range(number)]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * number


def test_processes_that_start_at_once_do_each_row_once(template: Path) -> None:
    path = copy_of(template)
    in_processes(4, path)
    check_done(path)


@pytest.mark.soak
def test_processes_that_start_at_once_do_each_row_once_for_many_rounds(template: Path) -> None:
    for _ in range(40):
        path = copy_of(template)
        in_processes(6, path)
        check_done(path)


def test_another_process_writes_meanwhile_and_need_not_wait_long(template: Path) -> None:
    path = copy_of(template)
    with create_client_sync(path) as client:
        client.execute("CREATE TABLE told (at REAL)")
        client.execute(f"WITH RECURSIVE c(n) AS (SELECT {ROWS} UNION ALL SELECT n + 1 FROM c WHERE n < 60000) "
                       "INSERT OR IGNORE INTO words SELECT n, 0 FROM c")  # fmt: skip
        Migrator(client, [FIRST, SECOND], backup=False).migrate()
    fill = Migration("003", "count", Backfill("words", "n = n + 1", batch=500))
    began, done = os.pipe()

    def work() -> None:
        def tell(event: object) -> None:
            if type(event).__name__ == "StatementProgress":
                os.write(done, b".")

        with create_client_sync(path, busy_timeout=30) as client:
            Migrator(client, [FIRST, SECOND, fill], backup=False, on_event=tell).migrate()

    child = forked(work)
    os.close(done)
    os.read(began, 1)
    written, longest = 0, 0.0
    with create_client_sync(path, busy_timeout=30) as client:
        while ask(path, "SELECT count(*) FROM migrations WHERE in_progress = 'up'") == [(1,)]:
            before = monotonic()
            client.execute("INSERT INTO told VALUES (1)")
            longest = max(longest, monotonic() - before)
            written += 1
    os.close(began)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert written > 3
    # Without a pause between the batches it would wait for nearly all of them.
    assert longest < 5.0
    assert ask(path, "SELECT count(*) FROM words WHERE n = 0") == [(0,)]
    assert ask(path, "SELECT count(*) FROM told") == [(written,)]
