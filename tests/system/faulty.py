"""Work whose n-th write fails, in a process under libfiu: `fiu-run -x -f "" python -m system.faulty OPTIONS`.

Each round is a fork of this process, which alone is struck; the state that it leaves is checked here, where nothing fails.
Says a JSON object: how many rounds ended how.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import sys
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from agentdb.errors import AgentDBError
from system.struck import WORKS, Work

#: What writes, and what makes sure that it is written.
POINTS = (
    "posix/io/rw/write",
    "posix/io/rw/pwrite",
    "posix/io/rw/ftruncate",
    "posix/io/sync/fsync",
    "posix/io/sync/fdatasync",
)
#: libfiu asks it whether a call fails: int (const char *name, int *failnum, void **failinfo, unsigned int *flags).
_ASKED = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.POINTER(ctypes.c_int),
    ctypes.POINTER(ctypes.c_void_p),
    ctypes.POINTER(ctypes.c_uint),
)


class Writes:
    """Counts the writes of this process, and fails the n-th, or all from the n-th on."""

    def __init__(self, fails_at: int | None, code: int, lasting: bool) -> None:
        self.count = 0
        self._library = ctypes.CDLL("libfiu.so.0")

        def asked(*_: object) -> int:
            self.count += 1
            return int(fails_at is not None and (self.count > fails_at if lasting else self.count == fails_at + 1))

        self._asked = _ASKED(asked)  # lives as long as libfiu may ask
        for point in POINTS:
            answer = self._library.fiu_enable_external(point.encode(), 1, ctypes.c_void_p(code), 0, self._asked)
            assert answer == 0, point

    def stop(self) -> None:
        for point in POINTS:
            self._library.fiu_disable(point.encode())


def struck(work: Work, fails_at: int | None, code: int, lasting: bool) -> dict[str, Any]:
    """Do it in a fork. How many writes there were, and the error that it raised, if it did."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            said: dict[str, Any] = {"failure": None}
            writes = Writes(fails_at, code, lasting)
            try:
                work.do()
            except AgentDBError as error:
                said = {"failure": error.code, "message": error.message, "remedy": error.remedy}
            finally:
                writes.stop()
            os.write(writing, json.dumps({**said, "writes": writes.count}).encode())
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    with open(reading, "rb") as stream:
        heard = stream.read()
    assert os.waitpid(child, 0)[1] == 0, f"write {fails_at} failing with {errno.errorcode[code]}: see above"
    answer: dict[str, Any] = json.loads(heard)
    return answer


def spread(writes: int, rounds: int) -> list[int]:
    """The first ones, the last ones, and some in between."""
    edge = rounds // 3
    first, last = range(min(edge, writes)), range(max(writes - edge, 0), writes)
    return sorted({*first, *last, *range(0, writes, max(1, writes // edge))})


def main(options: dict[str, Any]) -> None:
    work = WORKS[options["work"]](Path(options["folder"]))
    code, lasting = getattr(errno, options["error"]), options["lasting"]
    work.prepare()
    writes = struck(work, None, code, lasting)["writes"]
    work.check()
    outcomes: Counter[str] = Counter()
    for number in spread(writes, options["rounds"]):
        work.prepare()
        said = struck(work, number, code, lasting)
        try:
            failure = AgentDBError(said["message"], code=said["failure"]) if said["failure"] else None
            found = work.check(failure)
        except BaseException as error:
            error.add_note(f"write {number} of {writes} failed with {options['error']}, and the work said: {said}")
            raise
        outcomes[f"{said['failure']}, {found}"] += 1
    print(json.dumps({"writes": writes, "outcomes": outcomes}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
