"""Goes through migrations in their order, with a database in memory at the state that each finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentdb.engine.migration_set import migrations_of
from agentdb.engine.migrator import Migrator
from agentdb.errors import AgentDBError, InvalidArgumentError
from agentdb.sql.lexer import split
from agentdb.sql.statement_tables import folded
from agentdb.tools.lint import schema_rules
from agentdb.tools.lint.findings import RULES, LintFinding
from agentdb.tools.lint.rebuilds import rebuilds
from agentdb.tools.lint.text_rules import text_hits
from agentdb.tools.replay import memory_client
from agentdb.tools.schema_model import created_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.local.sync_client import LocalClient
    from agentdb.engine.migration import Migration
    from agentdb.engine.migration_set import Migrations

#: The oldest SQLite that agentdb runs on.
FLOOR = "3.38"
_TIMEOUT = 600.0


def lint_migrations(
    migrations: Migrations,
    base: Migrations = (),
    *,
    sqlite_floor: str = FLOOR,
    libsql: bool = False,
    on_connect: OnConnect | None = None,
) -> tuple[LintFinding, ...]:
    """Read migrations as a reviewer does, and run them in memory for what only SQLite can tell.

    migrations: an iterable of Migration, a MigrationSet, or a module that has MIGRATIONS. base: migrations that are there
    before. sqlite_floor: the oldest SQLite that the application runs on. libsql: whether they also run on a libSQL server.
    on_connect: as of create_client_sync(), for functions and collations of the application.

    Returns the findings in order, those that are silenced with their reason. A finding is silenced by
    `Migration(…, silences={"drop_table": "reason"})`, or in an SQL file by a line `-- agentdb: silence=drop_table: reason`.

    Raises InvalidArgumentError for what are no migrations, or no version.
    """
    listed = sorted(migrations_of(migrations), key=lambda migration: migration.number)
    with memory_client(_TIMEOUT, on_connect) as client:
        linter = _Linter(client, _version(sqlite_floor), libsql)
        for number, migration in enumerate(sorted(migrations_of(base), key=lambda one: one.number)):
            linter.apply(migration, f"base_{number}")
        for migration in listed:
            linter.lint(migration)
        linter.finish(listed)
    order = {migration.id: number for number, migration in enumerate(listed)}
    return tuple(
        sorted(linter.findings, key=lambda one: (order[one.migration_id], one.part == "down", one.statement or 0))
    )


def _version(text: object) -> tuple[int, int]:
    parts = text.split(".") if isinstance(text, str) else []
    if len(parts) < 2 or not all(part.isdigit() and part.isascii() and len(part) < 6 for part in parts):
        raise InvalidArgumentError(f"sqlite_floor is {text!r}; it is a version, as in '3.38'")
    return int(parts[0]), int(parts[1])


class _Linter:
    def __init__(self, client: LocalClient, floor: tuple[int, int], libsql: bool) -> None:
        self.findings: list[LintFinding] = []
        self._client = client
        self._floor = floor
        self._libsql = libsql
        self._is_current = True
        self._broken: set[str] = set()
        self._times: list[tuple[Migration, int]] = []
        self._has_iso = False
        self._by_id: dict[str, Migration] = {}

    def apply(self, migration: Migration, table: str) -> str | None:
        """Run a migration. Why it did not run, or None."""
        try:
            Migrator(self._client, [migration], table=f"agentdb_lint_{table}").migrate()
            self._client.execute(f"DROP TABLE IF EXISTS agentdb_lint_{table}")
        except AgentDBError as error:
            self._is_current = False
            return error.message
        return None

    def lint(self, migration: Migration) -> None:
        """All rules for one migration; behind them, its up is applied."""
        self._by_id[migration.id] = migration
        texts = [item if isinstance(item, str) else None for item in migration.up]
        hand_made = list(rebuilds(texts))
        in_rebuild = {one.drops for one in hand_made}
        for one in hand_made:
            message = f"the table {one.table} is rebuilt by hand"
            if one.suggestion is not None:
                message += f"; this does the same: {one.suggestion}"
            self._add(one.code, message, migration, one.first)
        if not migration.down and migration.up:
            self._add("missing_down", "it cannot be rolled back", migration, None)
        for silenced in migration.silences:
            if silenced not in RULES:
                self._add("unknown_rule", f"it silences {silenced!r}, which is no rule", migration, None)
        for number, sql in enumerate(texts, 1):
            if sql is not None:
                self._lint_text(migration, "up", number, sql)
        for number, item in enumerate(migration.down, 1):
            if isinstance(item, str):
                self._lint_text(migration, "down", number, item)
        self._lint_run(migration, texts, in_rebuild)

    def _lint_text(self, migration: Migration, part: str, number: int, sql: str) -> None:
        for code, message, start in text_hits(sql, self._floor, self._libsql):
            self._add(code, message, migration, number, part, start)
        if part == "up":
            for code, message, start in schema_rules.added_column_hits(sql):
                self._add(code, message, migration, number, part, start)
            of_sqlite, of_iso = schema_rules.time_formats(sql)
            self._has_iso = self._has_iso or of_iso
            if of_sqlite:
                self._times.append((migration, number))

    def _lint_run(self, migration: Migration, texts: Sequence[str | None], in_rebuild: set[int]) -> None:
        """The rules that need the schema, statement by statement."""
        if not self._is_current:
            return
        made_here: set[str] = set()
        has_items = None in texts
        for number, sql in enumerate(texts, 1):
            if sql is None:
                continue
            hits = schema_rules.existing_rows_hits(self._client, sql, made_here)
            for code, message, start in hits:
                if not (code == "drop_table" and number in in_rebuild):
                    self._add(code, message, migration, number, "up", start)
            name = created_table(sql)
            if name is not None:
                made_here.add(folded(name))
            if not has_items:
                for code, message, start in schema_rules.double_quoted_hits(self._client, sql):
                    self._add(code, message, migration, number, "up", start)
                try:
                    self._client.execute(sql)
                except AgentDBError as error:
                    self._is_current = False
                    self._add("not_run", f"it fails: {error.message}", migration, number)
                    return
        if has_items and (why := self.apply(migration, migration.id)) is not None:
            self._add("not_run", f"it fails: {why}", migration, None)
            return
        if any(map(schema_rules.may_break, texts)):
            broken = schema_rules.broken_things(self._client)
            for what in sorted(broken - self._broken):
                self._add("view_or_trigger_broken", f"{what} cannot be used any more", migration, None)
            self._broken = broken

    def finish(self, migrations: Sequence[Migration]) -> None:
        """What is told at the end, of the schema as a whole."""
        if self._has_iso:
            for migration, number in self._times:
                message = "a default has the form of CURRENT_TIMESTAMP, and another one the form of ISO 8601"
                self._add("two_time_formats", message, migration, number)
        for id, number, message in schema_rules.unindexed_references(self._client, migrations):
            self._add("foreign_key_without_index", message, self._by_id[id], number)

    def _add(
        self, code: str, message: str, migration: Migration, number: int | None, part: str = "up", start: int = 0
    ) -> None:
        rule = RULES[code]
        line = None if number is None else _line(migration, part, number, start)
        reason = migration.silences.get(code)
        self.findings.append(
            LintFinding(code, rule.severity, message, rule.remedy, migration.id, part, number, line, reason)
        )


def _line(migration: Migration, part: str, number: int, start: int) -> int:
    """The line of a place in a statement: in the file that the migration came from, else in the statement."""
    items = migration.up if part == "up" else migration.down
    sql = items[number - 1]
    inside = sql.count("\n", 0, start) if isinstance(sql, str) else 0
    before = 0
    if migration.file is not None:
        before = _lines_before(migration.file if part == "up" else f"{migration.file[:-7]}.down.sql", number)
    return before + inside + 1


def _lines_before(file: str, number: int) -> int:
    try:
        with open(file, encoding="utf-8-sig") as opened:  # universal newlines
            text = opened.read()
    except (OSError, UnicodeDecodeError):
        return 0
    at = start = 0
    for sql in split(text)[:number]:
        found = text.find(sql, at)
        at, start = found + len(sql), found
    return text.count("\n", 0, start) if at else 0
