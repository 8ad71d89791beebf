"""The recorded payloads and conversations, read for tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "recorded"


@dataclass(frozen=True)
class RecordedPayload:
    """A single payload, as recorders/recording.py describes it."""

    family: str
    name: str
    kind: str
    role: str
    found: list[str]
    silent: list[str]
    payload: Any


@dataclass(frozen=True)
class RecordedMessage:
    """A message of a conversation, with what the checkers of APIs ask of one."""

    role: str
    payload: Any
    content: str | None = None


@dataclass(frozen=True)
class RecordedConversation:
    """A whole conversation, as recorders/recording.py describes it."""

    family: str
    name: str
    api: str
    valid: bool
    messages: list[RecordedMessage]


@cache
def _files() -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(_FOLDER.glob("*.json"))]


def payloads() -> list[RecordedPayload]:
    return [RecordedPayload(family=file["family"], **each) for file in _files() for each in file["payloads"]]


def conversations() -> list[RecordedConversation]:
    return [
        RecordedConversation(
            family=file["family"], **{**each, "messages": [RecordedMessage(**one) for one in each["messages"]]}
        )
        for file in _files()
        for each in file["conversations"]
    ]
