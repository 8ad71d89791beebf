"""Who was started inside an open transaction, or is waited for there: such a caller would wait for itself.

A task has a copy of the context in which it was started, and so has what `asyncio.to_thread()` runs. So a mark in that
context tells them. A plain thread has no such copy: it is told when the owner of the transaction waits for its end.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from _weakref import ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

#: How many frames of the owner are looked at: a join() is the innermost but for what it calls.
_FRAMES = 8
#: Holds the ContextVar of the marks, once there is one: a start with nothing pending does not import contextvars.
_made: dict[str, Any] = {}


class Mark:
    """Stands for one open transaction in the contexts that were copied inside it. Its transaction alone refers to it."""

    __slots__ = ("__weakref__", "is_open")

    def __init__(self) -> None:
        self.is_open = True


def mark() -> Mark:
    """Mark the caller's context, for as long as what is returned lives and is open."""
    if not _made:
        from contextvars import ContextVar

        _made.setdefault("marks", ContextVar("agentdb transactions", default=()))
    marks = _made["marks"]
    made = Mark()
    marks.set((*[one for one in marks.get() if one() is not None], ref(made)))
    return made


def is_inside(mark: Mark) -> bool:
    """Whether the caller's context is marked by this, itself or as a copy."""
    return mark.is_open and any(one() is mark for one in _made["marks"].get())


def is_waited_for_by(owner: int) -> bool:
    """Whether the thread with this number waits for the end of the calling thread, in Thread.join(), or for the future
    that the calling thread works on, in Future.result(), exception(), wait() or as_completed()."""
    threading = sys.modules.get("threading")
    frame = sys._current_frames().get(owner)
    if threading is None or frame is None:
        return False
    me = threading._active.get(get_ident())
    futures = _futures_of_this_thread()
    base = sys.modules.get("concurrent.futures._base")
    result: tuple[Any, ...] = ()
    several: tuple[Any, ...] = ()
    if base is not None:
        result = (base.Future.result.__code__, base.Future.exception.__code__)
        several = (base.wait.__code__, base.as_completed.__code__)
    join = threading.Thread.join.__code__
    for _ in range(_FRAMES):
        if frame is None:
            return False
        code = frame.f_code
        if code is join:
            return me is not None and frame.f_locals.get("self") is me
        if code in result:
            return any(frame.f_locals.get("self") is one for one in futures)
        if code in several:
            return any(one in futures for one in frame.f_locals.get("fs", ()))
        frame = frame.f_back
    return False


def _futures_of_this_thread() -> list[Any]:
    """The futures of thread pools that the calling thread is working on: their work is on its stack."""
    pools = sys.modules.get("concurrent.futures.thread")
    found: list[Any] = []
    if pools is None:
        return found
    run = pools._WorkItem.run.__code__
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code is run and (item := frame.f_locals.get("self")) is not None:
            found.append(item.future)
        frame = frame.f_back
    return found
