"""Vectors as BLOBs of 32-bit floats, and the cosine distance between them."""

from __future__ import annotations

from functools import cache
from heapq import nsmallest
from importlib import import_module
from math import hypot, inf, nan
from numbers import Real
from operator import mul
from struct import error as struct_error
from struct import pack, unpack
from typing import TYPE_CHECKING, Any

from agentdb.errors import FieldError
from agentdb.stores.fields import Field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

#: Dimensions of a vector at the most.
MAX_DIMENSIONS = 65_536
#: The sum of the squares of a vector: 32-bit floats can compute with what is between.
_SHORTEST, _LONGEST = 1e-30, 1e38
_NUMBERS = frozenset((float, int))


def encode_vector(name: str, value: Any) -> bytes:
    """A vector as SQLite has it: a list or a tuple of numbers, an array, or the bytes of 32-bit floats. Raises FieldError."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        blob = bytes(value)
        if len(blob) % 4:
            raise FieldError.of(name, value, "is no whole number of 32-bit floats", code="bad_vector")
    else:
        blob = _packed(name, value)
    count = len(blob) // 4
    if not 1 <= count <= MAX_DIMENSIONS:
        code = "too_large" if count else "missing_value"
        why = f"has {count} dimensions, not 1 to {MAX_DIMENSIONS}"
        raise FieldError.of(name, value, why, code=code, remedy="Give a vector as the model made it.")
    numbers = decode_vector(blob)
    if not _SHORTEST < sum(map(mul, numbers, numbers)) < _LONGEST:  # NaN is not between them
        why = "has a length that is 0, not finite, or beyond 32-bit floats, so it has no direction"
        raise FieldError.of(name, value, why, code="bad_vector")
    return blob


def _packed(name: str, value: Any) -> bytes:
    if hasattr(value, "tolist"):  # an array of numpy, or of the standard library
        value = value.tolist()
    if not isinstance(value, (list, tuple)):
        raise FieldError.of(name, value, f"is a list of numbers, not {type(value).__name__}", code="wrong_type")
    # The usual types first: to ask each number whether it is a Real takes longer than all else.
    for number in () if _NUMBERS.issuperset(map(type, value)) else value:
        if isinstance(number, bool) or not isinstance(number, Real):
            raise FieldError.of(name, number, f"holds a {type(number).__name__}, not a number", code="wrong_type")
    try:
        return pack(f"<{len(value)}f", *value)
    except (OverflowError, struct_error) as error:
        why = "holds a number beyond 32-bit floats"
        raise FieldError.of(name, value, why, code="bad_vector") from error


def decode_vector(blob: bytes) -> list[float]:
    """The numbers of a vector. Raises ValueError for what is none."""
    if not isinstance(blob, bytes) or len(blob) % 4:
        raise ValueError("its vector is no whole number of 32-bit floats")
    return list(unpack(f"<{len(blob) // 4}f", blob))


VECTOR = Field(encode_vector, decode_vector)


def wrong_dimensions(name: str, dimensions: int, model: str, there: int) -> FieldError:
    """The error of a vector that is not as long as the others of its model."""
    why = f"has {dimensions} dimensions; the vectors of model {model!r} have {there}"
    return FieldError.of(name, dimensions, why, code="wrong_dimensions")


def distance_from(left: Sequence[float]) -> Callable[[Sequence[float]], float]:
    """The cosine distance of a vector from this one: from 0 to 2, to nine decimal places; NaN where there is none."""
    own = hypot(*left)

    def distance(right: Sequence[float]) -> float:
        if len(left) != len(right):
            return nan
        lengths = own * hypot(*right)
        if not 0 < lengths < inf:
            return nan
        product: float = sum(map(mul, left, right))
        return max(0.0, round(1 - product / lengths, 9))

    return distance


class Nearest:
    """The nearest of many vectors, which come slice by slice."""

    def __init__(self, vector: bytes, count: int) -> None:
        self._numpy = _numpy()
        self._vector = decode_vector(vector)
        self._distance = distance_from(self._vector)
        self._count = count
        self._worst = inf
        self._found: list[tuple[float, int, bytes]] = []
        #: Vectors to give at once: what computes in Python must not keep an event loop waiting for long.
        self.slice = 256 if self._numpy is None else 2_000

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Rows of id, number and vector."""
        rows = list(rows)
        for far, (_, number, vector) in zip(self._distances([row[2] for row in rows]), rows, strict=True):
            if far <= self._worst:  # NaN is not
                self._found.append((far, -number, vector))
        if len(self._found) > 4 * self._count:
            self._found = nsmallest(self._count, self._found)
            self._worst = self._found[-1][0]

    def rows(self) -> list[tuple[int, bytes]]:
        """Number and vector of the nearest, the nearest first."""
        return [(-number, vector) for _, number, vector in nsmallest(self._count, self._found)]

    def _distances(self, vectors: list[bytes]) -> list[float]:
        if self._numpy is None or not vectors:
            return [*map(self._distance, map(decode_vector, vectors))]
        numpy = self._numpy
        matrix = numpy.frombuffer(b"".join(vectors), "<f4").reshape(len(vectors), -1)
        vector = numpy.array(self._vector, "<f4")
        with numpy.errstate(all="ignore"):
            lengths = numpy.sqrt(numpy.einsum("ij,ij->i", matrix, matrix)) * numpy.sqrt(vector @ vector)
            found: list[float] = (1 - matrix @ vector / lengths).tolist()
        return found


@cache
def _numpy() -> Any:
    """numpy where it is installed, else None."""
    try:
        return import_module("numpy")
    except ImportError:
        return None
