"""Which copies of a database may still hold something: its backups, and what restores have kept."""

from __future__ import annotations

import os

from agentdb.engine.backup.restore import replaced_copies
from agentdb.engine.backup.retention import BackupSeries, default_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_BLOCK = 1 << 22
#: How SQLite writes text; a database has one of them.
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be")


def copies_with(path: str, series: Iterable[tuple[str, str]], texts: Sequence[str]) -> list[str]:
    """The copies of a database in which one of these texts stands, in a row or in freed space; and those, files or folders,
    that cannot be read.

    Looked through are the folder DATABASE.backups, the backups in other folders (`series`: folder and tracking table of
    each), and what restores have kept beside the database. A backup that somebody has put elsewhere is not known.
    """
    path = os.path.realpath(path)
    needles = [text.encode(encoding) for text in texts for encoding in _ENCODINGS]
    found = []
    for copy in dict.fromkeys(_copies(path, series)):
        try:
            if os.path.isdir(copy) or _holds(copy, needles):
                found.append(copy)
        except FileNotFoundError:  # removed meanwhile
            continue
        except OSError:
            found.append(copy)
    return found


def _copies(path: str, series: Iterable[tuple[str, str]]) -> Iterator[str]:
    folder = default_folder(path)
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        names = []
    except OSError:
        yield folder
        names = []
    yield from [each for name in names if os.path.isfile(each := os.path.join(folder, name))]
    for other, table in series:
        try:
            yield from [backup.path for backup in BackupSeries(path, other, table).backups()]
        except OSError:
            yield other
    try:
        yield from replaced_copies(path)
    except OSError:
        yield os.path.dirname(path)


def _holds(path: str, needles: Sequence[bytes]) -> bool:
    longest = max(map(len, needles))
    with open(path, "rb") as file:
        before = b""
        while block := file.read(_BLOCK):
            text = before + block
            if any(needle in text for needle in needles):
                return True
            before = text[-longest:]
    return False
