"""Forks of sessions: a copy up to a message, and the tree of copies."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from agentdb.errors import FieldError, IntegrityError, NotFoundError
from agentdb.operations import Operations, W, atomic, batch, execute, operation
from agentdb.queries import attachments, session_forks, sessions
from agentdb.stores.entity import Entity, Values
from agentdb.stores.fields import BOOLEAN, COUNT, ID, TEXT, TIME, now_text
from agentdb.stores.sessions.live import check_live
from agentdb.stores.sessions.values import SESSION, Session

if TYPE_CHECKING:
    from agentdb.clients.base import ResultSet
    from agentdb.operations import Steps


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionNode(Values):
    """A session in a tree of forks. `depth` is 0 for the root, 1 for its forks, and so on. `forked_at_seq`: the seq up to
    which it has the messages of `forked_from_id`. `deleted_at` is None for a live one."""

    id: str
    name: str | None
    forked_from_id: str | None
    forked_at_seq: int | None
    created_at: datetime
    last_activity_at: datetime | None
    deleted_at: datetime | None
    message_count: int
    total_tokens: int
    depth: int


_NODE = Entity(
    SessionNode,
    id=ID,
    name=TEXT.or_none(),
    forked_from_id=ID.or_none(),
    forked_at_seq=COUNT.or_none(),
    created_at=TIME,
    last_activity_at=TIME.or_none(),
    deleted_at=TIME.or_none(),
    message_count=COUNT,
    total_tokens=COUNT,
    depth=COUNT,
)


class SessionForks(Operations[W]):
    """The part of SessionStore that is about forks."""

    @atomic
    def fork(
        self, session_id: str, at_seq: int | None = None, name: str | None = None, *, id: str | None = None
    ) -> Steps[Session]:
        """A new session that goes on from a message of another one, which stays as it is. Without an id it gets a UUID.

        The fork has the configuration of the other, and its name where none is given. It has its messages up to `at_seq`
        (None: all) with their seqs, times, external ids and attachments, and its agent context and switches. It has the
        compactions that took out nothing beyond `at_seq`, and what was pruned. Where a compaction reaches beyond `at_seq`, the
        fork has the messages themselves. It does not have removed messages, logs, status, scores and the external_session_id.
        Each table is copied by one statement.

        Raises NotFoundError for a session that is not there or deleted softly, AlreadyExistsError for an id that is taken,
        FieldError, also for an `at_seq` behind the last message.
        """
        args = {
            "origin_id": ID.encode("session_id", session_id),
            "session_id": str(uuid4()) if id is None else ID.encode("id", id),
            "name": TEXT.or_none().encode("name", name),
            "at_seq": COUNT.or_none().encode("at_seq", at_seq),
            "created_at": now_text(),
        }
        yield from check_live(session_id)
        state, offsets = yield from batch(
            [(sessions.STATE, {"id": session_id}), (session_forks.OFFSETS, {"origin_id": session_id})]
        )
        last_seq = state.rows[0]["last_seq"]
        if at_seq is None:
            args["at_seq"] = last_seq
        elif at_seq > last_seq:
            why = f"is behind the last seq of session {session_id!r}, which is {last_seq}"
            raise FieldError.of("at_seq", at_seq, why, code="too_large", remedy="Give the seq of one of its messages.")
        args |= dict(zip(offsets.columns, offsets.tuples[0], strict=True))
        try:
            yield from execute(session_forks.COPY_SESSION, args)
        except IntegrityError as error:
            if error.code == "unique":
                raise SESSION.taken(args["session_id"]) from error
            raise
        yield from batch([(sql, args) for sql in _COPIES])
        return (yield from SESSION.many(sessions.GET_BY_ID, {"id": args["session_id"]}))[0]

    @operation
    def tree(self, session_id: str, *, include_deleted: bool = False) -> Steps[list[SessionNode]]:
        """All sessions that are forks of one another, and this one among them: each before its forks, these the oldest first.

        A session that is deleted softly is left out; its forks stand below the one that it was forked from. One that was
        deleted for good is not known any more, so that its forks are roots.

        Raises NotFoundError for a session that is not there, or deleted softly.
        """
        BOOLEAN.encode("include_deleted", include_deleted)
        nodes = _nodes((yield from execute(session_forks.TREE, {"id": ID.encode("session_id", session_id)})))
        asked = nodes.get(session_id)
        if asked is None or (asked.deleted_at is not None and not include_deleted):
            yield from check_live(session_id)
            raise NotFoundError(f"session_id: there is no session {session_id!r}")
        return _arranged(nodes, include_deleted=include_deleted)


#: In this order nothing refers to what is not there yet.
_COPIES = (
    session_forks.COPY_MESSAGES,
    attachments.COPY_TO_FORK,
    session_forks.COPY_EVENTS,
    session_forks.COPY_ARCHIVE,
    session_forks.COPY_SWITCHES,
    session_forks.COPY_CONTEXT,
)


def _nodes(found: ResultSet) -> dict[str, SessionNode]:
    columns = (*found.columns, "depth")
    nodes = [_NODE.decode_row(columns, (*row, 0)) for row in found.tuples]
    return {node.id: node for node in nodes}


def _arranged(nodes: dict[str, SessionNode], *, include_deleted: bool) -> list[SessionNode]:
    forks: defaultdict[str | None, list[SessionNode]] = defaultdict(list)
    for node in nodes.values():
        forks[node.forked_from_id if node.forked_from_id in nodes else None].append(node)
    # Raw SQL can make forks of one another: then there is no root, and the oldest is taken for it.
    left = [(node, 0) for node in reversed(forks[None] or [*nodes.values()][:1])]
    arranged: list[SessionNode] = []
    seen: set[str] = set()
    while left:
        node, depth = left.pop()
        if node.id in seen:
            continue
        seen.add(node.id)
        is_shown = include_deleted or node.deleted_at is None
        if is_shown:
            arranged.append(replace(node, depth=depth))
        left += [(fork, depth + is_shown) for fork in reversed(forks[node.id])]
    return arranged
