"""What the processes of these tests do, spoken to over stdin and stdout. Hundreds of them are started: what only some jobs
need is imported there."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import TYPE_CHECKING, Any

from agentdb import Migrator, create_client_sync, migrations
from agentdb.errors import AgentDBError
from system import upgrade

if TYPE_CHECKING:
    from agentdb import Migration, MigrationResult


def say(**fields: Any) -> None:
    os.write(1, json.dumps(fields).encode() + b"\n")


def hear() -> None:
    """Wait for the word to go on, and for the moment that it names; end where nobody is left to give it."""
    word = os.read(0, 64)
    if not word:
        os._exit(1)
    sleep(max(float(word) - monotonic(), 0.0))


def idle() -> None:
    """Do nothing, with the client open, as an application between two inputs of its user."""
    say(event="Done")
    hear()


def registered(name: str) -> tuple[Migration, ...]:
    return {"ten": upgrade.MIGRATIONS, "built-in": migrations.MIGRATIONS}[name]


def teller(options: dict[str, Any], planned: list[int]) -> Callable[[Any], None]:
    """Notes what was planned and, if asked for, tells each event to the parent, and dies by its own SIGKILL at the
    statement that `die_at` names."""

    def tell(event: Any) -> None:
        name = type(event).__name__
        if name == "Planned":
            planned.append(len(event.migrations))
        if not options.get("events"):
            return
        if name == "StatementDone":
            here = [event.migration.number, event.number]
            say(event=name, migration=here[0], statement=here[1])
            if here == options.get("die_at"):
                os.kill(os.getpid(), signal.SIGKILL)
        elif name in ("Started", "Applied"):
            migration = event.migration if name == "Started" else event.result.migration
            say(event=name, migration=migration.number)

    return tell


def migrate(options: dict[str, Any]) -> dict[str, Any]:
    """Open and migrate, in either world. What came of it, and how long it took."""
    planned: list[int] = []
    began = perf_counter()
    try:
        ids = [result.migration.id for result in _migrate(options, teller(options, planned))]
    except AgentDBError as error:
        return {
            "error": type(error).__name__,
            "code": error.code,
            "engine_code": error.engine_code,
            "message": error.message,
            "remedy": error.remedy,
            "seconds": perf_counter() - began,
        }
    return {"applied": ids, "planned": sum(planned), "seconds": perf_counter() - began}


def _migrate(options: dict[str, Any], on_event: Callable[[Any], None]) -> Iterable[MigrationResult]:
    path, timeout = Path(options["path"]), options.get("busy_timeout", 30.0)
    known = registered(options.get("migrations", "ten"))
    stay = options.get("stay", False)
    backup = options.get("backup", False)  # most of these are about what stands without one
    if options.get("world", "sync") == "sync":
        with create_client_sync(path, busy_timeout=timeout) as client:
            results = Migrator(client, known, on_event=on_event, backup=backup).migrate()
            if stay:
                idle()
            return results

    import asyncio

    from agentdb import AsyncMigrator, create_client

    async def in_a_loop() -> list[MigrationResult]:
        async with create_client(path, busy_timeout=timeout) as client:
            migrated = await AsyncMigrator(client, known, on_event=on_event, backup=backup).migrate()
            if stay:
                idle()
            return migrated

    return asyncio.run(in_a_loop())


def job_migrate(options: dict[str, Any]) -> None:
    if options.get("as_nobody"):
        _rehearse(options)
        _drop_root()
    say(ready=True)
    hear()
    if options.get("events"):
        say(event="Opening")
    say(**migrate(options))


def job_hold(options: dict[str, Any]) -> None:
    """Hold a lock on the file, as any other program would, until told to let go."""
    connection = sqlite3.connect(options["path"], isolation_level=None)
    for sql in options["statements"]:
        connection.execute(sql)
    say(ready=True)
    hear()
    connection.execute("ROLLBACK")
    connection.close()
    say(released=True)


def job_full_disk(options: dict[str, Any]) -> None:
    """An upgrade on a small disk that something else has filled, and once more when there is space."""
    import subprocess

    disk = Path(options["path"])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk], check=True)
    path = disk / "a.db"
    upgrade.create(path, applied=3, journal_mode=options["journal_mode"])
    space = os.statvfs(disk)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes((space.f_bavail - options["pages_left"]) * space.f_frsize))
    say(ready=True)
    hear()
    there = {**options, "path": str(path)}
    before = without_journal_mode(path)
    answer = migrate(there)
    after = without_journal_mode(path)
    beside = {name: path.with_name(name).stat().st_size for name in contents(disk) if name.startswith("a.db-")}
    ballast.unlink()
    say(
        answer=answer,
        before=before,
        after=after,
        beside=beside,
        **{
            "applied": upgrade.applied_in(path),
            "once there is space": migrate(there),
            "applied in the end": upgrade.applied_in(path),
            "beside in the end": [name for name in contents(disk) if name.startswith("a.db-")],
        },
    )


def without_journal_mode(path: Path) -> str:
    """The SHA-256 of a database but for what a switch to WAL, a small change of its own, writes into the header: the
    format versions, the change counter and the version that it is valid for."""
    import hashlib

    data = bytearray(path.read_bytes())
    for start, end in ((18, 20), (24, 28), (92, 100)):
        data[start:end] = bytes(end - start)
    return hashlib.sha256(data).hexdigest()


def contents(folder: Path) -> dict[str, str]:
    """What is in a folder: names, and the SHA-256 of each file."""
    import hashlib

    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.iterdir())
    }


def job_fork(options: dict[str, Any]) -> None:
    """Fork in the middle of a transaction, let the child try everything and end, and go on."""
    import asyncio

    say(ready=True)
    hear()
    path = options["path"]
    if options["world"] == "sync":
        with create_client_sync(path) as client:
            client.batch(["CREATE TABLE t (x INTEGER)", "INSERT INTO t VALUES (0)"])
            with client.transaction() as tx:
                tx.execute("INSERT INTO t VALUES (1)")
                child = forked(options["fork"], lambda: _try_everything(client, tx))
                others = _seen_from_outside(path)
                tx.execute("INSERT INTO t VALUES (2)")
                tx.commit()
            client.execute("INSERT INTO t VALUES (3)")
    else:
        child, others = asyncio.run(_fork_in_a_loop(path, options["fork"]))
    say(child=child, **others, **_in_the_end(path))


async def _fork_in_a_loop(path: str, fork: str) -> tuple[Any, dict[str, Any]]:
    import asyncio

    from agentdb import create_client

    async with create_client(path) as client:
        await client.batch(["CREATE TABLE t (x INTEGER)", "INSERT INTO t VALUES (0)"])
        async with client.transaction() as tx:
            await tx.execute("INSERT INTO t VALUES (1)")
            child = forked(fork, lambda: asyncio.run(_try_everything_in_a_loop(client, tx)))
            others = _seen_from_outside(path)
            await tx.execute("INSERT INTO t VALUES (2)")
            await tx.commit()
        await client.execute("INSERT INTO t VALUES (3)")
    return child, others


def forked(how: str, work: Callable[[], Any]) -> Any:
    """Do some work in a forked child, wait for its end, and return what the work returned."""
    reading, writing = os.pipe()

    def in_child() -> None:
        os.write(writing, json.dumps(work()).encode())

    if how == "multiprocessing":
        import multiprocessing

        process = multiprocessing.get_context("fork").Process(target=in_child)
        process.start()
        os.close(writing)
        answer = _read_all(reading)
        process.join(30)
        assert process.exitcode == 0, process.exitcode
    else:
        child = os.fork()
        if child == 0:
            try:
                in_child()
            except BaseException:
                import traceback

                traceback.print_exc()
                os._exit(1)
            if how == "os.fork, _exit":
                os._exit(0)
            sys.exit(0)
        os.close(writing)
        answer = _read_all(reading)
        assert os.waitpid(child, 0)[1] == 0, "the child failed"
    return json.loads(answer)


def _read_all(reading: int) -> bytes:
    with open(reading, "rb") as stream:
        return stream.read()


def outcome(call: Callable[[], Any]) -> str:
    """The error that a call raises, or "nothing"."""
    try:
        call()
    except AgentDBError as error:
        return f"{type(error).__name__} {error.code}"
    return "nothing"


def _try_everything(client: Any, tx: Any) -> dict[str, str]:
    return {
        "execute": outcome(lambda: client.execute("SELECT 1")),
        "batch": outcome(lambda: client.batch(["INSERT INTO t VALUES (9)"])),
        "begin": outcome(client.transaction),
        "migrate": outcome(Migrator(client, upgrade.MIGRATIONS).migrate),
        "execute in the parent's transaction": outcome(lambda: tx.execute("INSERT INTO t VALUES (9)")),
        "commit the parent's transaction": outcome(tx.commit),
        "close": outcome(lambda: (tx.close(), client.close())),
    }


async def _try_everything_in_a_loop(client: Any, tx: Any) -> dict[str, str]:
    from agentdb import AsyncMigrator

    async def awaited(call: Callable[[], Any]) -> str:
        try:
            await call()
        except AgentDBError as error:
            return f"{type(error).__name__} {error.code}"
        return "nothing"

    async def begin() -> None:
        await client.transaction().begin()

    async def close() -> None:
        tx.close()
        await client.close()

    return {
        "execute": await awaited(lambda: client.execute("SELECT 1")),
        "batch": await awaited(lambda: client.batch(["INSERT INTO t VALUES (9)"])),
        "begin": await awaited(begin),
        "migrate": await awaited(AsyncMigrator(client, upgrade.MIGRATIONS).migrate),
        "execute in the parent's transaction": await awaited(lambda: tx.execute("INSERT INTO t VALUES (9)")),
        "commit the parent's transaction": await awaited(tx.commit),
        "close": await awaited(close),
    }


_OUTSIDE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)
print(connection.execute("SELECT count(*) FROM t").fetchone()[0])
try:
    connection.execute("BEGIN IMMEDIATE")
    print("it got the lock")
except sqlite3.OperationalError as error:
    print(error)
"""


def _seen_from_outside(path: str) -> dict[str, Any]:
    import subprocess

    # Not from this process: SQLite's locks would not keep it from itself.
    said = subprocess.run(
        [sys.executable, "-c", _OUTSIDE, path], capture_output=True, text=True, timeout=60, check=True
    )
    rows, writer = said.stdout.splitlines()
    return {"rows that another process saw meanwhile": int(rows), "another writer meanwhile": writer}


def _in_the_end(path: str) -> dict[str, Any]:
    beside = sorted(each.name for each in Path(path).parent.iterdir() if each.name.startswith(f"{Path(path).name}-"))
    connection = sqlite3.connect(path)
    (rows,) = connection.execute("SELECT count(*) FROM t").fetchone()
    (integrity,) = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    return {"rows in the end": rows, "integrity": integrity, "left beside the file": beside}


def job_fork_idle(options: dict[str, Any]) -> None:
    """Fork beside an idle client; the child writes through its own before and after the parent closes."""
    import multiprocessing
    import threading

    say(ready=True)
    hear()
    path = options["path"]
    client = create_client_sync(path)
    client.batch(["CREATE TABLE t (x INTEGER)", "INSERT INTO t VALUES (0)"])
    begun, may_go_on = multiprocessing.Event(), multiprocessing.Event()

    def write() -> str:
        with create_client_sync(path) as own:
            own.execute("INSERT INTO t VALUES (1)")
            begun.set()
            assert may_go_on.wait(30)
            own.execute("INSERT INTO t VALUES (2)")
            own.execute("INSERT INTO t VALUES (3)")
        return "wrote 1, 2, 3"

    def close_meanwhile() -> None:
        if begun.wait(30):
            client.execute("INSERT INTO t VALUES (4)")
            client.close()
            may_go_on.set()

    # The thread waits while the fork happens; it holds nothing of the database then.
    meanwhile = threading.Thread(target=close_meanwhile)
    meanwhile.start()
    child = forked(options["fork"], write)
    meanwhile.join()
    say(child=child, **_all_rows(path))


def job_fork_busy(options: dict[str, Any]) -> None:
    """Fork in the middle of a transaction; the child tries a client of its own on the same file, and on another."""
    say(ready=True)
    hear()
    path = options["path"]

    def write(place: str) -> str:
        try:
            with create_client_sync(place, busy_timeout=1.0) as own:
                own.batch(["CREATE TABLE IF NOT EXISTS t (x INTEGER)", "INSERT INTO t VALUES (1)"])
        except AgentDBError as error:
            return f"{type(error).__name__} {error.code}"
        return "wrote"

    with create_client_sync(path) as client:
        client.execute("CREATE TABLE t (x INTEGER)")
        with client.transaction() as tx:
            tx.execute("INSERT INTO t VALUES (0)")
            child, other = forked("os.fork, _exit", lambda: (write(path), write(f"{path}-other.db")))
            tx.commit()
    say(child=child, **{"child, another file": other}, **_all_rows(path))


def _all_rows(path: str) -> dict[str, Any]:
    connection = sqlite3.connect(path)
    rows = [x for (x,) in connection.execute("SELECT x FROM t ORDER BY x")]
    (integrity,) = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    return {"rows in the end": rows, "integrity": integrity}


def _rehearse(options: dict[str, Any]) -> None:
    """Load whatever is imported late: after root is dropped the interpreter's own files may be out of reach."""
    import logging
    import tempfile

    logging.getLogger("agentdb").disabled = True
    with tempfile.TemporaryDirectory() as folder:
        options = {**options, "migrations": "built-in"}
        said = [migrate({**options, "path": f"{folder}/{place}"}) for place in ("rehearsal.db", ".", "no/such.db")]
        Path(folder, "text").write_text("x" * 5000)
        said.append(migrate({**options, "path": f"{folder}/text"}))
    assert ["applied" in each for each in said] == [True, False, False, False], said


def _drop_root() -> None:
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


JOBS: dict[str, Callable[[dict[str, Any]], None]] = {
    name.removeprefix("job_"): job for name, job in list(globals().items()) if name.startswith("job_")
}


def main() -> None:
    job, options = sys.argv[1:]
    JOBS[job](json.loads(options))
