"""Compactions: a summary of the caller's in the model's context, for messages that stay in the transcript."""

from __future__ import annotations

from json import dumps
from time import perf_counter
from typing import TYPE_CHECKING, Any

from agentdb.errors import FieldError, IntegrityError
from agentdb.operations import Operations, W, atomic, execute, operation
from agentdb.queries import compactions
from agentdb.stores.compactions.marks import lines_of, record, tokens_of, undo
from agentdb.stores.compactions.plan import Line, grouped, pruned_message, removable
from agentdb.stores.compactions.values import (
    COMPACTION_EVENT,
    COMPACTION_STATS,
    CompactionEvent,
    CompactionPlan,
    CompactionStats,
)
from agentdb.stores.content_blocks import is_result
from agentdb.stores.fields import BOOLEAN, COUNT, ID, INTEGER, TEXT, TOKENS, now_text
from agentdb.stores.messages.values import MESSAGE, Message, kind_of
from agentdb.stores.pages import BY_ID, Page, page
from agentdb.stores.sessions.live import check_live

if TYPE_CHECKING:
    from agentdb.operations import Steps

#: What stands in the place of a pruned output.
PRUNED = "[The output of this tool was removed to save space.]"
_AS_IT_WAS_MADE = (
    "Give the plan as plan() made it; a message that is to go must not be preserved, nor wait for a result."
)


class CompactionStore(Operations[W]):
    """The compactions of a database's sessions. A hidden session hides them; see sessions.soft_delete().

    agentdb calls no model: plan() says what would go, the caller sums it up, compact() puts the summary in its place.
    """

    @operation
    def plan(self, session_id: str, *, keep_last: int = 10, protect_tokens: int = 40_000) -> Steps[CompactionPlan]:
        """What compact() with these arguments would take out now; nothing is changed.

        What stays: the last `keep_last` messages, the longest tail of at most `protect_tokens` tokens, and what is marked
        as preserved. A call of a tool and its results go or stay together; a call without its result stays.

        Raises NotFoundError for a session that is not there or hidden, FieldError.
        """
        _check_limits(keep_last, protect_tokens)
        yield from check_live(session_id)
        lines = yield from lines_of(session_id)
        chosen = [lines[n] for n in removable(lines, keep_last=keep_last, protect_tokens=protect_tokens)]
        args = {"session_id": session_id, "ids": dumps([line.id for line in chosen])}
        return CompactionPlan(
            session_id=session_id,
            messages=(yield from MESSAGE.many(compactions.MESSAGES, args)),
            preserved_message_ids=[line.id for line in lines if line.is_preserved],
            original_tokens=sum(line.tokens for line in lines),
            removed_tokens=sum(line.tokens for line in chosen),
        )

    @atomic
    def compact(
        self,
        session_id: str,
        summary: str,
        *,
        keep_last: int = 10,
        protect_tokens: int = 40_000,
        strategy: str = "summary",
        model_used: str | None = None,
        summary_tokens: int | None = None,
        plan: CompactionPlan | None = None,
    ) -> Steps[CompactionEvent | None]:
        """Take out of the context what plan() says, earlier summaries included, and put the summary in the place of the last
        message taken out, as one of role 'system'. The transcript stays as it is. None, and nothing is done, where there is
        nothing to take.

        plan: takes out what it names, whatever was said since; without it a new one is made, with `keep_last` and
        `protect_tokens`. summary_tokens: of the summary, where somebody counted; else estimated. strategy, model_used: for
        the record.

        Raises IntegrityError `plan_outdated` where a message of the plan was changed or removed, is preserved now, or
        has a result that the plan does not have. Raises FieldError as plan() does, and for a plan that was altered to
        take what is preserved, or a call without its result. Raises NotFoundError.
        """
        began = perf_counter()
        _check_limits(keep_last, protect_tokens)
        content = ID.encode("summary", summary)
        counted = TOKENS.or_none().encode("summary_tokens", summary_tokens)
        tokens = tokens_of(content) if counted is None else counted
        event = {
            "session_id": session_id,
            "strategy": ID.encode("strategy", strategy),
            "model_used": TEXT.or_none().encode("model_used", model_used),
            "summary_content": content,
        }
        yield from check_live(session_id)
        lines = yield from lines_of(session_id)
        if plan is None:
            chosen = [lines[n] for n in removable(lines, keep_last=keep_last, protect_tokens=protect_tokens)]
        else:
            chosen = yield from _as_planned(plan, session_id, lines)
        if not chosen:
            return None
        original = sum(line.tokens for line in lines)
        removed = sum(line.tokens for line in chosen)
        event |= {
            "original_tokens": original,
            "compacted_tokens": original - removed + tokens,
            "messages_removed": len(chosen),
            "preserved_message_ids_json": dumps([line.id for line in lines if line.is_preserved]),
            "created_at": now_text(),
        }
        marks = {"ids": dumps([line.id for line in chosen]), "session_id": session_id}
        row = {"session_id": session_id, "seq": chosen[-1].seq, "role": "system", "token_count": tokens}
        row |= {"created_at": event["created_at"], "content": content}
        return (yield from record(event, [(compactions.MARK, marks)], began, row))

    @atomic
    def prune_tool_outputs(
        self,
        session_id: str,
        *,
        keep_last: int = 10,
        protect_tokens: int = 40_000,
        min_tokens: int = 500,
        replacement: str = PRUNED,
        strategy: str = "prune_tool_outputs",
    ) -> Steps[CompactionEvent | None]:
        """Put `replacement` in the place of what tools gave, where that has at least `min_tokens` tokens, and keep the
        originals until it is restored. The messages keep their ids, seqs and times. What compact() never takes stays as
        it is: the last `keep_last`, `protect_tokens`, and what is preserved. A payload of an unknown form stays as it
        is, too. So does what is beside the results of tools in a message of another role.

        Returns the event, None where there is nothing to prune. Raises NotFoundError, FieldError.
        """
        began = perf_counter()
        _check_limits(keep_last, protect_tokens)
        least = COUNT.encode("min_tokens", min_tokens)
        words = ID.encode("replacement", replacement)
        event = {"session_id": session_id, "strategy": ID.encode("strategy", strategy), "summary_content": words}
        yield from check_live(session_id)
        lines = yield from lines_of(session_id)
        loose = [
            Line(line.id, line.seq, line.role, line.tokens, line.is_preserved) for line in lines
        ]  # calls stay where they are
        aged = [lines[n] for n in removable(loose, keep_last=keep_last, protect_tokens=protect_tokens)]
        had = {line.id: line.tokens for line in aged if line.results or line.role == "tool"}
        args = {"session_id": session_id, "ids": dumps(list(had))}
        changes: list[dict[str, Any]] = []
        saved = 0
        for message in (yield from MESSAGE.many(compactions.MESSAGES, args)):
            change = _without_outputs(message, words, had[message.id], least)
            if change is not None:
                saved += had[message.id] - change.pop("tokens")
                changes.append(change)
        if not changes:
            return None
        original = sum(line.tokens for line in lines)
        event |= {
            "original_tokens": original,
            "compacted_tokens": original - saved,
            "messages_removed": 0,
            "preserved_message_ids_json": dumps([line.id for line in lines if line.is_preserved]),
            "model_used": None,
            "created_at": now_text(),
        }
        kept = {"ids": dumps([change["id"] for change in changes]), "session_id": session_id}
        work = [(compactions.ARCHIVE, kept), *[(compactions.PRUNE, change) for change in changes]]
        return (yield from record(event, work, began))

    @atomic
    def restore(self, event_id: int) -> Steps[CompactionEvent]:
        """Bring back into the context what an event took out, and remove its summary; of a pruning, put the outputs back.
        What was said later stays. Returns the event.

        Raises NotFoundError, and IntegrityError: `already_restored`; `newer_event` where a newer event of the session is
        not restored; `output_changed` where a pruned message is not as it was left.
        """
        event = yield from self.require.steps(event_id)
        yield from check_live(event.session_id)
        yield from undo(event)
        return (yield from self.require.steps(event_id))

    @operation
    def get(self, event_id: int, *, include_deleted: bool = False) -> Steps[CompactionEvent | None]:
        """The event with this id, or None."""
        args = {
            "id": INTEGER.encode("event_id", event_id),
            "include_deleted": BOOLEAN.encode("include_deleted", include_deleted),
        }
        return (yield from COMPACTION_EVENT.one(compactions.GET_EVENT, args))

    @operation
    def require(self, event_id: int, *, include_deleted: bool = False) -> Steps[CompactionEvent]:
        """The event with this id. Raises NotFoundError."""
        event = yield from self.get.steps(event_id, include_deleted=include_deleted)
        if event is None:
            raise COMPACTION_EVENT.not_found(event_id)
        return event

    @operation
    def archived(self, event_id: int, *, include_deleted: bool = False) -> Steps[list[Message]]:
        """The messages that an event took out of the context; of a pruning, those that it pruned, as they were. In their
        order; none of one that was restored. Raises NotFoundError."""
        event = yield from self.require.steps(event_id, include_deleted=include_deleted)
        sql = compactions.TAKEN_OUT if event.messages_removed else compactions.ORIGINALS
        return (yield from MESSAGE.many(sql, {"event_id": event.id}))

    @operation
    def history(
        self, session_id: str, *, limit: int = 50, cursor: str | None = None, include_deleted: bool = False
    ) -> Steps[Page[CompactionEvent]]:
        """The events of a session, newest first, restored ones too: a page of at most `limit`, after the page that gave
        `cursor`."""
        args = _key(session_id, include_deleted)
        return (yield from page(COMPACTION_EVENT, compactions.EVENTS, args, limit=limit, cursor=cursor, key=BY_ID))

    @operation
    def stats(self, session_id: str, *, include_deleted: bool = False) -> Steps[CompactionStats | None]:
        """What the compactions of a session have done; None if there is no such session."""
        return (yield from COMPACTION_STATS.one(compactions.STATS, _key(session_id, include_deleted)))

    @operation
    def should_compact(self, session_id: str, max_tokens: int = 200_000, trigger: float = 0.85) -> Steps[bool]:
        """Whether a context has come to `trigger` of `max_tokens`; what nobody counted is estimated.

        Raises NotFoundError for a session that is not there or hidden, FieldError for a trigger that is not above 0 and
        at most 1.
        """
        limit = COUNT.encode("max_tokens", max_tokens)
        if isinstance(trigger, bool) or not isinstance(trigger, (int, float)):
            raise FieldError.of("trigger", trigger, f"is a number, not {type(trigger).__name__}", code="wrong_type")
        if not 0 < trigger <= 1:  # NaN is neither; isfinite() would make a float of an integer first
            remedy = "Give a number above 0, and at most 1."
            code = "too_large" if trigger > 1 else "too_small"
            raise FieldError.of("trigger", trigger, "is not from 0 to 1", code=code, remedy=remedy)
        found = yield from execute(compactions.TOKENS, {"session_id": ID.encode("session_id", session_id)})
        if not found.tuples:
            yield from check_live(session_id)
        return bool(found.tuples[0][0] >= limit * trigger)


def _key(session_id: str, include_deleted: bool) -> dict[str, Any]:
    return {
        "session_id": ID.encode("session_id", session_id),
        "include_deleted": BOOLEAN.encode("include_deleted", include_deleted),
    }


def _check_limits(keep_last: int, protect_tokens: int) -> None:
    COUNT.encode("keep_last", keep_last)
    COUNT.encode("protect_tokens", protect_tokens)


def _as_planned(plan: CompactionPlan, session_id: str, lines: list[Line]) -> Steps[list[Line]]:
    """The lines that a plan names. Raises IntegrityError `plan_outdated`, FieldError for a plan of another session, or
    of messages that no plan takes."""
    if not isinstance(plan, CompactionPlan) or plan.session_id != session_id:
        raise FieldError.of("plan", plan, f"is not a plan of session {session_id!r}", code="wrong_type")
    args = {"session_id": session_id, "ids": dumps([message.id for message in plan.messages])}
    if (yield from MESSAGE.many(compactions.MESSAGES, args)) != plan.messages:
        raise IntegrityError(f"messages of session {session_id!r} have changed since the plan", code="plan_outdated")
    planned = {message.id for message in plan.messages}
    groups, unanswered = grouped(lines)
    taken = {group for group, line in zip(groups, lines, strict=True) if line.id in planned}
    if any(group in taken and line.id not in planned for group, line in zip(groups, lines, strict=True)):
        raise IntegrityError(
            f"a call of a tool in session {session_id!r} has been answered since the plan", code="plan_outdated"
        )
    for group, line in zip(groups, lines, strict=True):
        if line.id in planned and (line.is_preserved or group in unanswered):
            why = "is preserved" if line.is_preserved else "waits for the result of a tool, or belongs to what does"
            raise FieldError.of(
                "plan", plan, f"takes message {line.id}, which {why}", code="not_one_of", remedy=_AS_IT_WAS_MADE
            )
    return [line for line in lines if line.id in planned]


def _without_outputs(message: Message, words: str, tokens: int, least: int) -> dict[str, Any] | None:
    """The columns of a message whose tool outputs are pruned, and its tokens then; None where that is not worth it."""
    left = pruned_message(kind_of(message.role), message.content, message.payload, words)
    if left is None or left == (message.content, message.payload):
        return None
    encode = MESSAGE.columns["payload"].encode
    before, after = (encode("payload", payload) for payload in (message.payload, left[1]))
    if kind_of(message.role) == "tool" or is_result(message.payload):
        given, now = tokens, tokens_of(words)
        if message.content == words or given <= now:
            return None
    else:
        # Beside the outputs stands what stays: their own size counts, whatever somebody counted of the whole.
        given = tokens_of(before) - tokens_of(after)
        if message.token_count is None:
            now = tokens - tokens_of(message.content or before) + tokens_of(left[0] or after)
        else:
            now = max(tokens - given, 0)
    if given < max(least, 1):
        return None
    counted = None if message.token_count is None else now
    return {"id": message.id, "content": left[0], "payload_json": after, "token_count": counted, "tokens": now}
