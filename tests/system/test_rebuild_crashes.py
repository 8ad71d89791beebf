"""Upgrades that change tables, killed before every statement, and without room for the pages they need.

After each: the file opens and is whole, it is as it was or as it was to be, and the next start brings it there.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import traceback
from contextlib import closing
from pathlib import Path

import pytest

from agentdb import Migrator, create_client_sync
from agentdb.clients.local.sync_client import LocalClient
from agentdb.errors import AgentDBError
from system.rebuilt import FIRST, ROWS, SECOND, state_of

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "template.db"
    with create_client_sync(path) as client:
        Migrator(client, [FIRST]).migrate()
    return path


def copy_of(template: Path) -> Path:
    path = template.with_name("a.db")
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    shutil.copy(template, path)
    return path


def connection_of(client: LocalClient) -> sqlite3.Connection:
    (connection,) = client._idle
    return connection._sqlite


def upgrade(path: Path, *, killed_before: int | None = None, pages: int | None = None) -> None:
    with create_client_sync(path) as client:
        if pages is not None:
            connection_of(client).execute(f"PRAGMA max_page_count = {pages}")
        if killed_before is not None:
            left = killed_before

            def count(_: str) -> None:
                nonlocal left
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            connection_of(client).set_trace_callback(count)
        Migrator(client, [FIRST, SECOND], backup=False).migrate()


def is_killed(path: Path, number: int) -> bool:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            upgrade(path, killed_before=number)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def test_killed_before_every_statement_nothing_is_lost(template: Path) -> None:
    before = state_of(template)
    done = copy_of(template)
    upgrade(done)
    after = state_of(done)
    assert before[1] == (ROWS, ROWS, ROWS, 1, "tag")
    assert after[1] == (ROWS, ROWS, ROWS, 2, "new")
    seen = []
    for number in range(1000):
        path = copy_of(template)
        if not is_killed(path, number):
            break
        seen.append(state_of(path))
        assert seen[-1] in (before, after)
        upgrade(path)
        assert state_of(path) == after
    assert len(seen) > 20
    assert before in seen


def test_without_room_for_its_pages_nothing_is_changed(template: Path) -> None:
    before = state_of(template)
    with closing(sqlite3.connect(template)) as connection:
        ((pages,),) = connection.execute("PRAGMA page_count").fetchall()
    failures = []
    for more in range(0, pages * 2, max(1, pages // 12)):
        path = copy_of(template)
        try:
            upgrade(path, pages=pages + more)
        except AgentDBError as error:
            failures.append(error.code)
            assert state_of(path) == before
            upgrade(path)
        assert state_of(path)[1] == (ROWS, ROWS, ROWS, 2, "new")
    assert len(failures) > 3
    assert set(failures) == {"disk_full"}
