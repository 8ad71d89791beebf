"""A progress bar on a terminal, drawn from the events of a migrator, a backup or a restore."""

from __future__ import annotations

import os
import shutil
import sys
from time import monotonic

from agentdb.cli.output import plain
from agentdb.engine.events import BackedUp, BackingUp, Planned, Restoring, Started, StatementDone, StatementProgress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, TextIO

    from agentdb.engine.events import Event

#: Seconds between two drawings of statements at the least: they are told inside the write lock, where it is a delay.
_PAUSE = 0.05
_BAR = 24


class Progress:
    """Counts statements, and pages of a copy. Silent where the stream is no terminal; erased when it ends, so that only
    results are left."""

    def __init__(self, stream: TextIO | None = None) -> None:
        found: TextIO | None = sys.stderr if stream is None else stream  # None where it is closed
        self._stream = found
        self._shown = found is not None and found.isatty() and os.environ.get("TERM") != "dumb"
        self._total = 0
        self._done = 0
        self._drawn_at = 0.0
        self._width = 0
        #: Where the last backup is that was made, if one was.
        self.backup: str | None = None

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, BackedUp):
            self.backup = event.path
        if not self._shown:
            return
        if isinstance(event, Planned):
            ups = event.direction == "up"
            self._total = sum([len(migration.up if ups else migration.down) for migration in event.migrations])
        elif isinstance(event, Started):
            self._draw(event.migration.label, at_once=True)
        elif isinstance(event, (BackingUp, Restoring)):
            what = "backing up" if isinstance(event, BackingUp) else "restoring"
            self._show(event.done, event.total or 1, f"{event.done:,}/{event.total:,} pages", what)
        elif isinstance(event, StatementProgress):
            self._draw(f"{event.rows:,}/{event.of:,} rows  {event.migration.label}", at_once=False)
        elif isinstance(event, StatementDone):
            self._done += 1
            self._draw(event.migration.label, at_once=self._done == self._total)

    def _draw(self, label: str, *, at_once: bool) -> None:
        now = monotonic()
        if not self._total or (now - self._drawn_at < _PAUSE and not at_once):
            return
        self._drawn_at = now
        self._show(self._done, self._total, f"{self._done}/{self._total}", label)

    def _show(self, done: int, total: int, count: str, label: str) -> None:
        full = _BAR * done // total
        text = f"[{'#' * full}{'.' * (_BAR - full)}] {count}  {plain(label)}"
        # One column short of the edge: a terminal that wraps would scroll.
        width = shutil.get_terminal_size().columns - 1
        self._write(text[:width].ljust(min(self._width, width)))
        self._width = len(text)

    def _write(self, text: str) -> None:
        if self._stream is not None:
            self._stream.write("\r" + text)
            self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._width:
            width = min(self._width, shutil.get_terminal_size().columns - 1)
            self._write(" " * width + "\r")
            self._width = 0


class CountBar(Progress):
    """Counts files that are done, of a known number."""

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._total = total

    def advance(self, label: str) -> None:
        """One more is done."""
        self._done += 1
        if self._shown:
            self._draw(label, at_once=self._done == self._total)

    def clear(self) -> None:
        """Make room for a line of results."""
        self.__exit__(None, None, None)
