"""Semantic versions: which texts are one, and in which order they stand (semver.org, version 2.0.0)."""

from __future__ import annotations

import re
from typing import Any

from agentdb.errors import FieldError
from agentdb.stores.fields import TEXT, Field

_NUMBER = "(?:0|[1-9][0-9]{0,17})"
_VERSION = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})"
    rf"(?:-((?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*))?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_MAX_LENGTH = 255


def _version(name: str, value: Any) -> str:
    text: str = TEXT.encode(name, value)
    if len(text) > _MAX_LENGTH or _VERSION.fullmatch(text) is None:
        raise FieldError.of(
            name,
            value,
            "is not a semantic version",
            code="not_one_of",
            remedy="Give three numbers with points between them, such as '1.10.0'; see semver.org.",
        )
    return text


VERSION_NUMBER = Field(_version)


def sort_key(version: str) -> str:
    """A text that sorts as the version does: by its numbers, and a pre-release before its release. Build metadata does not
    count."""
    found = _VERSION.fullmatch(version)
    if found is None:
        raise ValueError(version)
    *numbers, pre_release = found.groups()
    core = ".".join(map(_number_key, numbers))
    if pre_release is None:
        return f"{core}~"  # behind every pre-release, which a space begins
    return core + "".join([f" {_identifier_key(each)}" for each in pre_release.split(".")])


def _number_key(digits: str) -> str:
    return f"{len(digits):02}{digits}"


def _identifier_key(identifier: str) -> str:
    """Numbers come before words."""
    return f"0{_number_key(identifier)}" if identifier.isdigit() else f"1{identifier}"
