"""What callers of agentdb see through a type checker. Never run: test_typing.py reads it with mypy and pyright.

`assert_type` says what must be inferred; a line that ends in `# expect-error` must be refused, and no other may be.
"""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, assert_type

import agentdb
from agentdb import (
    AgentDB,
    AsyncAgentDB,
    AsyncMigrator,
    Backfill,
    Finding,
    Migration,
    MigrationResult,
    MigrationSummary,
    Migrator,
    PythonStep,
    RebuildTable,
    ValidationResult,
    create_client,
    create_client_sync,
    migrations,
)
from agentdb.clients.base import AsyncClient, Client, ResultSet, Row
from agentdb.operations import Async, Operations, Steps, Sync, W, atomic, batch, emit, execute, operation
from agentdb.stores import (
    Agent,
    AgentContext,
    AgentContextStore,
    AgentMetric,
    AgentStats,
    AgentStore,
    AgentSwitch,
    AgentVersion,
    Attachment,
    AttachmentReader,
    AttachmentStore,
    AuditEntry,
    AuditStatus,
    AuditStore,
    CompactionEvent,
    CompactionPlan,
    CompactionStats,
    CompactionStore,
    ConversationStore,
    EraseReport,
    ExportReport,
    FieldChange,
    ImportReport,
    Memory,
    MemoryAccess,
    MemoryAnnotation,
    MemoryEmbedding,
    MemoryStore,
    Message,
    MessageStats,
    MessageStore,
    MetricAggregate,
    ModuleState,
    NewEvent,
    NewMemoryAccess,
    NewMessage,
    OpenCall,
    Page,
    RecallCandidate,
    RecalledMemory,
    RecallWeights,
    SearchHit,
    Session,
    SessionEvent,
    SessionEventStore,
    SessionHit,
    SessionLog,
    SessionMetric,
    SessionNode,
    SessionSummary,
    SessionWithAgent,
    StateTransition,
)


class Notes(Operations[W]):
    """A store as an application writes it."""

    @operation
    def count(self, above: int = 0, *, label: str | None = None) -> Steps[int]:
        """How many there are."""
        result = yield from execute("SELECT count(*) FROM notes WHERE id > ? AND label = ?", (above, label))
        assert_type(result, ResultSet)
        return int(result.tuples[0][0])

    @operation
    def find(self, note_id: int) -> Steps[str | None]:
        result = yield from execute("SELECT text FROM notes WHERE id = ?", (note_id,))
        return str(result.tuples[0][0]) if result.tuples else None

    @atomic
    def replace(self, texts: list[str]) -> Steps[list[str]]:
        results = yield from batch(["DELETE FROM notes", ("INSERT INTO notes (text) VALUES (?)", (texts[0],))])
        assert_type(results, list[ResultSet])
        assert_type((yield from emit("replaced")), None)
        number = yield from self.count.steps(1, label="x")
        assert_type(number, int)
        found = yield from self.find.steps(number)
        assert_type(found, str | None)
        again = yield from self.replace.steps(texts)
        assert_type(again, list[str])
        return [found] if found else again

    @operation
    def steps_are_checked_in_bodies_too(self) -> Steps[None]:
        yield from self.count.steps("1")  # expect-error
        yield from self.find.steps()  # expect-error
        yield from self.find.steps(1, 2)  # expect-error
        yield from self.count.steps(labels="x")  # expect-error
        yield from self.count(1)  # expect-error
        yield from self.cuont.steps()  # expect-error

    @operation
    def a_body_must_return_what_it_says(self) -> Steps[int]:
        yield from self.find.steps(1)
        return "one"  # expect-error


# -- a store bound to a sync client


def sync_callers(notes: Notes[Sync], client: Client) -> None:
    assert_type(notes.count(), int)
    assert_type(notes.count(1, label="x"), int)
    assert_type(notes.find(1), str | None)
    assert_type(notes.replace(["a"]), list[str])
    assert_type(notes.count.steps(1), Steps[int])
    notes.count("1")  # expect-error
    notes.count(label=1)  # expect-error
    notes.count(labels="x")  # expect-error
    notes.find()  # expect-error
    notes.find(1, 2)  # expect-error
    notes.replace("a")  # expect-error
    notes.cuont()  # expect-error
    assert_type(notes.count(), str)  # expect-error
    assert_type(Notes(client), Notes[Sync])
    with create_client_sync(":memory:") as opened:
        assert_type(Notes(opened), Notes[Sync])
        assert_type(Notes(opened).count(), int)
        with opened.transaction() as tx:
            assert_type(Notes(tx).count(), int)


async def a_sync_store_is_not_awaited(notes: Notes[Sync]) -> None:
    await notes.count()  # expect-error
    await notes.replace(["a"])  # expect-error


# -- a store bound to an async client


async def async_callers(notes: Notes[Async], client: AsyncClient) -> None:
    assert_type(await notes.count(), int)
    assert_type(await notes.count(1, label="x"), int)
    assert_type(await notes.find(1), str | None)
    assert_type(await notes.replace(["a"]), list[str])
    coroutine = assert_type(notes.count(), Coroutine[Any, Any, int])
    assert_type(await coroutine, int)
    assert_type(notes.count.steps(1), Steps[int])
    await notes.count("1")  # expect-error
    await notes.find()  # expect-error
    await notes.find(1, 2)  # expect-error
    await notes.count(labels="x")  # expect-error
    notes.count()  # expect-error
    assert_type(Notes(client), Notes[Async])
    async with create_client(":memory:") as opened:
        assert_type(Notes(opened), Notes[Async])
        assert_type(await Notes(opened).count(), int)
        async with opened.transaction() as tx:
            assert_type(await Notes(tx).count(), int)


def an_async_result_is_not_the_value(notes: Notes[Async]) -> int:
    return notes.count()  # expect-error


# -- the client must be of the world


def worlds(client: Client, async_client: AsyncClient) -> None:
    Notes[Sync](client)
    Notes[Async](async_client)
    Notes[Sync](async_client)  # expect-error
    Notes[Async](client)  # expect-error
    Notes(3)  # expect-error
    Notes("agents.db")  # expect-error
    Migrator(client)
    AsyncMigrator(async_client)
    Migrator(async_client)  # expect-error
    AsyncMigrator(client)  # expect-error
    Migrator("agents.db")  # expect-error


# -- the migrators


def migrate(migrator: Migrator, migration: Migration) -> None:
    migrator.add_migration(migration)
    migrator.add_migrations([migration])
    migrator.add_migrations(migrations)
    migrator.add_migrations(migrations.MIGRATIONS)
    assert_type(migrator.migrations, tuple[Migration, ...])
    assert_type(migrator.initialize(), None)
    results = migrator.migrate()
    assert_type(results, list[MigrationResult])
    migrator.migrate(limit=1, target="002", dry_run=True, use_transaction=False, validate_checksums=False)
    assert_type(migrator.rollback(limit=1), list[MigrationResult])
    assert_type(migrator.rollback(target="001", dry_run=True), list[MigrationResult])
    assert_type(migrator.rollback_last(), MigrationResult | None)
    assert_type(migrator.rollback_last(dry_run=True), MigrationResult | None)
    assert_type(migrator.get_migration_summary(), MigrationSummary)
    assert_type(migrator.get_migration_summary().current_version, str | None)
    assert_type(migrator.validate_migrations(), ValidationResult)
    assert_type(migrator.validate_migrations().errors, tuple[Finding, ...])
    migrator.migrate(limit="1")  # expect-error
    migrator.migrate(target=2)  # expect-error
    migrator.migrate(dry="yes")  # expect-error
    migrator.rollback(to="001")  # expect-error
    migrator.rollback_last(1, 2)  # expect-error
    migrator.add_migration("CREATE TABLE t (x)")  # expect-error
    results[0].success = False  # expect-error
    results.migration  # expect-error  # noqa: B018


async def migrate_in_a_loop(migrator: AsyncMigrator, migration: Migration) -> None:
    migrator.add_migration(migration)
    migrator.add_migrations(migrations)
    assert_type(await migrator.initialize(), None)
    assert_type(await migrator.migrate(), list[MigrationResult])
    coroutine = assert_type(migrator.migrate(), Coroutine[Any, Any, list[MigrationResult]])
    assert_type(await coroutine, list[MigrationResult])
    migrator.migrate()  # expect-error
    assert_type(await migrator.rollback(limit=1), list[MigrationResult])
    assert_type(await migrator.rollback_last(), MigrationResult | None)
    assert_type(await migrator.get_migration_summary(), MigrationSummary)
    assert_type(await migrator.validate_migrations(), ValidationResult)
    await migrator.migrate(limit="1")  # expect-error
    await migrator.rollback(to="001")  # expect-error
    for _ in migrator.migrate():  # expect-error
        pass


async def repairs(migrator: Migrator, other: AsyncMigrator) -> None:
    migrator.mark_applied("001", reason="done by hand")
    await other.mark_reverted("001", reason="taken back by hand")
    migrator.baseline("001")  # expect-error
    migrator.accept_checksum(reason="edited")  # expect-error


async def a_sync_migrator_is_not_awaited(migrator: Migrator) -> None:
    await migrator.migrate()  # expect-error


# -- values


def a_step() -> Steps[None]:
    yield from execute("SELECT 1")


async def a_coroutine() -> None: ...


def values(migration: Migration, result: MigrationResult, row: Row) -> None:
    made = Migration("001", "notes", "CREATE TABLE notes (id)")
    assert_type(made.up, tuple[str | RebuildTable | PythonStep | Backfill, ...])
    assert_type(made.checksum, str)
    Migration(id="001", description="notes", up=["CREATE TABLE notes (id)"], down=["DROP TABLE notes"])
    rebuild = RebuildTable("notes", "CREATE TABLE notes (id)", {"id": "1"})
    Migration(
        "001", "x", ["VACUUM", rebuild], rebuild, foreign_keys=False, allows_loss=("t",), backward_compatible=True
    )
    Migration("001", "x", "VACUUM", (), None, True, False)  # expect-error
    RebuildTable("notes", "CREATE TABLE notes (id)", {"id": 1})  # expect-error
    Migration("001", "x", ["SELECT 1", PythonStep("step", a_step, version=2)], PythonStep("back", a_step))
    PythonStep("step", a_coroutine)  # expect-error
    PythonStep("step", a_step())  # expect-error
    Migration("001", "x", Backfill("notes", "text = ''", "text IS NULL", batch=500))
    Migration("001", "x", Backfill("notes", set="text = ''", where="text IS NULL"))
    Backfill("notes", "text = ''", "text IS NULL", 500)  # expect-error
    Backfill("notes", {"text": ""})  # expect-error
    assert_type(result.error, Exception | None)
    assert_type(result.migration.id, str)
    assert_type(row[0], Any)
    assert_type(row.asdict(), dict[str, Any])
    Migration("001", "notes")  # expect-error
    Migration(1, "notes", "CREATE TABLE notes (id)")  # expect-error
    Migration("001", "notes", 3)  # expect-error
    Migration("001", "notes", "CREATE TABLE notes (id)", transaction=False)  # expect-error
    migration.description = "other"  # expect-error
    migration.up = ()  # expect-error
    Finding("gap", "a gap").code = "no gap"  # expect-error
    MigrationSummary(None, 1, 0, 1)  # expect-error
    MigrationResult(migration, "yes")  # expect-error


def clients() -> None:
    create_client_sync("agents.db", busy_timeout=1.5, read_only=True)
    create_client_sync("agents.db", timeout=1.5)  # expect-error
    create_client("agents.db", read_only="yes")  # expect-error
    create_client_sync(7)  # expect-error
    assert_type(agentdb.validate_migrations(migrations), ValidationResult)


async def statements(client: AsyncClient, sync_client: Client) -> None:
    assert_type(await client.execute("SELECT 1"), ResultSet)
    assert_type(sync_client.execute("SELECT ?", (1,)), ResultSet)
    assert_type(sync_client.batch(["SELECT 1"]), list[ResultSet])
    assert_type(sync_client.execute("SELECT 1")[0], Row)
    assert_type(sync_client.execute("SELECT 1").rows, list[Row])
    sync_client.execute("SELECT ?", 1)  # expect-error
    sync_client.execute(b"SELECT 1")  # expect-error
    await sync_client.execute("SELECT 1")  # expect-error
    (await client.execute("SELECT 1")).colunms  # expect-error  # noqa: B018


def stores_of_callers_that_wait(db: AgentDB) -> None:
    assert_type(db.agents, AgentStore[Sync])
    assert_type(db.agents.count(), int)
    assert_type(db.agents.get("a"), Agent | None)
    assert_type(db.sessions.list(limit=5), Page[SessionSummary])
    assert_type(db.sessions.with_agent("s"), SessionWithAgent | None)
    with db.transaction() as tx:
        assert_type(tx.session_logs.latest("s"), list[SessionLog])
        assert_type(AgentStore(tx).exists("a"), bool)
    db.agents.create(name="n")  # expect-error
    db.agents.create(name="n", model="m", type=5)  # expect-error
    db.sessions.update_status("s", "asleep")  # expect-error
    db.sessions.require("s").name = "frozen"  # expect-error


async def stores_of_callers_on_a_loop(db: AsyncAgentDB) -> None:
    assert_type(db.agents, AgentStore[Async])
    assert_type(await db.agents.count(), int)
    assert_type(await db.agents.get("a"), Agent | None)
    assert_type(await db.sessions.list(limit=5), Page[SessionSummary])
    async with db.transaction() as tx:
        assert_type(await tx.session_logs.latest("s"), list[SessionLog])
        assert_type(await AgentStore(tx).exists("a"), bool)
    await db.agents.create(name="n")  # expect-error
    (await db.sessions.require("s")).name = "frozen"  # expect-error


def messages_of_callers_that_wait(db: AgentDB) -> None:
    assert_type(db.messages, MessageStore[Sync])
    assert_type(db.messages.append("s", role="user", content="hello", payload={"item": []}), Message)
    assert_type(db.messages.append_many("s", [NewMessage(role="tool")]), list[Message])
    assert_type(db.messages.get(1), Message | None)
    assert_type(db.messages.page("s", newest_first=True), Page[Message])
    assert_type(db.messages.load("s"), list[Message])
    assert_type(db.messages.append("s", role="user", expected_last_seq=1), Message)
    assert_type(db.messages.partial(), list[Message])
    assert_type(db.messages.regenerate(1), list[Message])
    assert_type(db.messages.alternatives(1), list[Message])
    assert_type(db.messages.removed("s"), Page[Message])
    assert_type(db.messages.restore_many([1]), int)
    assert_type(db.messages.restore_removal("s"), int)
    assert_type(db.messages.open_calls("s"), list[OpenCall])
    assert_type(db.messages.answer_call("s", "c", {"a": 1}), Message)
    assert_type(db.sessions.fork("s", 1, name="n"), Session)
    assert_type(db.sessions.tree("s"), list[SessionNode])
    db.messages.answer_call("s", 5, "x")  # expect-error
    db.messages.partial(5)  # expect-error
    assert_type(db.messages.pop("s"), Message | None)
    assert_type(db.messages.delete(1), bool)
    assert_type(db.messages.stats("s", include_deleted=True), MessageStats | None)
    assert_type(db.messages.search("x", agent_id="a", marks=("<b>", "</b>")), Page[SearchHit])
    assert_type([hit.snippet for hit in db.messages.search("x")], list[str])
    assert_type(db.sessions.search("x", archived=False), Page[SessionHit])
    assert_type(db.sessions.list(user_id="u", tag="t", metadata={"a": 1}, pinned=True), Page[SessionSummary])
    assert_type(db.sessions.pin("s"), bool)
    assert_type(db.sessions.soft_delete("s"), bool)
    assert_type(db.sessions.update("s", source=None, metadata={}), Session)
    assert_type(db.sessions.recent(), Page[SessionSummary])
    with db.transaction() as tx:
        assert_type(tx.messages.latest("s", 5), list[Message])
    db.messages.append("s", role=5)  # expect-error
    db.messages.append("s", content="hello")  # expect-error
    db.messages.append_many("s", [{"role": "user"}])  # expect-error
    db.messages.page("s", cursor=5)  # expect-error
    db.messages.require(1).content = "frozen"  # expect-error


async def messages_of_callers_on_a_loop(db: AsyncAgentDB) -> None:
    assert_type(db.messages, MessageStore[Async])
    assert_type(await db.messages.append("s", role="user"), Message)
    assert_type(await db.messages.regenerate(1), list[Message])
    assert_type(await db.messages.open_calls("s"), list[OpenCall])
    assert_type(await db.sessions.fork("s"), Session)
    assert_type(await db.sessions.tree("s"), list[SessionNode])
    assert_type(await db.messages.page("s"), Page[Message])
    assert_type(await db.messages.search("x"), Page[SearchHit])
    assert_type(await db.sessions.search("x"), Page[SessionHit])
    assert_type(await db.sessions.unarchive("s"), bool)
    assert_type(await db.sessions.by_tag("x"), Page[SessionSummary])
    assert_type(await db.search_index.rebuild(), None)
    assert_type(await db.sessions.restore("s"), bool)
    async with db.transaction() as tx:
        assert_type(await tx.messages.pop("s"), Message | None)
    await db.messages.append("s", role=5)  # expect-error
    await db.messages.append_many("s", ["hello"])  # expect-error


def memories_of_callers_that_wait(db: AgentDB) -> None:
    assert_type(db.memories, MemoryStore[Sync])
    assert_type(db.memories.create(content={"likes": "tea"}, importance=0.8), Memory)
    assert_type(db.memories.supersede("m", content="tea", user_id=None), Memory)
    assert_type(db.memories.record_access("m", usefulness=0.9), MemoryAccess)
    assert_type(db.memories.recall("tea", formula=RecallWeights(recency=0)), list[RecalledMemory])
    assert_type(db.memories.list(user_id="u"), Page[Memory])
    assert_type(db.memories.forget("m"), int)
    assert_type(db.memory_annotations.apply("n"), Memory)
    assert_type(db.memory_links.related("m"), list[Memory])
    assert_type(db.memory_embeddings.get("m", "model"), MemoryEmbedding | None)

    def newest(candidate: RecallCandidate) -> float:
        return -candidate.age_days

    db.memories.recall(record_access=NewMemoryAccess(accessor_type="user"), formula=newest)
    db.memories.create("tea")  # expect-error
    db.memories.create(content="tea", verification_status="maybe")  # expect-error
    db.memories.recall(formula=5)  # expect-error


async def memories_of_callers_on_a_loop(db: AsyncAgentDB) -> None:
    assert_type(db.memories, MemoryStore[Async])
    assert_type(await db.memories.recall(embedding=[0.5], model="model"), list[RecalledMemory])
    assert_type(await db.memory_accesses.page("m"), Page[MemoryAccess])
    async with db.transaction() as tx:
        assert_type(await tx.memory_annotations.create("m", kind="verification"), MemoryAnnotation)


def conversations_of_callers_that_wait(db: AgentDB) -> None:
    assert_type(db.agent_contexts, AgentContextStore[Sync])
    assert_type(db.agent_contexts.start("s", "planner", metadata={}), AgentContext)
    assert_type(db.agent_contexts.switch("s", "coder", reason="code"), AgentContext)
    assert_type(db.agent_contexts.history("s", limit=5), Page[AgentSwitch])
    assert_type(db.compactions, CompactionStore[Sync])
    plan = db.compactions.plan("s", keep_last=2)
    assert_type(plan, CompactionPlan)
    assert_type(plan.messages, list[Message])
    assert_type(db.compactions.compact("s", "in short", plan=plan), CompactionEvent | None)
    assert_type(db.compactions.prune_tool_outputs("s", min_tokens=5), CompactionEvent | None)
    assert_type(db.compactions.restore(1), CompactionEvent)
    assert_type(db.compactions.should_compact("s", trigger=0.5), bool)
    assert_type(db.compactions.stats("s"), CompactionStats | None)
    assert_type(db.compactions.archived(1), list[Message])
    assert_type(db.conversations, ConversationStore[Sync])
    assert_type(db.conversations.save_session("s", [{"role": "user", "content": "hello"}], None), None)
    assert_type(db.conversations.load_session("s"), dict[str, Any] | None)
    assert_type(db.conversations.version("s"), str | None)
    assert_type(db.conversations.load_transcript("s"), dict[str, Any] | None)
    db.conversations.save_session("s", [], errors="replace", expected_version="v", expected_last_seq=1)
    db.conversations.save_session("s", [], errors="ignore")  # expect-error
    assert_type(db.conversations.list_all_sessions(), list[str])
    assert_type(db.conversations.get_messages_paginated("s", 1, 50), list[dict[str, Any]])
    assert_type(db.conversations.cleanup_old_sessions(0.5), int)
    with db.conversations.session_scope() as scope:
        assert_type(scope, ConversationStore[Sync])
        assert_type(scope.delete_session("s", soft=False), bool)
    with db.transaction() as tx:
        assert_type(tx.conversations.restore_session("s"), bool)
    AgentDB.open("agents.db", default_agent={"id": "mine"})
    AgentDB.open("agents.db", default_agent=7)  # expect-error
    AgentDB.open("agents.db", busy_timeout=1.5, read_only=True, mode=0o640)
    AgentDB.open("agents.db", busy_timout=1.5)  # expect-error
    AgentDB.open("agents.db", busy_timeout="1.5")  # expect-error
    AgentDB.open("agents.db", backup="folder")  # expect-error
    db.conversations.save_session("s", "hello")  # expect-error
    db.conversations.save_session("s", [], 1715949015)  # expect-error
    db.compactions.compact("s")  # expect-error
    db.compactions.restore("1")  # expect-error
    db.agent_contexts.switch("s", None)  # expect-error
    plan.messages = []  # expect-error


async def conversations_of_callers_on_a_loop(db: AsyncAgentDB) -> None:
    assert_type(await db.agent_contexts.get("s"), AgentContext | None)
    assert_type(await db.compactions.plan("s"), CompactionPlan)
    assert_type(await db.conversations.load_session("s"), dict[str, Any] | None)
    async with db.conversations.session_scope() as scope:
        assert_type(scope, ConversationStore[Async])
        assert_type(await scope.list_all_contexts(), list[str])
    with db.conversations.session_scope() as scope:  # expect-error
        pass
    await AsyncAgentDB.open("agents.db", reader=2)  # expect-error
    await db.compactions.restore("1")  # expect-error


def state_of_callers_that_wait(db: AgentDB) -> None:
    assert_type(db.session_events, SessionEventStore[Sync])
    assert_type(db.session_events.append("s", event_type="x", event_data=[1]), SessionEvent)
    assert_type(db.session_events.append_many("s", [NewEvent(event_type="x")]), list[SessionEvent])
    assert_type(db.session_events.page("s", after=3), Page[SessionEvent])
    assert_type(db.session_metrics.record("s", metric_type="x", metric_value=1), SessionMetric)
    assert_type(db.session_metrics.aggregate("s", "x", by="week"), list[MetricAggregate])
    assert_type(db.agent_metrics.series("a", "x"), Page[AgentMetric])
    assert_type(db.agents.stats("a"), AgentStats | None)
    assert_type(db.agent_versions.create("a", "1.0.0", ["x"], activate=True), AgentVersion)
    assert_type(db.agent_versions.diff("v"), tuple[FieldChange, ...])
    assert_type(db.audit, AuditStore[Sync])
    assert_type(db.audit.enable(["agents"], existing=False), list[str])
    assert_type(db.audit.status(), list[AuditStatus])
    assert_type(db.audit.history("agents", "a"), Page[AuditEntry])
    assert_type(db.audit.history("pairs", ("a", 1), limit=5), Page[AuditEntry])
    assert_type(db.audit.since(datetime.now(UTC)), Page[AuditEntry])
    assert_type(db.audit.row_at("agents", "a", datetime.now(UTC)), dict[str, Any] | None)
    assert_type(db.audit.table_at("agents", datetime.now(UTC)), list[dict[str, Any]])
    assert_type(db.audit.prune(datetime.now(UTC)), int)
    db.audit.history("agents", 1.5)  # expect-error
    db.transaction(actor=7)  # expect-error
    assert_type(db.module_states.upsert("m", {"a": 1}), ModuleState)
    assert_type(db.module_states.transitions("m"), list[StateTransition])
    assert_type(db.sessions.end("s", "failed"), Session)
    assert_type(db.sessions.children("s"), Page[SessionSummary])
    db.session_metrics.aggregate("s", "x", by="year")  # expect-error
    db.sessions.end("s", "running")  # expect-error
    db.module_states.upsert("m", [1])  # expect-error


async def state_of_callers_on_a_loop(db: AsyncAgentDB) -> None:
    assert_type(await db.session_events.append("s", event_type="x"), SessionEvent)
    assert_type(await db.agent_versions.active("a"), AgentVersion | None)
    assert_type(await db.audit.row_at("agents", b"a", datetime.now(UTC)), dict[str, Any] | None)
    assert_type(await db.audit.prune(datetime.now(UTC)), int)
    assert_type(await db.module_states.current("m"), ModuleState | None)
    async with db.transaction() as tx:
        assert_type(await tx.agent_metrics.record("a", metric_type="x", metric_value=1), AgentMetric)


def whole_sessions_of_callers_that_wait(db: AgentDB) -> None:
    assert_type(db.attachments, AttachmentStore[Sync])
    assert_type(db.attachments.add("s", b"x", name="x", message_id=1), Attachment)
    db.attachments.add("s", Path("x"))
    db.attachments.add("s", BytesIO(b"x"))
    assert_type(db.attachments.get(1), Attachment | None)
    assert_type(db.attachments.list("s", limit=5), Page[Attachment])
    assert_type(db.attachments.by_message(1), list[Attachment])
    assert_type(db.attachments.read(1, offset=5, length=None), bytes)
    assert_type(db.attachments.delete(1), bool)
    reader = db.attachments.open(1)
    assert_type(reader, AttachmentReader[Sync])
    assert_type(reader.read(5), bytes)
    assert_type(list(reader), list[bytes])
    assert_type(db.export("s"), ExportReport)
    assert_type(db.export("s", Path("x"), include_deleted=True).data, bytes)
    db.export("s", BytesIO())
    assert_type(db.import_("x"), ImportReport)
    assert_type(db.import_(BytesIO()).id_of("s", "messages", 1), int)
    assert_type(db.erase("s", forks=True, vacuum=False), EraseReport)
    assert_type(db.erase("s").is_complete, bool)
    assert_type(db.erase(user_id="u"), EraseReport)
    assert_type(db.export(user_id="u"), ExportReport)
    with db.transaction() as tx:
        assert_type(tx.attachments.require(1), Attachment)
    db.attachments.add("s", "text")  # expect-error
    db.attachments.add("s", b"x", message="1")  # expect-error
    db.attachments.require(1).name = "frozen"  # expect-error
    db.export(5)  # expect-error
    db.import_(5)  # expect-error
    db.erase("s", "forks")  # expect-error


async def whole_sessions_of_callers_on_a_loop(db: AsyncAgentDB) -> None:
    assert_type(db.attachments, AttachmentStore[Async])
    assert_type(await db.attachments.add("s", b"x"), Attachment)
    reader = await db.attachments.open(1)
    assert_type(reader, AttachmentReader[Async])
    assert_type(await reader.read(), bytes)
    assert_type([piece async for piece in reader], list[bytes])
    assert_type(await db.export("s"), ExportReport)
    assert_type(await db.import_(b"x"), ImportReport)
    assert_type(await db.erase("s"), EraseReport)
    for _ in reader:  # expect-error
        pass
    db.erase("s").is_complete  # expect-error  # noqa: B018
