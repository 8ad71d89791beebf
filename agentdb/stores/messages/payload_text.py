"""What a payload says as text, for searching: the texts, calls and results of every form that is known, and nothing else.

Only fields that are known to hold text are read. So ids, signatures, encrypted content and the bytes of files stay out.
"""

from __future__ import annotations

import json
import re
from typing import Any

from agentdb.stores.content_blocks import link_of

#: Fields that hold text for people, of blocks and of items.
_TEXTS = frozenset(
    ("text", "refusal", "thinking", "reasoning_content", "reasoning", "transcript", "title", "code", "logs")
)
#: Fields that hold blocks or items, or the text itself. `data` and `source` are read where they hold text, see _fields().
_INNER = frozenset(
    (
        *("content", "parts", "message", "kwargs", "additional_kwargs", "summary", "output", "outputs", "results"),
        *("tool_calls", "function", "function_call", "functionCall", "tool_use", "toolUse"),
        *("function_response", "functionResponse", "tool_result", "toolResult", "source", "data"),
    )
)
#: Fields that hold JSON of a form that the tool decides: all that it says is text.
_FREE = frozenset(("arguments", "args", "input", "response", "json", "action", "queries"))
#: Fields of such JSON that say nothing to a person.
_SILENT = frozenset(
    (
        *("type", "mime_type", "mimeType", "media_type", "mediaType"),
        *("signature", "thoughtSignature", "thought_signature", "encrypted_content"),
        *("call_id", "tool_call_id", "toolCallId", "tool_use_id", "toolUseId", "image_url", "file_id"),
    )
)
#: What the items and blocks of frameworks have one of.
_MARKS = ("type", "role", "kind", "part_kind")
#: The bytes of a file as text: a data URL, or a long run of base64, which has capitals, small letters and digits.
_BYTES = re.compile(
    r"data:[^,\s]{0,200};base64,"
    r"|(?=[^A-Z\s]*[A-Z])(?=[^a-z\s]*[a-z])(?=[^0-9\s]*[0-9])[A-Za-z0-9+/_-]{256,}={0,2}\s*\Z"
)


def text_of_known(payload: Any) -> str | None:
    """What a payload of a known form says: an item with a role, or a type, or blocks with a type each. Of any other JSON,
    which is the application's own, None."""
    items = payload if isinstance(payload, (list, tuple)) else [payload]
    known = all(isinstance(item, dict) and any(isinstance(item.get(mark), str) for mark in _MARKS) for item in items)
    return text_of(payload) if known else None


def text_of(payload: Any) -> str | None:
    """What blocks, or an item, say as text, the arguments of calls and what tools gave included; None where they say
    nothing."""
    found: list[str] = []
    left: list[tuple[Any, bool]] = [
        (payload, False)
    ]  # not recursive: a payload may be nested deeper than Python's stack
    while left:
        item, free = left.pop()
        if isinstance(item, str):
            if item and not _BYTES.match(item):
                found.append(item)
        elif isinstance(item, (list, tuple)):
            left += [(each, free) for each in reversed(item) if free or isinstance(each, (str, dict, list, tuple))]
        elif isinstance(item, dict):
            left += reversed(_free_fields(item) if free else _fields(item))
        elif free and item is not None:
            found.append(json.dumps(item))
    # A call that was cut off may end in half a character.
    return "\n".join(found).encode("utf-8", "replace").decode() if found else None


def _fields(item: dict[str, Any]) -> list[tuple[Any, bool]]:
    """What is to be read of a block or an item, in its order, each with whether it is JSON of any form."""
    fields: list[tuple[Any, bool]] = []
    answers = None
    for name, value in item.items():
        if name in _TEXTS:
            # As it is, whatever it looks like: it is meant to be read.
            fields += [(value, False)] if isinstance(value, (str, list, dict)) else []
        elif name in _FREE:
            fields.append((_parsed(value), True))
        elif name in _INNER:
            if isinstance(value, str):
                # Beside the type `text`, the data of a source are text; beside any other, they are bytes or sealed.
                readable = item.get("type") == "text" if name == "data" else name != "source"
                fields += [(value, False)] if readable else []
            elif name in ("content", "output") and isinstance(value, (dict, list)):
                answers = bool((link := link_of(item))[0] and link[1]) if answers is None else answers
                fields.append((value, answers and not _is_blocks(value)))
            elif isinstance(value, (dict, list, tuple)):
                fields.append((value, False))
    return fields


def _free_fields(item: dict[str, Any]) -> list[tuple[Any, bool]]:
    return [(value, True) for name, value in item.items() if name not in _SILENT]


def _is_blocks(value: Any) -> bool:
    """Whether what a tool gave is made of blocks, or has a form of its own."""
    return all(map(_is_block, value if isinstance(value, list) else [value]))


def _is_block(item: Any) -> bool:
    if not isinstance(item, dict):
        return isinstance(item, str)
    if "value" in item:  # output of the AI SDK: text or JSON, under a type
        return False
    return isinstance(item.get("type"), str) or isinstance(item.get("text"), str) or "json" in item


def _parsed(value: Any) -> Any:
    """Arguments that are JSON in a text, as values: a text in them is found without its escapes."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            pass  # cut off, or no JSON: it is found as it is
    return value
