"""What the doctor asks of the database itself, through a read-only connection."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from agentdb.engine.migrator import Migrator
from agentdb.errors import AgentDBError
from agentdb.operations.runners import run
from agentdb.sql.statement_tables import quoted
from agentdb.tools.doctor.report import Check, megabytes
from agentdb.tools.drift import drift_of
from agentdb.tools.recorded_history import recorded_sets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.local.sync_client import LocalClient
    from agentdb.engine.migration import Migration

_PRAGMAS = (
    *("journal_mode", "page_size", "page_count", "freelist_count", "auto_vacuum", "encoding", "user_version"),
    *("application_id", "foreign_keys", "synchronous"),
)
#: Lines of integrity_check, and tables by size, that a report holds at the most.
_LINES, _TABLES = 20, 50
_SIZES = (
    "SELECT t.tbl_name, sum(d.pgsize) AS size FROM dbstat AS d JOIN sqlite_master AS t ON t.name = d.name "
    "WHERE d.aggregate = TRUE GROUP BY t.tbl_name ORDER BY size DESC, t.tbl_name"
)


def look_inside(
    client: LocalClient, registered: Mapping[str, Sequence[Migration]], *, deep: bool, on_connect: OnConnect | None
) -> Iterator[Check]:
    """The checks that need a connection; one that fails is `unknown`, and the others are made."""
    checks: tuple[tuple[str, Callable[[], Check]], ...] = (
        ("pragmas", lambda: _pragmas(client)),
        ("migrations", lambda: _migrations(client, registered)),
        ("drift", lambda: _drift(client, registered, on_connect)),
        ("integrity", lambda: _integrity(client, deep)),
        ("foreign_keys", lambda: _foreign_keys(client)),
        ("sizes", lambda: _sizes(client)),
    )
    for name, make in checks:
        try:
            yield make()
        except AgentDBError as error:
            status = "problem" if error.code in ("corrupt", "not_a_database") else "unknown"
            yield Check(name, status, error.message, {"code": error.code}, error.remedy)  # type: ignore[arg-type]


def _one(client: LocalClient, sql: str) -> Any:
    rows = client.execute(sql).tuples
    return rows[0][0] if rows else None


def _pragmas(client: LocalClient) -> Check:
    values: dict[str, Any] = {name: _one(client, f"PRAGMA {name}") for name in _PRAGMAS}
    free = values["freelist_count"] * values["page_size"]
    text = f"journal_mode {values['journal_mode']}, {values['page_count']:,} pages, {megabytes(free)} of them free"
    if values["page_count"] > 10_000 and values["freelist_count"] * 2 > values["page_count"]:
        remedy = "More than half of the file is free. While nothing else runs, VACUUM makes it smaller."
        return Check("pragmas", "warning", text, values, remedy)
    return Check("pragmas", "ok", text, values)


def _migrations(client: LocalClient, registered: Mapping[str, Sequence[Migration]]) -> Check:
    recorded = {one.table: one for one in run(client, recorded_sets({}))}
    listed: list[dict[str, Any]] = []
    errors: list[str] = []
    for table in dict.fromkeys([*recorded, *registered]):
        one = recorded.get(table)
        applied = [] if one is None else list(one.migrations)
        entry: dict[str, Any] = {
            "table": table,
            "applied": len(applied),
            "newest": applied[-1].row.id if applied else None,
            "newest_at": max([one.row.applied_at or "" for one in applied], default=None),
            "is_registered": table in registered,
            "pending": None,
        }
        if table in registered:
            migrator = Migrator(client, registered[table], table=table)
            found = migrator.validate_migrations()
            errors += [f"{table}: {finding}" for finding in found.errors]
            entry["pending"] = list(migrator.get_migration_summary().pending_migration_ids) if found.is_valid else None
        listed.append(entry)
    text = "; ".join([f"{one['table']}: {_told(one)}" for one in listed]) or "no tracking table"
    values: dict[str, Any] = {"sets": listed, "errors": errors}
    if errors:
        remedy = "Run `agentdb status`, which names each with its remedy."
        return Check("migrations", "problem", f"{text}; {errors[0]}", values, remedy)
    if any(one["pending"] for one in listed):
        return Check("migrations", "warning", text, values, "Run `agentdb migrate`, or start the application.")
    return Check("migrations", "ok" if recorded else "warning", text, values)


def _told(one: Mapping[str, Any]) -> str:
    pending = f", {len(one['pending'])} pending" if one["pending"] is not None else ""
    return f"{one['applied']} applied, newest {one['newest'] or 'none'}{pending}"


def _drift(client: LocalClient, registered: Mapping[str, Sequence[Migration]], on_connect: OnConnect | None) -> Check:
    drift = drift_of(client, registered, on_connect=on_connect)
    names = [str(one) for one in drift.differences]
    values: dict[str, Any] = {"differences": names, "not_run_again": len(drift.problems), "applied": drift.applied}
    remedy = "Run `agentdb check`, which shows the differences as SQL."
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        return Check("drift", "warning", f"the schema is not that of the migrations: {names[0]}{more}", values, remedy)
    if not drift.is_complete:
        return Check("drift", "unknown", "not every recorded migration could be run again", values, remedy)
    return Check("drift", "ok", "the schema is that of the migrations", values)


def _integrity(client: LocalClient, deep: bool) -> Check:
    began = perf_counter()
    name = "integrity_check" if deep else "quick_check"
    lines = [str(line) for (line,) in client.execute(f"PRAGMA {name}({_LINES})").tuples]
    values: dict[str, Any] = {"check": name, "seconds": round(perf_counter() - began, 3), "lines": lines}
    if lines == ["ok"]:
        return Check("integrity", "ok", f"{name}: ok", values)
    remedy = "Keep the file, and restore a backup with `agentdb restore --latest`."
    return Check("integrity", "problem", f"{name}: {lines[0] if lines else 'no answer'}", values, remedy)


def _foreign_keys(client: LocalClient) -> Check:
    counts: dict[str, int] = {}
    for table, _, parent, _ in client.execute("PRAGMA foreign_key_check").tuples:
        counts[f"{table} -> {parent}"] = counts.get(f"{table} -> {parent}", 0) + 1
    values: dict[str, Any] = {"violations": counts}
    if not counts:
        return Check("foreign_keys", "ok", "every reference leads to a row", values)
    text = ", ".join([f"{count} of {name}" for name, count in counts.items()])
    remedy = "Some program has written with foreign keys off. Delete or correct those rows."
    return Check("foreign_keys", "problem", f"references lead nowhere: {text}", values, remedy)


def _sizes(client: LocalClient) -> Check:
    try:
        rows = client.execute(_SIZES).tuples
    except AgentDBError:
        return Check("sizes", "unknown", "this SQLite has no dbstat, which tells sizes", {"tables": None})
    tables = [{"table": name, "size": size, "columns": _columns(client, name)} for name, size in rows[:_TABLES]]
    text = ", ".join([f"{one['table']} {megabytes(one['size'])}" for one in tables[:3]])
    return Check("sizes", "ok", f"largest: {text}", {"tables": tables, "count": len(rows)})


def _columns(client: LocalClient, table: str) -> int:
    return len(client.execute(f"PRAGMA table_info({quoted(table)})").tuples)
