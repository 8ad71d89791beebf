"""`agentdb export`."""

from __future__ import annotations

import click

from agentdb.cli.options import sets_options
from agentdb.cli.output import Answer, answers, as_document, counted, plain
from agentdb.cli.sets import SelectedSet, only
from agentdb.engine.layouts import LAYOUTS
from agentdb.tools.export import export_migrations


@click.command(short_help="Write migrations as the files of another tool.")
@click.argument("folder", metavar="FOLDER")
@click.option("--layout", type=click.Choice(list(LAYOUTS)), required=True, help="The tool that will apply them.")
@sets_options
@answers
def export(folder: str, layout: str, sets: tuple[SelectedSet, ...]) -> Answer:
    """Write a set of migrations, also the built-in one, into FOLDER as another tool has them. FOLDER is new or empty.

    \b
    JSON
      folder, layout, files, notes,
      changed (ids that have another checksum when they are loaded from
      there, as those with a RebuildTable)
    """
    one = only(sets, "export")
    done = export_migrations(one.migrations, folder, layout)
    lines = [plain(note) for note in done.notes]
    if done.changed:
        lines.append(f"written as their statements: {', '.join(done.changed)}")
    lines.append(
        f"{counted(len(one.migrations), 'migration')} in {counted(len(done.files), 'file')} of {plain(folder)}."
    )
    document = as_document(
        folder=folder, layout=layout, files=list(done.files), notes=list(done.notes), changed=list(done.changed)
    )
    return Answer(lines, document)
