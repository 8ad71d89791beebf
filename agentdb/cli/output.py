"""How answers are written: as lines for people, or as one JSON document."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from agentdb.cli.remedies import remedy
from agentdb.engine.results import Finding

if TYPE_CHECKING:
    from agentdb.errors import Migration, MigrationResult


@dataclass(frozen=True)
class Answer:
    """What a command has to say. `good` decides between the exit codes 0 and 1; a script is printed byte for byte; a notice
    goes to stderr, beside text alone. is_last_line: the document ends a stream of documents, each of which is one line."""

    lines: Sequence[str]
    document: dict[str, Any]
    good: bool = True
    script: str = ""
    notice: str = ""
    is_last_line: bool = False


def of_all(named: Sequence[tuple[str, Answer]], first: Iterable[str] = (), **shared: Any) -> Answer:
    """The answer of a command that went over several sets: each one's name as a heading, and its lines below.

    named: the name of each set and its answer. first: lines that are of all sets. shared: the keys of the document that are
    of all sets; the others are under `sets`, as they are for one set alone. All are valid where each one is.
    """
    if len(named) == 1:
        return named[0][1]
    lines = list(first)
    for name, answer in named:
        lines += [*([""] if lines else []), f"{plain(name)}:", *answer.lines]
    documents = [answer.document for _, answer in named]
    if all("is_valid" in document for document in documents):
        shared["is_valid"] = all(document["is_valid"] for document in documents)
    own = [
        {"set": name, **{key: value for key, value in document.items() if key == "is_valid" or key not in shared}}
        for (name, _), document in zip(named, documents, strict=True)
    ]
    return Answer(lines, as_document(**shared, sets=own), all(answer.good for _, answer in named))


def answers(command: Callable[..., Answer]) -> Callable[..., None]:
    """Give a command its --json, and print its answer."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
    @functools.wraps(command)
    def run(as_json: bool, **options: Any) -> None:
        answer = command(**options)
        if as_json and answer.is_last_line:
            print_json_line(answer.document)
        elif as_json:
            print_json(answer.document)
        else:
            if answer.lines:
                click.echo("\n".join(answer.lines))
            click.echo(answer.script.encode(), nl=False)
            if answer.notice:
                click.echo(answer.notice, err=True)
        click.get_current_context().exit(0 if answer.good else 1)

    return run


def as_document(**values: Any) -> dict[str, Any]:
    """The keys in the order in which they are written here."""
    return values


def print_json(document: dict[str, Any]) -> None:
    """One document. ASCII, so that no console and no pipe can damage it."""
    click.echo(json.dumps(document, indent=2))


def print_json_line(document: dict[str, Any]) -> None:
    """One document of several, as one line."""
    click.echo(json.dumps(document))


def plain(text: str) -> str:
    """Text that a terminal only shows: one line, nothing that moves a cursor, whatever a database holds."""
    return "".join([char if char.isprintable() else "?" for char in " ".join(text.split())])


def milliseconds(time: float | None) -> str:
    """A time as it is read; empty where there is none, or where the row holds something else."""
    return f"{time:,.1f} ms" if isinstance(time, (int, float)) else ""


def lines_of_results(results: Iterable[MigrationResult], done: str = "applied") -> list[str]:
    """One line for each migration that ran."""
    return [f"{done} {plain(result.migration.label)} in {milliseconds(result.execution_time)}" for result in results]


def lines_of_previews(results: Iterable[MigrationResult], doing: str) -> list[str]:
    """One line for each migration that would run, and below it one for each of its statements."""
    lines: list[str] = []
    for result in results:
        lines.append(f"would {doing} {plain(result.migration.label)}")
        lines += [f"  {number}. {shortened(sql)}" for number, sql in enumerate(result.statements, 1)]
    return lines


def lines_of_findings(errors: Iterable[Finding], warnings: Iterable[Finding]) -> list[str]:
    """Two lines for each: what it is, and what to do."""
    lines: list[str] = []
    for kind, findings in (("error", errors), ("warning", warnings)):
        for finding in findings:
            lines += [f"{kind}: {plain(str(finding))}", f"  {remedy(finding.code)}"]
    return lines


def shortened(sql: str, limit: int = 90) -> str:
    """One line of SQL, cut at `limit` characters."""
    line = plain(sql)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def migration_document(migration: Migration) -> dict[str, Any]:
    """A migration for JSON."""
    return as_document(id=migration.id, description=migration.description)


def result_document(result: MigrationResult) -> dict[str, Any]:
    """A result for JSON."""
    at = result.executed_at
    return as_document(
        **migration_document(result.migration),
        success=result.success,
        executed_at=at and at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        execution_time=result.execution_time,
        dry_run=result.dry_run,
        statements=list(result.statements),
    )


def finding_document(finding: Finding) -> dict[str, Any]:
    """A finding for JSON."""
    return as_document(
        code=finding.code, message=finding.message, remedy=remedy(finding.code), migration=finding.migration_id
    )


def counted(number: int, noun: str) -> str:
    """`1 migration`, `2 migrations`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
