"""The stores of a database, and those of a transaction of it."""

from __future__ import annotations

from agentdb.errors import ClosedError
from agentdb.operations import Async, HasTarget, Sync, W
from agentdb.operations.transactions import Block, begin, begin_async

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Any, Self

    from agentdb.operations.transactions import Level
    from agentdb.search_index import SearchIndex
    from agentdb.stores.agent_contexts import AgentContextStore
    from agentdb.stores.agent_metrics import AgentMetricStore
    from agentdb.stores.agent_versions import AgentVersionStore
    from agentdb.stores.agents import AgentStore
    from agentdb.stores.attachments.store import AttachmentStore
    from agentdb.stores.audit.store import AuditStore
    from agentdb.stores.compactions.store import CompactionStore
    from agentdb.stores.conversations.store import ConversationStore
    from agentdb.stores.memories.accesses import MemoryAccessStore
    from agentdb.stores.memories.annotations import MemoryAnnotationStore
    from agentdb.stores.memories.embeddings import MemoryEmbeddingStore
    from agentdb.stores.memories.links import MemoryLinkStore
    from agentdb.stores.memories.store import MemoryStore
    from agentdb.stores.messages.derived import TokenCounter
    from agentdb.stores.messages.store import MessageStore
    from agentdb.stores.module_states import ModuleStateStore
    from agentdb.stores.session_events import SessionEventStore
    from agentdb.stores.session_logs import SessionLogStore
    from agentdb.stores.session_metrics import SessionMetricStore
    from agentdb.stores.sessions.store import SessionStore


class Stores(HasTarget[W]):
    """The stores of a database or of a transaction, each made, and its module loaded, when it is first asked for."""

    def __init__(
        self, target: Any, default_agent: str | Mapping[str, Any] | None, token_counter: TokenCounter | None = None
    ) -> None:
        super().__init__(target)
        self._default_agent = default_agent
        self._token_counter = token_counter
        self._made: dict[Callable[..., Any], Any] = {}

    @property
    def agents(self) -> AgentStore[W]:
        """The agents."""
        from agentdb.stores.agents import AgentStore

        return self._store(AgentStore)  # type: ignore[no-any-return]

    @property
    def sessions(self) -> SessionStore[W]:
        """The sessions."""
        from agentdb.stores.sessions.store import SessionStore

        return self._store(SessionStore)  # type: ignore[no-any-return]

    @property
    def session_logs(self) -> SessionLogStore[W]:
        """The logs of the sessions."""
        from agentdb.stores.session_logs import SessionLogStore

        return self._store(SessionLogStore)  # type: ignore[no-any-return]

    @property
    def agent_contexts(self) -> AgentContextStore[W]:
        """Which agent is at work in each session, and the switches that led there."""
        from agentdb.stores.agent_contexts import AgentContextStore

        return self._store(AgentContextStore)  # type: ignore[no-any-return]

    @property
    def compactions(self) -> CompactionStore[W]:
        """The compactions of the sessions' conversations."""
        from agentdb.stores.compactions.store import CompactionStore

        return self._store(CompactionStore, token_counter=self._token_counter)  # type: ignore[no-any-return]

    @property
    def messages(self) -> MessageStore[W]:
        """The messages of the sessions."""
        from agentdb.stores.messages.store import MessageStore

        return self._store(MessageStore, token_counter=self._token_counter)  # type: ignore[no-any-return]

    @property
    def attachments(self) -> AttachmentStore[W]:
        """The files beside the messages of the sessions."""
        from agentdb.stores.attachments.store import AttachmentStore

        return self._store(AttachmentStore)  # type: ignore[no-any-return]

    @property
    def conversations(self) -> ConversationStore[W]:
        """The conversations as plain dicts and lists, for code written against the older persistence layer."""
        from agentdb.stores.conversations.store import ConversationStore

        options = {"default_agent": self._default_agent, "token_counter": self._token_counter}
        return self._store(ConversationStore, **options)  # type: ignore[no-any-return]

    @property
    def session_events(self) -> SessionEventStore[W]:
        """The events of the sessions, numbered."""
        from agentdb.stores.session_events import SessionEventStore

        return self._store(SessionEventStore)  # type: ignore[no-any-return]

    @property
    def session_metrics(self) -> SessionMetricStore[W]:
        """The metrics of the sessions."""
        from agentdb.stores.session_metrics import SessionMetricStore

        return self._store(SessionMetricStore)  # type: ignore[no-any-return]

    @property
    def agent_metrics(self) -> AgentMetricStore[W]:
        """The metrics of the agents."""
        from agentdb.stores.agent_metrics import AgentMetricStore

        return self._store(AgentMetricStore)  # type: ignore[no-any-return]

    @property
    def agent_versions(self) -> AgentVersionStore[W]:
        """The versions of the agents."""
        from agentdb.stores.agent_versions import AgentVersionStore

        return self._store(AgentVersionStore)  # type: ignore[no-any-return]

    @property
    def module_states(self) -> ModuleStateStore[W]:
        """The states of the application's modules."""
        from agentdb.stores.module_states import ModuleStateStore

        return self._store(ModuleStateStore)  # type: ignore[no-any-return]

    @property
    def memories(self) -> MemoryStore[W]:
        """The memories, what is recalled of them, and what is forgotten."""
        from agentdb.stores.memories.store import MemoryStore

        return self._store(MemoryStore)  # type: ignore[no-any-return]

    @property
    def memory_links(self) -> MemoryLinkStore[W]:
        """Which memories are related."""
        from agentdb.stores.memories.links import MemoryLinkStore

        return self._store(MemoryLinkStore)  # type: ignore[no-any-return]

    @property
    def memory_accesses(self) -> MemoryAccessStore[W]:
        """Who used which memory."""
        from agentdb.stores.memories.accesses import MemoryAccessStore

        return self._store(MemoryAccessStore)  # type: ignore[no-any-return]

    @property
    def memory_annotations(self) -> MemoryAnnotationStore[W]:
        """What was said about memories, and applied to them."""
        from agentdb.stores.memories.annotations import MemoryAnnotationStore

        return self._store(MemoryAnnotationStore)  # type: ignore[no-any-return]

    @property
    def memory_embeddings(self) -> MemoryEmbeddingStore[W]:
        """The vectors of the memories."""
        from agentdb.stores.memories.embeddings import MemoryEmbeddingStore

        return self._store(MemoryEmbeddingStore)  # type: ignore[no-any-return]

    @property
    def audit(self) -> AuditStore[W]:
        """What was changed in the tables that are audited, by whom and when."""
        from agentdb.stores.audit.store import AuditStore

        return self._store(AuditStore)  # type: ignore[no-any-return]

    @property
    def search_index(self) -> SearchIndex[W]:
        """The full-text indexes over messages and memories."""
        from agentdb.search_index import SearchIndex

        return self._store(SearchIndex)  # type: ignore[no-any-return]

    @property
    def operations_target(self) -> Any:
        """For a store of the application's own: `NoteStore(db)`, `NoteStore(tx)`."""
        self._check()
        return self._target

    def _check(self) -> None:
        """Raises ClosedError where there is nothing to work on any more."""

    def _store(self, kind: Callable[..., Any], **options: Any) -> Any:
        self._check()
        store = self._made.get(kind)
        if store is None:
            store = self._made[kind] = kind(self._target, **options)
        return store


class Transaction(Block, Stores[Sync]):
    """The stores inside one transaction, for the length of a `with` block."""

    def __init__(
        self,
        target: Any,
        default_agent: str | Mapping[str, Any] | None,
        token_counter: TokenCounter | None = None,
        actor: str | None = None,
        outer_actor: str | None = None,
    ) -> None:
        super().__init__(None, default_agent, token_counter)
        self._outer = target
        self._actor = outer_actor if actor is None else checked_actor(actor)
        self._outer_actor = outer_actor

    def __enter__(self) -> Self:
        _unused(self._target)
        self._target = self._begun = begin(self._outer)
        if self._actor != self._outer_actor:
            try:
                self._target.execute(*naming(self._actor))
            except BaseException:
                self._end(keep=False)
                raise
        return self._of_block()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._actor != self._outer_actor:
            self._last(naming(self._outer_actor))
        self._end(keep=kind is None)

    def execute(self, stmt: Any, args: Any = None) -> Any:
        """Raw SQL inside the transaction; as LocalClient.execute()."""
        self._check()
        self._target.check_callback()
        with self._target.turn:
            return self._target.execute(stmt, args)

    def transaction(self, *, actor: str | None = None) -> Transaction:
        """A SAVEPOINT: what is done inside can be rolled back alone. actor: who writes inside; None: the same as outside."""
        self._check()
        return Transaction(self._target, self._default_agent, self._token_counter, actor, self._actor)

    def _of_block(self) -> Self:
        """What the block works on; see Block."""
        tx = type(self)(self._outer, self._default_agent, self._token_counter)
        tx._target, tx._actor = self._target, self._actor
        return tx

    def _check(self) -> None:
        _begun(self._target)


class AsyncTransaction(Block, Stores[Async]):
    """The stores inside one transaction, for the length of an `async with` block."""

    def __init__(
        self,
        target: Any,
        default_agent: str | Mapping[str, Any] | None,
        token_counter: TokenCounter | None = None,
        actor: str | None = None,
        outer_actor: str | None = None,
    ) -> None:
        super().__init__(None, default_agent, token_counter)
        self._outer = target
        self._actor = outer_actor if actor is None else checked_actor(actor)
        self._outer_actor = outer_actor

    async def __aenter__(self) -> Self:
        _unused(self._target)
        self._target = self._begun = await begin_async(self._outer)
        if self._actor != self._outer_actor:
            try:
                await self._target.execute(*naming(self._actor))
            except BaseException:
                await self._end_async(Exception)
                raise
        return self._of_block()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._actor != self._outer_actor:
            await self._last_async(naming(self._outer_actor))
        await self._end_async(kind)

    async def execute(self, stmt: Any, args: Any = None) -> Any:
        """Raw SQL inside the transaction; as AsyncLocalClient.execute()."""
        self._check()
        self._target.check_callback()
        async with self._target.turn:
            return await self._target.execute(stmt, args)

    def transaction(self, *, actor: str | None = None) -> AsyncTransaction:
        """A SAVEPOINT: what is done inside can be rolled back alone. actor: who writes inside; None: the same as outside."""
        self._check()
        return AsyncTransaction(self._target, self._default_agent, self._token_counter, actor, self._actor)

    def _of_block(self) -> Self:
        """What the block works on; see Block."""
        tx = type(self)(self._outer, self._default_agent, self._token_counter)
        tx._target, tx._actor = self._target, self._actor
        return tx

    def _check(self) -> None:
        _begun(self._target)


def checked_actor(actor: str) -> str:
    """Who is to stand in the audit trail. Raises FieldError."""
    from agentdb.stores.fields import ID

    return ID.encode("actor", actor)  # type: ignore[no-any-return]


def naming(actor: str | None) -> tuple[str, dict[str, str]]:
    """The statement that says who writes from here on."""
    from agentdb.queries import audit

    return (audit.CLEAR_ACTOR, {}) if actor is None else (audit.SET_ACTOR, {"actor": actor})


def _begun(level: Level | None) -> None:
    if level is None:
        raise ClosedError("the transaction has not begun", remedy="Enter it: `with db.transaction() as tx`.")
    level.check()


def _unused(level: Level | None) -> None:
    if level is not None:
        raise ClosedError("this transaction was entered already", remedy="Begin another with db.transaction().")
