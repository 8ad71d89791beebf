"""Those of the tools; see error_situations.py."""

from __future__ import annotations

from pathlib import Path

from error_situations import caught, situation

from agentdb import Migration, create_client_sync
from agentdb.errors import AgentDBError
from agentdb.tools.ledger import FILE_NAME, read_ledger, write_ledger
from agentdb.tools.takeover import take_over

SHIPPED = Migration("001", "t", "CREATE TABLE t (x)", "DROP TABLE t")


def _after(path: Path, *now: Migration) -> AgentDBError:
    ledger = str(path.with_name(FILE_NAME))
    write_ledger({"notes": [SHIPPED]}, ledger)
    return caught(write_ledger, {"notes": now}, ledger)


@situation
def a_ledger_with_a_merge_conflict(path: Path) -> AgentDBError:
    ledger = path.with_name(FILE_NAME)
    ledger.write_text("<<<<<<< HEAD\n", encoding="utf-8")
    return caught(read_ledger, str(ledger))


@situation
def an_edit_of_what_has_shipped(path: Path) -> AgentDBError:
    return _after(path, Migration("001", "t", "CREATE TABLE t (y)"))


@situation
def a_removal_of_what_has_shipped(path: Path) -> AgentDBError:
    return _after(path)


@situation
def another_number_for_what_has_shipped(path: Path) -> AgentDBError:
    return _after(path, Migration("002", "t", SHIPPED.up))


@situation
def a_database_that_no_other_tool_has_migrated(path: Path) -> AgentDBError:
    with create_client_sync(path) as client:
        client.execute("CREATE TABLE t (x)")
    return caught(take_over, path, [SHIPPED])
