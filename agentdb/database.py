"""AgentDB and AsyncAgentDB: a client, migrated, with its stores."""

from __future__ import annotations

from agentdb import migrations as built_in
from agentdb.clients import create_client, create_client_sync
from agentdb.clients.adapters import borrow
from agentdb.clients.location import is_place
from agentdb.engine.migrator import AsyncMigrator, Migrator
from agentdb.errors import ClosedError, InvalidArgumentError
from agentdb.operations import Async, HasTarget, Sync, W
from agentdb.operations.transactions import Block, begin, begin_async

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from types import TracebackType
    from typing import Any, Self

    from agentdb.clients.local.async_client import AsyncLocalClient
    from agentdb.clients.local.sync_client import LocalClient
    from agentdb.clients.location import Place
    from agentdb.engine.backup.create import Setting
    from agentdb.operations.runners import Callback
    from agentdb.operations.transactions import Level
    from agentdb.stores.agent_contexts import AgentContextStore
    from agentdb.stores.agents import AgentStore
    from agentdb.stores.compactions.store import CompactionStore
    from agentdb.stores.conversations.store import ConversationStore
    from agentdb.stores.messages.store import MessageStore
    from agentdb.stores.session_logs import SessionLogStore
    from agentdb.stores.sessions.store import SessionStore


#: What `PRAGMA application_id` says of a file that agentdb made: "agdb". `file` and its like can tell it by that.
APPLICATION_ID = 0x61676462


class Stores(HasTarget[W]):
    """The stores of a database or of a transaction, each made, and its module loaded, when it is first asked for."""

    def __init__(self, target: Any, default_agent: str | Mapping[str, Any] | None) -> None:
        super().__init__(target)
        self._default_agent = default_agent
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

        return self._store(CompactionStore)  # type: ignore[no-any-return]

    @property
    def messages(self) -> MessageStore[W]:
        """The messages of the sessions."""
        from agentdb.stores.messages.store import MessageStore

        return self._store(MessageStore)  # type: ignore[no-any-return]

    @property
    def conversations(self) -> ConversationStore[W]:
        """The conversations as plain dicts and lists, for code written against the older persistence layer."""
        from agentdb.stores.conversations.store import ConversationStore

        return self._store(ConversationStore, default_agent=self._default_agent)  # type: ignore[no-any-return]

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


class _Database(Stores[W]):
    """What both databases have in common: whose the client is, and whether they are closed."""

    def __init__(self, client: Any, *, owned: bool, default_agent: str | Mapping[str, Any] | None = None) -> None:
        super().__init__(client, default_agent)
        self._owned = owned
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._closed or bool(self._target.closed)

    def _check(self) -> None:
        if self._closed:
            raise ClosedError(f"the database {self._target.path} is closed")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._target.path}{' closed' if self.closed else ''}>"


def _client(place: Any, make: Callable[..., Any], options: dict[str, Any], *, is_async: bool) -> tuple[Any, bool]:
    """The client to work on, and whether it is ours to close."""
    if is_place(place):
        return make(place, **options), True
    borrowed = borrow(place)
    world = borrowed.is_async if borrowed is not None else getattr(place, "is_async", None)
    if world is None or hasattr(place, "savepoint"):
        raise InvalidArgumentError(f"{type(place).__name__} is no path, no URL and no client", code="foreign_client")
    if world != is_async:
        raise InvalidArgumentError(
            f"{type(place).__name__} is of the other world",
            code="wrong_world",
            remedy="Use AgentDB with create_client_sync() and AsyncAgentDB with create_client().",
        )
    if borrowed is not None and "on_connect" in options:
        borrowed.on_connect = options.pop("on_connect")
    if options:
        raise InvalidArgumentError(f"{', '.join(options)}: a ready client has been opened with options of its own")
    if borrowed is not None:
        return (borrowed.open_async() if is_async else borrowed.open()), True
    return place, False


def _check_default_agent(given: object) -> None:
    """Raise FieldError for a default agent that cannot be; the stores are loaded only where there is one."""
    if given is not None:
        from agentdb.stores.conversations.store import read_default_agent

        read_default_agent(given)  # type: ignore[arg-type]


class AgentDB(_Database[Sync]):
    """A database for callers that wait: `with AgentDB.open("agents.db") as db: db.agents.create(…)`."""

    @classmethod
    def open(
        cls,
        place: Place | Any,
        *,
        migrate: bool = True,
        app_version: str | None = None,
        on_event: Callback | None = None,
        backup: Setting = True,
        application_id: int | None = APPLICATION_ID,
        table: str = "migrations",
        default_agent: str | Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Self:
        """Connect, and apply what is pending of the built-in migrations.

        place: a path, a `file:` URL, ':memory:', or a ready client, which stays open when the database is closed.
        migrate: False opens the database as it is. app_version, on_event, backup, application_id: as for
        Migrator; pass None for a file that is first of all the host application's. table: the tracking table of the
        built-in migrations, where another tool has a table `migrations` in the file. default_agent: on what
        db.conversations runs a session that names no agent, an id or arguments of agents.create(). options: as for
        create_client_sync(), for a path or URL; on_connect also for a client of libsql-client.

        Raises StorageError, MigrationError, BusyError, InvalidArgumentError, FieldError; then nothing is left open.
        """
        _check_default_agent(default_agent)
        client, owned = _client(place, create_client_sync, options, is_async=False)
        db = cls(client, owned=owned, default_agent=default_agent)
        try:
            db.migrator = Migrator(
                client,
                built_in,
                table=table,
                app_version=app_version,
                on_event=on_event,
                backup=backup,
                application_id=application_id,
            )
            if migrate:
                db.migrator.migrate()
        except BaseException:
            db.close()
            raise
        return db

    migrator: Migrator

    @property
    def client(self) -> LocalClient:
        """The client underneath, for raw SQL."""
        self._check()
        return self._target  # type: ignore[no-any-return]

    def transaction(self) -> Transaction:
        """`with db.transaction() as tx`: the same stores inside one transaction, kept at the end of the block, taken back
        at an exception. Inside it the work goes through `tx`; `db` raises TransactionActiveError."""
        self._check()
        return Transaction(self._target, self._default_agent)

    def close(self) -> None:
        """Close. May be called twice."""
        self._closed = True
        if self._owned:
            self._target.close()

    def __enter__(self) -> Self:
        self._check()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Transaction(Block, Stores[Sync]):
    """The stores inside one transaction, for the length of a `with` block."""

    def __init__(self, target: Any, default_agent: str | Mapping[str, Any] | None) -> None:
        super().__init__(None, default_agent)
        self._outer = target

    def __enter__(self) -> Self:
        _unused(self._target)
        self._target = self._begun = begin(self._outer)
        return self._of_block()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(keep=kind is None)

    def execute(self, stmt: Any, args: Any = None) -> Any:
        """Raw SQL inside the transaction; as LocalClient.execute()."""
        self._check()
        self._target.check_callback()
        with self._target.turn:
            return self._target.execute(stmt, args)

    def transaction(self) -> Transaction:
        """A SAVEPOINT: what is done inside can be taken back alone."""
        self._check()
        return Transaction(self._target, self._default_agent)

    def _of_block(self) -> Self:
        """What the block works on; see Block."""
        tx = type(self)(self._outer, self._default_agent)
        tx._target = self._target
        return tx

    def _check(self) -> None:
        _begun(self._target)


class AsyncAgentDB(_Database[Async]):
    """A database for callers on an event loop: `async with AsyncAgentDB.open("agents.db") as db`."""

    @classmethod
    def open(
        cls,
        place: Place | Any,
        *,
        migrate: bool = True,
        app_version: str | None = None,
        on_event: Callback | None = None,
        backup: Setting = True,
        application_id: int | None = APPLICATION_ID,
        table: str = "migrations",
        default_agent: str | Mapping[str, Any] | None = None,
        **options: Any,
    ) -> _Opening:
        """As AgentDB.open(), for `async with`, or awaited: `db = await AsyncAgentDB.open(…)`."""
        return _Opening(
            place,
            migrate,
            {
                "table": table,
                "app_version": app_version,
                "on_event": on_event,
                "backup": backup,
                "application_id": application_id,
            },
            default_agent,
            options,
        )

    migrator: AsyncMigrator

    @property
    def client(self) -> AsyncLocalClient:
        """The client underneath, for raw SQL."""
        self._check()
        return self._target  # type: ignore[no-any-return]

    def transaction(self) -> AsyncTransaction:
        """As AgentDB.transaction(), with `async with`."""
        self._check()
        return AsyncTransaction(self._target, self._default_agent)

    async def close(self) -> None:
        """Close. May be called twice."""
        self._closed = True
        if self._owned:
            await self._target.close()

    async def __aenter__(self) -> Self:
        self._check()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class _Opening:
    """A database that is being opened: awaited, or entered."""

    def __init__(
        self,
        place: Any,
        migrate: bool,
        rules: dict[str, Any],
        default_agent: str | Mapping[str, Any] | None,
        options: dict[str, Any],
    ) -> None:
        self._arguments = (place, migrate, rules, default_agent, options)
        self._db: AsyncAgentDB | None = None

    async def _open(self) -> AsyncAgentDB:
        place, migrate, rules, default_agent, options = self._arguments
        _check_default_agent(default_agent)
        client, owned = _client(place, create_client, options, is_async=True)
        db = AsyncAgentDB(client, owned=owned, default_agent=default_agent)
        try:
            db.migrator = AsyncMigrator(client, built_in, **rules)
            if migrate:
                await db.migrator.migrate()
        except BaseException:
            await db.close()
            raise
        return db

    def __await__(self) -> Generator[Any, Any, AsyncAgentDB]:
        return self._open().__await__()

    async def __aenter__(self) -> AsyncAgentDB:
        self._db = await self._open()
        return self._db

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._db is not None:
            await self._db.close()


class AsyncTransaction(Block, Stores[Async]):
    """The stores inside one transaction, for the length of an `async with` block."""

    def __init__(self, target: Any, default_agent: str | Mapping[str, Any] | None) -> None:
        super().__init__(None, default_agent)
        self._outer = target

    async def __aenter__(self) -> Self:
        _unused(self._target)
        self._target = self._begun = await begin_async(self._outer)
        return self._of_block()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end_async(kind)

    async def execute(self, stmt: Any, args: Any = None) -> Any:
        """Raw SQL inside the transaction; as AsyncLocalClient.execute()."""
        self._check()
        self._target.check_callback()
        async with self._target.turn:
            return await self._target.execute(stmt, args)

    def transaction(self) -> AsyncTransaction:
        """A SAVEPOINT: what is done inside can be taken back alone."""
        self._check()
        return AsyncTransaction(self._target, self._default_agent)

    def _of_block(self) -> Self:
        """What the block works on; see Block."""
        tx = type(self)(self._outer, self._default_agent)
        tx._target = self._target
        return tx

    def _check(self) -> None:
        _begun(self._target)


def _begun(level: Level | None) -> None:
    if level is None:
        raise ClosedError("the transaction has not begun", remedy="Enter it: `with db.transaction() as tx`.")
    level.check()


def _unused(level: Level | None) -> None:
    if level is not None:
        raise ClosedError("this transaction was entered already", remedy="Begin another with db.transaction().")
