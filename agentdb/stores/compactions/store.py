"""Compactions: a summary of the caller's in the model's context, for messages that stay in the transcript."""

from __future__ import annotations

from json import dumps
from time import perf_counter
from typing import TYPE_CHECKING, Any

from agentdb.errors import FieldError, IntegrityError
from agentdb.operations import Operations, W, atomic, execute, operation
from agentdb.queries import compactions
from agentdb.stores.compactions.context_lines import (
    BEHIND_ALL,
    Place,
    Totals,
    lines_before,
    lines_from,
    lines_of_turn,
    tail_of,
    totals_of,
)
from agentdb.stores.compactions.marks import record, undo
from agentdb.stores.compactions.plan import Cut
from agentdb.stores.compactions.pruning import pruned_message
from agentdb.stores.compactions.values import (
    COMPACTION_EVENT,
    COMPACTION_STATS,
    CompactionEvent,
    CompactionPlan,
    CompactionStats,
)
from agentdb.stores.content_blocks import is_result
from agentdb.stores.fields import BOOLEAN, COUNT, ID, INTEGER, TEXT, TOKENS, now_text, one_of
from agentdb.stores.messages.derived import TokenCounter, count
from agentdb.stores.messages.values import MESSAGE, Message, NewMessage, kind_of
from agentdb.stores.pages import BY_ID, Page, page
from agentdb.stores.sessions.live import check_live
from agentdb.stores.token_estimate import estimate, tokens_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentdb.operations import Steps, Target
    from agentdb.operations.runners import Callback
    from agentdb.stores.turns import Line

#: What stands in the place of a pruned output.
PRUNED = "[The output of this tool was removed to save space.]"
_AS_IT_WAS_MADE = (
    "Give the plan as plan() made it; a message that is to go must not be preserved, nor wait for a result."
)
_SUMMARY_ROLE = one_of("system", "user", "developer")


class CompactionStore(Operations[W]):
    """The compactions of a database's sessions. A hidden session hides them; see sessions.soft_delete().

    agentdb calls no model: plan() says what would go, the caller sums it up, compact() puts the summary in its place.
    """

    def __init__(
        self, target: Target[W], on_event: Callback | None = None, *, token_counter: TokenCounter | None = None
    ) -> None:
        """token_counter: as for AgentDB.open(): it counts summaries, and messages whose outputs are pruned."""
        super().__init__(target, on_event)  # type: ignore[arg-type]
        self._token_counter = token_counter

    @operation
    def plan(self, session_id: str, *, keep_last: int = 10, protect_tokens: int = 40_000) -> Steps[CompactionPlan]:
        """What compact() with these arguments would take out now; nothing is changed.

        Whole turns go. A turn is a message of the user that is no result of a tool, and all up to the next one. What stays:
        system and developer messages at the head, the last `keep_last` messages, the longest tail of at most
        `protect_tokens` tokens, what is marked as preserved, and a call without its result. With each stay its step, and
        the message that begins its turn. A turn that reaches into the tail stays whole, unless its earlier steps have more
        than `protect_tokens` tokens: then those go, and its first message stays.

        Raises NotFoundError for a session that is not there or hidden, FieldError.
        """
        _check_limits(keep_last, protect_tokens)
        yield from check_live(session_id)
        totals, _, chosen = yield from _chosen(session_id, keep_last, protect_tokens)
        args = {"session_id": session_id, "ids": dumps([line.id for line in chosen])}
        return CompactionPlan(
            session_id=session_id,
            messages=(yield from MESSAGE.many(compactions.MESSAGES, args)),
            preserved_message_ids=(yield from _preserved(session_id)),
            original_tokens=totals.tokens,
            removed_tokens=_tokens(chosen),
            is_estimated=totals.is_estimated,
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
        summary_role: str = "system",
        summary_tokens: int | None = None,
        plan: CompactionPlan | None = None,
    ) -> Steps[CompactionEvent | None]:
        """Take out of the context what plan() says, earlier summaries included, and put the summary in the place of the last
        message taken out. The transcript stays as it is. None, and nothing is done, where there is nothing to take.

        plan: takes out what it names, whatever was said since; without it a new one is made, with `keep_last` and
        `protect_tokens`. summary_role: 'system', 'user' or 'developer'. summary_tokens: of the summary, where somebody
        counted; else token_counter counts, else it is estimated. strategy, model_used: for the record.

        Raises IntegrityError `plan_outdated` where a message of the plan has changed, has gone or is preserved now, and where
        its turn has gone on. Raises FieldError for a plan that
        was altered to take what is preserved, or a call without its result; NotFoundError; TokenCounterError.
        """
        began = perf_counter()
        _check_limits(keep_last, protect_tokens)
        content = ID.encode("summary", summary)
        role = _SUMMARY_ROLE.encode("summary_role", summary_role)
        counted = self._counted(content, role, summary_tokens)
        tokens = tokens_of(content) if counted is None else counted
        event = {
            "session_id": session_id,
            "strategy": ID.encode("strategy", strategy),
            "model_used": TEXT.or_none().encode("model_used", model_used),
            "summary_content": content,
        }
        yield from check_live(session_id)
        if plan is None:
            totals, lines, chosen = yield from _chosen(session_id, keep_last, protect_tokens)
        else:
            totals, lines, chosen = yield from _as_planned(plan, session_id)
        if not chosen:
            return None
        event |= {
            "original_tokens": totals.tokens,
            "compacted_tokens": totals.tokens - _tokens(chosen) + tokens,
            "messages_removed": len(chosen),
            "is_estimated": int(totals.is_estimated or counted is None),
            "preserved_message_ids_json": dumps((yield from _preserved(session_id))),
            "created_at": now_text(),
        }
        marks = _marks(session_id, lines, chosen)
        row = {"session_id": session_id, "seq": marks["last_seq"], "role": role, "token_count": counted}
        row |= {
            "estimated_tokens": tokens if counted is None else None,
            "created_at": event["created_at"],
            "content": content,
        }
        return (yield from record(event, [(compactions.MARK, marks)], began, row))

    def _counted(self, content: str, role: str, given: int | None) -> int | None:
        """The tokens of a summary, where somebody has counted them. Raises FieldError, TokenCounterError."""
        counted: int | None = TOKENS.or_none().encode("summary_tokens", given)
        if counted is None and self._token_counter is not None:
            message = NewMessage(role=role, content=content, is_summary=True)
            counted = count(self._token_counter, message, "the summary")
        return counted

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
        originals until it is restored. The messages keep their ids, seqs and times. What stands in the tail, by `keep_last`
        and `protect_tokens`, and what is preserved, stays as it is. So does a payload of an unknown form, and what stands
        beside the results of tools in a message that is none. An output whose form its API decides keeps that form: the
        texts in it are replaced.

        Returns the event, None where there is nothing to prune. Raises NotFoundError, TokenCounterError, FieldError.
        """
        began = perf_counter()
        _check_limits(keep_last, protect_tokens)
        least = COUNT.encode("min_tokens", min_tokens)
        words = ID.encode("replacement", replacement)
        event = {"session_id": session_id, "strategy": ID.encode("strategy", strategy), "summary_content": words}
        yield from check_live(session_id)
        totals = yield from totals_of(session_id)
        tail = yield from tail_of(session_id, totals, keep_last, protect_tokens)
        had = {
            line.id: line.tokens or 0
            for line in (yield from lines_before(session_id, tail, totals))
            if _gives(line, least)
        }
        args = {"session_id": session_id, "ids": dumps(list(had))}
        changes: list[dict[str, Any]] = []
        saved = 0
        for message in (yield from MESSAGE.many(compactions.MESSAGES, args)):
            change = _without_outputs(message, words, had[message.id], least, self._token_counter)
            if change is not None:
                saved += had[message.id] - change.pop("tokens")
                changes.append(change)
        if not changes:
            return None
        event |= {
            "original_tokens": totals.tokens,
            "compacted_tokens": max(totals.tokens - saved, 0),
            "messages_removed": 0,
            "is_estimated": int(totals.is_estimated or any(change["token_count"] is None for change in changes)),
            "preserved_message_ids_json": dumps((yield from _preserved(session_id))),
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
        yield from check_live(ID.encode("session_id", session_id))
        return bool((yield from totals_of(session_id)).tokens >= limit * trigger)


def _key(session_id: str, include_deleted: bool) -> dict[str, Any]:
    return {
        "session_id": ID.encode("session_id", session_id),
        "include_deleted": BOOLEAN.encode("include_deleted", include_deleted),
    }


def _check_limits(keep_last: int, protect_tokens: int) -> None:
    COUNT.encode("keep_last", keep_last)
    COUNT.encode("protect_tokens", protect_tokens)


def _tokens(lines: Sequence[Line]) -> int:
    return sum(line.tokens or 0 for line in lines)


def _gives(line: Line, least: int) -> bool:
    """Whether a line may have an output of a tool that is worth pruning."""
    if line.is_preserved:
        return False
    if line.kind == "tool":
        return (line.tokens or 0) >= least
    return line.links is not None and bool(line.links.results or line.links.has_output)


def _preserved(session_id: str) -> Steps[list[int]]:
    found = yield from execute(compactions.PRESERVED, {"session_id": session_id})
    return [id for (id,) in found.tuples]


def _chosen(session_id: str, keep_last: int, protect_tokens: int) -> Steps[tuple[Totals, list[Line], list[Line]]]:
    """What a compaction would take out: the tokens of the context, the lines before its tail, and those of them to take."""
    totals = yield from totals_of(session_id)
    tail: Place = yield from tail_of(session_id, totals, keep_last, protect_tokens)
    before = yield from lines_before(session_id, tail, totals)
    if not before:
        return totals, [], []
    # The tail is read as far as the turn goes that it begins in; all of it, where a result may stand in it.
    cut = Cut([*before, *(yield from lines_of_turn(session_id, tail, totals))])
    if not cut.is_complete and tail < BEHIND_ALL:
        cut = Cut([*before, *(yield from lines_from(session_id, tail, totals))])
    return totals, before, cut.removable(tail, protect_tokens)


def _marks(session_id: str, lines: Sequence[Line], chosen: Sequence[Line]) -> dict[str, Any]:
    """Which messages are marked: those from the first that is chosen to the last, without what stays between."""
    seqs, gone = [line.seq for line in chosen], {line.id for line in chosen}
    first, last = min(seqs), max(seqs)
    kept = [line.id for line in lines if first <= line.seq <= last and line.id not in gone]
    return {"session_id": session_id, "first_seq": first, "last_seq": last, "ids": dumps(kept)}


def _as_planned(plan: CompactionPlan, session_id: str) -> Steps[tuple[Totals, list[Line], list[Line]]]:
    """The same for the lines that a plan names. Raises IntegrityError `plan_outdated`, FieldError for a plan of another
    session, or of messages that no plan takes."""
    if not isinstance(plan, CompactionPlan) or plan.session_id != session_id:
        raise FieldError.of("plan", plan, f"is not a plan of session {session_id!r}", code="wrong_type")
    args = {"session_id": session_id, "ids": dumps([message.id for message in plan.messages])}
    if (yield from MESSAGE.many(compactions.MESSAGES, args)) != plan.messages:
        raise IntegrityError(f"messages of session {session_id!r} have changed since the plan", code="plan_outdated")
    totals = yield from totals_of(session_id)
    lines = yield from lines_before(session_id, BEHIND_ALL, totals)
    planned = {message.id for message in plan.messages}
    cut = Cut(lines)
    for position, line in enumerate(cut.lines):
        if line.id in planned and (line.is_preserved or position in cut.waits):
            why = "is preserved" if line.is_preserved else "waits for the result of a tool, or belongs to what does"
            raise FieldError.of(
                "plan", plan, f"takes message {line.id}, which {why}", code="not_one_of", remedy=_AS_IT_WAS_MADE
            )
    if (parted := cut.parted(planned)) is not None:
        raise IntegrityError(f"session {session_id!r} has gone on since the plan: {parted}", code="plan_outdated")
    return totals, lines, [line for line in cut.lines if line.id in planned]


def _without_outputs(
    message: Message, words: str, tokens: int, least: int, counter: TokenCounter | None
) -> dict[str, Any] | None:
    """The columns of a message whose tool outputs are pruned, and its tokens then; None where that is not worth it."""
    left = pruned_message(kind_of(message.role), message.content, message.payload, words)
    if left is None or left == (message.content, message.payload):
        return None
    content, payload = left
    extra = message.metadata.get("extra") if message.metadata else None
    before = estimate(message.content, message.tool_calls, message.payload, extra)
    after = estimate(content, message.tool_calls, payload, extra)
    if kind_of(message.role) == "tool" or is_result(message.payload):
        given, now = tokens, after
        if message.content == words or given <= now:
            return None
    else:
        # Beside the outputs stands what stays: their own size counts, whatever somebody counted of the whole.
        given, now = before - after, after
    if given < max(least, 1):
        return None
    counted = None
    if counter is not None:
        new = NewMessage(
            role=message.role,
            content=content,
            name=message.name,
            tool_call_id=message.tool_call_id,
            tool_calls=message.tool_calls,
            metadata=message.metadata,
            payload=payload,
        )
        counted = now = count(counter, new, f"message {message.id}")
    return {
        "id": message.id,
        "content": content,
        "payload_json": MESSAGE.columns["payload"].encode("payload", payload),
        "token_count": counted,
        "estimated_tokens": after if counted is None else None,
        "tokens": now,
    }
