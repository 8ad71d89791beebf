"""`agentdb migrate --all`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from agentdb.cli.output import Answer, as_document, counted, plain, print_json_line
from agentdb.cli.progress import CountBar
from agentdb.cli.remedies import remedy
from agentdb.cli.sets import SelectedSet
from agentdb.tools.many_files import FileResult, files_of, migrate_tables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect


def migrate_files(
    patterns: Sequence[str],
    sets: Sequence[SelectedSet],
    jobs: int | None,
    busy_timeout: float,
    on_connect: OnConnect | None,
    options: dict[str, Any],
) -> Answer:
    """Bring every file of the patterns up to date, and print each when it is done."""
    paths = files_of(patterns)
    if not paths:
        raise click.UsageError(f"--all {' '.join(patterns)} names no file.")
    as_json = bool(click.get_current_context().params.get("as_json"))
    with CountBar(len(paths)) as bar:

        def tell(result: FileResult) -> None:
            bar.clear()
            if as_json:
                print_json_line(_document(result))
            elif result.error is not None or result.applied:
                click.echo(_line(result))
            bar.advance(result.path)

        results = migrate_tables(
            paths,
            {one.table: one.migrations for one in sets},
            jobs=jobs,
            on_result=tell,
            busy_timeout=busy_timeout,
            on_connect=on_connect,
            options=options,
        )
    failed = len([result for result in results if result.error is not None])
    migrated = len([result for result in results if result.error is None and result.applied])
    same = len(results) - failed - migrated
    line = f"{counted(len(results), 'file')}: {migrated} migrated, {same} up to date, {failed} failed."
    document = as_document(files=len(results), migrated=migrated, up_to_date=same, failed=failed)
    return Answer([line], document, failed == 0, is_last_line=True)


def _line(result: FileResult) -> str:
    if result.error is None:
        return f"{plain(result.path)}: {counted(len(result.applied), 'migration')} applied"
    return f"{plain(result.path)}: failed: {plain(result.error.message)} [{result.error.code}]"


def _document(result: FileResult) -> dict[str, Any]:
    error = result.error
    return as_document(
        database=result.path,
        success=error is None,
        applied=list(result.applied),
        backup=result.backup,
        error=error and as_document(code=error.code, message=error.message, remedy=remedy(error.code, error.remedy)),
        seconds=round(result.seconds, 4),
    )
