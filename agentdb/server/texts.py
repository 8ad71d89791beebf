"""What a message says, as one text, for clients that show text alone."""

from __future__ import annotations

from agentdb.stores.content_blocks import INERT, ITEM, RESULT, blocks_of, read
from agentdb.stores.messages.search_words import strings_of
from agentdb.stores.messages.values import Message

_KEYS = ("text", "content", "refusal")


def text_of(message: Message) -> str:
    """The content; of a message that has blocks instead, their texts and what tools gave, a line each; '' where it says
    nothing, as one that only calls tools."""
    if message.content is not None:
        return message.content
    parts: list[str] = []
    for block in blocks_of(message.payload):
        kind = read(block).kind
        if kind == RESULT:
            parts += [text for text, _ in strings_of(block)]
        elif kind in (INERT, ITEM):
            parts += [block[key] for key in _KEYS if isinstance(block.get(key), str)]
    return "\n".join(parts)
