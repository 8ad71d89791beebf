"""What a recorder gives: single payloads and whole conversations, and the values that they are made of."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

#: Every time in the recordings.
AT = datetime(2026, 3, 14, 9, 26, 53, 589000, tzinfo=UTC)
AT_TEXT = "2026-03-14T09:26:53.589Z"
#: Seconds since 1970 at AT.
AT_SECONDS = AT.timestamp()

#: A signature, and encrypted content, as the providers send them: base64 of nothing readable.
SIGNATURE = b64encode(bytes((7 * n * n + 31 * n + 5) % 256 for n in range(180))).decode()
SEALED = "gAAAAABo" + b64encode(bytes((11 * n * n + 3 * n + 17) % 256 for n in range(150))).decode()


def picture(shade: int = 0) -> bytes:
    """A valid PNG of 10 by 10 pixels, the same in every run: its data are stored, not compressed."""
    rows = b"".join(b"\0" + bytes((shade + 37 * x + 11 * y) % 256 for x in range(30)) for y in range(10))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 10, 10, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")


def picture_text(shade: int = 0) -> str:
    return b64encode(picture(shade)).decode()


def picture_url(shade: int = 0) -> str:
    return f"data:image/png;base64,{picture_text(shade)}"


def long_output(subject: str, lines: int = 30) -> str:
    """What a tool gives: long enough that a pruning is worth it."""
    return "\n".join(f"{n:03} {subject}: reading {17 * n % 101} of station {n % 7}" for n in range(lines))


@dataclass
class Recording:
    """The payloads and conversations of one family: the items of one SDK, in one form."""

    family: str
    #: The name of the checker of conversations in api_checkers.
    api: str
    #: The packages that made it.
    packages: tuple[str, ...]
    payloads: list[dict[str, Any]] = field(default_factory=list)
    conversations: list[dict[str, Any]] = field(default_factory=list)

    def payload(
        self, name: str, kind: str, role: str, payload: Any, *, found: Iterable[str] = (), silent: Iterable[str] = ()
    ) -> None:
        """Add a single payload. kind: text, call, result, call_and_result, reasoning, media, system, or a mixture joined
        by '+'. found: what a person would remember of it, and must find. silent: what must not be in the search index."""
        self.payloads.append(
            {
                "name": name,
                "kind": kind,
                "role": role,
                "found": list(found),
                "silent": list(silent),
                "payload": payload,
            }
        )

    def conversation(
        self, name: str, messages: Iterable[tuple[str, Any]], *, api: str | None = None, valid: bool = True
    ) -> None:
        """Add a conversation of (role, payload). valid: whether its API accepts it as it was recorded; False where a
        result came late, and belongs behind its call."""
        listed = [{"role": role, "payload": payload} for role, payload in messages]
        self.conversations.append({"name": name, "api": api or self.api, "valid": valid, "messages": listed})
