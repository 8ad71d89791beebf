"""mark_applied, mark_reverted, accept_checksum, baseline: what they record, and what they refuse."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, applied_ids, ask, caught, hand_made_row, ids, make, outside, tables

from agentdb import Migration, RebuildTable
from agentdb.errors import DatabaseTooNewError, InvalidArgumentError, MigrationError

ALL = [make(1), make(2), make(3)]
LINE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z %s: %s"


def note(path: Path, id: str) -> str:
    ((found,),) = ask(path, "SELECT note FROM migrations WHERE id = ?", id)
    return str(found)


def test_what_was_done_by_hand_is_marked_applied_and_never_run(db: Database, path: Path) -> None:
    migrator = db.migrator(ALL, backup=False, app_version="1.2")
    migrator.migrate(limit=1)
    db.execute("CREATE TABLE t2 (x)")
    migrator.mark_applied("2", reason="made by\n support")
    assert ids(migrator.migrate()) == ["003"]
    assert re.fullmatch(LINE % ("mark_applied", "made by support"), note(path, "002"))
    ((checksum, down, version),) = ask(path, "SELECT checksum, down, app_version FROM migrations WHERE id = '002'")
    assert (checksum, down, version) == (ALL[1].checksum, '["DROP TABLE t2"]', "1.2")
    migrator.rollback(target="001")
    assert tables(path) == {"t1"}


def test_what_was_taken_back_by_hand_is_marked_reverted_and_runs_again(db: Database, path: Path) -> None:
    migrator = db.migrator(ALL, backup=False)
    migrator.migrate()
    db.execute("DROP TABLE t2")
    migrator.mark_reverted("002", reason="dropped it")
    summary = migrator.get_migration_summary()
    assert (summary.applied_migrations, summary.pending_migration_ids) == (2, ("002",))
    assert migrator.validate_migrations().errors == ()
    assert "interrupted_migration" not in [finding.code for finding in migrator.validate_migrations().warnings]
    assert re.fullmatch(LINE % ("mark_reverted", "dropped it"), note(path, "002"))
    assert ids(migrator.migrate()) == ["002"]
    assert "mark_reverted: dropped it" in note(path, "002")
    assert migrator.get_migration_summary().pending_migrations == 0
    assert ids(migrator.rollback(target="001")) == ["003", "002"]


def test_a_rollback_passes_over_what_is_marked_reverted(db: Database, path: Path) -> None:
    migrator = db.migrator(ALL, backup=False)
    migrator.migrate()
    db.execute("DROP TABLE t3")
    migrator.mark_reverted("003", reason="x")
    assert ids([migrator.rollback_last()]) == ["002"]
    assert tables(path) == {"t1"}


def test_one_that_this_build_does_not_know_can_be_marked_reverted(db: Database, path: Path) -> None:
    db.migrator(ALL).migrate()
    older = db.migrator(ALL[:2])
    assert type(caught(older.migrate)) is DatabaseTooNewError
    db.execute("DROP TABLE t3")
    older.mark_reverted("3", reason="older build")
    assert older.migrate() == []
    assert older.validate_migrations().is_valid
    assert ids([older.rollback_last()]) == ["002"]


def test_the_note_of_a_struck_out_row_does_not_strike_out_its_next_life(db: Database, path: Path) -> None:
    fails = Migration(
        "002", "x", ("CREATE TABLE IF NOT EXISTS a (b)", "DELETE FROM nowhere"), "DROP TABLE a", use_transaction=False
    )
    migrator = db.migrator([ALL[0], fails], backup=False)
    migrator.migrate(target="001")
    migrator.mark_applied("002", reason="one")
    migrator.mark_reverted("002", reason="two")
    caught(migrator.migrate)
    assert "interrupted_migration" in [finding.code for finding in migrator.validate_migrations().warnings]
    assert ids([migrator.rollback_last()]) == ["002"]  # what is half there can be taken back


def test_one_that_died_half_way_is_settled_by_hand_both_ways(db: Database, path: Path) -> None:
    up = ("CREATE TABLE a (b)", "DELETE FROM nowhere")
    migrator = db.migrator([ALL[0], Migration("002", "x", up, "DROP TABLE a", use_transaction=False)], backup=False)
    caught(migrator.migrate)
    error = caught(migrator.migrate)
    assert "agentdb repair mark-applied 002" in error.remedy
    migrator.mark_applied("002", reason="nowhere is not needed")
    assert migrator.migrate() == []
    with outside(path) as connection:
        connection.execute("UPDATE migrations SET in_progress = 'down' WHERE id = '002'")
        connection.execute("DROP TABLE a")
    assert caught(migrator.migrate).code == "interrupted_rollback"
    migrator.mark_reverted("002", reason="it is gone")
    assert migrator.get_migration_summary().pending_migration_ids == ("002",)


def test_an_edited_text_is_accepted_with_its_down(db: Database, path: Path) -> None:
    db.migrator(ALL).migrate()
    edited = [ALL[0], Migration("002", "make t2", "CREATE TABLE t2 (x) -- better", "DROP TABLE IF EXISTS t2"), ALL[2]]
    migrator = db.migrator(edited)
    assert caught(migrator.migrate).code == "checksum_mismatch"
    migrator.accept_checksum("002", reason="a comment")
    assert migrator.migrate() == []
    assert migrator.validate_migrations() == db.migrator(edited).validate_migrations()
    assert ask(path, "SELECT checksum, down FROM migrations WHERE id = '002'") == [
        (edited[1].checksum, '["DROP TABLE IF EXISTS t2"]')
    ]
    assert re.fullmatch(LINE % ("accept_checksum", "a comment"), note(path, "002"))
    hand_made = db.migrator([make(4)], table="others")
    hand_made.initialize()


def test_an_accepted_rebuild_is_taken_back_without_foreign_keys(db: Database, path: Path) -> None:
    table = "CREATE TABLE par (id INTEGER PRIMARY KEY, up INTEGER REFERENCES par (id) ON DELETE SET NULL)"
    db.migrator([Migration("001", "par", table, "SELECT 1")]).migrate()
    db.execute("INSERT INTO par VALUES (1, NULL), (2, 1), (3, 1)")
    rebuilt = Migration("001", "par", f"{table} -- as a tree", RebuildTable("par", table), backward_compatible=True)
    db.migrator([rebuilt]).accept_checksum("001", reason="it can be taken back now")
    assert ask(path, "SELECT foreign_keys, backward_compatible FROM migrations") == [(0, 1)]
    with outside(path) as connection:  # also where a build before wrote the row
        connection.execute("UPDATE migrations SET foreign_keys = 1")
    db.migrator(backup=False).rollback(limit=1)
    assert ask(path, "SELECT up FROM par") == [(None,), (1,), (1,)]


def test_notes_add_up(db: Database, path: Path) -> None:
    migrator = db.migrator(ALL)
    migrator.migrate()
    for reason in ("one", "up: 2 statements done"):
        migrator.mark_reverted("003", reason=reason)
        migrator.mark_applied("003", reason=reason)
    words = [line.split(" ", 1)[1] for line in note(path, "003").split("\n") if line]
    two = "up: 2 statements done"  # as the engine itself notes how far it has come
    assert words == ["mark_reverted: one", "mark_applied: one", f"mark_reverted: {two}", f"mark_applied: {two}"]


def test_a_note_outlives_a_rollback_and_another_spelling_of_the_id(db: Database, path: Path) -> None:
    migrator = db.migrator([make(1), make("2")])
    migrator.migrate()
    migrator.mark_reverted("2", reason="one")
    migrator.mark_applied("2", reason="two")
    assert ids(migrator.rollback(limit=1)) == ["2"]
    assert ask(path, "SELECT in_progress FROM migrations WHERE id = '2'") == [("up",)]  # for the sake of its note
    assert migrator.get_migration_summary().pending_migration_ids == ("2",)
    assert migrator.rollback_last(dry_run=True).migration.id == "001"  # type: ignore[union-attr]
    assert ids(db.migrator([make(1), make(2)]).migrate()) == ["002"]
    words = [line.split(" ", 1)[1] for line in note(path, "002").split("\n") if line]
    assert words == ["mark_reverted: one", "mark_applied: two", "mark_reverted: rolled back"]
    assert applied_ids(path) == ["001", "002"]


def test_a_baseline_is_for_a_schema_without_a_history(db: Database, path: Path) -> None:
    for table in ("t1", "t2"):
        db.execute(f"CREATE TABLE {table} (x)")
    migrator = db.migrator(ALL, backup=False)
    migrator.baseline("002", reason="made by the installer")
    assert ids(migrator.migrate()) == ["003"]
    assert [note(path, id).partition(" ")[2] for id in ("001", "002")] == ["baseline: made by the installer"] * 2
    error = caught(migrator.baseline, "003", reason="again")
    assert (type(error), error.code) == (MigrationError, "nothing_to_repair")
    assert applied_ids(path) == ["001", "002", "003"]


def test_a_hand_made_row_gets_the_text_that_it_lacks(db: Database, path: Path) -> None:
    migrator = db.migrator(ALL)
    migrator.initialize()
    hand_made_row(path, "1")
    migrator.accept_checksum("001", reason="it is ours")
    assert ask(path, "SELECT id, checksum FROM migrations") == [("1", ALL[0].checksum)]


REFUSED: list[tuple[str, str, str]] = [
    ("mark_applied", "001", "nothing_to_repair"),
    ("mark_applied", "9", "invalid_argument"),
    ("mark_reverted", "003", "nothing_to_repair"),
    ("accept_checksum", "001", "nothing_to_repair"),
    ("accept_checksum", "003", "nothing_to_repair"),
    ("accept_checksum", "9", "invalid_argument"),
    ("baseline", "003", "nothing_to_repair"),
    ("baseline", "9", "invalid_argument"),
]


@pytest.mark.parametrize(("method", "id", "code"), REFUSED)
def test_what_is_not_so_is_refused_and_nothing_is_written(
    db: Database, path: Path, method: str, id: str, code: str
) -> None:
    migrator = db.migrator(ALL)
    migrator.migrate(limit=2)
    before = ask(path, "SELECT * FROM migrations")
    assert caught(getattr(migrator, method), id, reason="because").code == code
    assert ask(path, "SELECT * FROM migrations") == before


@pytest.mark.parametrize("method", ["mark_applied", "mark_reverted", "accept_checksum", "baseline"])
@pytest.mark.parametrize("id", [None, 1, "", "latest", "-1"], ids=repr)
def test_the_id_is_spelled_out(db: Database, method: str, id: Any) -> None:
    assert type(caught(getattr(db.migrator(ALL), method), id, reason="because")) is InvalidArgumentError


@pytest.mark.parametrize("method", ["mark_applied", "mark_reverted", "accept_checksum", "baseline"])
@pytest.mark.parametrize("reason", [None, "", " \n", 1, "a\0b", "\ud800"], ids=repr)
def test_a_reason_is_given(db: Database, path: Path, method: str, reason: Any) -> None:
    assert type(caught(getattr(db.migrator(ALL), method), "001", reason=reason)) is InvalidArgumentError
    assert not path.exists() or tables(path) == set()
