"""The `agentdb` logger, without importing `logging` (4 ms) for a program that does not log."""

from __future__ import annotations

import sys

DEBUG, INFO, WARNING, ERROR = 10, 20, 30, 40


def log(level: int, message: str, *args: object, error: BaseException | None = None) -> None:
    """Log to the logger `agentdb`.

    Below WARNING, nobody can be listening before somebody has imported `logging`: then this costs a dictionary look-up.
    """
    if level < WARNING and "logging" not in sys.modules:
        return
    try:
        import logging
    except ImportError:  # the interpreter is on its way out, and something is dropped as late as that
        return
    logging.getLogger("agentdb").log(level, message, *args, exc_info=error)
