"""Calls of tools that wait for their result, and the message that answers one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agentdb.errors import IntegrityError, NotFoundError
from agentdb.operations import W, atomic, operation
from agentdb.queries import messages
from agentdb.stores.entity import Values
from agentdb.stores.fields import BOOLEAN, ID, JSON, JsonArray, JsonObject
from agentdb.stores.messages.append import append_row, row_of
from agentdb.stores.messages.call_order import answered_calls
from agentdb.stores.messages.counting import Counting
from agentdb.stores.messages.tool_results import Call, answer_of, calls_of
from agentdb.stores.messages.values import MESSAGE, Message, NewMessage
from agentdb.stores.sessions.live import check_live

if TYPE_CHECKING:
    from agentdb.operations import Steps


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall(Values):
    """A call of a tool that waits for its result. `message_id` and `seq` are those of the message that makes it. `call_id` is
    None where the framework gives none. `arguments` are as the message has them: JSON, or text that holds JSON."""

    session_id: str
    message_id: int
    seq: int
    call_id: str | None
    name: str | None
    arguments: Any


class ToolCalls(Counting[W]):
    """The part of MessageStore that is about calls of tools."""

    @operation
    def open_calls(self, session_id: str, *, include_deleted: bool = False) -> Steps[list[OpenCall]]:
        """The calls of tools in the context that have no result yet, in their order."""
        args = {
            "session_id": ID.encode("session_id", session_id),
            "include_deleted": BOOLEAN.encode("include_deleted", include_deleted),
        }
        waiting, _ = yield from _calls(args)
        return [
            OpenCall(
                session_id=session_id,
                message_id=message.id,
                seq=message.seq,
                call_id=call.id,
                name=call.name,
                arguments=call.arguments,
            )
            for message, call in waiting
        ]

    @atomic
    def answer_call(
        self,
        session_id: str,
        call_id: str,
        output: Any,
        *,
        payload: JsonArray | JsonObject | None = None,
        token_count: int | None = None,
        metadata: JsonObject | None = None,
        external_id: str | None = None,
        created_at: datetime | None = None,
    ) -> Steps[Message]:
        """Append the result of a call, and return its message. It has the next seq, and stands behind its call in the
        context, whatever was said since.

        output: text, or JSON. The message has the form of the framework whose call it is: a tool_result block, a
        function_call_output item, a functionResponse part and so on. Of an unknown form it is a message of role 'tool'
        with the call's id and the text. An approval request takes True or False.
        payload: the result in the framework's own form, where you have it; `output` is its text then.
        external_id: as in append(), so that a retry is safe.

        Raises NotFoundError where no call in the context has this id, or the session is not there or deleted softly;
        IntegrityError `call_answered` where it has its result; FieldError.
        """
        args = {"session_id": ID.encode("session_id", session_id), "include_deleted": 0}
        ID.encode("call_id", call_id)
        JSON.or_none().encode("output", output)
        yield from check_live(session_id)
        if external_id is not None:
            key = {**args, "external_id": ID.encode("external_id", external_id)}
            if (there := (yield from MESSAGE.one(messages.GET_BY_EXTERNAL_ID, key))) is not None:
                return there
        waiting, known = yield from _calls(args)
        call = next((call for _, call in waiting if call.id == call_id), None)
        if call is None:
            if call_id in known:
                raise IntegrityError(
                    f"the call {call_id!r} in session {session_id!r} has its result", code="call_answered"
                )
            raise NotFoundError(f"call_id: no call in the context of session {session_id!r} has the id {call_id!r}")
        answer = answer_of(call, "" if output is None else output)
        new = NewMessage(
            role=answer["role"],
            content=answer["content"],
            payload=answer["payload"] if payload is None else payload,
            tool_call_id=call_id,
            token_count=token_count,
            metadata=metadata,
            external_id=external_id,
            created_at=created_at,
        )
        return (yield from append_row(row_of(session_id, new, self._token_counter, "the answer")))


def _calls(args: dict[str, Any]) -> Steps[tuple[list[tuple[Message, Call]], set[str]]]:
    """The calls of a context that wait, each with its message, and the ids of all calls."""
    found = yield from MESSAGE.many(messages.MAY_CALL, args)
    answered = answered_calls(found)
    waiting: list[tuple[Message, Call]] = []
    known: set[str] = set()
    for message in found:
        for call in calls_of(message):
            if call.id is not None:
                known.add(call.id)
            if (message.id, call.id) not in answered:
                waiting.append((message, call))
    return waiting, known
