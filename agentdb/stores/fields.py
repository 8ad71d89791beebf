"""What a column holds: from a caller's value to SQLite's, with an error that names the field, and back."""

from __future__ import annotations

import json
import marshal
import re
from copy import copy
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from agentdb.errors import FieldError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

#: JSON arrays and objects; names of their own, because stores have a method `list`.
JsonArray: TypeAlias = list[Any]
JsonObject: TypeAlias = dict[str, Any]


class Unset(Enum):
    """The type of UNSET, for annotations."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return self.name

    def __bool__(self) -> bool:
        return False


#: Says of an argument that it was not given, where None is a value: `update(id, name=UNSET)` leaves the name alone.
UNSET: Final = Unset.UNSET


class NotRead(Enum):
    """The type of NOT_READ, for annotations."""

    NOT_READ = "NOT_READ"

    def __repr__(self) -> str:
        return self.name

    def __str__(self) -> str:
        return "[not read]"


#: Stands in `message.payload` where a list was asked for without payloads and the message has one.
NOT_READ: Final = NotRead.NOT_READ

#: JSON nested deeper than this is not written; newer SQLite refuses it from 1,000 on.
MAX_JSON_DEPTH = 500
#: JSON that raw SQL wrote is read up to this depth, however deep the caller's stack is: a new thread can always parse it.
MAX_READ_DEPTH = 900

#: A count of tokens has 53 bits: sums of them stay integers, and every reader of JSON can hold them.
MAX_TOKENS = 2**53 - 1


class Field:
    """One kind of column. `decode` is None where SQLite's value is the caller's value; where the column is `nullable`, NULL
    is None and not decoded. `column` is the column's name where it is not the field's."""

    column: str | None = None

    def __init__(
        self, encode: Callable[[str, Any], Any], decode: Callable[[Any], Any] | None = None, *, nullable: bool = False
    ) -> None:
        #: encode() of what is not None.
        self.encode_given = encode
        self.decode = decode
        self.nullable = nullable

    def encode(self, name: str, value: Any) -> Any:
        """The value for SQLite. Raises FieldError, which names the field and the value."""
        if value is None:
            if self.nullable:
                return None
            raise FieldError.of(name, value, "is required", code="missing_value")
        return self.encode_given(name, value)

    def decode_all(self, values: Sequence[Any]) -> Iterable[Any]:
        """What decode() gives, for each value of a column."""
        decode = self.decode
        if decode is None or (self.nullable and values.count(None) == len(values)):
            return values
        if self.nullable:
            return [None if value is None else decode(value) for value in values]
        return map(decode, values)

    def or_none(self) -> Field:
        """The same, or NULL."""
        return type(self)(self.encode_given, self.decode, nullable=True)

    def stored_as(self, column: str) -> Field:
        """The same, in a column of another name: `metadata=JSON_OBJECT.or_none().stored_as("metadata_json")`."""
        field = copy(self)
        field.column = column
        return field


class _JsonField(Field):
    def decode_all(self, values: Sequence[Any]) -> Iterable[Any]:
        """Parsed together, as one array: quicker, and a key that every row has is one string in memory."""
        missing = values.count(None) if self.nullable else 0
        if missing and missing == len(values):
            return values
        texts = ["null" if value is None else value for value in values] if missing else values
        try:
            if max(map(len, texts)) > 2 * MAX_READ_DEPTH:
                for each in texts:
                    _check_depth(each)
            text = f"[{','.join(texts)}]"
            parsed, end = _scan(text, 0)
        except (StopIteration, ValueError, TypeError, RecursionError):
            return super().decode_all(values)  # one of them cannot be read, and its own error says so
        return parsed if end == len(text) and len(parsed) == len(values) else super().decode_all(values)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise FieldError.of(name, value, f"is text, not {type(value).__name__}", code="wrong_type")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise FieldError.of(
                name, value, f"holds a lone surrogate at index {error.start}, which is not text", code="not_text"
            ) from None
    return value if type(value) is str else str.__str__(value)  # str() of an Enum is its name


def _id(name: str, value: Any) -> str:
    text = _text(name, value)
    if not text:
        raise FieldError.of(name, value, "is empty", code="missing_value")
    return text


def _integer(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise FieldError.of(name, value, f"is an integer, not {type(value).__name__}", code="wrong_type")
    if not -(2**63) <= value < 2**63:
        raise FieldError.of(name, value, "does not fit in 64 bits", code="too_large")
    return int(value)


def _count(name: str, value: Any) -> int:
    if _integer(name, value) < 0:
        raise FieldError.of(name, value, "is less than 0", code="too_small")
    return int(value)


def _tokens(name: str, value: Any) -> int:
    if _count(name, value) > MAX_TOKENS:
        raise FieldError.of(name, value, f"is more than {MAX_TOKENS}", code="too_large", remedy="Give a smaller count.")
    return int(value)


def _encode_time(name: str, value: Any) -> str:
    if not isinstance(value, datetime):
        raise FieldError.of(name, value, f"is an aware datetime, not {type(value).__name__}", code="wrong_type")
    if value.utcoffset() is None:
        raise FieldError.of(name, value, "has no time zone, so it is not a point in time", code="naive_datetime")
    try:
        return time_text(value)
    except OverflowError:
        raise FieldError.of(name, value, "is outside the years 1 to 9999 in UTC", code="too_large") from None


def time_text(value: datetime) -> str:
    """An aware datetime as the database has it: UTC, milliseconds (finer digits are cut), `Z`."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def now_text() -> str:
    """This moment as the database has it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def json_encoder(*, sort_keys: bool = False) -> Callable[[Any], str]:
    """JSONEncoder.encode(), but with one C encoder for all values: it makes one for each, which costs as much again."""
    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=sort_keys, separators=(",", ":"))
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # a Python without it
        return encoder.encode
    quoted = json.encoder.encode_basestring
    # What is circular is refused by _check_json(), as too deep.
    chunks = make(None, encoder.default, quoted, None, ":", ",", sort_keys, False, False)
    return lambda value: "".join(chunks(value, 0))


_dumps = json_encoder()
#: Brackets of JSON, and its strings, whose brackets are none.
_BRACKETS = re.compile(r'[\[\]{}]|"(?:[^"\\]|\\.)*"', re.DOTALL)
_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def _encode_json(name: str, value: Any) -> str:
    _check_json(name, value)
    try:
        text = _dumps(value)
        if not text.isascii():
            text.encode()
    except UnicodeEncodeError as error:
        raise FieldError.of(name, value, "holds a lone surrogate, which is not text", code="not_text") from error
    except ValueError as error:  # Python writes no integer of more than some thousand digits
        raise FieldError.of(name, value, "holds an integer with too many digits", code="too_large") from error
    return text


_TEXT_ALONE = frozenset((str,))
_SIMPLE = frozenset((str, int, bool, type(None)))


def _is_simple(value: Any) -> bool:
    """Whether this is a dict with keys of text and with neither floats nor anything nested."""
    return (
        type(value) is dict
        and _SIMPLE.issuperset(map(type, value.values()))
        and _TEXT_ALONE.issuperset(map(type, value))
    )


def _check_json(name: str, value: Any) -> None:
    """Refuse what json would store as something else or not at all: NaN, keys that are no text, any other object."""
    if _is_simple(value):
        return
    # Depth first: what holds itself is too deep on the first way down, however often it does.
    levels = [iter((value,))]
    while levels:
        for item in levels[-1]:
            if item is None or isinstance(item, (str, int)):
                continue
            if isinstance(item, dict):
                if _is_simple(item) and len(levels) <= MAX_JSON_DEPTH:
                    continue
                for key in item:
                    if not isinstance(key, str):
                        raise FieldError.of(
                            name, value, f"has a key that is not text but {type(key).__name__}", code="not_json"
                        )
                levels.append(iter(item.values()))
                break
            if isinstance(item, (list, tuple)):
                if _SIMPLE.issuperset(map(type, item)) and len(levels) <= MAX_JSON_DEPTH:
                    continue
                levels.append(iter(item))
                break
            if not isinstance(item, float):
                raise FieldError.of(
                    name, value, f"holds a {type(item).__name__}, which JSON does not have", code="not_json"
                )
            if not isfinite(item):
                raise FieldError.of(name, value, f"holds {item}, which JSON does not have", code="not_json")
        else:
            levels.pop()
        if len(levels) > MAX_JSON_DEPTH + 1:
            raise FieldError.of(
                name, value, f"is nested deeper than {MAX_JSON_DEPTH} levels, or in itself", code="not_json"
            )


def _decode_json(text: str) -> Any:
    # The C scanner alone: json.loads() would look for white space first, which this package never writes.
    _check_depth(text)
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        return json.loads(text)
    except RecursionError:
        return _loads_on_a_new_stack(text)
    return value if end == len(text) else json.loads(text)


#: A longer text is parsed each time.
_MAX_KEPT = 2**16


def _decode_kept(text: str) -> Any:
    if len(text) > _MAX_KEPT:
        return _decode_json(text)
    return marshal.loads(_kept(text))


@lru_cache(maxsize=8)
def _kept(text: str) -> bytes:
    """What a text of JSON is, as bytes from which each reader gets lists and dicts of its own: quicker than to parse it."""
    return marshal.dumps(_decode_json(text))


def _check_depth(text: str) -> None:
    """Raises ValueError for JSON that is nested too deep to be parsed at any depth of the caller's stack."""
    if len(text) <= 2 * MAX_READ_DEPTH or text.count("[") + text.count("{") <= MAX_READ_DEPTH:
        return
    depth = 0
    for found in _BRACKETS.finditer(text):
        bracket = found[0]
        if bracket in "[{":
            depth += 1
            if depth > MAX_READ_DEPTH:
                raise ValueError(f"its JSON is nested deeper than {MAX_READ_DEPTH} levels")
        elif bracket in "]}":
            depth -= 1


def _loads_on_a_new_stack(text: str) -> Any:
    """Parse JSON for a caller whose own stack has no room left: on a thread of its own."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(json.loads, text).result()


def _json_array(name: str, value: Any) -> str:
    if not isinstance(value, (list, tuple)):
        raise FieldError.of(name, value, f"is a list, not {type(value).__name__}", code="wrong_type")
    return _encode_json(name, value)


def _json_object(name: str, value: Any) -> str:
    if not isinstance(value, dict):
        raise FieldError.of(name, value, f"is a dict, not {type(value).__name__}", code="wrong_type")
    return _encode_json(name, value)


def _json_array_or_object(name: str, value: Any) -> str:
    if not isinstance(value, (list, tuple, dict)):
        raise FieldError.of(name, value, f"is a list or a dict, not {type(value).__name__}", code="wrong_type")
    return _encode_json(name, value)


def _score(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FieldError.of(name, value, f"is a number, not {type(value).__name__}", code="wrong_type")
    if not 0 <= value <= 1:  # NaN is neither
        code = "too_large" if value > 1 else "too_small"
        raise FieldError.of(name, value, "is not from 0 to 1", code=code, remedy="Give a number from 0 to 1.")
    return float(value)


def _boolean(name: str, value: Any) -> int:
    if not isinstance(value, bool):
        raise FieldError.of(name, value, f"is True or False, not {type(value).__name__}", code="wrong_type")
    return int(value)


TEXT = Field(_text)
BOOLEAN = Field(_boolean, bool)
ID = Field(_id)
INTEGER = Field(_integer)
COUNT = Field(_count)
TOKENS = Field(_tokens)
SCORE = Field(_score)
TIME = Field(_encode_time, datetime.fromisoformat)
JSON = _JsonField(_encode_json, _decode_json)
JSON_ARRAY = _JsonField(_json_array, _decode_json)
JSON_OBJECT = _JsonField(_json_object, _decode_json)
#: For a column of which the same value is read again and again.
JSON_OBJECT_KEPT = _JsonField(_json_object, _decode_kept)
JSON_ARRAY_OR_OBJECT = _JsonField(_json_array_or_object, _decode_json)


#: What a read does with a row that cannot be read.
OnError: TypeAlias = Literal["raise", "placeholder"]


def one_of(*values: str) -> Field:
    """An enumeration, as its CHECK has it."""
    allowed = frozenset(values)

    def encode(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise FieldError.of(name, value, f"is one of {', '.join(values)}", code="not_one_of")
        return str.__str__(value)

    return Field(encode)


ON_ERROR = one_of("raise", "placeholder")
