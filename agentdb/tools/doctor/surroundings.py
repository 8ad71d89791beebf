"""What the doctor asks of the machine: versions, the file and its folder, the disk, the clock, other processes.

The database's file is never opened here: closing it again would drop the locks that SQLite has on it in this process.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from datetime import UTC, datetime
from shutil import disk_usage
from typing import TYPE_CHECKING

import agentdb
from agentdb.errors import AgentDBError
from agentdb.tools.backup_files import list_backups
from agentdb.tools.doctor.report import Check, megabytes, without_home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

#: Parts of paths that programs which copy files elsewhere use.
_CLOUDS = {
    "dropbox": "Dropbox",
    "onedrive": "OneDrive",
    "google drive": "Google Drive",
    "googledrive": "Google Drive",
    "my drive": "Google Drive",
    "mobile documents": "iCloud Drive",
    "icloud drive": "iCloud Drive",
    "iclouddrive": "iCloud Drive",
    "nextcloud": "Nextcloud",
    "owncloud": "ownCloud",
    "pcloud drive": "pCloud",
    "syncthing": "Syncthing",
    "cloudstorage": "a cloud folder of macOS",
}
_NETWORKS = (
    "nfs",
    "cifs",
    "smb",
    "9p",
    "afs",
    "ceph",
    "gluster",
    "davfs",
    "fuse.sshfs",
    "fuse.rclone",
    "fuse.s3fs",
    "virtiofs",
)
#: A -wal beyond this is not reset any more: some reader is never done.
_LARGE_WAL = 256 << 20
_OLDEST_CLOCK = datetime(2024, 1, 1, tzinfo=UTC)


def look_around(path: str, backup_dir: str | None) -> Iterator[Check]:
    """The checks that need no connection."""
    yield _versions()
    yield _file(path)
    yield _storage(path)
    yield _space(path)
    yield _wal(path)
    yield _backups(path, backup_dir)
    yield _locks(path)
    yield _clock(path)


def _versions() -> Check:
    values: dict[str, Any] = {
        "agentdb": agentdb.__version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "platform": platform.platform(),
    }
    text = f"agentdb {values['agentdb']}, Python {values['python']}, SQLite {values['sqlite']}, {values['platform']}"
    return Check("versions", "ok", text, values)


def _file(path: str) -> Check:
    found, folder = os.stat(path), os.path.dirname(path)
    mode = found.st_mode & 0o777
    values: dict[str, Any] = {
        "size": found.st_size,
        "mode": f"{mode:04o}",
        "is_readable": os.access(path, os.R_OK),
        "is_writable": os.access(path, os.W_OK),
        "is_folder_writable": os.access(folder, os.W_OK),
        "is_owner": not hasattr(os, "geteuid") or found.st_uid == os.geteuid(),
        "hard_links": found.st_nlink,
    }
    text = f"{megabytes(found.st_size)}, rights {mode:04o}"
    if not values["is_readable"]:
        return Check("file", "problem", f"{text}; this user may not read it", values, "Let this user read the file.")
    if not (values["is_writable"] and values["is_folder_writable"]):
        remedy = "Let this user write the file and its folder: SQLite writes -wal and -shm beside it."
        return Check("file", "problem", f"{text}; this user may not write the file or its folder", values, remedy)
    if os.name == "posix" and mode & 0o077:
        remedy = f"If nobody else needs it: chmod 600 {without_home(path)}"
        return Check("file", "warning", f"{text}; other users may read or write it", values, remedy)
    if found.st_nlink > 1:
        remedy = "Use one name: SQLite looks for -wal and -journal beside the name by which it opened the file."
        return Check("file", "warning", f"{text}; the file has {found.st_nlink} names", values, remedy)
    return Check("file", "ok", text, values)


def _storage(path: str) -> Check:
    cloud = next((_CLOUDS[part] for part in _folded_parts(path) if part in _CLOUDS), None)
    kind = file_system(path)
    values: dict[str, Any] = {"file_system": kind, "cloud": cloud}
    if cloud is not None:
        remedy = (
            "Move it to a folder that is not synchronised. A copy of a file that is being written is often damaged."
        )
        return Check("storage", "warning", f"the folder is probably synchronised by {cloud}", values, remedy)
    if path.startswith("\\\\") or (kind is not None and kind.startswith(_NETWORKS)):
        remedy = "Move it to a local disk. Locks of network folders are not reliable, and WAL does not work there."
        return Check("storage", "warning", f"the file is in a network folder ({kind or 'UNC'})", values, remedy)
    return Check("storage", "ok", f"file system: {kind or 'not known'}", values)


def _folded_parts(path: str) -> Iterator[str]:
    for part in path.replace("\\", "/").split("/"):
        lowered = part.lower()
        yield lowered
        yield lowered.partition(" - ")[0]  # OneDrive - Company
        yield lowered.partition(" (")[0]


def file_system(path: str, mounts: str = "/proc/self/mounts") -> str | None:
    """The type of the file system that a path is on. None where the system does not say."""
    try:
        with open(mounts, encoding="utf-8", errors="replace") as file:
            lines = [line.split(" ") for line in file]
    except OSError:
        return None
    best: tuple[str, str | None] = ("", None)
    for parts in lines:
        if len(parts) > 2:
            place = parts[1].replace("\\040", " ")
            is_above = path == place or path.startswith(place.rstrip("/") + "/")
            if is_above and len(place) >= len(best[0]):
                best = (place, parts[2])
    return best[1]


def _space(path: str) -> Check:
    size, usage = os.path.getsize(path), disk_usage(os.path.dirname(path))
    needed = 2 * size + (64 << 20)
    values: dict[str, Any] = {"free": usage.free, "total": usage.total, "needed": needed}
    text = f"{megabytes(usage.free)} free on that disk"
    if usage.free < needed:
        remedy = f"Free some space. An upgrade with its backup may need {megabytes(needed)}."
        return Check("space", "warning", text, values, remedy)
    return Check("space", "ok", text, values)


def _wal(path: str) -> Check:
    sizes = {suffix: _size(f"{path}-{suffix}") for suffix in ("wal", "shm", "journal")}
    wal = sizes["wal"]
    if sizes["journal"]:
        remedy = "Open it once with agentdb: SQLite then rolls the unfinished write back."
        return Check("wal", "warning", "there is a journal of an unfinished write", {**sizes}, remedy)
    if wal is not None and wal > _LARGE_WAL:
        remedy = "Close programs that read for long, then run `agentdb doctor --fix`."
        return Check("wal", "warning", f"the -wal has {megabytes(wal)}", {**sizes}, remedy)
    return Check("wal", "ok", "no -wal" if wal is None else f"the -wal has {megabytes(wal)}", {**sizes})


def _size(path: str) -> int | None:
    try:
        return os.path.getsize(path)
    except OSError:
        return None


def _backups(path: str, folder: str | None) -> Check:
    try:
        found = [one for one in list_backups(path, folder) if one.kind != "replaced"]
    except AgentDBError as error:
        return Check("backups", "unknown", error.message, {}, error.remedy)
    age = (datetime.now(UTC) - found[0].made_at).total_seconds() if found else None
    values: dict[str, Any] = {"count": len(found), "size": sum([one.size for one in found]), "newest_age": age}
    if age is None:
        return Check("backups", "warning", "there is no backup", values, "Run `agentdb backup`.")
    unfinished = [one for one in found if one.is_unfinished]
    values["unfinished"] = len(unfinished)
    text = f"{len(found)} backups, the newest is {age / 86_400:.1f} days old"
    if unfinished:
        remedy = "Start the application: it goes on with the upgrade. Or restore that backup with `agentdb restore`."
        return Check("backups", "warning", f"{text}; an upgrade was begun and is not complete", values, remedy)
    return Check("backups", "ok", text, values)


def _locks(path: str) -> Check:
    holders = lock_holders(path)
    if holders is None:
        return Check("locks", "unknown", "this system does not tell who has the file open", {"holders": None})
    others = [holder for holder in holders if holder["process"] != os.getpid()]
    text = ", ".join([f"{one['name']} ({one['process']}{', writing' if one['is_writing'] else ''})" for one in others])
    return Check("locks", "ok", f"locked by {text}" if others else "nobody else has a lock", {"holders": others})


def lock_holders(path: str, locks: str = "/proc/locks") -> list[dict[str, Any]] | None:
    """The processes that have a lock on a database or its -shm: process, name, is_writing. None where Linux is not there.

    A process of another container has no name here.
    """
    if not sys.platform.startswith("linux"):
        return None
    wanted = {}
    for place in (path, f"{path}-shm"):
        try:
            stat = os.stat(place)
        except OSError:
            continue
        wanted[f"{os.major(stat.st_dev):02x}:{os.minor(stat.st_dev):02x}:{stat.st_ino}"] = place
    try:
        with open(locks, encoding="ascii", errors="replace") as file:
            lines = [line.split() for line in file]
    except OSError:
        return None
    found: dict[int, bool] = {}
    for parts in lines:
        if len(parts) >= 8 and parts[1] != "->" and parts[5] in wanted and parts[4].lstrip("-").isdigit():
            # Of the -shm, byte 120 is the lock of the writer; of the file itself every write lock is one.
            is_of_shm = wanted[parts[5]] != path
            is_writing = parts[3] == "WRITE" and (not is_of_shm or parts[6] == "120")
            process = int(parts[4])
            found[process] = found.get(process, False) or is_writing
    return [
        {"process": process, "name": _name_of(process), "is_writing": is_writing}
        for process, is_writing in sorted(found.items())
    ]


def _name_of(process: int) -> str:
    try:
        with open(f"/proc/{process}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "unknown"


def _clock(path: str) -> Check:
    now = datetime.now(UTC)
    written = datetime.fromtimestamp(os.stat(path).st_mtime, UTC)
    values: dict[str, Any] = {"now": _iso(now), "written": _iso(written)}
    if now < _OLDEST_CLOCK:
        return Check("clock", "problem", f"the clock says {_iso(now)}", values, "Set the clock of this machine.")
    if (written - now).total_seconds() > 60:
        remedy = "Check the clock of this machine. Times that rows have may be wrong."
        return Check("clock", "warning", "the file was written in the future", values, remedy)
    return Check("clock", "ok", f"the clock says {_iso(now)}", values)


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
