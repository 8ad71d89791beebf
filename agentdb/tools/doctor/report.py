"""What the doctor says."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Literal, TypeAlias

    Status: TypeAlias = Literal["ok", "warning", "problem", "unknown"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    name: stable, for programs. status: `ok`; `warning`, which somebody should know; `problem`, which somebody should
    repair; `unknown` where it could not be told. message: for people. values: for programs, JSON values; sizes in bytes,
    ages in seconds. remedy: what to do, where there is something.
    """

    name: str
    status: Status
    message: str
    values: dict[str, Any] = field(default_factory=dict)
    remedy: str = ""


@dataclass(frozen=True)
class Repair:
    """One thing that `fix` has done, or has tried to do. error: why it was not done; None where it was."""

    name: str
    message: str
    error: str | None = None


@dataclass(frozen=True)
class Report:
    """The state of one database. It holds no row, no statement and no token.

    database: its path, with `~` for the home folder.
    """

    database: str
    checks: tuple[Check, ...]
    repairs: tuple[Repair, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether there is no problem. Warnings do not count."""
        return not any(check.status == "problem" for check in self.checks)

    def __getitem__(self, name: str) -> Check:
        """The check of a name. Raises KeyError."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(name)


def without_home(path: str) -> str:
    """A path with `~` for the home folder, which often holds the name of a person."""
    home = os.path.expanduser("~")
    return f"~{path[len(home) :]}" if home not in ("", "/") and path.startswith(home + os.sep) else path


def megabytes(size: int) -> str:
    """A size for people."""
    return f"{size / 1e6:,.1f} MB"
