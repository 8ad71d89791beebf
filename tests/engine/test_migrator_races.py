"""Others at the same file at the same moment: each migration once, and nobody gets an error for it."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, applied_ids, ask, caught, hand_made_row, ids, make, not_durable, outside, tables

from agentdb import Migration, Migrator, create_client_sync
from agentdb.engine.events import NewerSchemaAccepted
from agentdb.errors import DatabaseTooNewError, MigrationError

THREE = [make(1), make(2), make(3)]


def at(kind: str, number: int, act: Callable[[], object]) -> Callable[[Any], None]:
    """A callback that lets somebody else act at the first event of this kind about this migration."""
    waiting = [act]

    def on_event(event: Any) -> None:
        migration = getattr(event, "migration", None)
        if waiting and type(event).__name__ == kind and migration is not None and migration.number == number:
            waiting.pop()()

    return on_event


def elsewhere(path: Path, call: Callable[[Migrator], object], registered: Any = THREE) -> Callable[[], object]:
    """What another process does to the file, with a client of its own."""

    def act() -> object:
        with create_client_sync(path, **not_durable(path)) as client:
            return call(Migrator(client, registered))

    return act


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("use_transaction", [True, False])
def test_what_another_process_applies_between_plan_and_lock_is_not_run_again(
    db: Database, path: Path, number: int, use_transaction: bool
) -> None:
    other = elsewhere(path, lambda migrator: migrator.migrate())
    results = db.migrator(THREE, on_event=at("Started", number, other)).migrate(use_transaction=use_transaction)
    assert ids(results) == ["001", "002", "003"][: number - 1]
    assert applied_ids(path) == ["001", "002", "003"]
    assert tables(path) == {"t1", "t2", "t3"}


def test_what_is_left_after_another_process_was_faster_is_run(db: Database, path: Path) -> None:
    other = elsewhere(path, lambda migrator: migrator.migrate(limit=2))
    assert ids(db.migrator(THREE, on_event=at("Started", 1, other)).migrate()) == ["003"]
    assert tables(path) == {"t1", "t2", "t3"}


def test_a_newer_build_that_was_faster_is_met_as_at_any_start(db: Database, path: Path) -> None:
    other = elsewhere(path, lambda migrator: migrator.migrate(), [*THREE, make(4)])
    error = caught(db.migrator(THREE, on_event=at("Started", 2, other)).migrate)
    assert type(error) is DatabaseTooNewError
    assert ids(error.results) == ["001"]
    assert error.migration_id == "004"


def test_a_newer_build_that_was_faster_and_can_be_borne_is_told_of(db: Database, path: Path) -> None:
    bearable = Migration("004", "more", "CREATE TABLE t4 (x)", backward_compatible=True)
    act = at("Started", 2, elsewhere(path, lambda migrator: migrator.migrate(), [*THREE, bearable]))
    seen: list[Any] = []

    def on_event(event: Any) -> None:
        act(event)
        seen.append(event)

    assert ids(db.migrator(THREE, on_event=on_event).migrate()) == ["001"]
    assert [event.migrations for event in seen if isinstance(event, NewerSchemaAccepted)] == [("004",)]


@pytest.mark.parametrize("use_transaction", [True, False])
def test_another_text_under_the_same_number_is_a_mismatch_even_then(
    db: Database, path: Path, use_transaction: bool
) -> None:
    other = elsewhere(path, lambda migrator: migrator.migrate(), [make(1, up="CREATE TABLE theirs (x)")])
    migrator = db.migrator(THREE, on_event=at("Started", 1, other))
    error = caught(migrator.migrate, use_transaction=use_transaction)
    assert type(error) is MigrationError
    assert (error.code, error.migration) == ("checksum_mismatch", THREE[0])
    assert "another process" in error.message
    assert tables(path) == {"theirs"}


def test_unless_checksums_are_not_to_be_validated(db: Database, path: Path) -> None:
    other = elsewhere(path, lambda migrator: migrator.migrate(), [make(1, up="CREATE TABLE theirs (x)")])
    migrator = db.migrator(THREE, on_event=at("Started", 1, other))
    assert ids(migrator.migrate(validate_checksums=False)) == ["002", "003"]


def test_a_row_that_somebody_puts_in_by_hand_meanwhile_counts(db: Database, path: Path) -> None:
    db.migrator().initialize()
    migrator = db.migrator(THREE, on_event=at("Started", 1, lambda: hand_made_row(path, "001")))
    assert ids(migrator.migrate()) == ["002", "003"]
    assert tables(path) == {"t2", "t3"}


@pytest.mark.parametrize("use_transaction", [True, False])
def test_what_another_process_takes_back_meanwhile_is_not_taken_back_again(
    db: Database, path: Path, use_transaction: bool
) -> None:
    registered = [make(number, use_transaction=use_transaction) for number in (1, 2, 3)]
    db.migrator(registered).migrate()
    other = elsewhere(path, lambda migrator: migrator.rollback(target="002"), registered)
    migrator = db.migrator(registered, on_event=at("Started", 3, other))
    assert ids(migrator.rollback(target="001")) == ["002"]
    assert tables(path) == {"t1"}
    assert applied_ids(path) == ["001"]


def test_a_target_that_another_process_has_reached_leaves_nothing_to_do(db: Database, path: Path) -> None:
    db.migrator(THREE).migrate()
    other = elsewhere(path, lambda migrator: migrator.rollback(target="001"))
    assert db.migrator(THREE, on_event=at("Started", 3, other)).rollback(target="001") == []
    assert applied_ids(path) == ["001"]


@pytest.mark.parametrize("use_transaction", [True, False])
def test_so_many_are_no_others_where_another_process_has_rolled_back_meanwhile(
    db: Database, path: Path, use_transaction: bool
) -> None:
    registered = [make(number, use_transaction=use_transaction) for number in (1, 2, 3)]
    db.migrator(registered).migrate()
    other = elsewhere(path, lambda migrator: migrator.rollback_last(), registered)
    error = caught(db.migrator(registered, on_event=at("Started", 3, other)).rollback, limit=2)
    assert error.code == "changed_meanwhile"
    assert error.results == ()
    assert tables(path) == {"t1", "t2"}
    assert applied_ids(path) == ["001", "002"]


def test_a_migration_that_another_process_applies_meanwhile_is_not_rolled_back_unseen(db: Database, path: Path) -> None:
    db.migrator(THREE[:2]).migrate()
    other = elsewhere(path, lambda migrator: migrator.migrate())
    error = caught(db.migrator(THREE, on_event=at("Started", 2, other)).rollback_last)
    assert error.code == "changed_meanwhile"
    assert applied_ids(path) == ["001", "002", "003"]


def test_the_tracking_table_that_another_process_creates_meanwhile_is_used(db: Database, path: Path) -> None:
    other = elsewhere(path, lambda migrator: migrator.initialize())
    assert len(db.migrator(THREE, on_event=at("Started", 1, other)).migrate()) == 3


def in_threads(number: int, call: Callable[[], Any]) -> list[Any]:
    """What each of several threads that begin together returns."""
    answers: list[Any] = []
    together = threading.Barrier(number)

    def work() -> None:
        together.wait()
        try:
            answers.append(call())
        except BaseException as error:
            answers.append(error)

    threads = [threading.Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("shared", ["one migrator", "one client", "nothing"])
@pytest.mark.parametrize("before", [0, 1])
def test_threads_that_start_together_apply_each_migration_once(tmp_path: Path, shared: str, before: int) -> None:
    for turn in range(8):
        path = tmp_path / f"{turn}.db"
        with create_client_sync(path, **not_durable(path)) as client:
            if before:
                Migrator(client, THREE).migrate(limit=before)
            one = Migrator(client, THREE)

            def start(path: Path = path, client: Any = client, one: Migrator = one) -> Any:
                if shared == "one migrator":
                    return one.migrate()
                if shared == "one client":
                    return Migrator(client, THREE).migrate()
                with create_client_sync(path, **not_durable(path)) as own:
                    return Migrator(own, THREE).migrate()

            answers = in_threads(6, start)
        assert not [answer for answer in answers if isinstance(answer, BaseException)], answers
        assert sorted(id for answer in answers for id in ids(answer)) == ["001", "002", "003"][before:]
        assert applied_ids(path) == ["001", "002", "003"]


def test_a_real_failure_can_be_sent_to_another_process(db: Database, path: Path) -> None:
    bad = make(2, up=["CREATE TABLE t2 (x)", "INSERT INTO nowhere VALUES (1)"])
    error = caught(db.migrator([THREE[0], bad]).migrate)
    twin = pickle.loads(pickle.dumps(error))
    assert str(twin) == str(error)
    assert [(one.migration, one.success) for one in twin.results] == [(THREE[0], True), (bad, False)]
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_schema_change_of_somebody_else_is_seen_by_the_next_statement(db: Database, path: Path) -> None:
    db.migrator(THREE).migrate()
    with outside(path) as other:
        other.execute("ALTER TABLE t1 ADD COLUMN y")
    assert ids(db.migrator([*THREE, make(4, up="INSERT INTO t1 (y) VALUES (1)")]).migrate()) == ["004"]
