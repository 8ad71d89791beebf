"""What a path or a URL means."""

from __future__ import annotations

import os
from stat import S_ISDIR, S_ISREG

from agentdb.errors import AgentDBError, InvalidArgumentError, StorageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    #: A path, a `file:` URL, or ':memory:'.
    Place: TypeAlias = "str | os.PathLike[str]"

MEMORY = ":memory:"
_REMOTE = ("http://", "https://", "ws://", "wss://", "libsql:")


def is_place(value: object) -> bool:
    """Whether this is something that names a database, rather than a client."""
    return isinstance(value, (str, os.PathLike))


def is_remote(place: object) -> bool:
    """Whether this is the URL of a server."""
    return isinstance(place, str) and place[:9].lower().startswith(_REMOTE)


def local_path(place: Place) -> str:
    """The absolute path that a path or a `file:` URL names, or ':memory:'.

    Percent-escapes of a `file:` URL are decoded; those of a path are part of its name. Raises InvalidArgumentError for
    what names no database, AgentDBError `remote_not_supported` for the URL of a server.
    """
    if not is_place(place):
        raise InvalidArgumentError(f"a database is named by a path or a URL, not by {type(place).__name__}")
    text = os.fspath(place)
    if not isinstance(text, str):
        text = os.fsdecode(text)
    if isinstance(place, str):
        lowered = text[:9].lower()
        if lowered.startswith(_REMOTE):
            raise AgentDBError(f"{_without_secrets(text)!r} names a libSQL server", code="remote_not_supported")
        if lowered.startswith("file:"):
            text = _path_of_file_url(text)
        elif "://" in text:
            raise InvalidArgumentError(f"{_without_secrets(text)!r} has an unknown scheme", code="unsupported_url")
        if text == MEMORY:
            return MEMORY
    if not text:
        raise InvalidArgumentError("the path of the database is empty")
    if "\0" in text:
        raise InvalidArgumentError(f"the path {text!r} holds a NUL character")
    return absolute(text)


def absolute(path: str) -> str:
    """The absolute path. Raises StorageError where it is relative to a working folder that is gone."""
    try:
        return os.path.abspath(path)
    except FileNotFoundError as error:
        raise StorageError(
            f"the path {path!r} is relative, and the folder that this process works in is gone",
            code="folder_missing",
            remedy="Name the whole path, or start the program in a folder that is there.",
        ) from error


def _path_of_file_url(url: str) -> str:
    rest = url[5:]
    for mark in "?#":
        if mark in rest:
            raise InvalidArgumentError(
                f"{url!r} carries options after {mark!r}",
                code="unsupported_url",
                remedy="Give options as arguments of create_client(); write ? and # in a file name as %3F and %23.",
            )
    if rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        if authority not in ("", "localhost"):
            raise InvalidArgumentError(
                f"{url!r} names the host {authority!r}",
                code="unsupported_url",
                remedy="Write file:///absolute/path or file:relative/path.",
            )
        rest = slash + path
    from urllib.parse import unquote_to_bytes

    path = os.fsdecode(unquote_to_bytes(rest))  # file names are bytes, and need not be UTF-8
    if os.name == "nt" and path[:1] == "/" and path[2:3] == ":":
        path = path[1:]
    return path


def _without_secrets(url: str) -> str:
    """The URL without user, password and query: an error message must not carry a token into a log."""
    head, _, _ = url.partition("?")
    scheme, mark, rest = head.partition("://")
    return scheme + mark + rest.rpartition("@")[2]


def check_place(path: str, *, read_only: bool) -> None:
    """Refuse, each by its own name, what SQLite would only call 'unable to open database file', or would wait on."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        _check_folder(os.path.dirname(path), path)
        if read_only:
            raise StorageError(f"there is no database at {path}", code="file_missing") from None
        return
    except NotADirectoryError:
        _check_folder(os.path.dirname(path), path)
        raise StorageError(
            f"{path} cannot be opened: a part of it is a file, not a folder", code="folder_missing"
        ) from None
    except OSError as error:
        raise StorageError(f"{path} cannot be opened: {error.strerror}", code="cannot_open") from error
    mode = found.st_mode
    if S_ISDIR(mode):
        raise StorageError(f"{path} is a directory", code="is_a_directory")
    if not S_ISREG(mode):
        raise StorageError(f"{path} is a device, a pipe or a socket, not a file", code="cannot_open")
    if found.st_size == 1 and not _is_made_by_sqlite(path):
        raise StorageError(f"{path} is not a SQLite database: it holds one byte", code="not_a_database")


def _is_made_by_sqlite(path: str) -> bool:
    """SQLite takes a file of one byte for an empty one, and would overwrite it: on some file systems it makes such."""
    try:
        with open(path, "rb") as file:
            return file.read(1) == b"S"
    except OSError:
        return True  # it will say itself what is wrong


def _check_folder(folder: str, path: str) -> None:
    if not os.path.isdir(folder):
        if os.path.exists(folder):
            raise StorageError(f"{folder} is a file, not a folder, so {path} cannot be in it", code="folder_missing")
        raise StorageError(f"the folder {folder} does not exist", code="folder_missing")
