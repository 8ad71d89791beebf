"""`agentdb lint`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from agentdb.cli.options import on_connect_option, selection_options
from agentdb.cli.output import Answer, answers, as_document, counted, of_all, plain
from agentdb.cli.sets import SelectedSet, load, of_set, select
from agentdb.engine.migration import Migration
from agentdb.tools.lint.findings import LintFinding
from agentdb.tools.lint.linter import FLOOR, lint_migrations
from agentdb.tools.replay import in_a_row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect


@click.command(short_help="Read migrations as a reviewer does.")
@selection_options
@click.option(
    "--base",
    metavar="MODULE_OR_FOLDER",
    callback=lambda _context, _option, source: () if source is None else load(source),
    help="Migrations that are there before, for instance agentdb.migrations.",
)
@click.option(
    "--sqlite-floor",
    metavar="VERSION",
    default=FLOOR,
    show_default=True,
    help="The oldest SQLite that the application runs on.",
)
@click.option("--libsql", is_flag=True, help="Also tell what a libSQL server refuses.")
@click.option("--strict", is_flag=True, help="Let warnings count as errors.")
@on_connect_option
@answers
def lint(
    source: str | None,
    set_name: str | None,
    table: str | None,
    base: tuple[Migration, ...],
    sqlite_floor: str,
    libsql: bool,
    strict: bool,
    on_connect: OnConnect | None,
) -> Answer:
    """Find what a review of migrations looks for: drops, rebuilds by hand, references without an index, and so on.

    Each finding has a code, a severity, a line and a remedy.

    Of several sets each is read on top of those before it. The exit code is 1 where there is an error that is not silenced.
    A migration silences a rule with a reason: `silences={"drop_table": "why"}`, or in an SQL file the line
    `-- agentdb: silence=drop_table: why`.

    \b
    JSON
      is_valid,
      findings: [{code, severity ("error", "warning" or "note"), message,
                  remedy, migration, part ("up" or "down"), statement,
                  line, reason (why it is silenced, or null)}]
      of several sets: is_valid (of all), and sets: [{set, findings}]
    """
    sets = select(source, set_name, table)
    named: list[tuple[str, Answer]] = []
    before = list(base)
    for one in sets:
        with of_set(one, sets):
            findings = lint_set(one, before, sqlite_floor, on_connect, libsql=libsql)
        named.append((one.name, _answer(one, findings, strict)))
        before += one.migrations
    return of_all(named)


def lint_set(
    one: SelectedSet,
    before: Sequence[Migration],
    sqlite_floor: str = FLOOR,
    on_connect: OnConnect | None = None,
    *,
    libsql: bool = False,
) -> tuple[LintFinding, ...]:
    """The findings of a set. before: the migrations of those before it, in their order; several may have one number."""
    return lint_migrations(
        one.migrations, in_a_row(before), sqlite_floor=sqlite_floor, libsql=libsql, on_connect=on_connect
    )


def _answer(one: SelectedSet, findings: Sequence[LintFinding], strict: bool) -> Answer:
    counts = {severity: _count(findings, severity) for severity in ("error", "warning", "note")}
    silenced = len([finding for finding in findings if finding.reason is not None])
    good = not counts["error"] and not (strict and counts["warning"])
    told = ", ".join([counted(count, severity) for severity, count in counts.items()])
    lines = lines_of_lint(findings)
    lines.append(f"{counted(len(one.migrations), 'migration')}: {told}; {silenced} silenced.")
    return Answer(lines, as_document(is_valid=good, findings=documents_of_lint(findings)), good)


def _count(findings: Sequence[LintFinding], severity: str) -> int:
    return len([finding for finding in findings if finding.severity == severity and finding.reason is None])


def lines_of_lint(findings: Sequence[LintFinding]) -> list[str]:
    """Two lines for each that is not silenced."""
    lines: list[str] = []
    for finding in findings:
        if finding.reason is None:
            lines += [f"{finding.severity}: migration {plain(str(finding))}", f"  {finding.remedy}"]
    return lines


def documents_of_lint(findings: Sequence[LintFinding]) -> list[dict[str, Any]]:
    """Each as an object of the JSON."""
    return [
        as_document(
            code=one.code,
            severity=one.severity,
            message=one.message,
            remedy=one.remedy,
            migration=one.migration_id,
            part=one.part,
            statement=one.statement,
            line=one.line,
            reason=one.reason,
        )
        for one in findings
    ]
