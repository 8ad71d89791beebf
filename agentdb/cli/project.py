"""The table `[tool.agentdb]` of a project's pyproject.toml."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from agentdb.clients.location import MEMORY
from agentdb.errors import InvalidArgumentError

_FILE = "pyproject.toml"
_KEYS = ("database", "migrations")


@dataclass(frozen=True)
class Project:
    """What a project says to the command.

    file: the path of its pyproject.toml. folder: where that is; paths in the file are relative to it. database: a path or
    URL, or None. sources: what `migrations` lists; empty where the key is missing.
    """

    file: str
    folder: str
    database: str | None = None
    sources: tuple[str, ...] = ()

    def refuse(self, key: str, why: str, remedy: str) -> NoReturn:
        """Raise InvalidArgumentError for a key of the table."""
        raise InvalidArgumentError(f"{self.file}: tool.agentdb.{key} {why}", remedy=remedy)

    def path(self, path: str) -> str:
        """A path of the file, as the process finds it."""
        return path if self.folder == _working_folder() else os.path.join(self.folder, path)


def find() -> Project | None:
    """The project of the current folder: the first pyproject.toml there or in a parent. None where there is none.

    Raises InvalidArgumentError for a file that is no TOML, and for a table that says what it cannot say.
    """
    folder = _working_folder()
    while folder is not None:
        file = os.path.join(folder, _FILE)
        if os.path.isfile(file):
            return _read(file, folder)
        parent = os.path.dirname(folder)
        folder = parent if parent != folder else None
    return None


def database() -> str | None:
    """The database that the project names, if it names one. Raises InvalidArgumentError as find() does."""
    project = find()
    if project is None or project.database is None:
        return None
    named = project.database
    if named.lower().startswith("file:"):
        if named[5:6] == "/" or project.folder == _working_folder():
            return named
        from urllib.parse import quote

        return f"file:{quote(project.folder.replace(os.sep, '/'), safe='/:')}/{named[5:]}"
    return named if named == MEMORY or "://" in named or named.startswith("libsql:") else project.path(named)


def _working_folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None  # somebody has removed it


def _read(file: str, folder: str) -> Project:
    table = _toml(file).get("tool", {})
    table = table.get("agentdb", {}) if isinstance(table, dict) else {}
    project = Project(file, folder)
    if not isinstance(table, dict):
        raise InvalidArgumentError(
            f"{file}: tool.agentdb is {_kind(table)}; it is a table",
            remedy="Write it as [tool.agentdb], with its keys below.",
        )
    for key in table:
        if key not in _KEYS:
            project.refuse(key, "is not known", f"Correct or delete it. The keys are {' and '.join(_KEYS)}.")
    named = table.get("database")
    if named is not None and (type(named) is not str or not named):
        project.refuse(
            "database", f"is {_kind(named)}; it is the path or URL of a database", 'Write database = "agents.db".'
        )
    sources = table.get("migrations")
    if sources is not None:
        as_shown = 'Write migrations = ["agentdb.migrations", "my_app.migrations:NOTES", "migrations/"].'
        if not isinstance(sources, list):
            project.refuse("migrations", f"is {_kind(sources)}; it is a list of text", as_shown)
        if not sources:
            project.refuse("migrations", "is empty", "Name a set, or delete the key for the built-in migrations.")
        for source in sources:
            if type(source) is not str or not source:
                project.refuse("migrations", f"holds {_kind(source)}; it is a list of text", as_shown)
    return Project(file, folder, named, tuple(sources or ()))


def _toml(file: str) -> dict[str, Any]:
    import tomllib

    try:
        with open(file, "rb") as opened:
            data = opened.read()
    except OSError as error:
        raise InvalidArgumentError(
            f"{file} cannot be read: {error.strerror}", remedy="Let this user read it, or work in another folder."
        ) from error
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        why, line = f"is not UTF-8: {error.reason}", data.count(b"\n", 0, error.start) + 1
    except tomllib.TOMLDecodeError as error:
        why, _, where = str(error).partition(" (at ")
        # What is missing at the end of the file has no line of its own in the message.
        line = int(re.search(r"[0-9]+|\Z", where)[0] or data.rstrip().count(b"\n") + 1)  # type: ignore[index]
        why = f"is not TOML: {why}"
    raise InvalidArgumentError(f"{file}, line {line}, {why}", remedy="Correct that line.")


def _kind(value: Any) -> str:
    if value == "":
        return "empty text"
    kinds = {str: "text", bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "a table"}
    return kinds.get(type(value), f"a {type(value).__name__}")
