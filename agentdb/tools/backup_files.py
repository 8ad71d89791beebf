"""The backups of a database that are on the disk."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agentdb.clients.local.permissions import fitting
from agentdb.engine.backup.copy_task import file_of
from agentdb.engine.backup.retention import default_folder
from agentdb.errors import NotFoundError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal, TypeAlias

    from agentdb.clients.location import Place

    Kind: TypeAlias = Literal["upgrade", "on_demand", "replaced"]

_UPGRADE = (
    r"(?:-[0-9a-f]{8})?(?:\.[A-Za-z0-9]*-[0-9a-f]{8})?"
    r"\.(?P<sequence>[0-9]{4,})\.(?P<before>[0-9]+)-(?P<after>[0-9]+)\.backup"
)
_ON_DEMAND = r"\.(?P<time>[0-9]{8}T[0-9]{6}\.[0-9]{6}Z)\.backup"
#: Bytes for the ending of a file that was replaced; see agentdb.engine.backup.restore.
_REPLACED_ROOM = len(".replaced-0001-journal") + 2
_REPLACED = r"\.replaced-(?P<sequence>[0-9]{4,})"
#: How a name ends that was cut to fit; see agentdb.clients.local.permissions.fitting().
_CUT = r"~[0-9a-f]{16}"


@dataclass(frozen=True)
class BackupFile:
    """One backup.

    kind: `upgrade`, made before an upgrade or a rollback; `on_demand`, that of `agentdb backup`; `replaced`, what a restore
    has found in its place. size: bytes. made_at: aware UTC, the time of the file. before, after: the newest migration
    before and after the upgrade that it is of. is_unfinished: whether that upgrade is not complete.
    """

    path: str
    kind: Kind
    size: int
    made_at: datetime
    before: str | None = None
    after: str | None = None
    is_unfinished: bool = False


def list_backups(database: Place, folder: str | os.PathLike[str] | None = None) -> tuple[BackupFile, ...]:
    """The backups of a database, the newest first. The database itself need not be there.

    folder: where they are; None: the folder DATABASE.backups. In another folder, names of databases that are too long for a
    file name of a backup are not recognised. What a restore has replaced stands beside the database.

    Raises InvalidArgumentError for a database in memory, StorageError for a folder that cannot be read.
    """
    path = file_of(database)
    place = default_folder(path) if folder is None else os.path.abspath(os.fspath(folder))
    name = os.path.basename(path)
    stem = re.escape(name)
    if place == default_folder(path):  # which is of this database alone, so that whatever was cut is of its name
        stem = "|".join([stem, *[re.escape(name[:end]) + _CUT for end in range(64, len(name) + 1)]])
    found = [*_of_folder(place, stem, (("upgrade", _UPGRADE), ("on_demand", _ON_DEMAND)))]
    folder_of_file = os.path.dirname(path)
    beside = re.escape(fitting(folder_of_file, name, _REPLACED_ROOM))
    found += _of_folder(folder_of_file, beside, (("replaced", _REPLACED),))
    return tuple(sorted(found, key=lambda one: (one.made_at, one.path), reverse=True))


def latest_backup(database: Place, folder: str | os.PathLike[str] | None = None) -> BackupFile:
    """The newest backup that is no replaced file. Raises NotFoundError where there is none; errors as above."""
    for one in list_backups(database, folder):
        if one.kind != "replaced":
            return one
    raise NotFoundError(
        f"there is no backup of {file_of(database)}",
        remedy="Name the file of a backup, or its folder with --backup-dir.",
    )


def _of_folder(folder: str, stem: str, kinds: tuple[tuple[Kind, str], ...]) -> Iterator[BackupFile]:
    patterns: list[tuple[Kind, re.Pattern[str]]] = [
        (kind, re.compile(rf"(?:{stem}){pattern}")) for kind, pattern in kinds
    ]
    try:
        entries = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be read: {error.strerror}", code="io_error", remedy="Let this user read that folder."
        ) from error
    for entry in entries:
        for kind, pattern in patterns:
            match = pattern.fullmatch(entry)
            file = os.path.join(folder, entry)
            if match is None or not os.path.isfile(file):
                continue
            stat = os.stat(file)
            values = match.groupdict()
            yield BackupFile(
                file,
                kind,
                stat.st_size,
                datetime.fromtimestamp(stat.st_mtime, UTC),
                values.get("before"),
                values.get("after"),
                os.path.exists(f"{file}.upgrading"),
            )
