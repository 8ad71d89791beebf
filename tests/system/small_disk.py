"""Work on a small disk that something else fills up while it is under way: `python -m system.small_disk FOLDER`.

For a process whose mounts nobody shares. Says a JSON object: for each work, how many rounds ended how.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

from agentdb.errors import AgentDBError
from system.struck import WORKS, Work

PAGES_LEFT = (0, 1, 3, 8, 21, 55, 144)


class Filler:
    """Fills the disk at the n-th event of some work, but for so many pages."""

    def __init__(self, disk: Path, at: int, pages_left: int) -> None:
        self._ballast = disk / "ballast"
        self._left = at
        self._pages_left = pages_left

    def __call__(self, _: object) -> None:
        if self._left == 0:
            space = os.statvfs(self._ballast.parent)
            with suppress(OSError):  # the async one works on meanwhile: the disk is full already
                self._ballast.write_bytes(bytes(max(space.f_bavail - self._pages_left, 0) * space.f_frsize))
        self._left -= 1

    @property
    def has_come(self) -> bool:
        return self._left < 0

    def take_away(self) -> None:
        self._ballast.unlink(missing_ok=True)


def outcomes_of(work: Work, disk: Path) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    for pages in PAGES_LEFT:
        for number in range(100):
            work.prepare()
            filler = Filler(disk, number, pages)
            failure = None
            try:
                work.do(filler)
            except AgentDBError as error:
                failure = error
            filler.take_away()
            try:
                found = work.check(failure)
            except BaseException as error:
                error.add_note(f"{pages} pages were left from event {number} on, and the work said: {failure!r}")
                raise
            if not filler.has_come:
                break
            outcomes[f"{failure and failure.code}, {found}"] += 1
    return outcomes


def main(folder: Path) -> None:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], check=True)
    said = {}
    for number, (name, make) in enumerate(WORKS.items()):
        said[name] = outcomes_of(make(folder / str(number)), folder)
    print(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
