"""Reading the bytes of an attachment: all of them, a range, or piece by piece."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

from agentdb.operations import Async, Operations, Sync, W, execute, operation
from agentdb.queries import attachments
from agentdb.stores.attachments.values import ATTACHMENT, PIECE_SIZE, Attachment, damaged
from agentdb.stores.fields import COUNT

if TYPE_CHECKING:
    from agentdb.operations import Steps


class AttachmentReader(Operations[W]):
    """The bytes of one attachment, as of a file that is open for reading: `read`, `seek`, `tell`, and in pieces by `for`, or
    by `async for` in the async world.

    It holds no lock and needs no close. One piece of 1 MiB is in memory at a time. Each read asks the database; where the
    attachment's bytes are gone meanwhile, it raises NotFoundError.
    """

    attachment: Attachment

    @classmethod
    def of(cls, store: Operations[W], attachment: Attachment) -> AttachmentReader[W]:
        """A reader at the beginning of an attachment, bound to what the store is bound to."""
        reader: AttachmentReader[W] = cls.__new__(cls)
        reader.__dict__.update(store.__dict__)
        reader.attachment = attachment
        reader._position = 0
        reader._hasher = sha256()
        reader._hashed = 0
        return reader

    _position: int
    _hasher: Any
    #: Bytes that the hash has seen, from the beginning; behind a gap it sees no more.
    _hashed: int

    @operation
    def read(self, size: int = -1) -> Steps[bytes]:
        """The next `size` bytes, fewer at the end, b"" behind it; -1: all that are left.

        Where all bytes were read in their order, the last read compares their hash.

        Raises DamagedAttachmentError for stored bytes that are not those that were added, NotFoundError, FieldError.
        """
        left = max(self.attachment.size - self._position, 0)
        wanted = left if size == -1 else min(int(COUNT.encode("size", size)), left)
        found = yield from read_range(self.attachment, self._position, wanted)
        if self._hashed == self._position:
            self._hasher.update(found)
            self._hashed += len(found)
        self._position += len(found)
        if self._hashed == self.attachment.size and self._hasher.hexdigest() != self.attachment.sha256:
            raise damaged(self.attachment, "their SHA-256 is not that of the bytes that were added")
        return found

    def seek(self, offset: int) -> int:
        """Go to a place, in bytes from the beginning. Behind the end there is nothing to read. Raises FieldError."""
        self._position = int(COUNT.encode("offset", offset))
        return self._position

    def tell(self) -> int:
        """The place of the next byte that read() gives."""
        return self._position

    def __iter__(self: AttachmentReader[Sync]) -> Iterator[bytes]:
        """The pieces from the place where it stands, at most 1 MiB each."""
        while piece := self.read(PIECE_SIZE):
            yield piece

    async def __aiter__(self: AttachmentReader[Async]) -> AsyncIterator[bytes]:
        """As `for`, in the async world."""
        while piece := await self.read(PIECE_SIZE):
            yield piece

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""


def read_range(attachment: Attachment, offset: int, length: int) -> Steps[bytes]:
    """`length` bytes from `offset` on, which are there. Raises DamagedAttachmentError, NotFoundError."""
    parts = []
    end = offset + length
    while offset < end:
        number, start = divmod(offset, PIECE_SIZE)
        data = yield from read_piece(attachment, number)
        part = data[start : start + end - offset]
        parts.append(part)
        offset += len(part)
    if length == attachment.size and not length:
        yield from _check_there(attachment)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def read_piece(attachment: Attachment, number: int) -> Steps[bytes]:
    """A piece, of the length that it must have. Raises DamagedAttachmentError, NotFoundError."""
    found = yield from execute(attachments.GET_PIECE, {"sha256": attachment.sha256, "piece": number})
    wanted = min(PIECE_SIZE, attachment.size - number * PIECE_SIZE)
    if not found.tuples:
        yield from _check_there(attachment)
        raise damaged(attachment, f"piece {number} is missing")
    data: bytes = found.tuples[0][0]
    if len(data) != wanted:
        raise damaged(attachment, f"piece {number} has {len(data):,} bytes instead of {wanted:,}")
    return data


def _check_there(attachment: Attachment) -> Steps[None]:
    if not (yield from execute(attachments.GET_SIZE, {"sha256": attachment.sha256})).tuples:
        raise ATTACHMENT.not_found(attachment.id)


def range_of(attachment: Attachment, offset: object, length: object) -> tuple[int, int]:
    """A range that is there. Raises FieldError for numbers below 0."""
    start = min(int(COUNT.encode("offset", offset)), attachment.size)
    left = attachment.size - start
    return start, left if length is None else min(int(COUNT.encode("length", length)), left)


def check_whole(attachment: Attachment, data: bytes) -> None:
    """Raises DamagedAttachmentError for bytes of another hash."""
    if sha256(data).hexdigest() != attachment.sha256:
        raise damaged(attachment, "their SHA-256 is not that of the bytes that were added")
