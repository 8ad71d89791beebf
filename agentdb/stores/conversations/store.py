"""Conversations as plain dicts and lists, for code written against the older persistence layer.

Times come as aware datetimes in UTC. They are taken as aware datetimes, or as ISO 8601 text with its offset; one without a
time zone is refused, because it is no moment. Whatever cannot be done raises; nothing is logged and forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from agentdb.errors import FieldError
from agentdb.operations import Async, Operations, Sync, W, atomically, batch, execute, later, operation
from agentdb.queries import agent_contexts, agents, conversations, messages, sessions
from agentdb.stores.agent_contexts import AGENT_SWITCH
from agentdb.stores.agents import AGENT, make_default
from agentdb.stores.conversations.context_dicts import (
    load_context,
    read_count,
    read_history,
    save_context,
    shown_switch,
)
from agentdb.stores.conversations.message_dicts import moment, shown
from agentdb.stores.conversations.reading import Version, conflict, read_context, read_outline, spoken
from agentdb.stores.conversations.save import Given, save
from agentdb.stores.conversations.scopes import AsyncScope, Scope
from agentdb.stores.fields import BOOLEAN, COUNT, ID, JSON_OBJECT, now_text, one_of, time_text
from agentdb.stores.messages.derived import derive_encoded
from agentdb.stores.messages.values import MESSAGE, MESSAGE_STATS
from agentdb.stores.pages import BEYOND_INTEGERS, at_most, check_limit

if TYPE_CHECKING:
    from agentdb.operations import Steps, Target
    from agentdb.operations.runners import Callback
    from agentdb.operations.transactions import Level
    from agentdb.stores.messages.derived import TokenCounter

#: What save_session() does with a text that holds half a character.
OnLoneSurrogate: TypeAlias = Literal["strict", "replace"]
_ERRORS = one_of("strict", "replace")

#: The agent of a conversation that names none, where nobody has configured another.
DEFAULT_AGENT = {"id": "default", "name": "Default agent", "model": "default"}


#: What agents.create() has where nothing is given.
_AGENT_DEFAULTS = {"type": "custom", "permission_mode": "readOnly", "max_steps": 10, "is_default": False}


def read_default_agent(given: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """The arguments of agents.create() for a default agent. Raises FieldError for what no agent can have."""
    if isinstance(given, str):
        given = {"id": given}
    elif given is None:
        given = {}
    elif not isinstance(given, Mapping):
        why = f"is an id, or arguments of agents.create(), not {type(given).__name__}"
        raise FieldError.of("default_agent", given, why, code="wrong_type")
    unknown = sorted(map(str, given.keys() - AGENT.columns.keys()))
    if unknown:
        raise FieldError.of("default_agent", unknown, "has fields that no agent has", code="wrong_type")
    agent = {**DEFAULT_AGENT, **given}
    ID.encode("default_agent", agent["id"])
    _new_agent(agent)
    return agent


def _new_agent(given: dict[str, Any]) -> dict[str, Any]:
    return AGENT.new({**dict.fromkeys(AGENT.columns), **_AGENT_DEFAULTS, **given})


class ConversationStore(Operations[W]):
    """The conversations of a database. What is deleted softly is as if it were not there, until it is restored or saved."""

    def __init__(
        self,
        target: Target[W],
        on_event: Callback | None = None,
        *,
        default_agent: str | Mapping[str, Any] | None = None,
        token_counter: TokenCounter | None = None,
    ) -> None:
        """default_agent: on what conversations without an agent run: an id, or arguments of agents.create(). It is created
        when it is first needed, and agents.delete() never deletes it. token_counter: as for AgentDB.open().

        Raises FieldError for a value that its field cannot hold.
        """
        super().__init__(target, on_event)  # type: ignore[arg-type]
        self._default_agent = read_default_agent(default_agent)
        self._token_counter = token_counter

    # -- sessions

    @operation
    def save_session(
        self,
        session_id: str,
        messages: Iterable[Mapping[str, Any]],
        last_activity: datetime | str | None = None,
        *,
        errors: OnLoneSurrogate = "strict",
        expected_last_seq: int | None = None,
        expected_version: str | None = None,
    ) -> Steps[None]:
        """Let a conversation be these messages; without a session it is made, a deleted one comes back.

        A message has role and content: text, None, or a list of blocks. It may have name, tool_call_id, tool_calls, usage,
        metadata, and any other key. An id that is text is the caller's own: the external id of the message. load_session()
        gives all of these back. A key that is None is as if it were not there.

        It may also have token_count (else it is estimated: four bytes are a token), timestamp (else it is now), seq, and an id
        that is an integer. These are in load_transcript() and get_messages_paginated(), and not in load_session().

        What is compared is the context, as load_session() gives it. A message is the one whose id it has; without an id, the
        one that says the same: role, content, name, tool_call_id and tool_calls. It keeps its id, seq and time, and has the
        keys that are given, and no others. What is not among the messages any more is marked as removed, and so is the
        earlier version of a message that has lost something: messages.removed() lists both, messages.restore() brings them
        back. Something new between two that stayed takes a seq that is free there; where there is none, it and all behind it
        get new seqs at the end, and keep their ids and times. What a compaction took out, or was removed and is named by its
        id, comes back into the context; a compaction of which nothing is left is restored.

        last_activity: from now on, older than what was said, too; None: the time of the last message. errors: 'replace' stores
        a text that holds half a character (a lone surrogate) with U+FFFD in its place, so that it can be searched and read.
        The payload has the message as it is, and load_session() gives that back. expected_last_seq, expected_version: the last
        seq, or the version of load_session(), that the messages are based on.

        Raises ConflictError where somebody else has changed the conversation since, FieldError, which names the message, as
        in messages[3].role; then nothing is saved.
        """
        ID.encode("session_id", session_id)
        if isinstance(messages, (str, Mapping)) or not isinstance(messages, Iterable):
            why = f"is a list of dicts, not {type(messages).__name__}"
            raise FieldError.of("messages", messages, why, code="wrong_type")
        replaces = _ERRORS.encode("errors", errors) == "replace"
        given = Given(list(messages), replaces=replaces)
        activity = None if last_activity is None else moment("last_activity", last_activity)
        last_seq = COUNT.or_none().encode("expected_last_seq", expected_last_seq)
        version = None if expected_version is None else Version.read(expected_version)
        yield from atomically(self._save(session_id, given, activity, last_seq, version))

    def _save(
        self,
        session_id: str,
        given: Given,
        activity: str | None,
        expected_last_seq: int | None,
        version: Version | None,
    ) -> Steps[None]:
        found, outline = yield from read_outline(session_id)
        last_seq, compacted, before = 0, 0, None
        if found is not None:
            last_seq, compacted, before = (found[name] for name in ("last_seq", "compaction_count", "last_activity_at"))
        if expected_last_seq is not None and expected_last_seq != last_seq:
            raise (yield from conflict(session_id, expected_last_seq, last_seq))
        if version is not None:
            _, rows = yield from read_context(session_id)
            if version != (now := Version.of(last_seq, rows)):
                raise (yield from conflict(session_id, version, str(now)))
        writes: list[tuple[str, dict[str, Any]]] = yield from save(session_id, given, outline, last_seq, compacted)
        for sql, row in writes:
            if sql in (messages.INSERT, conversations.REWRITE):
                derive_encoded(row, self._token_counter, f"the message at seq {row['seq']}")
        times = [args["created_at"] for sql, args in writes if sql is messages.INSERT]
        if found is None:
            yield from self._ensure_default_agent()
            # A conversation that is brought along began with the first that was said in it.
            began = min(now_text(), activity or now_text(), *times)
            row = {"id": session_id, "main_agent_id": self._default_agent["id"], "created_at": began}
            writes.insert(0, (conversations.INSERT_SESSION, row))
        # What only comes back, or moves, is no activity.
        active = activity or max(before or "", *times, "") or None
        yield from later(*writes, (conversations.SAVED, {"id": session_id, "last_activity_at": active}))

    def _ensure_default_agent(self) -> Steps[None]:
        id = self._default_agent["id"]
        there = yield from AGENT.one(agents.GET_BY_ID, {"id": id})
        if there is None:
            yield from later((agents.CREATE, _new_agent(self._default_agent)))
        if there is None or not there.is_default:
            yield from make_default(id)

    @operation
    def load_session(self, session_id: str) -> Steps[dict[str, Any] | None]:
        """None, or {session_id, messages, last_activity, created_at, version}.

        The messages are the context: what no compaction took out, and the summaries, each result of a tool behind its call.
        A message has role and content, and every other key that was saved: see save_session(). version: text that is another
        one when the context is, for save_session(expected_version=…).
        """
        id = ID.encode("session_id", session_id)
        found, rows = yield from read_context(id)
        if found is None or found["deleted_at"] is not None:
            return None
        try:
            said = spoken(rows)
        except (ValueError, TypeError, RecursionError):
            yield from MESSAGE.many(conversations.CONTEXT, {"session_id": id})  # names the row that cannot be read
            raise
        return {
            "session_id": id,
            "messages": said,
            "last_activity": datetime.fromisoformat(found["active_at"]),
            "created_at": datetime.fromisoformat(found["created_at"]),
            "version": str(Version.of(found["last_seq"], rows)),
        }

    @operation
    def version(self, session_id: str) -> Steps[str | None]:
        """The version that load_session() would give now, for the next save after a save; None where it would give None."""
        found, rows = yield from read_context(ID.encode("session_id", session_id))
        if found is None or found["deleted_at"] is not None:
            return None
        return str(Version.of(found["last_seq"], rows))

    @operation
    def load_transcript(self, session_id: str) -> Steps[dict[str, Any] | None]:
        """None, or {session_id, messages, last_activity, created_at}, for people: whatever was compacted, the messages are all
        that was said and not removed, without summaries, in the order in which it was said.

        A message is as in get_messages_paginated(): with the keys that load_session() gives, and id, seq, timestamp and
        token_count. Its id is that of the database; the caller's own is external_id.
        """
        id = ID.encode("session_id", session_id)
        args = {"session_id": id, "include_deleted": 0}
        state, result = yield from batch([(sessions.STATE, {"id": id}), (messages.GET_BY_SESSION_ID, args)])
        found = state.rows[0] if state.tuples else None
        if found is None or found["deleted_at"] is not None:
            return None
        return {
            "session_id": id,
            "messages": [shown(message) for message in MESSAGE.decode(result)],
            "last_activity": datetime.fromisoformat(found["active_at"]),
            "created_at": datetime.fromisoformat(found["created_at"]),
        }

    @operation
    def delete_session(self, session_id: str, soft: bool = True) -> Steps[bool]:
        """Hide a session until restore_session(), or remove it for good with all that is its; False if there is none."""
        id = ID.encode("session_id", session_id)
        if BOOLEAN.encode("soft", soft):
            return (yield from execute(sessions.SOFT_DELETE, {"id": id, "deleted_at": now_text()})).rows_affected > 0
        return (yield from execute(sessions.DELETE, {"id": id})).rows_affected > 0

    @operation
    def restore_session(self, session_id: str) -> Steps[bool]:
        """Show a hidden session again, as it was; False if there is none."""
        args = {"id": ID.encode("session_id", session_id)}
        return (yield from execute(sessions.RESTORE, args)).rows_affected > 0

    @operation
    def list_all_sessions(self, include_deleted: bool = False) -> Steps[list[str]]:
        """The ids of all sessions, the latest activity first."""
        everything = BOOLEAN.encode("include_deleted", include_deleted)
        result = yield from execute(conversations.ALL_IDS if everything else conversations.LIVE_IDS)
        return [row[0] for row in result.tuples]

    @operation
    def get_messages_paginated(
        self, session_id: str, page: int = 1, page_size: int = 50
    ) -> Steps[list[dict[str, Any]]]:
        """Page 1 is the latest `page_size` messages of the transcript, in the order in which they were said; page 2 those
        before them.

        A message has id, seq, role, content, timestamp and token_count, and name, tool_call_id, tool_calls, usage and
        metadata where it has them. Raises FieldError for a page below 1, or a size that is not 1 to 10,000.
        """
        _check_page(page, page_size)
        args = {
            "session_id": ID.encode("session_id", session_id),
            "limit": page_size,
            "offset": min((page - 1) * page_size, 2**62),
        }
        found = yield from MESSAGE.many(conversations.PAGE, args)
        return [shown(message) for message in reversed(found)]

    @operation
    def get_session_stats(self, session_id: str) -> Steps[dict[str, Any] | None]:
        """None, or {session_id, message_count, total_tokens, last_message_at, created_at, last_activity}."""
        args = {"session_id": ID.encode("session_id", session_id), "include_deleted": 0}
        stats = yield from MESSAGE_STATS.one(messages.STATS, args)
        if stats is None:
            return None
        return {
            "session_id": stats.session_id,
            "message_count": stats.message_count,
            "total_tokens": stats.total_tokens,
            "last_message_at": stats.last_message_at,
            "created_at": stats.created_at,
            "last_activity": stats.last_activity_at or stats.created_at,
        }

    @operation
    def cleanup_old_sessions(self, max_age_hours: float = 24) -> Steps[int]:
        """Hide the sessions without activity for `max_age_hours` hours; how many."""
        args = {"deleted_at": now_text(), "before": _before("max_age_hours", max_age_hours, hours=1)}
        return (yield from execute(conversations.HIDE_INACTIVE, args)).rows_affected

    @operation
    def hard_delete_old_sessions(self, days_old: float = 30) -> Steps[int]:
        """Remove the sessions that have been hidden for `days_old` days, for good, with all that is theirs; how many.

        A session that was not deleted softly is never removed, however old it is.
        """
        args = {"before": _before("days_old", days_old, hours=24)}
        return (yield from execute(conversations.REMOVE_HIDDEN, args)).rows_affected

    # -- agent contexts

    @operation
    def save_agent_context(
        self,
        session_id: str,
        current_agent: str,
        agent_history: Iterable[Mapping[str, Any]] = (),
        metadata: dict[str, Any] | None = None,
        created_at: datetime | str | None = None,
        last_switch_at: datetime | str | None = None,
        switch_count: int | None = None,
    ) -> Steps[None]:
        """Let the context of a session be this. An entry of the history has from, to, reason and timestamp; those that
        stayed the same keep what is noted of them, and their ids where nothing new comes before them.

        Without times: as they are, or now, and that of the last switch; without a count: how many entries have a from.

        Raises NotFoundError for a session that is not there or deleted, FieldError.
        """
        given = (
            ID.encode("session_id", session_id),
            ID.encode("current_agent", current_agent),
            read_history(agent_history),
            JSON_OBJECT.or_none().encode("metadata", metadata),
            None if created_at is None else moment("created_at", created_at),
            None if last_switch_at is None else moment("last_switch_at", last_switch_at),
            read_count("switch_count", switch_count),
        )
        yield from atomically(save_context(*given))

    @operation
    def load_agent_context(self, session_id: str) -> Steps[dict[str, Any] | None]:
        """None, or {session_id, current_agent, agent_history, metadata, created_at, last_switch_at, switch_count}; the
        history is a list of {from, to, reason, timestamp}, in its order."""
        return (yield from load_context(ID.encode("session_id", session_id)))

    @operation
    def delete_agent_context(self, session_id: str) -> Steps[bool]:
        """Remove the context of a session, and its history; False if there is none."""
        args = {"session_id": ID.encode("session_id", session_id)}
        _, removed = yield from batch([(agent_contexts.DELETE_SWITCHES, args), (agent_contexts.DELETE, args)])
        return removed.rows_affected > 0

    @operation
    def list_all_contexts(self) -> Steps[list[str]]:
        """The ids of the sessions that have a context, the newest context first."""
        return [row[0] for row in (yield from execute(agent_contexts.SESSION_IDS)).tuples]

    @operation
    def get_agent_switch_history(self, session_id: str, limit: int | None = 100) -> Steps[list[dict[str, Any]]]:
        """The last `limit` switches, newest first (None: all): {id, from_agent, to_agent, switched_at, reason, metadata}."""
        args = {
            "session_id": ID.encode("session_id", session_id),
            "include_deleted": 0,
            "cursor_id": BEYOND_INTEGERS,
            "limit": at_most(limit),
        }
        return [shown_switch(switch) for switch in (yield from AGENT_SWITCH.many(agent_contexts.SWITCHES, args))]

    # -- transactions

    @overload
    def session_scope(self: ConversationStore[Sync]) -> Scope[ConversationStore[Sync]]: ...
    @overload
    def session_scope(self: ConversationStore[Async]) -> AsyncScope[ConversationStore[Async]]: ...
    def session_scope(self) -> Any:
        """`with session_scope() as scope`, or `async with`: the same calls inside one transaction, kept at the end of the
        block, rolled back at an exception. Inside a transaction it is a savepoint."""

        def inside(level: Level) -> ConversationStore[Any]:
            return ConversationStore(
                level, self._on_event, default_agent=self._default_agent, token_counter=self._token_counter
            )

        kind = AsyncScope if self._target.is_async else Scope
        return kind(self._target, inside)


def _check_page(page: object, page_size: object) -> None:
    if type(page) is not int:
        raise FieldError.of("page", page, f"is an integer, not {type(page).__name__}", code="wrong_type")
    if page < 1:
        raise FieldError.of("page", page, "is less than 1", code="too_small", remedy="The first page is 1.")
    check_limit(page_size)


def _before(name: str, amount: object, *, hours: int) -> str:
    """The moment that is `amount` of so many hours ago. Raises FieldError."""
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise FieldError.of(name, amount, f"is a number, not {type(amount).__name__}", code="wrong_type")
    if not amount >= 0:
        raise FieldError.of(name, amount, "is less than 0", code="too_small")
    try:
        return time_text(datetime.now(UTC) - timedelta(hours=amount * hours))
    except OverflowError:
        raise FieldError.of(name, amount, "is before the year 1", code="too_large") from None
