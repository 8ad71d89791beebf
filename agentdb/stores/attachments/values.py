"""What an attachment is: values, and how they stand in a row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from agentdb.errors import DamagedAttachmentError
from agentdb.stores.entity import Entity, Values
from agentdb.stores.fields import COUNT, ID, INTEGER, JSON_OBJECT, TEXT, TIME, JsonObject

#: Bytes of a piece; the last piece of a content is shorter.
PIECE_SIZE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment(Values):
    """A file beside the messages of a session, without its bytes.

    `message_id` is None for a file of the session as a whole. `sha256` is of the bytes, 64 hexadecimal digits; attachments
    with the same bytes share them. `size` is in bytes. `name` and `media_type` are what the caller gave.
    """

    id: int
    session_id: str
    message_id: int | None
    sha256: str
    size: int
    name: str | None
    media_type: str | None
    metadata: JsonObject | None
    created_at: datetime
    updated_at: datetime


#: A name of its own, because the store has a method `list`.
Attachments: TypeAlias = list[Attachment]

ATTACHMENT = Entity(
    Attachment,
    id=INTEGER,
    session_id=ID,
    message_id=INTEGER.or_none(),
    sha256=ID,
    size=COUNT,
    name=TEXT.or_none(),
    media_type=ID.or_none(),
    metadata=JSON_OBJECT.or_none().stored_as("metadata_json"),
    created_at=TIME,
    updated_at=TIME,
)


def damaged(attachment: Attachment, why: str) -> DamagedAttachmentError:
    """The error of stored bytes that are not those that were added."""
    return DamagedAttachmentError(f"the bytes of attachment {attachment.id} cannot be read: {why}")
