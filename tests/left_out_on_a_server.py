"""The tests of stores and of the migrator that do not run on a server, each with its reason."""

from __future__ import annotations

import pytest

#: file, or file::test -> why.
LEFT_OUT: dict[str, str] = {}


def why_left_out(item: pytest.Item) -> str | None:
    """The reason; None where a test runs on a server, too."""
    file = item.path.name
    name = getattr(item, "originalname", None) or item.name
    if file in LEFT_OUT:
        return LEFT_OUT[file]
    if f"{file}::{name}" in LEFT_OUT:
        return LEFT_OUT[f"{file}::{name}"]
    function = getattr(item, "function", None)
    if function is not None and "path" in function.__code__.co_varnames[: function.__code__.co_argcount]:
        return "it looks into the file itself"
    return None
