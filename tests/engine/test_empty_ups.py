"""Migrations that do nothing, as real histories have them."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_harness import Database, applied_ids, ids, make

from agentdb import Migration, load_migrations, validate_migrations


@pytest.mark.parametrize("use_transaction", [True, False])
def test_one_is_applied_recorded_and_rolled_back(db: Database, path: Path, use_transaction: bool) -> None:
    empty = Migration("002", "Nothing", "-- only on Windows", use_transaction=use_transaction)
    migrator = db.migrator([make(1), empty, make(3)])
    assert ids(migrator.migrate()) == ["001", "002", "003"]
    assert migrator.migrate() == []
    assert ids(db.migrator([make(1)]).rollback(limit=2)) == ["003", "002"]
    assert applied_ids(path) == ["001"]


def test_validation_warns_of_it(db: Database) -> None:
    registered = [make(1), Migration("002", "Nothing", "")]
    found = validate_migrations(registered)
    assert found.is_valid
    assert [(finding.code, finding.migration_id) for finding in found.warnings] == [("empty_up", "002")]
    assert [finding.code for finding in db.migrator(registered).validate_migrations().warnings] == ["empty_up"]


def test_a_file_of_comments_is_one(tmp_path: Path, db: Database) -> None:
    (tmp_path / "001_nothing.up.sql").write_text("-- done by hand in 2019\n")
    (migration,) = load_migrations(tmp_path)
    assert migration.up == ()
    assert ids(db.migrator([migration]).migrate()) == ["001"]
