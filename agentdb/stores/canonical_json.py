"""JSON in one form: two values that are the same have the same text (RFC 8785, JSON Canonicalization Scheme).

One difference: an integer beyond 2**53 keeps all its digits. RFC 8785 would round it, and two numbers that differ would look
the same.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

from agentdb.stores.fields import json_encoder

_dumps = json_encoder(sort_keys=True)
_NUMBER_OR_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?')
#: The end of a number that is whole, which ECMAScript writes without it.
_WHOLE = re.compile(r"\.0(?=[,\]}])")
#: Keys are sorted by UTF-16 code units. Python sorts by code points, which differs where a character is beyond these.
_BEYOND_UTF16 = re.compile("[\U00010000-\U0010ffff]")


def canonical_json(value: Any) -> str:
    """The text of a JSON value, which agentdb.stores.fields.JSON has accepted."""
    text = _dumps(value)
    if not text.isascii() and _BEYOND_UTF16.search(text) is not None:
        text = _dumps_sorted(value)
    # Python and ECMAScript write a number in the same way, unless it has an exponent or is a whole float.
    # One character is found much quicker than two.
    if ("+" in text and "e+" in text) or ("-" in text and "e-" in text) or text.endswith(".0"):
        return _NUMBER_OR_STRING.sub(_number, text)
    return _with_whole_numbers(text) if ".0" in text else text


def _with_whole_numbers(text: str) -> str:
    """The text with `1` in the place of `1.0`, but not in strings: behind an even number of quotes."""
    quotes = text
    if "\\" in text:  # escaped quotes are none
        quotes = text.replace("\\\\", "__").replace('\\"', "__")
    kept = []
    start = counted = behind = 0
    for found in _WHOLE.finditer(text):
        at = found.start()
        counted += quotes.count('"', behind, at)
        behind = at
        if counted % 2 == 0:
            kept.append(text[start : at - 2] + "0" if text[at - 2 : at] == "-0" else text[start:at])
            start = at + 2
    kept.append(text[start:])
    return "".join(kept)


def canonical_hash(value: Any) -> str:
    """SHA-256 of the canonical text, as 64 hexadecimal digits."""
    return sha256(canonical_json(value).encode()).hexdigest()


_unsorted = json_encoder()


def _dumps_sorted(value: Any) -> str:
    return _unsorted(_sorted(value))


def _sorted(value: Any) -> Any:
    """The same value with the keys of each dict in the order of their UTF-16 code units."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value, key=lambda key: key.encode("utf-16-be"))}
    return [_sorted(each) for each in value] if isinstance(value, (list, tuple)) else value


def _number(found: re.Match[str]) -> str:
    """A number as ECMAScript writes it; a string as it is."""
    text = found[0]
    if text[0] == '"' or ("." not in text and "e" not in text):
        return text
    mantissa, _, exponent = text.lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction.rstrip("0")).lstrip("0")
    if not digits:
        return "0"
    # The value is 0.digits * 10**point.
    leading = len(whole + fraction) - len((whole + fraction).lstrip("0"))
    point = len(whole) - leading + int(exponent or 0)
    digits = digits.rstrip("0")
    sign = "-" if text[0] == "-" else ""
    if 0 < point <= 21:
        digits = digits.ljust(point, "0")
        return sign + digits[:point] + (f".{digits[point:]}" if digits[point:] else "")
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if digits[1:] else ""
    return f"{sign}{digits[0]}{rest}e{'+' if point > 0 else '-'}{abs(point - 1)}"
