"""A migration whose text was corrected after its release: machines where the earlier one was applied, and where it failed."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_harness import Database, ask, caught, ids, make, tables

from agentdb import Migration, load_migrations
from agentdb.errors import InvalidMigrationError

EARLIER = make(2, up=["CREATE TABLE t2 (x UNIQUE)", "INSERT INTO t2 SELECT x FROM t1"])
LATER = make(
    2, up=["CREATE TABLE t2 (x UNIQUE)", "INSERT OR IGNORE INTO t2 SELECT x FROM t1"], accepts=[EARLIER.checksum]
)
FIRST, THIRD = make(1), make(3)


def test_the_next_release_reaches_both_kinds_of_machines(db: Database, path: Path) -> None:
    db.migrator([FIRST]).migrate()
    for value in (1, 1):
        db.execute("INSERT INTO t1 VALUES (?)", value)
    error = caught(db.migrator([FIRST, EARLIER]).migrate)
    assert error.code == "unique"
    assert error.backup is not None
    assert Path(error.backup).exists()
    assert ids(db.migrator([FIRST, LATER, THIRD]).migrate()) == ["002", "003"]
    assert ask(path, "SELECT x FROM t2") == [(1,)]


def test_where_the_earlier_text_was_applied_it_counts(db: Database, path: Path) -> None:
    db.migrator([FIRST, EARLIER]).migrate()
    assert caught(db.migrator([FIRST, make(2, up="CREATE TABLE t2 (y)")]).migrate).code == "checksum_mismatch"
    assert ids(db.migrator([FIRST, LATER, THIRD]).migrate()) == ["003"]
    assert db.migrator([FIRST, LATER, THIRD]).validate_migrations().is_valid
    assert ask(path, "SELECT checksum FROM migrations WHERE id = '002'") == [(EARLIER.checksum,)]
    assert ids(db.migrator([FIRST, LATER, THIRD]).rollback(target="001")) == ["003", "002"]
    assert tables(path) == {"t1"}


@pytest.mark.parametrize("wrong", ["v1:abc", [5], ["v1:" + "g" * 64], [""], 5, [EARLIER.checksum.upper()]])
def test_what_is_no_checksum_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidMigrationError):
        Migration("001", "x", "CREATE TABLE t (x)", accepts=wrong)  # type: ignore[arg-type]


def test_a_file_says_it_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "002_x.up.sql").write_text(f"-- agentdb: accepts={EARLIER.checksum}\nCREATE TABLE t2 (x);\n")
    (migration,) = load_migrations(tmp_path)
    assert migration.accepts == (EARLIER.checksum,)
