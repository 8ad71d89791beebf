"""Files that hold an up and a down, parted by lines that a tool knows."""

from __future__ import annotations

import re
from collections.abc import Callable


def goose_sections(mark: str) -> Callable[[str, str], tuple[str, str | None, bool]]:
    """A reader of `-- +MARK Up`, `-- +MARK Down`, `StatementBegin` and `StatementEnd`. It raises ValueError."""
    pattern = re.compile(rf"\s*--\s*\+{mark}\s+(.*?)\s*", re.IGNORECASE)

    def read(text: str, _name: str) -> tuple[str, str | None, bool]:
        parts: dict[str, list[str]] = {}
        current: list[str] | None = None
        use_transaction = True
        for line in text.split("\n"):
            match = pattern.fullmatch(line)
            if match is None:
                if current is not None:
                    current.append(line)
                continue
            words = match[1].lower().split()
            word = words[0] if words else ""
            if word in ("up", "down"):
                if word in parts:
                    raise ValueError(f"has two sections {word}")
                current = parts[word] = []
                use_transaction = use_transaction and "notransaction" not in words
            elif words[:2] == ["no", "transaction"]:
                use_transaction = False
            elif word not in ("statementbegin", "statementend"):
                raise ValueError(f"has the line {line.strip()[:80]!r}, which is not carried over")
        if "up" not in parts:
            raise ValueError(f"has no line `-- +{mark} Up`")
        down = "\n".join(parts["down"]) if "down" in parts else None
        return "\n".join(parts["up"]), down, use_transaction

    return read


def dbmate_sections(text: str, _name: str) -> tuple[str, str | None, bool]:
    """A file of dbmate: `-- migrate:up`, with options, and `-- migrate:down`. Raises ValueError."""
    marks = list(re.finditer(r"^[ \t]*--[ \t]*migrate:(up|down)\b(.*)$", text, re.MULTILINE))
    kinds = [mark[1] for mark in marks]
    if kinds[:1] != ["up"] or len(kinds) > 2 or kinds[1:] == ["up"]:
        raise ValueError("does not have `-- migrate:up` and then `-- migrate:down`")
    end = marks[1].start() if len(marks) == 2 else len(text)
    up = text[marks[0].end() : end].removeprefix("\n")
    down = text[marks[1].end() :].removeprefix("\n") if len(marks) == 2 else None
    return up, down, "transaction:false" not in marks[0][2].replace(" ", "")
