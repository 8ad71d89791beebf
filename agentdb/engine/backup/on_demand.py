"""The backup that somebody asks for."""

from __future__ import annotations

import os
from re import escape, fullmatch

from agentdb.clients.local.permissions import fitting, make_folder
from agentdb.clients.local.settings import Settings
from agentdb.clients.local.snapshot import Copy, remove
from agentdb.clients.location import absolute, check_place
from agentdb.engine.backup.copy_task import (
    CopyTask,
    check_callback,
    check_space,
    file_of,
    is_path,
    tell_nobody,
    told_as_backup,
)
from agentdb.engine.backup.retention import default_folder
from agentdb.engine.events import BackedUp
from agentdb.errors import BackupError, InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.location import Place

#: Bytes for the ending of a copy that is being written, and of SQLite's journal of it.
_ROOM_OF_PARTIAL = len(".4194304.partial-journal")


def backup(
    place: Place,
    to: Place | None = None,
    *,
    on_event: Callable[[Any], None] | None = None,
    busy_timeout: float = 5.0,
    on_connect: OnConnect | None = None,
) -> str:
    """Write a verified copy of a database, beside writers of any process, and return its path. It is never removed.

    to: a folder, or the file to write, which must not exist; by default a file in the folder DATABASE.backups.
    on_event: called with BackingUp and BackedUp of agentdb.engine.events. busy_timeout: in seconds, as of a client.
    on_connect: as of a client; without it, tables that need functions or collations of the application are not checked,
    which the log says.

    Raises BackupError, StorageError, BusyError, InvalidArgumentError; then nothing is left there.
    """
    check_callback(on_event)
    path = file_of(place)
    check_place(path, read_only=True)
    final = _chosen(path, to)
    tell = on_event or tell_nobody
    task = CopyTask()
    with told_as_backup(
        path, os.path.dirname(final), remedy="Make room or give the right to write there, or name another place."
    ):
        make_folder(os.path.dirname(final), path)
        if os.path.lexists(final):
            raise BackupError(
                f"{final} is there already", code="already_exists", remedy="Name a file that does not exist."
            )
        check_space(path, os.path.dirname(final))
        _remove_dead_partials(final)
        with Copy(path, Settings(busy_timeout=busy_timeout, on_connect=on_connect).check()) as copy:
            task.write(copy, f"{final}.{os.getpid()}.partial", final, tell, tell_nobody)
    tell(BackedUp(final))
    return final


def _chosen(path: str, to: Place | None) -> str:
    from datetime import UTC, datetime

    ending = f".{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.backup"

    def inside(folder: str) -> str:
        name = fitting(folder, os.path.basename(path), len(ending) + _ROOM_OF_PARTIAL)
        return os.path.join(folder, name + ending)

    if to is None:
        return inside(default_folder(path))
    if not isinstance(to, (str, os.PathLike)):
        raise InvalidArgumentError(f"the place of the backup is {to!r}; it is a folder or a file")
    text = os.fspath(to)
    if not is_path(text):
        raise InvalidArgumentError(f"the place of the backup is {to!r}; it is a folder or a file")
    if os.path.isdir(text) or text.endswith((os.sep, "/")):
        return inside(absolute(text))
    return absolute(text)


def _remove_dead_partials(final: str) -> None:
    """What killed processes have left of the same backup."""
    folder, name = os.path.split(final)
    if os.name == "nt":  # where a process cannot be asked for without harm
        return
    for other in os.listdir(folder):
        match = fullmatch(escape(name) + r"\.([0-9]+)\.partial", other)
        if match:
            try:
                os.kill(int(match[1]), 0)
            except ProcessLookupError:
                remove(os.path.join(folder, other))
            except (OSError, OverflowError):
                pass
