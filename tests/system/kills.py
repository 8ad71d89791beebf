"""Work in a child of this process, which is killed before one step of it after the other."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable
from typing import Any

#: What a process may be about to do to the files when it is killed.
_STEPS = ("open", "os.", "sqlite3.connect")


def in_a_process(work: Callable[[], object], *, killed_before: int | None = None, statements: bool = False) -> int:
    """Run it in a child that is killed with SIGKILL before its n-th step on files. The signal that ended it, or 0.

    statements: each statement of each connection is a step too, those of triggers among them.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            left = -1 if killed_before is None else killed_before

            def step(_: object = None) -> None:
                nonlocal left
                left -= 1
                if left == -1:
                    os.kill(os.getpid(), signal.SIGKILL)

            def listen(event: str, arguments: tuple[Any, ...]) -> None:
                if event.startswith(_STEPS) and not str(arguments[:1]).startswith("('/proc"):
                    step()

            def traced(*args: Any, **options: Any) -> sqlite3.Connection:
                connection = connect(*args, **options)
                connection.set_trace_callback(step)
                return connection

            connect = sqlite3.connect
            if statements:
                sqlite3.connect = traced  # type: ignore[assignment]
            sys.addaudithook(listen)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def killed_everywhere(
    prepare: Callable[[], None], work: Callable[[], object], check: Callable[[], None], *, statements: bool = False
) -> int:
    """Kill it before its first step, its second, … until it comes to its end. How many steps it has."""
    for number in range(1000):
        prepare()
        done = in_a_process(work, killed_before=number, statements=statements) == 0
        check()
        if done:
            return number
    raise AssertionError("it never comes to its end")
