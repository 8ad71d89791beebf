"""AgentDB and AsyncAgentDB: a client, migrated, with its stores."""

from __future__ import annotations

import os

from agentdb import migrations as built_in
from agentdb.clients import create_client, create_client_sync
from agentdb.clients.adapters import borrow
from agentdb.clients.location import is_place
from agentdb.engine.joint_migrator import JointMigrator
from agentdb.engine.migrator import AsyncMigrator, Migrator
from agentdb.errors import ClosedError, InvalidArgumentError
from agentdb.operations import Async, Sync, W
from agentdb.store_set import AsyncTransaction, Stores, Transaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from os import PathLike
    from types import ModuleType, TracebackType
    from typing import Any, Self, Unpack

    from agentdb.clients.local.async_client import AsyncLocalClient
    from agentdb.clients.local.sync_client import LocalClient
    from agentdb.clients.location import Place
    from agentdb.clients.options import ClientOptions
    from agentdb.engine.migration_set import MigrationSet
    from agentdb.operations.runners import Callback
    from agentdb.stores.erasure import EraseReport, ErasureStore
    from agentdb.stores.messages.derived import TokenCounter
    from agentdb.stores.transfer.reader import ImportSource
    from agentdb.stores.transfer.sink import Place as ExportPlace
    from agentdb.stores.transfer.store import TransferStore
    from agentdb.stores.transfer.values import ExportReport, ImportReport


#: What `PRAGMA application_id` says of a file that agentdb made: "agdb". `file` and its like can tell it by that.
APPLICATION_ID = 0x61676462


class _Database(Stores[W]):
    """What both databases have in common: whose the client is, and whether they are closed."""

    migrators: tuple[Any, ...]

    def __init__(
        self,
        client: Any,
        *,
        owned: bool,
        default_agent: str | Mapping[str, Any] | None = None,
        token_counter: TokenCounter | None = None,
    ) -> None:
        super().__init__(client, default_agent, token_counter)
        self._owned = owned
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._closed or bool(self._target.closed)

    def _check(self) -> None:
        if self._closed:
            raise ClosedError(f"the database {self._target.path} is closed")

    @property
    def _transfer(self) -> TransferStore[W]:
        from agentdb.stores.transfer.store import TransferStore

        return self._store(TransferStore)  # type: ignore[no-any-return]

    @property
    def _erasure(self) -> ErasureStore[W]:
        from agentdb.stores.erasure import ErasureStore

        rules = [(one.backup_rules, one.table) for one in self.migrators]
        folders = [(os.fspath(rule[0]), table) for rule, table in rules if rule is not None and rule[0] is not None]
        return self._store(ErasureStore, backups=folders)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._target.path}{' closed' if self.closed else ''}>"


def _client(place: Any, make: Callable[..., Any], given: Mapping[str, Any], *, is_async: bool) -> tuple[Any, bool]:
    """The client to work on, and whether it is ours to close."""
    options = dict(given)
    if is_place(place):
        return make(place, **options), True
    borrowed = borrow(place)
    world = borrowed.is_async if borrowed is not None else getattr(place, "is_async", None)
    if world is None or hasattr(place, "savepoint"):
        raise InvalidArgumentError(f"{type(place).__name__} is not a path, a URL or a client", code="foreign_client")
    if world != is_async:
        raise InvalidArgumentError(
            f"{type(place).__name__} is {'a sync' if is_async else 'an async'} client",
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


def _check_token_counter(given: object) -> None:
    if given is not None and not callable(given):
        raise InvalidArgumentError(
            f"token_counter is a {type(given).__name__}; it is a function of a message",
            remedy="Give a function that takes a NewMessage and returns an integer.",
        )


def _sets(given: Any) -> list[MigrationSet]:
    """The host's sets. Raises InvalidArgumentError."""
    if not given and isinstance(given, (tuple, list)):
        return []
    from agentdb.engine.migration_set import MigrationSet, set_of

    if isinstance(given, (str, bytes, MigrationSet)) or not hasattr(given, "__iter__"):
        raise InvalidArgumentError(
            f"migrations is a {type(given).__name__}; it is a list of MigrationSet, or of modules that have MIGRATIONS",
            remedy='Put it in a list: migrations=[MigrationSet("notes", [...])].',
        )
    return [set_of(one) for one in given]


class AgentDB(_Database[Sync]):
    """A database for callers that wait: `with AgentDB.open("agents.db") as db: db.agents.create(…)`."""

    @classmethod
    def open(
        cls,
        place: Place | Any,
        *,
        migrations: Sequence[MigrationSet | ModuleType] = (),
        migrate: bool = True,
        app_version: str | None = None,
        on_event: Callback | None = None,
        backup: bool = True,
        backup_dir: str | PathLike[str] | None = None,
        keep_backups: int = 3,
        application_id: int | None = APPLICATION_ID,
        table: str = "migrations",
        default_agent: str | Mapping[str, Any] | None = None,
        token_counter: TokenCounter | None = None,
        **options: Unpack[ClientOptions],
    ) -> Self:
        """Connect, and apply what is pending of the built-in migrations, then of the host's.

        place: a path, a `file:` URL, ':memory:', or a ready client, which stays open when the database is closed.
        migrations: the host application's sets of migrations, in their order: one start, one backup from before all.
        migrate: False opens the database as it is. app_version, on_event, backup, backup_dir, keep_backups, application_id:
        as for Migrator; pass None as application_id for a file that is first of all the host application's. table: the
        tracking table of the built-in migrations, where another tool has a table `migrations` in the file. default_agent:
        on what db.conversations runs a session that names no agent, an id or arguments of agents.create(). token_counter:
        counts the tokens of each message that is written without a token_count: a function of a NewMessage that returns an
        integer; without it tokens are estimated, where they are asked for. options: as for
        create_client_sync(), for a path or URL; on_connect also for a client of libsql-client.

        Raises StorageError, MigrationError, BusyError, InvalidArgumentError, FieldError; then nothing is left open.
        """
        _check_default_agent(default_agent)
        _check_token_counter(token_counter)
        client, owned = _client(place, create_client_sync, options, is_async=False)
        db = cls(client, owned=owned, default_agent=default_agent, token_counter=token_counter)
        try:
            rules: dict[str, Any] = {
                "app_version": app_version,
                "on_event": on_event,
                "backup": backup,
                "backup_dir": backup_dir,
                "keep_backups": keep_backups,
            }
            db.migrator = Migrator(client, built_in, table=table, application_id=application_id, **rules)
            db.migrators = (db.migrator, *[Migrator(client, one, **rules) for one in _sets(migrations)])
            joint = JointMigrator(db.migrators)
            if migrate:
                joint.migrate()
        except BaseException:
            db.close()
            raise
        return db

    #: Of the built-in migrations.
    migrator: Migrator
    #: That one, and then one for each set of the host's.
    migrators: tuple[Migrator, ...]

    @property
    def client(self) -> LocalClient:
        """The client underneath, for raw SQL."""
        self._check()
        return self._target  # type: ignore[no-any-return]

    def transaction(self, *, actor: str | None = None) -> Transaction:
        """`with db.transaction() as tx`: the same stores inside one transaction, kept at the end of the block, rolled back
        at an exception. Inside it the work goes through `tx`; `db` raises TransactionActiveError.

        actor: who writes, for the audit trail: `db.transaction(actor="user:7")`."""
        self._check()
        return Transaction(self._target, self._default_agent, self._token_counter, actor)

    def export(
        self,
        session_id: str | None = None,
        to: ExportPlace | None = None,
        *,
        user_id: str | None = None,
        include_deleted: bool = False,
    ) -> ExportReport:
        """Write a session with all that belongs to it as JSON Lines: its agents, messages (removed ones and summaries, too),
        compactions, agent context and switches, logs, events, metrics, states of modules and attachments. All of it is of one
        moment; writers are not delayed. With user_id: the sessions of a user, hidden ones too, and the memories.

        to: a path that does not exist, or a file that is open for writing; with None the bytes are `.data` of the report.
        include_deleted: a session that is deleted softly, too.

        Raises NotFoundError, UnreadableRowError, DamagedAttachmentError, AlreadyExistsError, StorageError; then there is no
        new file. A file that the caller had open may have a part of it.
        """
        return self._transfer.export(session_id, to, user_id=user_id, include_deleted=include_deleted)

    def import_(self, source: ImportSource) -> ImportReport:
        """Read what export() wrote, in one transaction: a path, the bytes, or a file that is open for reading.

        Ids are kept. Where a number is taken by a row of another session, all numbers of that table move together, and the
        report says by how much. A session or an agent that is here already is compared and left as it is: an import done
        twice changes nothing.

        Raises ExportFileError, InvalidArgumentError `unreadable_source`, BusyError; then nothing was imported.
        """
        return self._transfer.import_(source)

    def erase(
        self, session_id: str | None = None, *, user_id: str | None = None, forks: bool = False, vacuum: bool = True
    ) -> EraseReport:
        """Remove a session for good, with all that belongs to it; or with user_id, the sessions and memories of a user, in one
        transaction. No byte of the file, its -wal and its -shm has it then.

        Removed are its rows, its part of the search index, its attachments, and what earlier changes and deletions have left
        in freed space.

        forks: the sessions that were forked from it, too; else they stay as they are, and the report names them. Children
        become roots. vacuum: False leaves out the step that rewrites the whole file. Then freed space may hold what was
        deleted while secure_delete was not 'on'.

        Look at `.remains` of the report: where a reader of another program is in the way, it says what is left and what to
        call later. A session that is not there has no rows to count; what it has left is erased. `.backups` are the copies
        that still hold it; none is removed.

        Raises BusyError, and IntegrityError where a row of the application refers to it and forbids that; then nothing was
        erased.
        """
        return self._erasure.erase(session_id, user_id=user_id, forks=forks, vacuum=vacuum)

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


class AsyncAgentDB(_Database[Async]):
    """A database for callers on an event loop: `async with AsyncAgentDB.open("agents.db") as db`."""

    @classmethod
    def open(
        cls,
        place: Place | Any,
        *,
        migrations: Sequence[MigrationSet | ModuleType] = (),
        migrate: bool = True,
        app_version: str | None = None,
        on_event: Callback | None = None,
        backup: bool = True,
        backup_dir: str | PathLike[str] | None = None,
        keep_backups: int = 3,
        application_id: int | None = APPLICATION_ID,
        table: str = "migrations",
        default_agent: str | Mapping[str, Any] | None = None,
        token_counter: TokenCounter | None = None,
        **options: Unpack[ClientOptions],
    ) -> _Opening:
        """As AgentDB.open(), for `async with`, or awaited: `db = await AsyncAgentDB.open(…)`."""
        return _Opening(
            place,
            migrations,
            migrate,
            {"table": table, "application_id": application_id},
            {
                "app_version": app_version,
                "on_event": on_event,
                "backup": backup,
                "backup_dir": backup_dir,
                "keep_backups": keep_backups,
            },
            default_agent,
            token_counter,
            options,
        )

    migrator: AsyncMigrator
    migrators: tuple[AsyncMigrator, ...]

    @property
    def client(self) -> AsyncLocalClient:
        """The client underneath, for raw SQL."""
        self._check()
        return self._target  # type: ignore[no-any-return]

    def transaction(self, *, actor: str | None = None) -> AsyncTransaction:
        """As AgentDB.transaction(), with `async with`."""
        self._check()
        return AsyncTransaction(self._target, self._default_agent, self._token_counter, actor)

    async def export(
        self,
        session_id: str | None = None,
        to: ExportPlace | None = None,
        *,
        user_id: str | None = None,
        include_deleted: bool = False,
    ) -> ExportReport:
        """As AgentDB.export()."""
        return await self._transfer.export(session_id, to, user_id=user_id, include_deleted=include_deleted)

    async def import_(self, source: ImportSource) -> ImportReport:
        """As AgentDB.import_()."""
        return await self._transfer.import_(source)

    async def erase(
        self, session_id: str | None = None, *, user_id: str | None = None, forks: bool = False, vacuum: bool = True
    ) -> EraseReport:
        """As AgentDB.erase()."""
        return await self._erasure.erase(session_id, user_id=user_id, forks=forks, vacuum=vacuum)

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
        migrations: Sequence[MigrationSet | ModuleType],
        migrate: bool,
        own: dict[str, Any],
        rules: dict[str, Any],
        default_agent: str | Mapping[str, Any] | None,
        token_counter: TokenCounter | None,
        options: Mapping[str, Any],
    ) -> None:
        self._arguments = (place, migrations, migrate, own, rules, default_agent, token_counter, options)
        self._db: AsyncAgentDB | None = None

    async def _open(self) -> AsyncAgentDB:
        place, migrations, migrate, own, rules, default_agent, token_counter, options = self._arguments
        _check_default_agent(default_agent)
        _check_token_counter(token_counter)
        client, owned = _client(place, create_client, options, is_async=True)
        db = AsyncAgentDB(client, owned=owned, default_agent=default_agent, token_counter=token_counter)
        try:
            db.migrator = AsyncMigrator(client, built_in, **own, **rules)
            db.migrators = (db.migrator, *[AsyncMigrator(client, one, **rules) for one in _sets(migrations)])
            joint = JointMigrator(db.migrators)
            if migrate:
                await joint.migrate()
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
