"""How many tokens a message has, where nobody counted: an estimate over all of it that is sent to a model.

Four bytes of text are one token. What is no text has a flat cost, because the length of its base64 says nothing.
"""

from __future__ import annotations

from typing import Any

from agentdb.stores.content_blocks import type_of, words_of

#: A picture: what providers take for one of about 1,000 by 1,200 pixels.
IMAGE_TOKENS = 1_600
#: A piece of sound or film: about a minute of sound.
AUDIO_TOKENS = 2_000
#: A file that is sent as it is: a PDF of about two pages.
FILE_TOKENS = 3_000
#: Bytes of text that count as one token.
BYTES_PER_TOKEN = 4

#: The blocks that hold no text, by their types and by the keys under which untyped ones stand.
_MEDIA = {
    **dict.fromkeys(("image", "input_image", "output_image", "image_url", "image_file", "image_data"), IMAGE_TOKENS),
    **dict.fromkeys(("image_file_id", "computer_screenshot", "image_generation_call"), IMAGE_TOKENS),
    **dict.fromkeys(("audio", "input_audio", "output_audio", "audio_url", "video", "input_video"), AUDIO_TOKENS),
    **dict.fromkeys(("video_url",), AUDIO_TOKENS),
    **dict.fromkeys(
        ("file", "input_file", "file_url", "file_data", "file_id", "document", "document_url"), FILE_TOKENS
    ),
    **dict.fromkeys(("media", "binary", "container_upload", "inline_data", "uploaded_file"), FILE_TOKENS),
}
#: Where such a block has its bytes, or says where they are.
_PLACES = frozenset(
    (
        *("data", "bytes", "base64", "image", "result", "file_data", "image_url", "url", "uri", "fileUri", "file_uri"),
        *("file_id", "fileId", "file_url"),
    )
)
#: Keys of what only the provider reads, or nobody: names of shapes, ids, signatures, notes of a framework.
_SILENT = frozenset(
    (
        *(
            "type",
            "kind",
            "part_kind",
            "role",
            "id",
            "status",
            "object",
            "index",
            "call_id",
            "tool_call_id",
            "toolCallId",
        ),
        *("tool_use_id", "toolUseId", "signature", "thoughtSignature", "thought_signature", "timestamp", "run_id"),
        *("mime_type", "mimeType", "media_type", "mediaType", "format", "detail", "usage", "response_metadata"),
        *("usage_metadata", "provider_details", "cache_control", "model_name", "provider_name"),
    )
)
#: Keys of JSON whose form a tool decides: all of it is sent.
_FREE = frozenset(("arguments", "args", "input", "action", "response"))


def estimate(content: str | None, tool_calls: Any = None, payload: Any = None, extra: Any = None) -> int:
    """The tokens of a message: of its payload, or of its content and calls where those are more; and of what stood beside
    them in a caller's dict."""
    size = _length(content) if content else 0
    flat = 0
    if tool_calls:
        size += _measured(tool_calls)[0]
    if payload:
        own, flat = _measured(payload)
        size = max(size, own)
    if extra:
        more, beside = _measured(extra)
        size, flat = size + more, flat + beside
    return (size + BYTES_PER_TOKEN - 1) // BYTES_PER_TOKEN + flat


def tokens_of(text: str) -> int:
    """The tokens of a text."""
    return (_length(text) + BYTES_PER_TOKEN - 1) // BYTES_PER_TOKEN


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _measured(value: Any) -> tuple[int, int]:
    """The bytes of what is text in a value, and the flat costs of what is none."""
    size, flat = 0, 0
    left: list[tuple[Any, int, bool]] = [(value, 0, False)]  # each with the cost of the block that it stands in
    while left:  # not recursive: a payload may be nested deeper than Python's stack
        item, cost, is_free = left.pop()
        if isinstance(item, str):
            size += _length(item)
        elif isinstance(item, (list, tuple)):
            left += [(each, cost, is_free) for each in item]
        elif isinstance(item, dict):
            if is_free:
                size += sum(map(_length, item))
                left += [(each, 0, True) for each in item.values()]
                continue
            cost = _cost(item, cost)
            if cost and not _is_text(item) and any(isinstance(item.get(name), str) for name in _PLACES):
                flat += cost
                item = {name: each for name, each in item.items() if name not in _PLACES}
            for name, each in item.items():
                if name in _SILENT:
                    continue
                is_nested = isinstance(each, (dict, list))
                left.append((each, (cost or _MEDIA.get(words_of(name), 0)) if is_nested else 0, name in _FREE))
        elif is_free:
            size += len(str(item))
    return size, flat


def _cost(block: dict[str, Any], outer: int) -> int:
    """What a block costs that holds no text; 0 for any other. A media type tells more than the type of a block does."""
    for name in ("media_type", "mime_type", "mimeType", "mediaType"):
        if isinstance(mime := block.get(name), str):
            return _MEDIA.get(mime.partition("/")[0], FILE_TOKENS)
    if outer:
        return outer
    type = type_of(block)
    return _MEDIA.get(words_of(type), 0) if isinstance(type, str) else 0


def _is_text(block: dict[str, Any]) -> bool:
    """Whether the data of a block are text: the source of a document may be."""
    return block.get("type") == "text" or str(block.get("media_type", "")).startswith("text/")
