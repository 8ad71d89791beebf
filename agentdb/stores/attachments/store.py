"""Attachments: files beside the messages of a session, their bytes stored once."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from agentdb.errors import FieldError, IntegrityError, NotFoundError
from agentdb.operations import Operations, W, atomic, execute, operation
from agentdb.operations.requests import atomically, call
from agentdb.queries import attachments
from agentdb.stores.attachments.reader import AttachmentReader, check_whole, range_of, read_range
from agentdb.stores.attachments.source import Data, Source
from agentdb.stores.attachments.values import ATTACHMENT, Attachment, Attachments
from agentdb.stores.fields import BOOLEAN, ID, INTEGER, UNSET, JsonObject, Unset, now_text
from agentdb.stores.pages import BY_ID, Page, page
from agentdb.stores.sessions.live import check_live

if TYPE_CHECKING:
    from agentdb.operations import Steps


class AttachmentStore(Operations[W]):
    """The attachments of a database's sessions.

    Bytes that several attachments have are stored once, and go with the last of them. Attachments go with their session and
    with their message. A session that is deleted softly is as if it had none, unless `include_deleted` is True.
    """

    @operation
    def add(
        self,
        session_id: str,
        data: Data,
        *,
        name: str | None = None,
        media_type: str | None = None,
        message_id: int | None = None,
        metadata: JsonObject | None = None,
        created_at: datetime | None = None,
    ) -> Steps[Attachment]:
        """Add a file to a session, or to a message of it; without a time it is stamped now.

        data: bytes, a Path, or a binary file, which is read from where it stands to its end. It is read twice: for its hash,
        and then, unless those bytes are stored already, under the write lock, 1 MiB at a time. A stream that cannot go back
        is kept meanwhile: 8 MiB in memory, more in a temporary file. Nothing is added where it fails.

        Raises NotFoundError for a session or message that is not there (`session_deleted`: the session is deleted softly).
        Raises FieldError for a message of another session, and for a value that its field cannot hold. Raises
        InvalidArgumentError `unreadable_source` and `source_changed`. What the caller's own file raises goes on as it is.
        """
        source = Source(data)
        given = {name: value for name, value in locals().items() if name not in ("data", "source")}
        row = ATTACHMENT.new({**given, "updated_at": None})
        try:
            yield from call(source.measure)
            row |= {"sha256": source.sha256, "size": source.size}
            return (yield from atomically(_add(row, source)))
        finally:
            source.close()

    @operation
    def get(self, id: int, *, include_deleted: bool = False) -> Steps[Attachment | None]:
        """The attachment with this id, without its bytes; or None."""
        args = {"id": INTEGER.encode("id", id), "include_deleted": BOOLEAN.encode("include_deleted", include_deleted)}
        return (yield from ATTACHMENT.one(attachments.GET_BY_ID, args))

    @operation
    def require(self, id: int, *, include_deleted: bool = False) -> Steps[Attachment]:
        """The attachment with this id, without its bytes. Raises NotFoundError."""
        attachment = yield from self.get.steps(id, include_deleted=include_deleted)
        if attachment is None:
            raise ATTACHMENT.not_found(id)
        return attachment

    @operation
    def list(
        self, session_id: str, *, limit: int = 50, cursor: str | None = None, include_deleted: bool = False
    ) -> Steps[Page[Attachment]]:
        """The attachments of a session and of its messages, the newest first: a page of at most `limit`, after the page that
        gave `cursor`."""
        args = {
            "session_id": ID.encode("session_id", session_id),
            "include_deleted": BOOLEAN.encode("include_deleted", include_deleted),
        }
        return (yield from page(ATTACHMENT, attachments.PAGE, args, limit=limit, cursor=cursor, key=BY_ID))

    @operation
    def by_message(self, message_id: int, *, include_deleted: bool = False) -> Steps[Attachments]:
        """The attachments of a message, in the order in which they were added."""
        args = {
            "message_id": INTEGER.encode("message_id", message_id),
            "include_deleted": BOOLEAN.encode("include_deleted", include_deleted),
        }
        return (yield from ATTACHMENT.many(attachments.GET_BY_MESSAGE_ID, args))

    @operation
    def read(
        self, id: int, *, offset: int = 0, length: int | None = None, include_deleted: bool = False
    ) -> Steps[bytes]:
        """The bytes of an attachment: all, or `length` from `offset` on, fewer where it ends before.

        Where it is read whole, the hash of the bytes is compared.

        Raises NotFoundError, FieldError, DamagedAttachmentError for stored bytes that are not those that were added.
        """
        attachment = yield from self.require.steps(id, include_deleted=include_deleted)
        start, size = range_of(attachment, offset, length)
        data = yield from read_range(attachment, start, size)
        if size == attachment.size:
            check_whole(attachment, data)
        return data

    @operation
    def open(self, id: int, *, include_deleted: bool = False) -> Steps[AttachmentReader[W]]:
        """A reader of the bytes, which takes one piece at a time. Raises NotFoundError."""
        attachment = yield from self.require.steps(id, include_deleted=include_deleted)
        return AttachmentReader.of(self, attachment)

    @atomic
    def update(
        self,
        id: int,
        *,
        message_id: int | None | Unset = UNSET,
        name: str | None | Unset = UNSET,
        media_type: str | None | Unset = UNSET,
        metadata: JsonObject | None | Unset = UNSET,
    ) -> Steps[Attachment]:
        """Change what is given, stamp updated_at, and return the attachment as it is now; None is a value, UNSET is not. The
        bytes never change: add others, and delete these.

        Raises NotFoundError for an attachment that is not there, or whose session is deleted softly, and for its new message;
        FieldError.
        """
        changes = ATTACHMENT.changes(locals())
        try:
            return (
                yield from ATTACHMENT.change(
                    id, changes, read=attachments.GET_BY_ID, write=attachments.UPDATE, at_once=True, include_deleted=0
                )
            )
        except IntegrityError as error:
            raise _explained(error, changes) from error

    @operation
    def delete(self, id: int) -> Steps[bool]:
        """Remove an attachment for good, and its bytes where no other attachment has them; False if there is none."""
        return (yield from execute(attachments.DELETE_BY_ID, {"id": INTEGER.encode("id", id)})).rows_affected > 0


def _add(row: dict[str, Any], source: Source) -> Steps[Attachment]:
    if not (yield from execute(attachments.GET_SIZE, {"sha256": row["sha256"]})).tuples:
        yield from check_live(row["session_id"])  # before all is written in vain
        yield from execute(attachments.INSERT_CONTENT, {"sha256": row["sha256"], "size": row["size"]})
        number = 0
        while piece := (yield from call(source.next_piece)):
            yield from execute(attachments.INSERT_PIECE, {"sha256": row["sha256"], "piece": number, "data": piece})
            number += 1
    row["created_at"] = row["updated_at"] = row["created_at"] or now_text()
    try:
        added = (yield from execute(attachments.INSERT, row)).tuples
    except IntegrityError as error:
        raise _explained(error, row) from error
    if not added:
        yield from check_live(row["session_id"])
        raise IntegrityError("the attachment was not added: a trigger on attachments ignored it", code="constraint")
    return ATTACHMENT.of_encoded({"id": added[0][0], **row})


def _explained(error: IntegrityError, row: dict[str, Any]) -> Exception:
    """What a refused attachment means."""
    message_id = row.get("message_id")
    if error.code == "foreign_key" and message_id is not None:
        return NotFoundError(f"message_id: there is no message {message_id!r}")
    if error.message.startswith("attachments: message_id is a message of another session"):
        remedy = "Name a message of the same session, or None."
        return FieldError.of(
            "message_id", message_id, "is a message of another session", code="other_session", remedy=remedy
        )
    return error
