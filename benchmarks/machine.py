"""The line that a figure is worth nothing without: which machine, which versions."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import agentdb


def machine_line(distributions: Iterable[str]) -> str:
    """The processor, the system, Python, SQLite, agentdb, and those of `distributions` that are installed."""
    installed = [f"{name} {version}" for name in distributions if (version := _version(name))]
    parts = [
        f"{os.cpu_count()} x {_processor()}",
        f"{platform.system()} {platform.release()}",
        f"Python {platform.python_version()}",
        f"SQLite {sqlite3.sqlite_version}",
        f"agentdb {agentdb.__version__}",
        *installed,
    ]
    return ", ".join(parts)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
