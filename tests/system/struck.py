"""What faults strike: an upgrade with all that guards it, a backup, a restore; and what must hold after each."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import agentdb
from agentdb import AsyncMigrator, Migrator, create_client, create_client_sync
from agentdb.errors import AgentDBError
from system.rebuilt import FIRST, SECOND, state_of

Listener = Callable[[Any], None]


class Work:
    """Something that works on files of a folder of its own, from the same beginning each time."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "files" / "a.db"
        self._sources = folder / "sources"
        self._sources.mkdir(parents=True)
        old, new = self._sources / "old.db", self._sources / "new.db"
        for path, known in ((old, [FIRST]), (new, [FIRST, SECOND])):
            with create_client_sync(path) as client:
                Migrator(client, [FIRST]).migrate()
                Migrator(client, known, backup=False).migrate()
        self.old, self.new = state_of(old), state_of(new)
        assert self.old != self.new

    def prepare(self) -> None:
        """The folder as it is before the work, whatever is there."""
        folder = self.path.parent
        if folder.exists():
            for each in folder.iterdir():
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        folder.mkdir(exist_ok=True)
        self._lay_out()

    def _lay_out(self) -> None:
        raise AssertionError("subclasses know what to lay out")

    def do(self, on_event: Listener | None = None) -> None:
        """The work itself. Raises AgentDBError."""
        raise AssertionError("subclasses know what to do")

    def check(self, failure: AgentDBError | None = None, *, killed: bool = False) -> str:
        """Everything is whole, and as it was, or as it was to be, and the next try completes. Which of the two it was."""
        found = self._state(failure, killed)
        assert found == "new" or failure is not None or killed, "it failed and said nothing"
        self.do()
        assert self._state(None, False) == "new"
        return found

    def _state(self, failure: AgentDBError | None, killed: bool) -> str:
        raise AssertionError("subclasses know what to look at")

    def state_of_file(self, path: Path) -> str:
        found = state_of(path)
        assert found in (self.old, self.new)
        return "old" if found == self.old else "new"


class Upgrade(Work):
    """One migration that rebuilds a table and changes its children: backup, guard, rebuild."""

    def __init__(self, folder: Path, world: str = "sync", start: str = "WAL") -> None:
        """start: the journal mode of the file, or "crashed", where what it holds stands in its -wal."""
        super().__init__(folder)
        self._world = world
        self._start = start
        start_path = self._sources / "start.db"
        shutil.copy(self._sources / "old.db", start_path)
        with closing(sqlite3.connect(start_path)) as connection:
            if start != "crashed":
                connection.execute(f"PRAGMA journal_mode={start}")
                return
            connection.execute("UPDATE notes SET text = text")
            connection.commit()
            for end in ("", "-wal"):
                shutil.copy(f"{start_path}{end}", self._sources / f"crashed.db{end}")

    def _lay_out(self) -> None:
        if self._start == "crashed":
            for end in ("", "-wal"):
                shutil.copy(self._sources / f"crashed.db{end}", f"{self.path}{end}")
        else:
            shutil.copy(self._sources / "start.db", self.path)

    def do(self, on_event: Listener | None = None, backup_dir: str | None = None) -> None:
        if self._world == "sync":
            with create_client_sync(self.path) as client:
                Migrator(client, [FIRST, SECOND], on_event=on_event, backup_dir=backup_dir).migrate()
        else:
            asyncio.run(self._do_in_a_loop(on_event, backup_dir))

    async def _do_in_a_loop(self, on_event: Listener | None, backup_dir: str | None) -> None:
        async with create_client(self.path) as client:
            await AsyncMigrator(client, [FIRST, SECOND], on_event=on_event, backup_dir=backup_dir).migrate()

    def _state(self, failure: AgentDBError | None, killed: bool) -> str:
        found = self.state_of_file(self.path)
        folder = self.path.with_name("a.db.backups")
        backups = list(folder.glob("*.backup")) if folder.exists() else []
        for backup in backups:
            assert self.state_of_file(backup) == "old"
        assert len(backups) == 1 or (found == "old" and not backups)
        assert killed or not list(self.path.parent.glob("**/*.partial*"))
        return found


class Rollback(Work):
    """The same migration taken back: guard, rebuild. Then "old" is where it leads to, so that is called "new" here."""

    def _lay_out(self) -> None:
        shutil.copy(self._sources / "new.db", self.path)

    def do(self, on_event: Listener | None = None) -> None:
        with create_client_sync(self.path) as client:
            Migrator(client, [FIRST], on_event=on_event).rollback(target=FIRST.id)  # by what was recorded

    def _state(self, failure: AgentDBError | None, killed: bool) -> str:
        return {"old": "new", "new": "old"}[self.state_of_file(self.path)]


class Backup(Work):
    """A backup that somebody asks for."""

    def _lay_out(self) -> None:
        shutil.copy(self._sources / "new.db", self.path)

    @property
    def _copy(self) -> Path:
        return self.path.parent / "copies" / "c.db"

    def do(self, on_event: Listener | None = None) -> None:
        self._copy.unlink(missing_ok=True)
        agentdb.backup(self.path, self._copy, on_event=on_event)

    def _state(self, failure: AgentDBError | None, killed: bool) -> str:
        assert self.state_of_file(self.path) == "new"
        assert killed or not list(self._copy.parent.glob("*.partial*"))
        return self.state_of_file(self._copy) if self._copy.exists() else "nothing"


class Restore(Work):
    """An older database in the place of a newer one."""

    def _lay_out(self) -> None:
        shutil.copy(self._sources / "old.db", self.path)

    def do(self, on_event: Listener | None = None) -> None:
        agentdb.restore(database=self.path, backup=self._sources / "new.db", on_event=on_event)

    def _state(self, failure: AgentDBError | None, killed: bool) -> str:
        found = self.state_of_file(self.path)
        replaced = sorted(self.path.parent.glob("a.db.replaced-????"))
        if found == "new":
            assert self.state_of_file(replaced[0]) == "old"
        assert killed or not self.path.with_name("a.db.restoring").exists()
        files = [self.path.stat().st_ino, *(each.stat().st_ino for each in replaced)]
        assert len(set(files)) == len(files) or (killed and found == "old")
        return found


#: All of them, by their names in tests.
WORKS: dict[str, Callable[[Path], Work]] = {
    "upgrade": lambda folder: Upgrade(folder, "sync", "WAL"),
    "upgrade, async, DELETE": lambda folder: Upgrade(folder, "async", "DELETE"),
    "upgrade after a crash": lambda folder: Upgrade(folder, "sync", "crashed"),
    "rollback": Rollback,
    "backup": Backup,
    "restore": Restore,
}
