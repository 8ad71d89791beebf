"""What is left of a message whose tool outputs are pruned: an item that its API still accepts, with words in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentdb.stores.content_blocks import INERT, ITEM, OWN, RESULT, is_result, read, type_of, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Where a result has its output, and where its text stands in an output whose form the API decides.
_OUTPUTS = ("output", "content", "result", "response", "errorText")
_TEXTS = frozenset(("stdout", "stderr", "output", "text", "logs", "content", "value", "snippet", "result", "markdown"))
_INNER = ("content", "parts", "blocks", "data", "kwargs", "message")
_BEDROCK, _GEMINI = ("toolResult", "tool_result"), ("functionResponse", "function_response")
_CODE = ("codeExecutionResult", "code_execution_result")


def pruned_message(kind: str, content: str | None, payload: Any, words: str) -> tuple[str | None, Any] | None:
    """A message's content and payload with `words` in place of what tools gave, and of nothing else. None where it has
    nothing of a tool, or a payload of a form that this does not know."""
    if payload is None:
        return (words, None) if kind == "tool" else None
    left = pruned(payload, words, is_output=kind == "tool")
    if left is None:
        return None
    if content is None:
        return None, left
    if kind == "tool" or is_result(payload):
        return words, left
    return _reworded(content, list(_blocks(payload)), words), left


def pruned(payload: Any, words: str, *, is_output: bool = False) -> Any:
    """A payload with `words` in place of what tools gave, or None where it holds no output in a form that this knows.

    is_output: all that it says is the output of a tool.
    """
    if isinstance(payload, list):
        if not all(isinstance(block, dict) for block in payload):
            return None
        blocks = [_block(block, words) for block in payload]
        if blocks != payload:
            return blocks
        is_text = is_output and bool(payload) and all(read(block).kind == INERT for block in payload)
        return _text_blocks(payload, words) if is_text else None
    left = _block(payload, words)
    if left == payload and is_output and read(payload).kind == ITEM and "content" in payload:
        left = {**payload, "content": _said(payload["content"], words)}
    return None if left == payload else left


def _block(block: dict[str, Any], words: str) -> dict[str, Any]:
    """A block, or an item, without the outputs in it."""
    kind = read(block).kind
    if kind == RESULT:
        return _result(block, words)
    if kind == OWN:
        return _own(block, words)
    if kind != ITEM:
        return block
    found = dict(block)
    for name in _INNER:
        value = block.get(name)
        if isinstance(value, dict):
            found[name] = _block(value, words)
        elif isinstance(value, list):
            found[name] = [_block(each, words) if isinstance(each, dict) else each for each in value]
    return found


def _result(block: dict[str, Any], words: str) -> dict[str, Any]:
    for name in (*_GEMINI, *_BEDROCK, *_CODE):
        if isinstance(inner := block.get(name), dict):
            return {**block, name: _wrapped(name, inner, words)}
    type = type_of(block)
    named = words_of(type) if isinstance(type, str) else ""
    for key in _OUTPUTS:
        if key not in block:
            continue
        value = block[key]
        if isinstance(value, str):
            return {**block, key: words}
        if _is_structured(named, value):
            return {**block, key: _inside(value, words)}
        if key == "response":
            return {**block, key: {"output": words}}
        return {**block, key: _said(value, words)} if value else block
    return block


def _wrapped(name: str, inner: dict[str, Any], words: str) -> dict[str, Any]:
    if name in _GEMINI:
        # The parts of a response are its pictures and files; they belong to the output.
        return {key: each for key, each in inner.items() if key != "parts"} | {"response": {"output": words}}
    if name in _CODE:
        return {**inner, "output": words} if inner.get("output") else inner
    return {**inner, "content": [{"text": words}]} if inner.get("content") else inner


def _own(block: dict[str, Any], words: str) -> dict[str, Any]:
    """A call that its provider runs, with its output in it."""
    if "toolCallId" in block:  # a part of a message of a user interface
        return {**block, "output": words} if "output" in block else block
    found = dict(block)
    for key in ("output", "outputs", "results"):
        if isinstance(value := block.get(key), str):
            found[key] = words
        elif isinstance(value, list):
            found[key] = _inside(value, words)
    return found


def _is_structured(type: str, value: Any) -> bool:
    """Whether the API decides the form of an output: it has no place for a text then."""
    if isinstance(value, dict):
        # A value under a type, or a result of a server's tool.
        return isinstance(value.get("type"), str) and "part_kind" not in type
    if not isinstance(value, list) or not value:
        return False
    if type.startswith("shell_call") or (type.endswith("_tool_result") and type != "mcp_tool_result"):
        return True
    return type.endswith("search_result") or type == "url_context_result"


def _inside(value: Any, words: str) -> Any:
    """An output with words in place of the texts in it, and of results whose text only their provider can read."""
    if isinstance(value, list):
        if value and all(isinstance(each, dict) and "encrypted_content" in each for each in value):
            return [{**value[0], "title": words}]
        return [_inside(each, words) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") in ("json", "content", "error-json", "error_json") and "value" in value:
        return {**value, "value": _said(value["value"], words)}
    is_data = value.get("type") == "text" and "data" in value
    if isinstance(source := value.get("source"), dict) and source.get("type") == "base64":
        return {**value, "source": {"type": "text", "media_type": "text/plain", "data": words}}
    return {
        name: words
        if isinstance(each, str) and len(each) > len(words) and (name in _TEXTS or (is_data and name == "data"))
        else _inside(each, words)
        for name, each in value.items()
    }


def _said(value: Any, words: str) -> Any:
    """Words in the form of an output that has a place for a text."""
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        return _text_blocks(value, words) if all(read(each).kind == INERT for each in value) else words
    return [words] if isinstance(value, list) and value and all(isinstance(each, str) for each in value) else words


def _text_blocks(blocks: list[dict[str, Any]], words: str) -> list[dict[str, Any]]:
    """One block of text, of the type that these have."""
    types = [block["type"] for block in blocks if isinstance(block.get("type"), str)]
    if not types and any("text" in block for block in blocks):
        return [{"text": words}]
    named = next((type for type in types if type.endswith("text")), None)
    return [
        {"type": named or ("input_text" if any(type.startswith("input_") for type in types) else "text"), "text": words}
    ]


def _blocks(payload: Any) -> Iterator[dict[str, Any]]:
    """The blocks of a payload, in their order; not what stands inside a call or a result."""
    left = [payload]
    while left:
        item = left.pop()
        if isinstance(item, list):
            left += reversed(item)
        elif isinstance(item, dict):
            if read(item).kind == ITEM:
                left += reversed([item[name] for name in _INNER if isinstance(item.get(name), (dict, list))])
            else:
                yield item


def _texts_of(result: dict[str, Any]) -> list[str]:
    """What a result says, in the forms in which the content of its message may have it; the first is the whole."""
    output = result.get("output", result.get("content"))
    if not isinstance(output, list):
        return [output] if isinstance(output, str) else []
    texts = [block.get("text") if isinstance(block, dict) else block for block in output]
    return ["\n".join(found := [text for text in texts if isinstance(text, str)]), *found]


def _reworded(content: str, blocks: list[dict[str, Any]], words: str) -> str:
    """A content that somebody else has made of blocks, with `words` in place of what tools gave: each output once, and never
    where another block says the same."""
    taken: list[tuple[int, int, str]] = []
    end = 0
    for block in blocks:
        text = None if is_result(block) else block.get("text")
        if isinstance(text, str) and text and (at := content.find(text, end)) >= 0:
            end = at + len(text)
            taken.append((at, end, text))
    for block in filter(is_result, blocks):
        for text in _texts_of(block):
            if len(text) > len(words) and (at := _free(content, text, taken)) >= 0:
                taken.append((at, at + len(text), words))
    pieces, last = [], 0
    for start, end, text in sorted(taken):
        pieces += [content[last:start], text]
        last = end
    return "".join([*pieces, content[last:]])


def _free(content: str, text: str, taken: list[tuple[int, int, str]]) -> int:
    """Where the text stands first, beside what is taken; or -1."""
    at = content.find(text)
    while at >= 0:
        behind = max((end for start, end, _ in taken if start < at + len(text) and at < end), default=None)
        if behind is None:
            return at
        at = content.find(text, behind)
    return -1
