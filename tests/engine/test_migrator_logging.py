"""The logger `agentdb`: heard by an application that logs, not imported by one that does not."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from engine_harness import Database, caught, make

import agentdb

REPOSITORY = Path(agentdb.__file__).parents[1]


def run_program(text: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", text, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=path.parent,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": ""},
        check=False,
    )


MIGRATE = """
import sys
{before}
import agentdb
with agentdb.create_client_sync(sys.argv[1]) as client:
    migrator = agentdb.Migrator(client, [agentdb.Migration("001", "a table", "CREATE TABLE t (x)", "DROP TABLE t")])
    assert len(migrator.migrate()) == {applied}
    {more}
{after}
"""


@pytest.mark.parametrize("more", ["pass", "migrator.get_migration_summary(); migrator.validate_migrations()"])
def test_a_program_that_does_not_log_imports_nothing_for_it(path: Path, more: str) -> None:
    forbidden = ["logging", "asyncio", "aiohttp", "click", "libsql_client", "dataclasses", "typing", "hashlib"]
    after = f"assert not [name for name in {forbidden} if name in sys.modules], sorted(sys.modules)"
    for applied in (1, 0):
        done = run_program(MIGRATE.format(before="", more=more, after=after, applied=applied), path)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""


def test_a_program_that_logs_hears_what_was_applied_and_rolled_back(path: Path) -> None:
    before = "import logging; logging.basicConfig(level=logging.INFO, format='%(name)s|%(levelname)s|%(message)s')"
    program = MIGRATE.format(before=before, more="migrator.rollback_last()", after="", applied=1)
    done = run_program(program, path)
    assert done.returncode == 0, done.stderr
    applied, backed_up, rolled_back = done.stderr.splitlines()
    assert applied.startswith("agentdb|INFO|applied migration 001 (a table) in ")
    assert applied.endswith(" ms")
    assert backed_up.startswith("agentdb|INFO|")
    assert "001-0.backup" in backed_up
    assert rolled_back.startswith("agentdb|INFO|rolled back migration 001 (a table) in ")


def test_info_says_each_migration_and_debug_the_plan(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="agentdb")
    migrator = db.migrator([make(1), make(2)], backup=False)
    migrator.migrate()
    migrator.rollback_last()
    said = [(record.name, record.levelname, record.getMessage().split(" in ")[0]) for record in caplog.records]
    assert said == [
        ("agentdb", "DEBUG", "2 migrations to apply"),
        ("agentdb", "INFO", "applied migration 001 (make t1)"),
        ("agentdb", "INFO", "applied migration 002 (make t2)"),
        ("agentdb", "INFO", "rolled back migration 002 (make t2)"),
    ]


def test_a_failure_is_raised_and_not_logged_as_well(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    caught(db.migrator([make(1, up=["CREATE TABLE t1 (x)", "INSERT INTO nowhere VALUES (1)"])]).migrate)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_values_never_go_into_the_log(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    db.migrator([make(1, up=["CREATE TABLE t1 (x)", "INSERT INTO t1 VALUES ('secret')"])]).migrate()
    assert "secret" not in caplog.text
